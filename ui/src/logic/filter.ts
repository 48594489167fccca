// SPDX-License-Identifier: GPL-2.0-or-later
// Help with the flows' filter language: what may stand at the cursor, filters for what the map shows, and where an
// error is. The daemon alone decides what a filter means.

const VALUES: Record<string, readonly string[]> = {
  proto: ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'gre', 'esp'],
  state: ['attempted', 'answered', 'established', 'refused', 'closed'],
  verdict: ['delivered', 'undelivered', 'denied', 'unknown'],
  direction: ['syn', 'conntrack', 'listener', 'unknown'],
  port: ['80/tcp', '443/tcp', '53/udp', '5432/tcp', '6379/tcp', '8000-8999'],
  bytes: ['> 1M'], packets: ['>= 10'], duration: ['> 30s'],
  dns: ['"*.example.com"'], tunnel: ['vxlan:42'], host: ['10.0.0.0/8'],
};
const NAMED = ['src', 'dst', 'workload'];
const TERMS = ['src', 'dst', 'workload', 'host', 'port', 'proto', 'state', 'verdict', 'direction', 'dns', 'sni', 'bytes', 'packets', 'duration', 'tunnel', 'lossy', 'denied', 'not'];
const COMPLETE_ALONE = ['lossy', 'denied', ')'];
const CONNECTIVES = ['and', 'or'];
const PREFIXES = [...CONNECTIVES, 'not', '(', '&&', '||', '!'];

/** A name as the filter language takes it: quoted, where it would not be one word. */
export function quoted(name: string): string {
  return /^[A-Za-z0-9_.:/*?-]+$/.test(name) ? name : `"${name.replace(/"/g, '')}"`;
}

interface Context {
  /** What is being typed at the cursor, and where it begins. */
  word: string;
  from: number;
  before: string[];
}

function contextAt(text: string, cursor: number): Context {
  const head = text.slice(0, cursor);
  const word = /("[^"]*|[^\s()!]*)$/.exec(head)?.[0] ?? '';
  const before = head.slice(0, head.length - word.length).match(/"[^"]*"|[()!]|[^\s()!]+/g) ?? [];
  return { word, from: cursor - word.length, before };
}

function candidates(before: readonly string[], workloads: readonly string[]): readonly string[] {
  const last = before.at(-1);
  if (last === undefined || PREFIXES.includes(last)) return TERMS;
  const values = VALUES[last];
  if (values) return values;
  if (NAMED.includes(last)) return [...(last === 'workload' ? [] : ['port']), ...workloads.map(quoted)];
  if (!COMPLETE_ALONE.includes(last) && TERMS.includes(last)) return [];
  return [...CONNECTIVES, ...TERMS];
}

export interface Suggestion {
  text: string;
  /** The whole filter with the suggestion taken, and the cursor then. */
  result: string;
  cursor: number;
}

/** What may be meant by the word at the cursor: words that begin as it does, and then those that hold it. */
export function suggest(text: string, cursor: number, workloads: readonly string[], most = 8): Suggestion[] {
  const { word, from, before } = contextAt(text, cursor);
  const wanted = word.replace(/^"/, '').toLowerCase();
  const known = candidates(before, workloads).filter((candidate) => candidate !== word);
  const plain = (candidate: string) => candidate.replace(/^"/, '').toLowerCase();
  const begins = known.filter((candidate) => plain(candidate).startsWith(wanted));
  const holds = wanted ? known.filter((candidate) => !begins.includes(candidate) && plain(candidate).includes(wanted)) : [];
  return [...begins, ...holds].slice(0, most).map((candidate) => ({
    text: candidate,
    result: `${text.slice(0, from)}${candidate} ${text.slice(cursor).trimStart()}`,
    cursor: from + candidate.length + 1,
  }));
}

/** The position that an error of the filter names, counted from 0; null where it names none. */
export function errorPosition(what: string): number | null {
  const match = /\b(?:at|position|column|character)\s+(\d+)/i.exec(what);
  return match?.[1] ? Math.max(0, Number(match[1]) - 1) : null;
}

/** A filter for an end of a map's edge; null for one that no filter names, as a group. */
function endFilter(side: 'src' | 'dst', id: string): string | null {
  const group = /^group:(.+)$/.exec(id)?.[1];
  if (group) return `${side} workload ${quoted(`${group}/*`)}`;
  const name = /^dns:(.+)$/.exec(id)?.[1];
  if (name) return side === 'dst' ? `dns ${quoted(name)}` : null;
  if (id === 'outside') return null;
  return `${side} ${quoted(id)}`;
}

/** A port of the filter language; what has none is named by its protocol: 'icmp/8:0', 'gre'. */
function portFilter(port: string): string {
  return /^\d+\/\w+$/.test(port) ? `port ${port}` : `proto ${port.split('/')[0]}`;
}

/** The filter whose flows are behind a map's edge. */
export function filterOfEdge(src: string, dst: string, port?: string): string {
  const parts = [endFilter('src', src), endFilter('dst', dst), port ? portFilter(port) : null];
  return parts.filter((part) => part !== null).join(' and ');
}

export function filterOfNode(id: string): string {
  const group = /^group:(.+)$/.exec(id)?.[1];
  if (group) return `workload ${quoted(`${group}/*`)}`;
  const name = /^dns:(.+)$/.exec(id)?.[1];
  if (name) return `dns ${quoted(name)}`;
  return id === 'outside' ? '' : `workload ${quoted(id)}`;
}
