// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import { postJson } from '../api/client';
import type { Outcome } from '../api/types';
import { ChangeDialog, type ChangeOptions } from '../components/change_dialog';
import { ExistingChoice } from './apply_dialog';
import { Preview, useDryRun } from './outcome';

/** Back to a revision; number null: to the one before, or to the one that the trial began from. */
export function RollbackDialog({ number, onDone, onClose }: { number: number | null; onDone(outcome: Outcome): void; onClose(): void }) {
  const [existing, setExisting] = useState('');
  const options = { number, existing };
  const run = useDryRun<Outcome>('/v1/policy/rollback', options);
  const perform = async ({ why, anyway }: ChangeOptions) => {
    onDone(await postJson<Outcome>('/v1/policy/rollback', { ...options, why, anyway: anyway ? 1 : '' }));
  };
  const target = run.outcome?.back_to ?? number;
  return (
    <ChangeDialog title={target === null ? 'Roll back' : `Roll back to revision ${target}`} action="Roll back" danger ready={run.outcome !== null} perform={perform} onClose={onClose}>
      <p>A new revision with the older document becomes active; the history keeps both.</p>
      <ExistingChoice value={existing} onChange={setExisting} />
      <Preview run={run} />
    </ChangeDialog>
  );
}
