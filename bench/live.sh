#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/live.sh [-n ROUNDS] [-s SHARE] [-t "TOOL ..."]: what watching costs the traffic, and itself.
#
# Installs the others from Debian, builds a release, and makes three network namespaces: a client, a
# server, and between them one that plays the host, with a bridge. There is no way out of them. In each
# round (3) every tool watches the same loads in turn, and between two of them nobody does; the table has
# the medians of the ratios to that. SHARE: loads of one SHARE-th of the size (1).
# docs/performance.md says what the columns mean.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/packages.sh disable=SC1091
. "$here/scripts/packages.sh"

rounds=3 share=1 wanted=
while getopts n:s:t: option; do
	case $option in
	n) rounds=$OPTARG ;;
	s) share=$OPTARG ;;
	t) wanted=$OPTARG ;;
	*) die "usage: $0 [-n ROUNDS] [-s SHARE] [-t \"TOOL ...\"]" ;;
	esac
done
for number in "$rounds" "$share"; do
	[ "$number" -ge 1 ] || die "ROUNDS and SHARE are numbers from 1 on"
done
need_root "$@"

# shellcheck source=bench/hosts.sh disable=SC1091
. "$here/bench/hosts.sh"
tools=

# Amounts, and packets a second of the last three: what the slowest of the tools can follow.
declare -A amount=([bulk]=2000000000 [connect]=5000 [tcp]=10000 [udp]=10000 [small]=200000 [fresh]=100000 [stream]=300000)
declare -A rate=([small]=60000 [fresh]=50000 [stream]=60000)

# --- what it takes ------------------------------------------------------------------------------

# add TOOL [PROGRAM PACKAGE]: what cannot be had is left out.
add() {
	[ -z "$wanted" ] || [[ " $wanted " == *" $1 "* ]] || return
	[ $# = 1 ] || (install_missing "$3") >&2
	if [ $# = 1 ] || command -v "$2" >/dev/null; then
		tools+=" $1"
	else
		echo "*** $1 is not measured: Debian's package $3 cannot be installed" >&2
	fi
}

add_all() {
	add empty
	add minimal
	[ ! -e "$build/bench/ebpf" ] || add ebpf
	add bulkhead
	add bulkhead-control
	add tcpdump tcpdump tcpdump
	add softflowd softflowd softflowd
	add nfpcapd nfpcapd nfdump
	add pmacctd pmacctd pmacct
	add tracked nft nftables
	add conntrack conntrack conntrack
}

# --- measuring ----------------------------------------------------------------------------------

# Nanoseconds that the kernel spent in BPF programs which a process holds, in the time of those who send.
bpf_time_of() {
	[ -z "$1" ] || cat "/proc/$1/fdinfo"/* 2>/dev/null |
		awk '$1 == "run_time_ns:" { sum += $2 } END { printf "%.0f\n", sum }'
}

# counted MODE: CPU of the monitor, and of those who send and receive, in seconds a million packets. A
# monitor may finish in its own time what it got.
counted() {
	local before after served run count=$((amount[$1] / share))

	run=$(bpf_time_of "$monitor")
	before=$(cpu_of "$monitor") served=$(cpu_of "$server_pid")
	load "$1" "$count" "${rate[$1]}"
	[ -z "$monitor" ] || sleep 1.5
	after=$(cpu_of "$monitor") served=$(($(cpu_of "$server_pid") - served))
	run=$(($(bpf_time_of "$monitor") - run))
	awk -v run=$run -v ns=$((after - before)) -v served="$served" -v own="$(value_of cpu_seconds)" -v n="$count" -v mode="$1" \
		'BEGIN { print mode "-cpu", ns / n / 1e3; print mode "-path", (own * 1e9 + served) / n / 1e3
			print mode "-run", run / n / 1e3 }'
}

# Every load once; prints "METRIC NUMBER" lines.
apply_loads() {
	local mode

	# First: a monitor still has to do with flows when the load that made them is over.
	counted stream
	for mode in bulk connect; do
		load "$mode" $((amount[$mode] / share))
		echo "$mode $(value_of rate)"
	done
	for mode in tcp udp; do
		load "$mode" $((amount[$mode] / share))
		echo "$mode-p50 $(value_of p50_usec)"
		echo "$mode-p99 $(value_of p99_usec)"
	done
	counted small
	counted fresh
}

# Neighbours' loads come and go: a tool is compared with what went without one right before and after.
measure() {
	start_monitor "$1"
	sleep "$(settling "$1")"
	apply_loads >"$scratch/during"
	[[ $1 != bulkhead* ]] || bulkhead_status >"$scratch/last_status"
	stop_monitor
	lost_by "$1" >>"$scratch/$1.lost"
	bridge_tracking 0
	apply_loads >"$scratch/after"
	paste -d' ' "$scratch/during" "$scratch/before" "$scratch/after" | awk -v prefix="$scratch/$1." '{
		without = ($4 + $6) / 2
		print ($1 ~ /(cpu|run)$/ ? $2 : $1 ~ /path$/ ? $2 - without : $2 / without) >> (prefix $1) }'
	while read -r metric number; do
		echo "$number" >>"$scratch/none.$metric"
	done <"$scratch/after"
	mv "$scratch/after" "$scratch/before"
}

measure_all() {
	local round tool

	for ((round = 1; round <= rounds; round++)); do
		apply_loads >"$scratch/before"
		for tool in $tools; do
			[ -t 2 ] && printf '\r\033[Kround %d: %s' "$round" "$tool" >&2
			measure "$tool"
		done
	done
	[ -t 2 ] && printf '\r\033[K' >&2
}

row() {
	local metric numbers=()

	for metric in bulk connect {tcp,udp}-{p50,p99} {small,fresh,stream}-{cpu,path}; do
		numbers+=("$(median "$scratch/$1.$metric")")
	done
	printf '%-16s %6.2f %6.2f %8.2f %8.2f %8.2f %8.2f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f  %s\n' "$1" "${numbers[@]}" \
		"$(sort -n "$scratch/$1.lost" | tail -n 1)"
}

print_table() {
	local tool

	echo "$(date -u +%F), $(nproc) × $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg); medians of $rounds rounds"
	awk -v b="$(median "$scratch/none.bulk")" -v c="$(median "$scratch/none.connect")" \
		-v t="$(median "$scratch/none.tcp-p50")" -v u="$(median "$scratch/none.udp-p50")" \
		-v s="$(median "$scratch/none.small-path")" -v f="$(median "$scratch/none.fresh-path")" \
		-v r="$(median "$scratch/none.stream-path")" 'BEGIN {
		printf "without a monitor: %.2f GB/s, %.0f connections/s, TCP %.1f µs, UDP %.1f µs, ", b / 1e9, c, t, u
		printf "small %.2f, fresh %.2f, stream %.2f CPU s a million packets\n", s, f, r }'
	printf '%-16s %6s %6s %8s %8s %8s %8s %7s %7s %7s %7s %7s %7s  %s\n' TOOL BULK CONN TCP-P50 TCP-P99 UDP-P50 UDP-P99 \
		SMALL +PATH FRESH +PATH STREAM +PATH LOST
	for tool in $tools; do
		row "$tool"
	done
	[[ " $tools " != *" ebpf "* ]] ||
		echo "of +PATH, ebpf's programs: small $(median "$scratch/ebpf.small-run")," \
			"fresh $(median "$scratch/ebpf.fresh-run"), stream $(median "$scratch/ebpf.stream-run")"
}

build_all
add_all
prepare
use_host live
make_host
measure_all
print_table
