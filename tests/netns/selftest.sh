#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "Active" is what was tested: packets of bulkhead's own meet the rules on each managed bridge, or status says
# why that is not known. The test disturbs nobody, and leaves nothing.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/services.sh
. "$(dirname "$0")/services.sh"

make_host "selftest-$$"
configure() { # BRIDGE SELF_TEST
	write_config "runtimes: {docker: off}
enforcement: {table_protection: watch, posture: closed, bridge: $1, self_test: $2}"
}
configure stateful 10m
add_bridge br0 10.99.0.254/24 fd99::fe/64
add_guest web br0 10.99.0.1/24 fd99::1/64
add_guest api br0 10.99.0.2/24 fd99::2/64
add_guest idler br0 10.99.0.3/24
serve api
start_daemon
knows 3

# bridge_is STATE [JQ]: what the self-test says of br0, and of nothing else.
bridge_is() {
	status_is ".enforcement.self_test.bridges | length == 1 and .[0].name == \"br0\" and .[0].state == \"$1\" and
		(.[0] | ${2:-true})"
}
# br0's MAC, its MTU, and which ports it has.
picture() {
	ip -n "$host" -j link show | jq -c '[.[] | select(.ifname == "br0" or .master == "br0") |
		[.ifname, .address, .mtu]] | sort'
}
# set_modes MODE: of those who are governed here.
set_modes() {
	local workload
	for workload in web api; do
		bh mode "netns:$host-$workload" "$1" --anyway >/dev/null || fail "$1"
	done
}
hands_over() { # 0|1
	ip -n "$host" -d link show br0 | grep -q "nf_call_iptables $1"
}
# shut: somebody else's table that stops the test's datagrams on every bridge.
shut() {
	on_host nft "table bridge shut { chain f { type filter hook forward priority 100; ip protocol udp drop; }; }" || fail "nft"
}
no_probe_left() {
	! ip -n "$host" link show | grep -q bhprobe
}
tested_at() {
	bh status --format json | jq .enforcement.self_test.checked
}

step "rules are proved to hold, and only then is enforcement called active"
before=$(picture)
let_web_ask_api
set_modes enforce
eventually 10 bridge_is proved '.why == null' || fail "br0 is not proved: $(bh status)"
state_is active '.why == null' || fail "it is proved, and not called active"
bh status | grep -q '^self-test    1 of 1 bridge proved' || fail "status does not say it in words"
eventually 2 no_probe_left || fail "the self-test's ports stay"
[ "$(picture)" = "$before" ] || fail "the bridge is another one: $before, $(picture)"
bh policy show --nft >"$scratch/rules"
grep -q 'chain probe {' "$scratch/rules" || fail "policy show --nft does not know of the self-test"
bh doctor >"$scratch/doctor" || fail "doctor finds something: $(cat "$scratch/doctor")"

step "doctor tests anew; nobody notices, and nothing of it is taken for traffic"
first=$(tested_at)
in_guest web python3 -c 'if True:
	import socket, time
	s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
	s.settimeout(2)
	s.connect(("fd99::2", 53))
	sent = 0
	end = time.time() + 6
	while time.time() < end:
		s.send(b"%d" % sent)
		assert s.recv(20) == b"%d" % sent, "lost, or twice"
		sent += 1
	print(sent)' >"$scratch/exchanges" 2>&1 &
exchanges=$!
nsenter --net="/run/netns/$host-web" python3 -c 'if True:
	import socket, sys, time
	s = socket.create_connection(("10.99.0.2", 80), 2)
	end = time.time() + 5
	while time.time() < end:
		s.sendall(b"x") # nobody reads it: little enough to be held
		time.sleep(0.01)
	s.close()
	open(sys.argv[1], "w").write("whole")' "$scratch/stream" &
stream=$!
for _ in 1 2 3 4; do
	sleep 1.1
	bh doctor >/dev/null || fail "doctor finds something: $(bh doctor)"
done
wait $exchanges || fail "a datagram did not arrive, or twice: $(cat "$scratch/exchanges")"
wait $stream
[ -e "$scratch/stream" ] || fail "a connection ended"
[ "$(bh status --format json | jq --argjson t "$first" '.enforcement.self_test.checked > $t')" = true ] ||
	fail "doctor did not test anew"
