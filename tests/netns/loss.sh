#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What was lost is said: when, how much, and by the flows and edges that lived through it.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "loss-$$"
write_config "runtimes: {docker: off}"
sed -i 's/report_interval: 1s/report_interval: 1s, ring: 1MiB/' "$scratch/bulkhead.yaml"
add_bridge br0
add_guest one br0 10.99.0.1/24
add_guest two br0 10.99.0.2/24
start_daemon
knows 2

# echo_at PORT: two answers whatever comes to that TCP port.
echo_at() {
	nsenter --net="/run/netns/$host-two" python3 -c 'if True:
		import socket, sys
		s = socket.create_server(("10.99.0.2", int(sys.argv[1])))
		while True:
			c, _ = s.accept()
			with c:
				c.sendall(c.recv(1))' "$1" &
	at_end "kill $! 2>/dev/null"
	listening two "$1"
}
connect() { # PORT
	in_guest one python3 -c 'if True:
		import socket, sys
		with socket.create_connection(("10.99.0.2", int(sys.argv[1])), 2) as s:
			s.sendall(b"x")
			sys.exit(s.recv(1) != b"x")' "$1" 2>/dev/null
}
edge_is() { # PORT LOSSY
	bh edges --format json | jq -e --argjson p "$1" --argjson l "$2" \
		'.edges | any(.port == $p and .lossy == $l)'
}
flow_is() { # PORT LOSSY
	bh flows --format json | jq -e -s --argjson p "$1" --argjson l "$2" \
		'[.[] | select(.dst.port == $p)] | length > 0 and all(.lossy == $l)'
}
is_closed() { # PORT
	bh flows --format json | jq -e -s --argjson p "$1" \
		'[.[] | select(.dst.port == $p).state] | any(. == "closed") and all(. == "closed" or . == "refused")'
}
for port in 81 82 83; do
	echo_at $port
done

step "without loss nobody speaks of it"
eventually 5 connect 81 || fail "no connection"
eventually 5 edge_is 81 false || fail "the edge is not learned, or said to be lossy"
eventually 5 is_closed 81 || fail "the connection is not seen to its end"
flow_is 81 false >/dev/null || fail "a flow is said to be lossy"
status_is '.loss | (.total | add) == 0 and .intervals == []' || fail "status speaks of loss"
bh status | grep -q '^lost ' && fail "status speaks of loss in words"

step "a burst that the ring cannot hold is counted, by interval, and marks what was alive"
# It is alive throughout.
mkfifo "$scratch/hold"
nsenter --net="/run/netns/$host-one" python3 -c 'if True:
	import socket, sys
	with socket.create_connection(("10.99.0.2", 82), 2) as s:
		sys.stdin.read()' <"$scratch/hold" &
at_end "kill $! 2>/dev/null"
exec {hold}>"$scratch/hold"
eventually 5 flow_is 82 false || fail "the standing connection is not seen"
capture=$(child capture)
kill -STOP "$capture"
in_guest one python3 - <<'PYTHON'
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for _ in range(30000):
        s.sendto(b"x" * 100, ("10.99.0.2", 9))
PYTHON
kill -CONT "$capture"
eventually 10 status_is '.loss.total.packets > 0' || fail "the burst lost nothing"
status_is '.loss | .minute.packets == .total.packets and .hour.packets == .total.packets and
	([.intervals[].packets] | add) == .total.packets and
	all(.intervals[]; .until - .from == 10)' || fail "the intervals do not add up"
status_is '.loss.intervals[0] | .from <= now and .until >= now - 30' ||
	fail "the interval is another time's"
bh status | grep -q '^lost .*last minute: .* packets' || fail "status does not say it in words"
eventually 5 flow_is 82 true || fail "a flow that lived through it does not carry it"
exec {hold}>&-
eventually 5 edge_is 82 true || fail "the edge that was learned meanwhile does not say so"
edge_is 81 false >/dev/null || fail "an edge from before the loss is said to be lossy"

step "what begins afterwards is whole"
eventually 5 connect 83 || fail "no connection"
eventually 5 edge_is 83 false || fail "the next edge is not learned, or said to be lossy"

step "capture's death is an interval of loss, too"
kill -9 "$capture"
eventually 10 status_is '.capture.state == "running" and .capture.restarts == 1' ||
	fail "capture was not started again"
status_is '.loss.total.capture_ends == 1 and .loss.intervals[0].capture_ends == 1' ||
	fail "capture's absence is no loss"

step "each interval is one event, with all its kinds"
told() { # JQ
	bh events --format json --limit 100 |
		jq -e -s "map(select(.kind == \"loss\")) | any($1) and (map(.from) | length == (unique | length))"
}
eventually 15 told '.packets > 0' || fail "no event tells of lost packets"
eventually 15 told '.capture_ends == 1' || fail "no event tells that capture was away"

step "core's death is a loss for its successor"
kill -9 "$(child core)"
eventually 15 status_is '.loss.total.core_ends == 1' || fail "core's absence is no loss"
eventually 15 told '.core_ends == 1' || fail "no event tells that core was away"
echo "$(bh events --limit 100 | grep -c ' loss ') intervals of loss were told"
