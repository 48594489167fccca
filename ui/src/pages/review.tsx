// SPDX-License-Identifier: GPL-2.0-or-later
// The edges that wait for a person, and the person's word on them.
import { useState } from 'preact/hooks';
import { address, getJson, postJson } from '../api/client';
import type { DecisionAnswer, LearnedEdge, ReviewAnswer } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { ChangeDialog } from '../components/change_dialog';
import { OperatorButton } from '../components/operator_button';
import { Loading, Problem } from '../components/problem';
import { Count, Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { filterOfEdge } from '../logic/filter';
import { plural } from '../logic/format';
import { change, formatHash, useRoute } from '../state/route';
import { useReadOnlyReason } from '../state/me';
import { refreshStatus } from '../state/status';
import { portName } from '../logic/port';

type Action = 'accept' | 'reject';

const LIST_TEXT: Record<LearnedEdge['list'], string> = { edge: '', attempt: 'never answered', denied: '✕ denied' };

function columns(chosen: ReadonlySet<string>, flip: (id: string) => void, disabled: boolean): readonly Column<LearnedEdge>[] {
  return [
    { id: 'pick', label: '', width: '2.6rem', cell: (edge) => <input type="checkbox" disabled={disabled} aria-label={`choose ${edge.src} to ${edge.dst}, ${portName(edge.proto, edge.port)}`} checked={chosen.has(edge.id)} onChange={() => flip(edge.id)} /> },
    { id: 'src', label: 'Source', width: 'minmax(11rem, 1fr)', cell: (edge) => <Name text={edge.src} /> },
    { id: 'dst', label: 'Destination', width: 'minmax(11rem, 1fr)', cell: (edge) => <Name text={edge.dst} /> },
    { id: 'port', label: 'Port', width: '6rem', cell: (edge) => portName(edge.proto, edge.port) },
    { id: 'list', label: 'What', width: '9rem', cell: (edge) => <>{edge.urgent && <strong class="tone-warn">! urgent </strong>}<span class={edge.list === 'denied' ? 'tone-bad' : ''}>{LIST_TEXT[edge.list]}</span>{edge.provisional && 'may pass for now'}</> },
    { id: 'connections', label: 'Connections', width: '7rem', align: 'right', cell: (edge) => <Count value={edge.connections} /> },
    { id: 'last', label: 'Last', width: '11rem', cell: (edge) => <When time={edge.last} /> },
    { id: 'reasons', label: 'Why it waits', width: 'minmax(14rem, 1.4fr)', cell: (edge) => <span class="cut" title={edge.reasons.join('; ')}>{edge.reasons.join('; ')}</span> },
    { id: 'flows', label: '', width: '4rem', cell: (edge) => <a href={formatHash('flows', { mode: 'history', filter: filterOfEdge(edge.src, edge.dst, portName(edge.proto, edge.port)) })}>flows</a> },
  ];
}

function Decision({ action, edges, onDone, onClose }: { action: Action; edges: readonly LearnedEdge[]; onDone(answer: DecisionAnswer): void; onClose(): void }) {
  const [expires, setExpires] = useState('');
  const denied = edges.filter((edge) => edge.list === 'denied').length;
  const perform = async ({ why }: { why: string }) => {
    onDone(await postJson<DecisionAnswer>('/v1/review', { action, edges: edges.map((edge) => edge.id).join(','), expires, why }));
  };
  return (
    <ChangeDialog title={action === 'accept' ? `Accept ${plural(edges.length, 'edge')}` : `Reject ${plural(edges.length, 'edge')}`} action={action === 'accept' ? 'Accept' : 'Reject'} danger={action === 'reject'} overridable={false} perform={perform} onClose={onClose}>
      <p>{action === 'accept' ? 'They will be in the next proposal. Nothing that is in force changes.' : 'They will not be in the next proposal. Nothing that is in force changes.'}</p>
      {action === 'accept' && denied > 0 && <p class="note warn">{plural(denied, 'of these was', 'of these were')} denied by the policy: look at the flows first.</p>}
      <ul class="few">{edges.slice(0, 12).map((edge) => <li key={edge.id}>{edge.src} → {edge.dst} {portName(edge.proto, edge.port)}</li>)}{edges.length > 12 && <li>and {edges.length - 12} more</li>}</ul>
      <label class="field"><span>ends after days (empty: never)</span><input type="number" min="1" max="3650" value={expires} onInput={(event) => setExpires(event.currentTarget.value)} /></label>
    </ChangeDialog>
  );
}

function Decided({ answer }: { answer: DecisionAnswer }) {
  return (
    <p class="note" role="status">
      {plural(answer.edges.length, 'edge')} decided.{answer.demoted.length > 0 && ` Back to a lower mode: ${answer.demoted.join(', ')}.`} <a href={formatHash('policy', {})}>See what the proposal becomes</a>
    </p>
  );
}

export function ReviewQueue({ onDecided }: { onDecided(): void }) {
  const { parameters } = useRoute();
  const workload = parameters.of ?? '';
  const all = parameters.all === '1';
  const query = { workload, all: all ? 1 : '' };
  const answer = useAnswer(address('/v1/review', query), (signal) => getJson<ReviewAnswer>('/v1/review', query, signal), 30_000);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<Action | null>(null);
  const [decided, setDecided] = useState<DecisionAnswer | null>(null);
  const readOnly = useReadOnlyReason() !== null;
  const edges = answer.data?.edges ?? [];
  const picked = edges.filter((edge) => chosen.has(edge.id));
  const flip = (id: string) => setChosen((before) => {
    const after = new Set(before);
    if (!after.delete(id)) after.add(id);
    return after;
  });
  const done = (result: DecisionAnswer) => {
    setDecided(result);
    setChosen(new Set());
    answer.reload();
    refreshStatus();
    onDecided();
  };
  const waiting = edges.filter((edge) => edge.list !== 'denied');
  return (
    <>
      <div class="toolbar">
        <OperatorButton kind="primary" disabled={!picked.length} reason="choose edges first" onClick={() => setAction('accept')}>Accept {picked.length || ''}</OperatorButton>
        <OperatorButton disabled={!picked.length} reason="choose edges first" onClick={() => setAction('reject')}>Reject {picked.length || ''}</OperatorButton>
        <button type="button" class="link" disabled={readOnly || !waiting.length} onClick={() => setChosen(new Set(waiting.map((edge) => edge.id)))}>choose all but the denied</button>
        {picked.length > 0 && <button type="button" class="link" onClick={() => setChosen(new Set())}>none</button>}
        <label class="check"><input type="checkbox" checked={all} onChange={() => change({ all: all ? null : '1' })} />decided ones, too</label>
        {workload && <span class="chip">of <Name text={workload} /><button type="button" class="ghost" aria-label="Of all workloads" onClick={() => change({ of: null })}>✕</button></span>}
        <span class="quiet">{plural(edges.length, 'edge')}</span>
      </div>
      <Problem error={answer.error} />
      {decided && <Decided answer={decided} />}
      {answer.data ? <VirtualTable label="Edges that wait for a person" columns={columns(chosen, flip, readOnly)} rows={edges} keyOf={(edge) => edge.id} classOf={(edge) => (edge.list === 'denied' ? 'row-bad' : edge.urgent ? 'row-warn' : '')} empty="nothing waits for a person" /> : !answer.error && <Loading what="the queue" />}
      {action && <Decision action={action} edges={picked} onDone={done} onClose={() => setAction(null)} />}
    </>
  );
}
