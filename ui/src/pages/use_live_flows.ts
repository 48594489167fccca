// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, ApiError, getJson } from '../api/client';
import { follow, type StreamState } from '../api/sse';
import type { Flow, FlowsAnswer } from '../api/types';
import { addRows, flowKey, type FlowRow } from '../logic/flow';
import { newest } from '../logic/newest';

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
  /** How many came while it was paused, and are kept. */
  waiting: number;
  /** How many lines went, as there were too many: the oldest. */
  gone: number;
}

const NOTHING: Live = { rows: [], state: 'connecting', error: null, waiting: 0, gone: 0 };

/** With what came, as far as there is room. */
function withRows(live: Live, fresh: readonly FlowRow[], gone: number): Live {
  const all = newest(addRows(live.rows, fresh), MOST_ROWS);
  return { ...live, rows: all.kept, waiting: 0, gone: live.gone + gone + all.gone };
}

/** The newest flows, and those that follow. While paused, what comes waits: the newest of it, as many as the table has room for. */
export function useLiveFlows(filter: string, on: boolean, paused: boolean): Live & { clear(): void } {
  const [live, setLive] = useState<Live>(NOTHING);
  const queue = useRef<FlowRow[]>([]);
  const goneInQueue = useRef(0);
  const isPaused = useRef(paused);
  isPaused.current = paused;

  useEffect(() => {
    if (!on) return undefined;
    const wait = (row: FlowRow) => {
      queue.current.push(row);
      if (queue.current.length <= MOST_ROWS) return;
      queue.current.shift();
      goneInQueue.current++;
    };
    queue.current = [];
    goneInQueue.current = 0;
    setLive(NOTHING);
    const abort = new AbortController();
    getJson<FlowsAnswer>('/v1/flows', { filter, limit: BEGIN_WITH }, abort.signal)
      .then((answer) => setLive((before) => withRows({ ...before, rows: answer.flows.map(asRow) }, before.rows, 0)))
      .catch((error: unknown) => {
        if (error instanceof ApiError) setLive((before) => ({ ...before, error }));
      });
    const stop = follow(address('/v1/flows', { follow: 1, filter }), {
      onEvent: ({ event, data }) => {
        if (event === 'flow') wait(asRow(JSON.parse(data) as Flow));
        else if (event === 'gap') wait({ kind: 'gap', key: `gap ${++gaps}`, missing: (JSON.parse(data) as { gap: number }).gap });
      },
      onState: (state, error) => setLive((before) => ({ ...before, state, error: error ?? (state === 'live' ? null : before.error) })),
    });
    const timer = setInterval(() => {
      if (!queue.current.length) return;
      const gone = goneInQueue.current;
      goneInQueue.current = 0;
      if (isPaused.current) {
        setLive((before) => ({ ...before, waiting: queue.current.length, gone: before.gone + gone }));
        return;
      }
      const fresh = queue.current.splice(0);
      setLive((before) => withRows(before, fresh, gone));
    }, EVERY);
    return () => {
      abort.abort();
      stop();
      clearInterval(timer);
    };
  }, [filter, on]);

  return { ...live, clear: () => setLive((before) => ({ ...before, rows: [], gone: 0 })) };
}
