#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Routed veths are tested as bridges are (selftest.sh): packets that seem to come from there, and packets that go there,
# meet the rules, or status says why that is not known. Nothing of it reaches a container, nothing of it stays.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/services.sh
. "$(dirname "$0")/services.sh"

make_host "routed-$$"
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1

# add_routed NAME IPV4 IPV6: a namespace behind a veth that is no bridge's port; routes lead there, address by address.
add_routed() {
	ip netns add "$host-$1" && at_end "ip netns del $host-$1 2>/dev/null"
	ip -n "$host" link add "v$1" type veth peer name eth0 netns "$host-$1"
	ip -n "$host" link set "v$1" up
	ip -n "$host-$1" link set lo up
	ip -n "$host-$1" link set eth0 up
	ip -n "$host" address add 169.254.1.1/32 dev "v$1"
	ip -n "$host" address add fe80::1/64 dev "v$1" nodad
	add_address "$host-$1" eth0 "$2/32" "$3/128"
	ip -n "$host" route add "$2/32" dev "v$1"
	ip -n "$host" -6 route add "$3/128" dev "v$1"
	ip -n "$host-$1" route add 169.254.1.1 dev eth0
	ip -n "$host-$1" route add default via 169.254.1.1
	ip -n "$host-$1" -6 route add default via fe80::1 dev eth0
}

# listen GUEST: notes each frame that reaches it and has an address of the test's.
listen() {
	in_guest "$1" tcpdump -nn -U -i eth0 -w "$scratch/$1.pcap" \
		'net 192.0.2.0/24 or arp net 192.0.2.0/24 or net 2001:db8::/32 or icmp6[24:4] = 0x20010db8' 2>/dev/null &
	at_end "kill $! 2>/dev/null"
	eventually 10 test -s "$scratch/$1.pcap" || fail "nobody listens in $1"
}
heard_nothing() {
	local guest
	for guest; do
		[ -z "$(tcpdump -nn -r "$scratch/$guest.pcap" 2>/dev/null)" ] ||
			fail "$guest sees the test: $(tcpdump -nn -r "$scratch/$guest.pcap" 2>/dev/null | head -n 5)"
	done
}

needs tcpdump
write_config "runtimes: {docker: off}
enforcement: {table_protection: watch, posture: closed, self_test: 10m}"
add_routed web 10.97.0.1 fd97::1
add_routed api 10.97.0.2 fd97::2
serve api
listen web
listen api
start_daemon
knows 2

# veth_is NAME STATE [JQ]: what the self-test says of that veth.
veth_is() {
	status_is ".enforcement.self_test.routed | any(.[]; .name == \"$1\" and .state == \"$2\" and (${3:-true}))"
}
all_are() { # STATE [JQ]
	status_is ".enforcement.self_test.routed | length == 2 and all(.[]; .state == \"$1\" and (${2:-true}))"
}
set_mode() { # WORKLOAD MODE
	bh mode "netns:$host-$1" "$2" --anyway >/dev/null || fail "$2"
}
# picture: what a test could leave behind.
picture() {
	ip -n "$host" -o link show | sed 's/^[0-9]*: //' | cut -d' ' -f1 | sort
	ip -n "$host" route show table all
	ip -n "$host" -6 route show table all
	ip -n "$host" neigh show | grep -E '192\.0\.2\.|2001:db8'
	on_host nft list tables
	on_host tc qdisc show
}
same_picture() {
	[ "$(picture)" = "$before" ]
}
tested_at() {
	bh status --format json | jq .enforcement.self_test.checked
}

step "rules are proved to hold both ways over IPv4 and IPv6, with strict filters of the reverse path"
let_web_ask_api
set_mode web enforce
set_mode api enforce
eventually 10 all_are proved '.why == null' || fail "they are not proved: $(bh status)"
state_is active '.why == null' || fail "it is proved, and not called active: $(bh status)"
veth_is vweb proved ".workload == \"netns:$host-web\"" || fail "whose veth it is is not said"
bh status | grep -q '^self-test    2 of 2 routed veths proved' || fail "status does not say it in words"
bh doctor >"$scratch/doctor" || fail "doctor finds something: $(cat "$scratch/doctor")"
reach tcp 10.97.0.2 || fail "what is allowed does not pass"
# What the kernel itself still adds would be taken for what the test left.
settled() {
	[ -z "$(ip -n "$host" -6 address show tentative)" ]
}
eventually 10 settled || fail "addresses stay tentative"
before=$(picture)

