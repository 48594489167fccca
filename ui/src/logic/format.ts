// SPDX-License-Identifier: GPL-2.0-or-later
// How numbers, times and names are written. What is not known is said to be so.
import type { Time } from '../api/types';

export const UNKNOWN = 'unknown';

const exact = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const STEPS = ['', 'k', 'M', 'G', 'T', 'P'];

function scaled(value: number): { digits: string; prefix: string } {
  let step = 0;
  let rest = value;
  while (rest >= 999.5 && step < STEPS.length - 1) {
    rest /= 1000;
    step++;
  }
  return { digits: step === 0 ? exact.format(rest) : rest.toFixed(rest < 9.95 ? 1 : 0), prefix: STEPS[step] ?? '' };
}

/** 1234567 → '1.2 M', as the command line has it. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (value < 10_000) return exact.format(value);
  const { digits, prefix } = scaled(value);
  return `${digits} ${prefix}`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  const { digits, prefix } = scaled(value);
  return `${digits} ${prefix}B`;
}

/** The whole number, for a title. */
export function whole(value: number | null | undefined, unit = ''): string {
  if (value === null || value === undefined) return UNKNOWN;
  return unit ? `${exact.format(value)} ${unit}` : exact.format(value);
}

/** '1 edge', '1,204 edges'. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const asDate = (time: Time) => new Date(time * 1000);

function isSameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

const two = (value: number) => String(value).padStart(2, '0');

/** Local time: of today without the date, else with it. */
export function localTime(time: Time | null | undefined, now = new Date()): string {
  if (time === null || time === undefined) return UNKNOWN;
  const date = asDate(time);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (isSameDay(date, now)) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

export function utcTime(time: Time | null | undefined): string {
  return time === null || time === undefined ? UNKNOWN : asDate(time).toISOString();
}

const UNITS: readonly [number, string][] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

/** The two largest units: 3725 → '1 h 2 min'. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const at = UNITS.findIndex(([size]) => seconds >= size);
  const [size, unit] = UNITS[at] ?? [1, 's'];
  const main = Math.floor(seconds / size);
  const [nextSize, nextUnit] = UNITS[at + 1] ?? [0, ''];
  const rest = nextSize ? Math.floor((seconds - main * size) / nextSize) : 0;
  return rest ? `${main} ${unit} ${rest} ${nextUnit}` : `${main} ${unit}`;
}

export function ago(time: Time | null | undefined, now = Date.now() / 1000): string {
  if (time === null || time === undefined) return UNKNOWN;
  return now - time < 1 ? 'just now' : `${duration(now - time)} ago`;
}

/** 'm:ss' until a time; never below zero. */
export function countdown(until: Time, now = Date.now() / 1000): string {
  const left = Math.max(0, Math.ceil(until - now));
  const hours = Math.floor(left / 3600);
  const clock = `${two(Math.floor((left % 3600) / 60))}:${two(left % 60)}`;
  return hours ? `${hours}:${clock}` : clock;
}

/** A long name with its middle left out: both its beginning and its end tell names apart. */
export function shorten(name: string, most: number): string {
  const characters = [...name];
  if (characters.length <= most) return name;
  const head = Math.ceil((most - 1) / 2);
  const tail = Math.floor((most - 1) / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - tail).join('')}`;
}

export function percent(part: number): string {
  if (part > 0 && part < 0.001) return '< 0.1 %';
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}

/** An estimate, to two digits: more would say more than is known. */
export const estimate = (value: number) => String(Number(value.toPrecision(2)));
