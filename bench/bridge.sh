#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/bridge.sh [-n ROUNDS] [-e EDGES] [-b BUILD]: what it costs traffic on one bridge to be judged.
#
# Three hosts stand at once, each a client, a bridge and a server in network namespaces of their own: `plain`
# judges nothing, `stateful` hands the bridge's frames to netfilter, `stateless` judges on the bridge. Both have
# the same rules: EDGES (100,000) permissions of other workloads, and those of the client and the server, both of
# which are enforced. In each of the ROUNDS (21) every host gets each load once, in an order that changes. The
# table has the medians of the rounds' ratios to plain, by the CPU seconds that client and server take: more is
# better, 1.00 is as cheap as nothing.
# Root, and a build with -Dbench=true in BUILD (build/bench).
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
rounds=21 edges=100000 build=$here/build/bench
while getopts n:e:b: option; do
	case $option in
	n) rounds=$OPTARG ;;
	e) edges=$OPTARG ;;
	b) build=$OPTARG ;;
	*) exit 2 ;;
	esac
done
driver=$build/tests/netns/enforce/enforce_driver load=$build/bench/load
scratch=$(mktemp -d)
hosts="plain stateful stateless"
declare -A amount=([connect]=1500 [tcp]=5000 [udp]=5000)

clean() {
	exec 7>&- 8>&-
	for host in $hosts; do
		for name in h c s; do
			for pid in $(ip netns pids "bb$$-$host-$name" 2>/dev/null); do
				kill "$pid" 2>/dev/null
			done
			ip netns del "bb$$-$host-$name" 2>/dev/null
		done
	done
	rm -rf "$scratch"
}
trap clean EXIT
trap "exit 1" INT TERM

on() { # HOST NAME COMMAND…
	nsenter --net="/run/netns/bb$$-$1-$2" "${@:3}"
}

make_host() {
	local host=$1 name number=1 bridge=bb$$-$1-h
	for name in h c s; do
		ip netns add "bb$$-$host-$name"
		on "$host" "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		ip -n "bb$$-$host-$name" link set lo up
	done
	on "$host" h sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
	ip -n "$bridge" link add br0 type bridge
	ip -n "$bridge" link set br0 up
	for name in c s; do
		ip -n "$bridge" link add "v$name" type veth peer name eth0 address "02:00:00:00:00:0$number" \
			netns "bb$$-$host-$name"
		ip -n "$bridge" link set "v$name" master br0 up
		ip -n "bb$$-$host-$name" link set eth0 up
		ip -n "bb$$-$host-$name" address add "10.99.0.$number/24" dev eth0
		number=$((number + 1))
	done
}

# The client may open everything of the server; each of the others 100 ports.
rules() {
	awk -v edges="$edges" 'BEGIN {
		print "bridge br0\nmember vc br0\nmember vs br0"
		print "chain client egress enforce drop"
		for (p = 7000; p < 7010; p++) {
			print "permit peer tcp " p " 10.99.0.2\npermit peer udp " p " 10.99.0.2"
		}
		print "chain client ingress enforce drop\nchain server egress enforce drop\nchain server ingress enforce drop"
		for (p = 7000; p < 7010; p++) {
			print "permit peer tcp " p " 10.99.0.1\npermit peer udp " p " 10.99.0.1"
		}
		for (w = 0; w < edges / 100; w++) {
			print "chain w" w " egress enforce drop"
			for (k = 0; k < 100; k++)
				print "permit peer tcp " 5000 + k " 10." 100 + int(w / 256) "." w % 256 "." k
			print "chain w" w " ingress enforce drop"
			print "bind br0 10.98." int(w / 256) "." w % 256 " w" w " vw" w
		}
		print "bind br0 10.99.0.1 client vc\nbind br0 10.99.0.2 server vs"
		print "port vc bridged enforce client 02:00:00:00:00:01 10.99.0.1"
		print "port vs bridged enforce server 02:00:00:00:00:02 10.99.0.2"
	}'
}

# enforce HOST DESCRIPTOR: the process that holds its tables ends with the descriptor.
enforce() {
	mkfifo "$scratch/$1.in"
	on "$1" h "$driver" serve-plain <"$scratch/$1.in" >"$scratch/$1.out" &
	eval "exec $2>\"$scratch/$1.in\""
	echo "apply $scratch/$1.rules" >&"$2"
	until [ -s "$scratch/$1.out" ]; do sleep 0.2; done
	grep -q '^0 ' "$scratch/$1.out" || { cat "$scratch/$1.out"; exit 1; }
}

server_time() { # HOST: nanoseconds that its server has been on a processor
	local pid
	for pid in $(ip netns pids "bb$$-$1-s"); do
		cat "/proc/$pid/schedstat"
	done | awk '{ sum += $1 } END { print sum }'
}

turn() { # HOST LOAD: CPU seconds of both ends, in whose time the bridge does its work
	local before
	before=$(server_time "$1")
	on "$1" c "$load" "$2" 10.99.0.2 "${amount[$2]}" >"$scratch/done" || exit 1
	jq --argjson a "$before" --argjson b "$(server_time "$1")" '.cpu_seconds + ($b - $a) / 1e9' "$scratch/done"
}

for host in $hosts; do
	make_host "$host"
	on "$host" s "$load" serve 10.99.0.2 >/dev/null 2>&1 &
done
rules >"$scratch/stateful.rules"
{ echo stateless && cat "$scratch/stateful.rules"; } >"$scratch/stateless.rules"
enforce stateful 7
enforce stateless 8
ip -n "bb$$-stateful-h" link set br0 type bridge nf_call_iptables 1 nf_call_ip6tables 1
sleep 1
for host in $hosts; do # what is resolved, loaded and learned by then is no cost of a judgement
	turn "$host" connect >/dev/null
done
for ((round = 0; round < rounds; round++)); do
	for what in connect tcp udp; do
		read -ra order <<<"$hosts"
		for ((i = 0; i < 3; i++)); do
			host=${order[$(((i + round) % 3))]}
			echo "$round $what $host $(turn "$host" $what)"
		done
	done
done >"$scratch/turns"
for host in stateful stateless; do
	if on "$host" h nft -t list ruleset | grep -E 'counter packets [1-9][0-9]* bytes [0-9]+ drop' >&2; then
		echo "$host refused something: these are no figures" >&2
		exit 1
	fi
done
echo "load       stateful  stateless   (ratio to a plain bridge; medians of $rounds rounds, $edges edges)"
for what in connect tcp udp; do
	printf '%-10s' "$what"
	for host in stateful stateless; do
		awk -v what="$what" -v host="$host" '$2 == what && $3 == "plain" { plain[$1] = $4 }
			$2 == what && $3 == host { own[$1] = $4 }
			END { for (r in own) print plain[r] / own[r] }' "$scratch/turns" | sort -n |
			awk '{ v[NR] = $1 } END { printf "  %8.2f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
	done
	echo
done
