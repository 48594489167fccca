// SPDX-License-Identifier: GPL-2.0-or-later
import { me } from '../state/me';
import { PAGES, type Page } from '../state/route';
import { useStore } from '../state/store';
import { nextTheme, theme } from '../state/theme';

export const TITLES: Record<Page, string> = { map: 'Map', flows: 'Flows', events: 'Events', readiness: 'Readiness', policy: 'Policy', coverage: 'Coverage' };

const THEME_SIGN = { system: '◐', light: '○', dark: '●' } as const;

export function Header({ page, onHelp, onSignOut }: { page: Page; onHelp(): void; onSignOut(): void }) {
  const who = useStore(me);
  const shownTheme = useStore(theme);
  return (
    <header class="bar">
      <span class="brand">bulkhead{who && <span class="host" title={`version ${who.version}`}> {who.host}</span>}</span>
      <nav aria-label="Pages">
        {PAGES.map((name) => <a key={name} href={`#/${name}`} aria-current={name === page ? 'page' : undefined}>{TITLES[name]}</a>)}
      </nav>
      <span class="tools">
        {who && <span class="role" title={`${who.name}, known by ${who.via}`}>{who.role}</span>}
        <button type="button" class="ghost" onClick={nextTheme} title={`colours: ${shownTheme}`} aria-label={`Colours: ${shownTheme}. Change`}>{THEME_SIGN[shownTheme]}</button>
        <button type="button" class="ghost" onClick={onHelp} aria-label="Shortcuts and help" title="Shortcuts (?)">?</button>
        {who?.via === 'token' && <button type="button" class="ghost" onClick={onSignOut} title="forget the token">Sign out</button>}
      </span>
    </header>
  );
}
