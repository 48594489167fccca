// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import { diffLines, withContext, type DiffRow } from '../src/logic/lines';

const left = (rows: readonly DiffRow[]) => rows.filter((row) => row.left !== null).map((row) => row.left);
const right = (rows: readonly DiffRow[]) => rows.filter((row) => row.right !== null).map((row) => row.right);
const kinds = (a: string, b: string) => diffLines(a, b).map((row) => row.kind);

describe('a diff of lines', () => {
  it('says nothing of equal documents', () => {
    expect(kinds('a\nb\n', 'a\nb\n')).toEqual(['same', 'same']);
    expect(diffLines('', '')).toEqual([]);
  });

  it('puts what was changed side by side', () => {
    expect(kinds('a\nb\nc\n', 'a\nB\nc\n')).toEqual(['same', 'changed', 'same']);
    expect(kinds('a\nc\n', 'a\nb\nc\n')).toEqual(['same', 'added', 'same']);
    expect(kinds('a\nb\nc\n', 'a\nc\n')).toEqual(['same', 'removed', 'same']);
    expect(kinds('', 'a\nb\n')).toEqual(['added', 'added']);
    expect(kinds('a\n', '')).toEqual(['removed']);
  });

  it('holds both documents whole, numbered, whatever they are', () => {
    let seed = 1;
    const random = (n: number) => (seed = (seed * 16807) % 2147483647) % n;
    for (let trial = 0; trial < 300; trial++) {
      const make = () => Array.from({ length: random(14) }, () => 'abcd'[random(4)] ?? 'a');
      const [a, b] = [make(), make()];
      const rows = diffLines(a.map((line) => `${line}\n`).join(''), b.map((line) => `${line}\n`).join(''));
      expect(left(rows)).toEqual(a);
      expect(right(rows)).toEqual(b);
      expect(rows.flatMap((row) => (row.leftNumber === null ? [] : [row.leftNumber]))).toEqual(a.map((_, i) => i + 1));
      for (const row of rows) if (row.kind === 'same') expect(row.left).toBe(row.right);
    }
  });

  it('gives up the search in documents that have nothing in common, and shows both', () => {
    const many = (prefix: string) => Array.from({ length: 4000 }, (_, i) => `${prefix}${i}`).join('\n');
    const rows = diffLines(many('a'), many('b'));
    expect(left(rows)).toHaveLength(4000);
    expect(right(rows)).toHaveLength(4000);
  });

  it('hides long equal stretches, and says how long', () => {
    const same = Array.from({ length: 20 }, (_, i) => `line ${i}`).join('\n');
    const shown = withContext(diffLines(`${same}\nold\n`, `${same}\nnew\n`), 3);
    expect(shown[0]).toEqual({ kind: 'gap', lines: 17 });
    expect(shown).toHaveLength(5);
  });
});
