// SPDX-License-Identifier: GPL-2.0-or-later
// How long a person waits on the map of the host that BULKHEAD_UI serves, over RUNS fresh pages; and what it looks like.
//   node figures.mjs [RUNS]
import { closeBrowser, screenshot, settled, withPage } from './harness.mjs';
import { measure, median } from './speed.mjs';

const PICTURES = { 'map-large': '#/map?since=24h', 'matrix-large': '#/map?since=24h&view=matrix' };
const MIB = 1024 * 1024;

function table(heading, unit, runs) {
  console.log(`${heading.padEnd(30)} ${'median'.padStart(10)} ${'worst'.padStart(10)}`);
  for (const name of Object.keys(runs[0])) {
    const values = runs.map((run) => run[name]);
    const cell = (value) => `${Math.round(value)} ${unit}`.padStart(10);
    console.log(`${name.padEnd(30)} ${cell(median(values))} ${cell(Math.max(...values))}`);
  }
}

const runs = [];
for (let i = 0; i < Number(process.argv[2] ?? 7); i++) await withPage('#/map', {}, async (page) => runs.push(await measure(page)));
if (runs.length) {
  table('in the browser', 'ms', runs.map(({ times }) => times));
  table("the page's scripts hold", 'MiB', runs.map(({ heaps }) => Object.fromEntries(Object.entries(heaps).map(([when, bytes]) => [when, bytes / MIB]))));
}
for (const [name, hash] of Object.entries(PICTURES)) {
  await withPage(hash, {}, async (page) => {
    // Nodes keep the places that they had on the page before.
    await page.reload();
    await settled(page);
    await screenshot(page, name);
  });
}
await closeBrowser();
