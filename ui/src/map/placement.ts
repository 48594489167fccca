// SPDX-License-Identifier: GPL-2.0-or-later
// Where nodes stand. A node keeps its place as long as the page is open: what is new is put beside its neighbours, an
// opened group pushes the others outward, and a closed one lets them come back to where they were.
import type { MapNode } from '../api/types';
import type { MapModel } from './model';
import { nodeLabel, weightOf } from './model';

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Link {
  src: string;
  dst: string;
  weight: number;
  denied: boolean;
}

/** Arranges nodes anew: fcose in the page, something simple in tests. */
export type Arrange = (sizes: ReadonlyMap<string, Size>, links: readonly Link[], start: ReadonlyMap<string, Point>, roughly: boolean) => Map<string, Point>;

/** So many nodes on the map are arranged roughly: a good arrangement of them would take seconds. */
const ROUGH_FROM = 150;

const LINE = 14;
const CHARACTER = 6.8;
const BOX_PADDING = 22;
/** Room between nodes, for edges to be seen, loops with their labels, and one line more where something is denied. */
const GAP = 52;
/** Weak edges would pull everything into one heap: so many of each node's strongest count for the arrangement. */
const STRONGEST = 4;

export function sizeOfLabel(label: string): Size {
  const lines = label.split('\n');
  const longest = Math.max(...lines.map((line) => [...line].length));
  return { width: Math.max(56, Math.round(longest * CHARACTER) + 18), height: lines.length * LINE + 14 };
}

/** In an ellipse and a hexagon the first and the last line have less room than the one in the middle. */
const ROUND = new Set(['outside', 'world', 'host', 'unresolved']);

export function sizeOfNode(node: MapNode): Size {
  const { width, height } = sizeOfLabel(nodeLabel(node));
  return ROUND.has(node.kind) ? { width: Math.round(width * 1.25), height: Math.round(height * 1.1) } : { width, height };
}

/** From how far all is looked at: that grows as the sides of so many boxes' area do. */
export const distance = (boxes: number) => Math.sqrt(Math.max(1, boxes));
export const titleSize = (boxes: number) => Math.round(18 * distance(boxes));

/** A spiral, the heaviest in the middle: the same start gives the same arrangement. */
export function spiral(ids: readonly string[], step = 130): Map<string, Point> {
  return new Map(ids.map((id, at) => {
    const radius = step * Math.sqrt(at);
    const angle = at * 2.399963;
    return [id, { x: radius * Math.cos(angle), y: radius * Math.sin(angle) * 0.75 }];
  }));
}

export function strongest(links: readonly Link[], each = STRONGEST): Link[] {
  const taken = new Map<string, number>();
  const sorted = [...links].sort((a, b) => Number(b.denied) - Number(a.denied) || b.weight - a.weight);
  return sorted.filter(({ src, dst, denied }) => {
    const [a, b] = [taken.get(src) ?? 0, taken.get(dst) ?? 0];
    if (!denied && a >= each && b >= each) return false;
    taken.set(src, a + 1);
    taken.set(dst, b + 1);
    return true;
  });
}

const overlaps = (a: Point, sizeA: Size, b: Point, sizeB: Size, gap: number) =>
  Math.abs(a.x - b.x) < (sizeA.width + sizeB.width) / 2 + gap && Math.abs(a.y - b.y) < (sizeA.height + sizeB.height) / 2 + gap;

/** Pushes apart what lies over each other, along the shorter way, until nothing does (or nearly so, after many rounds). */
export function separate(positions: ReadonlyMap<string, Point>, sizes: ReadonlyMap<string, Size>, gap: number): Map<string, Point> {
  const items = [...positions].map(([id, { x, y }]) => ({ id, x, y, ...(sizes.get(id) ?? { width: 0, height: 0 }) }));
  for (let round = 0; round < 300; round++) {
    let moved = false;
    items.forEach((a, at) => {
      for (const b of items.slice(at + 1)) {
        const overX = (a.width + b.width) / 2 + gap - Math.abs(a.x - b.x);
        const overY = (a.height + b.height) / 2 + gap - Math.abs(a.y - b.y);
        if (overX <= 0.5 || overY <= 0.5) continue;
        moved = true;
        const axis = overX < overY ? 'x' : 'y';
        const by = (Math.min(overX, overY) / 2) * (a[axis] <= b[axis] ? 1 : -1);
        a[axis] -= by;
        b[axis] += by;
      }
    });
    if (!moved) break;
  }
  return new Map(items.map(({ id, x, y }) => [id, { x, y }]));
}

