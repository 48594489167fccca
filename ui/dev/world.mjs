// SPDX-License-Identifier: GPL-2.0-or-later
// A made-up host: its workloads, and who talks to whom. "large" has 500 workloads in 25 projects and about 5,000
// edges; "lab" is the built-in lab's five.
import { idOf, random } from './random.mjs';

const HOUR = 3600;
const DAY = 24 * HOUR;

const PROJECTS = ['shop', 'billing', 'catalog', 'search', 'identity', 'mail', 'reports', 'warehouse', 'shipping',
  'returns', 'loyalty', 'pricing', 'reviews', 'media', 'chat', 'fraud', 'tax', 'crm', 'partner-gateway',
  'recommendations-and-personalisation', 'k8s:prod', 'k8s:staging', 'monitoring', 'infra', 'logging'];
const TIERS = ['web', 'api', 'worker', 'db', 'cache', 'queue', 'scheduler', 'admin', 'auth', 'search', 'thumbnailer',
  'importer', 'exporter', 'webhook', 'session', 'mailer', 'db-replica', 'reporter', 'cron', 'migrate-and-backfill'];
const OUTSIDE = ['api.stripe.example', 'hooks.slack.example', 'registry.npm.example', 'smtp.mailhub.example',
  's3.eu-central-1.cloud.example', 'sts.cloud.example', 'maps.geo.example', 'fx.rates.example', 'login.sso.example',
  'telemetry.vendor.example', 'updates.distribution.example', 'cdn.assets.example', 'carrier-api.parcel.example',
  'vat.revenue.example', 'push.mobile.example', 'ntp.pool.example', 'geoip.lookups.example', 'ocsp.ca.example'];
const PORT_OF = { db: '5432/tcp', 'db-replica': '5432/tcp', cache: '6379/tcp', queue: '5672/tcp', search: '9200/tcp' };

function groupOf(project) {
  return project.startsWith('k8s:') ? `group:${project}` : `group:compose:${project}`;
}

function workloadId(project, tier) {
  return project.startsWith('k8s:') ? `${project}/deploy/${tier}` : `compose:${project}/${tier}`;
}

class World {
  constructor(now, seed) {
    this.now = now;
    this.random = random(seed);
    this.nodes = new Map();
    this.edges = [];
    this.index = new Map();
  }

  node(id, kind, extra = {}) {
    if (!this.nodes.has(id)) {
      this.nodes.set(id, { id, kind, group: null, label: id, image: null, instances: 0, mode: null, share: null,
        address: `10.${20 + (this.nodes.size >> 8)}.${this.nodes.size & 255}.2`, ...extra });
    }
    return this.nodes.get(id);
  }

  workload(id, group, label, extra = {}) {
    return this.node(id, 'workload', { group, label, instances: 1, mode: 'learn', image: `${label}:1.4`, ...extra });
  }

  /** An edge with its history; the same twice is one. */
  edge(src, dst, port, extra = {}) {
    const key = `${src}>${dst}>${port}`;
    if (this.index.has(key)) return;
    const connections = this.random.skewed(extra.most ?? 40000);
    const denied = extra.denied ?? 0;
    const edge = { id: idOf(key), src, dst, port, connections: Math.max(connections, denied),
      answered: denied ? 0 : connections, denied, would_deny: extra.would_deny ?? 0,
      bytes: this.random.chance(0.02) ? null : denied ? denied * 60 : connections * this.random.integer(300, 90000),
      first: this.now - this.random.integer(2 * DAY, 20 * DAY), last: this.now - this.random.skewed(2 * DAY),
      state: denied ? 'denied' : extra.would_deny ? 'would-deny' : extra.state ?? 'learned',
      service: extra.service ?? null };
    if (extra.state === 'new') edge.first = this.now - this.random.integer(60, 3000);
    if (edge.last < edge.first) edge.last = edge.first + 1;
    this.index.set(key, edge);
    this.edges.push(edge);
  }
}

function addProject(world, project, index) {
  const group = groupOf(project);
  const { random: r } = world;
  for (const tier of TIERS) {
    const mode = index < 4 ? 'enforce' : index < 9 ? 'audit' : index === 9 ? 'stage1' : 'learn';
    world.workload(workloadId(project, tier), group, tier,
      { instances: tier === 'web' || tier === 'api' ? r.integer(2, 4) : 1, mode, image: `${tier}:${r.integer(1, 9)}.${r.integer(0, 20)}` });
  }
  const id = (tier) => workloadId(project, tier);
  world.edge(id('cache'), id('cache'), '7946/tcp'); // replicas among themselves
  world.edge('world', id('web'), '443/tcp');
  world.edge('host', id('web'), '8080/tcp', { most: 9000 });
  for (const server of ['api', 'auth', 'session']) world.edge(id('web'), id(server), '8080/tcp');
  for (const client of TIERS) {
    for (const server of ['db', 'cache', 'queue', 'search', 'api', 'db-replica']) {
      if (client !== server && r.chance(0.42)) world.edge(id(client), id(server), PORT_OF[server] ?? '8080/tcp');
    }
    for (let i = 0; i < 2; i++) {
      const name = r.pick(OUTSIDE);
      if (r.chance(0.5)) {
        world.node(`dns:${name}`, 'dns', { label: name });
        world.edge(id(client), `dns:${name}`, '443/tcp', { state: r.chance(0.02) ? 'review' : 'learned' });
      }
    }
  }
}

