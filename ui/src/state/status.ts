// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's status, asked for once for the banner and all pages.
import { makeStore } from './store';
import type { Status } from '../api/types';

export const status = makeStore<Status | null>(null);
/** Changes when somebody here changed something: the status is then asked for at once. */
export const statusWanted = makeStore(0);

export function refreshStatus(): void {
  statusWanted.set(statusWanted.get() + 1);
}
