// SPDX-License-Identifier: GPL-2.0-or-later
// States, verdicts and severities: a sign and a word, so that colour is never all that tells them apart.
import type { Severity } from '../logic/events';

type Tone = 'bad' | 'warn' | 'new' | 'review' | 'good' | 'plain' | 'faint';

const STATES: Record<string, { sign: string; tone: Tone; text?: string }> = {
  denied: { sign: '✕', tone: 'bad' },
  'would-deny': { sign: '!', tone: 'warn', text: 'would be denied' },
  new: { sign: '+', tone: 'new' },
  review: { sign: '?', tone: 'review', text: 'in review' },
  learned: { sign: '–', tone: 'plain' },
  unlearned: { sign: '·', tone: 'faint', text: 'not learned' },
  delivered: { sign: '✓', tone: 'good' },
  undelivered: { sign: '✕', tone: 'warn' },
  unknown: { sign: '?', tone: 'faint' },
  added: { sign: '+', tone: 'new' },
  gone: { sign: '−', tone: 'warn' },
  more: { sign: '▲', tone: 'plain' },
  less: { sign: '▼', tone: 'plain' },
  same: { sign: '=', tone: 'faint' },
  used: { sign: '✓', tone: 'good' },
  unused: { sign: '–', tone: 'warn' },
  over: { sign: '−', tone: 'faint', text: 'its time is over' },
  accepted: { sign: '✓', tone: 'good' },
  rejected: { sign: '✕', tone: 'bad' },
  enforceable: { sign: '✓', tone: 'good' },
  observable: { sign: '!', tone: 'warn' },
  neither: { sign: '✕', tone: 'bad' },
  allow: { sign: '✓', tone: 'good' },
  deny: { sign: '✕', tone: 'bad' },
};

export function Mark({ state }: { state: string }) {
  const { sign, tone, text } = STATES[state] ?? { sign: '·', tone: 'plain' as Tone };
  return <span class={`mark tone-${tone}`}><span aria-hidden="true">{sign}</span> {text ?? state}</span>;
}

const SEVERITY_TONE: Record<Severity, Tone> = { alarm: 'bad', warning: 'warn', note: 'plain' };
const SEVERITY_SIGN: Record<Severity, string> = { alarm: '✕', warning: '!', note: '·' };

export function KindMark({ kind, severity }: { kind: string; severity: Severity }) {
  return <span class={`mark tone-${SEVERITY_TONE[severity]}`}><span aria-hidden="true">{SEVERITY_SIGN[severity]}</span> {kind}</span>;
}
