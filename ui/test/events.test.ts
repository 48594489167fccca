// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import type { BulkheadEvent } from '../src/api/types';
import { countKinds, foldEvents, histogram, severityOf } from '../src/logic/events';

let number = 0;
const denied = (time: number, src: string, port = 5432): BulkheadEvent => ({ number: ++number, time, kind: 'denied', text: `${src} refused at ${time}`, proto: 'tcp', port, src: { ip: null, workload: src }, dst: { ip: null, workload: 'db' } });
const plain = (time: number, kind: string, text: string): BulkheadEvent => ({ number: ++number, time, kind, text });

describe('folding', () => {
  it('makes one row of repeats, with the first and the last time', () => {
    const rows = foldEvents([denied(1, 'web'), denied(2, 'api'), denied(3, 'web')]);
    expect(rows.map(({ times, first, last }) => ({ times, first, last }))).toEqual([{ times: 2, first: 1, last: 3 }, { times: 1, first: 2, last: 2 }]);
    expect(rows[0]?.event.text).toBe('web refused at 3');
  });

  it('keeps apart what differs in port, kind or text', () => {
    expect(foldEvents([denied(1, 'web'), denied(2, 'web', 80)])).toHaveLength(2);
    expect(foldEvents([plain(1, 'spoof', 'a'), plain(2, 'spoof', 'b'), plain(3, 'spoof', 'a')])).toHaveLength(2);
    expect(foldEvents([plain(1, 'loss', 'a'), plain(2, 'spoof', 'a')])).toHaveLength(2);
  });

  it('tells anew of what comes back after a pause', () => {
    expect(foldEvents([denied(0, 'web'), denied(4000, 'web')]).map(({ times }) => times)).toEqual([1, 1]);
    expect(foldEvents([denied(0, 'web'), denied(3000, 'web'), denied(6000, 'web')])).toHaveLength(1);
  });

  it('loses no event', () => {
    const events = Array.from({ length: 500 }, (_, i) => denied(i * 7, `w${i % 13}`, i % 3));
    expect(foldEvents(events).reduce((sum, { times }) => sum + times, 0)).toBe(500);
  });
});

describe('the histogram', () => {
  it('counts each event in one bar, by kind', () => {
    const bars = histogram([denied(0, 'a'), denied(9.99, 'a'), plain(10, 'loss', 'x'), denied(100, 'a'), denied(101, 'a')], 0, 100, 10);
    expect(bars.map((bar) => bar.total)).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(bars[1]?.counts.get('loss')).toBe(1);
  });
});

describe('kinds', () => {
  it('are ranked by how grave they are', () => {
    expect(severityOf('leak')).toBe('alarm');
    expect(severityOf('something-new')).toBe('note');
    expect(countKinds([plain(1, 'policy', ''), plain(2, 'loss', ''), denied(3, 'a'), denied(4, 'a')])).toEqual([['denied', 2], ['loss', 1], ['policy', 1]]);
  });
});
