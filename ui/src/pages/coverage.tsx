// SPDX-License-Identifier: GPL-2.0-or-later
import { getJson } from '../api/client';
import type { Coverage, CoverageRow, Status, Tested } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { Mark } from '../components/mark';
import { Loading, Problem } from '../components/problem';
import { Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { formatHash } from '../state/route';
import { status } from '../state/status';
import { useStore } from '../state/store';

const COLUMNS: readonly Column<CoverageRow>[] = [
  { id: 'coverage', label: 'Coverage', width: '8.5rem', cell: (row) => <Mark state={row.coverage} /> },
  { id: 'name', label: 'Container', width: 'minmax(10rem, 1fr)', cell: (row) => <Name text={row.name} /> },
  { id: 'workload', label: 'Workload', width: 'minmax(10rem, 1fr)', cell: (row) => (row.workload ? <a href={formatHash('map', { focus: row.workload })}><Name text={row.workload} /></a> : <span class="unknown">unknown</span>) },
  { id: 'runtime', label: 'Runtime', width: '7rem', cell: (row) => row.runtime ?? <span class="unknown">unknown</span> },
  { id: 'posture', label: 'Posture', width: '6rem', cell: (row) => row.posture ?? '' },
  { id: 'why', label: 'Why', width: 'minmax(14rem, 2fr)', cell: (row) => <span class="cut" title={row.why ?? undefined}>{row.why ?? ''}</span> },
];

const GRAVITY = ['neither', 'observable', 'enforceable'];
const rank = (row: CoverageRow) => GRAVITY.indexOf(row.coverage) - (row.workload === null ? 0.5 : 0);

function Sentences({ title, texts, none }: { title: string; texts: readonly string[]; none: string }) {
  return (
    <section>
      <h2>{title} <span class="quiet">({texts.length})</span></h2>
      {texts.length ? <ul>{texts.map((text) => <li key={text}>{text}</li>)}</ul> : <p class="quiet">{none}</p>}
    </section>
  );
}

function SelfTest({ title, tested }: { title: string; tested: readonly Tested[] }) {
  if (!tested.length) return null;
  return (
    <table class="small">
      <caption>{title}</caption>
      <thead><tr><th>Name</th><th>State</th><th>Found</th><th>Why</th></tr></thead>
      <tbody>{tested.map((one) => <tr key={one.name}><td>{one.name}{one.workload && ` (${one.workload})`}</td><td>{one.state}</td><td><When time={one.time} /></td><td>{one.why ?? ''}</td></tr>)}</tbody>
    </table>
  );
}

function Sources({ now }: { now: Status }) {
  const lost = Object.entries(now.loss.total).filter(([, n]) => n > 0);
  return (
    <section>
      <h2>Where the knowledge comes from</h2>
      <table class="small">
        <thead><tr><th>Source</th><th>State</th><th>Why</th></tr></thead>
        <tbody>
          <tr><td>capture</td><td>{now.capture.state}</td><td>{now.capture.hangs_since !== null && <>hangs since <When time={now.capture.hangs_since} /></>}</td></tr>
          {now.identity.runtimes.map((runtime) => <tr key={runtime.name}><td>{runtime.name}</td><td>{runtime.state}</td><td>{runtime.why ?? ''}</td></tr>)}
        </tbody>
      </table>
      <p>{now.identity.endpoints} endpoints, {now.identity.unidentified} of them unidentified. Lost since <When time={now.loss.since} />: {lost.length ? lost.map(([kind, n]) => `${n} ${kind.replace(/_/g, ' ')}`).join(', ') : 'nothing'}.</p>
      {now.enforcement.why && <p class="note">Enforcement is {now.enforcement.state}: {now.enforcement.why}</p>}
      {now.enforcement.silence && <p class="note">{now.enforcement.silence}</p>}
      <SelfTest title="Bridges, tested" tested={now.enforcement.self_test.bridges} />
      <SelfTest title="Routed veths, tested" tested={now.enforcement.self_test.routed} />
    </section>
  );
}

export function CoveragePage() {
  const now = useStore(status);
  const answer = useAnswer('coverage', (signal) => getJson<Coverage>('/v1/coverage', {}, signal), 15_000);
  const data = answer.data;
  return (
    <div class="page coverage-page">
      <Problem error={answer.error} />
      <div class="columns">
        {now && <Sentences title="What bulkhead does not know" texts={now.unknown} none="There is nothing that it knows of." />}
        {data && <Sentences title="What capture does not see" texts={data.unseen} none="It sees all." />}
        {data && <Sentences title="Without names" texts={data.nameless} none="DNS answers of every workload were seen." />}
        {now && <Sources now={now} />}
      </div>
      <h2>Containers {data && <span class="quiet">({data.rows.length})</span>}</h2>
      {data ? <VirtualTable label="Containers and what can be done about them" columns={COLUMNS} rows={[...data.rows].sort((a, b) => rank(a) - rank(b))} keyOf={(row) => `${row.runtime} ${row.name} ${row.workload}`} empty="no container is known" /> : !answer.error && <Loading what="coverage" />}
    </div>
  );
}
