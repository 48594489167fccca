// SPDX-License-Identifier: GPL-2.0-or-later
// How long a person waits: printed, and held against bounds that a busy machine meets, too.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, withPage } from './harness.mjs';
import { measure } from './speed.mjs';

const MOST = { 'the map drawn': 15_000, 'a group opened': 5_000, 'a node selected': 2_000 };

after(closeBrowser);

test('the map is drawn, and answers, in time', async (t) => {
  await withPage('#/map', {}, async (page) => {
    const { times } = await measure(page);
    for (const [step, ms] of Object.entries(times)) t.diagnostic(`${step}: ${Math.round(ms)} ms`);
    for (const [step, ms] of Object.entries(MOST)) assert.ok(times[step] < ms, `${step}: ${times[step]} ms`);
  });
});