/** The free place that is nearest to the middle of a newcomer's neighbours. */
export function placeBeside(id: string, size: Size, neighbours: readonly Point[], placed: ReadonlyMap<string, Point>, sizes: ReadonlyMap<string, Size>): Point {
  const around = neighbours.length ? neighbours : [...placed.values()];
  const middle = { x: around.reduce((sum, { x }) => sum + x, 0) / Math.max(1, around.length), y: around.reduce((sum, { y }) => sum + y, 0) / Math.max(1, around.length) };
  const isFree = (point: Point) => [...placed].every(([other, at]) => other === id || !overlaps(point, size, at, sizes.get(other) ?? size, 24));
  for (let ring = 0; ring < 80; ring++) {
    const places = Math.max(1, ring * 6);
    for (let i = 0; i < places; i++) {
      const angle = (2 * Math.PI * i) / places;
      const point = { x: middle.x + Math.cos(angle) * ring * 60, y: middle.y + Math.sin(angle) * ring * 45 };
      if (isFree(point)) return point;
    }
  }
  return middle;
}

/** How far a box reaches from its middle in a direction. */
function reach(box: Size, dx: number, dy: number): number {
  const length = Math.hypot(dx, dy);
  const byWidth = dx === 0 ? Infinity : (box.width / 2) * (length / Math.abs(dx));
  const byHeight = dy === 0 ? Infinity : (box.height / 2) * (length / Math.abs(dy));
  return Math.min(byWidth, byHeight);
}

/** Moves everything outward by as much as a box grew, in the direction in which it stands: order and angles stay. */
export function pushOutward(positions: Map<string, Point>, group: string, closed: Size, opened: Size): void {
  const centre = positions.get(group);
  if (!centre) return;
  for (const [id, point] of positions) {
    if (id === group) continue;
    const [dx, dy] = [point.x - centre.x, point.y - centre.y];
    const length = Math.hypot(dx, dy) || 1;
    const by = Math.max(0, reach(opened, dx, dy || 1) - reach(closed, dx, dy || 1));
    positions.set(id, { x: point.x + (dx / length) * by, y: point.y + (dy / length) * by });
  }
}

function extent(positions: ReadonlyMap<string, Point>, sizes: ReadonlyMap<string, Size>, title: number): { size: Size; middle: Point } {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [id, { x, y }] of positions) {
    const { width, height } = sizes.get(id) ?? { width: 0, height: 0 };
    left = Math.min(left, x - width / 2);
    right = Math.max(right, x + width / 2);
    top = Math.min(top, y - height / 2);
    bottom = Math.max(bottom, y + height / 2);
  }
  return { size: { width: right - left + 2 * BOX_PADDING, height: bottom - top + 2 * BOX_PADDING + title + 4 }, middle: { x: (left + right) / 2, y: (top + bottom - title) / 2 } };
}

/** Remembers places for as long as the page is open. */
export class Places {
  /** Two of the outermost: with closed groups, and with boxes of their members' size. */
  private readonly outer = { closed: new Map<string, Point>(), open: new Map<string, Point>() };
  private readonly inner = new Map<string, Map<string, Point>>();

  /** wider: by how much, than fcose makes it. */
  constructor(private readonly arrange: Arrange, private readonly wider = 1) {}

  /** The place of every node that is no box. groupOrder: opened groups, as they were opened. */
  place(model: MapModel, collapsed: boolean, groupOrder: readonly string[]): Map<string, Point> {
    const sizes = new Map(model.nodes.map((node) => [node.id, sizeOfNode(node)]));
    const outerOf = (id: string) => model.boxOf(id) ?? id;
    const links = model.edges.map((edge): Link => ({ src: edge.src, dst: edge.dst, weight: weightOf(edge, 'connections') ?? 0, denied: edge.denied > 0 }));
    const boxes = new Map([...model.opened].map((group) => [group, this.placeMembers(group, model, sizes, links)]));
    const tops = [...new Set(model.nodes.map((node) => outerOf(node.id)))];
    const closedSizes = new Map(tops.map((id) => [id, sizes.get(id) ?? { width: 120, height: 42 }]));
    const topSizes = new Map(tops.map((id) => [id, (collapsed ? undefined : boxes.get(id)?.size) ?? closedSizes.get(id) ?? { width: 120, height: 42 }]));
    const between = links.map((link) => ({ ...link, src: outerOf(link.src), dst: outerOf(link.dst) })).filter(({ src, dst }) => src !== dst);
    const base = this.settle(collapsed ? this.outer.closed : this.outer.open, topSizes, between, model.nodes.length > ROUGH_FROM);
    const shown = new Map(tops.map((id) => [id, base.get(id) ?? { x: 0, y: 0 }]));
    if (collapsed) {
      for (const group of groupOrder) {
        const [closed, box] = [closedSizes.get(group), boxes.get(group)];
        if (closed && box) pushOutward(shown, group, closed, box.size);
      }
    }
    return this.resolve(model, shown, boxes);
  }

