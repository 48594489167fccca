// SPDX-License-Identifier: GPL-2.0-or-later
import { render } from 'preact';
import { adoptTokenFromAddress } from './api/token';
import { App } from './shell/app';
import { beginTheme } from './state/theme';

adoptTokenFromAddress();
beginTheme();
const root = document.getElementById('app');
if (root) render(<App />, root);
