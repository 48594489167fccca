// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { address, ApiError, getJson } from '../api/client';
import type { StreamState } from '../api/sse';
import type { Flow, FlowsAnswer, Workloads } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { FilterField } from '../components/filter_field';
import { Mark } from '../components/mark';
import { Loading, Problem } from '../components/problem';
import { RangePicker } from '../components/range_picker';
import { Switch } from '../components/switch';
import { Bytes, Count, Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { csv, download, jsonLines } from '../logic/csv';
import { both, endText, FLOW_COLUMNS, flowKey, portText, type FlowRow } from '../logic/flow';
import { change, useRoute } from '../state/route';
import { FlowDetails } from './flow_details';
import { useLiveFlows } from './use_live_flows';

const PAGE = 500;

const flowCell = (cell: (flow: Flow) => preact.ComponentChildren) => (row: FlowRow) => (row.kind === 'flow' ? cell(row.flow) : null);

const COLUMNS: readonly Column<FlowRow>[] = [
  { id: 'last', label: 'Last packet', width: '11rem', cell: (row) => (row.kind === 'flow' ? <When time={row.flow.last} /> : <strong class="tone-warn">{row.missing} missing</strong>) },
  { id: 'verdict', label: 'Verdict', width: '8rem', cell: flowCell((flow) => <Mark state={flow.verdict} />) },
  { id: 'src', label: 'Source', width: 'minmax(11rem, 1.3fr)', cell: flowCell((flow) => <span title={flow.src.ip}><Name text={endText(flow.src)} /></span>) },
  { id: 'dst', label: 'Destination', width: 'minmax(11rem, 1.3fr)', cell: flowCell((flow) => <span title={flow.dst.ip}><Name text={endText(flow.dst, flow.dns)} /></span>) },
  { id: 'port', label: 'Port', width: '7rem', cell: flowCell(portText) },
  { id: 'state', label: 'State', width: '6.5rem', cell: flowCell((flow) => flow.state) },
  { id: 'packets', label: 'Packets', width: '6rem', align: 'right', cell: flowCell((flow) => <Count value={both(flow, 'packets')} />) },
  { id: 'bytes', label: 'Bytes', width: '6rem', align: 'right', cell: flowCell((flow) => <Bytes value={both(flow, 'bytes')} />) },
];

const rowClass = (row: FlowRow) => (row.kind === 'gap' ? 'row-gap' : row.flow.verdict === 'denied' ? 'row-bad' : row.flow.verdict === 'undelivered' ? 'row-warn' : '');
const flowsOf = (rows: readonly FlowRow[]) => rows.flatMap((row) => (row.kind === 'flow' ? [row.flow] : []));

function Save({ rows }: { rows: readonly FlowRow[] }) {
  const flows = flowsOf(rows);
  const asCsv = () => download('bulkhead-flows.csv', csv(FLOW_COLUMNS.map(([name]) => name), flows.map((flow) => FLOW_COLUMNS.map(([, cell]) => cell(flow)))), 'text/csv');
  const asJson = () => download('bulkhead-flows.jsonl', jsonLines(flows), 'application/x-ndjson');
  return (
    <details class="menu">
      <summary>Export</summary>
      <div class="menu-body">
        <button type="button" class="link" disabled={!flows.length} onClick={asCsv}>CSV of {flows.length} flows</button>
        <button type="button" class="link" disabled={!flows.length} onClick={asJson}>JSON lines of {flows.length} flows</button>
      </div>
    </details>
  );
}

const STREAM_TEXT: Record<StreamState, string> = { connecting: 'connecting …', live: 'live', interrupted: 'interrupted: trying again …', refused: 'refused' };

function LiveFlows({ filter, onError, onChoose, chosen }: { filter: string; onError(error: ApiError | null): void; onChoose(flow: Flow): void; chosen: string | null }) {
  const [paused, setPaused] = useState(false);
  const live = useLiveFlows(filter, true, paused);
  useEffect(() => onError(live.error), [live.error]);
  return (
    <>
      <div class="toolbar">
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>{paused ? `Go on${live.waiting ? ` (${live.waiting} wait)` : ''}` : 'Pause'}</button>
        <span class={`stream stream-${live.state}`} role="status">{paused ? 'paused' : STREAM_TEXT[live.state]}</span>
        <button type="button" class="ghost" onClick={live.clear}>Empty the table</button>
        <Save rows={live.rows} />
        <span class="quiet">{live.rows.length} lines, the newest below{live.gone > 0 && <>; <Count value={live.gone} /> older ones are not shown</>}</span>
      </div>
      <VirtualTable label="Flows, live" columns={COLUMNS} rows={live.rows} keyOf={(row) => row.key} classOf={rowClass} chosen={chosen} followEnd={!paused}
        onChoose={(row) => row.kind === 'flow' && onChoose(row.flow)} empty={live.error ? '' : 'no flow that matches was reported yet'} />
    </>
  );
}

function useHistory(filter: string, since: string, until: string) {
  const query = { filter, since, until, history: 1, limit: PAGE };
  const first = useAnswer(address('/v1/flows', query), (signal) => getJson<FlowsAnswer>('/v1/flows', query, signal));
  const [older, setOlder] = useState<{ of: FlowsAnswer | null; pages: FlowsAnswer[] }>({ of: null, pages: [] });
  const [error, setError] = useState<ApiError | null>(null);
  const pages = older.of === first.data ? older.pages : [];
  const oldest = pages[0] ?? first.data;
  const more = async () => {
    try {
      const answer = await getJson<FlowsAnswer>('/v1/flows', { ...query, before: oldest?.next });
      setOlder({ of: first.data, pages: [answer, ...pages] });
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
    }
  };
  const flows = [...pages, ...(first.data ? [first.data] : [])].flatMap((answer) => answer.flows);
  return { flows, oldest, more: oldest?.next ? more : null, error: first.error ?? error, loading: first.loading, reload: first.reload, known: first.data };
}

function PastFlows({ filter, onError, onChoose, chosen }: { filter: string; onError(error: ApiError | null): void; onChoose(flow: Flow): void; chosen: string | null }) {
  const { parameters } = useRoute();
  const [since, until] = [parameters.since ?? '', parameters.until ?? ''];
  const past = useHistory(filter, since, until);
  useEffect(() => onError(past.error), [past.error]);
  const rows = past.flows.map((flow): FlowRow => ({ kind: 'flow', key: flowKey(flow), flow })).reverse();
  return (
    <>
      <div class="toolbar">
        <RangePicker label="time" value={{ since, until }} onChange={(value) => change({ since: value.since || null, until: value.until || null })} />
        <button type="button" onClick={past.reload}>Read again</button>
        <Save rows={rows} />
        <span class="quiet">{rows.length} flows, the newest first{past.known?.known_since ? <>; known since <When time={past.known.known_since} /></> : ''}{past.known && past.known.left_out > 0 && `; ${past.known.left_out} were left out`}</span>
      </div>
      {past.loading && !past.known ? <Loading what="flows" />
        : <VirtualTable label="Flows, recorded" columns={COLUMNS} rows={rows} keyOf={(row) => row.key} classOf={rowClass} chosen={chosen} onChoose={(row) => row.kind === 'flow' && onChoose(row.flow)} empty="no recorded flow matches" />}
      {past.more && <button type="button" onClick={past.more}>Older ones</button>}
    </>
  );
}

function useWorkloadNames(): string[] {
  const answer = useAnswer('workloads', (signal) => getJson<Workloads>('/v1/workloads', {}, signal));
  return answer.data?.rows.map((row) => row.workload) ?? [];
}

export function FlowsPage() {
  const { parameters } = useRoute();
  const filter = parameters.filter ?? '';
  const past = parameters.mode === 'history';
  const [error, setError] = useState<ApiError | null>(null);
  const [chosen, setChosen] = useState<Flow | null>(null);
  const names = useWorkloadNames();
  const part = { filter, onError: setError, onChoose: setChosen, chosen: chosen ? flowKey(chosen) : null };
  return (
    <div class="page flows-page">
      <div class="toolbar">
        <Switch label="Which flows" value={past ? 'history' : 'live'} onChange={(mode) => change({ mode: mode === 'live' ? null : mode })} choices={[{ value: 'live', label: 'Live' }, { value: 'history', label: 'Recorded' }]} />
        <FilterField value={filter} workloads={names} error={error} onApply={(text) => change({ filter: text || null })} />
      </div>
      {error && error.problem.where !== 'filter' && <Problem error={error} />}
      <div class="split">
        <div class="column">{past ? <PastFlows {...part} /> : <LiveFlows {...part} />}</div>
        {chosen && <FlowDetails flow={chosen} onClose={() => setChosen(null)} />}
      </div>
    </div>
  );
}
