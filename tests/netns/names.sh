#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names of peers outside: real questions and answers between containers of the lab, over UDP and TCP,
# and answers that nobody asked for.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/lab_names.sh
. "$(dirname "$0")/lab_names.sh"

[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
host="bulkhead-lab"
write_config "runtimes: {docker: off}"
# The name in a ClientHello is to stand behind what is kept of other packets.
sed -i "s/report_interval: 1s/&, snaplen: 128/" "$scratch/bulkhead.yaml"
"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
start_daemon

serve_names

# visit NAME ADDRESS: a connection from there to port 443; prints the port that it came from.
visit() {
	within "$1" python3 -c 'if True:
		import socket, sys
		with socket.create_connection((sys.argv[1], 443), 3) as s:
			print(s.getsockname()[1])' "$2" || fail "$1 does not reach $2"
}
# called PORT NAME: the flow that came from that port shows this as its name (jq).
called() {
	bh flows --format json | jq -e -s --argjson p "$1" "any(.[]; .src.port == \$p and
		.dst.port == 443 and .dst.workload == null and .dns == $2)"
}

step "who asked knows its peer by name, over UDP and TCP"
unasked=$(visit lab-job 203.0.113.10)
within lab-job python3 "$dns" ask Pay.Example 1 udp || fail "no answer over UDP"
within lab-job python3 "$dns" ask six.example 28 tcp || fail "no answer over TCP"
asked=$(visit lab-job 203.0.113.10)
asked6=$(visit lab-job 2001:db8:77::10)
eventually 10 called "$asked" '"pay.example"' || fail "no name after an answer over UDP"
eventually 10 called "$asked6" '"six.example"' || fail "no name after an answer over TCP, in pieces"
status_is '.capture.dns_streams_given_up == 0' || fail "streams were given up"
bh flows >"$scratch/flows"
grep -q 'pay.example (203.0.113.10)' "$scratch/flows" || fail "the table does not show the name"

step "a connection older than the answer, and another container's, have none"
eventually 10 called "$unasked" null || fail "the connection before the answer has a name"
other=$(visit lab-web-1 203.0.113.10)
eventually 10 called "$other" null || fail "an answer named somebody else's peer"

step "whom a TLS client says it speaks to is shown as a claim"
# greet NAME ADDRESS: a ClientHello from there that names Claimed.Example; prints the port it came from.
greet() {
	within "$1" python3 -c 'if True:
		import socket, ssl, sys
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		sent, end = ssl.MemoryBIO(), ssl.MemoryBIO()
		tls = context.wrap_bio(end, sent, server_hostname="Claimed.Example")
		try:
			tls.do_handshake()
		except ssl.SSLWantReadError:
			pass
		with socket.create_connection((sys.argv[1], 443), 3) as s:
			s.sendall(sent.read())
			print(s.getsockname()[1])' "$2" || fail "$1 does not reach $2"
}
# claims PORT DNS: the flow that came from that port shows the claim, and this as its name (jq).
claims() {
	bh flows --format json | jq -e -s --argjson p "$1" "any(.[]; .src.port == \$p and
		.sni == \"claimed.example\" and .dns == $2 and .dst.workload == null)"
}
named=$(greet lab-job 203.0.113.10)
eventually 10 claims "$named" '"pay.example"' || fail "no claim beside a name"
nameless=$(greet lab-web-2 203.0.113.10)
eventually 10 claims "$nameless" null || fail "no claim without a name"
six=$(greet lab-job 2001:db8:77::10)
eventually 10 claims "$six" '"six.example"' || fail "no claim over IPv6"
bh flows >"$scratch/flows"
grep -q '203.0.113.10 "claimed.example" (claimed)' "$scratch/flows" || fail "the table shows no claim"

step "what was asked on one interface names what leaves by another"
ip -n "$host" link add lab-job-2 type veth peer name eth1 netns lab-job
ip -n "$host" addr add 10.78.0.1/24 dev lab-job-2
ip -n "$host" link set lab-job-2 up
ip -n lab-job addr add 10.78.0.2/24 dev eth1
ip -n lab-job link set eth1 up
ip -n lab-job route add 203.0.113.10/32 via 10.78.0.1
eventually 10 eval 'bh workloads --format json | jq -e "any(.rows[].instances[]; .ifname == \"lab-job-2\" and
	(.addresses | index(\"10.78.0.2\")))"' || fail "the second interface is not known"
beside=$(visit lab-job 203.0.113.10)
eventually 10 called "$beside" '"pay.example"' || fail "no name on the other interface"
bh flows --format json | jq -e -s --argjson p "$beside" 'any(.[]; .src.port == $p and
	.src.ip == "10.78.0.2")' >/dev/null || fail "it did not leave by the other interface"
ip -n lab-job link del eth1

step "what nobody asked for names nothing"
kill "$server" && wait "$server" 2>/dev/null # the port is to be the real one
within lab-db python3 "$dns" push evil.example || fail "nothing was sent"
after=$(visit lab-job 203.0.113.10)
eventually 10 called "$after" '"pay.example"' || fail "an answer that nobody asked for counts"

step "the ledger and what is proposed from it go by the names"
# edge_is DST DNS SNI: what lab-job opens to 443 there was called so besides.
edge_is() {
	bh edges --format json | jq -e "any(.edges[]; .src == \"netns:lab-job\" and .dst == \"$1\" and
		.port == 443 and .dns == [$2] and .sni == [$3])"
}
edge_named() {
	edge_is dns:pay.example '' '"claimed.example"' && edge_is dns:six.example '' '"claimed.example"' &&
		edge_is 203.0.113.10 '"pay.example"' ''
}
eventually 10 edge_named || fail "the edges do not go by the names"
bh edges | grep -q 'dns:pay.example "claimed.example" (claimed)' || fail "the table of edges shows no name"
bh map --format dot | grep -q '"netns:lab-job" -> "dns:six.example"' || fail "the map shows no name"
accept_all
bh policy propose >"$scratch/proposal" || fail "nothing is proposed"
grep -q '^    to: .*dns:pay\.example' "$scratch/proposal" || fail "the proposal says no name"
grep -q 'DNS called it: pay.example$' "$scratch/proposal" ||
	fail "the proposal does not say what the address was called"
bh policy check "$scratch/proposal" --format json >"$scratch/checked" # the pushed answer had none
jq -e '[.would_block[], .uncertain[] | select(.dst | startswith("netns:") | not)] == []' "$scratch/checked" >/dev/null ||
	fail "the proposal does not allow what it was made from"
grep -q 'TLS clients claimed, and nobody checked: "claimed.example"$' "$scratch/proposal" ||
	fail "the proposal says no claim"

step "names outlive the capture process"
kill -9 "$(child capture)"
eventually 15 status_is '.capture.state == "running" and .capture.restarts == 1' ||
	fail "capture is not back"
sleep 1
after=$(visit lab-job 203.0.113.10)
eventually 10 called "$after" '"pay.example"' || fail "the name went with capture"

step "what edges go by outlives the daemon"
stop_daemon
start_daemon
edge_named >/dev/null || fail "the names went with the daemon"
