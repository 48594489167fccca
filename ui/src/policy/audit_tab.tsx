// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import { ApiError, getJson } from '../api/client';
import type { AuditAnswer, AuditChange } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { Loading, Problem } from '../components/problem';
import { Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';

const PAGE = 200;

/** The reason given with the change, and its other parameters. */
function parts(query: string): { why: string; rest: string } {
  const parameters = new URLSearchParams(query);
  const why = parameters.get('why') ?? '';
  parameters.delete('why');
  return { why, rest: [...parameters].map(([name, value]) => `${name}=${value}`).join(' ') };
}

const outcome = (status: number) => (status < 300 ? <span class="tone-good">✓ done</span> : <span class="tone-bad">✕ refused ({status})</span>);

const COLUMNS: readonly Column<AuditChange>[] = [
  { id: 'time', label: 'Time', width: '11rem', cell: (change) => <When time={change.time} /> },
  { id: 'who', label: 'Who', width: 'minmax(9rem, 1fr)', cell: (change) => <Name text={change.who} /> },
  { id: 'via', label: 'Known by', width: '7rem', cell: (change) => change.via },
  { id: 'what', label: 'What', width: 'minmax(11rem, 1fr)', cell: (change) => `${change.method} ${change.path}` },
  { id: 'with', label: 'With', width: 'minmax(12rem, 1.6fr)', cell: (change) => <Name text={parts(change.query).rest} most={60} /> },
  { id: 'why', label: 'Why', width: 'minmax(10rem, 1.4fr)', cell: (change) => <span class="cut" title={parts(change.query).why}>{parts(change.query).why || <span class="quiet">–</span>}</span> },
  { id: 'status', label: 'Outcome', width: '9rem', cell: (change) => outcome(change.status) },
];

export function AuditTab() {
  const first = useAnswer('audit', (signal) => getJson<AuditAnswer>('/v1/audit', { limit: PAGE }, signal), 15_000);
  const [older, setOlder] = useState<AuditAnswer[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const last = older.at(-1) ?? first.data;
  const more = async () => {
    try {
      setOlder([...older, await getJson<AuditAnswer>('/v1/audit', { limit: PAGE, before: last?.next })]);
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
    }
  };
  const byNumber = new Map([...older.flatMap((answer) => answer.changes), ...(first.data?.changes ?? [])].map((change) => [change.number, change]));
  const rows = [...byNumber.values()].sort((a, b) => b.number - a.number);
  return (
    <>
      <Problem error={first.error ?? error} />
      {first.data ? <VirtualTable label="Who changed what" columns={COLUMNS} rows={rows} keyOf={(change) => String(change.number)} classOf={(change) => (change.status < 300 ? '' : 'row-warn')} empty="nobody changed anything yet" /> : !first.error && <Loading what="who changed what" />}
      {last?.next != null && <button type="button" onClick={more}>Older ones</button>}
    </>
  );
}
