#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/offline.sh [-n RUNS] [-p RUNS] [-s SHARE] [-d FOLDER]: what reading a capture costs, against others.
#
# Installs the others from Debian (root only), builds a release, generates three captures of known
# truth, runs every tool on each RUNS times (5; -p: the others, which take minutes) in turn, and prints
# one table of medians.
# SHARE: captures of one SHARE-th of the size (1). FOLDER: where captures go (a temporary one).
# docs/performance.md says what the columns mean.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/packages.sh disable=SC1091
. "$here/scripts/packages.sh"

runs=5 peer_runs='' share=1 scratch=
while getopts n:p:s:d: option; do
	case $option in
	n) runs=$OPTARG ;;
	p) peer_runs=$OPTARG ;;
	s) share=$OPTARG ;;
	d) scratch=$OPTARG ;;
	*) die "usage: $0 [-n RUNS] [-p RUNS] [-s SHARE] [-d FOLDER]" ;;
	esac
done
for number in "$runs" "${peer_runs:=$runs}" "$share"; do
	[ "$number" -ge 1 ] || die "RUNS and SHARE are numbers from 1 on"
done

build=$here/build/bench
ours="bare minimal bulkhead"
tools=$ours
captures="typical many flood"

# --- what it takes ------------------------------------------------------------------------------

# A tool and what counts its records, each on its own: one that cannot be had spares the others.
add_peer() {
	local tool=$1
	shift
	if [ "$(id -u)" = 0 ]; then
		(install_missing "$@") >&2
	fi
	if command -v "$tool" >/dev/null; then
		tools+=" $tool"
	else
		echo "*** $tool is not measured: Debian's package $1 is missing and cannot be installed" >&2
	fi
}

build_all() {
	[ -d "$build" ] ||
		meson setup "$build" "$here" --buildtype=release -Dbench=true >/dev/null || die "meson failed"
	ninja -C "$build" src/cli/bulkhead bench/{generate,bare,minimal,run} >/dev/null || die "the build failed"
}

make_scratch() {
	if [ -z "$scratch" ]; then
		scratch=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-bench.XXXXXX")
		trap 'rm -rf "$scratch"' EXIT
	fi
	mkdir -p "$scratch"
	local free needed=$((3000 / share + 100))
	free=$(df --output=avail -m "$scratch" | tail -n 1)
	[ "$free" -ge "$needed" ] || die "$scratch has $free MB left; $needed are needed (-d FOLDER, -s SHARE)"
}

# generate NAME PROFILE PACKETS FLOWS: the capture, and its truth beside it.
generate() {
	"$build/bench/generate" "$2" "$3" "$4" 1 "$scratch/$1.pcap" >"$scratch/$1.truth" ||
		die "the capture $1 cannot be made"
}

# truth CAPTURE KEY
truth() {
	sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$scratch/$1.truth"
}

# --- the tools ----------------------------------------------------------------------------------

# Sets `command` to what reads a capture, and `out` to where its standard output goes.
command_of() {
	local tool=$1 file=$scratch/$2.pcap

	out=$scratch/out
	rm -rf "$scratch/out" "$scratch/out.d" "$scratch/out.csv"
	case $tool in
	bare | minimal) command=("$build/bench/$tool" "$file") ;;
	bulkhead)
		command=("$build/src/cli/bulkhead" flows --read "$file" --format json)
		out=/dev/null
		;;
	# A table that holds all of them; the default of 8,192 flows splits them. Version 9 for IPv6.
	softflowd)
		command=(softflowd -d -v 9 -m 4000000 -c "$scratch/control" -p "$scratch/pid" -r "$file")
		;;
	nfpcapd)
		mkdir "$scratch/out.d"
		command=(nfpcapd -r "$file" -w "$scratch/out.d")
		;;
	pmacctd)
		cat >"$scratch/pmacctd.conf" <<-END
			daemonize: false
			pcap_savefile: $file
			pcap_savefile_delay: 1
			pcap_savefile_wait: true
			plugin_buffer_size: 102400
			plugin_pipe_size: 2000000000
			aggregate: src_host, dst_host, src_port, dst_port, proto
			plugins: print
			print_output: csv
			print_output_file: $scratch/out.csv
			print_output_file_append: true
			print_refresh_time: 600
			print_cache_entries: 524309
		END
		command=(bash -c "drain_pmacctd '$scratch/pmacctd.conf'")
		;;
	# One record a flow, as the others: no status reports in between.
	argus) command=(argus -X -S 86400 -r "$file" -w -) ;;
	esac
}

# pmacctd ends with its file, and its plugin then forgets what it has not read. So it is made to wait at
# the end, and is ended when no process of it has anything left to do.
drain_pmacctd() {
	local pid child now last=
	pmacctd -f "$1" &
	pid=$!
	while sleep 2; do
		now=$(for child in "$pid" $(pgrep -P "$pid"); do cat "/proc/$child/schedstat"; done | cut -d' ' -f1)
		[ "$now" != "$last" ] || break
		last=$now
	done
	kill -INT "$pid"
	wait "$pid"
}
export -f drain_pmacctd

