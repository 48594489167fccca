// SPDX-License-Identifier: GPL-2.0-or-later
import { severityOf, type Bar } from '../logic/events';
import { localTime, plural } from '../logic/format';

const HEIGHT = 56;

function barText(bar: Bar): string {
  const kinds = [...bar.counts].map(([kind, n]) => `${n} ${kind}`).join(', ');
  return `${localTime(bar.from)} – ${localTime(bar.until)}: ${kinds || 'nothing'}`;
}

/** Events over time, stacked by how grave they are; a bar narrows the list to its time. */
export function Histogram({ bars, onNarrow }: { bars: readonly Bar[]; onNarrow(from: number, until: number): void }) {
  const most = Math.max(1, ...bars.map((bar) => bar.total));
  const part = (bar: Bar, severity: string) => [...bar.counts].filter(([kind]) => severityOf(kind) === severity).reduce((sum, [, n]) => sum + n, 0);
  return (
    <div class="histogram" role="group" aria-label={`Events over time, ${plural(bars.length, 'bar')}, at most ${most} in one`}>
      {bars.map((bar) => (
        <button key={bar.from} type="button" title={barText(bar)} aria-label={barText(bar)} disabled={bar.total === 0} onClick={() => onNarrow(bar.from, bar.until)} style={{ height: `${HEIGHT}px` }}>
          {(['note', 'warning', 'alarm'] as const).map((severity) => <span key={severity} class={`bar-${severity}`} style={{ height: `${Math.ceil((part(bar, severity) / most) * (HEIGHT - 2))}px` }} />)}
        </button>
      ))}
    </div>
  );
}
