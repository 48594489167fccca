// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { ask, closeBrowser, firstGroup, hashOf, screenshot, settled, visit, withPage } from './harness.mjs';

/** The map with its groups closed, however few workloads there are. */
const GROUPED = '#/map?collapse=all';
after(closeBrowser);

const totals = (page) => page.locator('.totals').innerText();
const MAP = '/v1/map?collapse=auto&fold=1';

/** As fast as a person's: a step is not waited for, as the page draws between the clicks. */
async function clickTwice(page, { x, y }) {
  const box = await page.locator('.graph').boundingBox();
  await page.mouse.move(box.x + x, box.y + y);
  await Promise.all([page.mouse.down(), page.mouse.up(), page.mouse.down({ clickCount: 2 }), page.mouse.up({ clickCount: 2 })]);
}

/** All of the map, on a canvas as wide as it is without details. */
async function showAll(page) {
  if (await page.locator('.details').count()) await page.keyboard.press('Escape');
  await page.locator('.details').waitFor({ state: 'detached' });
  await page.locator('.graph').focus();
  await page.waitForTimeout(300); // the canvas has its width again
  await page.keyboard.press('0');
  await page.waitForTimeout(600); // two clicks in a row would be a double click
}

/** Where on the canvas a closed group stands: found as a person does, by clicking. */
async function groupOnCanvas(page) {
  await showAll(page);
  const { width, height } = await page.locator('.graph').boundingBox();
  for (let y = height / 2; y < height - 30; y += 45) {
    for (let x = width / 4; x < (width * 3) / 4; x += 110) {
      await page.locator('.graph').click({ position: { x, y } });
      await page.waitForTimeout(100);
      const found = await page.getByRole('button', { name: 'Open the group' }).count();
      await showAll(page);
      if (found) return { x, y };
    }
  }
  throw new Error('no group was met on the canvas');
}

test('a group is opened and closed: by its button, by Enter, by a double click', async () => {
  await withPage(GROUPED, {}, async (page) => {
    await visit(page, `${GROUPED}&chosen=${await firstGroup(page)}`);
    await page.getByRole('button', { name: 'Open the group' }).click();
    await page.locator('.chip', { hasText: 'open:' }).waitFor();
    await page.getByRole('button', { name: 'Close the group' }).click();
    await page.locator('.chip').waitFor({ state: 'detached' });
    await page.locator('.graph').focus();
    await page.keyboard.press('Enter');
    await page.locator('.chip', { hasText: 'open:' }).waitFor();
    await screenshot(page, 'group-opened');
    await page.keyboard.press('Enter');
    await page.locator('.chip').waitFor({ state: 'detached' });
    await visit(page, GROUPED);
    await clickTwice(page, await groupOnCanvas(page));
    await page.locator('.chip', { hasText: 'open:' }).waitFor();
  });
});

test('what is not shown by the graph alone: the list has every edge, the matrix a cell for each', async () => {
  await withPage('#/map?view=list', {}, async (page) => {
    const { edges } = await ask(page, MAP);
    const rows = Number(await page.locator('[role=table]').getAttribute('aria-rowcount')) - 1;
    assert.ok(Math.abs(rows - edges.length) <= 3, `${rows} rows, ${edges.length} edges`);
    await visit(page, '#/map?view=matrix');
    assert.ok(Math.abs(await page.locator('.matrix-cell').count() - rows) <= 3);
  });
});

test('no view hides a denial, whatever is filtered', async () => {
  await withPage('#/map?view=list&hide=would-deny,new,review,learned,unlearned', {}, async (page) => {
    const { edges } = await ask(page, MAP);
    const denied = edges.filter((edge) => edge.denied > 0).length;
    assert.ok(denied > 0, 'nothing was denied: there is nothing to be hidden');
    const rows = Number(await page.locator('[role=table]').getAttribute('aria-rowcount')) - 1;
    assert.equal(rows, denied);
    await visit(page, '#/map?view=matrix&hide=would-deny,new,review,learned,unlearned');
    assert.equal(await page.locator('.matrix-cell.state-denied').count(), denied);
  });
});