# What the tool said of a capture, on its last run: flows, packets, bytes; - for what it does not say.
told_by() {
	local out=$scratch/out

	case $1 in
	bare) sed 's/.*"packets":\([0-9]*\).*/- \1 -/' "$out" ;;
	minimal) sed 's/[^0-9]*\([0-9]*\),"flows":\([0-9]*\),"ip_bytes":\([0-9]*\).*/\2 \1 \3/' "$out" ;;
	bulkhead)
		"$build/src/cli/bulkhead" flows --read "$scratch/$2.pcap" --format json 2>/dev/null |
			awk -F'"(packets|bytes)":' '{ p += $2 + $4; b += $3 + $5 }
			END { printf "%d %.0f %.0f\n", NR, p, b }'
		;;
	softflowd)
		awk '/^Packets processed/ { p = $3 } /^Flows expired/ { f = $3 }
			/\([0-9]+\):  / { b += $3 } END { printf "%d %.0f %.0f\n", f, p, b }' "$out"
		;;
	nfpcapd)
		nfdump -I -R "$scratch/out.d" | awk '/^Flows:/ { f = $2 } /^Packets:/ { p = $2 } /^Bytes:/ { b = $2 }
			END { printf "%d %.0f %.0f\n", f, p, b }'
		;;
	# Each time its cache is full it writes what it has, with a heading: a record may come in parts.
	pmacctd)
		awk -F, '$NF ~ /^[0-9]+$/ { f += !seen[$1, $2, $3, $4, $5]++; p += $(NF - 1); b += $NF }
			END { printf "%d %.0f %.0f\n", f, p, b }' "$scratch/out.csv"
		;;
	argus)
		# The one record of argus itself counts as neither.
		racount -M proto -r "$out" | awk '$1 == "tcp" || $1 == "udp" { f += $2; p += $3; b += $6 }
			END { printf "%d %.0f %.0f\n", f, p, b }'
		;;
	esac
}

# What it would have to say. Some keep a record each way; argus counts Ethernet's header as well.
expected_of() {
	local flows packets bytes

	flows=$(truth "$2" flows) packets=$(truth "$2" packets) bytes=$(truth "$2" ip_bytes)
	case $1 in
	bare) flows=- bytes=- ;;
	nfpcapd | pmacctd) [ "$2" = flood ] || flows=$((flows * 2)) ;;
	argus) bytes=$((bytes + 14 * packets)) ;;
	esac
	echo "$flows $packets $bytes"
}

# --- measuring ----------------------------------------------------------------------------------

# runs_of TOOL
runs_of() {
	case " $ours " in
	*" $1 "*) echo "$runs" ;;
	*) echo "$peer_runs" ;;
	esac
}

# measure TOOL CAPTURE RESULT: at most ten minutes.
measure() {
	local command out

	command_of "$1" "$2"
	timeout 600 "$build/bench/run" "$3" "${command[@]}" >"$out" 2>"$scratch/errors" ||
		die "$1 failed on $2: $(tail -n 1 "$scratch/errors")"
}

# median FILE COLUMN
median() {
	awk -v c="$2" '{ print $c }' "$1" | sort -n |
		awk '{ v[NR] = $1 } END { printf "%.3f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# Says where the tool and the truth differ.
check() {
	local told expected

	told=$(told_by "$1" "$2") expected=$(expected_of "$1" "$2")
	if [ "$told" = "$expected" ]; then
		echo "agrees" >"$scratch/$1.$2.mark"
	else
		echo "≠ $told for $expected" >"$scratch/$1.$2.mark"
	fi
}

measure_all() {
	local run capture tool last

	for tool in $tools; do
		rm -f "$scratch/$tool".*.result
		measure "$tool" tiny "$scratch/$tool.tiny.result"
	done
	for ((run = 1; run <= runs || run <= peer_runs; run++)); do
		for capture in $captures; do
			for tool in $tools; do
				last=$(runs_of "$tool")
				[ "$run" -gt "$last" ] && continue
				[ -t 2 ] && printf '\r\033[Krun %d: %s on %s' "$run" "$tool" "$capture" >&2
				measure "$tool" "$capture" "$scratch/$tool.$capture.result"
				[ "$run" = "$last" ] && check "$tool" "$capture"
			done
		done
	done
	[ -t 2 ] && printf '\r\033[K' >&2
}

# row TOOL CAPTURE. Memory a flow: only where all flows of a capture are in the table at once.
row() {
	local result=$scratch/$1.$2.result

	awk -v tool="$1" -v capture="$2" -v cpu="$(median "$result" 1)" -v rss="$(median "$result" 2)" \
		-v bare="$(median "$scratch/bare.$2.result" 1)" -v least="$(median "$scratch/minimal.$2.result" 1)" \
		-v tiny="$(median "$scratch/$1.tiny.result" 2)" -v packets="$(truth "$2" packets)" \
		-v flows="$(truth "$2" flows)" -v mark="$(cat "$scratch/$1.$2.mark")" 'BEGIN {
			each = capture != "typical" && tool != "bare" ? sprintf("%.0f", (rss - tiny) * 1024 / flows) : "-"
			printf "%-8s %-10s %7.2f %7.2f %7.2f %8.2f %8.0f %8s  %s\n", capture, tool, cpu, cpu / bare,
				cpu / least, packets / cpu / 1e6, rss / 1024, each, mark
		}'
}

print_table() {
	local capture tool

	echo "$(date -u +%F), $(nproc) × $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg); medians of $runs runs" \
		"(the others: $peer_runs)"
	printf '%-8s %-10s %7s %7s %7s %8s %8s %8s  %s\n' CAPTURE TOOL CPU-S × "× MIN" MPKT/S RSS-MB B/FLOW \
		"FLOWS PACKETS BYTES"
	for capture in $captures; do
		for tool in $tools; do
			row "$tool" "$capture"
		done
	done
}

build_all
make_scratch
add_peer softflowd softflowd
add_peer nfpcapd nfdump
add_peer pmacctd pmacct
add_peer argus argus-server argus-client
generate tiny typical 5 1
generate typical typical $((5000000 / share)) $((50000 / share))
generate many many $((5000000 / share)) $((1000000 / share))
generate flood flood $((3000000 / share)) $((3000000 / share))
measure_all
print_table
