#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The store's file is moved or removed while the daemon runs: that is told at once, and nothing is said to be kept
# any more. A daemon that starts without it finds its rules in the kernel, and leaves them until somebody decides.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs nft
make_host "lost-$$"
write_config "runtimes: {docker: off}"
add_bridge br0 10.95.0.254/24
add_guest one br0 10.95.0.1/24
add_guest two br0 10.95.0.2/24
for guest in one two; do
	nsenter --net="/run/netns/$host-$guest" busybox nc -ll -p 7 -e true &
	at_end "kill $! 2>/dev/null"
done
database=$scratch/state/bulkhead.db

tables() {
	on_host nft list tables | grep -c -x -E 'table (inet|bridge) bulkhead'
}
reaches() {
	in_guest "$1" timeout 1 busybox nc "$2" 7 </dev/null >/dev/null 2>&1
}
only_what_is_allowed() {
	reaches one 10.95.0.2 || fail "what the policy allows does not pass: $1"
	reaches two 10.95.0.1 && fail "what the policy denies passes: $1"
	return 0
}
# faults JQ: whether the expression holds on doctor's faults. Its status is 1 where there are any, and no other.
faults() {
	bh doctor --format json >"$scratch/doctor"
	local status=$?
	jq -e --argjson s $status "(\$s == 1) == (.faults != []) and \$s <= 1 and (.faults | $1)" "$scratch/doctor" >/dev/null
}
no_fault() {
	faults 'length == 0'
}
well() {
	no_fault && status_is '[.unknown[] | select(contains("bulkhead.db"))] | length == 0'
}

step "where nobody was ever enforced there is nothing to tell"
start_daemon
knows 2
eventually 5 status_is '.enforcement.state == "off"' || fail "enforcement is not off"
well || fail "something is the matter: $(bh doctor)"
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  one: {bulkhead.workload: "netns:$host-one"}
	  two: {bulkhead.workload: "netns:$host-two"}
	rules:
	  - {from: one, to: two, ports: [7/tcp]}
YAML
govern() {
	bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
	bh mode all enforce --anyway >/dev/null || fail "enforce"
	eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
}
govern
only_what_is_allowed "at first"

step "a file that is moved away is told of, and so is that it is back"
moved() {
	faults 'any(contains("was moved or removed"))' && has_event '.kind == "store" and (.text | contains("moved or removed"))' &&
		status_is '.unknown | any(contains("was moved or removed"))'
}
mv "$database" "$scratch/elsewhere"
eventually 10 moved || fail "nobody tells that the store is gone: $(bh status)"
bh doctor >/dev/null && fail "doctor finds nothing"
said=$(bh mode "netns:$host-two" learn 2>&1) && fail "a mode is said to be kept, and is not"
[[ $said == *"was moved or removed"* ]] || fail "why the mode is refused is not told: $said"
mv "$scratch/elsewhere" "$database"
eventually 10 well || fail "the file is back, and is still missed: $(bh doctor)"

step "a daemon that lost its store leaves the rules that stand, and says so"
rm "$database"
eventually 10 moved || fail "nobody tells that the store is gone: $(bh status)"
stop_daemon
start_daemon
knows 2
left() {
	status_is '.enforcement.state == "failed" and .enforcement.number == null' &&
		faults 'any(contains("rules of an earlier run stand"))' &&
		status_is '.unknown | any(contains("rules of an earlier run stand"))' &&
		has_event '.kind == "enforcement" and (.text | startswith("rules of an earlier run stand"))'
}
eventually 10 left || fail "that rules stand is not told: $(bh status)"
bh doctor >/dev/null && fail "doctor finds nothing"
sleep 2
[ "$(tables)" = 2 ] || fail "the rules were taken away"
only_what_is_allowed "without a store"
[ "$(bh events --format json --limit 1000 | jq -s '[.[] | select(.kind == "enforcement")] | length')" = 1 ] ||
	fail "it is told again and again"

step "so does the next one, and a policy without modes takes nothing away"
stop_daemon
start_daemon
eventually 10 left || fail "that rules stand is not told again: $(bh status)"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
sleep 2
[ "$(tables)" = 2 ] || fail "the rules were taken away before there were modes"
only_what_is_allowed "with a policy and no modes"

step "modes decide: the rules are taken over"
govern
has_event '.kind == "enforcement" and (.text | contains("taken over"))' || fail "they were not taken over"
only_what_is_allowed "at the end"
well || fail "something is still the matter: $(bh doctor)"
bh mode all learn >/dev/null || fail "learn"
none_left() {
	[ "$(tables)" = 0 ]
}
eventually 10 none_left || fail "who learns is still filtered"

step "where no rules stand any more there is nothing to leave"
govern
stop_daemon
rm "$database"
[ "$(tables)" = 2 ] || fail "the rules went with the daemon"
on_host nft delete table inet bulkhead && on_host nft delete table bridge bulkhead || fail "the tables cannot be removed"
start_daemon
knows 2
eventually 10 status_is '.enforcement.state == "off"' || fail "enforcement is not off"
sleep 2
well || fail "something is the matter: $(bh doctor)"
