// SPDX-License-Identifier: GPL-2.0-or-later
// Light, dark, or as the system has it; kept in the browser, since it says nothing about the host.
import { makeStore } from './store';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'bulkhead-theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

const asTheme = (text: string | null): Theme => ORDER.find((theme) => theme === text) ?? 'system';

export const theme = makeStore<Theme>(asTheme(localStorage.getItem(KEY)));

const system = matchMedia('(prefers-color-scheme: dark)');
const shown = (): 'light' | 'dark' => {
  const chosen = theme.get();
  if (chosen !== 'system') return chosen;
  return system.matches ? 'dark' : 'light';
};

/** What is shown, whoever changed it: what draws by itself reads the colours anew. */
export const shownTheme = makeStore<'light' | 'dark'>(shown());

function show(): void {
  document.documentElement.dataset.theme = shown();
  shownTheme.set(shown());
}

export function beginTheme(): void {
  show();
  system.addEventListener('change', show);
  theme.subscribe((chosen) => {
    localStorage.setItem(KEY, chosen);
    show();
  });
}

export function nextTheme(): void {
  theme.set(ORDER[(ORDER.indexOf(theme.get()) + 1) % ORDER.length] ?? 'system');
}
