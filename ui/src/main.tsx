// SPDX-License-Identifier: GPL-2.0-or-later
import { render } from 'preact';
import { adoptTokenFromAddress } from './api/token';
import { App } from './shell/app';
import { beginTheme } from './state/theme';

adoptTokenFromAddress();
// Another address of `bulkhead ui`, pasted into the same tab.
window.addEventListener('hashchange', () => adoptTokenFromAddress() && location.reload());
beginTheme();
const root = document.getElementById('app');
if (root) render(<App />, root);
