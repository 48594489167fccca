// SPDX-License-Identifier: GPL-2.0-or-later
// Flows and events of the stand-in: a past that is there from the start, and what goes on happening.
import { random } from './random.mjs';

const FLOWS_KEPT = 6000;

function addressOf(world, id) {
  const node = world.nodes.get(id);
  return node.kind === 'address' || node.kind === 'metadata' ? id : node.address;
}

const named = (world, id) => (['address', 'metadata', 'dns'].includes(world.nodes.get(id).kind) ? null : id);

function flowOf(world, edge, time, number, r) {
  const [port, proto] = edge.port.split('/');
  const denied = edge.denied > 0;
  const packets = denied ? r.integer(1, 4) : r.skewed(4000);
  const delivered = denied ? 0 : packets;
  const half = (n, bytes) => ({ packets: n, bytes, delivered_packets: delivered, delivered_bytes: denied ? 0 : bytes });
  const counted = edge.bytes !== null;
  const unknown = { packets: null, bytes: null, delivered_packets: null, delivered_bytes: null };
  return { number, first: time - r.next() * (denied ? 0.1 : 20), last: time, proto,
    src: { ip: addressOf(world, edge.src), port: r.integer(32768, 60999), workload: named(world, edge.src) },
    dst: { ip: addressOf(world, edge.dst), port: Number(port), workload: named(world, edge.dst) },
    tx: counted ? half(packets, packets * r.integer(60, 1400)) : unknown, rx: counted && !denied ? half(packets, packets * r.integer(60, 1400)) : unknown,
    state: denied ? 'refused' : edge.answered ? r.pick(['closed', 'closed', 'established']) : 'attempted',
    direction: edge.state === 'unlearned' ? 'unknown' : 'syn', dns: edge.dst.startsWith('dns:') ? edge.dst.slice(4) : null, sni: null, via: null,
    masked: edge.src === 'masked' ? 'docker-proxy of host:443' : null, tunnel: null, icmp_error: null,
    verdict: denied ? 'denied' : counted ? 'delivered' : 'unknown', verdict_back: denied ? 'unknown' : 'delivered', lossy: r.chance(0.01),
    counted_by: counted ? 'capture' : null };
}

function packetEvent(edge, kind) {
  const [port, proto] = edge.port.split('/');
  const refused = kind === 'denied' ? 'refused' : 'would be refused';
  return { kind, text: `${edge.src} → ${edge.dst} ${edge.port} ${refused}: no rule lets ${edge.src} open ${edge.port} to ${edge.dst}`,
    proto, port: Number(port), src: { ip: null, port: 40000, workload: edge.src }, dst: { ip: null, port: Number(port), workload: edge.dst },
    side: 'egress', workload: edge.src, replica: null, dropped: kind === 'denied', reason: `no rule lets ${edge.src} open ${edge.port} to ${edge.dst}` };
}

function rareEvents(world) {
  const workloads = [...world.nodes.values()].filter((node) => node.kind === 'workload').map((node) => node.id);
  return [
    { kind: 'leak', text: `${workloads[0]} → ${workloads[3]} 5432/tcp was delivered although revision 2 denies it`, proto: 'tcp', port: 5432,
      src: { ip: '10.20.0.2', port: 40000, workload: workloads[0] }, dst: { ip: '10.20.0.9', port: 5432, workload: workloads[3] }, mode: 'enforce', revision_number: 2 },
    { kind: 'spoof', text: `${workloads[1]} sends as 10.20.0.9, which is ${workloads[3]}'s`, sender: workloads[1], other: workloads[3], workload: workloads[1] },
    { kind: 'tampering', text: 'nft (process 4711) changed our tables; they were made whole after 0.004 s', process: 'nft', pid: 4711, ended: false,
      command: 'nft flush ruleset', found: 'told', transactions: 1, repaired: true, repaired_after: 0.004, done: 'delete table inet bulkhead', differed: null },
    { kind: 'loss', text: '1,204 packets were lost within ten seconds: the kernel\'s ring was full', packets: 1204 },
    { kind: 'undelivered', text: `${workloads[2]} → ${workloads[4]} 6379/tcp did not arrive, and no rule of ours denied it`, proto: 'tcp', port: 6379,
      src: { ip: '10.20.0.4', port: 40000, workload: workloads[2] }, dst: { ip: '10.20.0.6', port: 6379, workload: workloads[4] }, suspects: ['ip filter FORWARD'] },
    { kind: 'unknown-address', text: '10.20.9.77 is claimed at 02:42:0a:14:09:4d, and nobody is known to hold it' },
    { kind: 'deploy', text: `${workloads[1]} was deployed anew`, deploy: workloads[1] },
    { kind: 'endpoint-up', text: `${workloads[4]} (interface veth91ab) appeared` },
    { kind: 'policy', text: 'revision 2 was applied by uid 0: second version' },
  ];
}

/** What happened, and what happens: {flows, events, onFlow, onEvent, start(), stop()}; each of the lists oldest first. */
export function makeTraffic(world, now) {
  const r = random(23);
  const listeners = { flow: new Set(), event: new Set() };
  const flows = [];
  const events = [];
  const busy = [...world.edges].sort((a, b) => b.connections - a.connections);
  const refused = world.edges.filter((edge) => edge.denied);
  const suspicious = world.edges.filter((edge) => edge.would_deny);
  const pickEdge = () => (r.chance(0.03) && refused.length ? r.pick(refused) : busy[Math.floor(r.next() ** 2 * busy.length)]);
  let flowNumber = 0;
  let eventNumber = 0;

  const addFlow = (time) => {
    const flow = flowOf(world, pickEdge(), time, ++flowNumber, r);
    flows.push(flow);
    if (flows.length > FLOWS_KEPT) flows.shift();
    return flow;
  };
  const addEvent = (time, what) => {
    const event = { number: ++eventNumber, time, ...what };
    events.push(event);
    return event;
  };
  const rare = rareEvents(world);
  const somethingHappens = () => {
    const roll = r.next();
    if (roll < 0.62 && refused.length) return packetEvent(refused[Math.floor(r.next() ** 3 * refused.length)], 'denied');
    if (roll < 0.9 && suspicious.length) return packetEvent(suspicious[Math.floor(r.next() ** 3 * suspicious.length)], 'would-deny');
    return r.pick(rare);
  };

  for (let i = 5000; i > 0; i--) addFlow(now - i * 0.8);
  for (let time = now - 86400; time < now; time += 86400 / 1800 * (0.4 + r.next() * 1.2)) addEvent(time, somethingHappens());

  let timer = null;
  const tick = () => {
    const time = Date.now() / 1000;
    const flow = addFlow(time);
    for (const listener of listeners.flow) listener(flow);
    if (!r.chance(0.15)) return;
    const event = addEvent(time, somethingHappens());
    for (const listener of listeners.event) listener(event);
  };
  const subscribe = (kind) => (listener) => {
    listeners[kind].add(listener);
    return () => listeners[kind].delete(listener);
  };
  return { flows, events, addEvent, onFlow: subscribe('flow'), onEvent: subscribe('event'),
    start: () => { timer = setInterval(tick, 300); }, stop: () => clearInterval(timer) };
}
