// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import { postJson } from '../api/client';
import type { Outcome } from '../api/types';
import { ChangeDialog, type ChangeOptions } from '../components/change_dialog';
import { Preview, useDryRun } from './outcome';

const EXISTING: readonly [string, string][] = [['', 'as configured'], ['cut', 'are cut'], ['drain=5m', 'drain for 5 minutes'], ['keep', 'are kept']];
const WITHIN: readonly [string, string][] = [['2m', '2 minutes'], ['5m', '5 minutes'], ['15m', '15 minutes'], ['1h', '1 hour'], ['24h', '24 hours'], ['7d', '7 days']];

export function ExistingChoice({ value, onChange }: { value: string; onChange(value: string): void }) {
  return (
    <label class="field"><span>open connections that it refuses</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>{EXISTING.map(([id, text]) => <option key={id} value={id}>{text}</option>)}</select>
    </label>
  );
}

/** Applies a document: on trial unless a person says otherwise, since who is cut off cannot take it back. */
export function ApplyDialog({ policy, canTry, onDone, onClose }: { policy: string; canTry: boolean; onDone(outcome: Outcome): void; onClose(): void }) {
  const [trial, setTrial] = useState(canTry);
  const [within, setWithin] = useState('5m');
  const [existing, setExisting] = useState('');
  const options = { existing, confirm_within: trial ? within : '' };
  const run = useDryRun<Outcome>('/v1/policy/apply', options, policy);
  const perform = async ({ why, anyway }: ChangeOptions) => {
    onDone(await postJson<Outcome>('/v1/policy/apply', { ...options, why, anyway: anyway ? 1 : '' }, policy));
  };
  return (
    <ChangeDialog title="Apply this policy" action={trial ? 'Apply on trial' : 'Apply'} danger={!trial} ready={run.outcome !== null} perform={perform} onClose={onClose}>
      <div class="toolbar">
        <label class="check" title={canTry ? undefined : 'there is no earlier revision to go back to'}><input type="checkbox" checked={trial} disabled={!canTry} onChange={(event) => setTrial(event.currentTarget.checked)} />on trial: the revision before returns unless it is confirmed within</label>
        <select aria-label="confirm within" value={within} disabled={!trial} onChange={(event) => setWithin(event.currentTarget.value)}>{WITHIN.map(([id, text]) => <option key={id} value={id}>{text}</option>)}</select>
        <ExistingChoice value={existing} onChange={setExisting} />
      </div>
      <Preview run={run} />
    </ChangeDialog>
  );
}
