// SPDX-License-Identifier: GPL-2.0-or-later
// A flow as its row says it.
import type { Flow, FlowEnd } from '../api/types';
import type { Cell } from './csv';
import { portName } from './port';

export const portText = (flow: Flow) => portName(flow.proto, flow.dst.port);

/** Who an end is: its workload, the name that was asked for, or its address, with why nobody is named. */
export function endText(end: FlowEnd, dns: string | null = null): string {
  if (end.workload) return end.container ? `${end.workload} (${end.container})` : end.workload;
  return dns ?? end.ip;
}

/** A sum of both directions, null where either is not known. */
export function both(flow: Flow, what: 'packets' | 'bytes'): number | null {
  const [tx, rx] = [flow.tx[what], flow.rx[what]];
  return tx === null || rx === null ? null : tx + rx;
}

export const flowKey = (flow: Flow) => `${flow.proto} ${flow.src.ip} ${flow.src.port} ${flow.dst.ip} ${flow.dst.port} ${flow.first}`;

export const FLOW_COLUMNS: readonly [string, (flow: Flow) => Cell][] = [
  ['first', (flow) => flow.first], ['last', (flow) => flow.last], ['proto', (flow) => flow.proto],
  ['src_ip', (flow) => flow.src.ip], ['src_port', (flow) => flow.src.port], ['src_workload', (flow) => flow.src.workload],
  ['dst_ip', (flow) => flow.dst.ip], ['dst_port', (flow) => flow.dst.port], ['dst_workload', (flow) => flow.dst.workload], ['dns', (flow) => flow.dns],
  ['state', (flow) => flow.state], ['direction', (flow) => flow.direction], ['verdict', (flow) => flow.verdict],
  ['tx_packets', (flow) => flow.tx.packets], ['tx_bytes', (flow) => flow.tx.bytes], ['rx_packets', (flow) => flow.rx.packets], ['rx_bytes', (flow) => flow.rx.bytes], ['lossy', (flow) => String(flow.lossy)],
];

/** A row of the live table: a flow, or the place where some are missing. */
export type FlowRow = { kind: 'flow'; key: string; flow: Flow } | { kind: 'gap'; key: string; missing: number };

/** Adds what a stream brought. A flow that grew replaces its earlier line where that is. Gaps that follow each other are one. */
export function addRows(rows: readonly FlowRow[], fresh: readonly FlowRow[]): FlowRow[] {
  const result = [...rows];
  const at = new Map(result.map((row, index) => [row.key, index]));
  for (const row of fresh) {
    const known = at.get(row.key);
    const last = result.at(-1);
    if (known !== undefined) result[known] = row;
    else if (row.kind === 'gap' && last?.kind === 'gap') result[result.length - 1] = { ...last, missing: last.missing + row.missing };
    else {
      at.set(row.key, result.length);
      result.push(row);
    }
  }
  return result;
}
