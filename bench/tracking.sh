#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What following connection tracking costs the connections that are tracked: new TCP connections
# through a router that tracks them, for each way of following, medians of several rounds in one run.
# The processor's time that client and server need for a connection (the path's, on virtual links, is
# theirs) wavers less than the rate on a machine that others use; the ratio is to the same round's
# time without anybody who follows.
#   bench/tracking.sh [--rounds N] [--seconds N]     needs root and build/gcc with -Dbench=true
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

rounds=9 seconds=1
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 ;;
	--seconds) seconds=$2 ;;
	*)
		echo "usage: bench/tracking.sh [--rounds N] [--seconds N]" >&2
		exit 2
		;;
	esac
	shift 2
done

build=build/gcc/bench
modes=(none news ended filtered dump find)
scratch=$(mktemp -d)
router=bt-router-$$ left=bt-left-$$ right=bt-right-$$
pids=()
finish() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	for name in "$router" "$left" "$right"; do
		ip netns del "$name" 2>/dev/null
	done
	rm -rf "$scratch"
}
trap finish EXIT

inside() {
	nsenter --net="/run/netns/$1" "${@:2}"
}

# leg NAME NUMBER: a namespace behind the router, 10.91.NUMBER.2.
leg() {
	ip netns add "$1"
	ip -n "$router" link add "leg$2" type veth peer name eth0 netns "$1"
	ip -n "$router" addr add "10.91.$2.1/24" dev "leg$2"
	ip -n "$1" addr add "10.91.$2.2/24" dev eth0
	ip -n "$router" link set "leg$2" up
	ip -n "$1" link set eth0 up
	ip -n "$1" route add default via "10.91.$2.1"
	# Ports come back at once: an old connection is no reason to fail.
	inside "$1" sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range='1024 65000'
}

ip netns add "$router"
leg "$left" 1
leg "$right" 2
inside "$router" sysctl -qw net.ipv4.ip_forward=1
inside "$router" nft -f - <<-NFT
	table inet track { chain forward { type filter hook forward priority 0; ct state invalid counter; }; }
NFT
nsenter --net="/run/netns/$right" "$build/connections" serve 80 &
server=$!
pids+=("$server")
sleep 0.5

# Nanoseconds that the server has run so far.
server_time() {
	cut -d ' ' -f 1 "/proc/$server/schedstat"
}

# measure MODE: connections a second, microseconds a connection, and what the follower used.
measure() {
	local mode=$1 before pid='' used="0 0" count rate cpu
	if [ "$mode" != none ]; then
		nsenter --net="/run/netns/$router" "$build/track" "$mode" >"$scratch/used" &
		pid=$!
		sleep 0.3
	fi
	before=$(server_time)
	read -r count rate cpu < <(inside "$left" "$build/connections" load 10.91.2.2 80 "$seconds")
	cpu=$(awk -v c="$cpu" -v s="$(($(server_time) - before))" -v n="$count" \
		'BEGIN { print (c + s / 1e9) / n * 1e6 }')
	if [ -n "$pid" ]; then
		kill "$pid"
		wait "$pid"
		used=$(cat "$scratch/used")
	fi
	echo "$rate $cpu $used" >>"$scratch/$mode"
	# The next one begins with an empty table, too.
	inside "$router" conntrack -F 2>/dev/null
}

measure none
rm "$scratch/none"
for ((round = 0; round < rounds; round++)); do
	for mode in "${modes[@]}"; do
		measure "$mode"
	done
done

# median FILE COLUMN
median() {
	awk -v c="$2" '{ print $c }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%-10s %14s %14s %6s %12s %10s\n' follower connections/s "µs/connection" ratio \
	"CPU seconds" entries
for mode in "${modes[@]}"; do
	paste -d ' ' "$scratch/none" "$scratch/$mode" | awk '{ print $6 / $2 }' >"$scratch/ratio"
	printf '%-10s %14s %14s %6.2f %12s %10s\n' "$mode" "$(median "$scratch/$mode" 1)" \
		"$(median "$scratch/$mode" 2)" "$(median "$scratch/ratio" 1)" \
		"$(median "$scratch/$mode" 3)" "$(median "$scratch/$mode" 4)"
done
