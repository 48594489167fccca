// SPDX-License-Identifier: GPL-2.0-or-later
import { useId } from 'preact/hooks';

export interface Choice<T extends string> {
  value: T;
  label: string;
}

/** One of few: radio buttons that look like a row of buttons. */
export function Switch<T extends string>({ label, choices, value, onChange }: { label: string; choices: readonly Choice<T>[]; value: T; onChange(value: T): void }) {
  const name = useId();
  return (
    <fieldset class="switch">
      <legend class="hidden">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value}>
          <input type="radio" name={name} checked={choice.value === value} onChange={() => onChange(choice.value)} />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
