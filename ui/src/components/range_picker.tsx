// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import type { Range } from '../api/types';
import { instantOf } from '../logic/instant';
import { When } from './value';

/** How long ago, or nothing at all, and what that is called. */
export type Preset = readonly [since: string, text: string];

const PRESETS: readonly Preset[] = [['', 'all that is known'], ['15m', 'last 15 minutes'], ['1h', 'last hour'], ['24h', 'last 24 hours'], ['7d', 'last 7 days'], ['30d', 'last 30 days']];

/** The local time that a datetime-local field shows for a time as the API takes it. */
function forField(text: string): string {
  const time = instantOf(text, Date.now() / 1000);
  if (time === null) return '';
  const date = new Date(time * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const fromField = (text: string) => (text ? new Date(text).toISOString() : '');

export interface RangeValue {
  since: string;
  until: string;
}

interface RangePickerProps {
  label: string;
  value: RangeValue;
  onChange(value: RangeValue): void;
  absent?: string;
  presets?: readonly Preset[];
  /** Why nothing can be chosen. */
  impossible?: string | null;
}

/** A time range: how long ago, or from a time to another. */
export function RangePicker({ label, value, onChange, absent, presets = PRESETS, impossible }: RangePickerProps) {
  const preset = presets.some(([since]) => since === value.since) && !value.until;
  const [wanted, setCustom] = useState(false);
  const custom = wanted || !preset;
  const choose = (since: string) => {
    setCustom(since === 'custom');
    if (since !== 'custom') onChange({ since, until: '' });
  };
  if (impossible) return <label class="field" title={impossible}><span>{label}</span><select disabled><option>{impossible}</option></select></label>;
  return (
    <span class="range">
      <label class="field">
        <span>{label}</span>
        <select value={custom ? 'custom' : value.since} onChange={(event) => choose(event.currentTarget.value)}>
          {presets.map(([since, text]) => <option key={since} value={since}>{since === '' && absent ? absent : text}</option>)}
          <option value="custom">from … to …</option>
        </select>
      </label>
      {custom && (
        <>
          <input type="datetime-local" aria-label={`${label}: from`} value={forField(value.since)} onChange={(event) => onChange({ ...value, since: fromField(event.currentTarget.value) })} />
          <input type="datetime-local" aria-label={`${label}: to`} value={forField(value.until)} onChange={(event) => onChange({ ...value, until: fromField(event.currentTarget.value) })} />
        </>
      )}
    </span>
  );
}

/** A range of which not all was recorded is told, with the reason. */
export function RangeNote({ range, label }: { range: Range; label: string }) {
  if (range.complete) return null;
  return (
    <p class="note warn" role="note">
      <strong>{label} is not completely recorded:</strong> {range.why ?? 'the daemon does not say why'}
      {range.known_since !== null && <> (known since <When time={range.known_since} />)</>}
    </p>
  );
}
