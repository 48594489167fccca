// SPDX-License-Identifier: GPL-2.0-or-later
// What changes the host: asked once, tried first, with a reason; and not for viewers.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, closeBrowser, screenshot, settled, visit, withPage } from './harness.mjs';

after(closeBrowser);

const dialog = (page) => page.getByRole('dialog');
const active = async (page) => (await ask(page, '/v1/policy/history')).revisions.find((revision) => revision.active)?.number ?? null;

async function tried(page) {
  await page.waitForFunction(() => /change|connection/.test(document.querySelector('dialog .preview')?.textContent ?? ''));
}

/** Submits a dialog; where the daemon refuses it, anyway, with the reason that this takes. */
async function submit(page, action, why) {
  await dialog(page).getByLabel(/^Why/).fill(why);
  await dialog(page).getByRole('button', { name: action, exact: true }).click();
  const refused = dialog(page).getByLabel(/Do it anyway/);
  await Promise.race([dialog(page).waitFor({ state: 'detached' }), refused.waitFor()]);
  if (!(await refused.count())) return;
  await refused.check();
  await dialog(page).getByRole('button', { name: `${action} anyway` }).click();
  await dialog(page).waitFor({ state: 'detached' });
}

async function apply(page, trial) {
  await visit(page, '#/policy');
  await page.getByRole('button', { name: 'Apply …' }).click();
  await tried(page);
  const box = dialog(page).getByLabel(/^on trial/);
  if (await box.isEnabled()) await box.setChecked(trial);
  await tried(page);
  await screenshot(page, trial ? 'apply-on-trial' : 'apply');
  const onTrial = await box.isChecked();
  await submit(page, onTrial ? 'Apply on trial' : 'Apply', 'browser test');
  return onTrial;
}

test('the proposal beside what is active: rules, documents, what it would refuse', async () => {
  await withPage('#/policy', {}, async (page) => {
    await page.getByRole('heading', { name: 'What it would do' }).waitFor();
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    assert.ok(await page.locator('.diff tbody tr').count() > 0);
    await page.getByText('A document of your own').click();
    await page.getByLabel('Policy (YAML)').fill('nonsense');
    await page.locator('main .problem').waitFor();
  });
});

test('a trial is begun, counted down and confirmed; then rolled back', async () => {
  await withPage('#/policy', {}, async (page) => {
    if (await active(page) === null) await apply(page, false);
    const before = await active(page);
    await apply(page, true);
    await page.locator('.trial-box').waitFor();
    const clock = await page.locator('.trial-box .clock').innerText();
    assert.match(clock, /^\d\d:\d\d$/);
    await page.waitForFunction((text) => document.querySelector('.trial-box .clock').textContent !== text, clock);
    await page.locator('.banner .trial').waitFor();
    await screenshot(page, 'trial');
    await page.getByRole('button', { name: /^Confirm revision/ }).click();
    await submit(page, 'Confirm', 'it works');
    await page.locator('.trial-box').waitFor({ state: 'detached' });
    assert.equal(await active(page), before + 1);
    await page.getByRole('button', { name: 'Roll back …' }).click();
    await tried(page);
    await submit(page, 'Roll back', 'browser test');
    assert.equal(await active(page), before + 2);
  });
});

test('a mode is tried before it is set, and a refusal has its way on', async () => {
  await withPage('#/policy?tab=modes', {}, async (page) => {
    const { rows } = await ask(page, '/v1/workloads');
    const was = rows[0].mode;
    const wanted = was === 'audit' ? 'learn' : 'audit';
    const set = async (mode) => {
      await page.getByRole('button', { name: 'Change …' }).first().click();
      await dialog(page).getByRole('radio', { name: new RegExp(`^${mode}`) }).check();
      await page.waitForFunction(() => !/reading/.test(document.querySelector('dialog .preview').textContent));
      await submit(page, `Set to ${mode}`, 'browser test');
    };
    await set(wanted);
    assert.equal((await ask(page, '/v1/workloads')).rows[0].mode, wanted);
    await set(was);
    assert.equal((await ask(page, '/v1/workloads')).rows[0].mode, was);
    await visit(page, '#/policy?tab=audit');
    await page.locator('[role=row]', { hasText: '/v1/mode' }).first().waitFor();
  });
});

test('each rule has the flows behind it', async () => {
  await withPage('#/policy?tab=rules', {}, async (page) => {
    await page.locator('[role=row].choosable').first().click();
    await page.locator('.details .behind').first().waitFor();
    await screenshot(page, 'rule-details');
  });
});

test('an edge of the review queue is accepted', async () => {
  await withPage('#/readiness?tab=review', {}, async (page) => {
    const boxes = page.locator('[role=row] input[type=checkbox]');
    await boxes.first().waitFor();
    await boxes.first().check();
    await page.getByRole('button', { name: 'Accept 1' }).click();
    await submit(page, 'Accept', 'browser test');
    await page.getByText('1 edge decided').waitFor();
  });
});

test('a viewer sees everything, and no control that works', async () => {
  await withPage('#/policy', { role: 'viewer' }, async (page) => {
    for (const hash of ['#/policy', '#/policy?tab=modes', '#/policy?tab=history', '#/readiness?tab=review']) {
      await visit(page, hash);
      await settled(page);
      assert.equal(await page.locator('[data-operator]:enabled').count(), 0, hash);
      await page.getByText('may only read').first().waitFor();
    }
    assert.ok(await page.locator('[data-operator]').count() > 0);
    await visit(page, '#/policy');
    await page.getByRole('heading', { name: 'What it would do' }).waitFor();
  });
});
