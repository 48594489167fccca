// SPDX-License-Identifier: GPL-2.0-or-later
// What has to be known on every page: whether rules are met, what was lost, what is not known, what was denied, and
// whether all this is still fresh.
import { useEffect, useState } from 'preact/hooks';
import { getJson } from '../api/client';
import { MODES, type MapAnswer, type Status, type Trial } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { count, countdown, plural, UNKNOWN, whole } from '../logic/format';
import { connection } from '../state/connection';
import { formatHash } from '../state/route';
import { status, statusWanted } from '../state/status';
import { useStore } from '../state/store';

const STATUS_EVERY = 3_000;
const DENIALS_EVERY = 30_000;

/** off and starting are no fault, and active is what is wanted: everything else is. */
const ENFORCEMENT_TONE: Record<string, string> = { active: 'good', off: 'plain', starting: 'plain' };

function useStatus() {
  const turn = useStore(statusWanted);
  const answer = useAnswer(`status ${turn}`, (signal) => getJson<Status>('/v1/status', {}, signal), STATUS_EVERY);
  useEffect(() => status.set(answer.data), [answer.data]);
  return answer.data;
}

function Enforcement({ enforcement }: { enforcement: Status['enforcement'] }) {
  const tone = ENFORCEMENT_TONE[enforcement.state] ?? 'bad';
  return (
    <span class={`item tone-${tone}`} title={enforcement.why ?? undefined}>
      <span class="quiet">enforcement</span> <strong>{enforcement.state}</strong>
      {enforcement.number !== null && <span class="quiet"> revision {enforcement.number}</span>}
      {enforcement.leaks > 0 && <a class="tone-bad" href={formatHash('events', { kind: 'leak' })}> ✕ {plural(enforcement.leaks, 'leak')}</a>}
    </span>
  );
}

function Modes({ modes }: { modes: Status['modes'] }) {
  const shown = MODES.filter((mode) => modes[mode] > 0);
  return (
    <span class="item">
      <span class="quiet">modes</span> {shown.length ? shown.map((mode) => <span key={mode} class={`mode mode-${mode}`}>{modes[mode]} {mode}</span>) : 'no workload'}
    </span>
  );
}

function Loss({ loss }: { loss: Status['loss'] }) {
  const lost = Object.entries(loss.hour).filter(([, n]) => n > 0);
  const text = lost.map(([kind, n]) => `${whole(n)} ${kind.replace(/_/g, ' ')}`).join(', ');
  return (
    <a class={`item ${lost.length ? 'tone-warn' : ''}`} href={formatHash('events', { kind: 'loss' })}>
      <span class="quiet">lost in an hour</span> {lost.length ? <strong>{text}</strong> : 'nothing'}
    </a>
  );
}

function useDenials() {
  const answer = useAnswer('denials', (signal) => getJson<MapAnswer>('/v1/map', { since: '1h', collapse: 'all' }, signal), DENIALS_EVERY);
  return answer.data;
}

function Denials() {
  const map = useDenials();
  const denied = map?.totals.denied ?? null;
  const would = map?.totals.would_deny ?? 0;
  return (
    <a class={`item ${denied ? 'tone-bad' : ''}`} href={formatHash('events', { kind: 'denied,would-deny', since: '1h' })} title={map && !map.range.complete ? `at least: ${map.range.why ?? 'the hour is not completely recorded'}` : undefined}>
      <span class="quiet">denied in an hour</span> <strong>{map && !map.range.complete ? '≥ ' : ''}{denied === null ? UNKNOWN : count(denied)}</strong>
      {would > 0 && <span class="tone-warn"> +{count(would)} would be</span>}
    </a>
  );
}

function useClock(running: boolean) {
  const [, setTick] = useState(0);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setTick((tick) => tick + 1), 1000);
    return () => clearInterval(timer);
  }, [running]);
}

function TrialCountdown({ trial }: { trial: Trial }) {
  useClock(true);
  return (
    <a class="item tone-warn trial" href={formatHash('policy', { tab: 'change' })}>
      <strong>revision {trial.number} is on trial</strong>: back to {trial.back} in <span class="clock" role="timer">{countdown(trial.until)}</span> unless it is confirmed
    </a>
  );
}

function ConnectionLost() {
  const state = useStore(connection);
  return (
    <div role="alert" class="alert-slot">
      {state === 'lost' && <p class="lost">The connection to the daemon is lost: what is shown is as it was then. Trying again …</p>}
    </div>
  );
}

export function Banner() {
  const now = useStatus();
  return (
    <section class="banner" aria-label="Status">
      <ConnectionLost />
      {now && (
        <div class="items">
          <Enforcement enforcement={now.enforcement} />
          <Modes modes={now.modes} />
          <Denials />
          <Loss loss={now.loss} />
          <a class={`item ${now.unknown.length ? 'tone-review' : ''}`} href={formatHash('coverage', {})} title="what bulkhead does not know">
            <span class="quiet">not known</span> <strong>{now.unknown.length ? plural(now.unknown.length, 'thing') : 'nothing'}</strong>
          </a>
          {now.enforcement.trial && <TrialCountdown trial={now.enforcement.trial} />}
        </div>
      )}
    </section>
  );
}
