// SPDX-License-Identifier: GPL-2.0-or-later
// What is behind the chosen node or edge: counts, ports, the edges that it stands for, why it is judged as it is.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { address, getJson } from '../api/client';
import type { EdgeState, Explanation, MapEdge, MapNode, MapPort, PortEdge } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { DetailsPanel } from '../components/details_panel';
import { Mark } from '../components/mark';
import { Loading, Problem } from '../components/problem';
import { Bytes, Count, Name, When } from '../components/value';
import { filterOfEdge, filterOfNode } from '../logic/filter';
import { plural } from '../logic/format';
import { portName } from '../logic/port';
import { formatHash } from '../state/route';
import { byWeight, isOpenable, STATES, type MapModel } from './model';
import type { MapState } from './state';

interface Actions {
  onChoose(id: string): void;
  onToggle(group: string): void;
  onFocus(id: string): void;
  onClose(): void;
}

const MOST_EDGES = 60;

function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function rangeParameters(state: MapState) {
  return { since: state.since, until: state.until };
}

function flowsLink(filter: string, state: MapState): string {
  return formatHash('flows', { filter, mode: 'history', ...rangeParameters(state) });
}

function EdgeRow({ edge, end, onChoose }: { edge: MapEdge; end: string; onChoose(id: string): void }) {
  return (
    <li>
      <button type="button" class="link row" onClick={() => onChoose(edge.id)} title={`${edge.src} → ${edge.dst}`}>
        <Mark state={edge.state} /> <Name text={end} most={30} /> <span class="quiet"><Count value={edge.connections} unit="connections" /></span>
      </button>
    </li>
  );
}

function EdgesOf({ title, edges, endOf, onChoose }: { title: string; edges: readonly MapEdge[]; endOf(edge: MapEdge): string; onChoose(id: string): void }) {
  if (!edges.length) return null;
  return (
    <section>
      <h3>{title} <span class="quiet">({edges.length})</span></h3>
      <ul class="plain">{edges.slice(0, MOST_EDGES).map((edge) => <EdgeRow key={edge.id} edge={edge} end={endOf(edge)} onChoose={onChoose} />)}</ul>
      {edges.length > MOST_EDGES && <p class="quiet">and {edges.length - MOST_EDGES} more: the list view has them all</p>}
    </section>
  );
}

function FocusButton({ id, state, onFocus }: { id: string; state: MapState } & Pick<Actions, 'onFocus'>) {
  const focused = state.focus === id;
  return <button type="button" aria-pressed={focused} onClick={() => onFocus(id)}>{focused ? 'Leave the focus' : 'Focus'}</button>;
}

export function NodeDetails({ node, model, state, onChoose, onToggle, onFocus, onClose }: { node: MapNode; model: MapModel; state: MapState } & Actions) {
  const out = byWeight(model.edges.filter((edge) => edge.src === node.id), state.weight);
  const incoming = byWeight(model.edges.filter((edge) => edge.dst === node.id), state.weight);
  const filter = filterOfNode(node.id);
  return (
    <DetailsPanel title={node.id} kind={node.kind} onClose={onClose}>
      <div class="actions">
        {isOpenable(node) && <button type="button" class="primary" onClick={() => onToggle(node.id)}>Open the group</button>}
        {node.group && state.open.includes(node.group) && <button type="button" onClick={() => onToggle(node.group ?? '')}>Close its group</button>}
        <FocusButton id={node.id} state={state} onFocus={onFocus} />
        {filter && <a class="button" href={flowsLink(filter, state)}>Flows</a>}
        {node.kind === 'workload' && <a class="button" href={formatHash('readiness', { workload: node.id })}>Readiness</a>}
        {node.kind !== 'group' && <a class="button" href={formatHash('events', { q: node.id })}>Events</a>}
      </div>
      <Facts>
        {node.members !== null && <Fact name="members">{node.members}</Fact>}
        {node.modes && <Fact name="modes">{Object.entries(node.modes).map(([mode, n]) => <span key={mode} class={`mode mode-${mode}`}>{n} {mode}</span>)}</Fact>}
        {node.mode && <Fact name="mode"><span class={`mode mode-${node.mode}`}>{node.mode}</span>{node.share && ` on ${node.share.on} of ${node.share.of}, the rest ${node.share.rest}`}</Fact>}
        {node.kind === 'workload' && <Fact name="instances">{node.instances}</Fact>}
        {node.image && <Fact name="image"><Name text={node.image} /></Fact>}
        <Fact name="connections"><Count value={node.connections} /></Fact>
        <Fact name="bytes"><Bytes value={node.bytes} /></Fact>
        <Fact name="denied"><Count value={node.denied} /></Fact>
        <Fact name="would be denied"><Count value={node.would_deny} /></Fact>
        {node.change && <Fact name="change"><Mark state={node.change} /></Fact>}
      </Facts>
      {node.badges.length > 0 && (
        <section>
          <h3>Common services, folded</h3>
          <ul class="plain">{node.badges.map((badge) => <li key={`${badge.peer} ${badge.port} ${badge.direction}`}>{badge.direction === 'in' ? '←' : '→'} {badge.service}: <Name text={badge.peer} /> {badge.port}, <Count value={badge.connections} /> connections</li>)}</ul>
        </section>
      )}
      <EdgesOf title="To" edges={out} endOf={(edge) => edge.dst} onChoose={onChoose} />
      <EdgesOf title="From" edges={incoming} endOf={(edge) => edge.src} onChoose={onChoose} />
    </DetailsPanel>
  );
}

