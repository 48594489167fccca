// SPDX-License-Identifier: GPL-2.0-or-later
// A line diff of two documents, for showing them side by side.

export interface DiffRow {
  kind: 'same' | 'removed' | 'added' | 'changed';
  left: string | null;
  right: string | null;
  leftNumber: number | null;
  rightNumber: number | null;
}

type Step = { kind: 'same' | 'removed' | 'added'; left: number; right: number };

/** What the search remembers grows with the square of the edits: beyond these a side-by-side view tells nobody anything. */
const MOST_EDITS = 3000;

/** The furthest points of Myers' greedy search, one array for each number of edits; null where there are too many. */
function search(a: readonly string[], b: readonly string[]): Int32Array[] | null {
  const most = a.length + b.length;
  const trace: Int32Array[] = [];
  const furthest = new Int32Array(2 * most + 3);
  const middle = most + 1;
  for (let edits = 0; edits <= Math.min(most, MOST_EDITS); edits++) {
    trace.push(furthest.slice(middle - edits - 1, middle + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && (furthest[middle + k - 1] ?? 0) < (furthest[middle + k + 1] ?? 0));
      let x = down ? furthest[middle + k + 1] ?? 0 : (furthest[middle + k - 1] ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest[middle + k] = x;
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

function replaced(a: readonly string[], b: readonly string[]): Step[] {
  return [...a.map((_, left): Step => ({ kind: 'removed', left, right: 0 })), ...b.map((_, right): Step => ({ kind: 'added', left: a.length, right }))];
}

/** The way back through the search, in the documents' order. */
function steps(a: readonly string[], b: readonly string[]): Step[] {
  const trace = search(a, b);
  if (!trace) return replaced(a, b);
  const found: Step[] = [];
  let [x, y] = [a.length, b.length];
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const at = (k: number) => trace[edits]?.[k + edits + 1] ?? 0;
    const k = x - y;
    const previous = k === -edits || (k !== edits && at(k - 1) < at(k + 1)) ? k + 1 : k - 1;
    const fromX = edits === 0 ? 0 : at(previous);
    const fromY = edits === 0 ? 0 : fromX - previous;
    while (x > fromX && y > fromY) found.push({ kind: 'same', left: --x, right: --y });
    if (edits === 0) break;
    if (x === fromX) found.push({ kind: 'added', left: x, right: --y });
    else found.push({ kind: 'removed', left: --x, right: y });
  }
  return found.reverse();
}

/** Equal beginnings and ends need no search, and are most of two revisions of a policy. */
function common(a: readonly string[], b: readonly string[]): { head: number; tail: number } {
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return { head, tail };
}

const split = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

const row = (kind: DiffRow['kind'], left: number | null, right: number | null, a: readonly string[], b: readonly string[]): DiffRow => ({
  kind,
  left: left === null ? null : a[left] ?? null,
  right: right === null ? null : b[right] ?? null,
  leftNumber: left === null ? null : left + 1,
  rightNumber: right === null ? null : right + 1,
});

/** Removed lines stand beside the added ones that follow them. */
function pair(found: readonly Step[], a: readonly string[], b: readonly string[]): DiffRow[] {
  const rows: DiffRow[] = [];
  let removed: number[] = [];
  let added: number[] = [];
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const [left = null, right = null] = [removed[i], added[i]];
      rows.push(row(left === null ? 'added' : right === null ? 'removed' : 'changed', left, right, a, b));
    }
    removed = [];
    added = [];
  };
  for (const step of found) {
    if (step.kind === 'removed') removed.push(step.left);
    else if (step.kind === 'added') added.push(step.right);
    else {
      flush();
      rows.push(row('same', step.left, step.right, a, b));
    }
  }
  flush();
  return rows;
}

/** The rows of a side-by-side view of two texts. */
export function diffLines(left: string, right: string): DiffRow[] {
  const [a, b] = [split(left), split(right)];
  const { head, tail } = common(a, b);
  const inner = steps(a.slice(head, a.length - tail), b.slice(head, b.length - tail))
    .map((step) => ({ ...step, left: step.left + head, right: step.right + head }));
  const same = (from: number, shift: number, length: number): Step[] =>
    Array.from({ length }, (_, i) => ({ kind: 'same', left: from + i, right: from + i + shift }));
  return pair([...same(0, 0, head), ...inner, ...same(a.length - tail, b.length - a.length, tail)], a, b);
}

/** Rows with the long equal stretches left out: each gap says how many lines it hides. */
export function withContext(rows: readonly DiffRow[], around = 3): (DiffRow | { kind: 'gap'; lines: number })[] {
  const near = new Uint8Array(rows.length);
  rows.forEach((one, at) => {
    if (one.kind !== 'same') near.fill(1, Math.max(0, at - around), at + around + 1);
  });
  const result: (DiffRow | { kind: 'gap'; lines: number })[] = [];
  let hidden = 0;
  rows.forEach((one, at) => {
    if (!near[at]) {
      hidden++;
      return;
    }
    if (hidden) result.push({ kind: 'gap', lines: hidden });
    hidden = 0;
    result.push(one);
  });
  if (hidden) result.push({ kind: 'gap', lines: hidden });
  return result;
}
