#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two capture processes share the packets: what they count together is exact, and one of them may die.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

CLIENTS=6 # addresses, of each family: together no more than are known of an endpoint
EACH=4    # TCP connections from each of them

make_host "bh-workers-$$"
on_host ip link add br0 type bridge
on_host ip link set br0 up
# container NAME ADDRESS4 ADDRESS6 COUNT: so many addresses from these prefixes' last number on.
container() {
	local name=$host-$1 i
	ip netns add "$name" || fail "namespace $name"
	at_end "ip netns del $name"
	on_host ip link add "$1" type veth peer name eth0 netns "$name"
	on_host ip link set "$1" master br0 up
	ip -n "$name" link set lo up
	ip -n "$name" link set eth0 up
	for ((i = 1; i <= $4; i++)); do
		ip -n "$name" addr add "$2$i/16" dev eth0
		ip -n "$name" addr add "$3$i/64" dev eth0 nodad
	done
}
container clients 10.9.1. fd00:9::1: $CLIENTS
container server 10.9.2. fd00:9::2: 1
write_config "runtimes: {docker: off}"
sed -i 's/^capture: {/&workers: 2, /' "$scratch/bulkhead.yaml"
start_daemon

cat >"$scratch/talk.py" <<'PYTHON'
"""talk.py serve READY | ask CLIENTS EACH: TCP connections and UDP exchanges, some in fragments."""
import socket
import sys
import threading

SERVERS = ((socket.AF_INET, "10.9.2.1", "10.9.1."), (socket.AF_INET6, "fd00:9::2:1", "fd00:9::1:"))


def echo(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.bind((address, 7000))
        while True:
            message, client = s.recvfrom(10000)
            s.sendto(message, client)


def accept(family, address):
    with socket.create_server((address, 7000), family=family) as s:
        while True:
            client, _ = s.accept()
            client.sendall(client.recv(100))
            client.recv(1)  # the other closes first
            client.close()


def ask(family, server, client, kind, size):
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.bind((client, 0))
        s.connect((server, 7000))
        s.send(b"x" * size)
        if len(s.recv(10000)) != size:
            sys.exit("a short answer")


if sys.argv[1] == "serve":
    for family, address, _ in SERVERS:
        threading.Thread(target=echo, args=(family, address), daemon=True).start()
        threading.Thread(target=accept, args=(family, address), daemon=True).start()
    open(sys.argv[2], "w").close()
    threading.Event().wait()
for family, server, prefix in SERVERS:
    for number in range(1, int(sys.argv[2]) + 1):
        for _ in range(int(sys.argv[3])):
            ask(family, server, f"{prefix}{number}", socket.SOCK_STREAM, 50)
        ask(family, server, f"{prefix}{number}", socket.SOCK_DGRAM, 50)
        ask(family, server, f"{prefix}{number}", socket.SOCK_DGRAM, 4000)
PYTHON
nsenter --net="/run/netns/$host-server" python3 "$scratch/talk.py" serve "$scratch/serving" &
server=$!
at_end "kill $server 2>/dev/null"
eventually 5 test -e "$scratch/serving" || fail "the server does not start"

talk() {
	nsenter --net="/run/netns/$host-clients" python3 "$scratch/talk.py" ask $CLIENTS $EACH || fail "no answer"
}
# seen_since TIME: of each family every connection as it was: opened, used, closed; every exchange in as many
# packets as it took, on both sides.
seen_since() {
	bh flows --limit 100000 --format json | jq -e -s --argjson t "$1" --argjson clients $CLIENTS --argjson each $EACH '
		def whole: .tx.packets == .tx.delivered_packets and .rx.packets == .rx.delivered_packets;
		[.[] | select(.first >= $t and .dst.port == 7000)] |
		([.[] | select(.proto == "tcp" and .direction == "syn" and .state == "closed" and whole)] | length) as $tcp |
		([.[] | select(.proto == "udp" and .tx.packets == 1 and .rx.packets == 1 and .tx.bytes < 200 and whole)]
			| length) as $small |
		([.[] | select(.proto == "udp" and .tx.packets == 3 and .rx.packets == 3 and .tx.bytes > 4000 and whole)]
			| length) as $large |
		$tcp == 2 * $clients * $each and $small == 2 * $clients and $large == 2 * $clients and
		length == $tcp + $small + $large'
}

step "two processes, each with a share, count everything once"
[ "$(child capture | wc -l)" = 2 ] || fail "there are not two capture processes"
eventually 10 status_is '.capture.state == "running" and .capture.workers == 2 and .identity.endpoints == 2' ||
	fail "they do not run"
start=$(date +%s.%N)
talk
eventually 15 seen_since "$start" || fail "the counts are not what was sent"

step "one dies: the rules stay, the other goes on, and what went on is said to be a part"
accept_all
bh policy propose >"$scratch/policy.yaml" || fail "propose"
# Who opens a flow without handshake is not known in the first minute.
sed -i 's|ports: \[7000/tcp\]|ports: [7000/tcp, 7000/udp]|' "$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "nothing is enforced"
rules() {
	on_host nft list table inet bulkhead | sed 's/packets [0-9]* bytes [0-9]*//g' | sort
}
rules >"$scratch/before"
kill -9 "$(child capture | head -n 1)"
talk
eventually 15 status_is '.capture.state == "running" and .capture.restarts == 1' || fail "it is not back"
bh events | grep "a part of capture ended" >/dev/null || fail "nobody says that a part was not seen"
rules | diff "$scratch/before" - || fail "the rules changed"

step "it is back, and everything counts once again"
restored() {
	[ "$(child capture | wc -l)" = 2 ] && status_is '.capture.packets > 0'
}
eventually 10 restored || fail "there are not two processes again"
sleep 1 # what the last talk left behind
start=$(date +%s.%N)
talk
eventually 15 seen_since "$start" || fail "the counts are not what was sent, after the return"
