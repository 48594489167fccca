// SPDX-License-Identifier: GPL-2.0-or-later
// What the stand-in says of itself: status, coverage, readiness, the review queue, and why an edge is judged as it is.

const NO_LOSS = { packets: 0, evictions: 0, flow_reports: 0, names: 0, claims: 0, neighbours: 0, denials: 0, netlink_overruns: 0, capture_ends: 0, core_ends: 0, events: 0 };

function modesOf(world) {
  const modes = { learn: 0, audit: 0, stage1: 0, enforce: 0 };
  for (const { kind, mode } of world.nodes.values()) if (kind === 'workload') modes[mode]++;
  return modes;
}

export function statusOf(world, policy, started) {
  const lost = { ...NO_LOSS, packets: 1204 };
  return { version: '0.1.0', started, host: 'stand-in',
    enforcement: { state: 'active', why: null, leaks: 1, last_leak: 'compose:shop/web → compose:shop/db 5432/tcp', self_test: { interval: 600, checked: Date.now() / 1000 - 40,
      bridges: [{ name: 'br-shop', state: 'proved', time: Date.now() / 1000 - 40, why: null }], routed: [] }, revision: policy.active.revision, number: policy.active.number, trial: policy.trial,
      existing: 'cut', draining: [], open: [], expiring: [], tables: 'owner', tables_why: null, verified: Date.now() / 1000 - 12, verified_in: 0.011, unverified_why: null,
      tampered: 1, last_tampered: 'nft', bridge: 'stateless', silence: null, applied: policy.active.time, posture: 'open', postures: [], bridges: [{ name: 'br-shop', filtered: true }] },
    capture: { state: 'running', hangs_since: null, workers: 1, restarts: 0, copies: 'all', throttled: false, packets: 81923111, dropped: 1204, flows: 4211, evicted: 0 },
    identity: { endpoints: world.nodes.size, unidentified: 1, overruns: 0, runtimes: [{ name: 'docker', state: 'connected', why: null }, { name: 'podman', state: 'absent', why: 'its socket is not there' }] },
    learning: { edges: world.edges.length, window_seconds: 86400, windows: 9, unlearned: { unanswered: 41, direction: 12, unresolved: 3, blocked: 812, overflow: 0 } },
    modes: modesOf(world), shares: [], loss: { since: started, interval_seconds: 10, minute: NO_LOSS, hour: lost, total: lost, intervals: [{ from: Date.now() / 1000 - 1800, until: Date.now() / 1000 - 1790, packets: 1204 }] },
    unknown: ['1 endpoint is nobody\'s: no runtime knows veth91ab (10.20.9.77)', '1,204 packets were lost within the last hour: counts of flows of that time are a floor',
      '56 connections were not learned: 41 unanswered, 12 of unknown direction, 3 with an unresolved end', 'podman\'s containers: its socket is not there'] };
}

export function coverageOf(world) {
  const rows = [...world.nodes.values()].filter((node) => node.kind === 'workload').slice(0, 120).map((node) => ({ name: `${node.label}-1`, workload: node.id, runtime: 'docker', coverage: 'enforceable', why: null, posture: null }));
  rows.unshift({ name: 'node-exporter', workload: null, runtime: 'docker', coverage: 'neither', why: 'it is in the host\'s network', posture: null, listens: ['9100/tcp'] },
    { name: 'vpn-client', workload: 'compose:infra/vpn', runtime: 'docker', coverage: 'observable', why: 'macvlan: no rule of ours is met there', posture: null },
    { name: 'veth91ab', workload: null, runtime: null, coverage: 'enforceable', why: 'no runtime knows it', posture: 'audit' });
  return { rows, unseen: ['VLAN tags and destination MAC addresses: packets that differ in nothing else count in one flow', 'what containers say to themselves: it crosses no veth'],
    nameless: ['compose:mail/worker: no DNS answer was seen; its rules by name match nothing'] };
}

const stage = (mode, reached, missing) => ({ mode, reached, missing, ready: missing.length === 0 });

export function readinessOf(world, query) {
  const nodes = [...world.nodes.values()].filter((node) => node.kind === 'workload');
  const order = ['learn', 'audit', 'stage1', 'enforce'];
  const probability = Number(query.get('for') ?? 0.95);
  const workloads = nodes.map((node, index) => {
    const waiting = world.edges.filter((edge) => edge.state === 'review' && (edge.src === node.id || edge.dst === node.id)).length;
    const missing = [...(index % 3 === 0 ? [{ lack: 'windows', text: '9 of 14 windows were watched' }, { lack: 'weekdays', text: 'no Sunday was seen yet' }] : []),
      ...(waiting ? [{ lack: 'review', text: `${waiting} of its edges wait for a person` }] : [])];
    const reached = (mode) => order.indexOf(node.mode) >= order.indexOf(mode);
    return { workload: node.id, windows: 9, edges: world.edges.filter((edge) => edge.src === node.id || edge.dst === node.id).length, seen_once: index % 4, seen_twice: 1, accepted: 3, review: waiting,
      provisional: 0, waiting, urgent: 0, recent: index % 2, open_ended: index % 29 === 0, job: node.label === 'cron', lossy: index % 37 === 0, risk: index % 11 === 0 ? null : 0.01 + (index % 9) / 50, mode: node.mode,
      stages: [stage('audit', reached('audit'), missing.slice(0, 1)), stage('stage1', reached('stage1'), missing), stage('enforce', reached('enforce'),
        [...missing, ...(reached('audit') ? [] : [{ lack: 'quiet', text: 'it is not audited yet: 7 windows without a denial are wanted' }])])] };
  });
  return { windows: 9, window_seconds: 86400, edges: world.edges.length, seen_once: 61, expected: 4.2, bound: 11, quiet: 0.61, rate: 0.0178, recent: 6, recent_windows: 3, deployed: true, basis: 'seen_once',
    longest_schedule: 14, longest_schedule_twice: 7, lost_contacts: 2, overflow: 0, unlearned: { unanswered: 41, direction: 12, unresolved: 3, blocked: 812, overflow: 0 }, uncounted: { unwatched: 1, lossy: 1 },
    weekdays_missing: [3], for: { probability, windows: 21, quiet: null },
    schedules: [{ src: nodes[0].id, dst: nodes[3]?.id ?? 'world', proto: 'tcp', port: 5432, every: 7, seen: 2, next: Date.now() / 1000 + 86400, overdue: false }],
    declared: [{ workload: nodes[0].id, label: 'bulkhead.schedule', text: 'monthly', why: null }],
    workloads: query.get('workload') ? workloads.filter((row) => row.workload === query.get('workload')) : workloads };
}

