// SPDX-License-Identifier: GPL-2.0-or-later
import { useMemo, useRef } from 'preact/hooks';
import { address, getJson } from '../api/client';
import type { MapAnswer } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { Loading, Problem } from '../components/problem';
import { RangeNote } from '../components/range_picker';
import { Bytes, Count, Name } from '../components/value';
import { csv, download } from '../logic/csv';
import { plural } from '../logic/format';
import { dot, mermaid } from '../logic/graph_text';
import { BoxDetails, EdgeDetails, NodeDetails } from '../map/details';
import { Graph, type GraphHandle } from '../map/graph';
import { EdgeList } from '../map/list';
import { Matrix } from '../map/matrix';
import { makeModel, type MapModel } from '../map/model';
import { mapQuery, mapStateOf, toggled, type MapState } from '../map/state';
import { Toolbar } from '../map/toolbar';
import { change, useRoute } from '../state/route';

const REFRESH = 15_000;

function Totals({ answer, model }: { answer: MapAnswer; model: MapModel }) {
  const { totals } = answer;
  const hidden = answer.edges.length - model.edges.length;
  return (
    <p class="totals">
      {plural(totals.workloads, 'workload')} in {plural(totals.groups, 'group')}, {plural(totals.edges, 'edge')}, <Count value={totals.connections} unit="connections" /> connections, {totals.bytes === null && 'bytes '}<Bytes value={totals.bytes} />;{' '}
      <strong class={totals.denied ? 'tone-bad' : ''}><Count value={totals.denied} /> denied</strong>, <span class={totals.would_deny ? 'tone-warn' : ''}><Count value={totals.would_deny} /> would be</span>
      <span class="quiet"> – shown: {model.nodes.length} nodes, {model.edges.length} edges{hidden > 0 && `, ${hidden} hidden`}</span>
    </p>
  );
}

function Folded({ answer }: { answer: MapAnswer }) {
  if (!answer.folded.length) return null;
  return (
    <details class="folded">
      <summary>Folded into badges: {answer.folded.map((one) => `${one.service} ${one.port}`).join(', ')}</summary>
      <ul class="plain">
        {answer.folded.map((one) => (
          <li key={`${one.peer} ${one.port}`}>{one.service}: <Name text={one.peer} /> {one.port}, <Count value={one.clients} /> clients, <Count value={one.connections} /> connections</li>
        ))}
      </ul>
      <button type="button" class="link" onClick={() => change({ fold: '0' })}>show their edges</button>
    </details>
  );
}

function edgesAsCsv(model: MapModel): string {
  return csv(['src', 'dst', 'ports', 'state', 'connections', 'answered', 'bytes', 'denied', 'would_deny', 'first', 'last'],
    model.edges.map((edge) => [edge.src, edge.dst, edge.ports.map(({ port }) => port).join(' '), edge.state, edge.connections, edge.answered, edge.bytes, edge.denied, edge.would_deny, edge.first, edge.last]));
}

function exportAs(format: string, answer: MapAnswer, model: MapModel) {
  if (format === 'csv') return download('bulkhead-map.csv', edgesAsCsv(model), 'text/csv');
  if (format === 'json') return download('bulkhead-map.json', JSON.stringify(answer, null, 1), 'application/json');
  return format === 'dot' ? download('bulkhead-map.dot', dot(model)) : download('bulkhead-map.mmd', mermaid(model));
}

/** Whatever is chosen may be gone with the next answer: then nothing is. */
function Details({ model, state }: { model: MapModel; state: MapState }) {
  const actions = useMapActions(state);
  const node = model.byId.get(state.chosen);
  if (node) return <NodeDetails node={node} model={model} state={state} {...actions} />;
  const edge = model.edgeById.get(state.chosen);
  if (edge) return <EdgeDetails edge={edge} state={state} {...actions} />;
  if (model.opened.has(state.chosen)) return <BoxDetails group={state.chosen} model={model} state={state} {...actions} />;
  return null;
}

function useMapActions(state: MapState) {
  return {
    onChoose: (id: string) => change({ chosen: id || null }, 'replace'),
    onToggle: (group: string) => change({ open: toggled(state.open, group) || null, chosen: group }),
    onFocus: (id: string) => change(state.focus === id ? { focus: null, hops: null } : { focus: id }),
    onClose: () => {
      change({ chosen: null }, 'replace');
      document.querySelector<HTMLElement>('.graph')?.focus();
    },
  };
}

export function MapPage() {
  const { parameters } = useRoute();
  const signature = JSON.stringify(parameters);
  const state = useMemo(() => mapStateOf(parameters), [signature]);
  const query = mapQuery(state);
  const answer = useAnswer(address('/v1/map', query), async (signal) => ({ ...(await getJson<MapAnswer>('/v1/map', query, signal)), focus: state.focus }), REFRESH);
  const hidden = state.hidden.join(',');
  const model = useMemo(() => (answer.data ? makeModel(answer.data, state.hidden) : null), [answer.data, hidden]);
  const graph = useRef<GraphHandle>(null);
  const actions = useMapActions(state);
  const open = useMemo(() => state.open, [state.open.join(',')]);

  const picture = () => graph.current && download('bulkhead-map.png', graph.current.picture());
  const toDetails = () => document.getElementById('details')?.focus();
  const data = answer.data;

  return (
    <div class="page map-page">
      <Toolbar state={state} onPicture={state.view === 'graph' ? picture : null} exportAs={(format) => model && answer.data && exportAs(format, answer.data, model)} />
      <Problem error={answer.error} />
      {data && <RangeNote label="This range" range={data.range} />}
      {data?.before && <RangeNote label="The range it is compared with" range={data.before} />}
      {data && model && <Totals answer={data} model={model} />}
      {data && <Folded answer={data} />}
      {!model && !answer.error && <Loading what="the map" />}
      {data && model && (
        <div class="map-body" aria-busy={answer.loading}>
          {state.view === 'graph' && <Graph model={model} collapsed={data.collapsed} open={open} focus={data.focus} weight={state.weight} chosen={state.chosen} handle={graph} onDetails={toDetails} {...actions} />}
          {state.view === 'matrix' && <Matrix model={model} weight={state.weight} chosen={state.chosen} onChoose={actions.onChoose} onToggle={actions.onToggle} />}
          {state.view === 'list' && <EdgeList model={model} weight={state.weight} compared={data.before !== null} chosen={state.chosen} onChoose={actions.onChoose} />}
          <Details model={model} state={state} />
        </div>
      )}
      {data && data.nodes.length === 0 && <p class="quiet">Nothing in this range{state.search && ` has “${state.search}” in its name, image or group`}.</p>}
    </div>
  );
}
