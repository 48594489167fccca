// SPDX-License-Identifier: GPL-2.0-or-later
// The map as a graph on a canvas. Whatever it shows, the list shows as well: a canvas tells a screen reader nothing.
import cytoscape, { type Core, type EventObject, type NodeCollection } from 'cytoscape';
import type { Ref } from 'preact';
import { useEffect, useImperativeHandle, useRef, useState } from 'preact/hooks';
import { shownTheme } from '../state/theme';
import { arrange } from './arrange';
import { boxesAround, fitBoxes, membersOf } from './boxes';
import { bringUpToDate, elementsOf } from './elements';
import { graphStyle } from './graph_style';
import { edgeText, groupLabel, isOpenable, STATE_TEXT, type MapModel } from './model';
import { Places } from './placement';
import type { Weight } from './state';

export interface GraphHandle {
  picture(): Blob;
}

interface Properties {
  model: MapModel;
  collapsed: boolean;
  open: readonly string[];
  focus: string;
  weight: Weight;
  chosen: string;
  onChoose(id: string): void;
  onToggle(group: string): void;
  onFocus(id: string): void;
  onDetails(): void;
  handle: Ref<GraphHandle>;
}

/** Outlives the page's visits to other pages, so that everything is found again where it was. */
const places = new Places(arrange, innerWidth > innerHeight ? 1.6 : 0.8);

function makeGraph(container: HTMLElement): Core {
  return cytoscape({
    container, style: graphStyle(), layout: { name: 'preset' }, minZoom: 0.08, maxZoom: 3, boxSelectionEnabled: false, selectionType: 'single',
    // What systems take for a double click; Cytoscape's 250 ms is less than many people's.
    multiClickDebounceTime: 500,
  });
}

/** Draws again with other colours when a person, or the system, changes them. */
function useColours(graph: { current: Core | null }) {
  useEffect(() => shownTheme.subscribe(() => requestAnimationFrame(() => graph.current?.style(graphStyle()))), []);
}

/** What is not near the chosen one steps back; denials stay to be seen. */
function highlight(graph: Core, chosen: string): void {
  graph.batch(() => {
    graph.elements().removeClass('away near').unselect();
    const element = graph.getElementById(chosen);
    if (element.empty()) return;
    element.select();
    if (element.hasClass('box')) {
      const members = membersOf(graph, chosen);
      graph.elements().difference(members.union(members.edgesWith(members)).union(element)).addClass('away');
      return;
    }
    const edges = element.edges().union(element.nodes().connectedEdges());
    const near = element.union(edges).union(edges.connectedNodes());
    graph.elements().difference(near.union(boxesAround(graph, near))).addClass('away');
    edges.addClass('near');
  });
}

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The nearest node that lies in a direction, rather ahead than aside. */
function nodeTowards(graph: Core, from: string, [dx, dy]: [number, number]): string | null {
  const nodes: NodeCollection = graph.nodes().filter((node) => !node.hasClass('box'));
  const start = graph.getElementById(from);
  if (start.empty() || !start.isNode()) return nodes.empty() ? null : nodes.max((node) => node.degree(false)).ele.id();
  const at = start.position();
  let best: { id: string; cost: number } | null = null;
  nodes.forEach((node) => {
    const [x, y] = [node.position().x - at.x, node.position().y - at.y];
    const ahead = x * dx + y * dy;
    if (node.id() === from || ahead <= 1) return;
    const cost = ahead + 2.5 * Math.abs(x * dy - y * dx);
    if (!best || cost < best.cost) best = { id: node.id(), cost };
  });
  return (best as { id: string } | null)?.id ?? null;
}

function describe(model: MapModel, id: string): string {
  const node = model.byId.get(id);
  if (node) return `${node.label}, ${node.kind}${node.members !== null ? `, ${node.members} members` : ''}${node.denied ? `, ${node.denied} denied` : ''}`;
  const edge = model.edgeById.get(id);
  if (edge) return edgeText(edge);
  return model.opened.has(id) ? `${groupLabel(id)}, an opened group` : '';
}

