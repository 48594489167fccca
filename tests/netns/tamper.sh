#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody changes bulkhead's tables behind its back. Where they are owned, he cannot; where they are watched, they
# are repaired, and told with who it was. What was changed while no daemon ran is found when the next one starts.
# Usage: tamper.sh [stateful|stateless]
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/services.sh
. "$(dirname "$0")/services.sh"

bridge=${1:-stateless}
needs nft
make_host "tamper-$$"
configure() { # PROTECTION
	write_config "runtimes: {docker: off}
enforcement: {table_protection: $1, verify_every: 10s, bridge: $bridge}"
}
configure watch
forget_datagrams_soon
add_services 93
start_daemon
knows 3

case $bridge in
stateful) family=inet chain=forward ;;
stateless) family=bridge chain=traffic ;;
esac
# judged: what the policy allows passes, what it denies does not, in both families.
judged() {
	local address
	for address in 10.93.0.2 fd93::2; do
		reach tcp $address || return 1
	done
	for address in 10.93.0.3 fd93::3; do
		! reach tcp $address || return 1
	done
}
# ruleset: what there is, whatever the order in which it was made.
ruleset() {
	on_host nft -s list ruleset | grep -v '^# ' | tr -d '\t {}' | tr ',' '\n' | sort
}
tampered() {
	bh status --format json | jq .enforcement.tampered
}
last_event() {
	bh events --format json --limit 2000 | jq -s '[.[] | select(.kind == "tampering" and has("found"))] | last'
}
told() { # COUNT
	[ "$(tampered)" -gt "$1" ]
}

# disturb WHAT COMMAND...: it is repaired, in time, and told with nft and its process id.
disturb() {
	local what=$1 before event pid
	shift
	before=$(tampered)
	on_host sh -c 'echo $$ >"$0"; exec "$@"' "$scratch/pid" "$@" || fail "$what: nft refuses"
	pid=$(cat "$scratch/pid")
	eventually 20 told "$before" || fail "$what: nobody tells"
	ruleset >"$scratch/after"
	diff "$scratch/whole" "$scratch/after" >"$scratch/difference" || fail "$what: not repaired: $(cat "$scratch/difference")"
	event=$(last_event)
	jq -e --argjson pid "$pid" '.process == "nft" and .pid == $pid and .found == "told" and .done != null and .repaired and
		.repaired_after < 5' <<<"$event" >/dev/null || fail "$what: the event is $event"
	jq -r --arg what "$what" '"\($what): repaired after \(.repaired_after * 1000 | round) ms: \(.text)"' <<<"$event"
	judged || fail "$what: traffic is not judged as before"
	sleep 2 # no fight: each is forgiven before the next
}

step "enforce, $bridge, watched"
allow_api
eventually 10 status_is '.enforcement.state == "active" and .enforcement.verified != null' || fail "no rules, or not verified"
status_is '.enforcement.tables == "watch" and .enforcement.tables_why == null and .enforcement.tampered == 0' ||
	fail "status: $(bh status --format json | jq -c .enforcement)"
bh status | grep -q '^verified ' || fail "status does not say in words when it was verified"
judged || fail "traffic is not judged"
ruleset >"$scratch/whole"
e_api=$(on_host nft list table "$family" bulkhead | sed -n 's/^\tset \(i_[0-9a-f]*_4\) .*/\1/p' | head -1)
[ -n "$e_api" ] || fail "no set of permissions"

step "an open connection outlives it, where connections are tracked"
nsenter --net="/run/netns/$host-web" python3 -c 'if True:
	import socket, sys, time
	s = socket.create_connection(("10.93.0.2", 80), 20)
	while True:
		s.send(b"x")
		open(sys.argv[1], "a").write(".")
		time.sleep(0.1)' "$scratch/held" 2>/dev/null &
holder=$!
at_end "kill $holder 2>/dev/null"
eventually 30 test -e "$scratch/held" || fail "no connection"

rule_handle() {
	on_host nft -a list chain "$family" bulkhead "$chain" | sed -n 's/.*# handle \([0-9]*\)$/\1/p' | sed -n 2p
}
first_element() { # as nft writes it
	on_host nft -j list set "$family" bulkhead "$1" >"$scratch/set.json"
	python3 - "$scratch/set.json" <<-'END'
		import json, sys
		def word(value):
		    if not isinstance(value, dict):
		        return str(value)
		    if "elem" in value:
		        return word(value["elem"]["val"])
		    if "concat" in value:
		        return " . ".join(word(part) for part in value["concat"])
		    if "range" in value:
		        return "-".join(word(end) for end in value["range"])
		    if "prefix" in value:
		        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
		    return str(value)
		for part in json.load(open(sys.argv[1]))["nftables"]:
		    if "set" in part or "map" in part:
		        print(word((part.get("set") or part["map"])["elem"][0]))
	END
}

disturb "flush ruleset" nft flush ruleset
disturb "delete table" nft delete table "$family" bulkhead
disturb "delete rule" nft delete rule "$family" bulkhead "$chain" handle "$(rule_handle)"
disturb "delete element" nft delete element "$family" bulkhead "$e_api" "{ $(first_element "$e_api") }"
disturb "add rule" nft insert rule "$family" bulkhead "$chain" accept
disturb "add element" nft add element "$family" bulkhead "$e_api" "{ 10.93.0.1 . udp . 9 }"
disturb "match everything" nft add element "$family" bulkhead "$e_api" "{ * }"
disturb "flush set" nft flush set "$family" bulkhead "$e_api"
disturb "dormant table" nft add table "$family" bulkhead '{ flags dormant; }'
disturb "add chain" nft add chain "$family" bulkhead strange '{ type filter hook input priority -500; policy drop; }'