bh flows --format json | grep -q '192\.0\.2\.\|62:756c' && fail "the self-test's packets are shown as flows"
bh coverage --format json | grep -q bhprobe && fail "the self-test's ports are among what is covered or not"
has_event '.text | test("bhprobe|192\\.0\\.2\\.")' && fail "the self-test is told as if it were somebody"
[ "$(picture)" = "$before" ] || fail "the bridge is another one"

step "somebody clears a flag: told, set again, proved again"
ip -n "$host" link set br0 type bridge nf_call_ip6tables 0
eventually 5 enforcement_told 'br0: it stopped handing its frames to netfilter' || fail "nobody tells"
eventually 5 bridge_is proved || fail "it is not proved again: $(bh status)"
ip -n "$host" -d link show br0 | grep -q 'nf_call_ip6tables 1' || fail "the flag is not set again"

step "others who accept change nothing of it; others who drop are told of, by name"
on_host nft -f - <<-NFT
	table bridge friendly { chain f { type filter hook forward priority -500; accept; }; }
	table inet friendly { chain f { type filter hook forward priority -500; accept; }; }
NFT
sleep 1.1
bh doctor >/dev/null || fail "doctor finds something: $(bh doctor)"
bridge_is proved || fail "somebody else's accept changes it"
on_host nft -f - <<-NFT
	table ip strict { chain FORWARD { type filter hook forward priority 0; policy drop; }; }
NFT
doctor_says 'bridge br0: IPv4: what bulkhead.s rules let pass is stopped.*table ip strict chain FORWARD (hook forward, policy drop)' ||
	fail "doctor does not say who it is: $(cat "$scratch/doctor")"
state_is unproven '.why | contains("enforcement.bridge: stateless")' || fail "it is called: $(bh status)"
eventually 5 enforcement_told 'suspected: table ip strict chain FORWARD' || fail "no event tells of it"
on_host nft delete table ip strict
eventually 15 bridge_is proved || fail "it is not proved again by itself: $(bh status)"
eventually 3 enforcement_told 'bridge br0: the rules hold' || fail "that it holds again is not told"
on_host nft -f - <<-NFT
	table inet early { chain p { type filter hook prerouting priority -500; meta nfproto ipv6 drop; }; }
NFT
doctor_says 'bridge br0: IPv6: packets are stopped before they meet bulkhead.s rules; suspected: table inet early chain p' ||
	fail "what is stopped before is told as: $(cat "$scratch/doctor")"
on_host nft delete table inet early

# What is to be refused becomes what passes, and is turned back behind the rules: a change of our own tables would be
# repaired.
evade() {
	on_host nft -f - <<-NFT || fail "nft"
		table bridge evasion {
			chain before {
				type filter hook prerouting priority -500;
				ip daddr 192.0.2.251 meta mark set 7 ip daddr set 192.0.2.250
				ip6 daddr fe80::6275:6c6b:6865:61fb meta mark set 7 ip6 daddr set fe80::6275:6c6b:6865:61fa
			}
			chain behind {
				type filter hook postrouting priority 500;
				meta mark 7 ip daddr set 192.0.2.251
				meta mark 7 ip6 daddr set fe80::6275:6c6b:6865:61fb
			}
		}
	NFT
}

step "rules that are not met: failed, and what to look at"
evade
doctor_says 'refuse arrives there' || fail "doctor does not find it: $(cat "$scratch/doctor")"
state_is failed '.why | contains("what the rules refuse arrives there (IPv4 and IPv6)")' || fail "it is called: $(bh status)"
eventually 3 enforcement_told 'refuse arrives there' || fail "no event tells of it"
bh status | grep -q '^enforcement  failed' || fail "status does not say it in words"
on_host nft delete table bridge evasion
eventually 15 bridge_is proved || fail "it is not proved again: $(bh status)"

step "somebody's chain would stop what is handed to it: that is taken back, told, and tried again"
set_modes learn
eventually 5 hands_over 0 || fail "the bridge still hands its frames over"
on_host nft -f - <<-NFT
	table ip strict { chain FORWARD { type filter hook forward priority 0; policy drop; }; }
NFT
sleep 1.1
bh doctor >"$scratch/doctor" || fail "doctor finds something: $(cat "$scratch/doctor")"
grep -q 'bridge br0: with a workload there that is audited.*table ip strict chain FORWARD (hook forward, policy drop)' "$scratch/doctor" ||
	fail "doctor does not say whose chains the traffic will meet: $(cat "$scratch/doctor")"
