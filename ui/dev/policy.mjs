// SPDX-License-Identifier: GPL-2.0-or-later
// The policy of the stand-in: rules from the record, revisions, trials, modes, and the refusals that the daemon knows.
import { idOf } from './random.mjs';

export class Refusal extends Error {
  constructor(status, what, where, todo, more = {}) {
    super(what);
    this.status = status;
    this.body = { error: { what, where, do: todo, ...more } };
  }
}

const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

function rulesFrom(edges) {
  const rules = new Map();
  for (const edge of edges) {
    const key = `${edge.dst} ${edge.port}`;
    if (!rules.has(key)) rules.set(key, { from: [], to: [edge.dst], ports: [edge.port], edges: [], connections: 0 });
    const rule = rules.get(key);
    rule.from.push(edge.src);
    rule.edges.push(edge.id);
    rule.connections += edge.connections;
  }
  return [...rules.values()].sort((a, b) => a.to[0].localeCompare(b.to[0]));
}

const list = (names) => (names.length === 1 ? names[0] : `[${names.join(', ')}]`);

function yamlOf(rules, workloads) {
  const lines = ['# Proposed by bulkhead from the stand-in\'s record.', 'bulkhead-policy: 1', 'deny: reject', 'workloads:'];
  for (const id of workloads) lines.push(`  ${id}:`, `    bulkhead.workload: ${id}`);
  lines.push('rules:');
  for (const rule of rules) {
    lines.push(`  # ${plural(rule.from.length, 'source')}, ${plural(rule.connections, 'connection')}, all answered`,
      `  - from: ${list(rule.from)}`, `    to: ${list(rule.to)}`, `    ports: [${rule.ports.join(', ')}]`, `    edges: [${rule.edges.join(', ')}]`);
  }
  return `${lines.join('\n')}\n`;
}

const textOf = (rule) => `${list(rule.from)} → ${list(rule.to)} ${rule.ports.join(', ')}`;

function parseRules(yaml) {
  if (!/^bulkhead-policy: 1$/m.test(yaml)) throw new Refusal(422, 'the document names no format', 'line 1', 'begin with "bulkhead-policy: 1"');
  const rules = [];
  for (const match of yaml.matchAll(/- from: (.*)\n\s+to: (.*)\n\s+ports: \[(.*)\](?:\n\s+edges: \[(.*)\])?/g)) {
    const names = (text) => text.replace(/^\[|\]$/g, '').split(', ');
    rules.push({ from: names(match[1]), to: names(match[2]), ports: match[3].split(', '), edges: match[4]?.split(', ') ?? [] });
  }
  return rules;
}

const lineSet = (rules) => new Set(rules.flatMap((rule) => rule.from.flatMap((from) => rule.to.flatMap((to) => rule.ports.map((port) => `${from} → ${to}  ${port}`)))));

export class Policy {
  constructor(world, traffic, now) {
    this.world = world;
    this.traffic = traffic;
    const learned = world.edges.filter((edge) => edge.state === 'learned');
    this.workloads = [...world.nodes.values()].filter((node) => node.kind === 'workload').map((node) => node.id);
    this.proposal = yamlOf(rulesFrom(learned), this.workloads);
    const earlier = yamlOf(rulesFrom(learned.filter((edge, index) => index % 41 !== 7)), this.workloads);
    const first = yamlOf(rulesFrom(learned.filter((edge, index) => index % 5 === 0)), this.workloads);
    this.revisions = [this.revision(1, first, now - 9 * 86400, 'first version'), this.revision(2, earlier, now - 2 * 86400, 'reviewed with the shop\'s people')];
    this.trial = null;
    this.existing = 'cut';
    this.changes = [];
  }

  revision(number, document, time, why) {
    return { number, revision: idOf(document), time, author: 'uid 0', why, confirmed: true, document };
  }

  get active() {
    return this.revisions[this.revisions.length - 1];
  }

  history() {
    return { revisions: [...this.revisions].reverse().map(({ document, ...revision }) => ({ ...revision, active: revision.number === this.active.number })) };
  }

  rules(of) {
    const document = of === 'proposal' ? this.proposal : this.active.document;
    return { of, number: of === 'proposal' ? null : this.active.number, revision: of === 'proposal' ? null : this.active.revision,
      rules: parseRules(document).map((rule, index) => ({ number: index + 1, action: 'allow', ...rule, expires: null, comment: null, text: textOf(rule) })) };
  }

  wouldBlock(document) {
    const allowed = lineSet(parseRules(document));
    const blocked = this.world.edges.filter((edge) => edge.state === 'learned' && !edge.denied && !allowed.has(`${edge.src} → ${edge.dst}  ${edge.port}`));
    const uncertain = this.world.edges.filter((edge) => edge.state === 'unlearned');
    const verdict = (text) => (edge) => ({ src: edge.src, dst: edge.dst, proto: edge.port.split('/')[1], port: Number(edge.port.split('/')[0]), connections: edge.connections,
      first: edge.first, last: edge.last, verdict: text, side: 'egress', workload: edge.src, rule: null, reason: `no rule lets ${edge.src} open ${edge.port} to ${edge.dst}` });
    return { checked: this.world.edges.length, allowed: this.world.edges.length - blocked.length - uncertain.length,
      uncertain: uncertain.map(verdict('uncertain')), would_block: blocked.map(verdict('deny')) };
  }

