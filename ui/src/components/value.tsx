// SPDX-License-Identifier: GPL-2.0-or-later
// Values as they are shown everywhere: short, and exact in the title.
import type { Time } from '../api/types';
import { ago, bytes, count, localTime, shorten, utcTime, whole } from '../logic/format';

export function Count({ value, unit = '' }: { value: number | null | undefined; unit?: string }) {
  return <span class={value === null ? 'unknown' : undefined} title={whole(value, unit)}>{count(value)}</span>;
}

export function Bytes({ value }: { value: number | null | undefined }) {
  return <span class={value === null ? 'unknown' : undefined} title={whole(value, 'bytes')}>{bytes(value)}</span>;
}

export function When({ time }: { time: Time | null | undefined }) {
  if (time === null || time === undefined) return <span class="unknown">{localTime(time)}</span>;
  return <time dateTime={utcTime(time)} title={utcTime(time)}>{localTime(time)}</time>;
}

export function Ago({ time }: { time: Time | null | undefined }) {
  return <span title={utcTime(time)}>{ago(time)}</span>;
}

/** A name that does not fit is shortened in the middle, with the whole in the title. */
export function Name({ text, most = 38 }: { text: string; most?: number }) {
  return <span class="name" title={text}>{shorten(text, most)}</span>;
}