bh mode "netns:$host-web" enforce --anyway --dry-run >"$scratch/mode" || fail "dry run"
grep -q 'bridge br0: .*table ip strict' "$scratch/mode" || fail "mode does not say it: $(cat "$scratch/mode")"
set_modes enforce
eventually 10 bridge_is withheld || fail "it is not taken back: $(bh status)"
hands_over 0 || fail "the bridge hands its frames over"
reach tcp 10.99.0.2 || fail "what runs is broken"
state_is failed '.why | contains("table ip strict chain FORWARD") and contains("enforcement.bridge: stateless")' ||
	fail "it is called: $(bh status)"
eventually 5 enforcement_told 'br0: not enforced' || fail "no event tells of it"
doctor_says 'br0: not enforced.*table ip strict' || fail "doctor does not find it: $(cat "$scratch/doctor")"
bridge_is withheld && hands_over 0 || fail "trying again did not end as before: $(bh status)"
on_host nft delete table ip strict
sleep 1.1
bh doctor >/dev/null || fail "doctor finds something: $(bh doctor)"
bridge_is proved && hands_over 1 || fail "it is not enforced again: $(bh status)"

step "what never arrives there, handed over or not, is no reason: the rules are met"
set_modes learn
eventually 5 hands_over 0 || fail "the bridge still hands its frames over"
shut
set_modes enforce
eventually 10 bridge_is proved '.why | contains("somebody else stops")' || fail "it is called: $(bh status)"
state_is active && hands_over 1 || fail "it is called: $(bh status)"
on_host nft delete table bridge shut

step "a chain that goes by address lets the test pass and stops traffic: taken back as that shows"
set_modes learn
eventually 5 hands_over 0 || fail "the bridge still hands its frames over"
on_host nft -f - <<-NFT
	table ip picky { chain FORWARD { type filter hook forward priority 0; ip saddr 10.99.0.0/24 drop; }; }
NFT
set_modes enforce
eventually 10 bridge_is proved || fail "it is not proved: $(bh status)"
for _ in 1 2 3; do
	reach tcp 10.99.0.2 && fail "it arrives all the same"
done
eventually 15 bridge_is withheld '.why | contains("3 connections")' || fail "it is not taken back: $(bh status)"
eventually 3 reach tcp 10.99.0.2 || fail "what runs is broken"
state_is failed '.why | contains("table ip picky chain FORWARD")' || fail "it is called: $(bh status)"
on_host nft delete table ip picky
set_modes audit
set_modes enforce
eventually 10 bridge_is proved || fail "it is not enforced again: $(bh status)"

step "nobody else can speak as the self-test, whatever address he gives himself"
add_address "$host-idler" eth0 192.0.2.249/24
add_address "$host-api" eth0 192.0.2.250/24
sleep 1
in_guest api timeout 20 python3 -c 'if True:
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("", 9))
	open(sys.argv[1], "w").write("yes")
	s.recv(10)
	open(sys.argv[2], "w").write("got it")' "$scratch/listens" "$scratch/arrived" &
eventually 15 test -e "$scratch/listens" || fail "api does not listen"
ip -n "$host-idler" neigh replace 192.0.2.250 dev eth0 lladdr \
	"$(ip -n "$host-api" -j link show eth0 | jq -r '.[0].address')"
in_guest idler python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.249", 0)); s.sendto(b"hello", ("192.0.2.250", 9))'
sleep 1
[ ! -e "$scratch/arrived" ] || fail "a container came through by the self-test's address"
ip -n "$host-idler" address del 192.0.2.249/24 dev eth0
ip -n "$host-api" address del 192.0.2.250/24 dev eth0

step "a bridge that is down carries nothing; up again it is tested again"
ip -n "$host" link set br0 down
eventually 5 bridge_is idle '.why | contains("it is down")' || fail "it is not idle: $(bh status)"
state_is active || fail "what carries nothing is not proved, and counts: $(bh status)"
ip -n "$host" link set br0 up
eventually 8 bridge_is proved || fail "it is not proved again: $(bh status)"

step "killed in the middle of a test: nothing is left"
caught=
for _ in $(seq 20); do
	sleep 1.1
	bh doctor >/dev/null &
	for _ in $(seq 60); do
		if ! no_probe_left; then
			caught=yes
			kill_daemon
			break 2
		fi
		sleep 0.01
	done
	wait $!
done
[ -n "$caught" ] || fail "no test was caught under way"
eventually 2 no_probe_left || fail "ports are left behind"
[ "$(picture)" = "$before" ] || fail "the bridge is another one"

