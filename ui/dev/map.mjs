// SPDX-License-Identifier: GPL-2.0-or-later
// GET /v1/map of the stand-in: the record, filtered, grouped and compared as the query says.

const GRAVITY = ['learned', 'unlearned', 'review', 'new', 'would-deny', 'denied'];
const MOST_PORTS = 20;
const COLLAPSE_FROM = 40;
const OUTSIDE = 'outside';
const OUTSIDE_FROM = 12;

export const gravest = (states) => states.reduce((worst, state) =>
  (GRAVITY.indexOf(state) > GRAVITY.indexOf(worst) ? state : worst), 'learned');

/** Decimal seconds of "15m", of RFC 3339, or of decimal seconds; null where nothing was said. */
export function instant(text, now) {
  if (!text) return null;
  const ago = /^(\d+)([smhd])$/.exec(text);
  if (ago) return now - Number(ago[1]) * { s: 1, m: 60, h: 3600, d: 86400 }[ago[2]];
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
}

const KNOWN_FOR = 30 * 86400;

function describeRange(since, until, now) {
  const knownSince = now - KNOWN_FOR;
  const complete = since === null || since >= knownSince;
  return { since, until: until ?? now, known_since: knownSince, complete,
    why: complete ? null : 'nothing is recorded from before the store began, 30 days ago' };
}

/** Of an edge what falls into a range: as large a part of it as the range is of its life. */
function within(edge, since, until, now) {
  const from = Math.max(edge.first, since ?? edge.first);
  const to = Math.min(edge.last, until ?? now);
  if (to < from) return null;
  const part = edge.last > edge.first ? (to - from) / (edge.last - edge.first) : 1;
  const share = (n) => (n === null ? null : n === 0 ? 0 : Math.max(1, Math.round(n * part)));
  return { ...edge, connections: share(edge.connections), answered: share(edge.answered), bytes: share(edge.bytes),
    denied: share(edge.denied), would_deny: share(edge.would_deny), first: from, last: to };
}

const sum = (list, field) => list.reduce((total, item) => total + item[field], 0);
const sumOrUnknown = (list, field) => (list.some((item) => item[field] === null) ? null : sum(list, field));

function portsOf(edges) {
  const ports = new Map();
  for (const edge of edges) {
    if (!ports.has(edge.port)) ports.set(edge.port, []);
    ports.get(edge.port).push(edge);
  }
  return [...ports].map(([port, list]) => ({ port, connections: sum(list, 'connections'), bytes: sumOrUnknown(list, 'bytes'),
    denied: sum(list, 'denied'), state: gravest(list.map((edge) => edge.state)) }))
    .sort((a, b) => b.connections - a.connections);
}

function mapEdge(src, dst, edges, earlier) {
  const ports = portsOf(edges);
  const single = edges.length === 1 && edges[0].src === src && edges[0].dst === dst;
  const counted = { connections: sum(edges, 'connections'), bytes: sumOrUnknown(edges, 'bytes'), denied: sum(edges, 'denied') };
  return { id: single ? edges[0].id : `${src}>${dst}`, src, dst, stands_for: edges.length,
    ports: ports.slice(0, MOST_PORTS), ports_left_off: Math.max(0, ports.length - MOST_PORTS),
    state: gravest(edges.map((edge) => edge.state)), new: edges.filter((edge) => edge.state === 'new').length,
    ...counted, answered: sum(edges, 'answered'), would_deny: sum(edges, 'would_deny'),
    first: Math.min(...edges.map((edge) => edge.first)), last: Math.max(...edges.map((edge) => edge.last)),
    ...compare(counted, earlier) };
}

function compare(counted, earlier) {
  if (earlier === undefined) return { change: null, before: null };
  if (earlier === null) return { change: 'added', before: null };
  const before = { connections: sum(earlier, 'connections'), bytes: sumOrUnknown(earlier, 'bytes'), denied: sum(earlier, 'denied') };
  if (counted.connections === 0) return { change: 'gone', before };
  const ratio = counted.connections / Math.max(1, before.connections);
  return { change: ratio > 1.25 ? 'more' : ratio < 0.8 ? 'less' : 'same', before };
}

