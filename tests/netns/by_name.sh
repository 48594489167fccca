#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Rules by name: learned, proposed and enforced in the lab, with a pool of addresses that changes with
# every answer.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/lab_names.sh
. "$(dirname "$0")/lab_names.sh"

[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
needs nft
host="bulkhead-lab"
write_config "runtimes: {docker: off}"
"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
for last in 11 12 13 14 15 16 17 18 19 21 22 23 24 25 26 27 28; do
	add_address lab-internet eth0 "203.0.113.$last/24" "2001:db8:77::$last/64"
done
start_daemon

serve_names

# ask NAMESPACE NAME [28]: prints the address that it is given.
ask() {
	within "$1" python3 "$dns" ask "$2" "${3:-1}" udp || fail "$1 gets no answer for $2"
}
# reaches NAMESPACE ADDRESS [PORT]: a connection from there.
reaches() {
	within "$1" python3 -c 'if True:
		import socket, sys
		socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()' "$2" "${3:-443}" 2>/dev/null
}
# is_judged ADDRESS VERDICT: what explain says of lab-web and the address.
is_judged() {
	bh explain netns:lab-web "$1" 443/tcp --format json >"$scratch/verdict"
	jq -e ".verdict == \"$2\"" "$scratch/verdict" >/dev/null
}
# edge_by_name NAMESPACE NAME
edge_by_name() {
	bh edges --format json | jq -e "any(.edges[]; .src == \"$1\" and .dst == \"dns:$2\" and .port == 443)"
}
# no_edge_by_address: nothing was learned of lab-job by an address of the pool.
no_edge_by_address() {
	bh edges --format json | jq -e '[.edges[] | select(.src == "netns:lab-job" and .dst != "203.0.113.10" and
		(.dst | test("^(203.0.113.1|2001:db8:77::1).")))] == []' >/dev/null
}

step "a pool of addresses is one edge, and one rule by name"
answered=
for kind in 1 1 1 28; do
	address=$(ask lab-job pool.example $kind)
	answered="$answered $address"
	reaches lab-job "$address" || fail "lab-job does not reach $address"
done
inside=$(ask lab-job inside.example)
[ "$inside" = 10.77.0.41 ] || fail "inside.example is $inside"
eventually 10 edge_by_name netns:lab-job pool.example || fail "nothing was learned by name"
eventually 10 has_edge netns:lab-job netns:lab-db 53 || fail "the name server was not learned"
no_edge_by_address || fail "there is an edge for an address of the pool"
accept_all
bh policy propose >"$scratch/policy" || fail "nothing is proposed"
grep -q '^    to: dns:pool.example$' "$scratch/policy" || fail "the proposal has no rule by name"
# lab-web is to have the same right, and nobody has told it of an address; inside.example is a container.
cat >>"$scratch/policy" <<-END
	  - from: netns:lab-web
	    to: dns:pool.example
	    ports: [443/tcp]
	  - from: netns:lab-web
	    to: netns:lab-db
	    ports: [53/udp]
	  - from: netns:lab-job
	    to: dns:inside.example
	    ports: [22/tcp]
	  - from: netns:lab-job
	    to: dns:*.race.example
	    ports: [443/tcp]
END
bh policy apply "$scratch/policy" >/dev/null || fail "the policy is refused"
bh mode netns:lab-job enforce --anyway >/dev/null && bh mode netns:lab-web enforce --anyway >/dev/null || fail "not enforced"
eventually 10 status_is '.enforcement.state == "active"' || fail "the rules are not in force"

step "what was answered before is let through, what never was is not"
for known in $answered; do
	reaches lab-job "$known" || fail "$known was answered before, and is refused"
