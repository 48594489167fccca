// SPDX-License-Identifier: GPL-2.0-or-later
// The workloads' modes: chosen, tried, and then set.
import { useState } from 'preact/hooks';
import { getJson, postJson } from '../api/client';
import { MODES, type Mode, type ModeOutcome, type Workloads } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { ChangeDialog, type ChangeOptions } from '../components/change_dialog';
import { OperatorButton, ReadOnlyNote } from '../components/operator_button';
import { Loading, Problem } from '../components/problem';
import { Name } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { plural } from '../logic/format';
import { change, formatHash, useRoute } from '../state/route';
import { refreshStatus } from '../state/status';
import { ExistingChoice } from './apply_dialog';
import { Preview, useDryRun } from './outcome';

type Row = Workloads['rows'][number];
const MODE_TEXT: Record<Mode, string> = {
  learn: 'everything passes, and is learned', audit: 'everything passes; what no rule allows is reported', stage1: 'sensitive ports and the outside are refused, the rest is reported', enforce: 'what no rule allows is refused',
};
const ALL = 'all';
const PART_OF: readonly Mode[] = ['stage1', 'enforce'];

function ModeRows({ outcome }: { outcome: ModeOutcome }) {
  const changed = outcome.rows.filter((row) => row.mode !== row.was);
  return (
    <>
      <p>{plural(outcome.rows.length, 'workload')}, of which {changed.length} would change:</p>
      <ul class="few">{changed.slice(0, 12).map((row) => <li key={row.workload}>{row.workload}: {row.was} → {row.mode}</li>)}{changed.length > 12 && <li>and {changed.length - 12} more</li>}</ul>
      {outcome.exposed.length > 0 && <div class="note warn"><strong>Chains of others, and what cannot be enforced:</strong><ul>{outcome.exposed.map((text) => <li key={text}>{text}</li>)}</ul></div>}
    </>
  );
}

function ModeDialog({ workload, initial, onDone, onClose }: { workload: string; initial: Mode; onDone(): void; onClose(): void }) {
  const [mode, setMode] = useState<Mode>(initial);
  const [part, setPart] = useState('');
  const [existing, setExisting] = useState('');
  const canBePart = PART_OF.includes(mode) && workload !== ALL;
  const options = { workload, mode, existing, replicas: canBePart && part === 'one' ? 1 : '', share: canBePart && part === 'half' ? '50%' : '' };
  const run = useDryRun<ModeOutcome>('/v1/mode', options);
  const perform = async ({ why, anyway }: ChangeOptions) => {
    await postJson<ModeOutcome>('/v1/mode', { ...options, why, anyway: anyway ? 1 : '' });
    onDone();
  };
  return (
    <ChangeDialog title={workload === ALL ? 'Mode of all workloads' : `Mode of ${workload}`} action={`Set to ${mode}`} danger={mode === 'enforce' || mode === 'stage1'} ready={run.outcome !== null || run.error?.status === 409} perform={perform} onClose={onClose}>
      <fieldset class="modes">
        <legend>Mode</legend>
        {MODES.map((one) => <label key={one} class="check"><input type="radio" name="mode" checked={one === mode} onChange={() => setMode(one)} /><strong>{one}</strong>: {MODE_TEXT[one]}</label>)}
      </fieldset>
      <div class="toolbar">
        {canBePart && (
          <label class="field"><span>of its instances</span>
            <select value={part} onChange={(event) => setPart(event.currentTarget.value)}><option value="">all</option><option value="one">one alone, first</option><option value="half">half of them</option></select>
          </label>
        )}
        <ExistingChoice value={existing} onChange={setExisting} />
      </div>
      <Preview run={run}>{(outcome) => <ModeRows outcome={outcome} />}</Preview>
    </ChangeDialog>
  );
}

function columns(onMode: (workload: string, mode: Mode) => void): readonly Column<Row>[] {
  return [
    { id: 'workload', label: 'Workload', width: 'minmax(12rem, 2fr)', cell: (row) => <Name text={row.workload} most={60} /> },
    { id: 'mode', label: 'Mode', width: '7rem', cell: (row) => <span class={`mode mode-${row.mode}`}>{row.mode}</span> },
    { id: 'share', label: 'On', width: '12rem', cell: (row) => (row.share ? `${row.share.on} of ${row.share.of}, the rest ${row.share.rest}` : 'all instances') },
    { id: 'ready', label: '', width: '6rem', cell: (row) => <a href={formatHash('readiness', { workload: row.workload })}>readiness</a> },
    { id: 'change', label: '', width: '6.5rem', cell: (row) => <OperatorButton kind="slim" onClick={() => onMode(row.workload, row.mode)}>Change …</OperatorButton> },
  ];
}

export function ModesTab() {
  const { parameters } = useRoute();
  const search = parameters.workload ?? '';
  const answer = useAnswer('workloads', (signal) => getJson<Workloads>('/v1/workloads', {}, signal), 15_000);
  const [asked, setAsked] = useState<{ workload: string; mode: Mode } | null>(null);
  const rows = (answer.data?.rows ?? []).filter((row) => row.workload.includes(search));
  const done = () => {
    refreshStatus();
    answer.reload();
  };
  return (
    <>
      <ReadOnlyNote />
      <div class="toolbar">
        <label class="field grow"><span class="hidden">Search</span><input type="search" data-search placeholder="Search workloads (/)" value={search} onInput={(event) => change({ workload: event.currentTarget.value || null }, 'replace')} /></label>
        <OperatorButton disabled={!answer.data?.rows.length} reason="no workload is known" onClick={() => setAsked({ workload: ALL, mode: 'audit' })}>Mode of all …</OperatorButton>
        <span class="quiet">{plural(rows.length, 'workload')}</span>
      </div>
      <Problem error={answer.error} />
      {answer.data ? <VirtualTable label="Modes of workloads" columns={columns((workload, mode) => setAsked({ workload, mode }))} rows={rows} keyOf={(row) => row.workload} empty="no workload matches" /> : !answer.error && <Loading what="workloads" />}
      {asked && <ModeDialog workload={asked.workload} initial={asked.mode} onDone={done} onClose={() => setAsked(null)} />}
    </>
  );
}
