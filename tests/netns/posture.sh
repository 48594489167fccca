#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Postures: whom nobody has claimed yet meets what is configured for his bridge, and still does when
# everybody known has left it, and the daemon has come back since.
# Usage: posture.sh [stateless|stateful]
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs busybox
make_host "posture-$$"
bridge=${1:-stateless}
case $bridge in # whether bridges with rules hand their frames over
stateful) flags='[1,1]' ;;
stateless) flags='[0,0]' ;;
esac
write_config "$(printf 'runtimes: {docker: off}\nenforcement:\n  bridge: %s\n  posture: open\n  postures:\n    - {match: "bridge:vault*", posture: closed}\n    - {match: "bridge:br*", posture: audit}' $bridge)"
add_bridge vault0 10.77.0.1/24
add_bridge vault1 10.79.0.1/24
add_bridge br1 10.78.0.1/24
start_daemon
add_guest server vault0 10.77.0.2/24
add_guest other vault0 10.77.0.3/24
add_guest site br1 10.78.0.2/24
# second_leg: the server's interface on another bridge.
second_leg() {
	ip -n "$host" link add vleg type veth peer name eth1 netns "$host-server"
	ip -n "$host" link set vleg master vault1 up
	ip -n "$host-server" link set eth1 up
	add_address "$host-server" eth1 10.79.0.2/24
}
second_leg
knows 4

# stranger NAME BRIDGE ADDRESS: a namespace without a name, which nobody will ever claim.
stranger() {
	unshare -n sleep 1000 &
	local pid=$!
	at_end "kill $pid 2>/dev/null"
	eventually 5 test "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)"
	ip -n "$host" link add "v$1" type veth peer name eth0 netns "$pid"
	ip -n "$host" link set "v$1" master "$2" up
	nsenter --net="/proc/$pid/ns/net" sh -c "ip link set lo up; ip link set eth0 up; ip address add $3 dev eth0"
	stranger=$pid
}
from() {
	nsenter --net="/proc/$1/ns/net" "${@:2}"
}
pings() {
	from "$1" busybox ping -c 1 -W 1 "$2" >/dev/null
}

step "without rules everybody passes; with them each bridge has its posture"
stranger a vault0 10.77.0.8/24
on_vault=$stranger
stranger b br1 10.78.0.8/24
on_br1=$stranger
eventually 5 pings "$on_vault" 10.77.0.3 || fail "the bridge does not work"
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  server: {bulkhead.workload: "netns:$host-server"}
	rules: []
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode "netns:$host-server" enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active" and (.enforcement.bridges | length) == 3 and
	(.enforcement.bridges | all(.filtered))' || fail "the bridges are not filtered"
sleep 0.5
pings "$on_vault" 10.77.0.3 && fail "a stranger passes on the closed bridge"
pings "$on_br1" 10.78.0.2 || fail "a stranger does not pass on the other"
eventually 10 has_event '.kind == "unclaimed"' || fail "nobody tells of them"
# Users' own containers, which some other test may run beside this one, have none.
bh coverage --format json | jq -e '[.rows[] | select(.workload == null and .posture != null) | .posture] | sort == ["audit", "closed"]' >/dev/null ||
	fail "coverage does not say what meets them: $(bh coverage --format json)"
bh coverage | grep -q "meets the posture: closed" || fail "the table does not say it: $(bh coverage)"
status_is '.enforcement.posture == "open" and (.enforcement.postures | length) == 2' || fail "status does not say it"

step "the bridge stays guarded when everybody known has left it"
for name in server other; do
	ip netns del "$host-$name"
done
# The stranger's own departure and another's arrival: nobody is on the bridge in between.
kill "$on_vault"
eventually 10 status_is '.identity.endpoints == 2' || fail "they are still there"
status_is '.enforcement.bridges | any(.name == "vault0" and .filtered)' || fail "the empty bridge is not filtered"
stranger c vault0 10.77.0.8/24
first=$stranger
stranger d vault0 10.77.0.9/24
sleep 0.5
pings "$first" 10.77.0.9 && fail "strangers pass on a bridge that everybody has left"
pings "$first" 10.77.0.1 && fail "a stranger reaches the host on a bridge that everybody has left"
on_host nft list ruleset >"$scratch/rules" || fail "the rules cannot be listed"

# standing: what is there of the server before it is: the chains in both tables, and whether its bridges
# hand their frames over.
standing() {
	on_host nft list ruleset | grep -o 'chain [a-z]*_[0-9a-f]\{16\}' | sort
	for bridge in vault0 vault1; do
		ip -n "$host" -d -j link show $bridge | jq -c '.[0].linkinfo.info_data | [.nf_call_iptables, .nf_call_ip6tables]'
	done
}

step "a daemon that comes back while it is away knows its chains and its bridges"
standing >"$scratch/before"
[ "$(grep -c 'chain [pd]_' "$scratch/before")" = 2 ] && [ "$(grep -cxF "$flags" "$scratch/before")" = 2 ] ||
	fail "they do not stand while the daemon runs: $(cat "$scratch/before")"
stop_daemon
start_daemon
confirmed() { # the daemon's own rules, not those that the one before left
	status_is '.enforcement.state == "active"' && has_event '.kind == "enforcement" and (.text | contains("taken over"))'
}
eventually 15 confirmed || fail "the rules are not taken over"
standing >"$scratch/after"
diff "$scratch/before" "$scratch/after" || fail "what stood before the restart does not stand after it"
pings "$first" 10.77.0.9 && fail "strangers pass on a bridge of which the daemon knew before it was restarted"

step "a bridge that goes and comes back under its name is still one of its bridges"
stop_daemon
ip -n "$host" link del vault1
start_daemon
add_bridge vault1 10.79.0.1/24
stands() {
	standing | diff "$scratch/before" - && status_is '.enforcement.bridges | any(.name == "vault1" and .filtered)'
}
eventually 15 stands || fail "the new bridge is not filtered: $(stands)"

step "its container starts: it is enforced; it learns: nothing is left"
add_guest server vault0 10.77.0.2/24
second_leg
eventually 10 status_is '.identity.endpoints == 6 and .enforcement.state == "active"' || fail "the server is not there"
# on_server FAMILY INTERFACE ADDRESS
on_server() {
	on_host nft list map "$1" bulkhead egress4 | grep "\"$2\" . $3 : goto e_" >/dev/null
}
eventually 10 on_server inet vault0 10.77.0.2 || fail "it has no rules on vault0"
eventually 10 on_server inet vault1 10.79.0.2 || fail "it has no rules on vault1"
if [ $bridge = stateless ]; then
	on_server bridge vserver 10.77.0.2 && on_server bridge vleg 10.79.0.2 || fail "it has none within them"
fi
bh mode "netns:$host-server" learn >/dev/null || fail "learn"
eventually 10 status_is '.enforcement.state == "off" and .enforcement.bridges == []' || fail "rules are left"
stop_daemon
start_daemon
eventually 10 status_is '.identity.endpoints == 6' || fail "the namespaces are not endpoints"
status_is '.enforcement.state == "off" and .enforcement.bridges == []' || fail "rules come back that nobody asked for"
no_leak
