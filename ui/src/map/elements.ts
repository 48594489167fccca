// SPDX-License-Identifier: GPL-2.0-or-later
// The model as Cytoscape's elements, and a graph brought up to date with them.
import type { Core, ElementDefinition } from 'cytoscape';
import type { MapEdge, MapNode } from '../api/types';
import { edgeLabel, edgePorts, groupLabel, nodeLabel, weightOf, widthOf, type MapModel } from './model';
import { sizeOfLabel, type Point } from './placement';
import type { Weight } from './state';

const classes = (...names: (string | false | null)[]) => names.filter(Boolean).join(' ');

function nodeElement(node: MapNode, parent: string | null): ElementDefinition {
  const label = nodeLabel(node);
  return { group: 'nodes', data: { id: node.id, label, parent: parent ?? undefined, ...sizeOfLabel(label) },
    classes: classes(node.kind, node.denied > 0 && 'denied', node.change && `change-${node.change}`) };
}

function boxElement(group: string): ElementDefinition {
  return { group: 'nodes', data: { id: group, label: '', title: groupLabel(group), width: 10, height: 10 }, classes: 'box' };
}

/** So few need not step back behind each other. */
const FEW = 80;

/** Not within an opened group, where one is: there are many of these, and the group was opened for its inside. */
function isBeside(model: MapModel, edge: MapEdge): boolean {
  const box = model.boxOf(edge.src);
  return model.opened.size > 0 && model.edges.length >= FEW && (box === null || box !== model.boxOf(edge.dst));
}

/** So many edges are drawn straight: bent ones would make every movement wait. */
const STRAIGHT_FROM = 1500;

function edgeElement(edge: MapEdge, weight: Weight, crowd: number, beside: boolean): ElementDefinition {
  const width = widthOf(weightOf(edge, weight));
  return { group: 'edges', data: { id: edge.id, source: edge.src, target: edge.dst, label: edgeLabel(edge), ports: edgePorts(edge), width, strength: Math.min(0.75, (crowd < FEW ? 0.35 : 0.1) + width / 9) },
    classes: classes(edge.state, crowd > STRAIGHT_FROM && 'straight', beside && 'beside', edge.change && `change-${edge.change}`) };
}

export function elementsOf(model: MapModel, weight: Weight): ElementDefinition[] {
  return [
    ...[...model.opened].map((group) => boxElement(group)),
    ...model.nodes.map((node) => nodeElement(node, model.boxOf(node.id))),
    ...model.edges.map((edge) => edgeElement(edge, weight, model.edges.length, isBeside(model, edge))),
  ];
}

/** A node cannot become a box, or move into one, as it is: it is taken out and put in again. */
function mustBeReplaced(graph: Core, element: ElementDefinition): boolean {
  const known = graph.getElementById(element.data.id ?? '');
  if (known.empty()) return false;
  if (element.group === 'edges') return known.data('source') !== element.data.source || known.data('target') !== element.data.target;
  return (known.data('parent') ?? undefined) !== element.data.parent || known.hasClass('box') !== (element.classes === 'box');
}

/** Changes only what is different: nothing else moves, and the selection stays. */
export function bringUpToDate(graph: Core, elements: readonly ElementDefinition[], positions: ReadonlyMap<string, Point>): void {
  const wanted = new Set(elements.map((element) => element.data.id));
  graph.batch(() => {
    const replaced = elements.filter((element) => mustBeReplaced(graph, element)).map((element) => element.data.id);
    graph.elements().filter((element) => !wanted.has(element.id()) || replaced.includes(element.id())).remove();
    for (const element of elements) {
      const known = graph.getElementById(element.data.id ?? '');
      if (known.empty()) {
        graph.add(element);
        continue;
      }
      known.data(element.data);
      known.classes(element.classes as string);
    }
    for (const [id, position] of positions) {
      const node = graph.getElementById(id);
      if (!node.grabbed()) node.position({ ...position });
    }
  });
}
