// SPDX-License-Identifier: GPL-2.0-or-later
declare module 'cytoscape-fcose' {
  import type { Ext } from 'cytoscape';
  const extension: Ext;
  export default extension;
}
