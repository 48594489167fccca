// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import { storedToken } from '../api/token';

/** Asks for the token that every request has to carry. */
export function TokenPage({ refused, onToken }: { refused: ApiError | null; onToken(token: string): void }) {
  const [token, setToken] = useState('');
  const hadOne = storedToken() !== null;
  const submit = (event: Event) => {
    event.preventDefault();
    onToken(token);
  };
  return (
    <main class="token-page">
      <h1>bulkhead</h1>
      {hadOne && refused?.status === 401 && <p class="problem" role="alert"><strong>The daemon does not know this token.</strong><span>It may have been taken back. Ask for another one.</span></p>}
      <p>This page needs a token. On the host, <code>bulkhead ui</code> prints an address that carries one.</p>
      <form onSubmit={submit}>
        <label class="field block">
          <span>Token</span>
          <input type="password" value={token} autocomplete="off" spellcheck={false} required onInput={(event) => setToken(event.currentTarget.value)} />
        </label>
        <button type="submit" class="primary">Go on</button>
      </form>
      <p class="quiet">It is kept in this tab alone, and is never part of a link.</p>
    </main>
  );
}
