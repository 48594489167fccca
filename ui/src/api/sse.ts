// SPDX-License-Identifier: GPL-2.0-or-later
// Server-sent events over fetch: EventSource cannot send the Authorization header.
import { ApiError, request } from './client';

export interface ServerEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Puts events together from pieces of a stream, wherever it was cut. */
export class EventParser {
  private rest = '';
  private id: string | null = null;
  private event = '';
  private data: string[] = [];

  /** The events that the piece completes. */
  push(piece: string): ServerEvent[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): ServerEvent[] {
    if (line === '') return this.dispatch();
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id') this.id = value;
    return [];
  }

  private dispatch(): ServerEvent[] {
    const found = this.data.length ? [{ id: this.id, event: this.event || 'message', data: this.data.join('\n') }] : [];
    this.event = '';
    this.data = [];
    return found;
  }
}

const LONGEST_WAIT = 15_000;
/** The daemon sends a heartbeat every 15 seconds: longer silence is a connection that nobody closed. */
const SILENCE = 40_000;

export type StreamState = 'connecting' | 'live' | 'interrupted' | 'refused';

export interface StreamHandlers {
  onEvent(event: ServerEvent): void;
  onState(state: StreamState, error: ApiError | null): void;
}

async function read(response: Response, abort: AbortController, onEvent: (event: ServerEvent) => void): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const silence = setTimeout(() => abort.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    for (const event of parser.push(decoder.decode(value, { stream: true }))) onEvent(event);
  }
}

/**
 * Follows a stream until the returned function is called, and takes it up again where it was interrupted. A request
 * that the daemon refuses (4xx) is not repeated.
 */
export function follow(path: string, handlers: StreamHandlers): () => void {
  let stopped = false;
  let abort = new AbortController();
  let lastId: string | null = null;
  let wait = 500;
  let timer: ReturnType<typeof setTimeout>;

  const attempt = async () => {
    abort = new AbortController();
    handlers.onState('connecting', null);
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (lastId !== null) headers['last-event-id'] = lastId;
      const response = await request(path, { headers, signal: abort.signal });
      handlers.onState('live', null);
      wait = 500;
      await read(response, abort, (event) => {
        lastId = event.id ?? lastId;
        handlers.onEvent(event);
      });
    } catch (error) {
      if (stopped) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        handlers.onState('refused', error);
        return;
      }
    }
    if (stopped) return;
    handlers.onState('interrupted', null);
    timer = setTimeout(attempt, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
  void attempt();
  return () => {
    stopped = true;
    clearTimeout(timer);
    abort.abort();
  };
}