/** Who stands for a node: its group, where that is shown closed. */
function standIns(world, query) {
  const focus = query.get('focus');
  const workloads = [...world.nodes.values()].filter((node) => node.kind === 'workload').length;
  const collapse = query.get('collapse') ?? 'none';
  const collapsed = collapse === 'all' || (collapse === 'auto' && workloads > COLLAPSE_FROM);
  const open = new Set((query.get('open') ?? '').split(',').filter(Boolean));
  const foldOutside = collapsed && [...world.nodes.values()].filter(isOutside).length > OUTSIDE_FROM;
  const groupOf = (node) => (foldOutside && isOutside(node) ? OUTSIDE : node.group);
  const of = (id) => {
    const group = groupOf(world.nodes.get(id));
    return collapsed && group && id !== focus && !open.has(group) ? group : id;
  };
  return { collapsed, groupOf, of };
}

const isOutside = (node) => node.kind === 'dns' || node.kind === 'address';

function neighbourhood(edges, focus, hops) {
  const seen = new Set([focus]);
  for (let i = 0; i < hops; i++) {
    const before = new Set(seen);
    for (const { a, b } of edges) {
      if (before.has(a)) seen.add(b);
      if (before.has(b)) seen.add(a);
    }
  }
  return seen;
}

function matching(world, edges, text) {
  const needle = text.toLowerCase();
  const hit = (id) => {
    const node = world.nodes.get(id);
    return [id, node?.image, node?.group].some((value) => value?.replace(/^group:/, '').toLowerCase().includes(needle));
  };
  return edges.filter(({ edge, a, b }) => hit(edge.src) || hit(edge.dst) || hit(a) || hit(b));
}

function foldServices(placed) {
  const folded = new Map();
  const badges = new Map();
  const kept = placed.filter(({ edge, a, b }) => {
    if (!edge.service || edge.denied || edge.would_deny || edge.state === 'new' || a === b) return true;
    const scrapes = edge.service === 'metrics';
    const [peer, client] = scrapes ? [edge.src, b] : [edge.dst, a];
    const key = `${edge.service}|${peer}|${edge.port}`;
    const service = folded.get(key) ?? { service: edge.service, peer, port: edge.port, clients: 0, connections: 0 };
    service.clients++;
    service.connections += edge.connections;
    folded.set(key, service);
    const badgeKey = `${client}|${key}`;
    const badge = badges.get(badgeKey) ?? { client, service: edge.service, peer, port: edge.port, direction: scrapes ? 'in' : 'out', connections: 0, denied: 0 };
    badge.connections += edge.connections;
    badges.set(badgeKey, badge);
    return false;
  });
  return { kept, folded: [...folded.values()], badges: [...badges.values()] };
}

function nodeOf(world, id, touching, badges, stand) {
  const own = world.nodes.get(id);
  const edges = touching.get(id) ?? [];
  const common = { id, connections: sum(edges, 'connections'), bytes: sumOrUnknown(edges, 'bytes'), denied: sum(edges, 'denied'),
    would_deny: sum(edges, 'would_deny'), badges: badges.filter((badge) => badge.client === id).map(({ client, ...badge }) => badge), change: null };
  if (own) {
    return { ...common, label: own.label, kind: own.kind, group: stand.groupOf(own), members: null, modes: null, mode: own.mode,
      share: own.share, instances: own.instances, image: own.image };
  }
  const members = [...world.nodes.values()].filter((node) => stand.groupOf(node) === id);
  if (id === OUTSIDE) {
    return { ...common, label: 'outside', kind: 'outside', group: null, members: members.length, modes: null, mode: null, share: null,
      instances: 0, image: null };
  }
  const modes = {};
  for (const { mode } of members) modes[mode] = (modes[mode] ?? 0) + 1;
  return { ...common, label: id.replace(/^group:/, ''), kind: 'group', group: null, members: members.length, modes,
    mode: null, share: null, instances: sum(members, 'instances'), image: null };
}

