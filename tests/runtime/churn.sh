#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Docker containers that come and go as fast as the engine makes them: it gives the addresses, and with
# them the MACs, to the next one at once. Each uses a port of its own, so that it is known who sent what:
# no flow is attributed to anybody else, and few are to nobody.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"
# shellcheck source=tests/churn.sh
. "$(dirname "$0")/../churn.sh"

count=15
[ -n "${BULKHEAD_FULL:-}" ] && count=300

make_host "bhtest-churn-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
open_engine
import_image
d network create --subnet 10.87.0.0/24 jobs >/dev/null || fail "docker network"
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"

d run -d --init --name server --network jobs --ip 10.87.0.200 --label bulkhead.workload=server shop:1 \
	sleep 100000 >/dev/null || fail "the server's container"
serve_in "/proc/$(d inspect -f '{{.State.Pid}}' server)/ns/net"
knows 1

# job NUMBER: says its number, and is over when it has been heard.
job() {
	d run --rm --network jobs --label "bulkhead.workload=j$1" shop:1 \
		sh -c "echo $1 | timeout 5 nc 10.87.0.200 $((10000 + $1))" 2>>"$scratch/jobs.log"
}
heard() {
	[ "$(job "$1")" = heard ]
}
lane() {
	share "$1" heard
}

step "$count jobs, $lanes at a time"
come_and_go 80

step "no flow is another's, and few have no name"
none_mixed_up label:server label:j 20

step "a job of one request is known by name"
heard 40000 || fail "the job does not work"
named() {
	bh flows --format json --limit 100000 | jq -e -s 'any(.[]; .dst.port == 50000 and
		.proto == "tcp" and .src.workload == "label:j40000" and .dst.workload == "label:server")'
}
eventually 10 named || fail "the job's flow has no name: $(bh flows --format json | jq -c 'select(.dst.port == 50000)')"

step "the picture is that of a first look"
same_as_fresh
