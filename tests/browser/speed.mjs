// SPDX-License-Identifier: GPL-2.0-or-later
// What a person does on the map, and how long it takes until that is painted.
import { ask, firstGroup, visit } from './harness.mjs';

const inGraph = () => document.querySelector('.graph')?._cyreg.cy;

/** Milliseconds from a change – of the address, or of what stands in the search field – until the page holds it and was painted. */
async function timed(page, { hash, typed }, holds, about) {
  const [graph, held] = [await page.evaluateHandle(inGraph), await page.evaluateHandle(`(${holds})`)];
  return page.evaluate(([address, text, before, isHeld, what]) => new Promise((resolve) => {
    const edges = before?.edges().length;
    const shown = () => document.querySelector('.graph')?._cyreg?.cy;
    const painted = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
    const look = () => requestAnimationFrame(() => (isHeld(shown(), what, edges) ? painted() : look()));
    const begun = performance.now();
    if (address !== undefined) location.hash = address;
    else {
      const field = document.querySelector('[data-search]');
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }
    look();
  }), [hash, typed, graph, held, about]);
}

const isOpen = (graph, group) => graph?.getElementById(group).hasClass('box');
const isSelected = (graph, id) => graph?.getElementById(id).selected() && document.querySelector('.details') !== null;
const hasOtherEdges = (graph, _, before) => graph !== undefined && graph.edges().length !== before;
const hasCells = () => document.querySelector('.matrix-cell') !== null;

/** Since the page was asked for: until something is painted, and until the map is. */
async function opening(page) {
  await visit(page, '#/map');
  await page.reload();
  await page.waitForFunction(() => performance.getEntriesByName('map-drawn').length);
  return page.evaluate(() => ({
    'first contentful paint': performance.getEntriesByName('first-contentful-paint')[0].startTime,
    'the map drawn': performance.getEntriesByName('map-drawn')[0].startTime,
  }));
}

/** Of the page's scripts, once what nobody holds any more is gone. */
async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize;
}

/** Each step once, on a page that was just opened: {times: {STEP: ms}, heaps: {WHEN: bytes}}. */
export async function measure(page) {
  const group = await firstGroup(page);
  const { nodes, edges } = await ask(page, '/v1/map?collapse=none');
  const workload = nodes.find(({ kind, id }) => kind === 'workload' && edges.some((edge) => edge.src === id)).id;
  const times = await opening(page);
  const heaps = { 'the map as it opens': await heap(page) };
  const step = async (name, from, change, holds, about) => {
    await visit(page, from);
    times[name] = await timed(page, change, holds, about);
  };
  await step('a node selected', '#/map', { hash: `#/map?chosen=${group}` }, isSelected, group);
  await step('a group opened', '#/map', { hash: `#/map?open=${group}` }, isOpen, group);
  await step('a filter applied', '#/map', { hash: '#/map?hide=learned' }, hasOtherEdges);
  await step('a search typed', '#/map', { typed: group.replace(/^.*:/, '') }, hasOtherEdges);
  await step('a workload in focus', '#/map', { hash: `#/map?focus=${workload}` }, hasOtherEdges);
  await step('the matrix', '#/map', { hash: '#/map?view=matrix' }, hasCells);
  await step('all groups open', '#/map', { hash: '#/map?collapse=none' }, hasOtherEdges);
  heaps['all groups open'] = await heap(page);
  await step('their matrix', '#/coverage', { hash: '#/map?collapse=none&view=matrix' }, hasCells);
  return { times, heaps };
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
