#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The language of filters on the lab's real traffic: listed, followed, over the API; what is none; and the map and CSV
# of the same.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
host="bulkhead-lab"
write_config "runtimes: {docker: off}"
"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
start_daemon
knows 7

# all_are FILTER JQ: there are flows like that, and of each of them the expression holds.
all_are() {
	bh flows --format json "$1" >"$scratch/flows" || return
	[ -s "$scratch/flows" ] && jq -e -s "all(.[]; $2)" "$scratch/flows" >/dev/null
}

step "each end by its name, its network and its port"
eventually 20 has_edge netns:lab-web netns:lab-api 8080 || fail "nothing is learned"
for case in \
	'src netns:lab-web|.src.workload == "netns:lab-web"' \
	'workload "netns:lab-[ad]*"|any(.src, .dst; .workload | . == "netns:lab-api" or . == "netns:lab-db")' \
	'dst port 5432/tcp|.dst.port == 5432 and .proto == "tcp"' \
	'dst 10.77.0.0/24 and tcp|(.dst.ip | startswith("10.77.0.")) and .proto == "tcp"' \
	'ipv6 and src net fd77::/64|.src.ip | startswith("fd77:")' \
	'port 8080 or 5432|.dst.port == 8080 or .dst.port == 5432' \
	'tcp and not (port 8080 or port 5432)|.proto == "tcp" and .dst.port != 8080 and .dst.port != 5432' \
	'delivered and packets > 3|.verdict == "delivered" and .tx.packets + .rx.packets > 3'; do
	eventually 20 all_are "${case%%|*}" "${case#*|}" || fail "${case%%|*}: $(head -n 3 "$scratch/flows")"
done

step "flows that are like that and no other, beside --workload and --verdict"
eventually 10 sh -c "'$bulkhead' --socket '$scratch/run/api.sock' flows --workload netns:lab-db --verdict delivered \
	--format json 'src netns:lab-job' | jq -e -s 'length > 0 and
	all(.[]; .src.workload == \"netns:lab-job\" and .dst.workload == \"netns:lab-db\")'" ||
	fail "a filter and the options do not go together"
bh flows 'src netns:lab-db and dst port 9' >"$scratch/none" || fail "nothing is no answer"
grep -qx 'No flow is like that.' "$scratch/none" || fail "it is not said: $(cat "$scratch/none")"

step "of a time that has passed: what is over, and what goes on"
# past JQ ARGUMENT...: of the flows of that time, all in one list, the expression holds.
past() {
	local holds=$1
	shift
	bh flows --format json "$@" 2>"$scratch/said" >"$scratch/flows" && jq -e -s "$holds" "$scratch/flows" >/dev/null
}
both='any(.[]; .dst.port == 6380 and .number == null and .state == "established") and any(.[]; .dst.port == 8080 and .number != null)'
eventually 60 past "$both" --since 10m 'src netns:lab-api or dst netns:lab-api' || fail "not both: $(tail -n 3 "$scratch/flows")"
jq -e -s 'map(.number | values) | . == sort' "$scratch/flows" >/dev/null || fail "the newest is not last"
jq -e -s 'group_by([.first, .proto, .src, .dst, .tunnel]) | all(.[]; length == 1)' "$scratch/flows" >/dev/null || fail "one is there twice"
grep -q 'it begins before the oldest flow that is recorded; known since' "$scratch/said" || fail "what is missing is not said: $(cat "$scratch/said")"
past 'length == 3' --since 10m --limit 3 || fail "not three"
past '. == []' --until 5m || fail "there is something of before the lab was there"
over=$(date -u +%Y-%m-%dT%H:%M:%SZ)
eventually 30 past 'any(.[]; .number != null)' --since "$over" || fail "nothing is over"
past "all(.[]; .last >= $(date -d "$over" +%s))" --since "$over" || fail "there is something of before"
past "length > 0 and all(.[]; .last <= $(date -d "$over" +%s))" --until "$over" || fail "there is something of later"
[ ! -s "$scratch/said" ] || fail "of all that is recorded something is missing: $(cat "$scratch/said")"
bh flows --since 1m --until 2m 2>"$scratch/said" && fail "an end before the beginning"
grep -q 'since is not before until' "$scratch/said" || fail "$(cat "$scratch/said")"
bh flows --since yesterday 2>"$scratch/said" && fail "yesterday is a time"
stop_daemon
start_daemon
past "length > 0 and all(.[]; .number != null and .dst.port == 8080)" --until "$over" 'dst port 8080' || fail "forgotten with the daemon"

step "followed"
bh flows --follow --format json 'src netns:lab-api and dst port 5432' >"$scratch/followed" &
follower=$!
at_end "kill $follower 2>/dev/null"
eventually 20 test -s "$scratch/followed" || fail "nothing is followed"
kill $follower
sed '$d' "$scratch/followed" | jq -e -s \
	'all(.[]; .src.workload == "netns:lab-api" and .dst.port == 5432)' >/dev/null || fail "others are followed, too"

step "what is no filter is refused with its place"
status=$(curl -s --unix-socket "$scratch/run/api.sock" -o "$scratch/refused" -w '%{http_code}' -G http://x/v1/flows \
	--data-urlencode 'filter=tcp and verdct denied')
[ "$status" = 400 ] || fail "status $status"
jq -e '.error.where == "filter" and (.error.what | test("character 9: .*did you mean verdict"))' "$scratch/refused" \
	>/dev/null || fail "$(cat "$scratch/refused")"
status=$(curl -s --unix-socket "$scratch/run/api.sock" -o /dev/null -w '%{http_code}' -G http://x/v1/flows \
	--data-urlencode 'filter=(' --data-urlencode follow=1)
[ "$status" = 400 ] || fail "a stream with no filter: status $status"

step "the map of the same, in every format"
bh map >"$scratch/map" || fail "map"
grep -qE '^ +→ netns:lab-api +8080/tcp +[1-9]' "$scratch/map" || fail "no tree: $(cat "$scratch/map")"
bh map --format dot | grep -qE '"netns:lab-web" -> "netns:lab-api" \[label="8080/tcp · [1-9]' || fail "dot"
bh map --format mermaid | grep -q '^  subgraph g0\["netns"\]$' || fail "mermaid"
for format in graphml svg; do
	bh map --format $format >"$scratch/map.xml" || fail "$format"
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$scratch/map.xml" || fail "$format is no XML"
	grep -q netns:lab-cache "$scratch/map.xml" || fail "$format has not all of them"
done
[ "$(bh map --format csv | grep -c '^netns:lab-web,netns,netns:lab-api,netns,tcp,8080,')" = 1 ] || fail "csv"
for what in flows edges events; do
	bh $what --format csv >"$scratch/$what.csv" || fail "$what --format csv"
	python3 -c 'import csv, sys
with open(sys.argv[1], newline="", encoding="utf-8") as file:
	rows = list(csv.reader(file, strict=True))
assert len(rows) > 1 and len({len(row) for row in rows}) == 1, rows[:3]' "$scratch/$what.csv" || fail "$what --format csv"
done
