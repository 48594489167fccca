// SPDX-License-Identifier: GPL-2.0-or-later
import cytoscape from 'cytoscape';
import fcose from 'cytoscape-fcose';
import type { Arrange, Point } from './placement';

cytoscape.use(fcose);

/** fcose, from a given start: the same nodes and links are arranged the same. */
export const arrange: Arrange = (sizes, links, start, roughly) => {
  const graph = cytoscape({
    headless: true,
    styleEnabled: true,
    style: [{ selector: 'node', style: { width: 'data(width)', height: 'data(height)', shape: 'rectangle' } }],
    elements: [
      ...[...sizes].map(([id, { width, height }]) => ({ data: { id, width, height }, position: { ...(start.get(id) ?? { x: 0, y: 0 }) } })),
      ...links.map(({ src, dst }, at) => ({ data: { id: `link ${at}`, source: src, target: dst } })),
    ],
  });
  const options = {
    name: 'fcose', animate: false, randomize: false, fit: false, packComponents: true, nodeDimensionsIncludeLabels: false,
    quality: roughly ? 'default' : 'proof', numIter: roughly ? 400 : 2500,
    nodeRepulsion: () => 40_000, idealEdgeLength: () => 150, edgeElasticity: () => 0.2, gravity: 0.25, nodeSeparation: 120, tile: true,
  };
  graph.layout(options as cytoscape.LayoutOptions).run();
  const positions = new Map<string, Point>(graph.nodes().map((node) => [node.id(), { ...node.position() }]));
  graph.destroy();
  return positions;
};
