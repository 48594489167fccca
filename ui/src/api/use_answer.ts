// SPDX-License-Identifier: GPL-2.0-or-later
// A component's view of an answer: asked for when its key changes, and again every so often.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './client';

export interface Answer<T> {
  /** The last good answer, of this key or – until that is there – of the one before. */
  data: T | null;
  error: ApiError | null;
  loading: boolean;
  reload(): void;
}

/** A lost connection is tried more often than an answer grows old. */
const RETRY = 2_000;

/**
 * ask is called anew when key changes, on reload(), and every `every` milliseconds (0: never). A key of null asks
 * nothing. Answers that come after a newer question are dropped.
 */
export function useAnswer<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>, every = 0): Answer<T> {
  const [state, setState] = useState<{ data: T | null; error: ApiError | null; loading: boolean }>({ data: null, error: null, loading: key !== null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;

  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const once = async () => {
      let failed = false;
      try {
        const data = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({ data, error: null, loading: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        failed = error.status === 0 || error.status >= 500;
        setState((before) => ({ data: before.data, error, loading: false }));
      }
      if (!abort.signal.aborted && (every > 0 || failed)) timer = setTimeout(once, failed ? RETRY : every);
    };
    setState((before) => ({ ...before, loading: true }));
    void once();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, every, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  return { ...state, reload };
}
