#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What waits for a person, and what that person's word does: by ID or all of it, for good, across a restart, and
# what was denied too often brings its workload back into audit.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "review-$$"
write_config "runtimes: {docker: off}
enforcement: {table_protection: watch}"
add_bridge br0 10.96.0.254/24
add_guest web br0 10.96.0.1/24
add_guest db br0 10.96.0.2/24
web=netns:$host-web db=netns:$host-db
nsenter --net="/run/netns/$host-db" python3 -c 'if True:
	import selectors, socket
	wait, held = selectors.DefaultSelector(), []
	for port in (80, 90, 8001, 8002, 8003, 8004):
		wait.register(socket.create_server(("10.96.0.2", port)), selectors.EVENT_READ)
	while True:
		held += [ready.fileobj.accept()[0] for ready, _ in wait.select()]' &
at_end "kill $! 2>/dev/null"

reach() {
	in_guest web python3 -c 'if True:
		import socket, sys
		socket.create_connection(("10.96.0.2", int(sys.argv[1])), 1).close()' "$1" 2>/dev/null
}
# row PORT FILTER: whether the review, all of it, has such an edge to that port.
row() {
	bh review --all --format json | jq -e "any(.edges[]; .port == $1 and ($2))" >/dev/null
}
# id PORT: of the edge to it.
id() {
	bh review --all --format json | jq -r "[.edges[] | select(.port == $1) | .id][0]"
}
start_daemon
knows 2

step "learn, and audit"
eventually 10 reach 80 || fail "db does not answer"
eventually 15 has_edge "$web" "$db" 80 || fail "nothing is learned"
accept_all
bh policy propose >"$scratch/policy.yaml" || fail "propose"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
reach 90 || fail "db does not answer"
eventually 15 has_edge "$web" "$db" 90 || fail "it is not learned"
bh mode all audit --anyway >/dev/null || fail "audit"
eventually 10 status_is '.enforcement.state == "active" and .modes.audit == 2' || fail "no rules: $(bh status)"

step "what the policy denies waits, and all does not allow it"
for port in 90 8001 8002 8003 8004; do
	reach $port || fail "$port is refused in audit"
	eventually 10 row $port '.list == "denied" and .state == "review"' || fail "$port does not wait: $(bh review)"
done
bh review accept all --format json | jq -e '.edges == [] and .demoted == []' >/dev/null || fail "all allows what was denied"
bh review accept all | grep -q '^Nothing was decided; what was denied is accepted by its ID alone.$' || fail "nobody says so"
row 90 '.list == "edge" and .state == "review"' || fail "all allows what was learned, and denied since"
row 8001 '.state == "review"' || fail "it does not wait any more"

step "denied is all of it, to be rejected"
bh review accept denied 2>/dev/null && fail "all that was denied can be accepted at once"
bh review reject denied --why "nobody knows it" --format json |
	jq -e '[.edges[].port] == [90, 8001, 8002, 8003, 8004]' >/dev/null || fail "reject denied"
bh review | grep -q '^No edge waits for a person.$' || fail "something waits: $(bh review)"
row 8003 '.state == "rejected" and .decision.why == "nobody knows it"' || fail "$(bh review --all)"
has_event '.kind == "review" and (.text | contains("8003/tcp rejected by"))' || fail "no event tells it"

step "a later word goes before it, and stays"
bh review accept "$(id 8001)" --format json | jq -e '.demoted == []' >/dev/null || fail "accept by ID"
stop_daemon
start_daemon
knows 2
row 8001 '.state == "accepted"' || fail "what was accepted is forgotten"
row 8002 '.state == "rejected"' || fail "what was rejected is forgotten"
bh policy propose | grep -q '8001/tcp' || fail "the proposal does not hold what was accepted"
bh policy propose | grep -q '8002/tcp' && fail "the proposal holds what was rejected"

step "three of them, and the workload is audited again"
bh mode all stage1 --anyway >/dev/null || fail "stage 1"
bh review accept "$(id 8002)" --format json | jq -e '.demoted == []' >/dev/null || fail "the second"
bh review accept "$(id 8003)" --format json | jq -e ".demoted == [\"$web\"]" >/dev/null || fail "the third"
status_is '.modes.audit == 1 and .modes.stage1 == 1' ||
	fail "the one that refused is not audited alone: $(bh status)"
