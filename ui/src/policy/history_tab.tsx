// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from 'preact/hooks';
import { getJson, getText } from '../api/client';
import type { Revision } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { OperatorButton, ReadOnlyNote } from '../components/operator_button';
import { Loading, Problem } from '../components/problem';
import { When } from '../components/value';
import { refreshStatus } from '../state/status';
import { DocumentDiff } from './document_diff';
import { RollbackDialog } from './rollback_dialog';

function Compared({ number, active }: { number: number; active: number }) {
  const older = useAnswer(`revision ${number}`, () => getText('/v1/policy/active', { number }));
  const current = useAnswer(`revision ${active}`, () => getText('/v1/policy/active'));
  if (older.error ?? current.error) return <Problem error={older.error ?? current.error} />;
  if (older.data === null || current.data === null) return <Loading what="the documents" />;
  return <DocumentDiff left={older.data} right={current.data} leftName={`revision ${number}`} rightName={`active: revision ${active}`} />;
}

function state(revision: Revision): string {
  if (!revision.active) return revision.confirmed ? '' : 'was never confirmed';
  return revision.confirmed ? '● active' : '● active, on trial';
}

export function HistoryTab() {
  const answer = useAnswer('history', (signal) => getJson<{ revisions: Revision[] }>('/v1/policy/history', {}, signal), 15_000);
  const [shown, setShown] = useState<number | null>(null);
  const [back, setBack] = useState<number | null>(null);
  const active = answer.data?.revisions.find((revision) => revision.active);
  const done = () => {
    refreshStatus();
    answer.reload();
  };
  if (!answer.data) return answer.error ? <Problem error={answer.error} /> : <Loading what="the history" />;
  return (
    <>
      <ReadOnlyNote />
      <Problem error={answer.error} />
      {answer.data.revisions.length === 0 && <p class="quiet">No policy was applied yet.</p>}
      {answer.data.revisions.length > 0 && (
        <div class="wide-scroller" tabIndex={0} role="region" aria-label="Revisions">
          <table>
            <thead><tr><th>Revision</th><th>State</th><th>Applied</th><th>By</th><th>Why</th><th><span class="hidden">Actions</span></th></tr></thead>
            <tbody>
              {answer.data.revisions.map((revision) => (
                <tr key={revision.number} class={revision.active ? 'active' : ''}>
                  <td title={revision.revision}>{revision.number} <span class="quiet mono">{revision.revision.slice(0, 12)}</span></td>
                  <td>{state(revision)}</td><td><When time={revision.time} /></td><td>{revision.author}</td><td>{revision.why ?? <span class="quiet">–</span>}</td>
                  <td class="actions">
                    {!revision.active && <button type="button" class="slim" aria-expanded={shown === revision.number} onClick={() => setShown(shown === revision.number ? null : revision.number)}>Compare with active</button>}
                    {!revision.active && <OperatorButton kind="slim" onClick={() => setBack(revision.number)}>Roll back to it …</OperatorButton>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown !== null && active && <Compared number={shown} active={active.number} />}
      {back !== null && <RollbackDialog number={back} onDone={done} onClose={() => setBack(null)} />}
    </>
  );
}
