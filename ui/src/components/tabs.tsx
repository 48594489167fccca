// SPDX-License-Identifier: GPL-2.0-or-later
import { useRef } from 'preact/hooks';

export interface Tab {
  id: string;
  label: string;
}

/** A list of tabs with the arrow keys' movement; the panel is `panel-ID`, and names its tab by `tab-ID`. */
export function Tabs({ label, tabs, chosen, onChoose }: { label: string; tabs: readonly Tab[]; chosen: string; onChoose(id: string): void }) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    const at = tabs.findIndex(({ id }) => id === chosen);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    onChoose(next.id);
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={move}>
      {tabs.map(({ id, label: text }) => (
        <button key={id} type="button" role="tab" id={`tab-${id}`} aria-selected={id === chosen} aria-controls={`panel-${id}`}
          tabIndex={id === chosen ? 0 : -1} onClick={() => onChoose(id)}>{text}</button>
      ))}
    </div>
  );
}
