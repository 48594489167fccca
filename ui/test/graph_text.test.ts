// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import type { MapEdge, MapNode } from '../src/api/types';
import { dot, mermaid } from '../src/logic/graph_text';

const node = (id: string, label: string, group: string | null): MapNode => ({ id, label, kind: 'workload', group, members: null, modes: null, mode: 'learn', share: null, instances: 1, image: null, connections: 1, bytes: 1, denied: 0, would_deny: 0, badges: [], change: null });
const edge = (src: string, dst: string, ports: string[], denied = 0): MapEdge => ({ id: `${src} → ${dst}`, src, dst, stands_for: ports.length, ports: ports.map((port) => ({ port, connections: 1, bytes: 1, denied: 0, state: 'learned' })), ports_left_off: 0, state: denied ? 'denied' : 'learned', new: 0, connections: 1, answered: 1, denied, would_deny: 0, bytes: 1, first: 1, last: 2, change: null, before: null });

const shown = {
  nodes: [node('compose:shop/web', 'web', 'group:compose:shop'), node('compose:shop/db', 'db', 'group:compose:shop'), node('world', 'world', null), node('a "b"\\<i>', 'a "b"\\<i>', null)],
  edges: [edge('world', 'compose:shop/web', ['80/tcp']), edge('compose:shop/web', 'compose:shop/db', ['1/tcp', '2/tcp', '3/tcp', '4/tcp', '5/tcp'], 2), edge('a "b"\\<i>', 'world', ['53/udp'])],
};

describe('the map as text', () => {
  it('is for Graphviz, with groups as clusters and denied edges apart', () => {
    expect(dot(shown)).toBe(`digraph bulkhead {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="group:compose:shop";
    "compose:shop/web" [label="web"];
    "compose:shop/db" [label="db"];
  }
  "world" [label="world"];
  "a \\"b\\"\\\\<i>" [label="a \\"b\\"\\\\<i>"];
  "world" -> "compose:shop/web" [label="80/tcp"];
  "compose:shop/web" -> "compose:shop/db" [label="1/tcp, 2/tcp, 3/tcp and 2 more", color=red, style=dashed];
  "a \\"b\\"\\\\<i>" -> "world" [label="53/udp"];
}
`);
  });

  it('is for Mermaid, whose quotes and HTML no name can leave', () => {
    expect(mermaid(shown)).toBe(`flowchart LR
  subgraph g0["group:compose:shop"]
    n0["web"]
    n1["db"]
  end
  n2["world"]
  n3["a #34;b#34;\\#60;i#62;"]
  n2 -->|"80/tcp"| n0
  n0 -.->|"1/tcp, 2/tcp, 3/tcp and 2 more"| n1
  n3 -->|"53/udp"| n2
`);
  });
});
