// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, ApiError, getJson } from '../api/client';
import { follow, type StreamState } from '../api/sse';
import type { BulkheadEvent, EventsAnswer } from '../api/types';
import { mergeEvents } from '../logic/events';
import { newest } from '../logic/newest';

const PAGE = 1000;
const EVERY = 500;
export const MOST_EVENTS = 20_000;

interface State {
  events: BulkheadEvent[];
  next: number | null;
  missing: number;
  stream: StreamState;
  error: ApiError | null;
  loaded: boolean;
  /** How many that were read went, as there were too many: the oldest. */
  gone: number;
}

const EMPTY: State = { events: [], next: null, missing: 0, stream: 'connecting', error: null, loaded: false, gone: 0 };

/** With these, as far as there is room. Before which number there are more is another one once some went. */
function withEvents(now: State, more: readonly BulkheadEvent[], next: number | null): State {
  const { kept, gone } = newest(mergeEvents(now.events, more), MOST_EVENTS);
  return { ...now, events: kept, next: gone > 0 ? kept[0]?.number ?? next : next, gone: now.gone + gone };
}

/** The newest events, those that follow, and older ones where they are asked for. */
export function useEvents(): State & { older(): Promise<void> } {
  const [state, setState] = useState<State>(EMPTY);
  const queue = useRef<BulkheadEvent[]>([]);

  const load = async (before: number | null, signal?: AbortSignal) => {
    try {
      const answer = await getJson<EventsAnswer>('/v1/events', { limit: PAGE, before }, signal);
      setState((now) => ({ ...withEvents(now, answer.events, answer.next ?? null), loaded: true, error: null }));
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      setState((now) => ({ ...now, error, loaded: true }));
    }
  };

  useEffect(() => {
    const abort = new AbortController();
    void load(null, abort.signal);
    const stop = follow(address('/v1/events', { follow: 1 }), {
      onEvent: ({ event, data }) => {
        if (event === 'event') queue.current.push(JSON.parse(data) as BulkheadEvent);
        else if (event === 'gap') setState((now) => ({ ...now, missing: now.missing + (JSON.parse(data) as { gap: number }).gap }));
      },
      onState: (stream, error) => setState((now) => ({ ...now, stream, error: error ?? now.error })),
    });
    const timer = setInterval(() => {
      const fresh = queue.current.splice(0);
      if (fresh.length) setState((now) => withEvents(now, fresh, now.next));
    }, EVERY);
    return () => {
      abort.abort();
      stop();
      clearInterval(timer);
    };
  }, []);

  return { ...state, older: () => load(state.next) };
}
