// SPDX-License-Identifier: GPL-2.0-or-later
// The answers of the daemon, as docs/api.md describes them. Times are decimal seconds since the epoch; what is not
// known is null, and never 0.

export type Time = number;
export type Mode = 'learn' | 'audit' | 'stage1' | 'enforce';
export const MODES: readonly Mode[] = ['learn', 'audit', 'stage1', 'enforce'];

export interface ApiProblem {
  what: string;
  where: string;
  do: string;
  guard?: Guard;
}

export interface Me {
  name: string;
  role: 'viewer' | 'operator';
  via: string;
  version: string;
  host: string;
}

export interface Share {
  workload: string;
  mode: Mode;
  on: number;
  of: number;
  rest: Mode;
}

/* --- the map */

export type EdgeState = 'denied' | 'would-deny' | 'new' | 'review' | 'learned' | 'unlearned';
export type Change = 'added' | 'gone' | 'more' | 'less' | 'same';

export interface Range {
  since: Time | null;
  until: Time | null;
  known_since: Time | null;
  complete: boolean;
  why: string | null;
}

export interface MapTotals {
  workloads: number;
  groups: number;
  edges: number;
  connections: number;
  bytes: number | null;
  denied: number;
  would_deny: number;
}

export interface Badge {
  service: string;
  peer: string;
  port: string;
  direction: 'in' | 'out';
  connections: number;
  denied: number;
}

export interface MapNode {
  id: string;
  label: string;
  kind: string;
  group: string | null;
  members: number | null;
  modes: Partial<Record<Mode, number>> | null;
  mode: Mode | null;
  share: Share | null;
  instances: number;
  image: string | null;
  connections: number;
  bytes: number | null;
  denied: number;
  would_deny: number;
  badges: Badge[];
  change: 'added' | 'gone' | 'same' | null;
}

export interface MapPort {
  port: string;
  connections: number;
  bytes: number | null;
  denied: number;
  state: EdgeState;
}

export interface MapEdge {
  id: string;
  src: string;
  dst: string;
  stands_for: number;
  ports: MapPort[];
  ports_left_off: number;
  state: EdgeState;
  new: number;
  connections: number;
  answered: number;
  denied: number;
  would_deny: number;
  bytes: number | null;
  first: Time | null;
  last: Time | null;
  change: Change | null;
  before: { connections: number; bytes: number | null; denied: number } | null;
}

/** What is behind a map's edge: one source, destination and port. */
export interface PortEdge {
  src: string;
  dst: string;
  proto: string;
  port: number;
  state: EdgeState;
  connections: number;
  answered: number;
  denied: number;
  would_deny: number;
  bytes: number | null;
  first: Time | null;
  last: Time | null;
}

export interface FoldedService {
  service: string;
  peer: string;
  port: string;
  clients: number;
  connections: number;
}

export interface MapAnswer {
  range: Range;
  before: Range | null;
  totals: MapTotals;
  collapsed: boolean;
  nodes: MapNode[];
  edges: MapEdge[];
  folded: FoldedService[];
}

export interface Explanation {
  src: string;
  dst: string;
  port: string;
  verdict: string;
  blocked: boolean;
  audited: boolean;
  side: string | null;
  workload: string | null;
  rule: number | null;
  reason: string;
  refusal: string | null;
  unknown: string[];
}

/* --- flows and events */

export interface FlowEnd {
  ip: string;
  port: number;
  workload: string | null;
  replica?: string;
  container?: string;
  why?: string;
}

export interface FlowHalf {
  packets: number | null;
  bytes: number | null;
  delivered_packets: number | null;
  delivered_bytes: number | null;
}

export interface Flow {
  number?: number;
  first: Time;
  last: Time;
  proto: string;
  src: FlowEnd;
  dst: FlowEnd;
  tx: FlowHalf;
  rx: FlowHalf;
  state: string;
  direction: string;
  dns: string | null;
  sni: string | null;
  via: { ip: string; port: number; proxy?: boolean } | null;
  masked: string | null;
  tunnel: string | null;
  icmp_error: { type: number; code: number; count: number; what: string | null } | null;
  verdict: string;
  verdict_back: string;
  lossy: boolean;
  counted_by: string | null;
}

export interface FlowsAnswer {
  flows: Flow[];
  next: string | number | null;
  known_since: Time | null;
  left_out: number;
}

/** An end that an event names: a workload, an address, or both. */
export type EventEnd = string | { ip: string | null; port?: number; workload: string | null };

export interface BulkheadEvent {
  number: number;
  time: Time;
  kind: string;
  text: string;
  proto?: string;
  port?: number;
  src?: EventEnd;
  dst?: EventEnd;
  workload?: string | null;
}

export interface EventsAnswer {
  events: BulkheadEvent[];
  next: number | null;
}

/* --- status and coverage */

export interface Trial {
  number: number;
  back: number;
  until: Time;
  denied: number;
  most: number;
}

export interface Status {
  version: string;
  started: Time;
  host: string;
  enforcement: {
    state: string;
    why: string | null;
    leaks: number;
    last_leak: string | null;
    revision: string | null;
    number: number | null;
    trial: Trial | null;
    silence: string | null;
    self_test: { bridges: Tested[]; routed: Tested[] };
  };
  capture: { state: string; hangs_since: Time | null };
  identity: { endpoints: number; unidentified: number; runtimes: { name: string; state: string; why: string | null }[] };
  modes: Record<Mode, number>;
  shares: Share[];
  loss: { since: Time; hour: Record<string, number>; total: Record<string, number> };
  unknown: string[];
}

