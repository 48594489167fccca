// SPDX-License-Identifier: GPL-2.0-or-later
import { useMemo, useState } from 'preact/hooks';
import type { BulkheadEvent } from '../api/types';
import { DetailsPanel } from '../components/details_panel';
import { Histogram } from '../components/histogram';
import { KindMark } from '../components/mark';
import { Loading, Problem } from '../components/problem';
import { RangePicker } from '../components/range_picker';
import { Count, When } from '../components/value';
import { VirtualTable, type Column } from '../components/virtual_table';
import { download, jsonLines } from '../logic/csv';
import { countKinds, endName, foldEvents, histogram, severityOf, type FoldedEvent } from '../logic/events';
import { filterOfEdge } from '../logic/filter';
import { instantOf } from '../logic/instant';
import { localTime } from '../logic/format';
import { change, formatHash, useRoute, type Parameters } from '../state/route';
import { MOST_EVENTS, useEvents } from './use_events';
import { portName } from '../logic/port';

const BARS = 60;

interface Choice {
  kinds: readonly string[];
  search: string;
  since: string;
  until: string;
}

const choiceOf = (parameters: Parameters): Choice => ({
  kinds: parameters.kind ? parameters.kind.split(',') : [], search: parameters.q ?? '', since: parameters.since ?? '', until: parameters.until ?? '',
});

function matches(event: BulkheadEvent, choice: Choice): boolean {
  if (choice.kinds.length && !choice.kinds.includes(event.kind)) return false;
  const needle = choice.search.toLowerCase();
  return !needle || [event.text, endName(event.src), endName(event.dst), event.workload].some((text) => text?.toLowerCase().includes(needle));
}

const COLUMNS: readonly Column<FoldedEvent>[] = [
  { id: 'last', label: 'Last', width: '11rem', cell: (row) => <When time={row.last} /> },
  { id: 'kind', label: 'Kind', width: '9.5rem', cell: ({ event }) => <KindMark kind={event.kind} severity={severityOf(event.kind)} /> },
  { id: 'times', label: 'Times', width: '5rem', align: 'right', cell: (row) => (row.times > 1 ? <strong title={`${row.times} times, first ${localTime(row.first)}`}>×{row.times}</strong> : '') },
  { id: 'text', label: 'What', width: 'minmax(20rem, 1fr)', cell: ({ event }) => <span class="cut" title={event.text}>{event.text}</span> },
];

const rowClass = ({ event }: FoldedEvent) => ({ alarm: 'row-bad', warning: 'row-warn', note: '' })[severityOf(event.kind)];

const HANDLED = new Set(['number', 'time', 'kind', 'text']);

function memberText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function Details({ row, onClose }: { row: FoldedEvent; onClose(): void }) {
  const { event } = row;
  const [src, dst] = [endName(event.src), endName(event.dst)];
  const about = src ?? event.workload ?? null;
  const members = Object.entries(event).filter(([name]) => !HANDLED.has(name));
  return (
    <DetailsPanel title={event.kind} kind={`event ${event.number}`} onClose={onClose}>
      <p>{event.text}</p>
      <div class="actions">
        {about && <a class="button" href={formatHash('map', { focus: about, chosen: about })}>Map</a>}
        {src && dst && <a class="button" href={formatHash('flows', { mode: 'history', filter: filterOfEdge(src, dst, event.port !== undefined && event.proto ? portName(event.proto, event.port) : undefined) })}>Flows</a>}
        {src && dst && <button type="button" onClick={() => change({ q: src })}>More about its source</button>}
      </div>
      <dl class="facts">
        <div><dt>told</dt><dd>{row.times} {row.times === 1 ? 'time' : 'times'}</dd></div>
        <div><dt>first</dt><dd><When time={row.first} /></dd></div>
        <div><dt>last</dt><dd><When time={row.last} /></dd></div>
        {members.map(([name, value]) => <div key={name}><dt>{name}</dt><dd class="mono">{memberText(value)}</dd></div>)}
      </dl>
    </DetailsPanel>
  );
}

