// SPDX-License-Identifier: GPL-2.0-or-later
// The map as a matrix: sources down, destinations across. Only cells that hold an edge are in the document.
import { useRef } from 'preact/hooks';
import type { MapEdge, MapNode } from '../api/types';
import { shorten } from '../logic/format';
import { edgeText, weightOf, widthOf, type MapModel } from './model';
import type { Weight } from './state';

const CELL = 20;
const HEAD = 168;
const SIGNS: Record<string, string> = { denied: '✕', 'would-deny': '!', new: '+', review: '?', learned: '', unlearned: '·' };

/** Members stand beside their group; within it, and among groups, by name. */
function inOrder(nodes: readonly MapNode[]): MapNode[] {
  const key = (node: MapNode) => `${node.group !== null || node.kind === 'group' ? 0 : 1} ${node.group ?? node.id} ${node.id}`;
  return [...nodes].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

interface Cell {
  edge: MapEdge;
  row: number;
  column: number;
}

/** The next cell in a direction: in the same row or column, or the nearest line that has one. */
function neighbourOf(cells: readonly Cell[], from: Cell, key: string): Cell | undefined {
  const along = key === 'ArrowLeft' || key === 'ArrowRight';
  const ahead = key === 'ArrowRight' || key === 'ArrowDown' ? 1 : -1;
  const distance = (cell: Cell) => {
    const [main, side] = along ? [cell.column - from.column, cell.row - from.row] : [cell.row - from.row, cell.column - from.column];
    return main * ahead > 0 ? main * ahead + Math.abs(side) * 1000 * (along ? 1 : 0.001) : Infinity;
  };
  return cells.filter((cell) => distance(cell) < Infinity).sort((a, b) => distance(a) - distance(b))[0];
}

export function Matrix({ model, weight, chosen, onChoose, onToggle }: { model: MapModel; weight: Weight; chosen: string; onChoose(id: string): void; onToggle(group: string): void }) {
  const area = useRef<HTMLDivElement>(null);
  const nodes = inOrder(model.nodes);
  const index = new Map(nodes.map((node, at) => [node.id, at]));
  const cells: Cell[] = model.edges.map((edge) => ({ edge, row: index.get(edge.src) ?? 0, column: index.get(edge.dst) ?? 0 })).sort((a, b) => a.row - b.row || a.column - b.column);
  const current = cells.find(({ edge }) => edge.id === chosen) ?? cells[0];
  const size = HEAD + nodes.length * CELL + 60;

  const onKey = (event: KeyboardEvent, from: Cell) => {
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    const next = neighbourOf(cells, from, event.key);
    if (next) area.current?.querySelector<HTMLElement>(`[data-edge="${CSS.escape(next.edge.id)}"]`)?.focus();
  };
  const head = (node: MapNode) => (node.members !== null
    ? <button type="button" class="link" onClick={() => onToggle(node.id)} title={`open ${node.id}`}>{shorten(node.label, 22)}</button>
    : <button type="button" class="link" onClick={() => onChoose(node.id)} title={node.id}>{shorten(node.label, 22)}</button>);

  return (
    <div class="matrix-scroller" role="region" aria-label="Matrix of sources and destinations" tabIndex={0}>
      <p class="quiet matrix-help">Sources down, destinations across. The arrow keys move between cells. Deeper cells carry more.</p>
      <div class="matrix" ref={area} style={{ width: `${size}px`, height: `${size}px` }}>
        {nodes.map((node, at) => (
          <div key={node.id}>
            <div class={`matrix-row-head ${node.group ? 'member' : ''}`} style={{ top: `${HEAD + at * CELL}px` }}>{head(node)}</div>
            <div class={`matrix-column-head ${node.group ? 'member' : ''}`} style={{ left: `${HEAD + at * CELL}px` }} aria-hidden="true"><span title={node.id}>{shorten(node.label, 22)}</span></div>
            <div class="matrix-line across" style={{ top: `${HEAD + at * CELL}px` }} />
            <div class="matrix-line down" style={{ left: `${HEAD + at * CELL}px` }} />
          </div>
        ))}
        {cells.map((cell) => (
          <button key={cell.edge.id} type="button" data-edge={cell.edge.id} title={edgeText(cell.edge)} aria-label={edgeText(cell.edge)}
            class={`matrix-cell state-${cell.edge.state} ${cell.edge.id === chosen ? 'chosen' : ''}`} tabIndex={cell === current ? 0 : -1}
            style={{ top: `${HEAD + cell.row * CELL}px`, left: `${HEAD + cell.column * CELL}px`, '--strength': String(Math.min(1, 0.15 + widthOf(weightOf(cell.edge, weight)) / 8)) }}
            onClick={() => onChoose(cell.edge.id)} onKeyDown={(event) => onKey(event, cell)}>
            {SIGNS[cell.edge.state]}
          </button>
        ))}
      </div>
    </div>
  );
}
