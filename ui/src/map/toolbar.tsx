// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { RangePicker, type RangeValue } from '../components/range_picker';
import { Switch } from '../components/switch';
import { shorten } from '../logic/format';
import { change, type Patch } from '../state/route';
import { groupLabel, STATE_TEXT } from './model';
import { earlierPresets, HIDEABLE, isEarlier, toggled, type Collapse, type MapState, type View, type Weight } from './state';

const SEARCH_DELAY = 300;

/** What is typed is searched for once the typing pauses. */
function Search({ value }: { value: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => change({ q: text || null }, 'replace'), SEARCH_DELAY);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="field grow"><span class="hidden">Search</span>
      <input type="search" data-search placeholder="Search: name, image, group (/)" value={text} onInput={(event) => setText(event.currentTarget.value)} />
    </label>
  );
}

function StateFilter({ state }: { state: MapState }) {
  const flip = (name: (typeof HIDEABLE)[number]) => {
    const hidden = state.hidden.includes(name) ? state.hidden.filter((one) => one !== name) : [...state.hidden, name];
    change({ hide: hidden.join(',') || null });
  };
  return (
    <details class="menu">
      <summary>Show{state.hidden.length > 0 && ` (${state.hidden.length} hidden)`}</summary>
      <div class="menu-body">
        <label class="check"><input type="checkbox" checked disabled />denied (always shown)</label>
        {HIDEABLE.map((name) => <label key={name} class="check"><input type="checkbox" checked={!state.hidden.includes(name)} onChange={() => flip(name)} />{STATE_TEXT[name]}</label>)}
      </div>
    </details>
  );
}

function Compare({ state }: { state: MapState }) {
  const set = ({ since, until }: RangeValue) => change({ before_since: since || null, before_until: until || null });
  return <RangePicker label="compare" presets={earlierPresets(state.since, Date.now() / 1000)} impossible={state.since ? null : 'choose a time first'} value={{ since: state.beforeSince, until: state.beforeUntil }} onChange={set} />;
}

/** What it was compared with is let go where that is not earlier than the new time. */
function Time({ state }: { state: MapState }) {
  const set = ({ since, until }: RangeValue) => {
    const kept = isEarlier(state.beforeSince, since, Date.now() / 1000);
    change({ since: since || null, until: until || null, ...(kept ? {} : { before_since: null, before_until: null }) });
  };
  return <RangePicker label="time" value={{ since: state.since, until: state.until }} onChange={set} />;
}

function Export({ onPicture, exportAs }: { onPicture: (() => void) | null; exportAs(format: string): void }) {
  return (
    <details class="menu">
      <summary>Export</summary>
      <div class="menu-body">
        <button type="button" class="link" disabled={!onPicture} title={onPicture ? undefined : 'the graph view can be a picture'} onClick={() => onPicture?.()}>Picture (PNG)</button>
        <button type="button" class="link" onClick={() => exportAs('dot')}>Graphviz (DOT)</button>
        <button type="button" class="link" onClick={() => exportAs('mermaid')}>Mermaid</button>
        <button type="button" class="link" onClick={() => exportAs('csv')}>Edges shown (CSV)</button>
        <button type="button" class="link" onClick={() => exportAs('json')}>This map (JSON)</button>
      </div>
    </details>
  );
}

/** What the person narrowed or opened, each to be taken back. */
function Chips({ state }: { state: MapState }) {
  if (!state.focus && !state.open.length) return null;
  return (
    <div class="chips">
      {state.focus && (
        <span class="chip">focus: <span title={state.focus}>{shorten(state.focus, 40)}</span>
          <select aria-label="Hops" value={state.hops} onChange={(event) => change({ hops: event.currentTarget.value })}>
            <option value="1">1 hop</option><option value="2">2 hops</option><option value="3">3 hops</option>
          </select>
          <button type="button" class="ghost" aria-label="Leave the focus" onClick={() => change({ focus: null, hops: null })}>✕</button>
        </span>
      )}
      {state.open.map((group) => (
        <span key={group} class="chip">open: <span title={group}>{shorten(groupLabel(group), 30)}</span>
          <button type="button" class="ghost" aria-label={`Close ${group}`} onClick={() => change({ open: toggled(state.open, group) || null })}>✕</button>
        </span>
      ))}
    </div>
  );
}

export function Toolbar({ state, onPicture, exportAs }: { state: MapState; onPicture: (() => void) | null; exportAs(format: string): void }) {
  const set = (patch: Patch) => change(patch);
  const [more, setMore] = useState(false);
  return (
    <>
      <div class="toolbar" role="group" aria-label="What the map shows">
        <Switch<View> label="View" value={state.view} onChange={(view) => set({ view: view === 'graph' ? null : view })}
          choices={[{ value: 'graph', label: 'Graph' }, { value: 'matrix', label: 'Matrix' }, { value: 'list', label: 'List' }]} />
        <Search value={state.search} />
        <button type="button" class="narrow-only" aria-expanded={more} onClick={() => setMore(!more)}>Options</button>
        <div class={more ? 'options' : 'options folded-away'}>
          <Time state={state} />
          <Compare state={state} />
          <Switch<Weight> label="Width of edges" value={state.weight} onChange={(weight) => set({ weight: weight === 'connections' ? null : weight })}
            choices={[{ value: 'connections', label: 'Connections' }, { value: 'bytes', label: 'Bytes' }]} />
          <label class="field"><span>groups</span>
            <select value={state.collapse} onChange={(event) => set({ collapse: event.currentTarget.value === 'auto' ? null : event.currentTarget.value as Collapse })}>
              <option value="auto">auto</option><option value="all">all closed</option><option value="none">all open</option>
            </select>
          </label>
          <label class="check" title="DNS, metrics and the like, which everybody uses, become badges. Never what was denied."><input type="checkbox" checked={state.fold} onChange={() => set({ fold: state.fold ? '0' : null })} />fold services</label>
          <StateFilter state={state} />
          <Export onPicture={onPicture} exportAs={exportAs} />
        </div>
      </div>
      <Chips state={state} />
    </>
  );
}
