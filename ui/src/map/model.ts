// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's answer as it is drawn: what is hidden left out, members in their groups, labels and widths.
import type { EdgeState, MapAnswer, MapEdge, MapNode } from '../api/types';
import { count, plural, shorten } from '../logic/format';
import type { Weight } from './state';

/** From the one that must not be overlooked to the one that says least. */
export const STATES: readonly EdgeState[] = ['denied', 'would-deny', 'new', 'review', 'learned', 'unlearned'];

export const STATE_TEXT: Record<EdgeState, string> = {
  denied: 'denied', 'would-deny': 'would be denied', new: 'new', review: 'in review', learned: 'learned', unlearned: 'not learned',
};

export interface MapModel {
  nodes: readonly MapNode[];
  edges: readonly MapEdge[];
  byId: ReadonlyMap<string, MapNode>;
  edgeById: ReadonlyMap<string, MapEdge>;
  /** Groups that are shown as a box around their members: none of them is among the nodes. */
  opened: ReadonlySet<string>;
  /** The box that a node is drawn in. */
  boxOf(id: string): string | null;
}

/** A group whose members are shown is a box; one that is closed is a node, also where one member stands apart (the focus). */
function openedGroups(nodes: readonly MapNode[], present: ReadonlySet<string>): Set<string> {
  return new Set(nodes.map((node) => node.group).filter((group): group is string => group !== null && !present.has(group)));
}

export function makeModel(answer: MapAnswer, hidden: readonly EdgeState[]): MapModel {
  const present = new Set(answer.nodes.map((node) => node.id));
  const opened = openedGroups(answer.nodes, present);
  const byId = new Map(answer.nodes.map((node) => [node.id, node]));
  const visible = answer.edges.filter((edge) => present.has(edge.src) && present.has(edge.dst) && (edge.denied > 0 || !hidden.includes(edge.state)));
  return {
    nodes: answer.nodes,
    edges: visible,
    byId,
    edgeById: new Map(visible.map((edge) => [edge.id, edge])),
    opened,
    boxOf: (id) => {
      const group = byId.get(id)?.group ?? null;
      return group !== null && opened.has(group) ? group : null;
    },
  };
}

export function isOpenable(node: MapNode): boolean {
  return node.members !== null;
}

export const weightOf = (item: { connections: number; bytes: number | null }, weight: Weight) => (weight === 'bytes' ? item.bytes : item.connections);

/** 'group:compose:shop' → 'shop'. */
export function groupLabel(group: string): string {
  return group.replace(/^group:/, '').replace(/^(compose|k8s):/, '');
}

function modesLine(node: MapNode): string {
  const modes = Object.entries(node.modes ?? {}).filter(([, n]) => n > 0);
  if (modes.length === 1 && modes[0]) return ` · ${modes[0][0]}`;
  return modes.length ? ` · ${modes.map(([mode, n]) => `${n} ${mode}`).join(' ')}` : '';
}

function secondLine(node: MapNode): string {
  if (node.members !== null) return node.kind === 'outside' ? plural(node.members, 'peer') : `${plural(node.members, 'workload')}${modesLine(node)}`;
  if (node.kind === 'workload') return `${node.mode ?? ''}${node.instances > 1 ? ` ×${node.instances}` : ''}`;
  return node.kind === node.label ? '' : node.kind;
}

const MOST_BADGES = 3;

/** Of a closed group nearly every one uses them: its details say which. */
function badgeLine(node: MapNode): string {
  if (node.members !== null) return '';
  const services = [...new Set(node.badges.map(({ service, direction }) => `${direction === 'in' ? '←' : '→'}${shorten(service.replace(/^.*\//, ''), 12)}`))];
  return services.slice(0, MOST_BADGES).join(' ') + (services.length > MOST_BADGES ? ` +${services.length - MOST_BADGES}` : '');
}

/** What is written in a node: its name, what it is, the common services it uses, and its denials. */
export function nodeLabel(node: MapNode): string {
  const change = node.change === 'added' ? '+ ' : node.change === 'gone' ? '− ' : '';
  const denials = node.denied > 0 ? `✕ ${count(node.denied)} denied` : '';
  return [change + shorten(node.label, 26), secondLine(node), badgeLine(node), denials].filter(Boolean).join('\n');
}

/** What is written on an edge that must be told from others without its colour. */
export function edgeLabel(edge: MapEdge): string {
  if (edge.denied > 0) return `✕ ${count(edge.denied)}`;
  if (edge.change === 'gone') return '− gone';
  if (edge.change === 'added') return '+ added';
  if (edge.would_deny > 0) return `! ${count(edge.would_deny)}`;
  if (edge.state === 'new') return edge.new > 1 ? `+ ${count(edge.new)} new` : '+ new';
  return '';
}

/** What the edges of the chosen node say besides: their ports. */
export function edgePorts(edge: MapEdge): string {
  const more = edge.ports.length + edge.ports_left_off - 2;
  const ports = edge.ports.slice(0, 2).map(({ port }) => port).join(' ') + (more > 0 ? ` +${more}` : '');
  return [edgeLabel(edge), ports].filter(Boolean).join(' · ');
}

/** A width in pixels: its logarithm, since one edge has a thousand times another's traffic. Null is not known: thin. */
export function widthOf(value: number | null): number {
  return value === null ? 1 : 1 + Math.min(4, Math.log10(1 + value) * 0.55);
}

/** Rows for the matrix and the list: the heaviest first. */
export function byWeight(edges: readonly MapEdge[], weight: Weight): MapEdge[] {
  return [...edges].sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || (weightOf(b, weight) ?? -1) - (weightOf(a, weight) ?? -1));
}

export function edgeText(edge: MapEdge): string {
  const ports = edge.ports.slice(0, 3).map(({ port }) => port).join(', ');
  return `${edge.src} → ${edge.dst}: ${STATE_TEXT[edge.state]}, ${plural(edge.connections, 'connection')}, ${ports}${edge.denied ? `, ${plural(edge.denied, 'denial')}` : ''}`;
}
