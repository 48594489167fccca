// SPDX-License-Identifier: GPL-2.0-or-later
import { Tabs, type Tab } from '../components/tabs';
import { AuditTab } from '../policy/audit_tab';
import { ChangeTab } from '../policy/change_tab';
import { HistoryTab } from '../policy/history_tab';
import { ModesTab } from '../policy/modes_tab';
import { RulesTab } from '../policy/rules_tab';
import { go, useRoute } from '../state/route';

const TABS: readonly Tab[] = [{ id: 'change', label: 'Proposed and active' }, { id: 'rules', label: 'Rules' }, { id: 'modes', label: 'Modes' }, { id: 'history', label: 'History' }, { id: 'audit', label: 'Audit' }];
const VIEWS: Record<string, () => preact.JSX.Element> = { change: ChangeTab, rules: RulesTab, modes: ModesTab, history: HistoryTab, audit: AuditTab };

export function PolicyPage() {
  const { parameters } = useRoute();
  const tab = TABS.find(({ id }) => id === parameters.tab)?.id ?? 'change';
  const View = VIEWS[tab] ?? ChangeTab;
  return (
    <div class="page policy-page">
      <Tabs label="Policy" tabs={TABS} chosen={tab} onChoose={(id) => go('policy', { tab: id })} />
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} class="panel"><View /></div>
    </div>
  );
}
