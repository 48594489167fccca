// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import { earlierPresets, isEarlier, mapQuery, mapStateOf, toggled } from '../src/map/state';
import { formatHash, parseHash, patched } from '../src/state/route';

describe('the hash', () => {
  it('comes back as it went', () => {
    const parameters = { filter: 'src "a b" and port 80/tcp & more?', q: 'ä#%' };
    expect(parseHash(formatHash('flows', parameters))).toEqual({ page: 'flows', parameters });
  });

  it('is the same for the same state, and holds nothing empty', () => {
    expect(formatHash('map', { b: '2', a: '1', c: '' })).toBe('#/map?a=1&b=2');
    expect(formatHash('events', {})).toBe('#/events');
  });

  it('of an unknown page is the map', () => {
    for (const hash of ['', '#', '#/', '#/nowhere', '#token']) expect(parseHash(hash).page).toBe('map');
  });

  it('is changed one parameter at a time', () => {
    expect(patched({ a: '1', b: '2' }, { a: null, c: '3' })).toEqual({ b: '2', c: '3' });
  });
});

describe('the map\'s state', () => {
  it('has its defaults, whatever the address says', () => {
    const state = mapStateOf({ view: 'pie', weight: 'money', collapse: '?', hops: '99', hide: 'denied,learned,nonsense' });
    expect(state).toMatchObject({ view: 'graph', weight: 'connections', collapse: 'auto', hops: '1', fold: true, hidden: ['learned'] });
  });

  it('asks for what it shows', () => {
    const query = mapQuery(mapStateOf({ open: 'group:compose:shop', focus: 'host', hops: '2', since: '1h', before_since: '2h', before_until: '1h', fold: '0' }));
    expect(query).toMatchObject({ collapse: 'auto', open: 'group:compose:shop', focus: 'host', hops: '2', since: '1h', before_since: '2h', before_until: '1h', fold: '' });
    expect(mapQuery(mapStateOf({ hops: '2' })).hops).toBe('');
  });

  it('compares a time that has a beginning, and with what is before that alone', () => {
    expect(mapQuery(mapStateOf({ until: '1h', before_since: '24h', before_until: '2h' }))).toMatchObject({ before_since: '', before_until: '' });
    expect(earlierPresets('24h', 1e9).map(([since]) => since)).toEqual(['', '2d', '7d', '14d', '30d', '60d']);
    expect(earlierPresets('15m', 1e9)[1]).toEqual(['30m', 'what was before, from 30 minutes ago']);
    expect(isEarlier('24h', '15m', 1e9)).toBe(true);
    expect(isEarlier('24h', '24h', 1e9) || isEarlier('', '15m', 1e9) || isEarlier('24h', '', 1e9)).toBe(false);
  });

  it('opens a group, and closes it again', () => {
    expect(toggled(['a'], 'b')).toBe('a,b');
    expect(toggled(['a', 'b'], 'a')).toBe('b');
  });
});
