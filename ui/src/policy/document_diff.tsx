// SPDX-License-Identifier: GPL-2.0-or-later
import { useMemo, useState } from 'preact/hooks';
import { diffLines, withContext, type DiffRow } from '../logic/lines';
import { plural } from '../logic/format';

const SIGN: Record<DiffRow['kind'], string> = { same: '', removed: '−', added: '+', changed: '~' };
/** So many rows at first: a document of thousands that are all new would keep the page busy. */
const AT_FIRST = 400;

function Row({ row }: { row: DiffRow }) {
  return (
    <tr class={`diff-${row.kind}`}>
      <td class="line-number">{row.leftNumber ?? ''}</td><td class="code left">{row.left ?? ''}</td>
      <td class="sign" aria-label={row.kind === 'same' ? undefined : row.kind}>{SIGN[row.kind]}</td>
      <td class="line-number">{row.rightNumber ?? ''}</td><td class="code right">{row.right ?? ''}</td>
    </tr>
  );
}

/** Two documents side by side, with the long equal parts left out. */
export function DocumentDiff({ left, right, leftName, rightName }: { left: string; right: string; leftName: string; rightName: string }) {
  const [whole, setWhole] = useState(false);
  const [most, setMost] = useState(AT_FIRST);
  const rows = useMemo(() => diffLines(left, right), [left, right]);
  const changed = rows.filter((row) => row.kind !== 'same').length;
  const shown = whole ? rows : withContext(rows);
  return (
    <section>
      <p class="toolbar">
        <span>{changed ? `${plural(changed, 'line')} differ` : 'The documents are equal.'}</span>
        <label class="check"><input type="checkbox" checked={whole} onChange={(event) => setWhole(event.currentTarget.checked)} />whole documents</label>
      </p>
      {shown.length > 0 && (
        <div class="diff-scroller" tabIndex={0} role="region" aria-label={`${leftName} beside ${rightName}`}>
          <table class="diff">
            <colgroup><col class="number" /><col /><col class="change" /><col class="number" /><col /></colgroup>
            <thead><tr><th colSpan={2}>{leftName}</th><th><span class="hidden">Change</span></th><th colSpan={2}>{rightName}</th></tr></thead>
            <tbody>
              {shown.slice(0, most).map((row, at) => (row.kind === 'gap'
                ? <tr key={at} class="diff-gap"><td colSpan={5}>{plural(row.lines, 'equal line')}</td></tr>
                : <Row key={at} row={row} />))}
            </tbody>
          </table>
        </div>
      )}
      {shown.length > most && <button type="button" onClick={() => setMost(most * 4)}>show more ({shown.length - most} rows left)</button>}
    </section>
  );
}
