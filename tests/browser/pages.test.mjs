// SPDX-License-Identifier: GPL-2.0-or-later
// Every page: opens without a fault, for both roles, in both themes, at a phone's width, and for assistive technology.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { BASE, closeBrowser, PLACES, screenshot, settled, TOKENS, visit, withPage } from './harness.mjs';

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
after(closeBrowser);

const nameOf = (hash) => hash.replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '');

async function graveFindings(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  assert.ok(found.passes.length > 10, 'nothing was looked at');
  return found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`).join('\n   ')}`);
}

for (const scheme of ['light', 'dark']) {
  test(`every page opens, and has no serious accessibility finding, ${scheme}`, async () => {
    await withPage('#/map', { scheme }, async (page) => {
      for (const hash of PLACES) {
        await visit(page, hash);
        await page.waitForTimeout(300);
        assert.equal(await page.locator('main .problem').count(), 0, `${hash}: ${await page.locator('main').innerText()}`);
        assert.deepEqual(await graveFindings(page), [], hash);
        await screenshot(page, `${nameOf(hash)}-${scheme}`);
      }
    });
  });
}

test('at 360 pixels nothing has to be scrolled sideways', async () => {
  await withPage('#/map', { width: 360, height: 740 }, async (page) => {
    for (const hash of PLACES) {
      await visit(page, hash);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 360, hash);
      await screenshot(page, `${nameOf(hash)}-phone`);
    }
  });
});

test('the token goes into no link, and without one the page asks for it', async () => {
  await withPage('#/map', {}, async (page) => {
    assert.ok(!page.url().includes(TOKENS.operator));
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await page.getByLabel('Token').fill('no such token');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('alert').getByText('does not know this token').waitFor();
    await page.getByLabel('Token').fill(TOKENS.operator);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('.graph[data-drawn="true"]').waitFor();
  });
});

test('a lost connection is said at once, and found again', async () => {
  await withPage('#/coverage', {}, async (page) => {
    await page.route('**/v1/**', (route) => route.abort());
    await page.getByRole('alert').getByText('connection to the daemon is lost').waitFor();
    await page.unroute('**/v1/**');
    await page.getByText('connection to the daemon is lost').waitFor({ state: 'detached' });
  }).catch((error) => {
    // The browser notes each request that was broken off.
    if (!/^(Error: )?console: Failed to load resource: net::ERR_FAILED/.test(error.message)) throw error;
  });
});

test('a link shows another person the same', async () => {
  await withPage('#/events?kind=denied&q=refused', {}, async (page) => {
    assert.equal(await page.getByPlaceholder('Search in events (/)').inputValue(), 'refused');
    assert.equal(await page.getByRole('button', { name: /denied/, pressed: true }).count(), 1);
  });
});

test('the keyboard alone reaches everything', async () => {
  await withPage('#/map', {}, async (page) => {
    await page.locator('body').press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    for (const [key, name] of [['2', 'Flows'], ['3', 'Events'], ['4', 'Readiness'], ['5', 'Policy'], ['6', 'Coverage'], ['1', 'Map']]) {
      await page.keyboard.press(key);
      await page.locator(`nav a[aria-current="page"]`, { hasText: name }).waitFor();
    }
    await settled(page);
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
    await page.keyboard.press('Escape');
    await page.locator('.graph').focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('.details').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.details').waitFor({ state: 'detached' });
  });
});

test('the page may run nothing but its own', async () => {
  const response = await fetch(`${BASE}/`);
  const policy = response.headers.get('content-security-policy') ?? '';
  for (const part of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) assert.ok(policy.includes(part), policy);
  assert.ok(!policy.includes('unsafe-eval'));
});