function byPair(world, placed) {
  const pairs = new Map();
  for (const { edge, a, b } of placed) {
    if (a === b && !world.nodes.has(a)) continue; // within a closed group
    const key = `${a} ${b}`;
    if (!pairs.has(key)) pairs.set(key, { a, b, edges: [] });
    pairs.get(key).edges.push(edge);
  }
  return pairs;
}

/** The answer to GET /v1/map?QUERY. */
export function mapAnswer(world, query, now) {
  const range = (prefix) => [instant(query.get(`${prefix}since`), now), instant(query.get(`${prefix}until`), now)];
  const [since, until] = range('');
  const [beforeSince, end] = range('before_');
  const beforeUntil = Math.min(end ?? since, since);
  const compared = beforeSince !== null;
  const stand = standIns(world, query);
  const place = (list) => list.filter(Boolean).map((edge) => ({ edge, a: stand.of(edge.src), b: stand.of(edge.dst) }));
  let placed = place(world.edges.map((edge) => within(edge, since, until, now)));
  const earlier = compared ? byPair(world, place(world.edges.map((edge) => within(edge, beforeSince, beforeUntil, now)))) : null;
  const focus = query.get('focus');
  const totals = totalsOf(world, placed);
  if (query.get('q')) placed = matching(world, placed, query.get('q'));
  if (focus) {
    const near = neighbourhood(placed, focus, Number(query.get('hops') ?? 1));
    placed = placed.filter(({ a, b }) => near.has(a) && near.has(b));
  }
  const { kept, folded, badges } = query.get('fold') === '1' ? foldServices(placed) : { kept: placed, folded: [], badges: [] };
  const pairs = byPair(world, kept);
  const edges = [...pairs].map(([key, { a, b, edges: list }]) => mapEdge(a, b, list, earlier ? earlier.get(key)?.edges ?? null : undefined));
  const gone = goneEdges(earlier, pairs, focus);
  return { range: describeRange(since, until, now), before: compared ? describeRange(beforeSince, beforeUntil, now) : null,
    totals, collapsed: stand.collapsed, nodes: nodesOf(world, placed, badges, stand, gone), edges: [...edges, ...gone], folded };
}

/** What the earlier range alone has. */
function goneEdges(earlier, pairs, focus) {
  if (!earlier) return [];
  return [...earlier].filter(([key, { a, b }]) => !pairs.has(key) && (!focus || a === focus || b === focus))
    .map(([, { a, b, edges }]) => ({ ...mapEdge(a, b, edges.map((edge) => ({ ...edge, connections: 0, bytes: 0, denied: 0, would_deny: 0 })), edges) }));
}

function totalsOf(world, placed) {
  const edges = placed.map(({ edge }) => edge);
  const workloads = [...world.nodes.values()].filter((node) => node.kind === 'workload');
  return { workloads: workloads.length, groups: new Set(workloads.map((node) => node.group).filter(Boolean)).size, edges: edges.length,
    connections: sum(edges, 'connections'), bytes: sumOrUnknown(edges, 'bytes'), denied: sum(edges, 'denied'), would_deny: sum(edges, 'would_deny') };
}

function nodesOf(world, placed, badges, stand, gone) {
  const touching = new Map();
  for (const { edge, a, b } of placed) {
    for (const id of new Set([a, b])) {
      if (!touching.has(id)) touching.set(id, []);
      touching.get(id).push(edge);
    }
  }
  const shown = new Set([...touching.keys(), ...gone.flatMap(({ src, dst }) => [src, dst])]);
  return [...shown].map((id) => nodeOf(world, id, touching, badges, stand));
}

/** The answer to GET /v1/map/edges?src=&dst=: each src/dst/port edge behind one of the map's. */
export function edgesBehind(world, src, dst, query, now) {
  const stands = (id, end) => id === end || world.nodes.get(id).group === end || (end === OUTSIDE && isOutside(world.nodes.get(id)));
  const [since, until] = [instant(query.get('since'), now), instant(query.get('until'), now)];
  return { edges: world.edges.filter((edge) => stands(edge.src, src) && stands(edge.dst, dst))
    .map((edge) => within(edge, since, until, now)).filter(Boolean)
    .map(({ id, service, port, ...edge }) => ({ ...edge, proto: port.split('/')[1], port: Number(port.split('/')[0]) })) };
}
