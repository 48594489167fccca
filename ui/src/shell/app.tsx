// SPDX-License-Identifier: GPL-2.0-or-later
// The frame around every page: navigation, the banner, shortcuts, and the page for the token where one is needed.
import { useEffect, useState } from 'preact/hooks';
import { getJson } from '../api/client';
import type { Me } from '../api/types';
import { forgetToken, storeToken } from '../api/token';
import { useAnswer } from '../api/use_answer';
import { CoveragePage } from '../pages/coverage';
import { EventsPage } from '../pages/events';
import { FlowsPage } from '../pages/flows';
import { MapPage } from '../pages/map';
import { PolicyPage } from '../pages/policy';
import { ReadinessPage } from '../pages/readiness';
import { connection, setConnection } from '../state/connection';
import { me } from '../state/me';
import { useRoute, type Page } from '../state/route';
import { useStore } from '../state/store';
import { Banner } from './banner';
import { Header, TITLES } from './header';
import { Shortcuts, useShortcuts } from './shortcuts';
import { TokenPage } from './token_page';

const PAGES: Record<Page, () => preact.JSX.Element> = {
  map: MapPage, flows: FlowsPage, events: EventsPage, readiness: ReadinessPage, policy: PolicyPage, coverage: CoveragePage,
};

function useMe(turn: number) {
  const answer = useAnswer(`me ${turn}`, (signal) => getJson<Me>('/v1/me', {}, signal));
  useEffect(() => me.set(answer.data), [answer.data]);
  return answer;
}

export function App() {
  const [turn, setTurn] = useState(0);
  const state = useStore(connection);
  const answer = useMe(turn);

  if (state === 'unauthorized') {
    return <TokenPage refused={answer.error} onToken={(token) => {
      storeToken(token);
      setConnection('connecting');
      setTurn(turn + 1);
    }} />;
  }
  const signOut = () => {
    forgetToken();
    setTurn(turn + 1);
  };
  return <Frame onSignOut={signOut} />;
}

function Frame({ onSignOut }: { onSignOut(): void }) {
  const { page } = useRoute();
  const { shown, close, open } = useShortcuts();
  const View = PAGES[page];
  useEffect(() => {
    document.title = `${TITLES[page]} – bulkhead`;
  }, [page]);
  const skip = (event: Event) => {
    // The hash is the page's state: the skip link must not become a part of it.
    event.preventDefault();
    document.getElementById('main')?.focus();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>Skip to the content</a>
      <Header page={page} onHelp={open} onSignOut={onSignOut} />
      <Banner />
      <main id="main" tabIndex={-1} aria-label={TITLES[page]}>
        <h1 class="hidden">{TITLES[page]}</h1>
        <View key={page} />
      </main>
      {shown && <Shortcuts onClose={close} />}
    </>
  );
}
