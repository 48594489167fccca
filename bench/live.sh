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

build=$here/build/bench
snaplen=256 # bulkhead's default; the empty loop and the minimal flow table keep as much
server_address=10.9.0.2
monitor=
tools=
tries=0

# Amounts, and packets a second of the last three: what the slowest of the tools can follow.
declare -A amount=([bulk]=2000000000 [connect]=5000 [tcp]=10000 [udp]=10000 [small]=200000 [fresh]=100000 [stream]=300000)
declare -A rate=([small]=60000 [fresh]=50000 [stream]=60000)

# --- what it takes ------------------------------------------------------------------------------

build_all() {
	[ -d "$build" ] ||
		meson setup "$build" "$here" --buildtype=release -Dbench=true >/dev/null || die "meson failed"
	ninja -C "$build" src/cli/bulkhead bench/{load,empty,minimal} >/dev/null || die "the build failed"
	ninja -C "$build" bench/ebpf bench/ebpf_kernel.o >/dev/null 2>&1 ||
		echo "*** the in-kernel counter cannot be built (libbpf, clang): it is not measured" >&2
}

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

# --- the namespaces -----------------------------------------------------------------------------

host=bh-live-$$ client=bh-live-$$-a server=bh-live-$$-b

# Not for what goes on in the background: nsenter itself becomes the program, and can be ended.
on() {
	local where=$1
	shift
	nsenter --net="/run/netns/$where" "$@"
}

# attach NAMESPACE PORT ADDRESS: to the bridge.
attach() {
	ip netns add "$1" || die "namespaces cannot be made"
	ip -n "$host" link add "$2" type veth peer name eth0 netns "$1"
	ip -n "$host" link set "$2" master br0 up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$3/24" dev eth0
}

make_namespaces() {
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-live.XXXXXX")
	chmod 755 "$scratch"
	trap clean_up EXIT
	trap 'exit 143' INT TERM
	ip netns add "$host" || die "namespaces cannot be made"
	ip -n "$host" link set lo up
	ip -n "$host" link add br0 type bridge
	ip -n "$host" link set br0 up
	attach "$client" va 10.9.0.1
	attach "$server" vb "$server_address"
	bridge_tracking 0
	nsenter --net="/run/netns/$server" "$build/bench/load" serve "$server_address" &
	server_pid=$!
	until on "$client" "$build/bench/load" tcp "$server_address" 1 >"$scratch/load" 2>&1; do
		[ $((tries += 1)) -le 50 ] || die "the server does not start"
		sleep 0.1
	done
}

clean_up() {
	stop_monitor
	[ -z "${server_pid:-}" ] || kill "$server_pid" 2>/dev/null
	for namespace in "$client" "$server" "$host"; do
		ip netns del "$namespace" 2>/dev/null
	done
	rm -rf "$scratch"
}

# Whether the bridge's packets go through the host's connection tracking: 1, 0. Tracking begins where a
# rule asks for states.
bridge_tracking() {
	on "$host" sysctl -qw net.bridge.bridge-nf-call-iptables="$1" 2>/dev/null
	if [ "$1" = 1 ]; then
		on "$host" nft -f - <<-END
			table inet bench { chain forward { type filter hook forward priority 0; ct state invalid counter; }; }
		END
	else
		on "$host" nft flush ruleset 2>/dev/null
		on "$host" conntrack -F >/dev/null 2>&1
	fi
}

# --- the monitors -------------------------------------------------------------------------------

# write_config MODE
write_config() {
	rm -rf "$scratch/state" "$scratch/run"
	cat >"$scratch/bulkhead.yaml" <<-END
		state_directory: $scratch/state
		run_directory: $scratch/run
		api: {socket: $scratch/run/api.sock}
		capture: {snaplen: $snaplen, mode: $1}
	END
}

