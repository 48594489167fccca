#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab by itself: it comes up whole, the shop works, the attack tells an open bridge from a
# walled one and puts right what it broke, and nothing is left when it goes.
#
# Runs in mount, network and process namespaces of its own with an empty /run, so that "nothing is
# left" can be checked to the last file, and other labs on this machine stay apart.
set -uo pipefail

[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 77; }
if [ "${LAB_TEST_INSIDE:-}" = "" ]; then
	unshare -mnpf --mount-proc true 2>/dev/null ||
		{ echo "SKIPPED: namespaces cannot be made here"; exit 77; }
	LAB_TEST_INSIDE=1 exec unshare -mnpf --mount-proc --kill-child "$0" "$@"
fi
# What is mounted below the true /run is nobody's business here, and changes as others work.
awk '$2 ~ "^/run/" { print $2 }' /proc/self/mounts | tac | xargs -r -n 1 umount -n -l
mount -t tmpfs tmpfs /run || exit 1

labctl=${LABCTL:?path of the program that drives the lab}
scratch=$(mktemp -d)
trap '"$labctl" down; rm -rf "$scratch"' EXIT

fail() {
	echo "FAILED: $*" >&2
	"$labctl" report >&2
	exit 1
}

step() {
	echo "-- $*"
}

# eventually SECONDS COMMAND...
eventually() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}

on_host() {
	nsenter --net=/run/netns/bulkhead-lab "$@"
}

# Everything on this machine that the lab could leave behind.
traces() {
	ip -o link | cut -d: -f2
	ip netns list
	find /run -mindepth 1
	grep ' /run/' /proc/self/mounts
	pgrep -af 'lab role' || true
}

no_trace() {
	traces | diff "$scratch/before" -
}

# count HOST ACTIVITY: how often it went well.
count() {
	"$labctl" report | awk -F'\t' -v h="$1" -v a="$2" '$1 == h && $2 == a { print $3 }'
}

# all_work: everybody did something, nothing failed, nothing was cut.
all_work() {
	"$labctl" report | awk -F'\t' '
		{ lines++ }
		$3 == 0 || $4 != 0 || $5 != 0 { print; bad = 1 }
		END { exit lines < 15 || bad }'
}

# grew HOST ACTIVITY THAN
grew() {
	[ "$(count "$1" "$2")" -gt "$3" ]
}

# still_works: the shop goes on after this moment as it did before.
still_works() {
	local visits orders lines
	visits=$(count lab-internet "visits web")
	orders=$(count lab-web-2 "asks api")
	lines=$(count lab-api-2 "listens to cache")
	eventually 10 grew lab-internet "visits web" $((visits + 8)) || fail "nobody visits web any more"
	eventually 10 grew lab-web-2 "asks api" "$orders" || fail "web-2 gets no answer any more"
	eventually 10 grew lab-api-2 "listens to cache" "$lines" || fail "the cache fell silent"
	all_work || fail "something failed on the way"
}

# attack EXPECTED: every attempt ends so.
attack() {
	local began=$SECONDS
	"$labctl" attack >"$scratch/attack" || fail "the attack could not be made"
	[ $((SECONDS - began)) -lt 30 ] || fail "the attack took $((SECONDS - began)) seconds"
	[ "$(wc -l <"$scratch/attack")" = 24 ] || fail "not 24 attempts: $(cat "$scratch/attack")"
	! grep -v "^$1" "$scratch/attack" || fail "attempts that were not $1"
	grep -q 'ports open.*(and 2 that are)' "$scratch/attack" || fail "the scan does not see the api"
}

traces >"$scratch/before"

step "up"
"$labctl" up || fail "up"
[ "$(ip netns list | grep -cE '^(bulkhead-lab|lab-)')" = 9 ] || fail "not nine namespaces"
ip -n bulkhead-lab route get 192.0.2.1 2>/dev/null && fail "the lab has a route out"
for file in /proc/sys/net/bridge/bridge-nf-call-ip{,6}tables; do
	[ ! -e "$file" ] || [ "$(on_host cat "$file")" = 0 ] || fail "$file is on in the lab"