done
reaches lab-job 203.0.113.19 && fail "an address that was never answered is let through"
reaches lab-job 2001:db8:77::19 && fail "an address that was never answered is let through (IPv6)"
nsenter --net=/run/netns/lab-db python3 -c 'import socket; socket.create_server(("0.0.0.0", 22)).accept()' &
listener=$!
at_end "kill $listener 2>/dev/null"
sleep 0.5
reaches lab-job 10.77.0.41 22 && fail "an answer gave away a container"

bh explain netns:lab-job dns:pool.example 443/tcp >/dev/null || fail "explain does not know the name"
bh flows --format json >"$scratch/flows" || fail "no flows"
bh policy check --policy "$scratch/policy" --flows "$scratch/flows" --format json >"$scratch/replayed"
jq -e -s '[.[] | select(.src == "netns:lab-job" and .port == 443 and (.dst | test("^203.0.113.1[1-8]$")))] == []' \
	"$scratch/replayed" >/dev/null || fail "recorded flows to the pool are judged otherwise"
jq -e -s 'any(.[]; .src == "netns:lab-job" and .dst == "203.0.113.19" and .verdict == "deny")' \
	"$scratch/replayed" >/dev/null || fail "a recorded flow to an address without a name is let through"

step "a pool that goes on changing keeps working; every answer is elements and nothing else"
nsenter --net=/run/netns/$host stdbuf -oL nft monitor >"$scratch/monitor" &
monitor=$!
at_end "kill $monitor 2>/dev/null"
sleep 0.3
for kind in 1 1 1 1 1 1 28 28 28; do
	address=$(ask lab-job pool.example $kind)
	eventually 3 reaches lab-job "$address" || fail "$address was answered, and is refused"
done
sleep 0.5
kill $monitor
grep -q '^create element inet bulkhead' "$scratch/monitor" || fail "no answer came to the rules"
grep -vE '^(create element (inet|bridge) bulkhead|# new generation)' "$scratch/monitor" &&
	fail "an answer changed more than elements"

step "another workload has no right by it, until one of its replicas asks"
reaches lab-web-1 203.0.113.12 && fail "lab-web may go where lab-job was told to"
is_judged 203.0.113.12 deny || fail "explain says otherwise"
bh coverage >"$scratch/coverage"
grep -q 'no DNS answer for netns:lab-web was seen yet.*(dns:pool.example)' "$scratch/coverage" ||
	fail "coverage does not say that lab-web's rule by name cannot be enforced"
told=$(ask lab-web-1 pool.example)
eventually 3 reaches lab-web-1 "$told" || fail "lab-web-1 does not reach what it was told"
reaches lab-web-2 "$told" || fail "lab-web-2 does not reach what lab-web-1 was told"
is_judged "$told" allow || fail "explain knows nothing of the name"
reaches lab-web-1 203.0.113.19 && fail "more than the answer is let through"

step "a restart forgets nothing"
stop_daemon
reaches lab-web-2 "$told" || fail "the rules went with the daemon"
start_daemon
eventually 10 status_is '.enforcement.state == "active"' || fail "the rules are not taken over"
bh policy show --nft >"$scratch/rules"
grep -q "$told" "$scratch/rules" || fail "the address is not in the rules any more"
reaches lab-web-2 "$told" && reaches lab-job "$address" || fail "an address went with the daemon"
reaches lab-job 203.0.113.19 && fail "an address that was never answered is let through after the restart"
sleep 2
no_edge_by_address || fail "who asked before the restart is learned by address after it"
address=$(ask lab-job pool.example)
eventually 3 reaches lab-job "$address" || fail "no new answer counts after the restart"

step "an answer is a rule before a client tries again"
for number in 1 2 3 4 5 6 7 8; do
	within lab-job python3 "$dns" race "race$number.race.example" || fail "race$number.race.example is not reached"
done >"$scratch/race"
sort -n "$scratch/race" | sed 's/^/   milliseconds, tries that were refused: /'
[ "$(sort -n "$scratch/race" | tail -n 1 | cut -d ' ' -f 1)" -lt 1000 ] || fail "it takes longer than a second"
