# shellcheck shell=bash disable=SC2154,SC2034,SC2317
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by bench/live.sh, bench/turns.sh and bench/rules.sh, once `here` and what scripts/packages.sh has are there: a
# client, a server and between them a host with a bridge, in namespaces without a way out; the monitors
# that run on such a host; and how they are measured.

build=$here/build/bench
snaplen=256 # bulkhead's default; the empty loop and the minimal flow table keep as much
server_address=10.9.0.2
monitor=

# --- what it takes ------------------------------------------------------------------------------

build_all() {
	[ -d "$build" ] ||
		meson setup "$build" "$here" --buildtype=release -Dbench=true >/dev/null || die "meson failed"
	ninja -C "$build" src/cli/bulkhead bench/{load,empty,minimal} >/dev/null || die "the build failed"
	ninja -C "$build" bench/ebpf bench/ebpf_kernel.o >/dev/null 2>&1 ||
		echo "*** the in-kernel counter cannot be built (libbpf, clang): it is not measured" >&2
}

# --- the namespaces -----------------------------------------------------------------------------

made=()

# use_host NAME: what follows is about the host of this name. There may be several at once.
use_host() {
	host=bh-bench-$$-$1 client=bh-bench-$$-$1-a server=bh-bench-$$-$1-b
	scratch=$top/$1
}

# Not for what goes on in the background: nsenter itself becomes the program, and can be ended.
on() {
	local where=$1
	shift
	nsenter --net="/run/netns/$where" "$@"
}

add_namespace() {
	ip netns add "$1" || die "namespaces cannot be made"
	made+=("$1")
}

# attach NAMESPACE PORT ADDRESS: to the bridge.
attach() {
	add_namespace "$1"
	ip -n "$host" link add "$2" type veth peer name eth0 netns "$1"
	ip -n "$host" link set "$2" master br0 up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$3/24" dev eth0
}

prepare() {
	top=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-bench.XXXXXX")
	chmod 755 "$top"
	trap clean_up EXIT
	trap 'exit 143' INT TERM
}

# The host in use, with its client, and its server's pid in server_pid.
make_host() {
	local tries=0

	mkdir "$scratch"
	chmod 755 "$scratch"
	add_namespace "$host"
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
	local pids namespace

	pids=$(jobs -p)
	# shellcheck disable=SC2086 # one pid a word
	[ -z "$pids" ] || { kill $pids && wait; } 2>/dev/null
	for namespace in "${made[@]}"; do
		ip netns del "$namespace" 2>/dev/null
	done
	rm -rf "$top"
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

# start_monitor TOOL: its pid is in `monitor`, which is empty where nothing watches.
start_monitor() {
	local command ready until=$((SECONDS + 15))

	case $1 in tracked* | conntrack | bulkhead-control) bridge_tracking 1 ;; esac
	case $1 in none | tracked) return ;; esac
	command_of "${1#tracked-}"
	nsenter --net="/run/netns/$host" "${command[@]}" >"$scratch/out" 2>"$scratch/errors" &
	monitor=$!
	until eval "$ready"; do
		[ $SECONDS -lt $until ] || die "$1 does not start: $(tail -n 3 "$scratch/errors")"
		sleep 0.1
	done
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

# A process and its descendants.
family() {
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do
		family "$child"
	done
}

load() {
	on "$client" "$build/bench/load" "$1" "$server_address" "${@:2}" >"$scratch/load" ||
		die "the load $1 failed"
}

value_of() {
	sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$scratch/load"
}

# Median of the ratios in standard input, and the ranks around it that hold the true one in 95 % (of ten or more).
bounds() {
	sort -n | awk '{ v[NR] = $1 } END {
		low = int((NR - 1.96 * sqrt(NR)) / 2); low = low < 1 ? 1 : low; high = NR + 1 - low
		printf " %10.3f (%.3f–%.3f)", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[low], v[high] }'
}

# median FILE
median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.4f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