# Sets `command` to what watches, and `ready` to what succeeds once it does.
# shellcheck disable=SC2016 # the conditions are evaluated where they are waited for
command_of() {
	ready='grep -q "^[0-9a-f]* *[0-9]* *[0-9]* *0003" <(on "$host" cat /proc/self/net/packet)'
	case $1 in
	empty) command=("$build/bench/empty" "$snaplen") ;;
	minimal) command=("$build/bench/minimal" --live "$snaplen") ;;
	ebpf)
		command=("$build/bench/ebpf" "$build/bench/ebpf_kernel.o" va vb)
		ready='on "$host" tc filter show dev vb egress | grep -q count_out'
		;;
	bulkhead | bulkhead-control)
		write_config "$([ "$1" = bulkhead ] && echo full || echo control)"
		command=("$build/src/cli/bulkhead" daemon --foreground --config "$scratch/bulkhead.yaml")
		ready='bulkhead_status | grep -q "\"endpoints\": *2"'
		;;
	tcpdump) command=(tcpdump -i any -w /dev/null -s 96) ;;
	softflowd) command=(softflowd -d -v 9 -m 400000 -i any -c "$scratch/control" -p "$scratch/pid") ;;
	nfpcapd)
		mkdir -p "$scratch/nfpcapd"
		command=(nfpcapd -i vb -w "$scratch/nfpcapd")
		;;
	pmacctd)
		cat >"$scratch/pmacctd.conf" <<-END
			daemonize: false
			pcap_interface: any
			aggregate: src_host, dst_host, src_port, dst_port, proto
			plugins: print
			print_output: csv
			print_output_file: $scratch/pmacctd.csv
			print_refresh_time: 60
			plugin_buffer_size: 102400
			plugin_pipe_size: 102400000
		END
		command=(pmacctd -f "$scratch/pmacctd.conf")
		;;
	conntrack)
		command=(conntrack -E -b 8388608)
		ready='grep -q "[^0]" <(on "$host" cat /proc/self/net/netlink)'
		;;
	esac
}

bulkhead_status() {
	"$build/src/cli/bulkhead" --socket "$scratch/run/api.sock" status --format json 2>/dev/null
}

# Seconds: what starting takes is none of the first load's. In its first minute (idle_timeout)
# bulkhead asks connection tracking about whatever may be older than itself.
settling() {
	case $1 in bulkhead*) echo 62 ;; *) echo 2 ;; esac
}

start_monitor() {
	local command ready until=$((SECONDS + 15))

	case $1 in tracked | conntrack | bulkhead-control) bridge_tracking 1 ;; esac
	[ "$1" != tracked ] || return 0
	command_of "$1"
	nsenter --net="/run/netns/$host" "${command[@]}" >"$scratch/out" 2>"$scratch/errors" &
	monitor=$!
	until eval "$ready"; do
		[ $SECONDS -lt $until ] || die "$1 does not start: $(tail -n 3 "$scratch/errors")"
		sleep 0.1
	done
	sleep "$(settling "$1")"
}

stop_monitor() {
	[ -n "$monitor" ] || return 0
	kill "$monitor" 2>/dev/null
	wait "$monitor" 2>/dev/null
	monitor=
}

# Packets that the tool says it lost, of all that it was shown, in percent; - where it does not say.
lost_by() {
	case $1 in
	bulkhead*) sed 's/.*"dropped": *\([0-9]*\).*/\1/;t;d' "$scratch/last_status" ;;
	tcpdump) sed -n 's/^\([0-9]*\) packets dropped by kernel/\1/p' "$scratch/errors" ;;
	minimal) sed -n 's/.*"dropped":\([0-9]*\).*/\1/p' "$scratch/out" ;;
	*) echo - ;;
	esac
}

# --- measuring ----------------------------------------------------------------------------------

# CPU nanoseconds of a process and all that came of it.
cpu_of() {
	local pid
	[ -z "$1" ] || for pid in $(family "$1"); do
		cat "/proc/$pid/task"/*/schedstat 2>/dev/null
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# Nanoseconds that the kernel spent in BPF programs which a process holds, in the time of those who send.
bpf_time_of() {
	[ -z "$1" ] || cat "/proc/$1/fdinfo"/* 2>/dev/null |
		awk '$1 == "run_time_ns:" { sum += $2 } END { printf "%.0f\n", sum }'
}

# A process and its descendants.
family() {
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do
		family "$child"
	done
}

value_of() {
	sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$scratch/load"
}

load() {
	on "$client" "$build/bench/load" "$1" "$server_address" "${@:2}" >"$scratch/load" ||
		die "the load $1 failed"
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

# median FILE
median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.4f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
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
make_namespaces
measure_all
print_table
