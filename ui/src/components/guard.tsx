// SPDX-License-Identifier: GPL-2.0-or-later
import type { Guard } from '../api/types';
import { Count, Name } from './value';
import { portName } from '../logic/port';

/** What has to go on and would be cut off, with the rule that keeps each. */
export function GuardFindings({ guard }: { guard: Guard }) {
  if (!guard.findings.length) return null;
  return (
    <section class="guard">
      <h3>Has to go on, and would be cut off</h3>
      <ul>
        {guard.findings.map((finding) => (
          <li key={`${finding.kind} ${finding.src} ${finding.dst} ${finding.port}`}>
            <strong>{finding.kind}</strong>: <Name text={finding.src} /> → <Name text={finding.dst} /> {portName(finding.proto, finding.port)}, <Count value={finding.connections} /> connections. {finding.reason}
            {finding.add_rule && <>
              <br />This rule keeps it: <code>{finding.add_rule}</code>
              {finding.add_workloads.length > 0 && <> with, below workloads: <code>{finding.add_workloads.join(' ')}</code></>}
            </>}
          </li>
        ))}
      </ul>
    </section>
  );
}
