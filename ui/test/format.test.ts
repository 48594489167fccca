// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import { ago, bytes, count, countdown, duration, estimate, localTime, percent, plural, shorten, utcTime, whole } from '../src/logic/format';

describe('numbers', () => {
  it('are whole as long as they are short, and then scaled', () => {
    expect(count(0)).toBe('0');
    expect(count(9999)).toBe('9,999');
    expect(count(10_000)).toBe('10 k');
    expect(count(1_234_567)).toBe('1.2 M');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(999_700)).toBe('1.0 MB');
    expect(bytes(95_910)).toBe('96 kB');
  });

  it('are unknown where they are not known, and never 0', () => {
    for (const text of [count(null), bytes(null), whole(null), localTime(null), utcTime(null), ago(null), count(undefined)]) expect(text).toBe('unknown');
  });

  it('are exact in a title', () => {
    expect(whole(1_234_567, 'bytes')).toBe('1,234,567 bytes');
    expect(plural(1, 'edge')).toBe('1 edge');
    expect(plural(1204, 'edge')).toBe('1,204 edges');
    expect(percent(0.0159)).toBe('1.6 %');
    expect(percent(0.00001)).toBe('< 0.1 %');
    expect(percent(0)).toBe('0.0 %');
    expect(estimate(0.022187)).toBe('0.022');
  });
});

describe('times', () => {
  const noon = new Date(2026, 10, 29, 12, 0, 0);
  it('are local, with the date unless it is today', () => {
    expect(localTime(noon.getTime() / 1000, noon)).toBe('12:00:00');
    expect(localTime(noon.getTime() / 1000 - 86400, noon)).toBe('2026-11-28 12:00:00');
    expect(utcTime(0)).toBe('1970-01-01T00:00:00.000Z');
  });

  it('are told in the two largest units', () => {
    expect(duration(0.004)).toBe('4 ms');
    expect(duration(59)).toBe('59 s');
    expect(duration(3725)).toBe('1 h 2 min');
    expect(duration(86400)).toBe('1 d');
    expect(ago(100, 190)).toBe('1 min 30 s ago');
  });

  it('count down to nought, and no further', () => {
    expect(countdown(300, 0)).toBe('05:00');
    expect(countdown(7265, 0)).toBe('2:01:05');
    expect(countdown(0, 10)).toBe('00:00');
  });
});

describe('names', () => {
  it('lose their middle where they are too long', () => {
    expect(shorten('compose:shop/web', 20)).toBe('compose:shop/web');
    expect(shorten('compose:recommendations/thumbnailer', 15)).toBe('compose…bnailer');
    expect(shorten('äöü🙂äöü🙂', 5)).toBe('äö…ü🙂');
  });
});
