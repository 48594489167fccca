// SPDX-License-Identifier: GPL-2.0-or-later
// The map that is shown, in the languages of Graphviz and Mermaid. Names are strangers' words: each is quoted so that it stays one.
import type { MapEdge, MapNode } from '../api/types';

interface Shown {
  nodes: readonly MapNode[];
  edges: readonly MapEdge[];
}

const portsOf = (edge: MapEdge): string => {
  const ports = edge.ports.slice(0, 3).map(({ port }) => port);
  const more = edge.ports.length - ports.length + edge.ports_left_off;
  return more > 0 ? `${ports.join(', ')} and ${more} more` : ports.join(', ');
};

const isDenied = (edge: MapEdge): boolean => edge.denied > 0;

/** The members of each opened group, and those of none. */
function byGroup(nodes: readonly MapNode[]): Map<string, MapNode[]> {
  const groups = new Map<string, MapNode[]>();
  for (const node of nodes) {
    const group = node.group ?? '';
    groups.set(group, [...(groups.get(group) ?? []), node]);
  }
  return groups;
}

const inDot = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', ' ')}"`;

export function dot({ nodes, edges }: Shown): string {
  const lines = ['digraph bulkhead {', '  rankdir=LR;', '  node [shape=box];'];
  let number = 0;
  for (const [group, members] of byGroup(nodes)) {
    const declared = members.map((node) => `${inDot(node.id)} [label=${inDot(node.label)}];`);
    if (group === '') lines.push(...declared.map((line) => `  ${line}`));
    else lines.push(`  subgraph cluster_${number++} {`, `    label=${inDot(group)};`, ...declared.map((line) => `    ${line}`), '  }');
  }
  for (const edge of edges) lines.push(`  ${inDot(edge.src)} -> ${inDot(edge.dst)} [label=${inDot(portsOf(edge))}${isDenied(edge) ? ', color=red, style=dashed' : ''}];`);
  return `${lines.join('\n')}\n}\n`;
}

/** Mermaid knows HTML, entities, and Markdown between backticks. */
const inMermaid = (text: string): string => `"${text.replace(/["#<>&`\n]/g, (character) => `#${character.charCodeAt(0)};`)}"`;

export function mermaid({ nodes, edges }: Shown): string {
  const names = new Map(nodes.map((node, index) => [node.id, `n${index}`]));
  const lines = ['flowchart LR'];
  let number = 0;
  for (const [group, members] of byGroup(nodes)) {
    const declared = members.map((node) => `${names.get(node.id)}[${inMermaid(node.label)}]`);
    if (group === '') lines.push(...declared.map((line) => `  ${line}`));
    else lines.push(`  subgraph g${number++}[${inMermaid(group)}]`, ...declared.map((line) => `    ${line}`), '  end');
  }
  for (const edge of edges) lines.push(`  ${names.get(edge.src)} ${isDenied(edge) ? '-.->' : '-->'}|${inMermaid(portsOf(edge))}| ${names.get(edge.dst)}`);
  return `${lines.join('\n')}\n`;
}
