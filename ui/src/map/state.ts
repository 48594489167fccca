// SPDX-License-Identifier: GPL-2.0-or-later
// What the map shows, as the address says it, and the question to the daemon that follows from it.
import type { Query } from '../api/client';
import type { EdgeState, Time } from '../api/types';
import type { Preset } from '../components/range_picker';
import { instantOf } from '../logic/instant';
import type { Parameters } from '../state/route';

export type View = 'graph' | 'matrix' | 'list';
export type Weight = 'connections' | 'bytes';
export type Collapse = 'auto' | 'all' | 'none';

export interface MapState {
  view: View;
  weight: Weight;
  collapse: Collapse;
  open: readonly string[];
  focus: string;
  hops: string;
  search: string;
  fold: boolean;
  since: string;
  until: string;
  /** The earlier range: there is none where the time has no beginning. */
  beforeSince: string;
  beforeUntil: string;
  /** Edge states that a person hid; denials cannot be. */
  hidden: readonly EdgeState[];
  /** A node's or an edge's id. */
  chosen: string;
}

const oneOf = <T extends string>(known: readonly T[], value: string | undefined): T => known.find((one) => one === value) ?? (known[0] as T);
const list = (value: string | undefined) => (value ? value.split(',').filter(Boolean) : []);
export const HIDEABLE: readonly EdgeState[] = ['would-deny', 'new', 'review', 'learned', 'unlearned'];

export function mapStateOf(parameters: Parameters): MapState {
  return {
    view: oneOf<View>(['graph', 'matrix', 'list'], parameters.view),
    weight: oneOf<Weight>(['connections', 'bytes'], parameters.weight),
    collapse: oneOf<Collapse>(['auto', 'all', 'none'], parameters.collapse),
    open: list(parameters.open),
    focus: parameters.focus ?? '',
    hops: oneOf(['1', '2', '3'], parameters.hops),
    search: parameters.q ?? '',
    fold: parameters.fold !== '0',
    since: parameters.since ?? '',
    until: parameters.until ?? '',
    beforeSince: (parameters.since && parameters.before_since) ?? '',
    beforeUntil: (parameters.since && parameters.before_until) ?? '',
    hidden: HIDEABLE.filter((state) => list(parameters.hide).includes(state)),
    chosen: parameters.chosen ?? '',
  };
}

/** The parameters of GET /v1/map. */
export function mapQuery(state: MapState): Query {
  return {
    collapse: state.collapse,
    open: state.open.join(','),
    focus: state.focus,
    hops: state.focus ? state.hops : '',
    q: state.search,
    fold: state.fold ? '1' : '',
    since: state.since,
    until: state.until,
    before_since: state.beforeSince,
    before_until: state.beforeUntil,
  };
}

const EARLIER: readonly Preset[] = [['30m', '30 minutes'], ['2h', '2 hours'], ['24h', '24 hours'], ['2d', '2 days'], ['7d', '7 days'], ['14d', '14 days'], ['30d', '30 days'], ['60d', '60 days']];

/** Whether a range that begins at the first of two times has something before the second. */
export function isEarlier(since: string, than: string, now: Time): boolean {
  const [begin, end] = [instantOf(since, now), instantOf(than, now)];
  return begin !== null && end !== null && begin < end;
}

/** What a time that begins at `since` can be compared with: what was before it. */
export function earlierPresets(since: string, now: Time): Preset[] {
  return [['', 'nothing'], ...EARLIER.filter(([ago]) => isEarlier(ago, since, now)).map(([ago, text]): Preset => [ago, `what was before, from ${text} ago`])];
}

/** The list of opened groups with one opened or closed. */
export function toggled(open: readonly string[], group: string): string {
  return (open.includes(group) ? open.filter((one) => one !== group) : [...open, group]).join(',');
}