step "stateless: proved by the bridge's own table; a hole there is found"
configure stateless 10m
start_daemon
knows 3
eventually 15 bridge_is proved || fail "it is not proved: $(bh status)"
state_is active '.bridge == "stateless"' || fail "it is called: $(bh status)"
ip -n "$host" -d link show br0 | grep -q 'nf_call_iptables 0' || fail "the bridge hands its frames to netfilter"
evade
doctor_says 'refuse arrives there' || fail "doctor does not find it: $(cat "$scratch/doctor")"
state_is failed '.why | contains("(IPv4 and IPv6)") and contains("table bridge bulkhead")' || fail "it is called: $(bh status)"
on_host nft delete table bridge evasion

step "stateless: what somebody else stops from the start is no reason; from then on it is told"
doctor_finds_nothing() {
	sleep 1.1
	bh doctor >/dev/null
}
eventually 5 doctor_finds_nothing || fail "doctor finds something: $(bh doctor)"
shut
doctor_says 'what bulkhead.s rules let pass is stopped by somebody else.*table bridge shut chain f' ||
	fail "doctor does not find it: $(cat "$scratch/doctor")"
state_is unproven || fail "it is called: $(bh status)"
bh mode "netns:$host-api" audit >/dev/null || fail "audit"
sleep 3
bridge_is stopped || fail "a change of rules makes an outage look as if it had always been: $(bh status)"
on_host nft delete table bridge shut
set_modes learn
eventually 5 state_is off || fail "it is called: $(bh status)"
shut
set_modes enforce
eventually 10 bridge_is proved '.why | contains("somebody else stops")' || fail "it is called: $(bh status)"
state_is active || fail "it is called: $(bh status)"
on_host nft delete table bridge shut

step "a network without IPv6, large frames: proved"
on_host sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
for interface in vweb vapi vidler br0; do
	ip -n "$host" link set $interface mtu 9000
done
before=$(picture)
stop_daemon
configure stateful 10m
start_daemon
knows 3
eventually 15 bridge_is proved || fail "it is not proved: $(bh status)"
eventually 2 no_probe_left || fail "the self-test's ports stay"
[ "$(picture)" = "$before" ] || fail "the bridge is another one: $before, $(picture)"

step "what cannot be tested is not called active, and why is said once"
ip -n "$host" link set br0 type bridge stp_state 1
doctor_says 'bridge br0: rules are in the kernel, and were not tested: .*spanning tree.*stp_state 0' ||
	fail "it is told as: $(cat "$scratch/doctor")"
state_is unproven || fail "it is called: $(bh status)"
ip -n "$host" link set br0 type bridge stp_state 0
if ip -n "$host" link set br0 type bridge vlan_filtering 1 2>/dev/null; then
	eventually 15 bridge_is proved || fail "it is not proved where VLANs are filtered: $(bh status)"
	ip -n "$host" link set br0 type bridge vlan_default_pvid 0
	doctor_says 'bridge br0: rules are in the kernel, and were not tested: .*vlan_default_pvid 0' ||
		fail "it is told as: $(cat "$scratch/doctor")"
	ip -n "$host" link set br0 type bridge vlan_default_pvid 1 vlan_filtering 0
else
	echo "NOT TESTED: this kernel's bridges filter no VLANs"
fi
mount -t tmpfs tmpfs /dev/net || fail "/dev/net cannot be hidden"
stop_daemon
start_daemon
eventually 10 bridge_is untested '.why | contains("/dev/net/tun, which is not there")' || fail "it is told as: $(bh status)"
state_is unproven || fail "it is called: $(bh status)"
doctor_says 'were not tested' || fail "doctor does not find it: $(cat "$scratch/doctor")"
[ "$(bh events --format json | jq -s 'map(select(.kind == "enforcement" and (.text | contains("which is not there")))) |
	length')" = 1 ] || fail "it is not said once"

step "off: nothing is tested, and nothing is claimed"
stop_daemon
umount /dev/net
configure stateful off
start_daemon
not_tested() {
	state_is active '(.why | contains("not tested")) and .self_test.interval == null and .self_test.bridges == []'
}
eventually 10 not_tested || fail "it is called: $(bh status)"
bh status | grep -q '^enforcement  active.*not tested' || fail "status does not say it in words"
bh status --format json | jq -e '.unknown | any(contains("self_test"))' >/dev/null || fail "it is not among what is not known"
sleep 1
no_probe_left || fail "something is tested"
