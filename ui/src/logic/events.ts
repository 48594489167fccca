// SPDX-License-Identifier: GPL-2.0-or-later
// Events as a person reads them: repeats folded, kinds ranked, and counted over time.
import type { BulkheadEvent, EventEnd, Time } from '../api/types';

export type Severity = 'alarm' | 'warning' | 'note';

/** By what the kind means; one that is not named here is news, and no alarm. */
const SEVERITY: Record<string, Severity> = {
  leak: 'alarm', tampering: 'alarm', spoof: 'alarm', denied: 'alarm', guard: 'alarm',
  'would-deny': 'warning', loss: 'warning', undelivered: 'warning', cut: 'warning', unclaimed: 'warning',
  'unknown-address': 'warning', 'address-conflict': 'warning', store: 'warning', enforcement: 'warning', capture: 'warning',
};

export const severityOf = (kind: string): Severity => SEVERITY[kind] ?? 'note';

/** An end's name as the map knows it: the workload, or else the address. */
export function endName(end: EventEnd | undefined): string | null {
  if (end === undefined) return null;
  return typeof end === 'string' ? end : end.workload ?? end.ip;
}

/** Two lists in order, each event once. */
export function mergeEvents(a: readonly BulkheadEvent[], b: readonly BulkheadEvent[]): BulkheadEvent[] {
  const byNumber = new Map([...a, ...b].map((event) => [event.number, event]));
  return [...byNumber.values()].sort((x, y) => x.number - y.number);
}

export interface FoldedEvent {
  key: string;
  /** The newest of them. */
  event: BulkheadEvent;
  times: number;
  first: Time;
  last: Time;
}

function foldKey(event: BulkheadEvent): string {
  return `${event.kind} ${endName(event.src)} ${endName(event.dst)} ${event.proto ?? ''} ${event.port ?? ''} ${event.src ? '' : event.text}`;
}

/**
 * Repeats of one thing are one row, where nothing else but other repeats came between them for longer than `quiet`
 * seconds: of a thing that comes back after a pause both times are told. Events oldest first; rows newest first.
 */
export function foldEvents(events: readonly BulkheadEvent[], quiet = 3600): FoldedEvent[] {
  const open = new Map<string, FoldedEvent>();
  const rows: FoldedEvent[] = [];
  for (const event of events) {
    const key = foldKey(event);
    const row = open.get(key);
    if (row && event.time - row.last <= quiet) {
      row.event = event;
      row.times++;
      row.last = event.time;
      continue;
    }
    const fresh = { key: `${key} ${event.number}`, event, times: 1, first: event.time, last: event.time };
    open.set(key, fresh);
    rows.push(fresh);
  }
  return rows.sort((a, b) => b.last - a.last);
}

export interface Bar {
  from: Time;
  until: Time;
  counts: Map<string, number>;
  total: number;
}

/** How many events of each kind fell into each of `bars` equal parts of a time. */
export function histogram(events: readonly BulkheadEvent[], from: Time, until: Time, bars: number): Bar[] {
  const width = (until - from) / bars;
  const result: Bar[] = Array.from({ length: bars }, (_, i) => ({ from: from + i * width, until: from + (i + 1) * width, counts: new Map<string, number>(), total: 0 }));
  for (const event of events) {
    if (event.time < from || event.time > until) continue;
    const bar = result[Math.min(bars - 1, Math.floor((event.time - from) / width))];
    if (!bar) continue;
    bar.counts.set(event.kind, (bar.counts.get(event.kind) ?? 0) + 1);
    bar.total++;
  }
  return result;
}

export function countKinds(events: readonly BulkheadEvent[]): [string, number][] {
  const kinds = new Map<string, number>();
  for (const { kind } of events) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const rank: Severity[] = ['alarm', 'warning', 'note'];
  return [...kinds].sort(([a], [b]) => rank.indexOf(severityOf(a)) - rank.indexOf(severityOf(b)) || (a < b ? -1 : 1));
}