export function Graph({ model, collapsed, open, focus, weight, chosen, onChoose, onToggle, onFocus, onDetails, handle }: Properties) {
  const container = useRef<HTMLDivElement>(null);
  const graph = useRef<Core | null>(null);
  const [drawn, setDrawn] = useState(false);
  const wasFocus = useRef(focus);
  const wasOpened = useRef<ReadonlySet<string>>(model.opened);
  const latest = useRef({ model, collapsed, open, onChoose, onToggle });
  latest.current = { model, collapsed, open, onChoose, onToggle };
  useColours(graph);

  useEffect(() => {
    if (!container.current) return undefined;
    const made = makeGraph(container.current);
    graph.current = made;
    listen(made, latest);
    return () => {
      made.destroy();
      graph.current = null;
    };
  }, []);

  useEffect(() => {
    const drawnGraph = graph.current;
    if (!drawnGraph) return;
    const first = drawnGraph.elements().empty();
    bringUpToDate(drawnGraph, elementsOf(model, weight), places.place(model, collapsed, open));
    if (first && model.nodes.length) {
      fit(drawnGraph);
      setDrawn(true);
      drawnGraph.one('render', () => performance.mark('map-drawn'));
    }
    const fresh = first ? [...model.opened].find((group) => group === chosen) : open.find((group) => model.opened.has(group) && !wasOpened.current.has(group));
    if (fresh) showGroup(drawnGraph, fresh);
    wasOpened.current = model.opened;
    if (wasFocus.current !== focus && !first) fit(drawnGraph);
    wasFocus.current = focus;
    highlight(drawnGraph, chosen);
  }, [model, collapsed, open, weight]);

  useEffect(() => {
    if (graph.current) highlight(graph.current, chosen);
  }, [chosen]);

  useImperativeHandle(handle, () => ({
    picture: () => graph.current?.png({ output: 'blob', full: true, scale: 2, maxWidth: 8000, maxHeight: 8000, bg: getComputedStyle(document.documentElement).getPropertyValue('--background').trim() }) as Blob,
  }), []);

  const zoomBy = (factor: number) => {
    const shown = graph.current;
    shown?.zoom({ level: shown.zoom() * factor, renderedPosition: { x: shown.width() / 2, y: shown.height() / 2 } });
  };
  const fitAll = () => graph.current && fit(graph.current);

  const onKey = (event: KeyboardEvent) => {
    const shown = graph.current;
    if (!shown || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = ARROWS[event.key];
    if (direction) {
      event.preventDefault();
      if (event.shiftKey) shown.panBy({ x: -direction[0] * 80, y: -direction[1] * 80 });
      else moveTo(shown, nodeTowards(shown, chosen, direction), onChoose);
      return;
    }
    const node = model.byId.get(chosen);
    if (event.key === 'Enter' && chosen) {
      event.preventDefault();
      if (canToggle(model, open, chosen)) onToggle(chosen);
      else onDetails();
    } else if (event.key === 'f' && node) onFocus(node.id);
    else if (event.key === '+' || event.key === '=') zoomBy(1.25);
    else if (event.key === '-') zoomBy(0.8);
    else if (event.key === '0') fitAll();
  };

  return (
    <div class="graph-column">
      <div class="graph-area">
        <div class="graph" ref={container} tabIndex={0} role="application" aria-label={`Map: ${model.nodes.length} nodes, ${model.edges.length} edges. Arrow keys choose a node, Enter opens a group. The list view shows the same as a table.`}
          data-drawn={drawn} onKeyDown={onKey} />
        <div class="hidden" role="status" aria-live="polite">{describe(model, chosen)}</div>
        <div class="graph-tools" role="group" aria-label="Zoom">
          <button type="button" onClick={() => zoomBy(1.25)} aria-label="Zoom in" title="Zoom in (+)">+</button>
          <button type="button" onClick={() => zoomBy(0.8)} aria-label="Zoom out" title="Zoom out (−)">−</button>
          <button type="button" onClick={fitAll} aria-label="Fit" title="Fit (0)">⤢</button>
        </div>
        <PanButtons onPan={(x, y) => graph.current?.panBy({ x, y })} />
      </div>
      <Legend />
    </div>
  );
}

function PanButtons({ onPan }: { onPan(x: number, y: number): void }) {
  const buttons: readonly [string, string, number, number][] = [['left', '←', 100, 0], ['up', '↑', 0, 100], ['down', '↓', 0, -100], ['right', '→', -100, 0]];
  return (
    <div class="graph-tools pan" role="group" aria-label="Pan">
      {buttons.map(([name, sign, x, y]) => <button key={name} type="button" aria-label={`Pan ${name}`} title={`Pan ${name} (Shift + arrow)`} onClick={() => onPan(x, y)}>{sign}</button>)}
    </div>
  );
}

const LEGEND = Object.entries(STATE_TEXT);

function Legend() {
  return (
    <details class="legend" open={innerWidth > 700}>
      <summary>Legend</summary>
      <ul class="plain">
        {LEGEND.map(([state, text]) => <li key={state}><span class={`line line-${state}`} aria-hidden="true" />{text}</li>)}
        <li><span class="shape shape-group" aria-hidden="true" />group, closed</li>
        <li><span class="shape shape-outside" aria-hidden="true" />outside of this host</li>
        <li><span class="shape shape-unsure" aria-hidden="true" />nobody is sure who</li>
        <li class="quiet">→dns ←metrics: common services, folded</li>
        <li class="quiet">width: how much, logarithmic</li>
      </ul>
    </details>
  );
}

function fit(graph: Core): void {
  graph.fit(undefined, 30);
  if (graph.zoom() > 1.4) graph.zoom({ level: 1.4, renderedPosition: { x: graph.width() / 2, y: graph.height() / 2 } });
}

/** A group that was opened is what a person wants to see: all of it, and no larger than text is read. */
function showGroup(graph: Core, group: string): void {
  const box = graph.getElementById(group);
  if (box.empty()) return;
  graph.resize();
  const { x1, y1, w, h } = box.boundingBox({});
  const zoom = Math.min(1.2, (graph.width() - 100) / w, (graph.height() - 100) / h);
  const pan = { x: graph.width() / 2 - (x1 + w / 2) * zoom, y: graph.height() / 2 - (y1 + h / 2) * zoom };
  graph.animate({ zoom, pan }, { duration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 200 });
}

function moveTo(graph: Core, id: string | null, onChoose: (id: string) => void): void {
  if (id === null) return;
  onChoose(id);
  const { x1, y1, x2, y2 } = graph.getElementById(id).renderedBoundingBox({});
  if (x1 < 0 || y1 < 0 || x2 > graph.width() || y2 > graph.height()) graph.center(graph.getElementById(id));
}

interface Latest {
  model: MapModel;
  collapsed: boolean;
  open: readonly string[];
  onChoose(id: string): void;
  onToggle(group: string): void;
}

function listen(graph: Core, latest: { current: Latest }): void {
  const choose = (event: EventObject) => latest.current.onChoose(event.target === graph ? '' : event.target.id());
  graph.on('tap', choose);
  graph.on('dbltap', 'node', (event: EventObject) => {
    const { model, open, onToggle } = latest.current;
    const id = event.target.id() as string;
    if (canToggle(model, open, id)) onToggle(id);
  });
  let [from, at] = [{ x: 0, y: 0 }, { x: 0, y: 0 }];
  graph.on('grab', 'node', (event: EventObject) => {
    from = at = { ...event.target.position() };
  });
  graph.on('drag', 'node', (event: EventObject) => {
    const to = { ...event.target.position() };
    if (event.target.hasClass('box')) membersOf(graph, event.target.id()).shift({ x: to.x - at.x, y: to.y - at.y });
    else if (event.target.data('box')) fitBoxes(graph);
    at = to;
  });
  graph.on('dragfree', 'node', (event: EventObject) => {
    const { model, collapsed } = latest.current;
    const to = event.target.position();
    places.moved(event.target.id(), model.boxOf(event.target.id()), { x: to.x - from.x, y: to.y - from.y }, collapsed);
  });
}

/** A box that nobody opened – there are few workloads, or all groups are to be open – cannot be closed by itself. */
function canToggle(model: MapModel, open: readonly string[], id: string): boolean {
  const node = model.byId.get(id);
  return node ? isOpenable(node) : open.includes(id);
}
