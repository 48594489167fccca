// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the daemon answers: told at once on every page.
import { makeStore } from './store';

export type Connection = 'connecting' | 'connected' | 'lost' | 'unauthorized';

export const connection = makeStore<Connection>('connecting');

export function setConnection(state: Connection): void {
  connection.set(state);
}
