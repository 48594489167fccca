#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon is killed (SIGKILL) at random moments while it learns; another one, that nobody disturbs, looks on.
# But for the last second before each kill both have learned the same, to the connection and the byte, and what one
# has the other one has. BULKHEAD_FULL: a hundred times, and a line for the report.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

rounds=${BULKHEAD_FULL:+100}
rounds=${rounds:-4}

make_host "killed-$$"
write_config "runtimes: {docker: off}"
add_bridge br0 10.96.0.254/24
add_guest web br0 10.96.0.1/24
add_guest db br0 10.96.0.2/24
in_guest db nft -f - <<-END || fail "db cannot listen at all ports"
	table ip nat {
		chain prerouting {
			type nat hook prerouting priority dstnat
			tcp dport 10000-59999 redirect to :80
		}
	}
END
nsenter --net="/run/netns/$host-db" python3 -c 'if True:
	import socket
	server = socket.create_server(("0.0.0.0", 80), backlog=100)
	while True:
		peer, _ = server.accept()
		peer.sendall(b"x" * 100)
		peer.close()' &
at_end "kill $! 2>/dev/null"

# talk PORT: from there on a connection to each port, and one to port 80, one after the other, for four seconds at
# least. Of each pair that is over: the port and the time.
talk() {
	exec nsenter --net="/run/netns/$host-web" python3 -uc 'if True:
		import socket, sys, time
		first = int(sys.argv[1])
		for port in range(first, first + 400):
			for to in (port, 80):
				with socket.create_connection(("10.96.0.2", to), 2) as peer:
					while peer.recv(1000):
						pass
			print(port, time.time())
			time.sleep(0.0125)' "$1"
}

# compare TALKED KILLED DISTURBED UNDISTURBED: files. What is lost, or says why they differ.
compare() {
	python3 - "$@" <<-'END'
		import json, sys
		SURE = 1  # s before a kill: what was over by then is saved
		talked, killed = ([line.split() for line in open(name)] for name in sys.argv[1:3])
		ours, theirs = ({e["port"]: e for e in json.load(open(name))["edges"]} for name in sys.argv[3:5])
		kills = [float(at) for at, in killed]
		EXACT = ("src", "dst", "proto", "connections", "answered", "bytes", "replicas", "windows")
		compared = lost = late = 0
		latest = 0.0
		for port, over in ((int(port), float(over)) for port, over in talked):
		    left = min((at - over for at in kills if at >= over), default=None)
		    a, b = ours.pop(port, None), theirs.pop(port, None)
		    late += left is not None and left < SURE
		    if b is None:
		        sys.exit(f"{port}: the undisturbed daemon does not know it")
		    if left is None:
		        sys.exit(f"{port}: it was over after the last kill")
		    if a is None and left < SURE:
		        lost, latest = lost + 1, max(latest, left)
		        continue
		    if a is None:
		        sys.exit(f"{port}: it was over {left:.3f} s before the kill, and is lost")
		    if left < SURE and a["bytes"] < b["bytes"]:
		        continue  # a later report of it is lost
		    # Where a report comes in the middle of a connection an edge begins with that, not at its end.
		    if any(a[k] != b[k] for k in EXACT) or abs(a["first"] - b["first"]) > 1 or abs(a["last"] - b["last"]) > 0.001:
		        sys.exit(f"{port}: {a} is not {b}")
		    compared += 1
		a, b = ours.pop(80), theirs.pop(80)
		behind = b["connections"] - a["connections"]
		if not 0 <= behind <= late + len(kills):
		    sys.exit(f"80: {a['connections']} connections of {b['connections']}, and {late} of them were late")
		unfinished = set(ours) - set(theirs)
		if unfinished or compared < 5 * len(kills):
		    sys.exit(f"only disturbed: {unfinished}; compared: {compared}")
		print(f"{len(kills)} kills: {compared} edges were the same, {lost} of the last {latest * 1000:.0f} ms before one are lost, "
		      f"and {behind} of {b['connections']} connections of an edge that was known")
	END
}

start_fresh
for round in $(seq "$rounds"); do
	step "round $round of $rounds"
	start_daemon
	knows 2
	talk $((10000 + 400 * round)) >>"$scratch/talked" &
	talker=$!
	sleep "$((RANDOM % 4)).$((RANDOM % 10))$((RANDOM % 10))"
	kill -9 "$daemon_pid" || fail "there is no daemon to kill"
	kill $talker || fail "it was not killed while it learned"
	wait "$daemon_pid" $talker 2>/dev/null
	date +%s.%N >>"$scratch/killed"
done

step "the ledgers are the same"
start_daemon
knows 2
sleep 2
bh edges --format json >"$scratch/edges" || fail "no edges"
"$bulkhead" --socket "$scratch/fresh/run/api.sock" edges --format json >"$scratch/undisturbed" || fail "no edges"
result=$(compare "$scratch/talked" "$scratch/killed" "$scratch/edges" "$scratch/undisturbed" 2>&1) ||
	fail "they differ: $result"
echo "$result"
[ -z "${BULKHEAD_REPORTS:-}" ] || echo "$result" >"$BULKHEAD_REPORTS/killed.md"
