#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who is there stays known, and right, when the engine dies and comes back, with its containers and
# without, when bulkhead does, and when both do; and when news of links were lost while containers came
# and went. Each time the picture is that of a daemon that looks for the first time.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-restart-$$"
write_config "$(
	cat <<-YAML
		runtimes: {docker: $scratch/docker.sock}
		identity: {receive_buffer: 4KiB}
	YAML
)"
engine_options=(--live-restore)
open_engine
import_image
d network create --subnet 10.86.0.0/24 front >/dev/null || fail "docker network"
d network create --subnet 10.86.1.0/24 back >/dev/null || fail "docker network"
start_daemon

# start NAME [NETWORK]
start() {
	d run -d --init --name "$1" --network "${2:-front}" --label "bulkhead.workload=$1" shop:1 \
		sleep 100000 >/dev/null || fail "container $1"
}
connected() {
	eventually 30 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"
}
kill_engine() {
	kill -KILL "$engine_pid"
	wait "$engine_pid" 2>/dev/null
}
# churned NAME...: containers that come, move and go.
churned() {
	local name
	for name in "$@"; do
		start "$name"
	done
	d network connect back "$1"
	d network disconnect front "$1"
	d restart -t 0 "$2" >/dev/null
	d rm -f "$3" >/dev/null
}

step "after containers came, moved and went"
start web
start db
d network connect back db
start inner container:web
start alone none
start open host
churned a1 a2 a3
connected
same_as_fresh

step "the engine dies, and its containers live on"
kill_engine
eventually 15 status_is '.identity.runtimes[0].state == "unreachable"' || fail "nobody noticed"
start_engine || fail "the engine does not come back"
connected
start late
same_as_fresh

step "bulkhead stops, containers come and go, and it is back"
stop_daemon
churned b1 b2 b3
start_daemon
connected
same_as_fresh

step "both die, and come back together"
kill_engine
kill -KILL "$daemon_pid" && wait "$daemon_pid" 2>/dev/null
start_daemon
start_engine || fail "the engine does not come back"
connected
churned c1 c2 c3
same_as_fresh

step "news of links are lost while containers come and go"
overruns() {
	bh status --format json | jq .identity.overruns
}
before=$(overruns)
kill -STOP "$daemon_pid"
churned d1 d2 d3 &
churning=$!
for number in $(seq 40); do
	ip -n "$host" link add "gone$number" type veth peer name "peer$number"
	ip -n "$host" link del "gone$number"
done
wait $churning
kill -CONT "$daemon_pid"
churned e1 e2 e3
lost_some() {
	[ "$(overruns)" -gt "$before" ]
}
eventually 10 lost_some || fail "the test is wrong: nothing was lost"
has_event '.kind == "loss" and .netlink_overruns > 0' || eventually 15 has_event '.kind == "loss" and .netlink_overruns > 0' ||
	fail "no event tells of the loss"
same_as_fresh

step "the engine dies, and its containers with it"
kill_engine
engine_options=()
start_engine || fail "the engine does not come back"
connected
left() {
	[ -z "$(d ps -q)" ]
}
eventually 20 left || fail "the test is wrong: the engine kept its containers"
start after
same_as_fresh
