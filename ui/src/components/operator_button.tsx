// SPDX-License-Identifier: GPL-2.0-or-later
import type { ComponentChildren } from 'preact';
import { useReadOnlyReason } from '../state/me';

/** A button for operators; for others it stays visible, disabled, with the reason. */
export function OperatorButton({ onClick, disabled = false, reason, kind = '', children }: { onClick(): void; disabled?: boolean; reason?: string; kind?: string; children: ComponentChildren }) {
  const readOnly = useReadOnlyReason();
  const why = readOnly ?? (disabled ? reason : undefined);
  return <button type="button" class={kind} disabled={readOnly !== null || disabled} title={why} data-operator onClick={onClick}>{children}</button>;
}

/** Says once on a page why its controls are disabled. */
export function ReadOnlyNote() {
  const reason = useReadOnlyReason();
  return reason ? <p class="note" role="note">{reason}.</p> : null;
}
