// SPDX-License-Identifier: GPL-2.0-or-later
import { describe, expect, it } from 'vitest';
import { errorPosition, filterOfEdge, filterOfNode, quoted, suggest } from '../src/logic/filter';

const WORKLOADS = ['compose:shop/web', 'compose:shop/db', 'netns:a b'];
const texts = (text: string, cursor = text.length) => suggest(text, cursor, WORKLOADS).map((suggestion) => suggestion.text);

describe('suggestions', () => {
  it('begin with the words that a filter can begin with', () => {
    expect(texts('')).toContain('src');
    expect(texts('ver')).toEqual(['verdict']);
  });

  it('are values after a word that wants one', () => {
    expect(texts('verdict ')).toEqual(['delivered', 'undelivered', 'denied', 'unknown']);
    expect(texts('proto u')).toEqual(['udp']);
    expect(texts('src compose:shop/')).toEqual(['compose:shop/web', 'compose:shop/db']);
    expect(texts('workload b')).toEqual(['compose:shop/web', 'compose:shop/db', '"netns:a b"']);
  });

  it('are connectives after a term', () => {
    expect(texts('verdict denied a')).toContain('and');
    expect(texts('not ')).toContain('port');
  });

  it('are taken at the cursor, and leave the rest', () => {
    const [first] = suggest('verdict den and port 80', 11, WORKLOADS);
    expect(first).toEqual({ text: 'denied', result: 'verdict denied and port 80', cursor: 15 });
  });

  it('offer nothing where a person has to say a value', () => {
    expect(texts('sni ')).toEqual([]);
  });
});

describe('an error\'s position', () => {
  it('is read from the daemon\'s words', () => {
    expect(errorPosition('at 5: no filter has the word prt')).toBe(4);
    expect(errorPosition('no such word at position 12')).toBe(11);
    expect(errorPosition('too long')).toBeNull();
  });
});

describe('filters for what the map shows', () => {
  it('name workloads, groups and names outside', () => {
    expect(filterOfEdge('compose:shop/web', 'compose:shop/db', '5432/tcp')).toBe('src compose:shop/web and dst compose:shop/db and port 5432/tcp');
    expect(filterOfEdge('group:compose:shop', 'dns:api.example', '443/tcp')).toBe('src workload compose:shop/* and dns api.example and port 443/tcp');
    expect(filterOfEdge('host', '10.0.0.1', 'icmp/8:0')).toBe('src host and dst 10.0.0.1 and proto icmp');
    expect(filterOfEdge('outside', 'host')).toBe('dst host');
    expect(filterOfNode('group:k8s:prod')).toBe('workload k8s:prod/*');
    expect(filterOfNode('outside')).toBe('');
  });

  it('quote what is no single word, and let nothing out of the quotes', () => {
    expect(quoted('netns:a b')).toBe('"netns:a b"');
    expect(quoted('x" or lossy')).toBe('"x or lossy"');
  });
});
