#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Seeing less, by choice (capture.mode: control) and by need (capture.cpu): what is still known, and that
# what is not is said.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "bh-less-$$"
on_host ip link add br0 type bridge
on_host ip link set br0 up
# container NAME NUMBER
container() {
	local name=$host-$1
	ip netns add "$name" || fail "namespace $name"
	at_end "ip netns del $name"
	on_host ip link add "$1" type veth peer name eth0 netns "$name"
	on_host ip link set "$1" master br0 up
	ip -n "$name" link set lo up
	ip -n "$name" link set eth0 up
	ip -n "$name" addr add "10.9.0.$2/24" dev eth0
	ip -n "$name" addr add "fd00:9::$2/64" dev eth0 nodad
}
container client 1
container server 2

cat >"$scratch/talk.py" <<'PYTHON'
"""talk.py serve READY | ask ADDRESS PORT BYTES | many ADDRESS PORT | reset ADDRESS PORT BYTES | hold ADDRESS PORT BYTES READY"""
import socket
import struct
import sys
import threading
import time

PORTS = range(7000, 7008)


def swallow(s):
    while True:
        client, _ = s.accept()
        try:
            while client.recv(100000):
                pass
        except ConnectionResetError:
            pass
        client.close()


def ask(address, port):
    s = socket.create_connection((address, int(port)), 5)
    s.settimeout(5)
    return s


if sys.argv[1] == "serve":
    for family in (socket.AF_INET, socket.AF_INET6):
        for port in PORTS:
            s = socket.create_server(("", port), family=family)
            threading.Thread(target=swallow, args=(s,), daemon=True).start()
    open(sys.argv[2], "w").close()
    threading.Event().wait()
elif sys.argv[1] == "ask":
    with ask(*sys.argv[2:4]) as s:
        s.sendall(b"x" * int(sys.argv[4]))
        s.shutdown(socket.SHUT_WR)
        s.recv(1)
elif sys.argv[1] == "many":
    for _ in range(100):
        with ask(*sys.argv[2:4]) as s:
            s.sendall(b"x")
            s.shutdown(socket.SHUT_WR)
            s.recv(1)
elif sys.argv[1] == "hold":
    with ask(*sys.argv[2:4]) as s:
        s.sendall(b"x" * int(sys.argv[4]))
        open(sys.argv[5], "w").close()
        threading.Event().wait()
elif sys.argv[1] == "reset":
    with ask(*sys.argv[2:4]) as s:
        s.sendall(b"x" * int(sys.argv[4]))
        time.sleep(0.2)  # until it has been acknowledged
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
PYTHON
talk() {
	nsenter --net="/run/netns/$host-client" python3 "$scratch/talk.py" "$@"
}
nsenter --net="/run/netns/$host-server" python3 "$scratch/talk.py" serve "$scratch/serving" &
server=$!
at_end "kill $server 2>/dev/null"
eventually 5 test -e "$scratch/serving" || fail "the server does not start"

# start_with KEYS: a daemon with these keys of capture.
start_with() {
	write_config "runtimes: {docker: off}"
	sed -i "s/^capture: {/&$1, /" "$scratch/bulkhead.yaml"
	start_daemon
	eventually 10 status_is '.identity.endpoints == 2' || fail "the containers are not known"
}
# flow PORT JQ: a flow to that port holds it.
flow() {
	bh flows --format json | jq -e -s --argjson port "$1" "any(.[]; .dst.port == \$port and ($2))"
}
edge() {
	bh edges --format json | jq -e -s --argjson port "$1" "any(.[] | (.edges? // [.])[]; .port == \$port and ($2))"
}

# flow_of PORT: what is known of flows to that port.
flow_of() {
	bh flows --format json | jq -c --argjson port "$1" 'select(.dst.port == $port) | [.state, .counted_by, .tx, .rx]'
}
accounting() {
	on_host sysctl -n net.netfilter.nf_conntrack_acct
}
# count_packets TX RX: has nft count, as frames enter the bridge, what these two expressions match.
count_packets() {
	on_host nft delete table bridge test-count 2>/dev/null
	on_host nft -f - <<-NFT || fail "nft"
		table bridge test-count {
			counter tx { }
			counter rx { }
			chain entering { type filter hook prerouting priority -400; $1 counter name tx; $2 counter name rx; }
		}
	NFT
}
# nft_counted tx|rx: [PACKETS, BYTES].
nft_counted() {
	on_host nft -j list counter bridge test-count "$1" | jq -c '.nftables[] | select(.counter) | .counter | [.packets, .bytes]'
}
# counted_alike PORT JQ: a flow to that port has what nft counted, and holds the expression.
counted_alike() {
	flow "$1" ".counted_by == \"conntrack\" and [.tx.packets, .tx.bytes] == $(nft_counted tx) and
		[.rx.packets, .rx.bytes] == $(nft_counted rx) and .tx.delivered_bytes == null and ($2)"
}

