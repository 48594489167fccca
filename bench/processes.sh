#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What an endpoint costs that comes and goes, by how many processes the host has: whose it is, only a look through
# /proc tells. Containers as nspawn makes them (a process in a cgroup of the machine's name, in a network namespace
# that has none), ten a second, each for two seconds, on a host with so many processes that sleep; a daemon
# follows. Processes, networks and mounts are all in namespaces of their own, and end with this.
#   bench/processes.sh [--processes "200 1000 5000"] [--endpoints N] [--rate N]     needs root and build/gcc
set -uo pipefail

[ "$(id -u)" = 0 ] || {
	echo "needs root" >&2
	exit 2
}
for groups in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ -w "$groups/cgroup.procs" ] && break
done
if [ -z "${BENCH_APART:-}" ]; then
	# shellcheck disable=SC2016 # it is the inner shell that expands
	BENCH_APART=1 unshare -mnpf --propagation private --kill-child --mount-proc sh -c '
		mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/machines && ip link set lo up && exec "$0" "$@"' \
		"$0" "$@" &
	apart=$!
	trap 'kill $apart; wait $apart' INT TERM
	wait $apart
	status=$?
	for payload in "$groups"/machine-bench*.scope/payload; do
		[ ! -d "$payload" ] || (cd "$groups" && rmdir -p "${payload#"$groups/"}")
	done
	exit $status
fi
cd "$(dirname "$0")/.." || exit 1

processes="200 1000 5000" endpoints=100 rate=10 life=2
while [ $# -gt 0 ]; do
	case $1 in
	--processes) processes=$2 ;;
	--endpoints) endpoints=$2 ;;
	--rate) rate=$2 ;;
	*)
		echo 'usage: bench/processes.sh [--processes "200 1000 5000"] [--endpoints N] [--rate N]' >&2
		exit 2
		;;
	esac
	shift 2
done

bulkhead=${BULKHEAD:-$PWD/build/gcc/src/cli/bulkhead}
scratch=$(mktemp -d /run/bench.XXXXXX)
chmod 755 "$scratch"
daemon='' sleepers=()

# shellcheck disable=SC2317 # by the trap
finish() {
	stop
	[ ${#sleepers[@]} = 0 ] || kill "${sleepers[@]}" 2>/dev/null
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 143' INT TERM

cat >"$scratch/bulkhead.yaml" <<-YAML
	state_directory: $scratch/state
	run_directory: $scratch/run
	api: {socket: $scratch/run/api.sock}
	runtimes: {docker: off}
	identity: {netns_directories: [/run/netns]}
YAML

start() {
	"$bulkhead" daemon --foreground --config "$scratch/bulkhead.yaml" 2>>"$scratch/daemon.log" &
	daemon=$!
	until status >/dev/null 2>&1; do
		kill -0 "$daemon" 2>/dev/null || {
			tail -n 5 "$scratch/daemon.log" >&2
			exit 1
		}
		sleep 0.1
	done
}
status() {
	"$bulkhead" --socket "$scratch/run/api.sock" status --format json
}
stop() {
	[ -n "$daemon" ] || return 0
	kill "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	daemon=
	rm -rf "$scratch/state"
}

# crowd N: so many that sleep, in all.
crowd() {
	while [ ${#sleepers[@]} -lt "$1" ]; do
		sleep infinity &
		sleepers+=($!)
	done
}

# once NUMBER: a container that comes and goes.
once() {
	local scope=machine-bench$1.scope note=/run/systemd/machines/bench$1 pid
	mkdir -p "$groups/$scope/payload"
	# shellcheck disable=SC2016 # it is the inner shell that expands
	bash -c 'echo $$ >"$0/cgroup.procs" && exec unshare --net sleep infinity' "$groups/$scope/payload" &
	pid=$!
	until ! [ "/proc/$pid/ns/net" -ef /proc/self/ns/net ]; do
		sleep 0.005
	done
	printf 'CLASS=container\nLEADER=%s\n' "$pid" >"$note.new" && mv "$note.new" "$note"
	ip link add "e$1" type veth peer name eth0 netns "$pid"
	ip link set "e$1" master br0 up
	nsenter -t "$pid" -n ip -batch - <<-IP
		address add 10.90.$(($1 / 250 % 250)).$(($1 % 250 + 1))/16 dev eth0
		link set eth0 up
	IP
	sleep "$life"
	kill "$pid"
	wait "$pid" 2>/dev/null
	rm "$note"
	rmdir "$groups/$scope/payload" "$groups/$scope"
}

# Processor time so far in ms, of kernel and core.
times() {
	local tick
	tick=$(getconf CLK_TCK)
	for pid in "$daemon" "$(pgrep -P "$daemon" -f -- '--child core')"; do
		awk -v t="$tick" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / t }' "/proc/$pid/stat"
	done
}

ip link add br0 type bridge mcast_snooping 0
ip link set br0 up
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(date +%F), $(nproc) × ${cpu:-cpu}, Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg);" \
	"$endpoints endpoints come and go, $rate a second:"
echo
echo "| processes | kernel, ms for each | × | core, ms for each | known by name | after ms, p50 and p99 |"
echo "|---|---|---|---|---|---|"
number=0 smallest=
for count in $processes; do
	crowd "$count"
	start
	sleep 12 # what is new to it at the start
	mapfile -t before < <(times)
	jobs=()
	for _ in $(seq "$endpoints"); do
		number=$((number + 1))
		once "$number" &
		jobs+=($!)
		sleep "$(awk "BEGIN { print 1 / $rate }")"
	done
	wait "${jobs[@]}"
	mapfile -t after < <(times)
	known=$(status | jq -r '.startup | "\(.identified.count) | " + ([.identified.p50, .identified.p99] |
		map(if . then . * 1000 | round else "–" end | tostring) | join(", "))')
	kernel=$(awk "BEGIN { print (${after[0]} - ${before[0]}) / $endpoints }")
	smallest=${smallest:-$kernel}
	echo "| $count | $kernel | $(awk "BEGIN { printf \"%.2f\", $kernel / $smallest }") |" \
		"$(awk "BEGIN { print (${after[1]} - ${before[1]}) / $endpoints }") | $known |"
	stop
done