/** What everybody uses: what hides a map where it is not folded. */
function addCommonServices(world) {
  const services = [['compose:infra/dns', 'dns', '53/udp', 'dns', false],
    ['compose:monitoring/prometheus', 'prometheus', '9100/tcp', 'metrics', true],
    ['compose:logging/loki', 'loki', '3100/tcp', 'logs', false]];
  for (const [id, label] of services) {
    world.workload(id, `group:${id.split('/')[0]}`, label, { mode: 'audit' });
  }
  const clients = [...world.nodes.values()].filter((node) => node.kind === 'workload');
  for (const [server, , port, service, scrapes] of services) {
    for (const { id } of clients.filter((client) => client.id !== server)) {
      world.edge(scrapes ? server : id, scrapes ? id : server, port, { service });
      if (service === 'dns' && world.random.chance(0.2)) world.edge(id, server, '53/tcp', { service });
    }
  }
}

function addBetweenProjects(world, wanted) {
  const { random: r } = world;
  const calls = [];
  for (const project of PROJECTS) {
    for (let i = 0; i < 4; i++) calls.push([project, PROJECTS[Math.floor(r.next() ** 2 * PROJECTS.length)]]);
  }
  while (world.edges.length < wanted) {
    const [from, to] = r.pick(calls);
    if (from === to) continue;
    const state = r.chance(0.008) ? 'new' : r.chance(0.015) ? 'review' : r.chance(0.01) ? 'unlearned' : 'learned';
    world.edge(workloadId(from, r.pick(TIERS)), workloadId(to, r.pick(TIERS)), r.pick(['8080/tcp', '8443/tcp', '9000/tcp', '50051/tcp']), { state });
  }
}

function addTrouble(world) {
  const { random: r } = world;
  const enforced = [...world.nodes.values()].filter((node) => node.mode === 'enforce');
  const audited = [...world.nodes.values()].filter((node) => node.mode === 'audit');
  for (let i = 0; i < 14; i++) {
    world.edge(r.pick(enforced).id, workloadId(r.pick(PROJECTS), 'db'), '5432/tcp', { denied: r.integer(1, 4000) });
  }
  world.edge(enforced[3].id, '203.0.113.66', '4444/tcp', { denied: 312 });
  world.edge(enforced[7].id, '169.254.169.254', '80/tcp', { denied: 9 });
  for (let i = 0; i < 20; i++) {
    world.edge(r.pick(audited).id, workloadId(r.pick(PROJECTS), 'admin'), '22/tcp', { would_deny: r.integer(1, 90) });
  }
  world.edge('masked', workloadId('shop', 'web'), '443/tcp', { state: 'unlearned' });
  world.edge('unresolved:10.20.9.77', workloadId('shop', 'api'), '8080/tcp', { state: 'unlearned' });
  world.edge(workloadId('media', 'worker'), '2001:db8:4f:1::9', '443/tcp', { state: 'review' });
}

function addPeers(world) {
  world.node('world', 'world');
  world.node('host', 'host');
  world.node('masked', 'masked');
  world.node('unresolved:10.20.9.77', 'unresolved', { label: '10.20.9.77' });
  world.node('203.0.113.66', 'address');
  world.node('169.254.169.254', 'metadata');
  world.node('2001:db8:4f:1::9', 'address');
}

function large(now) {
  const world = new World(now, 7);
  addPeers(world);
  PROJECTS.forEach((project, index) => addProject(world, project, index));
  addCommonServices(world);
  addTrouble(world);
  addBetweenProjects(world, 5000);
  return world;
}

function lab(now) {
  const world = new World(now, 3);
  world.node('world', 'world');
  for (const name of ['web', 'api', 'cache', 'db', 'job']) {
    world.workload(`netns:lab-${name}`, null, `lab-${name}`, { instances: name === 'web' || name === 'api' ? 2 : 1, image: null });
  }
  const edge = (src, dst, port, extra) => world.edge(src === 'world' ? src : `netns:lab-${src}`, `netns:lab-${dst}`, port, extra);
  edge('world', 'web', '80/tcp');
  edge('web', 'api', '8080/tcp');
  edge('api', 'db', '5432/tcp');
  edge('api', 'cache', '6379/tcp', { state: 'review' });
  edge('api', 'cache', '53/udp');
  edge('job', 'api', '8080/tcp', { state: 'new' });
  edge('job', 'db', '5432/tcp');
  edge('web', 'db', '5432/tcp', { denied: 24 });
  return world;
}

/** The host's record: {now, nodes: Map, edges: [], random}. */
export function makeWorld(size, now) {
  return size === 'lab' ? lab(now) : large(now);
}
