#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A revision on trial: unconfirmed it goes when its time is over, whoever was killed meanwhile; and at once
# where it refuses too much that was allowed.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "trial-$$"
write_config "runtimes: {docker: off}"
add_bridge br0
add_guest web br0 10.96.0.1/24 fd96::1/64
add_guest db br0 10.96.0.2/24 fd96::2/64
# nsenter becomes the program: $! is the server itself.
nsenter --net="/run/netns/$host-db" python3 -c 'if True:
	import selectors, socket
	wait, held = selectors.DefaultSelector(), []
	for port in (80, 5432):
		wait.register(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), selectors.EVENT_READ)
	while True:
		held += [ready.fileobj.accept()[0] for ready, _ in wait.select()]' &
at_end "kill $! 2>/dev/null"

# reach PORT: whether web can open it, in both families.
reach() {
	local address
	for address in 10.96.0.2 fd96::2; do
		in_guest web timeout 1 bash -c "exec 3<>/dev/tcp/$address/$1" 2>/dev/null || return 1
	done
}
refused() {
	! reach "$1"
}
# policy PORTS: web may open these of db.
policy() {
	cat <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "netns:$host-web"}
		  db: {bulkhead.workload: "netns:$host-db"}
		rules:
		  - {from: web, to: db, ports: [$1]}
	YAML
}
# try_narrow TIME [OPTION...]: what takes 5432/tcp away, on trial for so long; `until` is when that is over.
try_narrow() {
	bh policy apply "$scratch/narrow.yaml" --format json --confirm-within "$@" >"$scratch/applied" || fail "apply $*"
	until=$(jq -e '.trial.until | ceil' "$scratch/applied") || fail "it is not on trial: $(cat "$scratch/applied")"
	eventually 5 refused 5432 || fail "the revision on trial is not in force"
}
# goes_at TIME: what the revision before allows can be opened again, some seconds after that time at most and not before.
goes_at() {
	local went
	eventually 40 reach 5432 || fail "the revision before does not return"
	reach 80 || fail "80/tcp is refused, which both allow"
	went=$(bh events --format json --limit 1000 | jq -s '[.[] | select(.kind == "policy" and
		(.text | contains("nobody confirmed it in time")))] | last.time')
	jq -en "$went >= $1 - 1.1 and $went <= $1 + 8" >/dev/null || fail "it went at $went, and not at $1"
	status_is '.enforcement.trial == null' || fail "it is on trial still"
}
number() {
	bh status --format json | jq .enforcement.number
}

policy 80/tcp >"$scratch/narrow.yaml"
policy "80/tcp, 5432/tcp" >"$scratch/wide.yaml"
start_daemon
knows 2

step "the first revision is not tried"
bh policy apply "$scratch/wide.yaml" --confirm-within 5m 2>"$scratch/said" && fail "there is nothing to go back to"
grep -q "no revision to go back to" "$scratch/said" || fail "that is not said: $(cat "$scratch/said")"
bh policy apply "$scratch/wide.yaml" --confirm-within 8d 2>"$scratch/said" && fail "8 days are too long"
bh policy confirm 2>"$scratch/said" && fail "there is nothing to confirm"
grep -q "no revision waits to be confirmed" "$scratch/said" || fail "that is not said: $(cat "$scratch/said")"
bh policy apply "$scratch/wide.yaml" >/dev/null || fail "apply"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
eventually 5 reach 5432 || fail "5432/tcp is refused, which is allowed"

step "unconfirmed it goes"
try_narrow 10s --max-denials 1000
jq -e '.trial | .number == 2 and .back == 1 and .most == 1000' "$scratch/applied" >/dev/null || fail "$(cat "$scratch/applied")"
bh status | grep -q "^revision 2 is on trial until .* more than 1000 packets were refused that revision 1 allows" ||
	fail "status does not say it: $(bh status)"
bh policy history | grep -q "active, on trial" || fail "nor does the history"
has_event '.kind == "policy" and (.text | contains("applied by root, on trial: 1 change"))' || fail "nor does an event"
goes_at "$until"
bh policy history | grep -q "not confirmed" || fail "the history does not say what became of it"

step "confirmed it stays"
try_narrow 10s --max-denials 1000
bh policy confirm --why "all is well" >/dev/null || fail "confirm"
sleep $((until + 2 - $(date +%s)))
refused 5432 || fail "it went all the same"
bh policy rollback >/dev/null || fail "rollback"
eventually 10 reach 5432 || fail "rollback"

step "it goes at once where it refuses too much"
try_narrow 10m --max-denials 3
before=$(number)
eventually 20 reach 5432 || fail "it refuses for as long as it is on trial"
[ "$(number)" = $((before + 1)) ] || fail "it went otherwise"
has_event '.kind == "policy" and (.text | contains("it refuses too much that was allowed"))' || fail "no event tells it"

step "killed and started again within its time, it goes when that is over"
try_narrow 25s --max-denials 1000
kill -KILL "$(child core)"
eventually 15 status_is '.enforcement.trial.number > 1' || fail "core forgot it"
kill_daemon
refused 5432 || fail "its rules do not outlive it"
start_daemon
goes_at "$until"

step "killed and started when that is over, it goes at once"
try_narrow 12s --max-denials 1000
kill_daemon
sleep $((until + 1 - $(date +%s)))
refused 5432 || fail "its rules do not outlive it"
started=$(date +%s)
start_daemon
goes_at "$started"
