#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/turns.sh [-a] [-n ROUNDS] [-t "TOOL ..."] [-l "LOAD ..."]: small differences, by many short turns.
#
# What bench/live.sh measures, but every tool has a host of its own, with its own client and server, and
# all of them stand at once: so a turn takes a second, and what the machine does beside touches all tools
# alike. In each of the ROUNDS (60) every tool gets each load once, in an order that changes; the first
# tool is what the others are compared with, round by round. The table has the medians of these ratios, and
# between which bounds the true median lies with 95 % (by ranks, whatever the distribution).
# -a: the loads stay apart from the monitors, on the first processor, the monitors on the others: what is
# left is what the kernel does for a monitor in the time of those who send.
# docs/performance.md says what the loads are.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/packages.sh disable=SC1091
. "$here/scripts/packages.sh"

rounds=60 tools="empty none bulkhead" loads="bulk connect tcp"
apart=
while getopts an:t:l: option; do
	case $option in
	a) apart=1 ;;
	n) rounds=$OPTARG ;;
	t) tools=$OPTARG ;;
	l) loads=$OPTARG ;;
	*) die "usage: $0 [-a] [-n ROUNDS] [-t \"TOOL ...\"] [-l \"LOAD ...\"]" ;;
	esac
done
[ "$rounds" -ge 10 ] || die "ROUNDS is a number from 10 on: with fewer there are no bounds"
need_root "$@"
[ -z "$apart" ] || [ "$(nproc)" -gt 1 ] || die "-a: there is but one processor"

# shellcheck source=bench/hosts.sh disable=SC1091
. "$here/bench/hosts.sh"

declare -A amount=([bulk]=1000000000 [connect]=3000 [tcp]=10000 [udp]=10000 [small]=100000 [stream]=100000)
declare -A rate=([small]=60000 [stream]=60000)
declare -A monitors servers

for load in $loads; do
	[ -n "${amount[$load]:-}" ] || die "$load is no load: ${!amount[*]}"
done

start_all() {
	local tool

	for tool in $tools; do
		use_host "$tool"
		run_on 0
		make_host
		run_on "1-$(($(nproc) - 1))"
		start_monitor "$tool"
		monitors[$tool]=$monitor servers[$tool]=$server_pid
		monitor=
	done
	case $tools in *bulkhead*) sleep "$(settling bulkhead)" ;; esac
}

# turn TOOL LOAD: what is better when less: seconds of the load; of those that have a rate, the CPU seconds
# of everybody who has to do with it: the sender, the receiver, and the monitor.
turn() {
	local before after all

	use_host "$1"
	# shellcheck disable=SC2206 # a pid, or nothing
	all=(${servers[$1]} ${monitors[$1]})
	if [ -z "${rate[$2]:-}" ]; then
		load "$2" "${amount[$2]}"
		value_of seconds
		return
	fi
	before=$(cpu_of_all "${all[@]}")
	load "$2" "${amount[$2]}" "${rate[$2]}"
	sleep 0.3 # a monitor may finish in its own time what it got
	after=$(cpu_of_all "${all[@]}")
	awk -v ns=$((after - before)) -v own="$(value_of cpu_seconds)" 'BEGIN { printf "%.6f\n", ns / 1e9 + own }'
}

cpu_of_all() {
	local pid sum=0

	for pid; do
		sum=$((sum + $(cpu_of "$pid")))
	done
	echo "$sum"
}

# One line a tool and load: TOOL LOAD ROUND NUMBER.
measure_all() {
	local round tool load

	for ((round = 1; round <= rounds; round++)); do
		[ -t 2 ] && printf '\r\033[Kround %d of %d' "$round" "$rounds" >&2
		for load in $loads; do
			for tool in $(tr ' ' '\n' <<<"$tools" | shuf); do
				echo "$tool $load $round $(turn "$tool" "$load")"
			done
		done
	done >"$top/turns"
	[ -t 2 ] && printf '\r\033[K' >&2
}

# of TOOL LOAD: its numbers, by round.
of() {
	awk -v tool="$1" -v load="$2" '$1 == tool && $2 == load { print $4 }' "$top/turns"
}

print_table() {
	local tool load first=${tools%% *}

	echo "$(date -u +%F), $(nproc --all) × $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg); $rounds rounds," \
		"${apart:+loads and monitors on processors of their own,}" \
		"× $first (95 % of the median); less is better"
	printf '%-18s' TOOL
	for load in $loads; do
		printf ' %24s' "${load^^}"
	done
	echo
	for tool in $tools; do
		printf '%-18s' "$tool"
		for load in $loads; do
			paste <(of "$tool" "$load") <(of "$first" "$load") | awk '{ print $1 / $2 }' | bounds
		done
		echo
	done
}

# What is started from here on inherits it.
run_on() {
	[ -z "$apart" ] || taskset -cp "$1" $$ >/dev/null
}

build_all
prepare
start_all
run_on 0
measure_all
print_table
