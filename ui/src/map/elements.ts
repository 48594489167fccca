// SPDX-License-Identifier: GPL-2.0-or-later
// The model as Cytoscape's elements, and a graph brought up to date with them.
import type { CollectionReturnValue, Core, ElementDefinition } from 'cytoscape';
import type { MapEdge, MapNode } from '../api/types';
import { fitBoxes } from './boxes';
import { edgeLabel, edgePorts, groupLabel, nodeLabel, weightOf, widthOf, type MapModel } from './model';
import { distance, sizeOfNode, titleSize, type Point } from './placement';
import type { Weight } from './state';

const classes = (...names: (string | false | null)[]) => names.filter(Boolean).join(' ');

function nodeElement(node: MapNode, box: string | null): ElementDefinition {
  return { group: 'nodes', data: { id: node.id, label: nodeLabel(node), box: box ?? undefined, ...sizeOfNode(node) },
    classes: classes(node.kind, node.denied > 0 && 'denied', node.change && `change-${node.change}`) };
}

function boxElement(group: string, boxes: number): ElementDefinition {
  return { group: 'nodes', data: { id: group, label: '', title: groupLabel(group), titleSize: titleSize(boxes) }, classes: 'box' };
}

/** So few need not step back behind each other. */
const FEW = 80;

/** So many edges are drawn straight: bent ones would make every movement wait. */
const STRAIGHT_FROM = 1500;

/** What was learned steps back, the further the more there are: what is out of the ordinary is to be found among thousands. */
const strengthOf = (width: number, crowd: number) => Math.max(0.08, Math.min(0.75, 0.35 + width / 9) * Math.min(1, Math.sqrt(FEW / crowd)));

/** A loop has to reach out of its node, over the upper side, to be drawn at all. */
const loopOf = (node: MapNode | undefined) => (node ? Math.round(sizeOfNode(node).height * 0.44) + 26 : 0);

/** The opened group that both ends are in. */
function within(model: MapModel, edge: MapEdge): string | null {
  const box = model.boxOf(edge.src);
  return box === model.boxOf(edge.dst) ? box : null;
}

/** What of the model an edge's looks depend on. */
interface Surroundings {
  model: MapModel;
  weight: Weight;
  /** How many edges there are within each opened group, and (null) besides. */
  crowds: ReadonlyMap<string | null, number>;
  /** The nodes that have an edge to themselves. */
  looped: ReadonlySet<string>;
}

function surroundings(model: MapModel, weight: Weight): Surroundings {
  const crowds = new Map<string | null, number>();
  for (const edge of model.edges) crowds.set(within(model, edge), (crowds.get(within(model, edge)) ?? 0) + 1);
  return { model, weight, crowds, looped: new Set(model.edges.filter(({ src, dst }) => src === dst).map(({ src }) => src)) };
}

/** Thin in a crowd, but for what nobody may overlook: that is as wide as it is looked at from afar. */
function widthIn(crowd: number, boxes: number, edge: MapEdge, width: number): number {
  if (edge.denied > 0 || edge.would_deny > 0) return width * distance(boxes);
  return crowd < FEW ? width : Math.max(1, width * 0.6);
}

/** How far before its end an edge's label stands: on this side of the loop that may be there. */
const [AT_NODE, AT_LOOP] = [36, 62];

function looksOf(edge: MapEdge, { model, weight, crowds, looped }: Surroundings) {
  const width = widthOf(weightOf(edge, weight));
  const crowd = crowds.get(within(model, edge)) ?? 0;
  const loop = edge.src === edge.dst ? { loop: loopOf(model.byId.get(edge.src)) } : {};
  return { width: widthIn(crowd, model.opened.size, edge, width), strength: strengthOf(width, crowd), offset: looped.has(edge.dst) ? AT_LOOP : AT_NODE, ...loop };
}

function edgeElement(edge: MapEdge, around: Surroundings): ElementDefinition {
  const { model } = around;
  const all = model.edges.length;
  const label = edgeLabel(edge);
  // A group is opened for its inside, and there are many beside it.
  const beside = all >= FEW && model.opened.size > 0 && within(model, edge) === null;
  return { group: 'edges', data: { id: edge.id, source: edge.src, target: edge.dst, label, ports: edgePorts(edge), ...looksOf(edge, around) },
    classes: classes(edge.state, all >= FEW && 'crowded', all <= STRAIGHT_FROM && 'bent', label !== '' && 'told', beside && 'beside', edge.change && `change-${edge.change}`) };
}

export function elementsOf(model: MapModel, weight: Weight): ElementDefinition[] {
  const around = surroundings(model, weight);
  return [
    ...[...model.opened].map((group) => boxElement(group, model.opened.size)),
    ...model.nodes.map((node) => nodeElement(node, model.boxOf(node.id))),
    ...model.edges.map((edge) => edgeElement(edge, around)),
  ];
}

/** A node cannot become a box, nor an edge go elsewhere, as it is: it is taken out and put in again. */
function mustBeReplaced(graph: Core, element: ElementDefinition): boolean {
  const known = graph.getElementById(element.data.id ?? '');
  if (known.empty()) return false;
  if (element.group === 'edges') return known.data('source') !== element.data.source || known.data('target') !== element.data.target;
  return known.hasClass('box') !== (element.classes === 'box');
}

/** By a person, itself or with its box. */
const isHeld = (graph: Core, node: CollectionReturnValue) => node.grabbed() || graph.getElementById(node.data('box') ?? '').grabbed();

/** Changes only what is different: nothing else moves, and the selection stays. */
export function bringUpToDate(graph: Core, elements: readonly ElementDefinition[], positions: ReadonlyMap<string, Point>): void {
  const wanted = new Set(elements.map((element) => element.data.id));
  graph.batch(() => {
    const replaced = elements.filter((element) => mustBeReplaced(graph, element)).map((element) => element.data.id);
    graph.elements().filter((element) => !wanted.has(element.id()) || replaced.includes(element.id())).remove();
    const [known, fresh] = [[] as ElementDefinition[], [] as ElementDefinition[]];
    for (const element of elements) (graph.getElementById(element.data.id ?? '').empty() ? fresh : known).push(element);
    graph.add(fresh);
    for (const element of known) {
      const shown = graph.getElementById(element.data.id ?? '');
      shown.data(element.data);
      shown.classes(element.classes as string);
    }
    for (const [id, position] of positions) {
      const node = graph.getElementById(id);
      if (!isHeld(graph, node)) node.position({ ...position });
    }
    fitBoxes(graph);
  });
}
