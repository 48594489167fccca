// SPDX-License-Identifier: GPL-2.0-or-later
// Every change of the host goes through here: it says what it will do, asks once and why, and shows a refusal with the
// way on. To go on anyway is offered only after the daemon refused, and never without a reason.
import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import type { Guard } from '../api/types';
import { Dialog } from './dialog';
import { GuardFindings } from './guard';
import { Problem } from './problem';

export interface ChangeOptions {
  why: string;
  anyway: boolean;
}

interface Properties {
  title: string;
  /** The button's word: what happens. */
  action: string;
  danger?: boolean;
  ready?: boolean;
  whyNeeded?: boolean;
  /** Whether the daemon takes "anyway" for this change. */
  overridable?: boolean;
  perform(options: ChangeOptions): Promise<void>;
  onClose(): void;
  children: ComponentChildren;
}

const guardOf = (error: ApiError | null): Guard | null => error?.problem.guard ?? null;

export function ChangeDialog({ title, action, danger = false, ready = true, whyNeeded = false, overridable = true, perform, onClose, children }: Properties) {
  const [why, setWhy] = useState('');
  const [anyway, setAnyway] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const whyId = useId();
  const refused = overridable && error?.status === 409;
  const reasonMissing = (whyNeeded || anyway) && why.trim() === '';

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await perform({ why: why.trim(), anyway });
      onClose();
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const guard = guardOf(error);

  return (
    <Dialog title={title} onClose={onClose} wide>
      <form onSubmit={submit}>
        <div class="dialog-body">
          {children}
          <Problem error={error} />
          {guard && <GuardFindings guard={guard} />}
          {refused && (
            <label class="check danger-text">
              <input type="checkbox" checked={anyway} onChange={(event) => setAnyway(event.currentTarget.checked)} />
              Do it anyway, although it was refused (a reason is needed)
            </label>
          )}
          <label class="field block" for={whyId}>
            <span>Why {whyNeeded || anyway ? '(needed)' : '(kept with the change)'}</span>
            <input id={whyId} type="text" value={why} maxLength={500} autocomplete="off" onInput={(event) => setWhy(event.currentTarget.value)} />
          </label>
        </div>
        <footer>
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class={danger || anyway ? 'primary danger' : 'primary'} disabled={busy || !ready || reasonMissing}>{busy ? 'asking …' : anyway ? `${action} anyway` : action}</button>
        </footer>
      </form>
    </Dialog>
  );
}
