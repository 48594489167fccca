// SPDX-License-Identifier: GPL-2.0-or-later
// A stand-in for the daemon's web listener: the same requests and answers (docs/api.md) over a made-up host, to
// develop and test the interface without one. It serves the built interface from dist, too.
//   node dev/server.mjs [--port 8470] [--size large|lab]
// The tokens are "operator" and "viewer".
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FilterError, parseFilter } from './filter.mjs';
import { coverageOf, decide, explainEdge, explainRule, readinessOf, reviewOf, statusOf, usesOf } from './judgement.mjs';
import { edgesBehind, instant, mapAnswer } from './map.mjs';
import { Policy, Refusal } from './policy.mjs';
import { makeTraffic } from './traffic.mjs';
import { makeWorld } from './world.mjs';

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const port = Number(option('port', '8470'));
const started = Date.now() / 1000;
const now = () => Date.now() / 1000;
const world = makeWorld(option('size', 'large'), started);
const traffic = makeTraffic(world, started);
const policy = new Policy(world, traffic, started);
const dist = join(fileURLToPath(new URL('..', import.meta.url)), 'dist');
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

function filterOf(query) {
  try {
    return parseFilter(query.get('filter') ?? '');
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new Refusal(400, error.message, 'filter', 'bulkhead help filters tells what can be said');
  }
}

function flowsAnswer(query) {
  const filter = filterOf(query);
  const limit = Number(query.get('limit') ?? 200);
  const before = Number(query.get('before') ?? Infinity);
  const [since, until] = [instant(query.get('since'), now()), instant(query.get('until'), now())];
  const matching = traffic.flows.filter((flow) => flow.number < before && flow.last >= (since ?? 0) && flow.first <= (until ?? Infinity) && filter(flow));
  const flows = matching.slice(-limit);
  return { flows, next: matching.length > limit ? String(flows[0].number) : null, known_since: traffic.flows[0].first, left_out: 0 };
}

function eventsAnswer(query) {
  const kinds = query.get('kind')?.split(',');
  const before = Number(query.get('before') ?? Infinity);
  const limit = Number(query.get('limit') ?? 500);
  const matching = traffic.events.filter((event) => event.number < before && (!kinds || kinds.includes(event.kind)));
  const events = matching.slice(-limit);
  return { events, next: matching.length > limit ? events[0].number : null };
}

function auditAnswer(query) {
  const before = Number(query.get('before') ?? Infinity);
  const limit = Number(query.get('limit') ?? 100);
  const matching = policy.changes.filter((change) => change.number < before);
  const changes = matching.slice(-limit).reverse();
  return { changes, next: matching.length > limit ? changes.at(-1).number : null };
}

function streamOf(request, response, query, begin) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': heartbeat\n\n');
  const heartbeat = setInterval(() => response.write(': heartbeat\n\n'), 15000);
  const end = begin((text) => response.write(text));
  request.on('close', () => {
    clearInterval(heartbeat);
    end();
  });
}

const followFlows = (request, response, query) => {
  const filter = filterOf(query);
  streamOf(request, response, query, (write) => {
    let sent = 0;
    return traffic.onFlow((flow) => {
      if (++sent % 40 === 0) write('event: gap\ndata: {"gap":12}\n\n');
      if (filter(flow)) write(`event: flow\ndata: ${JSON.stringify(flow)}\n\n`);
    });
  });
};

const followEvents = (request, response, query) => {
  const kinds = query.get('kind')?.split(',');
  const wanted = (event) => !kinds || kinds.includes(event.kind);
  const line = (event) => `id: ${event.number}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`;
  const after = Number(request.headers['last-event-id'] ?? Infinity);
  streamOf(request, response, query, (write) => {
    for (const event of traffic.events) if (event.number > after && wanted(event)) write(line(event));
    return traffic.onEvent((event) => wanted(event) && write(line(event)));
  });
};

const documentOf = (body) => body || policy.proposal;
const RULE_SOURCES = ['active', 'proposal'];

