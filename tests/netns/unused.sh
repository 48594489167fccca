#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# When rules were used last: by flows that are seen, by what the kernel counts where nobody saw it, across a
# restart and across revisions that keep the rule; and of which rules nobody can say.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "unused-$$"
write_config "runtimes: {docker: off}
enforcement: {table_protection: watch}"
add_bridge br0 10.95.0.254/24 fd95::fe/64
add_guest web br0 10.95.0.1/24 fd95::1/64
add_guest db br0 10.95.0.2/24 fd95::2/64
web=netns:$host-web db=netns:$host-db
nsenter --net="/run/netns/$host-db" python3 -c 'if True:
	import selectors, socket
	wait, held = selectors.DefaultSelector(), []
	for port in (80, 81, 82, 90, 91, 92):
		wait.register(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), selectors.EVENT_READ)
	while True:
		held += [ready.fileobj.accept()[0] for ready, _ in wait.select()]' &
at_end "kill $! 2>/dev/null"

# reach ADDRESS PORT
reach() {
	in_guest web python3 -c 'if True:
		import socket, sys
		socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()' "$1" "$2" 2>/dev/null
}
# write_policy RULES...: web, db and somebody who is not there.
write_policy() {
	cat >"$scratch/policy.yaml" <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "$web"}
		  db: {bulkhead.workload: "$db"}
		  gone: {bulkhead.workload: "netns:nobody"}
		rules:
	YAML
	printf '  - %s\n' "$@" >>"$scratch/policy.yaml"
	bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
}
# uses: all that is said of rules, whatever the status.
uses() {
	bh policy unused --format json || [ $? = 1 ]
}
# rule NUMBER JQ: whether that holds of what is said of the rule.
rule() {
	uses | jq -e ".rules[$1 - 1] | $2" >/dev/null
}
# read_after TIME: the counters were read since.
read_after() {
	uses | jq -e ".counters_read > $1" >/dev/null
}
start_daemon
knows 2

step "without a policy nothing can be said"
bh policy unused >/dev/null 2>&1
[ $? = 1 ] || fail "of no policy something is said"
bh policy unused --since yesterday >/dev/null 2>&1
[ $? = 2 ] || fail "any word is a time"

step "flows use rules, in every mode and family"
write_policy '{from: web, to: db, ports: [80/tcp]}' '{from: web, to: db, ports: [81/tcp]}' \
	'{from: gone, to: db, ports: [82/tcp]}' '{from: web, to: db, ports: [90-91/tcp]}' \
	'{from: web, to: db, ports: [92/tcp], action: deny}'
eventually 5 rule 2 '.state == "unused" and .last_used == null and .watched_since > 0' || fail "$(bh policy unused)"
reach 10.95.0.2 80 || fail "db does not answer"
eventually 10 rule 1 '.state == "used" and .told_by == "flow"' || fail "a flow is no use: $(bh policy unused)"
rule 3 '.state == "unknown" and (.remark | contains("none of its sources"))' || fail "somebody can say of who is not there"
eventually 5 rule 2 '(.remark | contains("flows alone")) and .counted == false' || fail "counters are said to tell while all learn"
bh policy unused >"$scratch/said"
[ $? = 1 ] || fail "the status is not 1 where a rule is not used"
grep -q '^5 rules of revision 1: 1 used, 3 not used, 1 of which nobody can say' "$scratch/said" || fail "$(cat "$scratch/said")"
reach fd95::2 81 || fail "db does not answer"
eventually 10 rule 2 '.state == "used"' || fail "IPv6 is no use"
bh policy show | grep -qE '# rule 1, last used 20[0-9T:.-]+Z$' || fail "$(bh policy show)"
bh policy show | grep -qE '# rule 4, not used since 20' || fail "$(bh policy show)"
bh policy show | grep -qE '# rule 3, nothing to be seen since 20' || fail "$(bh policy show)"

step "what is shown can be applied, and is the same policy"
bh policy show >"$scratch/shown.yaml"
bh policy diff "$scratch/shown.yaml" | grep -q '^No difference.$' || fail "what is shown differs"
bh policy apply "$scratch/shown.yaml" >/dev/null || fail "what is shown cannot be applied"
bh policy show | grep -c '# rule 1' | grep -qx 1 || fail "numbers stand behind numbers: $(bh policy show)"
rule 1 '.state == "used"' || fail "the same rule is forgotten by another revision"

step "refusals use the rule that refuses"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
rule 4 '.counted' || fail "counters are not said to tell"
reach 10.95.0.2 92 && fail "what is denied passes"
eventually 10 rule 5 '.state == "used"' || fail "a refusal is no use: $(bh policy unused)"

step "what nobody saw the kernel counts"
eventually 20 read_after 0 || fail "counters are not read"
before=$(date +%s)
for worker in $(child capture); do kill -STOP "$worker"; done
reach 10.95.0.2 91 || fail "what is allowed is refused"
# Nothing of that is heard: capture has no memory of it when it goes.
for worker in $(child capture); do kill -KILL "$worker"; done
eventually 75 rule 4 '.state == "used" and .told_by == "counter" and .shared == false' ||
	fail "what the kernel counted is no use: $(bh policy unused --format json)"
rule 4 ".last_used >= $before" || fail "it was used before it was"

step "an element of two rules is a use of each, and shared"
write_policy '{from: web, to: db, ports: [80/tcp]}' '{from: [web, gone], to: db, ports: [80/tcp]}' \
	'{from: gone, to: db, ports: [80/tcp]}'
rule 1 '.state == "used"' || fail "the same rule is forgotten"
eventually 5 rule 2 '.state == "unused"' || fail "another rule is known as used"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
eventually 75 read_after "$(date +%s)" || fail "counters are not read"
for worker in $(child capture); do kill -STOP "$worker"; done
reach 10.95.0.2 80 || fail "what is allowed is refused"
for worker in $(child capture); do kill -KILL "$worker"; done
eventually 75 rule 2 '.state == "used" and .told_by == "counter" and .shared' || fail "$(bh policy unused --format json)"
rule 3 '.state == "unknown"' || fail "an element of others' is a use"

step "it outlives a restart"
uses | jq -S '[.rules[] | {id, last_used, watched_since, told_by, shared}]' >"$scratch/before"
stop_daemon
reach 10.95.0.2 80 || fail "the rules do not stand"
start_daemon
knows 2
uses | jq -S '[.rules[] | {id, last_used, watched_since, told_by, shared}]' >"$scratch/after"
# A reading may have come already.
jq -e -n --slurpfile b "$scratch/before" --slurpfile a "$scratch/after" '
	($b[0] | map({id, watched_since})) == ($a[0] | map({id, watched_since})) and
	all(range($b[0] | length); $a[0][.].last_used >= $b[0][.].last_used)' >/dev/null ||
	fail "$(diff "$scratch/before" "$scratch/after")"

step "what was counted while nobody watched"
last=$(jq '.[0].last_used' "$scratch/before")
eventually 75 rule 1 ".last_used > $last and .told_by == \"counter\" and .shared" || fail "$(bh policy unused --format json)"

step "since a time"
sleep 4
bh policy unused --since 3s >/dev/null
[ $? = 1 ] || fail "within the last seconds both were used: $(bh policy unused --since 3s)"
bh policy unused --since 1h >/dev/null || fail "within the hour one was not used: $(bh policy unused --since 1h)"
[ "$(bh policy unused --since 2020-01-01 --format json | jq .since)" = 1577836800 ] || fail "a day is no time"
no_leak
