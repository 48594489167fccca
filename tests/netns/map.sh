#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The map of all that is known has what was denied, before a restart and after; ranges that are compared do not overlap; a
# search does not find what is in everybody's group.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs curl nft
make_host "map-$$"
add_bridge br0 10.94.0.254/24
add_guest one br0 10.94.0.1/24
add_guest two br0 10.94.0.2/24
for port in 80 81; do
	nsenter --net="/run/netns/$host-two" python3 -m http.server $port >/dev/null 2>&1 &
	at_end "kill $! 2>/dev/null"
	listening two $port
done
write_config "runtimes: {docker: off, podman: off, lxc: off}"
start_daemon
knows 2

# asked QUERY: the map's answer.
asked() {
	curl -s --unix-socket "$scratch/run/api.sock" "http://bulkhead/v1/map$1"
}
# shows QUERY JQ: whether the expression holds on it.
shows() {
	asked "$1" | jq -e "$2" >/dev/null
}
# fetch PORT
fetch() {
	in_guest one curl -s -m 1 -o /dev/null "http://10.94.0.2:$1/"
}

step "what is learned, and what is denied"
for _ in 1 2 3; do
	fetch 80 || fail "nobody answers at port 80"
done
eventually 20 has_edge "netns:$host-one" "netns:$host-two" 80 || fail "nothing is learned"
enforce_all
for _ in 1 2 3; do
	fetch 81 && fail "port 81 is not denied"
done
denied='.totals.denied == 3 and .range.complete and any(.edges[];
	.state == "denied" and .denied == 3 and any(.ports[]; .port == "81/tcp" and .denied == 3))'
denied_plainly='any(.edges[]; .port == 81 and .denied == 3 and .connections == 0)'
eventually 20 shows '?collapse=none' "$denied" || fail "no denial: $(asked '?collapse=none')"
shows '' "$denied_plainly" || fail "no denial: $(asked '')"

step "after a restart both maps have it all the same"
stop_daemon
start_daemon
knows 2
eventually 20 shows '?collapse=none' "$denied" || fail "denials are forgotten: $(asked '?collapse=none')"
shows '' "$denied_plainly" || fail "denials are forgotten: $(asked '')"
shows '?collapse=none' '.range.known_since != null and any(.edges[].ports[]; .port == "80/tcp" and .connections == 3)' ||
	fail "what was learned is counted otherwise: $(asked '?collapse=none')"
bh map | grep -q "✗ netns:$host-two  *81/tcp  *0  *3 " || fail "bulkhead map: $(bh map)"
curl -s --unix-socket "$scratch/run/api.sock" 'http://bulkhead/v1/map/edges' |
	jq -e 'any(.edges[]; .port == 81 and .state == "denied" and .denied == 3)' >/dev/null || fail "what is behind an edge"

step "what an earlier range has not is added"
# added QUERY: every edge is, and the earlier range ends where the other begins.
added() {
	shows "?collapse=none&$1" '.before.until == .range.since and .before.since < .before.until and (.edges | length > 0) and
		all(.edges[]; .change == "added" and .before.connections == 0)' || fail "$1: $(asked "?collapse=none&$1")"
}
added 'since=15m&before_since=24h'
added 'since=15m&before_since=24h&before_until=1m'
added 'since=15m&before_since=16m'
added 'since=15m&before_since=30d'
for times in before_since=24h 'until=1h&before_since=24h' 'since=15m&before_since=10m' 'since=1h&before_since=3h&before_until=4h'; do
	shows "?$times" '.error.where == "before_since"' || fail "$times: $(asked "?$times")"
done

step "a search"
shows "?q=$host-two" 'any(.nodes[]; .id | endswith("-two"))' || fail "a name is not found"
for text in oup group: group; do
	shows "?collapse=none&q=$text" '.nodes == []' || fail "$text is found: $(asked "?collapse=none&q=$text")"
done
echo ok