function Explain({ src, dst, port }: { src: string; dst: string; port: string }) {
  const answer = useAnswer(`explain ${src} ${dst} ${port}`, (signal) => getJson<Explanation>('/v1/explain', { src, dst, port }, signal));
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loading what="why" />;
  const { verdict, blocked, audited, reason, rule, refusal, unknown } = answer.data;
  return (
    <div class="explain">
      <Mark state={verdict} /> {blocked ? `is refused${refusal ? ` (${refusal})` : ''}` : audited ? 'passes, and is reported' : 'passes'}: {reason}
      {rule !== null && <> <a href={formatHash('policy', { tab: 'rules', of: 'active', rule: String(rule) })}>rule {rule}</a></>}
      {unknown.map((text) => <p key={text} class="note">{text}</p>)}
    </div>
  );
}

/** An opened group: its members, and the way back. */
export function BoxDetails({ group, model, state, onChoose, onToggle, onFocus, onClose }: { group: string; model: MapModel; state: MapState } & Actions) {
  const members = model.nodes.filter((node) => model.boxOf(node.id) === group);
  return (
    <DetailsPanel title={group} kind="opened group" onClose={onClose}>
      <div class="actions">
        {state.open.includes(group) && <button type="button" class="primary" onClick={() => onToggle(group)}>Close the group</button>}
        <FocusButton id={group} state={state} onFocus={onFocus} />
        <a class="button" href={flowsLink(filterOfNode(group), state)}>Flows</a>
      </div>
      <h3>Members <span class="quiet">({members.length})</span></h3>
      <ul class="plain">
        {members.map((node) => (
          <li key={node.id}>
            <button type="button" class="link row" onClick={() => onChoose(node.id)}><Name text={node.label} most={30} /> {node.mode && <span class={`mode mode-${node.mode}`}>{node.mode}</span>}{node.denied > 0 && <span class="tone-bad">✕ <Count value={node.denied} /> denied</span>}</button>
          </li>
        ))}
      </ul>
    </DetailsPanel>
  );
}

/** A group stands for many: only an edge between two ends of its own can be explained. */
const isOne = (id: string) => !id.startsWith('group:') && id !== 'outside';

/** One port between two ends, with the way to its flows and to why it is judged so. */
function PortRow({ src, dst, port, state }: { src: string; dst: string; port: MapPort; state: MapState }) {
  const [explained, setExplained] = useState(false);
  return (
    <>
      <tr>
        <td>{port.port}</td>
        <td><Mark state={port.state} /></td>
        <td class="right"><Count value={port.connections} /></td>
        <td class="right"><Bytes value={port.bytes} /></td>
        <td>
          <a href={flowsLink(filterOfEdge(src, dst, port.port), state)}>flows</a>
          {isOne(src) && isOne(dst) && <button type="button" class="link" aria-expanded={explained} onClick={() => setExplained(!explained)}>why</button>}
        </td>
      </tr>
      {explained && <tr><td colSpan={5}><Explain src={src} dst={dst} port={port.port} /></td></tr>}
    </>
  );
}