function Kinds({ events, chosen }: { events: readonly BulkheadEvent[]; chosen: readonly string[] }) {
  const counted = countKinds(events);
  const all = [...counted, ...chosen.filter((kind) => !counted.some(([known]) => known === kind)).map((kind): [string, number] => [kind, 0])];
  const flip = (kind: string) => {
    const next = chosen.includes(kind) ? chosen.filter((one) => one !== kind) : [...chosen, kind];
    change({ kind: next.join(',') || null });
  };
  return (
    <div class="kinds" role="group" aria-label="Kinds">
      {all.map(([kind, n]) => <button key={kind} type="button" class="kind" aria-pressed={chosen.includes(kind)} onClick={() => flip(kind)}><KindMark kind={kind} severity={severityOf(kind)} /> <span class="quiet">{n}</span></button>)}
      {chosen.length > 0 && <button type="button" class="link" onClick={() => change({ kind: null })}>all kinds</button>}
    </div>
  );
}

export function EventsPage() {
  const { parameters } = useRoute();
  const choice = choiceOf(parameters);
  const live = useEvents();
  const [chosen, setChosen] = useState<string | null>(null);
  const now = Date.now() / 1000;
  const newest = live.events.at(-1)?.time ?? now;
  const from = instantOf(choice.since, now) ?? live.events[0]?.time ?? now - 3600;
  const until = instantOf(choice.until, now) ?? Math.max(newest, now);
  const signature = JSON.stringify(choice);
  const inRange = useMemo(() => live.events.filter((event) => event.time >= from && event.time <= until), [live.events, choice.since, choice.until]);
  const matching = useMemo(() => inRange.filter((event) => matches(event, choice)), [inRange, signature]);
  const rows = useMemo(() => foldEvents(matching), [matching]);
  const row = rows.find(({ key }) => key === chosen) ?? null;
  const oldest = live.events[0]?.time;
  const full = live.events.length >= MOST_EVENTS;

  return (
    <div class="page events-page">
      <div class="toolbar">
        <label class="field grow"><span class="hidden">Search</span><input type="search" data-search placeholder="Search in events (/)" value={choice.search} onInput={(event) => change({ q: event.currentTarget.value || null }, 'replace')} /></label>
        <RangePicker label="time" absent="as far as it was read" value={choice} onChange={(value) => change({ since: value.since || null, until: value.until || null })} />
        {live.next !== null && <button type="button" disabled={full} title={full ? `this page keeps the newest ${MOST_EVENTS}` : undefined} onClick={live.older}>Read older ones</button>}
        <button type="button" class="ghost" disabled={!matching.length} onClick={() => download('bulkhead-events.jsonl', jsonLines(matching), 'application/x-ndjson')}>Export JSON lines</button>
        <span class={`stream stream-${live.stream}`} role="status">{live.stream}</span>
      </div>
      <Problem error={live.error} />
      {live.missing > 0 && <p class="note warn">{live.missing} events are missing here: this page fell behind. Reload it to have them.</p>}
      {live.gone > 0 && <p class="note warn"><Count value={live.gone} /> older events are not shown: this page keeps the newest {MOST_EVENTS}. bulkhead events has all that are stored.</p>}
      {oldest !== undefined && live.next !== null && from < oldest && <p class="note warn">Only events since <When time={oldest} /> were read so far: there are older ones.</p>}
      <Kinds events={inRange} chosen={choice.kinds} />
      <Histogram bars={histogram(matching, from, until, BARS)} onNarrow={(start, end) => change({ since: new Date(start * 1000).toISOString(), until: new Date(end * 1000).toISOString() })} />
      <div class="split">
        <div class="column">
          {!live.loaded ? <Loading what="events" />
            : <VirtualTable label={`Events: ${matching.length} in ${rows.length} rows`} columns={COLUMNS} rows={rows} keyOf={(one) => one.key} classOf={rowClass} chosen={chosen} onChoose={(one) => setChosen(one.key)} empty="no event matches" />}
        </div>
        {row && <Details row={row} onClose={() => setChosen(null)} />}
      </div>
    </div>
  );
}
