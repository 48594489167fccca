// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, ApiError, getJson } from '../api/client';
import { follow, type StreamState } from '../api/sse';
import type { BulkheadEvent, EventsAnswer } from '../api/types';

const PAGE = 1000;
const EVERY = 500;

interface State {
  events: BulkheadEvent[];
  next: number | null;
  missing: number;
  stream: StreamState;
  error: ApiError | null;
  loaded: boolean;
}

const EMPTY: State = { events: [], next: null, missing: 0, stream: 'connecting', error: null, loaded: false };

/** Two lists in order, each event once. */
function merged(a: readonly BulkheadEvent[], b: readonly BulkheadEvent[]): BulkheadEvent[] {
  const byNumber = new Map([...a, ...b].map((event) => [event.number, event]));
  return [...byNumber.values()].sort((x, y) => x.number - y.number);
}

/** The newest events, those that follow, and older ones where they are asked for. */
export function useEvents(): State & { older(): Promise<void> } {
  const [state, setState] = useState<State>(EMPTY);
  const queue = useRef<BulkheadEvent[]>([]);

  const load = async (before: number | null, signal?: AbortSignal) => {
    try {
      const answer = await getJson<EventsAnswer>('/v1/events', { limit: PAGE, before }, signal);
      setState((now) => ({ ...now, events: merged(answer.events, now.events), next: answer.next ?? null, loaded: true, error: null }));
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
      if (fresh.length) setState((now) => ({ ...now, events: merged(now.events, fresh) }));
    }, EVERY);
    return () => {
      abort.abort();
      stop();
      clearInterval(timer);
    };
  }, []);

  return { ...state, older: () => load(state.next) };
}
