// SPDX-License-Identifier: GPL-2.0-or-later
// What webhooks and OTLP are sent to. Each request is a line of JSON on standard output: what it was, and whether it is what
// OpenTelemetry's own protocol definitions and Standard Webhooks' own library take it for. It is answered as was asked for
// beforehand, with 200 and {} where nothing was:
//     receiver.mjs PORT [CERTIFICATE KEY]
//     curl -X PUT http://127.0.0.1:PORT/answers -d '[{"status": 503, "headers": {"Retry-After": "3"}}, …]'
// WEBHOOK_SECRET has the secret that webhooks are signed with.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { Webhook } from 'standardwebhooks';

const require = createRequire(import.meta.url);
const entry = require.resolve('@opentelemetry/otlp-transformer');
const protocol = require(`${entry.slice(0, entry.lastIndexOf('/'))}/generated/root.js`).opentelemetry.proto.collector;

const requests = {
  '/v1/logs': protocol.logs.v1.ExportLogsServiceRequest,
  '/v1/metrics': protocol.metrics.v1.ExportMetricsServiceRequest,
};
let answers = [];

/** What is left of it when it has been read and written by whoever knows the protocol alone is all of it. */
function checkOtlp(type, body) {
  const full = (text) => JSON.parse(text, (_, value) => (Array.isArray(value) && value.length === 0 ? undefined : value));
  const read = type.fromObject(JSON.parse(body));
  assert.deepEqual(full(JSON.stringify(type.toObject(read, { longs: String, enums: Number }))), full(body));
}

function fault(path, headers, body) {
  try {
    assert.equal(headers['content-type'], 'application/json');
    if (requests[path]) checkOtlp(requests[path], body);
    else new Webhook(process.env.WEBHOOK_SECRET).verify(body, headers);
    return null;
  } catch (error) {
    return error.message;
  }
}

function take(request, body) {
  if (request.url === '/answers') {
    answers = JSON.parse(body);
    return {};
  }
  const answer = answers.shift() ?? {};
  const told = { time: Date.now() / 1000, path: request.url, method: request.method, headers: request.headers };
  console.log(JSON.stringify({ ...told, answered: answer.status ?? 200, fault: fault(request.url, request.headers, body), body: JSON.parse(body) }));
  return answer;
}

function serve(request, response) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const answer = take(request, Buffer.concat(parts).toString());
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body ?? {}));
  });
}

const [port, certificate, key] = process.argv.slice(2);
const server = certificate
  ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, serve)
  : http.createServer(serve);
server.listen(Number(port), '127.0.0.1');
