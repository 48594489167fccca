#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/rules.sh [--quick] [--rounds N] [--edges "N ..."] [--rules "KIND ..."] [--build FOLDER]: what rules cost
# new connections, by how many edges they allow.
#
# Hosts with a client and a server each, as in bench/turns.sh, and all of them stand at once: one whose bridge has
# nothing but `ct state established accept`, and for each number of edges, and each kind, one with
#   stateless  the rules that the daemon would have made, of workloads of four replicas each, on the bridge itself
#   bulkhead   the same where connections are tracked (enforcement.bridge: stateful)
#   nft        a rule for each edge, of one replica each; the client's is the middle one
#   iptables   the same for iptables as Debian has it, over nftables
#   legacy     the same for iptables as it was
#   ipset      one rule of iptables-legacy, and an element for each pair of the edges' replicas
# In each of the ROUNDS (30) every host opens some connections, in an order that changes; the ratios are taken
# round by round, of rates and of the processor time that client and server need for a connection: on virtual links
# the path's is theirs, and it wavers less where others use the machine. docs/performance.md says what the columns are. Needs root; what is missing is installed.
# --quick: whether it works at all.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/packages.sh disable=SC1091
. "$here/scripts/packages.sh"
# shellcheck source=bench/hosts.sh disable=SC1091
. "$here/bench/hosts.sh"

usage() {
	die "usage: $0 [--quick] [--rounds N] [--edges \"N ...\"] [--rules \"KIND ...\"] [--build FOLDER]"
}

rounds=30 edges="10 1000 10000 100000" kinds="stateless bulkhead nft iptables legacy ipset" connections=500 built=
declare -A servers
while [ $# -gt 0 ]; do
	case $1 in
	--quick)
		rounds=2 edges="10 100" connections=50
		shift
		continue
		;;
	--rounds) rounds=${2:-} ;;
	--edges) edges=${2:-} ;;
	--rules) kinds=${2:-} ;;
	--build) built=${2:-} ;;
	*) usage ;;
	esac
	[ $# -ge 2 ] || usage
	shift 2
done
[ "$rounds" -ge 1 ] || die "ROUNDS is a number from 1 on"
[ "$(id -u)" = 0 ] || die "needs root"

# --- rules --------------------------------------------------------------------------------------

# Of the host in use. KIND EDGES
install_rules() {
	local written=$scratch/rules

	bridge_tracking "$([ "$1" = stateless ] && echo 0 || echo 1)"
	on "$host" nft flush ruleset
	case $1 in
	accept)
		on "$host" nft -f - <<-END
			table ip bench { chain forward { type filter hook forward priority 0; ct state established accept; }; }
		END
		;;
	bulkhead | stateless)
		local how=()
		[ "$1" = bulkhead ] || how=(--stateless)
		nsenter --net="/run/netns/$host" "$build/bench/enforce" "${how[@]}" hold "$2" 4 >"$written" &
		until [ -s "$written" ]; do
			kill -0 $! 2>/dev/null || die "the rules for $2 edges cannot be applied"
			sleep 0.1
		done
		;;
	nft) "$build/bench/enforce" print nft "$2" 4 | on "$host" nft -f - ;;
	iptables) "$build/bench/enforce" print iptables "$2" 4 | on "$host" iptables-nft-restore ;;
	legacy) "$build/bench/enforce" print iptables "$2" 4 | on "$host" iptables-legacy-restore ;;
	ipset)
		"$build/bench/enforce" print ipset "$2" 4 | on "$host" ipset restore &&
			on "$host" iptables-legacy-restore <<-END
				*filter
				:FORWARD DROP
				-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
				-A FORWARD -m set --match-set edges src,dst,dst -j ACCEPT
				COMMIT
			END
		;;
	*) die "no such kind of rules: $1" ;;
	esac || die "the rules $1 for $2 edges cannot be installed"
}

# The MACs that bulkhead's rules know.
name_ends() {
	ip -n "$client" link set eth0 address 02:00:00:00:00:01
	ip -n "$server" link set eth0 address 02:00:00:00:00:02
	ip -n "$client" neigh flush all
	ip -n "$server" neigh flush all
}

