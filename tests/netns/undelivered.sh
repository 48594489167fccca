#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What somebody else's chain drops is told, with that chain's name; what is lost to sight is not.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "undelivered-$$"
write_config "runtimes: {docker: off}"
sed -i 's/report_interval: 1s/report_interval: 1s, ring: 1MiB/' "$scratch/bulkhead.yaml"
on_host sysctl -qw net.ipv4.ip_forward=1
add_bridge br0 10.99.0.254/24 fd99::fffe/64
add_bridge br1 10.98.0.254/24
add_guest one br0 10.99.0.1/24 fd99::1/64
add_guest two br0 10.99.0.2/24 fd99::2/64
add_guest far br1 10.98.0.3/24
ip -n "$host-one" route add default via 10.99.0.254
ip -n "$host-far" route add default via 10.98.0.254
start_daemon
knows 3

# try ADDRESS PORT: whether a TCP connection from one is answered, by acceptance or refusal.
try() {
	in_guest one python3 -c 'if True:
		import socket, sys
		with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as s:
			s.settimeout(0.7)
			try:
				s.connect((sys.argv[1], int(sys.argv[2])))
			except ConnectionRefusedError:
				pass' "$1" "$2" 2>/dev/null
}
told() { # PORT JQ
	has_event ".kind == \"undelivered\" and .port == $1 and .src.workload == \"netns:$host-one\" and ($2)"
}
none_told() { # PORT
	told "$1" true && fail "port $1 is said to be undelivered: $(bh events | grep undelivered)"
}
verdict_is() { # PORT VERDICT
	bh flows --format json | jq -e -s --argjson p "$1" --arg v "$2" \
		'map(select(.dst.port == $p)) | length > 0 and all(.verdict == $v)'
}

step "what arrives, or goes to nobody, is not told"
eventually 5 try 10.99.0.2 80 || fail "nobody answers"
eventually 5 try fd99::2 80 || fail "nobody answers over IPv6"
eventually 5 try 10.98.0.3 80 || fail "nobody answers on the other network"
try 10.99.0.254 81 # the host itself
try 10.99.0.77 82  # an address that nobody has
bh doctor >"$scratch/doctor" || fail "doctor finds something: $(cat "$scratch/doctor")"
grep -q 'Chains of others' "$scratch/doctor" || fail "doctor does not speak of chains"

step "a bridge's rule drops: it is told within seconds, with the chain's name"
on_host nft -f - <<-NFT
	table bridge other {
		chain quiet { type filter hook forward priority 5; policy accept; }
		chain x { type filter hook forward priority 0; policy accept; jump deep; }
		chain deep { tcp dport 90 drop; }
	}
	table ip unrelated {
		chain f { type filter hook forward priority 0; policy drop; accept; }
	}
NFT
try 10.99.0.2 90 && fail "it arrives all the same"
try fd99::2 90 && fail "it arrives all the same"
# IP chains do not see what stays on a bridge that hands nothing over.
eventually 8 told 90 '.suspects == ["table bridge other chain x (hook forward, rules that drop)"]' ||
	fail "nobody says who dropped it"
told 90 '.time - .last < 8 and .dst.workload == "netns:'"$host"'-two"' || fail "the event is late or wrong"
eventually 5 verdict_is 90 undelivered || fail "the flow is not shown as undelivered"
verdict_is 80 delivered >/dev/null || fail "what arrives is not shown as delivered"

step "between two networks: a policy that drops, as iptables sets it"
on_host nft delete table ip unrelated
needs iptables-nft
on_host iptables-nft -P FORWARD DROP || fail "iptables-nft"
try 10.98.0.3 91 && fail "it arrives all the same"
eventually 8 told 91 'any(.suspects[]; . == "table ip filter chain FORWARD (hook forward, policy drop)")' ||
	fail "nobody suspects iptables"
told 91 'all(.suspects[]; contains("chain x") | not)' || fail "a bridge's forward chain is suspected of what is routed"

step "doctor tells it, and says no"
bh doctor >"$scratch/doctor"
[ $? = 1 ] || fail "doctor finds nothing"
grep -q '→.*91/tcp: .*suspected: .*table ip filter chain FORWARD' "$scratch/doctor" ||
	fail "doctor does not tell: $(cat "$scratch/doctor")"
bh doctor --format json >"$scratch/doctor.json"
jq -e '(.undelivered | map(.port) | sort == [90, 91]) and .leaks == [] and
	(.foreign.chains | any(.table == "filter" and .chain == "FORWARD" and .policy == "drop")) and
	(.foreign.chains | any(.chain == "quiet" and .rules_drop == false))' "$scratch/doctor.json" >/dev/null ||
	fail "doctor's JSON is not as documented: $(cat "$scratch/doctor.json")"

step "an edge's further ones are one event later"
for _ in 1 2 3; do
	try 10.99.0.2 90
done
more() {
	bh doctor --format json >"$scratch/doctor.json" # its status says that there is something
	jq -e '.undelivered[] | select(.port == 90) | .connections >= 5' "$scratch/doctor.json"
}
eventually 8 more || fail "further connections are not counted"
[ "$(bh events --format json | jq -s 'map(select(.kind == "undelivered" and .port == 90)) | length')" = 1 ] ||
	fail "an edge is told more often than once a minute"

step "what was lost to sight is not said to be undelivered"
none_told 92
capture=$(child capture)
kill -STOP "$capture"
try 10.99.0.2 92
in_guest one python3 -c 'if True:
	import socket
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		for _ in range(30000):
			s.sendto(b"x" * 100, ("10.99.0.2", 9))'
kill -CONT "$capture"
eventually 10 status_is '.loss.total.packets > 0' || fail "the burst lost nothing"
on_host nft add rule bridge other deep tcp dport 93 drop
try 10.99.0.2 93 && fail "it arrives all the same"
eventually 8 told 93 true || fail "after the loss nothing is told"
none_told 92
none_told 9
none_told 80
echo "$(bh events | grep -c ' undelivered ') edges were told"
