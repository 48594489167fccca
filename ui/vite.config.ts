// SPDX-License-Identifier: GPL-2.0-or-later
import { defineConfig } from 'vite';

// The daemon serves dist/ as it is: a page, a style sheet, and scripts with their content's hash in the name.
export default defineConfig({
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2021',
    // Nothing is inlined, and no script is added to the page: its content security policy allows neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Cytoscape alone is larger than Vite's warning allows for.
    chunkSizeWarningLimit: 700,
    rollupOptions: { output: { manualChunks: { graph: ['cytoscape', 'cytoscape-fcose'] } } },
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8470' } },
});
