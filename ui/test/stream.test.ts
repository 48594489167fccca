// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import { EventParser } from '../src/api/sse';
import type { Flow } from '../src/api/types';
import { csv, jsonLines } from '../src/logic/csv';
import { addRows, both, portText, type FlowRow } from '../src/logic/flow';
import { newest } from '../src/logic/newest';
import { instantOf } from '../src/logic/instant';

const STREAM = ': heartbeat\n\nid: 7\nevent: event\ndata: {"a":1}\n\nevent: gap\r\ndata: {"gap":3}\r\n\r\ndata: x\ndata: y\n\n';

describe('server-sent events', () => {
  it('are the same wherever the stream is cut', () => {
    const whole = new EventParser().push(STREAM);
    expect(whole).toEqual([{ id: '7', event: 'event', data: '{"a":1}' }, { id: '7', event: 'gap', data: '{"gap":3}' }, { id: '7', event: 'message', data: 'x\ny' }]);
    for (let size = 1; size < 20; size++) {
      const parser = new EventParser();
      const found = [];
      for (let at = 0; at < STREAM.length; at += size) found.push(...parser.push(STREAM.slice(at, at + size)));
      expect(found).toEqual(whole);
    }
  });
});

const row = (key: string): FlowRow => ({ kind: 'flow', key, flow: { last: 0 } as Flow });
const gap = (key: string, missing: number): FlowRow => ({ kind: 'gap', key, missing });

describe('live rows', () => {
  it('replace a flow that grew, join gaps, and let the oldest go', () => {
    const rows = addRows(addRows([], [row('a'), row('b')]), [row('a'), gap('1', 2), gap('2', 3), row('c')]);
    expect(rows.map(({ key }) => key)).toEqual(['a', 'b', '1', 'c']);
    expect(rows[2]).toMatchObject({ missing: 5 });
    const { kept, gone } = newest(addRows(rows, [row('d')]), 3);
    expect(kept.map(({ key }) => key)).toEqual(['1', 'c', 'd']);
    expect(gone).toBe(2);
    expect(newest(kept, 3)).toEqual({ kept, gone: 0 });
  });
});

const flow = { proto: 'icmp', dst: { port: 2048 }, tx: { packets: 3, bytes: null }, rx: { packets: 4, bytes: 10 } } as Flow;

describe('a flow', () => {
  it('has ICMP\'s type and code where others have a port', () => {
    expect(portText(flow)).toBe('icmp/8:0');
    expect(portText({ ...flow, proto: 'tcp', dst: { ...flow.dst, port: 443 } })).toBe('443/tcp');
  });

  it('has no sum where a part is not known', () => {
    expect(both(flow, 'packets')).toBe(7);
    expect(both(flow, 'bytes')).toBeNull();
  });
});

describe('files', () => {
  it('quote what CSV has to, and defuse what a spreadsheet would run', () => {
    expect(csv(['a', 'b'], [['x,"y"', null], ['=cmd()', -1], ['@x', 'two\nlines']])).toBe('a,b\r\n"x,""y""",\r\n\'=cmd(),-1\r\n\'@x,"two\nlines"\r\n');
    expect(jsonLines([{ a: 1 }, 2])).toBe('{"a":1}\n2\n');
  });
});

describe('instants', () => {
  it('are what the API takes', () => {
    expect(instantOf('15m', 1000)).toBe(100);
    expect(instantOf('12.5', 0)).toBe(12.5);
    expect(instantOf('1970-01-01T00:01:00Z', 0)).toBe(60);
    expect(instantOf('', 0)).toBeNull();
    expect(instantOf('soon', 0)).toBeNull();
  });
});
