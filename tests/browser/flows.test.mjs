// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { closeBrowser, hashOf, screenshot, settled, visit, withPage } from './harness.mjs';

after(closeBrowser);

const rows = async (page) => Number(await page.locator('[role=table]').getAttribute('aria-rowcount')) - 1;

test('live flows come in, wait while it is paused, and go on', async () => {
  await withPage('#/flows', {}, async (page) => {
    await page.locator('.stream-live').waitFor();
    const before = await rows(page);
    await page.waitForFunction((n) => document.querySelector('[role=table]').getAttribute('aria-rowcount') - 1 > n, before);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.waitForTimeout(600);
    const paused = await rows(page);
    await page.getByRole('button', { name: /Go on \(\d+ wait\)/ }).waitFor();
    assert.equal(await rows(page), paused);
    await page.getByRole('button', { name: /Go on/ }).click();
    await page.waitForFunction((n) => document.querySelector('[role=table]').getAttribute('aria-rowcount') - 1 > n, paused);
    await screenshot(page, 'flows-live');
  });
});

/** Answers what the page follows with these, once; what it reads besides is empty. */
async function stream(page, path, kind, items) {
  let told = false;
  await page.route((url) => url.pathname === path, (route) => {
    if (!route.request().url().includes('follow=1')) return route.fulfill({ json: { [`${kind}s`]: [], next: null } });
    if (told) return undefined; // it goes on, and tells nothing
    told = true;
    return route.fulfill({ contentType: 'text/event-stream', body: items.map((item) => `event: ${kind}\ndata: ${JSON.stringify(item)}\n\n`).join('') });
  });
}

test('of what comes while it is paused the newest are kept, and it is told how many are not', async () => {
  await withPage('#/coverage', {}, async (page) => {
    const end = (ip) => ({ ip, port: 80, workload: null, container: null });
    const flows = Array.from({ length: 7000 }, (_, n) => ({ proto: 'tcp', src: end(`10.0.${n >> 8}.${n % 256}`), dst: end('10.1.0.1'), first: n, last: n, state: 'closed', verdict: 'delivered', tx: { packets: 1, bytes: 1 }, rx: { packets: 1, bytes: 1 } }));
    await page.route((url) => url.pathname === '/v1/flows' && url.searchParams.has('follow'), () => undefined);
    await visit(page, '#/flows');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await stream(page, '/v1/flows', 'flow', flows);
    await page.getByRole('combobox', { name: 'Filter' }).fill('tcp'); // asks anew, and stays paused
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Go on (5000 wait)' }).waitFor();
    await page.getByText('2,000 older ones are not shown').waitFor();
    await page.getByRole('button', { name: /Go on/ }).click();
    await page.getByText('5000 lines, the newest below; 2,000 older ones are not shown').waitFor();
  });
});

test('of many events the newest are kept, and it is told how many are not', async () => {
  await withPage('#/coverage', {}, async (page) => {
    await stream(page, '/v1/events', 'event', Array.from({ length: 20500 }, (_, n) => ({ number: n + 1, time: 1.7e9 + n, kind: 'mode', text: `change ${n}` })));
    await visit(page, '#/events');
    await page.getByText('500 older events are not shown: this page keeps the newest 20000.').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Read older ones' }).isDisabled());
  });
});

test('a filter is suggested, applied, and its error shown where it is', async () => {
  await withPage('#/flows?mode=history', {}, async (page) => {
    const field = page.getByRole('combobox', { name: 'Filter' });
    await field.fill('verd');
    await page.getByRole('option', { name: 'verdict' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await field.inputValue(), 'verdict ');
    await page.keyboard.type('delivered');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.hash.includes('verdict+delivered'));
    await settled(page);
    assert.equal(await page.locator('[role=row] .mark', { hasText: 'denied' }).count(), 0);
    await field.fill('port 80/tcp prt 9');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.locator('.filter-error').waitFor();
    assert.equal(await page.locator('.filter-error mark').innerText(), 'prt');
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    await screenshot(page, 'filter-error');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.locator('.filter-error').waitFor({ state: 'detached' });
    assert.ok(!(await hashOf(page)).includes('filter'));
  });
});

test('a flow has details, and what is shown can be saved', async () => {
  await withPage('#/flows?mode=history', {}, async (page) => {
    await page.locator('[role=row].choosable').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('.details').getByText('counted by').waitFor();
    await page.locator('.details').getByRole('button', { name: 'Close the details' }).click();
    await page.locator('summary', { hasText: 'Export' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /JSON lines/ }).click()]);
    const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n');
    assert.ok(JSON.parse(lines[0]).src.ip);
  });
});

test('events are folded, counted over time, and narrowed by kind and by a bar', async () => {
  await withPage('#/events', {}, async (page) => {
    await page.locator('.kind').first().waitFor();
    const all = await rows(page);
    assert.ok(all > 0);
    await page.locator('.kind').first().click();
    await page.waitForFunction(() => location.hash.includes('kind='));
    assert.ok(await rows(page) <= all);
    await page.locator('.histogram button:enabled').last().click();
    await page.waitForFunction(() => location.hash.includes('since='));
    await page.locator('[role=row].choosable').first().click();
    await page.locator('.details').waitFor();
    await screenshot(page, 'event-details');
  });
});
