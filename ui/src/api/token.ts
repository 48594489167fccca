// SPDX-License-Identifier: GPL-2.0-or-later
// The token lives as long as the tab: it comes in the address once, and is taken out of it at once, so that it gets
// neither into the history nor into a link that somebody shares.

const KEY = 'bulkhead-token';
const IN_HASH = /^#token=(.+)$/;

/** Takes the token out of the address; false where there is none. To be called before anything else reads the hash. */
export function adoptTokenFromAddress(): boolean {
  const match = IN_HASH.exec(location.hash);
  if (!match?.[1]) return false;
  storeToken(decodeURIComponent(match[1]));
  history.replaceState(null, '', location.pathname);
  return true;
}

export function storedToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function storeToken(token: string): void {
  sessionStorage.setItem(KEY, token.trim());
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