done
"$labctl" up 2>"$scratch/error" && fail "a second up"
grep -q 'up already' "$scratch/error" || fail "second up says: $(cat "$scratch/error")"

step "the shop works"
eventually 10 all_work || fail "not everybody works"
still_works

step "on an open bridge everything gets through, and is put right again"
attack through
api_mac=$(ip -n lab-api-1 -j link show eth0 | jq -r '.[0].address')
for address in 10.77.0.21 fd77::21; do
	ip -n lab-db neigh show "$address" dev eth0 | grep -q "$api_mac" ||
		fail "lab-db is still poisoned: $(ip -n lab-db neigh)"
done
[ "$(ip -n lab-db -6 route show default | wc -l)" = 1 ] || fail "the false router is still there"
still_works

step "behind a wall nothing does"
mac=$(ip -n lab-web-1 -j link show eth0 | jq -r '.[0].address')
link_local=$(ip -n lab-web-1 -o -6 addr show dev eth0 scope link | awk '{ sub("/.*", "", $4); print $4 }')
# hex ADDRESS: as nft wants the value of bytes that it has no name for.
hex() {
	python3 -c 'import ipaddress, sys; print(hex(int(ipaddress.IPv6Address(sys.argv[1]))))' "$1"
}
on_host nft -f - <<-RULES || fail "nft"
	table bridge wall {
		chain from_web {
			ether saddr != $mac drop
			arp saddr ip 10.77.0.11 accept
			ip saddr 10.77.0.11 tcp sport 80 accept
			ip6 saddr fd77::11 tcp sport 80 accept
			ip saddr 10.77.0.11 ip daddr { 10.77.0.21, 10.77.0.22 } tcp dport 8080 accept
			ip6 saddr fd77::11 ip6 daddr { fd77::21, fd77::22 } tcp dport 8080 accept
			ip6 saddr { fd77::11, $link_local } icmpv6 type nd-neighbor-solicit accept
			icmpv6 type nd-neighbor-advert @th,64,128 { $(hex fd77::11), $(hex "$link_local") } accept
			drop
		}
		chain prerouting {
			type filter hook prerouting priority 0
			iifname "lab-web-1" jump from_web
		}
	}
RULES
attack refused
still_works

step "down"
sleep 1000 &
stranger=$!
echo "$stranger 1" >/run/bulkhead-lab/lab-stranger.process
"$labctl" down || fail "down"
kill -0 $stranger || fail "a process was ended that only had the same id"
kill $stranger
no_trace || fail "down left something"
"$labctl" down || fail "a second down"

step "a name that is taken"
ip netns add lab-cache
"$labctl" up 2>"$scratch/error" && fail "up over somebody else's namespace"
grep -q lab-cache "$scratch/error" || fail "up says: $(cat "$scratch/error")"
[ "$(ip netns list | awk '{print $1}')" = lab-cache ] || fail "left: $(ip netns list)"
[ ! -e /run/bulkhead-lab ] || fail "records are left of a failed up"
ip netns del lab-cache
umount -n /run/netns && rmdir /run/netns
no_trace || fail "a failed up left something"

step "an up that was killed half way"
for delay in 0.005 0.015 0.03; do
	"$labctl" up &
	sleep $delay
	kill -9 $! && wait $! 2>/dev/null
	"$labctl" down || fail "down after an up that was killed after $delay s"
	eventually 3 no_trace || fail "something is left of an up that was killed after $delay s"
done

step "a role leaves when its namespace goes"
"$labctl" up || fail "up again"
ip netns del lab-job
gone() {
	! pgrep -f 'lab role lab-job'
}
eventually 3 gone || fail "lab-job's process stays"
"$labctl" down || fail "down without lab-job"
no_trace || fail "the last down left something"
echo "passed"
