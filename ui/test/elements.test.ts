// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import type { MapAnswer, MapEdge, MapNode } from '../src/api/types';
import { elementsOf } from '../src/map/elements';
import { makeModel } from '../src/map/model';

const node = (id: string, more: Partial<MapNode> = {}): MapNode => ({ id, label: id, kind: 'workload', group: null, members: null, modes: null, mode: 'learn', share: null, instances: 1, image: null, connections: 1, bytes: 1, denied: 0, would_deny: 0, badges: [], change: null, ...more });
const edge = (src: string, dst: string, more: Partial<MapEdge> = {}): MapEdge => ({ id: `${src}>${dst}`, src, dst, stands_for: 1, ports: [], ports_left_off: 0, state: 'learned', new: 0, connections: 1000, answered: 1, denied: 0, would_deny: 0, bytes: 1, first: 1, last: 2, change: null, before: null, ...more });

/** Everybody talks to everybody; the first was denied to talk to the second. */
function crowd(n: number) {
  const nodes = Array.from({ length: n }, (_, i) => node(`n${i}`));
  const edges = nodes.flatMap(({ id: src }) => nodes.filter(({ id }) => id !== src).map(({ id: dst }) => edge(src, dst, src === 'n0' && dst === 'n1' ? { state: 'denied', denied: 3 } : {})));
  const elements = elementsOf(makeModel({ nodes, edges } as unknown as MapAnswer, []), 'connections');
  const find = (id: string) => elements.find(({ data }) => data.id === id);
  return { denied: find('n0>n1'), learned: find('n1>n0') };
}

describe('the looks of edges', () => {
  it('let what was learned step back in a crowd, and never what was denied', () => {
    const [few, many] = [crowd(4), crowd(30)];
    expect(many.learned?.data.width).toBeLessThan(few.learned?.data.width);
    expect(many.learned?.data.strength).toBeLessThan(few.learned?.data.strength);
    expect(many.denied?.data.width).toBe(few.denied?.data.width);
  });

  it('have a label where there is something to tell, and no other', () => {
    const { denied, learned } = crowd(30);
    expect(denied?.classes).toContain('told');
    expect(denied?.data.label).toBe('✕ 3');
    expect(learned?.classes).not.toContain('told');
  });

  it('make a node of an opened group, which its members name', () => {
    const nodes = [node('m', { group: 'group:compose:shop' })];
    const elements = elementsOf(makeModel({ nodes, edges: [] } as unknown as MapAnswer, []), 'connections');
    expect(elements.map(({ data, classes }) => [data.id, data.box, classes])).toEqual([['group:compose:shop', undefined, 'box'], ['m', 'group:compose:shop', 'workload']]);
  });
});
