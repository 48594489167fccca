#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What changing the kernel's rules costs: loading them, a container's start, a burst of them, reading all of them
# back, and one element more in a map to verdicts. Beside it the same transaction sent alone, by netlink, and nft.
# Every measurement has a network namespace of its own, which ends with it; who is compared takes turns. Processor
# seconds, of the process and of the kernel in its name; docs/performance.md says how to read them.
#   bench/enforce.sh [--stateless] [--quick] [--edges N] [--rounds N] [--sizes LIST] [--build FOLDER]
# It needs root, nft and -Dbench=true. --stateless: the bridge judges by itself. --edges: of what is loaded and read
# back; the default makes 400,000 elements. --sizes: edges that containers start among. --quick: whether it works at all.
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

build=$here/build/bench bridge=stateful edges=40000 rounds=5 sizes="1000 10000 40000 100000" bursts=300 starts=21
map_sizes="80 1000 5000 20000"
while [ $# -gt 0 ]; do
	case $1 in
	--quick)
		edges=200 rounds=1 sizes="10 200" bursts=20 starts=3 map_sizes="16 80"
		shift
		continue
		;;
	--stateless)
		bridge=stateless
		shift
		continue
		;;
	--edges) edges=$2 ;;
	--rounds) rounds=$2 ;;
	--sizes) sizes=$2 ;;
	--build) build=$2 ;;
	*)
		echo "usage: bench/enforce.sh [--stateless] [--quick] [--edges N] [--rounds N] [--sizes LIST] [--build FOLDER]" >&2
		exit 2
		;;
	esac
	shift 2
done
[ "$(id -u)" = 0 ] || {
	echo "bench/enforce.sh needs root" >&2
	exit 2
}
[ -x "$build/bench/enforce" ] || {
	[ -d "$build" ] || meson setup "$build" "$here" --buildtype=release -Dbench=true >/dev/null || exit 1
	ninja -C "$build" bench/{enforce,curve,run} >/dev/null || exit 1
}
enforce=("$build/bench/enforce") replicas=4
[ $bridge = stateful ] || enforce+=(--stateless)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 143' INT TERM

apart() {
	unshare --net "$@"
}

fail() {
	echo "bench/enforce.sh: $1 failed" >&2
	exit 1
}

# counted NAME COMMAND...: adds its processor seconds and KiB to NAME's list.
counted() {
	local name=$1
	shift
	apart "$build/bench/run" "$scratch/$name" "$@" >"$scratch/out" || fail "$name"
}

# medians NAME: of seconds, and of KiB.
medians() {
	local column
	for column in 1 2; do
		awk -v c=$column '{ print $c }' "$scratch/$1" | sort -n |
			awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
	done | paste -sd' '
}

loading() {
	local name seconds kib least
	apart "${enforce[@]}" record "$edges" $replicas "$scratch/transaction" >"$scratch/elements" || fail record
	"${enforce[@]}" print ruleset "$edges" $replicas >"$scratch/ruleset.nft" || fail print
	for _ in $(seq "$rounds"); do
		counted bulkhead "${enforce[@]}" load "$edges" $replicas
		counted netlink "${enforce[@]}" send "$scratch/transaction"
		counted nft nft -f "$scratch/ruleset.nft"
	done
	least=$(medians netlink)
	echo "| loading $(cat "$scratch/elements") elements | CPU s | × | MB | × nft |"
	echo "|---|---|---|---|---|"
	for name in netlink bulkhead nft; do
		read -r seconds kib <<<"$(medians $name)"
		echo "| $name | $seconds | $(ratio "$seconds" "${least% *}") | $((kib / 1000)) |" \
			"$(ratio "$kib" "$(medians nft | cut -d' ' -f2)") |"
	done
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf (b > 0 ? "%.2f" : "–"), a / b }'
}

# starting CONTAINERS
starting() {
	local size elements count changed ours bare times
	echo "| edges | elements | containers | elements changed | netlink, CPU ms | bulkhead, CPU ms | × | ms a container |"
	echo "|---|---|---|---|---|---|---|---|"
	for size in $sizes; do
		apart "${enforce[@]}" start "$size" $replicas "$starts" "$1" >"$scratch/start" || fail start
		read -r elements count changed ours bare times <"$scratch/start"
		echo "| $size | $elements | $count | $changed | $bare | $ours | $times | $(awk "BEGIN { printf \"%.3f\", $ours / $count }") |"
	done
}

reading() {
	local size elements seconds mb kib
	echo "| reading back | elements | CPU s | MB |"
	echo "|---|---|---|---|"
	for size in $((edges / 4)) "$edges"; do
		apart "${enforce[@]}" scan "$size" $replicas "$rounds" >"$scratch/scan" || fail scan
		read -r elements seconds mb <"$scratch/scan"
		echo "| bulkhead, and comparing them with what is wanted | $elements | $seconds | $mb |"
	done
	for _ in $(seq "$rounds"); do
		# shellcheck disable=SC2016 # it is the inner shell that expands
		apart sh -c 'nft -f "$1" && "$2" "$3" nft list ruleset >"$4"' sh "$scratch/ruleset.nft" \
			"$build/bench/run" "$scratch/list" "$scratch/listed" || fail "nft list ruleset"
	done
	read -r seconds kib <<<"$(medians list)"
	echo "| nft list ruleset | $elements | $seconds | $((kib / 1000)) |"
}

curve() {
	local size
	printf '| layout | |'
	for size in $map_sizes; do
		printf ' %s elements, µs |' "$size"
	done
	printf '\n|---|---|'
	for size in $map_sizes; do
		printf -- '---|'
	done
	echo
	# shellcheck disable=SC2086 # a size a word
	apart "$build/bench/curve" "$starts" $map_sizes || fail curve
}

echo "$(date -u +%F), $(nproc) × $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
	"Linux $(uname -r), $bridge, load $(cut -d' ' -f1 /proc/loadavg); medians of $rounds rounds, of changes $starts"
echo
loading
echo
starting 1
echo
starting "$bursts"
echo
reading
echo
curve