step "control: connections are seen and learned, and nobody pretends to have counted them"
[ "$(accounting)" = 0 ] || fail "connection tracking counts before anybody asked"
start_with "mode: control"
eventually 5 status_is '.capture.copies == "control" and .capture.throttled == false' ||
	fail "the mode is not in force"
[ "$(accounting)" = 1 ] || fail "connection tracking does not count"
for address in 10.9.0.2 fd00:9::2; do
	talk ask $address 7000 30000000 || fail "no connection"
	eventually 15 flow 7000 ".dst.ip == \"$address\" and .state == \"closed\" and .direction == \"syn\" and
		.verdict == \"delivered\" and .tx.packets == null and .rx.bytes == null and .counted_by == null" ||
		fail "$address: not seen as it was"
done
eventually 15 edge 7000 '.connections == 2 and .bytes == null' ||
	fail "it is not learned, or its bytes are: $(bh edges --format json)"
status_is '.capture.packets < 300' || fail "the data was copied"
bh flows | grep 7000 | grep '?' >/dev/null || fail "the table shows bytes"
bh edges | grep 7000 | grep '?' >/dev/null || fail "the table of edges shows bytes"
bh map --format json | jq -e '.edges[] | select(.port == 7000) | .bytes == null' >/dev/null || fail "the map shows bytes"
says_uncounted() {
	bh status | grep "of 2 TCP connections that ended are not counted"
}
eventually 15 says_uncounted ||
	fail "status does not say what is not counted: $(bh status)"
accept_all
bh policy propose | grep "bytes not counted" >/dev/null || fail "the proposal tells bytes"

step "control: a connection that the client ends at once teaches nothing where nobody tracks it"
talk reset 10.9.0.2 7001 100 || fail "no connection"
eventually 15 flow 7001 '.state == "closed"' || fail "it is not seen"
sleep 8 # until its last report
edge 7001 true >/dev/null && fail "a connection that ended by a reset was learned"

step "control: a connection that is refused is counted, since all of it is copied"
talk ask 10.9.0.2 6999 1 2>/dev/null && fail "somebody listens"
eventually 15 flow 6999 '.state == "refused" and .counted_by == "capture" and .tx.packets == 1 and .rx.packets == 1' ||
	fail "not counted: $(flow_of 6999)"

# As where rules audit or enforce, or Docker filters: the bridge's packets go through netfilter.
step "control: what connection tracking sees it counts"
on_host sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1 ||
	fail "no br_netfilter"
on_host nft add table inet test-track || fail "nft"
on_host nft add chain inet test-track forward '{ type filter hook forward priority 0; }' || fail "nft"
on_host nft add rule inet test-track forward ct state new counter || fail "nft"
for address in 10.9.0.2 fd00:9::2; do
	count_packets "tcp dport 7002" "tcp sport 7002"
	talk ask $address 7002 3000000 || fail "no connection"
	eventually 15 counted_alike 7002 ".dst.ip == \"$address\" and .state == \"closed\"" ||
		fail "$address: nft counted $(nft_counted tx) and $(nft_counted rx): $(flow_of 7002)"
done
sum=$(bh flows --format json | jq -s '[.[] | select(.dst.port == 7002) | .tx.bytes + .rx.bytes] | add')
eventually 15 edge 7002 ".connections == 2 and .answered == 2 and .bytes == $sum" ||
	fail "the edge is not the sum: $(bh edges --format json)"
bh flows | grep 7002 | grep '?' >/dev/null && fail "the table does not show what is known"

step "control: a reset after data teaches, a scan does not"
talk reset 10.9.0.2 7003 100 || fail "no connection"
eventually 15 edge 7003 '.connections == 1 and .answered == 1 and .bytes > 400' ||
	fail "not learned: $(flow_of 7003)"
eventually 15 flow 7003 '.state == "closed" and .counted_by == "conntrack" and .tx.bytes > 300' || fail "not counted"
talk reset 10.9.0.2 7004 0 || fail "no connection"
in_client() {
	nsenter --net="/run/netns/$host-client" "$@"
}
# SYN, SYN+ACK, RST: who never connects has no socket, and the kernel resets what it is answered.
in_client python3 - <<-'PYTHON' || fail "no SYN"
	import socket, struct

	def checksum(data):
	    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	    total = (total & 0xffff) + (total >> 16)
	    return ~(total + (total >> 16)) & 0xffff

	src, dst = socket.inet_aton("10.9.0.1"), socket.inet_aton("10.9.0.2")
	head = struct.pack("!HHIIBBHHH", 40000, 7005, 1, 0, 5 << 4, 2, 1000, 0, 0)
	pseudo = src + dst + struct.pack("!BBH", 0, 6, len(head))
	head = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]
	socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP).sendto(head, ("10.9.0.2", 0))
PYTHON
for port in 7004 7005; do
	eventually 15 flow $port '.state == "closed"' || fail "$port: it is not seen"
done
sleep 8 # until their last reports
for port in 7004 7005; do
	edge $port true >/dev/null && fail "$port: what looks like a scan was learned: $(flow_of $port)"
done

