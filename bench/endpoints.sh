#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What it costs to follow many endpoints: named namespaces on bridges, as many as are asked for. Rounds of:
# a daemon that watches them appear (processor time for each), that has nothing to do (a minute's time), its
# memory; and one that is started when all are there (how long until it knows every one). Medians.
#   bench/endpoints.sh [--endpoints N] [--rounds N] [--rest SECONDS]     needs root and build/gcc
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

endpoints=1000 rounds=3 rest=60
while [ $# -gt 0 ]; do
	case $1 in
	--endpoints) endpoints=$2 ;;
	--rounds) rounds=$2 ;;
	--rest) rest=$2 ;;
	*)
		echo "usage: bench/endpoints.sh [--endpoints N] [--rounds N] [--rest SECONDS]" >&2
		exit 2
		;;
	esac
	shift 2
done

bulkhead=${BULKHEAD:-$PWD/build/gcc/src/cli/bulkhead}
per_bridge=250 # a bridge has 1,023 ports at most
scratch=$(mktemp -d)
chmod 755 "$scratch"
spaces=$scratch/netns
mkdir "$spaces"
host=be-host-$$
daemon=

# shellcheck disable=SC2317 # by the trap
finish() {
	stop
	remove_all
	ip netns del "$host" 2>/dev/null
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 143' INT TERM

cat >"$scratch/bulkhead.yaml" <<-YAML
	state_directory: $scratch/state
	run_directory: $scratch/run
	api: {socket: $scratch/run/api.sock}
	runtimes: {docker: off}
	identity: {netns_directories: [$spaces]}
YAML

start() {
	nsenter --net="/run/netns/$host" "$bulkhead" daemon --foreground --config "$scratch/bulkhead.yaml" \
		2>>"$scratch/daemon.log" &
	daemon=$!
}
stop() {
	[ -n "$daemon" ] || return 0
	kill "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	daemon=
	rm -rf "$scratch/state"
}
# knows N: waits until so many are known by name; fails after two minutes.
knows() {
	local until=$((SECONDS + 120))
	until "$bulkhead" --socket "$scratch/run/api.sock" status --format json 2>/dev/null |
		jq -e ".identity | .endpoints == $1 and .unidentified == 0" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || {
			tail -n 5 "$scratch/daemon.log" >&2
			echo "the daemon does not come to know $1 endpoints" >&2
			exit 1
		}
		sleep 0.05
	done
}

add() {
	touch "$spaces/e$1"
	unshare --net="$spaces/e$1" true
	ip -n "$host" link add "e$1" type veth peer name eth0 netns "$spaces/e$1"
	ip -n "$host" link set "e$1" master "br$(($1 / per_bridge))" up
	nsenter --net="$spaces/e$1" ip -batch - <<-IP
		address add 10.$((90 + $1 / per_bridge)).0.$(($1 % per_bridge + 1))/16 dev eth0
		link set eth0 up
	IP
}
remove_all() {
	local space
	for space in "$spaces"/*; do
		[ -e "$space" ] || continue
		umount -l "$space" && rm "$space"
	done
	while [ "$(ip -n "$host" -o link show type veth 2>/dev/null | wc -l)" != 0 ]; do
		sleep 0.5
	done
}

# Processor time so far in ms, and memory in KiB, of the three: kernel, capture, core.
children() {
	echo "$daemon"
	pgrep -P "$daemon" -f -- '--child capture'
	pgrep -P "$daemon" -f -- '--child core'
}
times() {
	local pid tick
	tick=$(getconf CLK_TCK)
	for pid in $(children); do
		awk -v t="$tick" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / t }' "/proc/$pid/stat"
	done
}
memory() {
	local pid
	for pid in $(children); do
		awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
	done
}
# note NAME BEFORE AFTER DIVISOR: the differences of the three, each through the divisor.
note() {
	paste -d' ' <(echo "$2") <(echo "$3") | awk -v d="$4" '{ printf "%s%.3f", (NR > 1 ? " " : ""), ($2 - $1) / d } END { print "" }' \
		>>"$scratch/$1"
}

ip netns add "$host"
ip -n "$host" link set lo up
for number in $(seq 0 $((endpoints / per_bridge))); do
	ip -n "$host" link add "br$number" type bridge mcast_snooping 0
	ip -n "$host" link set "br$number" up
done

for round in $(seq "$rounds"); do
	echo "round $round of $rounds" >&2
	start
	knows 0
	none=$(memory) before=$(times)
	for number in $(seq "$endpoints"); do
		add "$number"
	done
	knows "$endpoints"
	sleep 3 # searches that are still due
	note added "$before" "$(times)" "$endpoints"
	note memory "$none" "$(memory)" "$endpoints"
	memory | paste -sd' ' >>"$scratch/all-memory"
	before=$(times)
	sleep "$rest"
	after=$(times)
	note rest "$before" "$after" "$(awk "BEGIN { print $rest / 60 }")"
	stop
	began=$(date +%s%N)
	start
	knows "$endpoints"
	echo $((($(date +%s%N) - began) / 1000000)) >>"$scratch/scan"
	times | paste -sd' ' >>"$scratch/scan-time"
	stop
	remove_all
done

# medians FILE: of each column.
medians() {
	python3 -c 'import statistics, sys
columns = zip(*([float(word) for word in line.split()] for line in open(sys.argv[1])))
print(" | ".join(f"{statistics.median(column):,.{sys.argv[2]}f}" for column in columns))' "$scratch/$1" "$2"
}
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(date +%F), $(nproc) × ${cpu:-cpu}, Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg);" \
	"$endpoints endpoints, medians of $rounds rounds:"
echo
echo "| | kernel | capture | core |"
echo "|---|---|---|---|"
echo "| processor time for each that appears, ms | $(medians added 2) |"
echo "| processor time a minute at rest, ms | $(medians rest 0) |"
echo "| processor time to start with all there, ms | $(medians scan-time 0) |"
echo "| memory for each, KiB | $(medians memory 2) |"
echo "| memory with all, KiB | $(medians all-memory 0) |"
echo
echo "From the start of the daemon until it knows all by name: $(medians scan 0) ms."
