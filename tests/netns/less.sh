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
"""talk.py serve READY | ask ADDRESS PORT BYTES | reset ADDRESS PORT"""
import socket
import struct
import sys
import threading

PORTS = (7000, 7001)


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
elif sys.argv[1] == "reset":
    with ask(*sys.argv[2:4]) as s:
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

step "control: connections are seen and learned, and nobody pretends to have counted them"
start_with "mode: control"
eventually 5 status_is '.capture.copies == "control" and .capture.throttled == false' ||
	fail "the mode is not in force"
for address in 10.9.0.2 fd00:9::2; do
	talk ask $address 7000 30000000 || fail "no connection"
	eventually 10 flow 7000 ".dst.ip == \"$address\" and .state == \"closed\" and .direction == \"syn\" and
		.verdict == \"delivered\" and .tx.packets == null and .rx.bytes == null" || fail "$address: not seen as it was"
done
eventually 10 edge 7000 true || fail "it is not learned"
status_is '.capture.packets < 300' || fail "the data was copied"
bh flows | grep 7000 | grep '?' >/dev/null || fail "the table shows bytes"
bh status | grep "not counted" >/dev/null || fail "status does not say what is not counted"

step "control: what does not end as agreed may be a scan, and teaches nothing"
talk reset 10.9.0.2 7001 || fail "no connection"
eventually 10 flow 7001 '.state == "closed"' || fail "it is not seen"
sleep 1.2 # longer than a report takes
edge 7001 true >/dev/null && fail "a connection of SYN, SYN+ACK and RST was learned"
stop_daemon

step "a budget: capture sees less, says so, and marks what it counted in part"
rm -rf "$scratch/state"
# One of four gets all of this traffic, and a quarter of one percent.
start_with "workers: 4, cpu: 1"
"${CC:-cc}" -O2 -D_GNU_SOURCE -o "$scratch/load" "$(dirname "$0")/../../bench/load.c" || fail "the load cannot be built"
nsenter --net="/run/netns/$host-client" timeout 15 "$scratch/load" small 10.9.0.2 3000000 >/dev/null &
flood=$!
at_end "kill $flood 2>/dev/null"
eventually 10 status_is '.capture.throttled' || fail "capture goes on beyond its budget"
talk ask 10.9.0.2 7000 1000 || fail "no connection"
kill $flood
wait $flood 2>/dev/null
bh events | grep "to stay within capture.cpu" >/dev/null || fail "no event says so"
bh status | grep "to stay within capture.cpu" >/dev/null || fail "status does not say so"
step "and more again, when there is time for it"
eventually 60 status_is '.capture.copies == "all" and (.capture.throttled | not)' || fail "it does not come back"
bh events | grep "capture sees more again: every packet" >/dev/null || fail "no event says so"
eventually 5 edge 7000 '.lossy' || fail "what was learned meanwhile is not marked"
talk ask 10.9.0.2 7001 30000 || fail "no connection"
eventually 10 flow 7001 '.tx.bytes > 30000 and .state == "closed"' || fail "not everything is seen again"
