// SPDX-License-Identifier: GPL-2.0-or-later
// Who looks: what only an operator may do is disabled for others, with the reason.
import type { Me } from '../api/types';
import { makeStore, useStore } from './store';

export const me = makeStore<Me | null>(null);

/** Why this person may change nothing; null for an operator. */
export function useReadOnlyReason(): string | null {
  const who = useStore(me);
  if (who?.role === 'operator') return null;
  return who ? `${who.name} may only read: an operator's token can change this` : 'who you are is not known yet';
}
