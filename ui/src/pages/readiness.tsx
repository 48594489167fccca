// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import { getJson } from '../api/client';
import type { Readiness, WorkloadReadiness } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { DetailsPanel } from '../components/details_panel';
import { Loading, Problem } from '../components/problem';
import { ReadOnlyNote } from '../components/operator_button';
import { Tabs } from '../components/tabs';
import { Count, Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { duration, estimate, percent, plural, UNKNOWN } from '../logic/format';
import { change, formatHash, useRoute } from '../state/route';
import { ReviewQueue } from './review';
import { portName } from '../logic/port';

const WEEKDAYS = ['Thursday', 'Friday', 'Saturday', 'Sunday', 'Monday', 'Tuesday', 'Wednesday'];
const DAY = 86400;

/** The next stage that is not reached, and what stands against it. */
const nextStage = (row: WorkloadReadiness) => row.stages.find((stage) => !stage.reached);

function StageCell({ row }: { row: WorkloadReadiness }) {
  const next = nextStage(row);
  if (!next) return <span class="tone-good">✓ enforced</span>;
  if (next.ready) return <span class="tone-good">✓ ready for {next.mode}</span>;
  const text = next.missing.map((missing) => missing.text).join('; ');
  return <span class="cut" title={text}><span class="tone-warn">! not for {next.mode}:</span> {text}</span>;
}

const COLUMNS: readonly Column<WorkloadReadiness>[] = [
  { id: 'workload', label: 'Workload', width: 'minmax(12rem, 1fr)', cell: (row) => <Name text={row.workload} /> },
  { id: 'mode', label: 'Mode', width: '6.5rem', cell: (row) => (row.mode ? <span class={`mode mode-${row.mode}`}>{row.mode}</span> : <span class="unknown">unknown</span>) },
  { id: 'windows', label: 'Windows', width: '5.5rem', align: 'right', cell: (row) => row.windows },
  { id: 'edges', label: 'Edges', width: '5rem', align: 'right', cell: (row) => row.edges },
  { id: 'once', label: 'Seen once', width: '6rem', align: 'right', cell: (row) => row.seen_once },
  { id: 'waiting', label: 'Waiting', width: '5.5rem', align: 'right', cell: (row) => (row.waiting ? <strong>{row.waiting}</strong> : 0) },
  { id: 'risk', label: 'Risk', width: '5.5rem', align: 'right', cell: (row) => (row.risk === null ? <span class="unknown">{UNKNOWN}</span> : <span title={String(row.risk)}>{percent(row.risk)}</span>) },
  { id: 'next', label: 'Next stage', width: 'minmax(16rem, 2fr)', cell: (row) => <StageCell row={row} /> },
];

function WorkloadDetails({ row, onClose }: { row: WorkloadReadiness; onClose(): void }) {
  return (
    <DetailsPanel title={row.workload} kind="readiness of" onClose={onClose}>
      <div class="actions">
        <a class="button" href={formatHash('map', { focus: row.workload, chosen: row.workload })}>Map</a>
        <a class="button" href={formatHash('readiness', { tab: 'review', of: row.workload })}>Its review queue</a>
        <a class="button" href={formatHash('policy', { tab: 'modes', workload: row.workload })}>Its mode</a>
      </div>
      <h3>What was seen</h3>
      <p>{plural(row.edges, 'edge')} in {plural(row.windows, 'window')}: {row.accepted} accepted, {row.review} in review, {row.seen_once} seen once, {row.recent} lately{row.urgent > 0 && <strong class="tone-warn">, {row.urgent} urgent</strong>}.</p>
      {row.open_ended && <p class="note">It talks to ever new peers: its record cannot become complete.</p>}
      {row.job && <p class="note">It is a job: it is there only while it runs.</p>}
      {row.lossy && <p class="note warn">Something was lost while it was watched.</p>}
      {row.stages.map((stage) => (
        <section key={stage.mode}>
          <h3>{stage.mode} {stage.reached ? <span class="tone-good">✓ reached</span> : stage.ready ? <span class="tone-good">✓ ready</span> : <span class="tone-warn">! not ready</span>}</h3>
          {stage.missing.length > 0 && <ul>{stage.missing.map((missing) => <li key={missing.lack + missing.text}><span class="quiet">{missing.lack}:</span> {missing.text}</li>)}</ul>}
        </section>
      ))}
    </DetailsPanel>
  );
}

function Summary({ data }: { data: Readiness }) {
  const unlearned = Object.entries(data.unlearned).filter(([, n]) => n > 0);
  const missingDays = data.weekdays_missing.map((day) => (data.window_seconds === DAY ? WEEKDAYS[day] : `number ${day} of seven`));
  return (
    <div class="columns">
      <section>
        <h2>What was seen</h2>
        <p>{plural(data.windows, 'window')} of {duration(data.window_seconds)}, <Count value={data.edges} /> edges, <Count value={data.seen_once} /> of them in one window alone.</p>
        <p>{data.recent === null ? 'How many were found lately is unknown' : `${data.recent} were found in the last ${plural(data.recent_windows, 'window')}`}.</p>
      </section>
      <section>
        <h2>What was not</h2>
        <p>New edges in the next window: {data.expected === null ? UNKNOWN : `about ${estimate(data.expected)}`}, at most {data.bound === null ? UNKNOWN : estimate(data.bound)}; none at all with a probability of {percent(data.quiet)}.</p>
        <ul>
          {missingDays.length > 0 && <li>not seen yet: {missingDays.join(', ')}</li>}
          {data.uncounted.unwatched > 0 && <li>{plural(data.uncounted.unwatched, 'window')} not watched throughout</li>}
          {data.uncounted.lossy > 0 && <li>{plural(data.uncounted.lossy, 'window')} with loss</li>}
          {data.lost_contacts > 0 && <li>{plural(data.lost_contacts, 'edge')} not met any more</li>}
          {unlearned.map(([reason, n]) => <li key={reason}>{plural(n, 'connection')} not learned: {reason}</li>)}
        </ul>
      </section>
      <section>
        <h2>What recurs</h2>
        {data.schedules.length === 0 && data.declared.length === 0 && <p class="quiet">No schedule is known.</p>}
        <ul>
          {data.schedules.map((one) => (
            <li key={`${one.src} ${one.dst} ${one.port}`}><Name text={one.src} /> → <Name text={one.dst} /> {portName(one.proto, one.port)}: every {plural(one.every, 'window')}, seen {plural(one.seen, 'time')}, next <When time={one.next} />{one.overdue && <strong class="tone-warn"> overdue</strong>}</li>
          ))}
          {data.declared.map((one) => <li key={one.workload + one.label}><Name text={one.workload} /> says {one.label}: {one.text}{one.why && ` (${one.why})`}</li>)}
        </ul>
      </section>
    </div>
  );
}

/** Those that can go on come first, then by how much is missing. */
const byReadiness = (a: WorkloadReadiness, b: WorkloadReadiness) =>
  (nextStage(a)?.missing.length ?? 99) - (nextStage(b)?.missing.length ?? 99) || (a.workload < b.workload ? -1 : 1);

function Workloads({ data, search, chosen }: { data: Readiness; search: string; chosen: string | null }) {
  const rows = data.workloads.filter((row) => row.workload.includes(search)).sort(byReadiness);
  const ready = data.workloads.filter((row) => nextStage(row)?.ready).length;
  const row = data.workloads.find((one) => one.workload === chosen);
  return (
    <>
      <Summary data={data} />
      <div class="toolbar">
        <label class="field grow"><span class="hidden">Search</span><input type="search" data-search placeholder="Search workloads (/)" value={search} onInput={(event) => change({ q: event.currentTarget.value || null }, 'replace')} /></label>
        <span>{ready} of {data.workloads.length} can go on to their next stage</span>
      </div>
      <div class="split">
        <div class="column"><VirtualTable label="Workloads" columns={COLUMNS} rows={rows} keyOf={(one) => one.workload} chosen={chosen} onChoose={(one) => change({ workload: one.workload }, 'replace')} empty="no workload matches" /></div>
        {row && <WorkloadDetails row={row} onClose={() => change({ workload: null }, 'replace')} />}
      </div>
    </>
  );
}

export function ReadinessPage() {
  const { parameters } = useRoute();
  const tab = parameters.tab === 'review' ? 'review' : 'workloads';
  const [turn, setTurn] = useState(0);
  const answer = useAnswer(`readiness ${turn}`, (signal) => getJson<Readiness>('/v1/readiness', {}, signal), 30_000);
  return (
    <div class="page readiness-page">
      <Tabs label="Readiness" chosen={tab} onChoose={(id) => change({ tab: id === 'workloads' ? null : id })} tabs={[{ id: 'workloads', label: 'Workloads' }, { id: 'review', label: 'Review queue' }]} />
      <Problem error={answer.error} />
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} class="panel">
        {tab === 'review' ? <><ReadOnlyNote /><ReviewQueue onDecided={() => setTurn(turn + 1)} /></>
          : answer.data ? <Workloads data={answer.data} search={parameters.q ?? ''} chosen={parameters.workload ?? null} /> : !answer.error && <Loading what="readiness" />}
      </div>
    </div>
  );
}