step "it is tested anew; no container sees of it, and nothing of it is taken for traffic"
first=$(tested_at)
for _ in 1 2 3; do
	sleep 1.1
	bh doctor >/dev/null || fail "doctor finds something: $(bh doctor)"
done
[ "$(bh status --format json | jq --argjson t "$first" '.enforcement.self_test.checked > $t')" = true ] ||
	fail "doctor did not test anew"
eventually 5 same_picture || fail "something stays: $before, $(picture)"
sleep 1 # capture's report
bh flows --format json | grep -q '192\.0\.2\.\|2001:db8' && fail "the self-test's packets are shown as flows"
bh coverage --format json | grep -q bhprobe && fail "the self-test's interfaces are among what is covered or not"
has_event '.text | test("bhprobe|192\\.0\\.2\\.|2001:db8|fe:ff:ff")' && fail "the self-test is told as if it were somebody"
has_event '.kind == "spoof" or .kind == "unknown-address"' && fail "the self-test is taken for an impostor"
heard_nothing web api

step "a workload's mode changes: its veth alone is tested"
proved_at() { # NAME
	bh status --format json | jq --arg n "$1" '.enforcement.self_test.routed[] | select(.name == $n) | .time'
}
web_at=$(proved_at vweb) api_at=$(proved_at vapi)
set_mode api audit
api_is_tested() {
	veth_is vapi proved && [ "$(proved_at vapi)" != "$api_at" ]
}
eventually 10 api_is_tested || fail "api's veth is not tested anew"
[ "$(proved_at vweb)" = "$web_at" ] || fail "web's veth is tested, too"
set_mode api enforce

step "others who accept change nothing of it; nor do others who drop behind our rules, which is said; before them it does"
on_host nft -f - <<-NFT
	table inet friendly { chain f { type filter hook forward priority -500; accept; }; }
NFT
doctor_is_content() {
	sleep 1.1
	bh doctor >"$scratch/doctor"
}
eventually 5 doctor_is_content || fail "doctor finds something: $(cat "$scratch/doctor")"
all_are proved || fail "somebody else's accept changes it"
on_host nft delete table inet friendly
on_host nft -f - <<-NFT
	table ip strict { chain FORWARD { type filter hook forward priority 0; policy drop; }; }
NFT
said_of_others() { # VETH: it is proved, and that others stop what passes
	bh status --format json | jq -e --arg v "$1" '.enforcement.self_test.routed | any(.[];
		.name == $v and .state == "proved" and (.why | contains("somebody else stops")))'
}
heeded() {
	bh doctor >"$scratch/doctor"
	said_of_others vweb && said_of_others vapi
}
eventually 15 heeded || fail "that others stop what passes is not said: $(bh status --format json | jq -c .enforcement.self_test)"
grep -q "strict .*FORWARD" "$scratch/doctor" || fail "doctor does not name the chain: $(cat "$scratch/doctor")"
state_is active true || fail "rules that are met are called: $(bh status)"
on_host nft delete table ip strict
not_said() {
	bh doctor >"$scratch/doctor"
	all_are proved && ! said_of_others vweb
}
eventually 15 not_said || fail "it is said still: $(bh status)"
on_host nft -f - <<-NFT
	table inet early { chain p { type filter hook prerouting priority -500; meta nfproto ipv6 iifname "vapi" drop; }; }
NFT
doctor_says 'IPv6, from it: packets are stopped before they meet bulkhead.s rules; suspected: table inet early chain p' ||
	fail "what is stopped before is told as: $(cat "$scratch/doctor")"
veth_is vweb proved || fail "the other veth is called: $(bh status)"
on_host nft delete table inet early
eventually 15 all_are proved || fail "it is not proved again by itself: $(bh status)"

step "packets that do not come so far: stopped, and what it may be"
on_host nft -f - <<-NFT
	table netdev shortcut { chain f { type filter hook ingress device vapi priority 0; meta l4proto udp drop; }; }
NFT
doctor_says 'vapi (.*): IPv4, from it: packets are stopped before .*suspected: table netdev shortcut chain f' ||
	fail "doctor does not say who it is: $(cat "$scratch/doctor")"