  private placeMembers(group: string, model: MapModel, sizes: ReadonlyMap<string, Size>, links: readonly Link[]) {
    const members = model.nodes.filter((node) => model.boxOf(node.id) === group).map((node) => node.id);
    const memberSizes = new Map(members.map((id) => [id, sizes.get(id) ?? { width: 56, height: 42 }]));
    const inside = links.filter(({ src, dst }) => memberSizes.has(src) && memberSizes.has(dst));
    const known = this.inner.get(group) ?? new Map<string, Point>();
    this.inner.set(group, known);
    const settled = this.settle(known, memberSizes, inside, model.nodes.length > ROUGH_FROM);
    const shown = new Map(members.map((id) => [id, settled.get(id) ?? { x: 0, y: 0 }]));
    return { ...extent(shown, memberSizes, titleSize(model.opened.size)), members: shown };
  }

  /** Puts those that have no place yet somewhere; nobody else moves. Those without a link are put where room is. */
  private settle(known: Map<string, Point>, sizes: ReadonlyMap<string, Size>, links: readonly Link[], roughly: boolean): Map<string, Point> {
    if ([...sizes.keys()].filter((id) => !known.has(id)).length > sizes.size / 2) {
      known.clear();
      const linked = new Map([...sizes].filter(([id]) => links.some(({ src, dst }) => src === id || dst === id)));
      const arranged = this.arrange(linked, strongest(links), spiral(heaviestFirst(linked, links)), roughly);
      for (const [id, point] of separate(widened(arranged, this.wider), linked, GAP)) known.set(id, point);
    }
    const fresh = [...sizes.keys()].filter((id) => !known.has(id));
    const shown = new Map([...known].filter(([id]) => sizes.has(id)));
    for (const id of fresh) {
      const neighbours = links.flatMap(({ src, dst }) => (src === id ? [shown.get(dst)] : dst === id ? [shown.get(src)] : [])).filter((point) => point !== undefined);
      const point = placeBeside(id, sizes.get(id) ?? { width: 56, height: 42 }, neighbours, shown, sizes);
      known.set(id, point);
      shown.set(id, point);
    }
    return known;
  }

  private resolve(model: MapModel, shown: ReadonlyMap<string, Point>, boxes: ReadonlyMap<string, { middle: Point; members: Map<string, Point> }>): Map<string, Point> {
    const positions = new Map<string, Point>();
    for (const node of model.nodes) {
      const group = model.boxOf(node.id);
      const box = group === null ? undefined : boxes.get(group);
      const at = shown.get(group ?? node.id) ?? { x: 0, y: 0 };
      const own = box?.members.get(node.id);
      positions.set(node.id, own && box ? { x: at.x + own.x - box.middle.x, y: at.y + own.y - box.middle.y } : at);
    }
    return positions;
  }

  /** A person moved something: that is its place from now on. */
  moved(id: string, group: string | null, by: Point, collapsed: boolean): void {
    const places = group === null ? (collapsed ? this.outer.closed : this.outer.open) : this.inner.get(group);
    const point = places?.get(id);
    if (point) places?.set(id, { x: point.x + by.x, y: point.y + by.y });
  }
}

function widened(positions: ReadonlyMap<string, Point>, wider: number): Map<string, Point> {
  return new Map([...positions].map(([id, { x, y }]) => [id, { x: x * wider, y }]));
}

function heaviestFirst(sizes: ReadonlyMap<string, Size>, links: readonly Link[]): string[] {
  const weights = new Map<string, number>();
  for (const { src, dst, weight } of links) {
    for (const id of [src, dst]) weights.set(id, (weights.get(id) ?? 0) + Math.log1p(weight));
  }
  return [...sizes.keys()].sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0) || (a < b ? -1 : 1));
}
