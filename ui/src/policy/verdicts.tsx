// SPDX-License-Identifier: GPL-2.0-or-later
import type { Verdict } from '../api/types';
import { Count, Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { filterOfEdge } from '../logic/filter';
import { formatHash } from '../state/route';
import { portName } from '../logic/port';

const COLUMNS: readonly Column<Verdict>[] = [
  { id: 'src', label: 'Source', width: 'minmax(11rem, 1fr)', cell: (verdict) => <Name text={verdict.src} /> },
  { id: 'dst', label: 'Destination', width: 'minmax(11rem, 1fr)', cell: (verdict) => <Name text={verdict.dst} /> },
  { id: 'port', label: 'Port', width: '6rem', cell: (verdict) => portName(verdict.proto, verdict.port) },
  { id: 'connections', label: 'Connections', width: '7rem', align: 'right', cell: (verdict) => <Count value={verdict.connections} /> },
  { id: 'last', label: 'Last', width: '11rem', cell: (verdict) => <When time={verdict.last} /> },
  { id: 'reason', label: 'Why', width: 'minmax(14rem, 1.4fr)', cell: (verdict) => <span class="cut" title={verdict.reason}>{verdict.reason}</span> },
  { id: 'flows', label: '', width: '4rem', cell: (verdict) => <a href={formatHash('flows', { mode: 'history', filter: filterOfEdge(verdict.src, verdict.dst, portName(verdict.proto, verdict.port)) })}>flows</a> },
];

export function Verdicts({ label, verdicts, empty }: { label: string; verdicts: readonly Verdict[]; empty: string }) {
  if (!verdicts.length) return <p class="quiet">{empty}</p>;
  return <div class="short-table"><VirtualTable label={label} columns={COLUMNS} rows={verdicts} keyOf={(verdict) => `${verdict.src} ${verdict.dst} ${verdict.port} ${verdict.proto}`} empty={empty} /></div>;
}
