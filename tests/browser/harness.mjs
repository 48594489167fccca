// SPDX-License-Identifier: GPL-2.0-or-later
// A browser for the tests, and what every page has to be: without errors, and without a request to anybody else.
//   BULKHEAD_UI         where the interface is served: the stand-in, or a daemon's web listener
//   BULKHEAD_OPERATOR   an operator's token
//   BULKHEAD_VIEWER     a viewer's
//   BULKHEAD_CHROMIUM   the browser's path, else Debian's
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const BASE = process.env.BULKHEAD_UI ?? 'http://127.0.0.1:8470';
export const TOKENS = { operator: process.env.BULKHEAD_OPERATOR ?? 'operator', viewer: process.env.BULKHEAD_VIEWER ?? 'viewer' };
export const PAGES = ['map', 'flows', 'events', 'readiness', 'policy', 'coverage'];
/** Of each page that has tabs or views, all of them. */
export const PLACES = ['#/map', '#/map?view=matrix', '#/map?view=list', '#/flows', '#/flows?mode=history', '#/events', '#/readiness', '#/readiness?tab=review', '#/policy', '#/policy?tab=rules', '#/policy?tab=modes', '#/policy?tab=history', '#/policy?tab=audit', '#/coverage'];
/** What is waited for at most: the machine may be busy. */
export const PATIENCE = 30_000;

const SHOTS = fileURLToPath(new URL('screenshots/', import.meta.url));

const browser = await chromium.launch({
  executablePath: process.env.BULKHEAD_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

export const closeBrowser = () => browser.close();

function watch(page) {
  const faults = [];
  page.on('pageerror', (error) => faults.push(`error on the page: ${error}`));
  page.on('console', (message) => message.type() === 'error' && !isRefusal(message) && faults.push(`console: ${message.text()}`));
  page.on('request', (request) => {
    const own = request.url().startsWith(`${BASE}/`) || /^(data|blob):/.test(request.url());
    if (!own) faults.push(`a request to somebody else: ${request.url()}`);
  });
  return faults;
}

/** The browser itself notes an answer of 4xx on the console; the tests provoke some of these. */
const isRefusal = (message) => /Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());

/**
 * Opens the interface at a hash, as somebody of a role; runs the test, and fails where the page had any fault.
 * options: {role, width, height, scheme}
 */
export async function withPage(hash, options, test) {
  const { role = 'operator', width = 1440, height = 900, scheme = 'light' } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const faults = watch(page);
  try {
    await page.goto(`${BASE}/#token=${encodeURIComponent(TOKENS[role])}`);
    await page.locator('.role').waitFor();
    await visit(page, hash);
    await test(page);
    if (faults.length) throw new Error(faults.join('\n'));
  } finally {
    await context.close();
  }
}

export async function visit(page, hash) {
  await page.evaluate((wanted) => {
    location.hash = wanted;
  }, hash);
  await settled(page);
}

/** Until nothing is being read any more. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const text = document.querySelector('main')?.textContent ?? '';
    return text.length > 0 && !/reading [^…]* …/.test(text);
  });
  if (await page.locator('.graph').count()) await page.locator('.graph[data-drawn="true"]').waitFor();
}

export async function screenshot(page, name) {
  if (!process.env.BULKHEAD_SCREENSHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}${name}.png` });
}

export const hashOf = (page) => page.evaluate(() => location.hash);

/** The first group that can be opened on the map. */
export async function firstGroup(page) {
  const { nodes } = await ask(page, '/v1/map?collapse=all');
  const group = nodes.find((node) => node.kind === 'group');
  if (!group) throw new Error('no group is on the map');
  return group.id;
}

/** An answer of the daemon's, for what a test compares the page with. */
export function ask(page, path, role = 'operator') {
  return page.evaluate(async ([address, token]) => {
    const response = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
    return response.json();
  }, [path, TOKENS[role]]);
}
