// SPDX-License-Identifier: GPL-2.0-or-later
import type { ComponentChildren } from 'preact';

/** What is known of the chosen row, node or edge, beside it. Esc closes it from anywhere on the page (shell/shortcuts). */
export function DetailsPanel({ title, kind, onClose, children }: { title: string; kind: string; onClose(): void; children: ComponentChildren }) {
  return (
    <aside class="details" id="details" tabIndex={-1} aria-label={`Details: ${title}`}>
      <header>
        <div><span class="quiet">{kind}</span><h2 title={title}>{title}</h2></div>
        <button type="button" class="ghost" data-close onClick={onClose} aria-label="Close the details">✕</button>
      </header>
      {children}
    </aside>
  );
}
