// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, ApiError, getJson } from '../api/client';
import { follow, type StreamState } from '../api/sse';
import type { Flow, FlowsAnswer } from '../api/types';
import { addRows, flowKey, type FlowRow } from '../logic/flow';

const MOST_ROWS = 5000;
const BEGIN_WITH = 200;
/** Rows are added so often at most: each addition costs a drawing. */
const EVERY = 250;

const asRow = (flow: Flow): FlowRow => ({ kind: 'flow', key: flowKey(flow), flow });
let gaps = 0;

interface Live {
  rows: FlowRow[];
  state: StreamState;
  error: ApiError | null;
  /** How many came while it was paused. */
  waiting: number;
}

/** The newest flows, and those that follow. While paused, what comes waits; nothing is lost. */
export function useLiveFlows(filter: string, on: boolean, paused: boolean): Live & { clear(): void } {
  const [live, setLive] = useState<Live>({ rows: [], state: 'connecting', error: null, waiting: 0 });
  const queue = useRef<FlowRow[]>([]);
  const isPaused = useRef(paused);
  isPaused.current = paused;

  useEffect(() => {
    if (!on) return undefined;
    queue.current = [];
    setLive({ rows: [], state: 'connecting', error: null, waiting: 0 });
    const abort = new AbortController();
    getJson<FlowsAnswer>('/v1/flows', { filter, limit: BEGIN_WITH }, abort.signal)
      .then((answer) => setLive((before) => ({ ...before, rows: addRows(answer.flows.map(asRow), before.rows, MOST_ROWS) })))
      .catch((error: unknown) => {
        if (error instanceof ApiError) setLive((before) => ({ ...before, error }));
      });
    const stop = follow(address('/v1/flows', { follow: 1, filter }), {
      onEvent: ({ event, data }) => {
        if (event === 'flow') queue.current.push(asRow(JSON.parse(data) as Flow));
        else if (event === 'gap') queue.current.push({ kind: 'gap', key: `gap ${++gaps}`, missing: (JSON.parse(data) as { gap: number }).gap });
      },
      onState: (state, error) => setLive((before) => ({ ...before, state, error: error ?? (state === 'live' ? null : before.error) })),
    });
    const timer = setInterval(() => {
      if (!queue.current.length) return;
      if (isPaused.current) {
        setLive((before) => ({ ...before, waiting: queue.current.length }));
        return;
      }
      const fresh = queue.current.splice(0);
      setLive((before) => ({ ...before, rows: addRows(before.rows, fresh, MOST_ROWS), waiting: 0 }));
    }, EVERY);
    return () => {
      abort.abort();
      stop();
      clearInterval(timer);
    };
  }, [filter, on]);

  return { ...live, clear: () => setLive((before) => ({ ...before, rows: [] })) };
}