# prepare_host KIND EDGES
prepare_host() {
	[ -t 2 ] && printf '\r\033[K%s of %s edges' "$1" "$2" >&2
	use_host "$1$2"
	make_host
	servers[$1$2]=$server_pid
	name_ends
	install_rules "$1" "$2"
	# A rule that lets nothing through would be the fastest of all; one that is not asked, too.
	load connect 1
	must_refuse "$1"
	hosts+=("$1 $2")
}

# The server answers UDP, too: for that there is no edge.
must_refuse() {
	[ "$1" != accept ] || return 0
	on "$client" timeout 0.5 "$build/bench/load" udp "$server_address" 1 >/dev/null 2>&1 &&
		die "$1 lets through what no edge allows"
}

# --- measuring ----------------------------------------------------------------------------------

# Nanoseconds that the server and its children have run.
served() {
	local pid
	for pid in "$1" $(cat "/proc/$1/task/$1/children"); do
		cat "/proc/$pid/schedstat"
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# turn HOST: connections a second, the 99th percentile, and microseconds of processor time a connection.
turn() {
	local before after

	use_host "$1"
	before=$(served "${servers[$1]}")
	load connect "$connections"
	after=$(served "${servers[$1]}")
	echo "$(value_of rate) $(value_of p99_usec)" "$(awk -v s=$((after - before)) -v c="$(value_of cpu_seconds)" \
		-v n="$connections" 'BEGIN { print (s / 1e3 + c * 1e6) / n }')"
}

# Lines of KIND EDGES ROUND and what a turn says.
measure_all() {
	local round kind count

	for ((round = 1; round <= rounds; round++)); do
		[ -t 2 ] && printf '\r\033[Kround %d of %d' "$round" "$rounds" >&2
		while read -r kind count; do
			echo "$kind $count $round $(turn "$kind$count")"
		done < <(printf '%s\n' "${hosts[@]}" | shuf)
	done >"$top/turns"
	[ -t 2 ] && printf '\r\033[K' >&2
}

# of KIND EDGES COLUMN: by round.
of() {
	awk -v kind="$1" -v count="$2" -v c="$3" '$1 == kind && $2 == count { print $c }' "$top/turns"
}

middle() {
	sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# against KIND EDGES COLUMN OTHER-KIND OTHER-EDGES
against() {
	paste <(of "$1" "$2" "$3") <(of "$4" "$5" "$3") | awk '{ print $1 / $2 }' | bounds
}

# row KIND EDGES
row() {
	local first=${edges%% *}

	[ "$1" != accept ] || first=0
	printf '| %s | %s | %.0f |%s | %s |%s |%s | %.0f | %.0f |\n' "$1" "$2" "$(of "$1" "$2" 4 | middle)" \
		"$(against "$1" "$2" 4 accept 0)" "$(of "$1" "$2" 6 | middle)" "$(against "$1" "$2" 6 accept 0)" \
		"$(against "$1" "$2" 6 "$1" "$first")" "$(of "$1" "$2" 5 | middle)" \
		"$(paste <(of "$1" "$2" 5) <(of accept 0 5) | awk '{ print $1 - $2 }' | middle)"
}

print_table() {
	local each

	echo "$(date -u +%F), $(nproc) × $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg); medians of $rounds rounds of $connections" \
		"connections (95 % of the median)"
	echo
	echo "| rules | edges | connections/s | × accept | CPU µs | × accept | × ${edges%% *} edges | p99, µs | added to p99, µs |"
	echo "|---|---|---|---|---|---|---|---|---|"
	for each in "${hosts[@]}"; do
		# shellcheck disable=SC2086 # a kind and a number
		row $each
	done
}

# shellcheck disable=SC2086 # a package a word
install_missing nftables iptables ipset >&2
if [ -n "$built" ]; then
	build=$built
else
	build_all
	ninja -C "$build" bench/enforce >/dev/null || die "the build failed"
fi
hosts=()
prepare
prepare_host accept 0
for count in $edges; do
	for kind in $kinds; do
		prepare_host "$kind" "$count"
	done
done
measure_all
print_table
