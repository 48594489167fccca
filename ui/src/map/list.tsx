// SPDX-License-Identifier: GPL-2.0-or-later
// The map as a table: everything the graph shows, for screen readers, and for whoever prefers rows.
import { useState } from 'preact/hooks';
import type { MapEdge } from '../api/types';
import { Mark } from '../components/mark';
import { Bytes, Count, Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { STATES, type MapModel } from './model';
import type { Weight } from './state';

const portsText = (edge: MapEdge) => edge.ports.map(({ port }) => port).join(', ') + (edge.ports_left_off ? ` and ${edge.ports_left_off} more` : '');

const COLUMNS: readonly Column<MapEdge>[] = [
  { id: 'state', label: 'State', width: '9.5rem', cell: (edge) => <Mark state={edge.state} /> },
  { id: 'src', label: 'Source', width: 'minmax(11rem, 1.4fr)', cell: (edge) => <Name text={edge.src} /> },
  { id: 'dst', label: 'Destination', width: 'minmax(11rem, 1.4fr)', cell: (edge) => <Name text={edge.dst} /> },
  { id: 'ports', label: 'Ports', width: 'minmax(7rem, 1fr)', cell: (edge) => <Name text={portsText(edge)} most={30} /> },
  { id: 'connections', label: 'Connections', width: '7rem', align: 'right', cell: (edge) => <Count value={edge.connections} /> },
  { id: 'bytes', label: 'Bytes', width: '6rem', align: 'right', cell: (edge) => <Bytes value={edge.bytes} /> },
  { id: 'denied', label: 'Denied', width: '5rem', align: 'right', cell: (edge) => (edge.denied ? <strong class="tone-bad"><Count value={edge.denied} /></strong> : '0') },
  { id: 'last', label: 'Last', width: '11rem', cell: (edge) => <When time={edge.last} /> },
];
const CHANGE: Column<MapEdge> = { id: 'change', label: 'Change', width: '8rem', cell: (edge) => (edge.change ? <><Mark state={edge.change} />{edge.before && <span class="quiet"> of <Count value={edge.before.connections} /></span>}</> : '') };

type Key = (edge: MapEdge) => number | string;
const KEYS: Record<string, Key> = {
  state: (edge) => -STATES.indexOf(edge.state), src: (edge) => edge.src, dst: (edge) => edge.dst, connections: (edge) => edge.connections,
  bytes: (edge) => edge.bytes ?? -1, denied: (edge) => edge.denied, last: (edge) => edge.last ?? -1, change: (edge) => edge.change ?? '',
};

function sorted(edges: readonly MapEdge[], by: string, descending: boolean, weight: Weight): MapEdge[] {
  const key = KEYS[by] ?? (() => 0);
  const compare = (a: MapEdge, b: MapEdge) => {
    const [x, y] = [key(a), key(b)];
    return x === y ? (b[weight] ?? -1) - (a[weight] ?? -1) : (x < y ? -1 : 1) * (descending ? -1 : 1);
  };
  return [...edges].sort(compare);
}

export function EdgeList({ model, weight, compared, chosen, onChoose }: { model: MapModel; weight: Weight; compared: boolean; chosen: string; onChoose(id: string): void }) {
  const [sort, setSort] = useState({ by: 'state', descending: true });
  const onSort = (by: string) => setSort({ by, descending: sort.by === by ? !sort.descending : !['src', 'dst'].includes(by) });
  const columns = compared ? [COLUMNS[0], CHANGE, ...COLUMNS.slice(1)].filter((column) => column !== undefined) : COLUMNS;
  return (
    <VirtualTable label="Edges" columns={columns} rows={sorted(model.edges, sort.by, sort.descending, weight)} keyOf={(edge) => edge.id}
      classOf={(edge) => (edge.denied ? 'row-bad' : '')} chosen={chosen} onChoose={(edge) => onChoose(edge.id)}
      sorting={{ ...sort, onSort, sortable: Object.keys(KEYS) }} empty="no edge is in what was asked for" />
  );
}
