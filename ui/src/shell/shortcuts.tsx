// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { Dialog } from '../components/dialog';
import { go, PAGES } from '../state/route';
import { nextTheme } from '../state/theme';

const LIST: readonly [string, string][] = [
  ['?', 'this list'],
  ['1 … 6', 'Map, Flows, Events, Readiness, Policy, Coverage'],
  ['/', 'the page\'s search or filter field'],
  ['t', 'colours: system, light, dark'],
  ['Esc', 'closes a dialog, the details, or a list of suggestions'],
  ['On the map', ''],
  ['arrows', 'to the next node in that direction'],
  ['Enter', 'opens or closes a group; of another node, goes to its details'],
  ['f', 'focus on the chosen node\'s neighbourhood, and back'],
  ['+ − 0', 'zoom in, zoom out, fit'],
  ['Shift + arrows', 'moves the map'],
  ['In tables', ''],
  ['↑ ↓', 'the row above, the row below'],
  ['Enter', 'shows the row\'s details'],
];

/** Keys that are typed into a field, or meant for the browser, are no shortcuts. */
function isForField(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey) return true;
  const target = event.target;
  return target instanceof HTMLElement && target.matches('input:not([type=radio], [type=checkbox]), textarea, select, dialog *');
}

/** An open menu, or else the details. */
function closeTopmost(): void {
  const menu = document.querySelector<HTMLDetailsElement>('details.menu[open]');
  if (!menu) document.querySelector<HTMLElement>('[data-close]')?.click();
  else {
    menu.open = false;
    menu.querySelector('summary')?.focus();
  }
}

export function useShortcuts() {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isForField(event)) return;
      const page = PAGES[Number(event.key) - 1];
      if (event.key === '?') setShown(true);
      else if (event.key === 't') nextTheme();
      else if (event.key === 'Escape') closeTopmost();
      else if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLElement>('[data-search]')?.focus();
      } else if (page) go(page);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  return { shown, open: () => setShown(true), close: () => setShown(false) };
}

export function Shortcuts({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Shortcuts" onClose={onClose}>
      <div class="dialog-body">
        <dl class="shortcuts">
          {LIST.map(([key, text]) => (text
            ? <div key={key + text}><dt><kbd>{key}</kbd></dt><dd>{text}</dd></div>
            : <div key={key} class="part"><dt>{key}</dt><dd /></div>))}
        </dl>
      </div>
    </Dialog>
  );
}