  existingOf(blocked) {
    const connections = blocked.slice(0, 40).map((verdict) => ({ src: { ip: this.world.nodes.get(verdict.src).address, port: 41234, workload: verdict.src },
      dst: { ip: this.world.nodes.get(verdict.dst).address, port: verdict.port, workload: verdict.dst }, proto: verdict.proto, port: verdict.port,
      since: verdict.last - 400, bytes: null, side: 'egress', workload: verdict.workload, rule: null, reason: verdict.reason, not_kept: null }));
    return { existing: this.existing, open: 812, count: connections.length, connections, either_way_count: 0, either_way: [], uncertain_count: 0, uncertain: [],
      uncertain_refused_count: 0, not_kept_count: 0, incomplete: null };
  }

  /** A document without a rule for the name server is refused: that is what the guard is for. */
  guardOf(document, overridden) {
    const server = 'compose:infra/dns';
    const needed = this.world.nodes.has(server) && !document.includes(`to: ${server}`);
    const findings = needed ? [{ kind: 'dns', src: 'compose:shop/web', dst: server, proto: 'udp', port: 53, connections: 4011, last: this.world.now, side: 'egress',
      workload: 'compose:shop/web', rule: null, reason: 'no rule lets compose:shop/web open 53/udp to compose:infra/dns',
      add_rule: '- {from: compose:shop/web, to: compose:infra/dns, ports: [53/udp]}', add_workloads: [] }] : [];
    return { refused: findings.length > 0 && !overridden, overridden: findings.length > 0 && overridden, session: null, findings };
  }

  diff(document) {
    const [now, then] = [lineSet(parseRules(this.active.document)), lineSet(parseRules(document))];
    const lines = [...[...now].filter((line) => !then.has(line)).map((text) => ({ sign: '-', text })),
      ...[...then].filter((line) => !now.has(line)).map((text) => ({ sign: '+', text }))];
    const recorded = this.wouldBlock(document);
    return { lines, existing: this.existingOf(recorded.would_block), guard: this.guardOf(document, false), silence: null,
      recorded: { since: this.world.now - 7 * 86400, ...recorded } };
  }

  apply(document, query, back = null) {
    const anyway = query.get('anyway') === '1';
    const difference = this.diff(document);
    const guard = this.guardOf(document, anyway);
    const answer = { changes: difference.lines.length, existing: difference.existing, guard, silence: null };
    if (query.get('dry_run') === '1') return { dry_run: true, ...(back ? { back_to: back } : {}), ...answer };
    if (guard.refused) {
      throw new Refusal(409, 'compose:shop/web would be cut off from its name server compose:infra/dns', 'policy',
        'add the rule that is named, or apply it anyway and say why', { guard });
    }
    if (anyway && !query.get('why')) throw new Refusal(400, 'what is done anyway needs a reason', 'why', 'say why');
    const number = this.active.number + 1;
    const within = query.get('confirm_within');
    const before = this.active.number;
    this.revisions.push({ ...this.revision(number, document, Date.now() / 1000, query.get('why') || null), confirmed: !within });
    if (within) this.beginTrial(number, before, within);
    this.traffic.addEvent(Date.now() / 1000, { kind: 'policy', text: `revision ${number} was applied` });
    return { number, revision: this.active.revision, trial: this.trial, ...answer };
  }

  beginTrial(number, back, within) {
    const seconds = Number.parseInt(within, 10) * { s: 1, m: 60, h: 3600, d: 86400 }[within.at(-1)];
    this.trial = { number, back, until: Date.now() / 1000 + seconds, denied: 0, most: 100 };
    setTimeout(() => this.trial?.number === number && this.rollback(new URLSearchParams({ why: 'nobody confirmed it', number: String(back) })), seconds * 1000).unref();
  }

  confirm() {
    if (!this.trial) throw new Refusal(409, 'no revision is on trial', 'policy', 'apply one with confirm_within');
    this.active.confirmed = true;
    this.trial = null;
    return { number: this.active.number, revision: this.active.revision, changes: 0, trial: null, existing: null, guard: null, silence: null };
  }

  rollback(query) {
    const wanted = Number(query.get('number') || this.trial?.back || this.active.number - 1);
    const target = this.revisions.find((revision) => revision.number === wanted);
    if (!target) throw new Refusal(404, `there is no revision ${wanted}`, 'number', 'policy history lists them');
    const answer = this.apply(target.document, query, wanted);
    if (query.get('dry_run') !== '1') this.trial = null;
    return { ...answer, trial: this.trial };
  }

  mode(query) {
    const [wanted, mode] = [query.get('workload'), query.get('mode')];
    const nodes = [...this.world.nodes.values()].filter((node) => node.kind === 'workload' && (wanted === 'all' || node.id === wanted));
    if (!nodes.length) throw new Refusal(404, `no workload named ${wanted}`, 'workload', 'bulkhead workloads lists them');
    if (mode === 'enforce' && query.get('anyway') !== '1' && query.get('dry_run') !== '1') {
      throw new Refusal(409, `${nodes[0].id} is not ready for enforce: 9 of 14 windows were watched`, 'workload', 'bulkhead readiness WORKLOAD; or anyway, with why');
    }
    const rows = nodes.map((node) => ({ workload: node.id, mode, share: null, was: node.mode, share_was: null }));
    if (query.get('dry_run') !== '1') for (const node of nodes) node.mode = mode;
    return { rows, exposed: mode === 'learn' ? [] : ['ip filter FORWARD (policy drop) is going to be met by br-shop'], existing: this.existingOf([]), guard: this.guardOf(this.active.document, false), silence: null };
  }

  record(change) {
    this.changes.push({ number: this.changes.length + 1, time: Date.now() / 1000, ...change });
  }
}
