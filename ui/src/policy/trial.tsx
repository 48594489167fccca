// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { postJson } from '../api/client';
import type { Outcome, Trial } from '../api/types';
import { ChangeDialog } from '../components/change_dialog';
import { OperatorButton } from '../components/operator_button';
import { When } from '../components/value';
import { countdown, plural } from '../logic/format';
import { RollbackDialog } from './rollback_dialog';

function Countdown({ until }: { until: number }) {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return <strong class="clock" role="timer">{countdown(until)}</strong>;
}

/** The revision on trial: how long yet, what it refused, and the two ways on. */
export function TrialBox({ trial, onChanged }: { trial: Trial; onChanged(): void }) {
  const [asked, setAsked] = useState<'confirm' | 'rollback' | null>(null);
  const confirm = async ({ why }: { why: string }) => {
    await postJson<Outcome>('/v1/policy/confirm', { why });
    onChanged();
  };
  return (
    <section class="trial-box" aria-label="Trial">
      <p>
        Revision {trial.number} is on trial for <Countdown until={trial.until} /> yet, until <When time={trial.until} />. Then, or once more than {plural(trial.most, 'packet')} were refused that revision {trial.back} allows, {trial.back} returns.
        Refused so far: <strong class={trial.denied ? 'tone-bad' : ''}>{trial.denied}</strong>.
      </p>
      <OperatorButton kind="primary" onClick={() => setAsked('confirm')}>Confirm revision {trial.number}</OperatorButton>
      <OperatorButton onClick={() => setAsked('rollback')}>Roll back now</OperatorButton>
      {asked === 'confirm' && (
        <ChangeDialog title={`Confirm revision ${trial.number}`} action="Confirm" overridable={false} perform={confirm} onClose={() => setAsked(null)}>
          <p>It stays in force; the trial ends.</p>
        </ChangeDialog>
      )}
      {asked === 'rollback' && <RollbackDialog number={null} onDone={onChanged} onClose={() => setAsked(null)} />}
    </section>
  );
}