on_host nft delete table netdev shortcut
on_host ip rule add iif vapi prohibit
doctor_says 'vapi (.*): IPv4, from it and to it: packets are stopped before .*A routing rule (ip rule), a program' ||
	fail "doctor does not say what it may be: $(cat "$scratch/doctor")"
veth_is vweb proved || fail "the other veth is called: $(bh status)"
on_host ip rule del iif vapi prohibit
eventually 15 all_are proved || fail "it is not proved again by itself: $(bh status)"

step "others who refuse: their answers do not reach the container"
on_host nft -f - <<-NFT
	table inet polite { chain f { type filter hook forward priority 0; meta l4proto udp reject; }; }
NFT
eventually 15 heeded || fail "that others stop what passes is not said: $(bh status)"
on_host nft delete table inet polite
eventually 15 all_are proved || fail "it is not proved again by itself: $(bh status)"
heard_nothing web api

# What is to be refused becomes what passes, and is turned back behind the rules: a change of our own tables would be
# repaired.
evade() { # FROM TO FROM6 TO6
	on_host nft -f - <<-NFT || fail "nft"
		table inet evasion {
			chain before {
				type filter hook prerouting priority -500;
				ip daddr $1 meta mark set 7 ip daddr set $2
				ip6 daddr $3 meta mark set 7 ip6 daddr set $4
			}
			chain behind {
				type filter hook postrouting priority 500;
				meta mark 7 ip daddr set $1
				meta mark 7 ip6 daddr set $3
			}
		}
	NFT
}
prefix6=2001:db8:6275:6c6b:6865:6164:0

# From here on: what leaves is masqueraded, whoever sent it.
on_host nft "table inet everybody { chain p { type nat hook postrouting priority srcnat; masquerade; }; }" || fail "nft"
untroubled() {
	bh doctor >/dev/null && all_are proved '.why == null'
}
eventually 5 untroubled || fail "NAT of others changes it: $(bh status)"

step "rules that are not met by what a container sends: failed, and where to look"
evade 192.0.2.247 192.0.2.246 $prefix6:f7 $prefix6:f6
doctor_says 'what the rules refuse arrives (IPv4 and IPv6, from it): table inet bulkhead is not met' ||
	fail "doctor does not find it: $(cat "$scratch/doctor")"
all_are bypassed || fail "it is called: $(bh status)"
state_is failed || fail "it is called: $(bh status)"
eventually 3 enforcement_told 'refuse arrives' || fail "no event tells of it"
on_host nft delete table inet evasion
eventually 15 all_are proved || fail "it is not proved again: $(bh status)"

step "rules that are not met by what it is sent: the same, and it does not reach it"
evade 192.0.2.245 192.0.2.244 $prefix6:f5 $prefix6:f4
doctor_says 'what the rules refuse arrives (IPv4 and IPv6, to it)' || fail "doctor does not find it: $(cat "$scratch/doctor")"
state_is failed || fail "it is called: $(bh status)"
on_host nft delete table inet evasion
eventually 15 all_are proved || fail "it is not proved again: $(bh status)"
heard_nothing web api

on_host nft delete table inet everybody

step "what this host does not forward is not proved: one family is said, both carry nothing"
on_host sysctl -qw net.ipv6.conf.all.forwarding=0
eventually 5 doctor_is_content || fail "doctor finds something: $(cat "$scratch/doctor")"
all_are proved '.why | contains("IPv6 is not forwarded there, and was not tested")' || fail "it is called: $(bh status)"
on_host sysctl -qw net.ipv4.ip_forward=0
eventually 5 doctor_is_content || fail "doctor finds something: $(cat "$scratch/doctor")"
all_are idle '.why | contains("nothing passes there") and contains("forwarding")' || fail "it is called: $(bh status)"
bh status | grep -q '^self-test    0 of 2 routed veths proved, 2 carry nothing' || fail "status does not say it in words"
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sleep 1.1
bh doctor >/dev/null
eventually 5 all_are proved '.why == null' || fail "it is not proved again: $(bh status)"

step "somebody has the test's addresses: they are left to him, and that is said"
on_host ip route add 192.0.2.0/24 dev vapi
in_guest api ip address add 192.0.2.246/24 dev eth0
stop_daemon
start_daemon
knows 2
eventually 10 all_are untested '.why | contains("192.0.2.0/24")' || fail "it is called: $(bh status)"
state_is unproven || fail "it is called: $(bh status)"