step "what others do elsewhere is none of this"
before=$(tampered)
on_host nft add table inet theirs
on_host nft add chain inet theirs bulkhead
on_host nft add table ip bulkhead
on_host nft delete table ip bulkhead
on_host nft delete table inet theirs
sleep 1
[ "$(tampered)" = "$before" ] || fail "somebody else's table is taken for ours: $(last_event)"
kill -0 $holder 2>/dev/null || fail "the connection was ended"

step "of more changes than the kernel can tell nothing is missed: the tables are read whole"
whole() {
	ruleset | cmp -s - "$scratch/whole"
}
python3 - >"$scratch/many.nft" <<-'END'
	print("table inet theirs { set many { type ipv4_addr; }; }")
	print("add element inet theirs many {", ",".join(f"1.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(150000)), "}")
END
before=$(tampered)
kill -STOP "$daemon_pid"
on_host nft -f "$scratch/many.nft" && on_host nft delete table inet theirs && on_host nft flush set "$family" bulkhead "$e_api" ||
	fail "nft"
kill -CONT "$daemon_pid"
eventually 20 told "$before" || fail "nobody notices"
eventually 20 whole || fail "not repaired: $(ruleset | diff "$scratch/whole" -)"
grep -q "No buffer space available; the tables are read whole" "$scratch/daemon.log" || fail "nothing was lost"
last_event | jq -e '.found == "seen" and .repaired and .process == null' >/dev/null || fail "the event is $(last_event)"
judged || fail "traffic is not judged as before"

step "a tool that fights is told, does not make the daemon spin, and loses"
pid=$daemon_pid
ticks() {
	awk '{ print $14 + $15 }' "/proc/$pid/stat"
}
from=$(ticks)
begun=$(date +%s%N)
flushes=0
# For so long that on any machine there is more than one to repair: what is flushed twice before a repair is one change.
while [ $((($(date +%s%N) - begun) / 1000000)) -lt 4000 ]; do
	on_host nft flush ruleset
	flushes=$((flushes + 1))
done
fought=$((($(date +%s%N) - begun) / 1000000))
eventually 8 status_is '.enforcement.state == "contested"' || fail "it is not called contested: $(bh status --format json | jq -c .enforcement)"
bh doctor --format json >"$scratch/doctor.json" && fail "the doctor is content"
jq -e '.faults | any(test("again and again"))' "$scratch/doctor.json" >/dev/null || fail "the doctor finds nothing"
eventually 10 whole || fail "it does not end repaired"
judged || fail "traffic is not judged after the fight"
used=$((($(ticks) - from) * 1000 / $(getconf CLK_TCK)))
echo "$flushes flushes in $fought ms: the kernel process used $used ms, and was called upon $(tampered) times in all"
# A self-test that fell into the fight comes again after a minute.
eventually 90 status_is '.enforcement.state == "active"' || fail "it remains contested"
eventually 5 has_event '.kind == "tampering" and (.text | test("contested"))' || fail "no event of it"
eventually 5 has_event '.kind == "tampering" and (.text | test("nobody changes"))' || fail "no event of its end"
[ "$(bh events --format json --limit 2000 | jq -s '[.[] | select(.kind == "tampering")] | length')" -lt 30 ] ||
	fail "each of them is told"

step "what was changed while no daemon ran is found at the next start, and repaired"
kill_daemon
on_host nft insert rule "$family" bulkhead "$chain" accept || fail "nft"
reach tcp 10.93.0.3 || fail "the hole is none"
start_daemon
eventually 15 whole || fail "it is not repaired: $(ruleset | diff "$scratch/whole" -)"
eventually 5 has_event '.kind == "tampering" and .found == "left" and .repaired and .process == null' || fail "it is not told"
judged || fail "traffic is not judged"

step "killed, and left alone: nothing is told"
kill_daemon
start_daemon
eventually 15 status_is '.enforcement.state == "active" and .enforcement.verified != null' || fail "no rules"
[ "$(tampered)" = 0 ] || fail "told without a reason: $(last_event)"

step "owned: others cannot, and who changes the orphaned table is found out"
stop_daemon
configure owner
start_daemon
eventually 15 status_is '.enforcement.state == "active" and .enforcement.tables == "owner" and .enforcement.verified != null' ||
	fail "no rules: $(bh status --format json | jq -c .enforcement)"
ruleset >"$scratch/whole"
on_host nft flush ruleset
on_host nft delete table "$family" bulkhead 2>/dev/null && fail "an owned table can be deleted"
on_host nft insert rule "$family" bulkhead "$chain" accept 2>/dev/null && fail "an owned table can be changed"
whole || fail "flush ruleset changed an owned table"
judged || fail "traffic is not judged"
[ "$(tampered)" = 0 ] || fail "told without a reason: $(last_event)"
kill_daemon
on_host nft delete table "$family" bulkhead || fail "nft"
start_daemon
eventually 15 whole || fail "it is not repaired: $(ruleset | diff "$scratch/whole" -)"
eventually 5 has_event '.kind == "tampering" and .found == "left" and .repaired' || fail "it is not told"
judged || fail "traffic is not judged"
