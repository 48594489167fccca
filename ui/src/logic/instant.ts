// SPDX-License-Identifier: GPL-2.0-or-later
import type { Time } from '../api/types';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };

/** A time as the API takes it – "15m" ago, RFC 3339, or decimal seconds –, in seconds; null where it is none. */
export function instantOf(text: string, now: Time): Time | null {
  if (!text) return null;
  const ago = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (ago) return now - Number(ago[1]) * (UNITS[ago[2] ?? 's'] ?? 1);
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time / 1000;
}
