#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Translated connections: published ports, hairpin, masquerade and service addresses are one connection
# each, from who opened it to who answered, in flows, in the ledger and in the rules. And connections
# that are older than the daemon.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "nat-host-$$"
write_config "runtimes: {docker: off}"

# bridge NUMBER: 10.81.NUMBER.1 and fd81:NUMBER::1.
bridge() {
	ip -n "$host" link add "br$1" type bridge
	ip -n "$host" addr add "10.81.$1.1/24" dev "br$1"
	ip -n "$host" addr add "fd81:$1::1/64" dev "br$1" nodad
	ip -n "$host" link set "br$1" up
}
# member NAME NUMBER HOST: a namespace on that bridge, 10.81.NUMBER.HOST.
member() {
	ip netns add "$1" || fail "namespace $1"
	at_end "ip netns del $1"
	ip -n "$host" link add "$1" type veth peer name eth0 netns "$1"
	[ "$2" = 9 ] || ip -n "$host" link set "$1" master "br$2" up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "10.81.$2.$3/24" dev eth0
	ip -n "$1" addr add "fd81:$2::$3/64" dev eth0 nodad
	ip -n "$1" route add default via "10.81.$2.1"
}
bridge 1
bridge 2
member nat-client 1 2
ip -n nat-client -6 route add default via fd81:1::1
member nat-server 2 2
ip -n nat-server -6 route add default via fd81:2::1
member nat-same 2 3
# What is outside comes through an interface that is no container's.
member nat-outside 9 2
ip -n "$host" link set nat-outside name eth-up
ip -n "$host" addr add 10.81.9.1/24 dev eth-up
ip -n "$host" link set eth-up up
# As Docker does where it publishes without a proxy: who asks for its own port gets its packets back.
bridge_port_hairpin() {
	on_host bridge link set dev "$1" hairpin on || fail "hairpin"
}
bridge_port_hairpin nat-server
bridge_port_hairpin nat-same
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
on_host nft -f - <<-'NFT' || fail "nft"
	table inet test-nat {
		chain named {
			ip daddr { 10.81.9.1, 10.81.1.1, 10.81.2.1 } tcp dport 8080 dnat ip to 10.81.2.2:80
			ip daddr 10.81.9.1 udp dport 8080 dnat ip to 10.81.2.2:80
			ip daddr 10.81.9.1 tcp dport 8091 dnat ip to 10.81.2.2:91
			ip daddr 10.96.0.10 tcp dport 443 dnat ip to 10.81.2.2:82
			ip6 daddr fd96::10 tcp dport 443 dnat ip6 to [fd81:2::2]:83
		}
		chain prerouting { type nat hook prerouting priority dstnat; jump named; }
		chain output { type nat hook output priority -100; jump named; }
		chain postrouting {
			type nat hook postrouting priority srcnat;
			ip saddr 10.81.2.0/24 ip daddr 10.81.2.2 masquerade
			ip saddr 10.81.1.0/24 tcp dport 84 masquerade
		}
	}
NFT

cat >"$scratch/serve.py" <<'PYTHON'
"""serve.py READY: answers whoever comes, by TCP and UDP; on port 90 it speaks first, and goes on."""
import selectors
import socket
import sys
import threading
import time


def chat(client):
    try:
        while client.send(b"tick\n"):
            time.sleep(0.3)
    except OSError:
        pass


chosen = selectors.DefaultSelector()
for port in (80, 82, 83, 84, 90, 91):
    chosen.register(socket.create_server(("::", port), family=socket.AF_INET6,
                                         dualstack_ipv6=True), selectors.EVENT_READ, port)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", 80))
chosen.register(datagrams, selectors.EVENT_READ, None)
open(sys.argv[1], "w").close()
while True:
    for key, _ in chosen.select():
        if key.data is None:
            key.fileobj.sendto(b"yes", key.fileobj.recvfrom(100)[1])
            continue
        client, _ = key.fileobj.accept()
        if key.data == 90:
            threading.Thread(target=chat, args=(client,), daemon=True).start()
            continue
        client.sendall(b"yes")
        client.close()
PYTHON
nsenter --net=/run/netns/nat-server python3 "$scratch/serve.py" "$scratch/ready" &
at_end "kill $! 2>/dev/null"
eventually 10 test -e "$scratch/ready" || fail "the server does not run"

# reaches NAMESPACE ADDRESS PORT [udp]: whether there is an answer.
reaches() {
	nsenter --net="/run/netns/$1" python3 - "${@:2}" <<-'PYTHON' 2>/dev/null
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		kind = socket.SOCK_DGRAM if len(sys.argv) > 3 else socket.SOCK_STREAM
		with socket.socket(family, kind) as s:
		    s.settimeout(2)
		    s.connect((sys.argv[1], int(sys.argv[2])))
		    if kind == socket.SOCK_DGRAM:
		        s.send(b"?")
		    sys.exit(s.recv(10) != b"yes")
	PYTHON
}
# Every connection that shall be, at once: who, where to.
connections=("nat-client 10.81.9.1 8080" "nat-client 10.81.9.1 8080 udp" "nat-server 10.81.2.1 8080"
	"nat-same 10.81.9.1 8080" "nat-client 10.96.0.10 443" "nat-client fd96::10 443"
	"nat-client 10.81.2.2 84" "nat-outside 10.81.9.1 8080" "$host 10.81.9.1 8080")
