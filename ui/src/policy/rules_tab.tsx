// SPDX-License-Identifier: GPL-2.0-or-later
// The rules of the active policy or the proposal, each with the flows that it came from.
import { address, ApiError, getJson } from '../api/client';
import type { Flow, Rule, RuleEvidence, RuleUse, RuleUses, RulesAnswer } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { DetailsPanel } from '../components/details_panel';
import { Mark } from '../components/mark';
import { Loading, Problem } from '../components/problem';
import { Switch } from '../components/switch';
import { Bytes, Count, Name, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { filterOfEdge } from '../logic/filter';
import { endText } from '../logic/flow';
import { change, formatHash, useRoute } from '../state/route';
import { portName } from '../logic/port';

type Of = 'active' | 'proposal';

const names = (list: readonly string[]) => list.join(', ');

function columns(uses: ReadonlyMap<number, RuleUse>, of: Of): readonly Column<Rule>[] {
  const common: Column<Rule>[] = [
    { id: 'number', label: 'Rule', width: '4rem', align: 'right', cell: (rule) => rule.number },
    { id: 'action', label: 'Action', width: '6rem', cell: (rule) => <Mark state={rule.action} /> },
    { id: 'from', label: 'From', width: 'minmax(12rem, 1fr)', cell: (rule) => <Name text={names(rule.from)} most={44} /> },
    { id: 'to', label: 'To', width: 'minmax(12rem, 1fr)', cell: (rule) => <Name text={names(rule.to)} most={44} /> },
    { id: 'ports', label: 'Ports', width: '9rem', cell: (rule) => <Name text={names(rule.ports)} most={22} /> },
    { id: 'edges', label: 'Edges', width: '4.5rem', align: 'right', cell: (rule) => rule.edges.length },
    { id: 'expires', label: 'Ends', width: '11rem', cell: (rule) => (rule.expires === null ? <span class="quiet">never</span> : <When time={rule.expires} />) },
  ];
  if (of === 'proposal') return common;
  const use = (rule: Rule) => uses.get(rule.number);
  return [...common,
    { id: 'use', label: 'Use', width: '7rem', cell: (rule) => <Mark state={use(rule)?.state ?? 'unknown'} /> },
    { id: 'last', label: 'Last used', width: '11rem', cell: (rule) => <When time={use(rule)?.last_used} /> }];
}

function RecentFlows({ flows }: { flows: readonly Flow[] }) {
  if (!flows.length) return <p class="quiet">No flow of it is remembered.</p>;
  return <ul class="plain">{flows.map((flow, at) => <li key={at}><When time={flow.last} /> <Mark state={flow.verdict} /> {endText(flow.src)} <code>{flow.src.ip}</code> → <code>{flow.dst.ip}:{flow.dst.port}</code></li>)}</ul>;
}

function RuleDetails({ rule, of, use, onClose }: { rule: Rule; of: Of; use: RuleUse | undefined; onClose(): void }) {
  const query = { rule: rule.number, of: of === 'proposal' ? 'proposal' : '' };
  const answer = useAnswer(address('/v1/explain', query), (signal) => getJson<RuleEvidence>('/v1/explain', query, signal));
  return (
    <DetailsPanel title={`Rule ${rule.number}`} kind={of === 'active' ? 'active' : 'proposed'} onClose={onClose}>
      <p>{rule.text}</p>
      {rule.comment && <p class="quiet">{rule.comment}</p>}
      {use?.remark && <p class="note">{use.remark}</p>}
      <Problem error={answer.error} />
      {!answer.data && !answer.error && <Loading what="the evidence" />}
      {answer.data && <h3>Edges behind it ({answer.data.edges.length}{answer.data.left_off > 0 && ` of ${answer.data.edges.length + answer.data.left_off}`})</h3>}
      {answer.data?.edges.slice(0, 100).map(({ edge, linked, verdict, recent }) => (
        <details key={edge.id} class="behind">
          <summary><Mark state={verdict} /> <Name text={edge.src} most={26} /> → <Name text={edge.dst} most={26} /> {portName(edge.proto, edge.port)}{!linked && <span class="quiet"> (not named by the rule)</span>}</summary>
          <p><Count value={edge.connections} /> connections, <Count value={edge.answered} /> answered, <Bytes value={edge.bytes} />, first <When time={edge.first} />, last <When time={edge.last} /></p>
          <RecentFlows flows={recent} />
          <a href={formatHash('flows', { mode: 'history', filter: filterOfEdge(edge.src, edge.dst, portName(edge.proto, edge.port)) })}>all recorded flows of it</a>
        </details>
      ))}
      {answer.data && answer.data.missing.length > 0 && <p class="note warn">The rule names edges that the ledger does not have: {names(answer.data.missing)}</p>}
    </DetailsPanel>
  );
}

/** That no policy is active is no error here: there is nothing to use then. */
async function usesOrNone(signal: AbortSignal): Promise<RuleUses> {
  try {
    return await getJson<RuleUses>('/v1/policy/uses', {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { rules: [] };
    throw error;
  }
}

const contains = (rule: Rule, text: string) => rule.text.toLowerCase().includes(text.toLowerCase());

export function RulesTab() {
  const { parameters } = useRoute();
  const of: Of = parameters.of === 'active' ? 'active' : 'proposal';
  const search = parameters.q ?? '';
  const answer = useAnswer(`rules ${of}`, (signal) => getJson<RulesAnswer>('/v1/policy/rules', { of }, signal));
  const uses = useAnswer(of === 'active' ? 'uses' : null, usesOrNone);
  const byRule = new Map(uses.data?.rules.map((use) => [use.rule, use]) ?? []);
  const rules = (answer.data?.rules ?? []).filter((rule) => contains(rule, search));
  const chosen = answer.data?.rules.find((rule) => String(rule.number) === parameters.rule);
  return (
    <>
      <div class="toolbar">
        <Switch<Of> label="Rules of" value={of} onChange={(next) => change({ of: next === 'proposal' ? null : next, rule: null })} choices={[{ value: 'proposal', label: 'Proposed' }, { value: 'active', label: 'Active' }]} />
        <label class="field grow"><span class="hidden">Search</span><input type="search" data-search placeholder="Search rules (/)" value={search} onInput={(event) => change({ q: event.currentTarget.value || null }, 'replace')} /></label>
        <span class="quiet">{rules.length} rules</span>
      </div>
      <Problem error={answer.error ?? uses.error} />
      {!answer.data && !answer.error && <Loading what="rules" />}
      {answer.data && answer.data.of === of && (
        <div class="split">
          <div class="column"><VirtualTable label={`Rules, ${of}`} columns={columns(byRule, of)} rows={rules} keyOf={(rule) => String(rule.number)} chosen={parameters.rule ?? null} onChoose={(rule) => change({ rule: String(rule.number) }, 'replace')} empty={of === 'active' ? 'no rule is active that matches' : 'no rule is proposed that matches'} /></div>
          {chosen && <RuleDetails key={`${of} ${chosen.number}`} rule={chosen} of={of} use={byRule.get(chosen.number)} onClose={() => change({ rule: null }, 'replace')} />}
        </div>
      )}
    </>
  );
}
