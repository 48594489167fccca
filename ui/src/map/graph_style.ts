// SPDX-License-Identifier: GPL-2.0-or-later
// The graph's looks, from the style sheet's custom properties: one place says what denied looks like.
import type { StylesheetJson } from 'cytoscape';

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name: string) => style.getPropertyValue(`--${name}`).trim();
}

/** By kind: a shape tells what a node is without its colour. */
const SHAPES: Record<string, string> = {
  group: 'round-rectangle', workload: 'round-rectangle', host: 'hexagon', world: 'ellipse', outside: 'ellipse', dns: 'round-tag', address: 'cut-rectangle',
  metadata: 'cut-rectangle', multicast: 'cut-rectangle', departed: 'rectangle', masked: 'octagon', unresolved: 'hexagon',
};

export function graphStyle(): StylesheetJson {
  const colour = colours();
  const edge = (state: string, style: Record<string, unknown>) => [
    { selector: `edge.${state}`, style: { 'line-color': colour(state), 'target-arrow-color': colour(state), ...style } },
    { selector: `edge.${state}.told, edge.${state}.near`, style: { color: colour(state) } },
  ];
  return [
    { selector: 'node', style: {
      label: 'data(label)', 'text-wrap': 'wrap', 'text-valign': 'center', 'text-halign': 'center', 'font-size': 11, 'font-family': 'system-ui, sans-serif', 'line-height': 1.25, 'min-zoomed-font-size': 2.5,
      width: 'data(width)', height: 'data(height)', shape: 'round-rectangle', 'background-color': colour('node'), 'border-width': 1, 'border-color': colour('node-line'), color: colour('text'),
    } },
    ...Object.entries(SHAPES).map(([kind, shape]) => ({ selector: `node.${kind}`, style: { shape } })),
    { selector: 'node.group', style: { 'border-width': 3, 'border-style': 'double', 'background-color': colour('node-group') } },
    { selector: 'node.world, node.outside, node.dns, node.address', style: { 'background-color': colour('node-outside') } },
    { selector: 'node.unresolved, node.masked, node.departed', style: { 'border-style': 'dashed', 'border-width': 2 } },
    { selector: 'node.box', style: {
      label: 'data(title)', 'text-valign': 'top', 'text-halign': 'center', 'text-margin-y': -4, 'background-color': colour('surface'), 'background-opacity': 0.6, 'border-width': 1, 'border-style': 'dashed', 'z-compound-depth': 'bottom', shape: 'round-rectangle', 'font-size': 'data(titleSize)', 'font-weight': 600, color: colour('muted'),
    } },
    { selector: 'node.denied', style: { 'border-color': colour('denied'), 'border-width': 3, 'border-style': 'solid' } },
    { selector: 'node.change-added', style: { 'border-color': colour('new'), 'border-width': 3 } },
    { selector: 'node.change-gone', style: { 'border-style': 'dashed', opacity: 0.7 } },
    // Of thousands of edges each property takes its time: the least for all, the rest for those that need it.
    { selector: 'edge', style: { width: 'data(width)', 'curve-style': 'straight', 'target-arrow-shape': 'triangle', 'arrow-scale': 0.8 } },
    { selector: 'edge.bent', style: { 'curve-style': 'bezier', 'control-point-step-size': 24 } },
    { selector: 'edge.told, edge.near', style: {
      label: 'data(label)', 'font-size': 10, 'font-weight': 600, 'text-background-color': colour('background'), 'text-background-opacity': 0.85, 'text-background-padding': '2px', 'text-rotation': 'autorotate', 'min-zoomed-font-size': 7,
    } },
    // The middle of a long edge lies behind other nodes; nothing lies between its end and its node.
    { selector: 'edge.told.crowded:simple', style: { label: '', 'target-label': 'data(label)', 'target-text-offset': 'data(offset)', 'target-text-rotation': 'autorotate' } },
    { selector: 'edge:loop', style: { 'curve-style': 'bezier', 'control-point-step-size': 'data(loop)', 'loop-direction': '0deg', 'loop-sweep': '-70deg' } },
    ...edge('learned', { opacity: 'data(strength)' }),
    ...edge('unlearned', { 'line-style': 'dotted', opacity: 0.45 }),
    { selector: 'edge.beside', style: { 'arrow-scale': 0.6 } },
    { selector: 'edge.learned.beside', style: { opacity: 0.12 } },
    ...edge('review', { 'line-style': 'dashed', 'line-dash-pattern': [2, 4], 'target-arrow-shape': 'vee', opacity: 0.75, 'z-index': 2 }),
    ...edge('new', { 'target-arrow-shape': 'triangle-backcurve', opacity: 0.9, 'z-index': 3 }),
    ...edge('would-deny', { 'line-style': 'dotted', 'target-arrow-shape': 'diamond', opacity: 0.95, 'z-index': 4 }),
    ...edge('denied', { 'line-style': 'dashed', 'line-dash-pattern': [8, 4], 'target-arrow-shape': 'tee', 'arrow-scale': 1.2, 'z-index': 5, 'min-zoomed-font-size': 5 }),
    { selector: 'edge.change-added', style: { 'line-color': colour('new'), 'target-arrow-color': colour('new'), color: colour('new'), opacity: 0.95, 'z-index': 4 } },
    { selector: 'edge.change-gone', style: { 'line-style': 'dashed', 'line-color': colour('would-deny'), 'target-arrow-color': colour('would-deny'), color: colour('would-deny'), opacity: 0.9, 'z-index': 4 } },
    { selector: 'edge.change-same', style: { opacity: 0.25 } },
    { selector: 'node.away', style: { opacity: 0.35 } },
    { selector: 'edge.away', style: { opacity: 0.1 } },
    { selector: 'edge.denied.away', style: { opacity: 0.5 } },
    { selector: 'edge.near', style: { label: 'data(ports)', 'target-label': '', opacity: 1, 'z-index': 8 } },
    { selector: ':selected', style: { 'border-color': colour('accent'), 'border-width': 4, 'border-style': 'solid' } },
    { selector: 'edge:selected', style: { 'underlay-color': colour('accent'), 'underlay-opacity': 0.35, 'underlay-padding': 5, 'z-index': 9 } },
    { selector: 'core', style: { 'active-bg-opacity': 0, 'selection-box-opacity': 0 } },
  ] as unknown as StylesheetJson;
}