everybody_reaches() {
	local connection pids=()
	for connection in "${connections[@]}"; do
		# shellcheck disable=SC2086 # words
		reaches $connection &
		pids+=($!)
	done
	for connection in "${connections[@]}"; do
		wait "${pids[0]}" || fail "no answer: $connection"
		pids=("${pids[@]:1}")
	done
}

step "what listens"
listens() {
	bh workloads --format json | jq -e '.rows[] | select(.workload == "netns:nat-server") |
		.instances[0].listens | index("80/tcp") and index("80/udp") and (index("81/tcp") | not)'
}
start_daemon
eventually 10 listens || fail "the server's ports are not known: $(bh workloads --format json)"
stop_daemon

step "a connection that is older than the daemon, whose server speaks first"
nsenter --net=/run/netns/nat-client python3 -c 'import socket, time
c = socket.create_connection(("10.81.2.2", 90))
while c.recv(100): pass' &
at_end "kill $! 2>/dev/null"
connected_to_90() {
	nsenter --net=/run/netns/nat-client ss -tnH state established dport = :90 | grep -q .
}
eventually 10 connected_to_90 || fail "the test is wrong: the client does not connect"
start_daemon
# flow JQ: whether there is one that the expression holds of.
flow() {
	bh flows --format json | jq -e -s "any(.[]; $1)"
}
eventually 10 flow '.direction == "conntrack" and .src.workload == "netns:nat-client" and .dst.port == 90' ||
	fail "connection tracking was not believed"
stop_daemon
on_host conntrack -F 2>/dev/null || fail "conntrack -F"
sleep 1 # it is picked up again, mid-stream, by whoever speaks next
start_daemon
eventually 10 flow '(.src.port == 90 or .dst.port == 90) and .direction == "listener"' ||
	fail "who listens was not heard"
flow '.direction == "conntrack"' >/dev/null && fail "what was picked up mid-stream was believed: $(bh flows)"

step "each is one connection, between both ends"
everybody_reaches
edge() {
	bh edges --format json | jq -e --arg s "$1" --arg d "$2" --arg p "$3" --argjson n "$4" \
		'.edges[] | select(.src == $s and .dst == $d and .proto == $p and .port == $n)'
}
for wanted in "netns:nat-client netns:nat-server tcp 80" "netns:nat-client netns:nat-server udp 80" \
	"netns:nat-server netns:nat-server tcp 80" "netns:nat-same netns:nat-server tcp 80" \
	"netns:nat-client netns:nat-server tcp 82" "netns:nat-client netns:nat-server tcp 83" \
	"netns:nat-client netns:nat-server tcp 84" "world netns:nat-server tcp 80" \
	"host netns:nat-server tcp 80"; do
	# shellcheck disable=SC2086 # four words
	eventually 10 edge $wanted || fail "not learned: $wanted; but $(bh edges)"
done
bh edges --format json | jq -e '[.edges[] | select(.dst == "host" or (.dst | startswith("10.")) or
	(.src == "host" and .port != 80))] | length == 0' >/dev/null || fail "a leg was learned: $(bh edges)"
bh edges --format json | jq -e '.edges[] | select(.src == "netns:nat-same" and .port == 80) |
	.connections == 1 and .answered == 1' >/dev/null || fail "a connection counts twice: $(bh edges)"
flow '.src.workload == "netns:nat-client" and .dst.workload == "netns:nat-server" and .dst.ip == "10.81.2.2" and
	.dst.port == 80 and .proto == "tcp" and .via == {ip: "10.81.9.1", port: 8080} and
	.tx.packets == .tx.delivered_packets and .rx.packets == .rx.delivered_packets and .verdict == "delivered"' \
	>/dev/null || fail "the published port is not one flow: $(bh flows)"
flow '.src.workload == "netns:nat-client" and .dst.port == 84 and .via == null and .src.ip == "10.81.1.2"' \
	>/dev/null || fail "masquerade hides the client"
flow '.dst.ip == "10.81.9.1" or .dst.ip == "10.96.0.10" or .src.ip == "10.81.2.1"' >/dev/null &&
	fail "a leg is shown as a flow of its own: $(bh flows)"

step "enforced, all of it goes on, and nothing else"
accept_all
bh policy propose >"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply: $(cat "$scratch/policy.yaml")"
bh mode all audit --anyway >/dev/null || fail "audit"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
everybody_reaches
bh events --format json --limit 100 | jq -e -s 'any(.[]; .kind == "would-deny") | not' >/dev/null ||
	fail "audit would deny what was learned: $(bh events)"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.modes.enforce == 3 and .enforcement.state == "active"' || fail "not enforced"
everybody_reaches
must_not_reach() {
	reaches "$@" && fail "got through: $*"
}
must_not_reach nat-client 10.81.9.1 8091
eventually 5 flow '.src.workload == "netns:nat-client" and .dst.workload == "netns:nat-server" and
	.dst.port == 91 and .verdict == "denied"' || fail "what is denied behind a published port is not shown as denied"
flow '.dst.port == 8091 and .via == null' >/dev/null && fail "a leg of it is shown as a flow of its own: $(bh flows)"
flow '.src.port == 91' >/dev/null && fail "our reset is shown as the server's connection: $(bh flows)"
must_not_reach nat-same 10.81.2.2 82
must_not_reach nat-outside 10.81.2.2 84
everybody_reaches