step "control: an open connection is counted and learned as it goes"
# nsenter becomes the program: $! is the client itself.
nsenter --net="/run/netns/$host-client" python3 "$scratch/talk.py" hold 10.9.0.2 7006 200000 "$scratch/held" &
holder=$!
at_end "kill $holder 2>/dev/null"
eventually 10 test -e "$scratch/held" || fail "no connection"
eventually 15 flow 7006 '.state == "established" and .counted_by == "conntrack" and .tx.bytes > 200000' ||
	fail "not counted: $(flow_of 7006)"
eventually 15 edge 7006 '.connections == 1 and .bytes > 200000' || fail "it teaches nothing"

step "control: a connection through a translated address has one count"
on_host ip address add 10.9.0.254/24 dev br0
on_host sysctl -qw net.ipv4.ip_forward=1
on_host nft -f - <<-'NFT' || fail "nft"
	table ip test-nat {
		chain named { type nat hook prerouting priority dstnat; ip daddr 10.9.0.254 tcp dport 8000 dnat to 10.9.0.2:7007; }
		chain back { type nat hook postrouting priority srcnat; ip daddr 10.9.0.2 tcp dport 7007 masquerade; }
	}
NFT
count_packets "tcp dport 8000" "tcp sport 7007"
talk ask 10.9.0.254 8000 3000000 || fail "no connection"
eventually 15 counted_alike 7007 '.via.port == 8000 and .src.ip == "10.9.0.1"' ||
	fail "nft counted $(nft_counted tx) and $(nft_counted rx): $(flow_of 7007)"
kill $holder
stop_daemon
[ "$(accounting)" = 0 ] || fail "connection tracking still counts"

step "control: who was killed leaves it on, and his successor switches it off"
rm -rf "$scratch/state"
start_with "mode: control"
[ "$(accounting)" = 1 ] || fail "connection tracking does not count"
# Its children with it: under a sanitizer core takes its time to end, and the socket would be its own.
# shellcheck disable=SC2046 # numbers
kill -9 "$daemon_pid" $(pgrep -P "$daemon_pid")
wait "$daemon_pid" 2>/dev/null
daemon_pid=
[ "$(accounting)" = 1 ] || fail "who was killed put something back"
start_with "mode: control"
stop_daemon
[ "$(accounting)" = 0 ] || fail "what the first one switched on stays on"
step "control: what was on stays on"
on_host sysctl -qw net.netfilter.nf_conntrack_acct=1
start_with "mode: control"
stop_daemon
[ "$(accounting)" = 1 ] || fail "what somebody else had switched on was switched off"

step "control: where it cannot be switched on, status says so"
on_host sysctl -qw net.netfilter.nf_conntrack_acct=0
# Both become the next one: $! is the daemon itself.
nsenter --net="/run/netns/$host" unshare --mount sh -c 'mount --bind /proc/sys /proc/sys &&
	mount -o remount,bind,ro /proc/sys && exec "$@"' sh "$bulkhead" daemon --foreground \
	--config "$scratch/bulkhead.yaml" >>"$scratch/daemon.log" 2>&1 &
daemon_pid=$!
eventually 10 status_is 'any(.unknown[]; test("cannot be told to count .*nf_conntrack_acct: Read-only file system"))' ||
	fail "status is silent: $(bh status)"
stop_daemon
[ -e "$scratch/run/conntrack-accounting" ] && fail "what was not done is noted as done"

step "a budget: capture sees less, says so, and marks what it counted in part"
rm -rf "$scratch/state"
# One of four gets all of this traffic, and a quarter of one percent.
start_with "workers: 4, cpu: 1"
"${CC:-cc}" -O2 -D_GNU_SOURCE -o "$scratch/load" "$(dirname "$0")/../../bench/load.c" || fail "the load cannot be built"
nsenter --net="/run/netns/$host-client" timeout 15 "$scratch/load" small 10.9.0.2 3000000 >/dev/null &
flood=$!
at_end "kill $flood 2>/dev/null"
eventually 10 status_is '.capture.throttled' || fail "capture goes on beyond its budget"
# Of those that open one in 16 is seen while capture sees least.
learned_meanwhile() {
	talk many 10.9.0.2 7000
	edge 7000 true
}
eventually 12 learned_meanwhile || fail "none of many connections was learned"
kill $flood
wait $flood 2>/dev/null
bh events | grep "to stay within capture.cpu" >/dev/null || fail "no event says so"
bh status | grep "to stay within capture.cpu" >/dev/null || fail "status does not say so"
step "and more again, when there is time for it"
eventually 120 status_is '.capture.copies == "all" and (.capture.throttled | not)' || fail "it does not come back"
bh events | grep "capture sees more again: every packet" >/dev/null || fail "no event says so"
eventually 5 edge 7000 '.lossy' || fail "what was learned meanwhile is not marked"
talk ask 10.9.0.2 7001 30000 || fail "no connection"
eventually 10 flow 7001 '.tx.bytes > 30000 and .state == "closed"' || fail "not everything is seen again"