export interface Tested {
  name: string;
  state: string;
  time: Time;
  why: string | null;
  workload?: string;
}

export interface CoverageRow {
  name: string;
  workload: string | null;
  runtime: string | null;
  coverage: 'enforceable' | 'observable' | 'neither';
  why: string | null;
  posture: string | null;
}

export interface Coverage {
  rows: CoverageRow[];
  unseen: string[];
  nameless: string[];
}

export interface Workloads {
  rows: { workload: string; mode: Mode; share: Share | null }[];
}

/* --- learning */

export interface Stage {
  mode: Mode;
  reached: boolean;
  missing: { lack: string; text: string }[];
  ready: boolean;
}

export interface WorkloadReadiness {
  workload: string;
  windows: number;
  edges: number;
  seen_once: number;
  accepted: number;
  review: number;
  waiting: number;
  urgent: number;
  recent: number;
  open_ended: boolean;
  job: boolean;
  lossy: boolean;
  risk: number | null;
  mode: Mode | null;
  stages: Stage[];
}

export interface Schedule {
  src: string;
  dst: string;
  proto: string;
  port: number;
  every: number;
  seen: number;
  next: Time;
  overdue: boolean;
}

export interface Readiness {
  windows: number;
  window_seconds: number;
  edges: number;
  seen_once: number;
  expected: number | null;
  bound: number | null;
  quiet: number;
  recent: number | null;
  recent_windows: number;
  lost_contacts: number;
  unlearned: Record<string, number>;
  uncounted: { unwatched: number; lossy: number };
  weekdays_missing: number[];
  schedules: Schedule[];
  declared: { workload: string; label: string; text: string; why: string | null }[];
  workloads: WorkloadReadiness[];
}

export interface LearnedEdge {
  id: string;
  src: string;
  dst: string;
  proto: string;
  port: number;
  state: 'accepted' | 'review' | 'rejected';
  reasons: string[];
  windows: number;
  connections: number;
  answered: number;
  first: Time;
  last: Time;
  list: 'edge' | 'attempt' | 'denied';
  urgent: boolean;
  provisional: boolean;
  lossy: boolean;
}

export interface ReviewAnswer {
  edges: LearnedEdge[];
}

export interface DecisionAnswer extends ReviewAnswer {
  demoted: string[];
}

/* --- policy */

export interface Verdict {
  src: string;
  dst: string;
  proto: string;
  port: number;
  connections: number;
  first: Time;
  last: Time;
  verdict: string;
  side: string;
  workload: string;
  rule: number | null;
  reason: string;
}

export interface OpenConnection {
  src: FlowEnd;
  dst: FlowEnd;
  proto: string;
  port: number;
  since: Time | null;
  reason: string;
  not_kept: string | null;
}

export interface Existing {
  existing: string;
  open: number;
  count: number;
  connections: OpenConnection[];
  either_way_count: number;
  uncertain_count: number;
  incomplete: string | null;
}

export interface GuardFinding {
  kind: string;
  src: string;
  dst: string;
  proto: string;
  port: number;
  connections: number;
  reason: string;
  add_rule: string | null;
  add_workloads: string[];
}

export interface Guard {
  refused: boolean;
  overridden: boolean;
  session: { state: string; text: string | null } | null;
  findings: GuardFinding[];
}

export interface PolicyDiff {
  lines: { sign: string; text: string }[];
  existing: Existing;
  guard: Guard;
  silence: string | null;
  recorded: { since: Time; checked: number; allowed: number; uncertain: Verdict[]; would_block: Verdict[] };
}

/** What a change did, or would do (dry_run). */
export interface Outcome {
  dry_run?: boolean;
  back_to?: number;
  number?: number;
  revision?: string;
  changes?: number;
  trial?: Trial | null;
  existing: Existing | null;
  guard: Guard | null;
  silence: string | null;
}

export interface ModeOutcome extends Outcome {
  rows: { workload: string; mode: Mode; was: Mode }[];
  exposed: string[];
}

export interface Revision {
  number: number;
  revision: string;
  time: Time;
  author: string;
  why: string | null;
  active: boolean;
  confirmed: boolean;
}

export interface Rule {
  number: number;
  action: string;
  from: string[];
  to: string[];
  ports: string[];
  expires: Time | null;
  comment: string | null;
  text: string;
  edges: string[];
}

export interface RulesAnswer {
  of: string;
  number: number | null;
  revision: string | null;
  rules: Rule[];
}

export interface RuleUse {
  rule: number;
  state: 'used' | 'unused' | 'unknown' | 'over';
  last_used: Time | null;
  remark: string | null;
}

export interface RuleUses {
  rules: RuleUse[];
}

export interface RuleEvidence {
  rule: number;
  text: string;
  left_off: number;
  missing: string[];
  edges: {
    edge: { id: string; src: string; dst: string; proto: string; port: number; first: Time; last: Time; connections: number; answered: number; bytes: number | null };
    linked: boolean;
    verdict: string;
    recent: Flow[];
  }[];
}

export interface AuditChange {
  number: number;
  time: Time;
  who: string;
  via: string;
  method: string;
  path: string;
  query: string;
  status: number;
}

export interface AuditAnswer {
  changes: AuditChange[];
  next: number | null;
}
