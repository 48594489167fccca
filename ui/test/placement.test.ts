// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import type { MapAnswer, MapEdge, MapNode } from '../src/api/types';
import { makeModel } from '../src/map/model';
import { Places, pushOutward, separate, sizeOfLabel, type Arrange, type Point } from '../src/map/placement';

const node = (id: string, more: Partial<MapNode> = {}): MapNode => ({ id, label: id, kind: 'workload', group: null, members: null, modes: null, mode: 'learn', share: null, instances: 1, image: null, connections: 1, bytes: 1, denied: 0, would_deny: 0, badges: [], change: null, ...more });
const edge = (src: string, dst: string, more: Partial<MapEdge> = {}): MapEdge => ({ id: `${src}>${dst}`, src, dst, stands_for: 1, ports: [], ports_left_off: 0, state: 'learned', new: 0, connections: 1, answered: 1, denied: 0, would_deny: 0, bytes: 1, first: 1, last: 2, change: null, before: null, ...more });
const answer = (nodes: MapNode[], edges: MapEdge[]) => ({ nodes, edges } as unknown as MapAnswer);
/** As given: what it makes of it is not what is tested. */
const asIs: Arrange = (_sizes, _links, start) => new Map(start);

const closed = (n: number) => Array.from({ length: n }, (_, i) => node(`g${i}`, { kind: 'group', members: 3 }));
const ring = (n: number) => Array.from({ length: n }, (_, i) => edge(`g${i}`, `g${(i + 1) % n}`));

function overlapping(positions: ReadonlyMap<string, Point>, labels: (id: string) => string): string[] {
  const all = [...positions];
  return all.flatMap(([a, p], at) => all.slice(at + 1).filter(([b, q]) => {
    const [s, t] = [sizeOfLabel(labels(a)), sizeOfLabel(labels(b))];
    return Math.abs(p.x - q.x) < (s.width + t.width) / 2 && Math.abs(p.y - q.y) < (s.height + t.height) / 2;
  }).map(([b]) => `${a} ${b}`));
}

describe('places', () => {
  it('stay when the answer is refreshed, and newcomers move nobody', () => {
    const places = new Places(asIs);
    const before = places.place(makeModel(answer(closed(12), ring(12)), []), true, []);
    const after = places.place(makeModel(answer([...closed(12), node('new one')], [...ring(12), edge('new one', 'g3')]), []), true, []);
    for (const [id, point] of before) expect(after.get(id)).toEqual(point);
    expect(after.has('new one')).toBe(true);
    expect(overlapping(after, () => 'g\n3 workloads')).toEqual([]);
  });

  it('come back when an opened group is closed', () => {
    const places = new Places(asIs);
    const shut = makeModel(answer(closed(12), ring(12)), []);
    const before = places.place(shut, true, []);
    const members = [1, 2, 3].map((i) => node(`m${i}`, { group: 'g4' }));
    const opened = makeModel(answer([...closed(12).filter(({ id }) => id !== 'g4'), ...members], [...ring(12).filter(({ src, dst }) => src !== 'g4' && dst !== 'g4'), edge('m1', 'm2')]), []);
    const open = places.place(opened, true, ['g4']);
    expect(open.has('g4')).toBe(false);
    expect([1, 2, 3].every((i) => open.has(`m${i}`))).toBe(true);
    expect(places.place(shut, true, [])).toEqual(before);
  });

  it('are where a person put them', () => {
    const places = new Places(asIs);
    const model = makeModel(answer(closed(3), ring(3)), []);
    const before = places.place(model, true, []).get('g1') as Point;
    places.moved('g1', null, { x: 40, y: -7 }, true);
    expect(places.place(model, true, []).get('g1')).toEqual({ x: before.x + 40, y: before.y - 7 });
  });
});

describe('moving apart', () => {
  it('leaves nothing over another', () => {
    const heap = new Map(Array.from({ length: 30 }, (_, i): [string, Point] => [`n${i}`, { x: i, y: (i * 7) % 11 }]));
    const sizes = new Map([...heap.keys()].map((id) => [id, { width: 100, height: 40 }]));
    const apart = [...separate(heap, sizes, 20)];
    for (const [a, p] of apart) for (const [b, q] of apart) if (a < b) expect(Math.abs(p.x - q.x) >= 100 || Math.abs(p.y - q.y) >= 40).toBe(true);
  });

  it('pushes outward what stands around a group that grows', () => {
    const positions = new Map([['g', { x: 0, y: 0 }], ['right', { x: 200, y: 0 }], ['above', { x: 0, y: -100 }]]);
    pushOutward(positions, 'g', { width: 100, height: 40 }, { width: 500, height: 400 });
    expect(positions.get('g')).toEqual({ x: 0, y: 0 });
    expect(positions.get('right')?.x).toBeCloseTo(400);
    expect(positions.get('above')?.y).toBeCloseTo(-280);
  });
});

describe('the model', () => {
  it('draws an opened group as a box, and a member beside its closed group where that alone is looked at', () => {
    const member = node('m', { group: 'g0' });
    const opened = makeModel(answer([member], []), []);
    expect([...opened.opened]).toEqual(['g0']);
    expect(opened.boxOf('m')).toBe('g0');
    const apart = makeModel(answer([member, ...closed(1)], []), []);
    expect(apart.opened.size).toBe(0);
    expect(apart.boxOf('m')).toBeNull();
  });

  it('never hides a denial', () => {
    const model = makeModel(answer([node('a'), node('b')], [edge('a', 'b', { state: 'denied', denied: 3 })]), ['denied', 'learned']);
    expect(model.edges).toHaveLength(1);
    expect(makeModel(answer([node('a'), node('b')], [edge('a', 'b')]), ['learned']).edges).toHaveLength(0);
  });
});
