// SPDX-License-Identifier: GPL-2.0-or-later
// Opened groups, as boxes behind their members. A box is a node like others: were it a parent of Cytoscape's, the styles
// of a thousand edges, and their order, would take twice as long.
import type { CollectionReturnValue, Core, NodeCollection } from 'cytoscape';

const PADDING = 16;

export const boxesOf = (graph: Core): NodeCollection => graph.nodes('.box');
export const membersOf = (graph: Core, box: string): NodeCollection => graph.nodes().filter((node) => node.data('box') === box);

/** The boxes that any of these stands in. */
export function boxesAround(graph: Core, elements: CollectionReturnValue): NodeCollection {
  const ids = new Set(elements.nodes().map((node) => node.data('box')));
  return boxesOf(graph).filter((box) => ids.has(box.id()));
}

interface Bounds {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function boundsByBox(graph: Core): Map<string, Bounds> {
  const bounds = new Map<string, Bounds>();
  graph.nodes().forEach((node) => {
    const box = node.data('box') as string | undefined;
    if (box === undefined) return;
    const { x, y } = node.position();
    const [width, height] = [node.data('width') / 2, node.data('height') / 2];
    const known = bounds.get(box) ?? { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
    bounds.set(box, { left: Math.min(known.left, x - width), right: Math.max(known.right, x + width), top: Math.min(known.top, y - height), bottom: Math.max(known.bottom, y + height) });
  });
  return bounds;
}

/** Each is as large as its members need it, wherever these stand. */
export function fitBoxes(graph: Core): void {
  for (const [id, { left, right, top, bottom }] of boundsByBox(graph)) {
    const box = graph.getElementById(id);
    box.data({ width: right - left + 2 * PADDING, height: bottom - top + 2 * PADDING });
    box.position({ x: (left + right) / 2, y: (top + bottom) / 2 });
  }
}
