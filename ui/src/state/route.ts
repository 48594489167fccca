// SPDX-License-Identifier: GPL-2.0-or-later
// What is shown lives in the address' hash – page, filters, range, focus –, so that a link shows another person the same.
import { useEffect, useState } from 'preact/hooks';

export const PAGES = ['map', 'flows', 'events', 'readiness', 'policy', 'coverage'] as const;
export type Page = (typeof PAGES)[number];
export type Parameters = Readonly<Record<string, string>>;

export interface Route {
  page: Page;
  parameters: Parameters;
}

/** '#/flows?filter=…' → its page and parameters; an unknown page is the map. */
export function parseHash(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const page = PAGES.find((known) => known === path) ?? 'map';
  return { page, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

/** The reverse; empty values are left out, and names are sorted, so that the same state is the same link. */
export function formatHash(page: Page, parameters: Parameters): string {
  const kept = Object.entries(parameters).filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  const query = new URLSearchParams(kept).toString();
  return query ? `#/${page}?${query}` : `#/${page}`;
}

export type Patch = Record<string, string | null>;

/** Parameters with some changed; null takes one away. */
export function patched(parameters: Parameters, patch: Patch): Parameters {
  const result: Record<string, string> = { ...parameters };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = value;
  }
  return result;
}

export function go(page: Page, parameters: Parameters = {}): void {
  location.hash = formatHash(page, parameters);
}

/** Changes parameters of this page. Typing and the like replaces the entry: Back is for what a person chose. */
export function change(patch: Patch, how: 'push' | 'replace' = 'push'): void {
  const { page, parameters } = parseHash(location.hash);
  const hash = formatHash(page, patched(parameters, patch));
  if (hash === location.hash) return;
  if (how === 'push') {
    location.hash = hash;
    return;
  }
  history.replaceState(null, '', hash);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const update = () => setHash(location.hash);
    window.addEventListener('hashchange', update);
    return () => window.removeEventListener('hashchange', update);
  }, []);
  return parseHash(hash);
}
