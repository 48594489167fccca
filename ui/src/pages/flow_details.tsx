// SPDX-License-Identifier: GPL-2.0-or-later
import type { Flow, FlowEnd, FlowHalf } from '../api/types';
import { DetailsPanel } from '../components/details_panel';
import { Mark } from '../components/mark';
import { Bytes, Count, When } from '../components/value';
import { duration } from '../logic/format';
import { endText, portText } from '../logic/flow';
import { formatHash } from '../state/route';

function End({ name, end }: { name: string; end: FlowEnd }) {
  return (
    <div><dt>{name}</dt><dd>
      {end.workload ? <a href={formatHash('map', { focus: end.workload, chosen: end.workload })} title={end.workload}>{end.workload}</a> : <span class="unknown">{end.why ?? 'no workload of this host'}</span>}{' '}
      <code>{end.ip.includes(':') ? `[${end.ip}]` : end.ip}:{end.port}</code>{end.container && ` container ${end.container}`}
    </dd></div>
  );
}

function Half({ name, half }: { name: string; half: FlowHalf }) {
  return (
    <div><dt>{name}</dt><dd>
      <Count value={half.packets} unit="packets" /> packets, <Bytes value={half.bytes} />; delivered: <Count value={half.delivered_packets} unit="packets" /> packets, <Bytes value={half.delivered_bytes} />
    </dd></div>
  );
}

export function FlowDetails({ flow, onClose }: { flow: Flow; onClose(): void }) {
  const title = `${endText(flow.src)} → ${endText(flow.dst, flow.dns)} ${portText(flow)}`;
  return (
    <DetailsPanel title={title} kind="flow" onClose={onClose}>
      <dl class="facts">
        <End name="source" end={flow.src} />
        <End name="destination" end={flow.dst} />
        {flow.via && <div><dt>named instead</dt><dd><code>{flow.via.ip}:{flow.via.port}</code>{flow.via.proxy && ' (a proxy)'}</dd></div>}
        <div><dt>verdict</dt><dd><Mark state={flow.verdict} />, back <Mark state={flow.verdict_back} /></dd></div>
        <div><dt>state</dt><dd>{flow.state}</dd></div>
        <div><dt>direction by</dt><dd>{flow.direction}</dd></div>
        <div><dt>began</dt><dd><When time={flow.first} /></dd></div>
        <div><dt>last packet</dt><dd><When time={flow.last} />, after {duration(Math.max(0, flow.last - flow.first))}</dd></div>
        <Half name="sent" half={flow.tx} />
        <Half name="received" half={flow.rx} />
        <div><dt>counted by</dt><dd>{flow.counted_by ?? <span class="unknown">unknown</span>}{flow.lossy && ' – something was lost meanwhile: counts are a floor'}</dd></div>
        {flow.dns && <div><dt>asked for</dt><dd>{flow.dns}</dd></div>}
        {flow.sni && <div><dt>TLS name</dt><dd>{flow.sni} (claimed)</dd></div>}
        {flow.masked && <div><dt>masked</dt><dd>{flow.masked}</dd></div>}
        {flow.tunnel && <div><dt>tunnel</dt><dd>{flow.tunnel}</dd></div>}
        {flow.icmp_error && <div><dt>ICMP error</dt><dd>{flow.icmp_error.what ?? `type ${flow.icmp_error.type}, code ${flow.icmp_error.code}`}, {flow.icmp_error.count} times</dd></div>}
      </dl>
    </DetailsPanel>
  );
}