const GET = {
  '/v1/status': () => statusOf(world, policy, started),
  '/v1/map': (query) => mapAnswer(world, query, now()),
  '/v1/map/edges': (query) => edgesBehind(world, query.get('src'), query.get('dst'), query, now()),
  '/v1/flows': flowsAnswer,
  '/v1/events': eventsAnswer,
  '/v1/coverage': () => coverageOf(world),
  '/v1/readiness': (query) => readinessOf(world, query),
  '/v1/review': (query) => reviewOf(world, query),
  '/v1/workloads': () => ({ rows: [...world.nodes.values()].filter((node) => node.kind === 'workload').map((node) => ({ workload: node.id, mode: node.mode, share: null, why: 'compose labels',
    instances: [{ name: node.label, mode: node.mode, ifname: 'veth0', addresses: [node.address], listens: null, image: node.image, container_id: null, since: started }], departed: [], departed_count: 0 })), proposed_groups: [] }),
  '/v1/explain': (query) => (query.get('rule') ? explainRule(world, policy, traffic, query) : explainEdge(world, policy, query)),
  '/v1/policy/proposal': () => policy.proposal,
  '/v1/policy/active': (query) => (query.get('number') ? policy.revisions.find((revision) => revision.number === Number(query.get('number'))) : policy.active).document,
  '/v1/policy/history': () => policy.history(),
  '/v1/policy/uses': () => usesOf(policy, started),
  '/v1/policy/rules': (query) => {
    if (!RULE_SOURCES.includes(query.get('of'))) throw new Refusal(400, `no rules of ${query.get('of')}`, 'of', 'active or proposal');
    return policy.rules(query.get('of'));
  },
  '/v1/audit': auditAnswer,
};

const POST = {
  '/v1/policy/diff': (query, body) => policy.diff(documentOf(body)),
  '/v1/policy/check': (query, body) => policy.wouldBlock(body || policy.active.document),
  '/v1/policy/apply': (query, body) => policy.apply(documentOf(body), query),
  '/v1/policy/confirm': () => policy.confirm(),
  '/v1/policy/rollback': (query) => policy.rollback(query),
  '/v1/mode': (query) => policy.mode(query),
  '/v1/review': (query) => decide(world, query),
};
/** They tell what would be, and change nothing: a viewer may ask. */
const HARMLESS = ['/v1/policy/diff', '/v1/policy/check'];

const roleOf = (request) => /^Bearer (operator|viewer)$/.exec(request.headers.authorization ?? '')?.[1];

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function send(response, status, answer) {
  const text = typeof answer === 'string';
  response.writeHead(status, { 'content-type': text ? 'text/plain; charset=utf-8' : 'application/json', 'cache-control': 'no-store' });
  response.end(text ? answer : JSON.stringify(answer));
}

async function answerPost(request, url, role) {
  const handler = POST[url.pathname];
  if (!handler) throw new Refusal(404, `no request POST ${url.pathname}`, 'path', 'see docs/api.md');
  const dry = HARMLESS.includes(url.pathname) || url.searchParams.get('dry_run') === '1';
  if (role !== 'operator' && !dry) throw new Refusal(403, 'viewers may only read', 'role', 'ask an operator');
  const entry = { who: `stand-in ${role}`, via: 'token', method: 'POST', path: url.pathname, query: url.search.slice(1) };
  try {
    const answer = handler(url.searchParams, await bodyOf(request));
    if (!dry) policy.record({ ...entry, status: 200 });
    return answer;
  } catch (error) {
    if (error instanceof Refusal) policy.record({ ...entry, status: error.status });
    throw error;
  }
}

async function answer(request, response, url) {
  const role = roleOf(request);
  if (!role) throw new Refusal(401, 'this needs a token', 'authorization', 'bulkhead ui prints one');
  if (request.method === 'POST') return send(response, 200, await answerPost(request, url, role));
  if (url.pathname === '/v1/me') return send(response, 200, { name: `stand-in ${role}`, role, via: 'token', version: '0.1.0', host: 'stand-in' });
  if (url.searchParams.get('follow') === '1') return url.pathname === '/v1/events' ? followEvents(request, response, url.searchParams) : followFlows(request, response, url.searchParams);
  const handler = GET[url.pathname];
  if (!handler) throw new Refusal(404, `no request GET ${url.pathname}`, 'path', 'see docs/api.md');
  return send(response, 200, handler(url.searchParams));
}

async function serveFile(response, path) {
  const file = normalize(path === '/' ? '/index.html' : path);
  try {
    const content = await readFile(join(dist, file));
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' });
    response.end(content);
  } catch {
    send(response, 404, { error: { what: `no file ${file}`, where: 'path', do: 'npm run build makes the interface' } });
  }
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://stand-in');
  if (!url.pathname.startsWith('/v1/')) return serveFile(response, url.pathname);
  try {
    await answer(request, response, url);
  } catch (error) {
    if (error instanceof Refusal) return send(response, error.status, error.body);
    console.error(error);
    send(response, 500, { error: { what: String(error), where: 'stand-in', do: 'mend it' } });
  }
}).listen(port, '127.0.0.1', () => {
  traffic.start();
  console.log(`http://127.0.0.1:${port}/#token=operator`);
});
