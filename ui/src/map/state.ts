// SPDX-License-Identifier: GPL-2.0-or-later
// What the map shows, as the address says it, and the question to the daemon that follows from it.
import type { Query } from '../api/client';
import type { EdgeState } from '../api/types';
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
    beforeSince: parameters.before_since ?? '',
    beforeUntil: parameters.before_until ?? '',
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

/** The list of opened groups with one opened or closed. */
export function toggled(open: readonly string[], group: string): string {
  return (open.includes(group) ? open.filter((one) => one !== group) : [...open, group]).join(',');
}
