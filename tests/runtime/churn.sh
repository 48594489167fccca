#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Docker containers that come and go as fast as the engine makes them: it gives the addresses, and with
# them the MACs, to the next one at once. Each uses a port of its own, so that it is known who sent what:
# no flow is attributed to anybody else, and few are to nobody.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"
churn="$(dirname "$0")/../churn.py"

count=15
[ -n "${BULKHEAD_FULL:-}" ] && count=300
lanes=3

make_host "bhtest-churn-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
open_engine
import_image
d network create --subnet 10.87.0.0/24 jobs >/dev/null || fail "docker network"
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"

d run -d --init --name server --network jobs --ip 10.87.0.200 --label bulkhead.workload=server shop:1 \
	sleep 100000 >/dev/null || fail "the server's container"
inside="/proc/$(d inspect -f '{{.State.Pid}}' server)/ns/net"
nsenter --net="$inside" nft -f - <<-NFT || fail "the server's ports"
	table ip led {
		chain ports {
			type nat hook prerouting priority -100;
			tcp dport 10000-60000 redirect to :7
			udp dport 10000-60000 redirect to :7
		}
	}
NFT
nsenter --net="$inside" python3 "$churn" serve "$scratch/serving" &
at_end "kill $! 2>/dev/null"
eventually 10 test -e "$scratch/serving" || fail "the server does not start"
knows 1

# job NUMBER: says its number, and is over when it has been heard.
job() {
	d run --rm --network jobs --label "bulkhead.workload=j$1" shop:1 \
		sh -c "echo $1 | timeout 5 nc 10.87.0.200 $((10000 + $1))" 2>>"$scratch/jobs.log"
}
lane() {
	local number visited=0
	for number in $(seq "$1" "$lanes" "$count"); do
		[ "$(job "$number")" = heard ] && visited=$((visited + 1))
	done
	echo "$visited" >"$scratch/visited-$1"
}

step "$count jobs, $lanes at a time"
began=$(date +%s%N)
pids=()
for number in $(seq $lanes); do
	lane "$number" &
	pids+=($!)
done
wait "${pids[@]}"
visited=$(awk '{ n += $1 } END { print n }' "$scratch"/visited-*)
echo "$visited of $count were served, in $((($(date +%s%N) - began) / 1000000)) ms"
[ "$visited" -gt $((count * 8 / 10)) ] || fail "the test itself does not work: $(tail -n 3 "$scratch/jobs.log")"

step "no flow is another's, and few have no name"
sleep 3 # the last reports
bh flows --format json --limit 100000 >"$scratch/flows"
python3 "$churn" check label:server label:j 20 <"$scratch/flows" || fail "who sent what is not known"
bh edges --format json | jq -c .unlearned

step "a job of one request is known by name"
[ "$(job 40000)" = heard ] || fail "the job does not work"
named() {
	bh flows --format json --limit 100000 | jq -e -s 'any(.[]; .dst.port == 50000 and
		.proto == "tcp" and .src.workload == "label:j40000" and .dst.workload == "label:server")'
}
eventually 10 named || fail "the job's flow has no name: $(bh flows --format json | jq -c 'select(.dst.port == 50000)')"

step "the picture is that of a first look"
same_as_fresh
