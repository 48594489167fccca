// SPDX-License-Identifier: GPL-2.0-or-later
// A candidate – the proposal, or a document of one's own – against what is active: what changes, what it would block.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, getText, postJson } from '../api/client';
import type { Outcome, PolicyDiff } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { GuardFindings } from '../components/guard';
import { OperatorButton, ReadOnlyNote } from '../components/operator_button';
import { Loading, Problem } from '../components/problem';
import { Switch } from '../components/switch';
import { When } from '../components/value';
import { download } from '../logic/csv';
import { plural } from '../logic/format';
import { refreshStatus, status } from '../state/status';
import { useStore } from '../state/store';
import { ApplyDialog } from './apply_dialog';
import { DocumentDiff } from './document_diff';
import { OpenConnections } from './outcome';
import { RollbackDialog } from './rollback_dialog';
import { TrialBox } from './trial';
import { Verdicts } from './verdicts';

type Source = 'proposal' | 'own';
const MOST_LINES = 300;

/** The active document; '' where no policy is active. */
async function activeDocument(): Promise<string> {
  try {
    return await getText('/v1/policy/active');
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return '';
    throw error;
  }
}

function OwnDocument({ text, onChange }: { text: string; onChange(text: string): void }) {
  const read = async (event: { currentTarget: HTMLInputElement }) => {
    const file = event.currentTarget.files?.[0];
    if (file) onChange(await file.text());
  };
  return (
    <section>
      <label class="field"><span>read a file</span><input type="file" accept=".yaml,.yml,.json" onChange={read} /></label>
      <label class="field block"><span>Policy (YAML)</span><textarea class="mono" rows={16} spellcheck={false} value={text} onInput={(event) => onChange(event.currentTarget.value)} /></label>
    </section>
  );
}

function RuleLines({ lines }: { lines: PolicyDiff['lines'] }) {
  if (!lines.length) return <p class="quiet">No rule would change.</p>;
  return (
    <div class="lines-scroller" tabIndex={0} role="region" aria-label="Rules that come and go">
      <ul class="lines">
        {lines.slice(0, MOST_LINES).map(({ sign, text }) => <li key={sign + text} class={sign === '+' ? 'diff-added' : 'diff-removed'}><span class="sign" aria-label={sign === '+' ? 'comes' : 'goes'}>{sign === '+' ? '+' : '−'}</span> {text}</li>)}
      </ul>
      {lines.length > MOST_LINES && <p class="quiet">and {lines.length - MOST_LINES} more: the documents below show all</p>}
    </div>
  );
}

function Effect({ diff }: { diff: PolicyDiff }) {
  const { recorded } = diff;
  return (
    <>
      <div class="columns">
        <section>
          <h2>Rules <span class="quiet">({plural(diff.lines.length, 'change')})</span></h2>
          <RuleLines lines={diff.lines} />
        </section>
        <section>
          <h2>What it would do</h2>
          <p>Of {plural(recorded.checked, 'edge and flow', 'edges and flows')} recorded since <When time={recorded.since} />: {recorded.allowed} allowed, <strong class={recorded.would_block.length ? 'tone-bad' : ''}>{recorded.would_block.length} would be refused</strong>, <span class={recorded.uncertain.length ? 'tone-warn' : ''}>{recorded.uncertain.length} uncertain</span>.</p>
          <OpenConnections existing={diff.existing} />
          <GuardFindings guard={diff.guard} />
          {diff.silence && <p class="note">{diff.silence}</p>}
        </section>
      </div>
      <h2>Would be refused</h2>
      <Verdicts label="What would be refused" verdicts={recorded.would_block} empty="Nothing of what was recorded." />
      {recorded.uncertain.length > 0 && <><h2>Uncertain</h2><Verdicts label="What is uncertain" verdicts={recorded.uncertain} empty="" /></>}
    </>
  );
}

const isProblem = (error: unknown): error is ApiError => error instanceof ApiError;

/** The diff of a candidate, asked for once typing pauses. */
function useDiff(candidate: string | null, turn: number) {
  const [state, setState] = useState<{ of: string | null; diff: PolicyDiff | null; error: ApiError | null }>({ of: null, diff: null, error: null });
  useEffect(() => {
    if (candidate === null || candidate.trim() === '') return undefined;
    let current = true;
    const timer = setTimeout(() => {
      postJson<PolicyDiff>('/v1/policy/diff', {}, candidate)
        .then((diff) => current && setState({ of: candidate, diff, error: null }))
        .catch((error: unknown) => current && isProblem(error) && setState({ of: candidate, diff: null, error }));
    }, 250);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [candidate, turn]);
  return state.of === candidate ? state : { diff: null, error: null };
}

function Done({ outcome }: { outcome: Outcome }) {
  return <p class="note" role="status">Revision {outcome.number} is active{outcome.trial ? ', on trial: confirm it in time' : ''}.</p>;
}

export function ChangeTab() {
  const now = useStore(status);
  const [turn, setTurn] = useState(0);
  const [source, setSource] = useState<Source>('proposal');
  const [own, setOwn] = useState('');
  const [dialog, setDialog] = useState<'apply' | 'rollback' | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const proposal = useAnswer(`proposal ${turn}`, () => getText('/v1/policy/proposal'));
  const active = useAnswer(`active ${turn}`, activeDocument);
  const candidate = source === 'own' ? own : proposal.data;
  const { diff, error } = useDiff(candidate, turn);

  const changed = () => {
    refreshStatus();
    setTurn(turn + 1);
  };
  const done = (result: Outcome) => {
    setOutcome(result);
    changed();
  };
  const choose = (next: Source) => {
    if (next === 'own' && own === '') setOwn(proposal.data ?? '');
    setSource(next);
  };
  const number = now?.enforcement.number ?? null;
  const canTry = number !== null;

  return (
    <>
      <ReadOnlyNote />
      {now?.enforcement.trial && <TrialBox trial={now.enforcement.trial} onChanged={changed} />}
      <div class="toolbar">
        <Switch<Source> label="Candidate" value={source} onChange={choose} choices={[{ value: 'proposal', label: 'What is proposed' }, { value: 'own', label: 'A document of your own' }]} />
        <OperatorButton kind="primary" disabled={!diff} reason="what it would do is not known yet" onClick={() => setDialog('apply')}>Apply …</OperatorButton>
        <OperatorButton disabled={number === null} reason="no policy is active" onClick={() => setDialog('rollback')}>Roll back …</OperatorButton>
        <button type="button" class="ghost" disabled={!candidate} onClick={() => download('policy.yaml', candidate ?? '', 'application/yaml')}>Download</button>
        <span class="quiet">{number === null ? 'no policy is active: everything passes' : `active: revision ${number}`}</span>
      </div>
      {outcome && <Done outcome={outcome} />}
      <Problem error={proposal.error ?? active.error ?? error} />
      {source === 'own' && <OwnDocument text={own} onChange={setOwn} />}
      {!diff && !error && candidate !== '' && <Loading what="what would change" />}
      {diff && <Effect diff={diff} />}
      {candidate && active.data !== null && <><h2>Documents</h2><DocumentDiff left={active.data} right={candidate} leftName={number === null ? 'active: none' : `active: revision ${number}`} rightName={source === 'own' ? 'your document' : 'proposed'} /></>}
      {dialog === 'apply' && candidate && <ApplyDialog policy={candidate} canTry={canTry} onDone={done} onClose={() => setDialog(null)} />}
      {dialog === 'rollback' && <RollbackDialog number={null} onDone={done} onClose={() => setDialog(null)} />}
    </>
  );
}