step "who takes an address of the test's is judged as himself, and nobody speaks as the test"
on_host sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vweb.rp_filter=0 # which would stop it before
in_guest web ip address add 192.0.2.244/32 dev eth0
is_denied() {
	in_guest web python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.244", 0)); s.sendto(b"hello", ("192.0.2.246", 9))'
	has_event '.kind == "denied" and .src.ip == "192.0.2.244" and .src.workload == "netns:'"$host"'-web"'
}
eventually 10 is_denied || fail "it is judged otherwise"
in_guest api ip address del 192.0.2.246/24 dev eth0
on_host ip route del 192.0.2.0/24 dev vapi
# From there to whom the policy lets it ask.
asks_as_itself() {
	in_guest web python3 -c 'import socket; socket.create_connection(("10.97.0.2", 80), 1, ("192.0.2.244", 0))'
}
on_host ip route add 192.0.2.244/32 dev vweb
eventually 10 asks_as_itself || fail "who has an address of the test's cannot use it"
on_host ip route del 192.0.2.244/32 dev vweb
in_guest web ip address del 192.0.2.244/32 dev eth0
on_host ip neighbour flush to 192.0.2.0/24 2>/dev/null
on_host sysctl -qw net.ipv4.conf.all.rp_filter=1
tcpdump -nn -r "$scratch/api.pcap" 2>/dev/null | grep -q '192.0.2.244.*192.0.2.246' && fail "what is denied came through"
sleep 1.1
bh doctor >/dev/null
eventually 5 all_are proved || fail "it is not tested again: $(bh status)"

step "containers come and go while it is tested: nothing is left of it, and none is called stopped"
for round in 1 2 3 4 5 6; do
	bh doctor >/dev/null &
	add_routed "guest$round" "10.97.0.1$round" "fd97::1$round"
	sleep 0.$round
	ip netns del "$host-guest$round"
	wait $!
done
eventually 10 all_are proved || fail "they are not proved: $(bh status)"
eventually 5 same_picture || fail "something stays: $before, $(picture)"
has_event '.kind == "enforcement" and (.text | contains("vguest"))' &&
	fail "something is told of who went: $(bh events | grep vguest)"

step "what a container sends with the test's addresses, at another time, is its own"
in_guest api python3 -c 'if True:
	import socket, struct
	raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
	ends = socket.inet_aton("192.0.2.244") + socket.inet_aton("192.0.2.246")
	raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + ends + struct.pack("!HHHH", 4000, 9, 8, 0),
		("192.0.2.246", 0))' || fail "nothing was sent"
is_shown() {
	bh flows --format json | jq -e -s 'any(.[]; .src.ip == "192.0.2.244" and .dst.ip == "192.0.2.246")'
}
eventually 10 is_shown || fail "it is hidden"
eventually 10 has_event '.kind == "spoof" and (.text | contains("192.0.2.244"))' || fail "nobody tells of it: $(bh events | tail -n 5)"

step "killed in the middle of a test: nothing is left"
caught=
for _ in $(seq 20); do
	sleep 1.1
	bh doctor >/dev/null &
	for _ in $(seq 60); do
		if ip -n "$host" -6 route show | grep -q "$prefix6:f4"; then
			caught=yes
			kill_daemon
			break 2
		fi
	done
	wait $!
done
[ -n "$caught" ] || fail "no test was caught under way"
leads_nowhere() { # nor for longer than the seconds after which the IPv6 route expires
	! ip -n "$host" route get 192.0.2.244 2>/dev/null && ! ip -n "$host" -6 route get $prefix6:f4 2>/dev/null
}
eventually 10 leads_nowhere || fail "routes are left behind: $(picture)"
start_daemon
knows 2
eventually 10 all_are proved || fail "they are not proved: $(bh status)"
eventually 10 same_picture || fail "something stays: $before, $(picture)"

step "without devices: not called active, and why"
mount -t tmpfs tmpfs /dev/net || fail "/dev/net cannot be hidden"
stop_daemon
start_daemon
knows 2
eventually 10 all_are untested '.why | contains("/dev/net/tun, which is not there")' || fail "it is told as: $(bh status)"
state_is unproven || fail "it is called: $(bh status)"
umount /dev/net
