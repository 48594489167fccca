// SPDX-License-Identifier: GPL-2.0-or-later
// Light, dark, or as the system has it; kept in the browser, since it says nothing about the host.
import { makeStore } from './store';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'bulkhead-theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

const asTheme = (text: string | null): Theme => ORDER.find((theme) => theme === text) ?? 'system';

export const theme = makeStore<Theme>(asTheme(localStorage.getItem(KEY)));

function show(chosen: Theme): void {
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function beginTheme(): void {
  show(theme.get());
  theme.subscribe((chosen) => {
    localStorage.setItem(KEY, chosen);
    show(chosen);
  });
}

export function nextTheme(): void {
  theme.set(ORDER[(ORDER.indexOf(theme.get()) + 1) % ORDER.length] ?? 'system');
}