const decided = new Map();

export function reviewOf(world, query) {
  const all = query.get('all') === '1';
  const edges = world.edges.filter((edge) => edge.state === 'review' || edge.denied || (all && edge.state === 'learned'))
    .filter((edge) => !query.get('workload') || [edge.src, edge.dst].includes(query.get('workload')));
  return { edges: edges.filter((edge) => all || !decided.has(edge.id)).map((edge) => ({ src: edge.src, dst: edge.dst, proto: edge.port.split('/')[1], port: Number(edge.port.split('/')[0]),
    state: decided.has(edge.id) ? (decided.get(edge.id).accepted ? 'accepted' : 'rejected') : edge.state === 'learned' ? 'accepted' : 'review', reasons: edge.denied ? ['F1: denied by the policy'] : ['F3: seen in one window only'], windows: 1, hours: 2, replicas: 1,
    connections: edge.connections, answered: edge.answered, first: edge.first, last: edge.last, id: edge.id, list: edge.denied ? 'denied' : 'edge', urgent: edge.port === '5432/tcp', provisional: false, ruled: false, lossy: false,
    decision: decided.get(edge.id) ?? null })) };
}

export function decide(world, query) {
  const wanted = query.get('edges').split(',');
  const accepted = query.get('action') === 'accept';
  const edges = reviewOf(world, new URLSearchParams()).edges.filter((edge) => wanted.includes(edge.id) || (wanted[0] === 'all' && edge.list !== 'denied'));
  const expires = query.get('expires') ? Date.now() / 1000 + Number(query.get('expires')) * 86400 : null;
  for (const edge of edges) decided.set(edge.id, { accepted, author: 'stand-in', why: query.get('why') ?? '', time: Date.now() / 1000, expires });
  return { edges: edges.map((edge) => ({ ...edge, state: accepted ? 'accepted' : 'rejected', decision: decided.get(edge.id) })), demoted: [] };
}

export function explainEdge(world, policy, query) {
  const [src, dst, port] = ['src', 'dst', 'port'].map((name) => query.get(name));
  const edge = world.edges.find((one) => one.src === src && one.dst === dst && one.port === port);
  const rule = edge && policy.rules('active').rules.find((one) => one.edges.includes(edge.id));
  const mode = world.nodes.get(src)?.mode ?? null;
  const denied = !rule;
  return { src, dst, port, verdict: denied ? 'deny' : 'allow', blocked: denied && mode === 'enforce', audited: denied && mode === 'audit', side: denied ? 'egress' : null, workload: denied ? src : null,
    rule: rule?.number ?? null, reason: denied ? `no rule lets ${src} open ${port} to ${dst}` : rule.text, refusal: denied && mode === 'enforce' ? 'drop' : null, unknown: [], src_share: null, dst_share: null };
}

export function explainRule(world, policy, traffic, query) {
  const of = query.get('of') ?? 'active';
  const rule = policy.rules(of).rules[Number(query.get('rule')) - 1];
  const edges = world.edges.filter((edge) => rule.edges.includes(edge.id));
  const flowsOf = (edge) => traffic.flows.filter((flow) => flow.src.workload === edge.src && (flow.dst.workload ?? `dns:${flow.dns}`) === edge.dst && `${flow.dst.port}/${flow.proto}` === edge.port).slice(-3).reverse();
  return { number: policy.active.number, revision: policy.active.revision, rule: rule.number, text: rule.text, comment: null, left_off: 0, missing: [],
    edges: edges.map((edge) => ({ edge: { id: edge.id, src: edge.src, dst: edge.dst, proto: edge.port.split('/')[1], port: Number(edge.port.split('/')[0]), first: edge.first, last: edge.last, connections: edge.connections,
      answered: edge.answered, bytes: edge.bytes, replicas: 1, windows: 9, lossy: false, dns: [], sni: [], masked: null, clients: [] },
    linked: true, rule: rule.number, verdict: 'allow', first_flow: null, newest_flow: flowsOf(edge)[0] ?? null, recent: flowsOf(edge) })) };
}

export function usesOf(policy, started) {
  return { number: policy.active.number, revision: policy.active.revision, since: null, counters_read: Date.now() / 1000 - 20, rules: policy.rules('active').rules.map((rule, index) => ({ rule: rule.number, text: rule.text, id: rule.edges[0],
    state: index % 17 === 3 ? 'unused' : index % 31 === 5 ? 'unknown' : 'used', last_used: index % 17 === 3 ? null : Date.now() / 1000 - index * 60, told_by: 'flow', shared: false, watched_since: started - 86400, watched_for: 86400,
    source_seen: null, counted: true, remark: null })) };
}
