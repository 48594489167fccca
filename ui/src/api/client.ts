// SPDX-License-Identifier: GPL-2.0-or-later
// One way to ask the daemon, so that its token, its errors and its absence are met in one place.
import type { ApiProblem } from './types';
import { setConnection } from '../state/connection';
import { storedToken } from './token';

export type Query = Record<string, string | number | null | undefined>;

/** An answer that is no success; status 0: the daemon could not be reached. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly problem: ApiProblem) {
    super(problem.what);
  }
}

/** A path with its query; what is null, undefined or empty is left out. */
export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

function asProblem(body: unknown, status: number): ApiProblem {
  if (typeof body === 'object' && body !== null && 'error' in body) {
    const { error } = body;
    if (typeof error === 'object' && error !== null && 'what' in error) return error as ApiProblem;
  }
  return { what: `the daemon answered with status ${status}`, where: 'answer', do: 'look at its log' };
}

async function problemOf(response: Response): Promise<ApiProblem> {
  try {
    return asProblem(await response.json(), response.status);
  } catch {
    return asProblem(null, response.status);
  }
}

/**
 * The response to a request, once it is known to be a success.
 * Throws ApiError, and DOMException AbortError where signal says so.
 */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const token = storedToken();
  const headers = new Headers(init.headers);
  if (token) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: 'omit', cache: 'no-store' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    setConnection('lost');
    throw new ApiError(0, { what: 'the daemon cannot be reached', where: 'connection', do: 'this page goes on trying; bulkhead status tells whether it runs' });
  }
  setConnection(response.status === 401 ? 'unauthorized' : 'connected');
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return response;
}

async function parsed<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof SyntaxError) throw new ApiError(500, asProblem(null, response.status));
    throw error;
  }
}

export async function getJson<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return parsed<T>(await request(address(path, query), signal ? { signal } : {}));
}

export async function getText(path: string, query?: Query): Promise<string> {
  return (await request(address(path, query))).text();
}

export async function postJson<T>(path: string, query?: Query, body?: string): Promise<T> {
  return parsed<T>(await request(address(path, query), { method: 'POST', body: body ?? '' }));
}