function Ports({ src, dst, ports, leftOff, state }: { src: string; dst: string; ports: readonly MapPort[]; leftOff: number; state: MapState }) {
  return (
    <table class="small">
      <thead><tr><th>Port</th><th>State</th><th class="right">Connections</th><th class="right">Bytes</th><th><span class="hidden">Links</span></th></tr></thead>
      <tbody>{ports.map((port) => <PortRow key={port.port} src={src} dst={dst} port={port} state={state} />)}</tbody>
      {leftOff > 0 && <tfoot><tr><td colSpan={5} class="quiet">and {leftOff} more ports</td></tr></tfoot>}
    </table>
  );
}

interface Pair {
  src: string;
  dst: string;
  state: EdgeState;
  ports: MapPort[];
}

/** Edges that differ in their port alone are one row; the gravest first, as the daemon has them. */
function pairsOf(edges: readonly PortEdge[]): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const edge of edges) {
    const key = `${edge.src} ${edge.dst}`;
    const pair = pairs.get(key) ?? { src: edge.src, dst: edge.dst, state: edge.state, ports: [] };
    pairs.set(key, pair);
    pair.ports.push({ ...edge, port: portName(edge.proto, edge.port) });
    if (STATES.indexOf(edge.state) < STATES.indexOf(pair.state)) pair.state = edge.state;
  }
  return [...pairs.values()].sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state));
}

function Behind({ edge, state }: { edge: MapEdge; state: MapState }) {
  const query = { src: edge.src, dst: edge.dst, ...rangeParameters(state) };
  const answer = useAnswer(address('/v1/map/edges', query), (signal) => getJson<{ edges: PortEdge[] }>('/v1/map/edges', query, signal));
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loading what="the edges behind it" />;
  const pairs = pairsOf(answer.data.edges);
  return (
    <section>
      <h3>It stands for {plural(answer.data.edges.length, 'edge')}</h3>
      {pairs.slice(0, MOST_EDGES).map((pair) => (
        <details key={`${pair.src} ${pair.dst}`} class="behind">
          <summary><Mark state={pair.state} /> <Name text={pair.src} most={26} /> → <Name text={pair.dst} most={26} /> {pair.ports.map(({ port }) => port).join(' ')}</summary>
          <Ports src={pair.src} dst={pair.dst} ports={pair.ports} leftOff={0} state={state} />
        </details>
      ))}
      {pairs.length > MOST_EDGES && <p class="quiet">and {pairs.length - MOST_EDGES} more: open the groups, or export the map</p>}
    </section>
  );
}

export function EdgeDetails({ edge, state, onChoose, onClose }: { edge: MapEdge; state: MapState } & Pick<Actions, 'onChoose' | 'onClose'>) {
  return (
    <DetailsPanel title={`${edge.src} → ${edge.dst}`} kind="edge" onClose={onClose}>
      <div class="actions">
        <a class="button" href={flowsLink(filterOfEdge(edge.src, edge.dst), state)}>Flows</a>
        <button type="button" onClick={() => onChoose(edge.src)}>Source</button>
        <button type="button" onClick={() => onChoose(edge.dst)}>Destination</button>
      </div>
      <Facts>
        <Fact name="state"><Mark state={edge.state} /></Fact>
        {edge.new > 0 && <Fact name="new edges"><Count value={edge.new} /></Fact>}
        <Fact name="connections"><Count value={edge.connections} /></Fact>
        <Fact name="answered"><Count value={edge.answered} /></Fact>
        <Fact name="bytes"><Bytes value={edge.bytes} /></Fact>
        <Fact name="denied"><Count value={edge.denied} /></Fact>
        <Fact name="would be denied"><Count value={edge.would_deny} /></Fact>
        <Fact name="first"><When time={edge.first} /></Fact>
        <Fact name="last"><When time={edge.last} /></Fact>
        {edge.change && <Fact name="change"><Mark state={edge.change} /></Fact>}
        {edge.before && <Fact name="before"><Count value={edge.before.connections} /> connections, <Bytes value={edge.before.bytes} />, <Count value={edge.before.denied} /> denied</Fact>}
      </Facts>
      <h3>Ports</h3>
      <Ports src={edge.src} dst={edge.dst} ports={edge.ports} leftOff={edge.ports_left_off} state={state} />
      {(edge.stands_for > edge.ports.length || !isOne(edge.src) || !isOne(edge.dst)) && <Behind edge={edge} state={state} />}
    </DetailsPanel>
  );
}