test('an edge tells its ports, what it stands for, and why', async () => {
  await withPage('#/map?view=matrix', {}, async (page) => {
    await page.locator('.matrix-cell').first().click();
    const details = page.locator('.details');
    await details.getByRole('heading', { name: 'Ports' }).waitFor();
    const link = await details.getByRole('link', { name: 'Flows' }).first().getAttribute('href');
    assert.match(link, /^#\/flows\?filter=/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await details.waitFor();
    const behind = details.locator('.behind').first();
    if (await behind.count()) {
      await behind.locator('summary').click();
      await behind.getByRole('button', { name: 'why' }).first().click();
      await behind.locator('.explain').waitFor();
    }
    await screenshot(page, 'edge-details');
  });
});

test('search, focus and a time range ask the daemon, and live in the address', async () => {
  await withPage('#/map', {}, async (page) => {
    const before = await totals(page);
    const { nodes } = await ask(page, MAP);
    const node = nodes.find((one) => one.kind === 'group') ?? nodes.find((one) => one.kind === 'workload');
    await page.getByPlaceholder(/^Search: name/).fill(node.label);
    await page.waitForFunction((text) => document.querySelector('.totals').innerText !== text, before);
    assert.match(await hashOf(page), /q=/);
    await visit(page, `#/map?chosen=${node.id}`);
    await page.locator('.details').getByRole('button', { name: 'Focus', exact: true }).click();
    await page.locator('.chip', { hasText: 'focus:' }).waitFor();
    await page.getByLabel('Hops').selectOption('2');
    assert.match(await hashOf(page), /hops=2/);
    await page.getByRole('button', { name: 'Leave the focus' }).first().click();
    await page.getByRole('combobox', { name: 'time', exact: true }).selectOption('1h');
    await settled(page);
    assert.match(await hashOf(page), /since=1h/);
  });
});

/** Of each row of the list: its source, destination and change. */
async function changes(page) {
  const titles = await page.locator('[role=columnheader]').allInnerTexts();
  const at = ['Source', 'Destination', 'Change'].map((title) => titles.findIndex((text) => text.startsWith(title)));
  const rows = await page.locator('[role=row]:has([role=cell])').evaluateAll((all, columns) => all.map((row) => columns.map((column) => {
    const cell = row.querySelectorAll('[role=cell]')[column];
    return cell.querySelector('.mark')?.textContent ?? cell.querySelector('[title]')?.title ?? cell.textContent;
  })), at);
  assert.ok(rows.length > 0, 'no row');
  return new Map(rows.map(([src, dst, change]) => [`${src} → ${dst}`, change]));
}

test('two ranges are compared: what was not there before is added, and nothing else is', async () => {
  await withPage('#/map?view=list&fold=0&collapse=none', {}, async (page) => {
    const compare = page.locator('.field', { hasText: 'compare' }).getByRole('combobox');
    assert.ok(await compare.isDisabled());
    assert.equal(await compare.innerText(), 'choose a time first');
    await page.getByRole('combobox', { name: 'time', exact: true }).selectOption('1h');
    await compare.selectOption({ label: 'what was before, from 24 hours ago' });
    await page.getByRole('columnheader', { name: 'Change' }).waitFor();
    assert.deepEqual((await compare.locator('option').allInnerTexts()).slice(0, 3), ['nothing', 'what was before, from 2 hours ago', 'what was before, from 24 hours ago']);
    await settled(page);
    const { range, before, edges } = await ask(page, '/v1/map?collapse=none&since=1h&before_since=24h');
    assert.equal(before.until, range.since);
    const header = page.getByRole('columnheader', { name: 'Change' }).getByRole('button');
    await header.click();
    const last = await changes(page);
    await header.click(); // the other way round: what was added is first
    const shown = new Map([...last, ...await changes(page)]);
    const marks = edges.map(({ src, dst, first }) => ({ mark: shown.get(`${src} → ${dst}`), first })).filter(({ mark }) => mark !== undefined);
    assert.ok(marks.some(({ first }) => first > range.since), 'nothing is new');
    for (const { mark, first } of marks) assert.equal(mark === '+ added', first > range.since, `${mark}, and first seen at ${first}`);
    await page.getByRole('combobox', { name: 'time', exact: true }).selectOption('7d');
    await page.getByRole('columnheader', { name: 'Change' }).waitFor({ state: 'detached' });
    assert.ok(!(await hashOf(page)).includes('before_since'));
    await visit(page, '#/map?since=24h&before_since=7d&before_until=24h');
    await screenshot(page, 'map-compared');
  });
});

test('a node stands where it stood after groups were opened and closed and the answer was read anew', async () => {
  await withPage(GROUPED, {}, async (page) => {
    const at = await groupOnCanvas(page);
    const chosenThere = async () => {
      await showAll(page);
      await page.locator('.graph').click({ position: at });
      await page.locator('.details').waitFor();
      return hashOf(page);
    };
    const before = await chosenThere();
    await page.getByRole('button', { name: 'Open the group' }).click();
    await page.locator('.chip', { hasText: 'open:' }).waitFor();
    await page.getByText('Bytes', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Close the group' }).click();
    await page.locator('.chip').waitFor({ state: 'detached' });
    await page.getByText('Connections', { exact: true }).first().click();
    await page.locator('body').press('Escape');
    await page.locator('.details').waitFor({ state: 'detached' });
    await settled(page);
    assert.equal(await chosenThere(), before);
  });
});

test('a box is moved with all of its members', async () => {
  await withPage(GROUPED, {}, async (page) => {
    const group = await firstGroup(page);
    await visit(page, `${GROUPED}&open=${group}`);
    await showAll(page);
    const places = () => page.evaluate((id) => {
      const graph = document.querySelector('.graph')._cyreg.cy;
      const stand = (node) => ({ ...node.renderedPosition() });
      const { x1, y2 } = graph.getElementById(id).renderedBoundingBox({ includeLabels: false });
      return { corner: { x: x1 + 6, y: y2 - 6 }, box: stand(graph.getElementById(id)), members: graph.nodes().filter((node) => node.data('box') === id).map(stand) };
    }, group);
    const before = await places();
    const { x, y } = await page.locator('.graph').boundingBox();
    await page.mouse.move(x + before.corner.x, y + before.corner.y);
    await page.mouse.down();
    await page.mouse.move(x + before.corner.x + 20, y + before.corner.y - 15);
    await page.mouse.move(x + before.corner.x + 45, y + before.corner.y - 30);
    await page.mouse.up();
    const after = await places();
    const moved = (from, to) => [Math.round(to.x - from.x), Math.round(to.y - from.y)];
    assert.notDeepEqual(moved(before.box, after.box), [0, 0]);
    assert.ok(before.members.length > 0);
    before.members.forEach((member, at) => assert.deepEqual(moved(member, after.members[at]), moved(before.box, after.box)));
  });
});

test('the map is exported: a picture, DOT, Mermaid, CSV, JSON', async () => {
  await withPage('#/map', {}, async (page) => {
    const save = async (name) => {
      await page.locator('summary', { hasText: 'Export' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
      await page.locator('summary', { hasText: 'Export' }).click();
      return readFile(await download.path());
    };
    assert.equal((await save(/PNG/)).subarray(1, 4).toString(), 'PNG');
    assert.match((await save(/DOT/)).toString(), /^(strict )?digraph/);
    assert.match((await save(/Mermaid/)).toString(), /^(flowchart|graph) /m);
    assert.match((await save(/CSV/)).toString(), /^src,dst,ports,state/);
    assert.ok(JSON.parse((await save(/JSON/)).toString()).nodes.length > 0);
  });
});
