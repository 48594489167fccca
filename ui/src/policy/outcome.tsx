// SPDX-License-Identifier: GPL-2.0-or-later
// What a change would do to what is open and to what has to go on.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, address, postJson, type Query } from '../api/client';
import type { Existing, ModeOutcome, Outcome } from '../api/types';
import { GuardFindings } from '../components/guard';
import { Loading, Problem } from '../components/problem';
import { Name, When } from '../components/value';
import { plural } from '../logic/format';
import { portName } from '../logic/port';

const MOST_CONNECTIONS = 50;

/** 'cut' → 'are cut': what becomes of connections that the change refuses. */
function fate(existing: string): string {
  if (existing === 'cut') return 'would be cut';
  if (existing === 'keep') return 'would be kept';
  return `would drain (${existing.replace('drain=', 'within ')})`;
}

export function OpenConnections({ existing }: { existing: Existing }) {
  return (
    <section>
      <h3>Open connections: {existing.count ? <strong class="tone-warn">{plural(existing.count, 'connection')} {fate(existing.existing)}</strong> : 'none would end'}</h3>
      <p class="quiet">{plural(existing.open, 'connection')} looked at{existing.uncertain_count > 0 && `; of ${existing.uncertain_count} it is not certain`}{existing.either_way_count > 0 && `; ${existing.either_way_count} cannot be ended, as the other end may open them anew`}.</p>
      {existing.incomplete && <p class="note warn">These are not all: {existing.incomplete}</p>}
      {existing.connections.length > 0 && (
        <details>
          <summary>Which ones</summary>
          <table class="small">
            <thead><tr><th>Source</th><th>Destination</th><th>Port</th><th>Since</th><th>Why</th></tr></thead>
            <tbody>
              {existing.connections.slice(0, MOST_CONNECTIONS).map((one, at) => (
                <tr key={at}><td><Name text={one.src.workload ?? one.src.ip} most={30} /></td><td><Name text={one.dst.workload ?? one.dst.ip} most={30} /></td><td>{portName(one.proto, one.port)}</td><td><When time={one.since} /></td><td>{one.not_kept ?? one.reason}</td></tr>
              ))}
            </tbody>
          </table>
          {existing.count > MOST_CONNECTIONS && <p class="quiet">and {existing.count - MOST_CONNECTIONS} more</p>}
        </details>
      )}
    </section>
  );
}

export function OutcomeView({ outcome }: { outcome: Outcome }) {
  return (
    <>
      {outcome.changes !== undefined && <p>{outcome.changes === 0 ? 'No rule changes.' : `${plural(outcome.changes, 'change')} of rules.`}</p>}
      {outcome.existing && <OpenConnections existing={outcome.existing} />}
      {outcome.guard && <GuardFindings guard={outcome.guard} />}
      {outcome.guard?.session?.text && <p class="note">Your own session: {outcome.guard.session.text}</p>}
      {outcome.silence && <p class="note">{outcome.silence}</p>}
    </>
  );
}

/** Asks what a change would do, each time that its options change. */
export function useDryRun<T extends Outcome | ModeOutcome>(path: string, query: Query, body?: string) {
  const [state, setState] = useState<{ outcome: T | null; error: ApiError | null }>({ outcome: null, error: null });
  const key = address(path, query);
  useEffect(() => {
    let current = true;
    setState({ outcome: null, error: null });
    postJson<T>(path, { ...query, dry_run: 1 }, body)
      .then((outcome) => current && setState({ outcome, error: null }))
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        if (current) setState({ outcome: null, error });
      });
    return () => {
      current = false;
    };
  }, [key, body]);
  return state;
}

export function Preview<T extends Outcome>({ run, children }: { run: { outcome: T | null; error: ApiError | null }; children?(outcome: T): preact.ComponentChildren }) {
  return (
    <section class="preview" aria-label="What it would do" aria-live="polite">
      <Problem error={run.error} />
      {!run.outcome && !run.error && <Loading what="what it would do" />}
      {run.outcome && children?.(run.outcome)}
      {run.outcome && <OutcomeView outcome={run.outcome} />}
    </section>
  );
}
