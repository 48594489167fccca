// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { closeBrowser, hashOf, screenshot, settled, withPage } from './harness.mjs';

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
