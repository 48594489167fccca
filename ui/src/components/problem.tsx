// SPDX-License-Identifier: GPL-2.0-or-later
import type { ApiError } from '../api/client';

/** What went wrong, and what to do about it, in the daemon's words. */
export function Problem({ error }: { error: ApiError | null }) {
  if (!error) return null;
  return (
    <div class="problem" role="alert">
      <strong>{error.problem.what}</strong>
      <span>{error.problem.do}</span>
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return <p class="quiet" role="status">reading {what} …</p>;
}
