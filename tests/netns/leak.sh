#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the policy denies and gets through all the same is a leak, told within a second; and what gets
# through by right never is.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/services.sh
. "$(dirname "$0")/services.sh"

make_host "leak-$$"
bridge=${1:-stateless}
write_config "runtimes: {docker: off}
enforcement: {table_protection: watch, bridge: $bridge}"
sed -i 's/report_interval: 1s/report_interval: 10s, idle_timeout: 1s/' "$scratch/bulkhead.yaml"
forget_datagrams_soon
add_bridge br0
add_guest web br0 10.99.0.1/24 fd99::1/64
add_guest api br0 10.99.0.2/24 fd99::2/64
add_guest db br0 10.99.0.3/24 fd99::3/64
serve api
serve db
start_daemon
knows 3

learned() {
	bh edges --format json | jq -e --argjson p "$1" \
		'.edges | any(.src == "netns:'"$host"'-web" and .dst == "netns:'"$host"'-api" and .port == $p)'
}

step "learn"
for address in 10.99.0.2 fd99::2; do
	eventually 30 reach tcp $address || fail "api does not answer"
	eventually 30 reach udp $address || fail "api does not answer"
done
again_and_learned() {
	reach udp 10.99.0.2 && learned 80 && learned 53
}
eventually 15 again_and_learned || fail "nothing is learned"

step "what was open before enforcement, or is allowed, is no leak; nor is what is refused"
nsenter --net="/run/netns/$host-web" python3 -c 'if True:
	import socket, sys, time
	old = socket.create_connection(("10.99.0.3", 80), 2)
	talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	talk.connect(("10.99.0.2", 53))
	talk.settimeout(1)
	while True: # with pauses longer than a flow lives, and shorter than it is remembered
		old.sendall(b"x")
		talk.send(b"?")
		talk.recv(1)
		open(sys.argv[1], "a").write("answered\n")
		time.sleep(1.3)' "$scratch/held" &
at_end "kill $! 2>/dev/null"
eventually 30 test -e "$scratch/held" || fail "db or api does not answer"
accept_all
bh policy propose --format json | jq '.rules |= map(if [.from] | flatten | any(endswith("-web")) then
	.to = ([.to] | flatten | map(select(endswith("-db") | not))) else . end | select(.to != []))' >"$scratch/policy.json"
bh policy apply "$scratch/policy.json" >/dev/null || fail "apply"
bh explain "netns:$host-web" "netns:$host-db" 80 >/dev/null && fail "the policy allows web → db"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
for address in 10.99.0.3 fd99::3; do
	reach tcp $address && fail "db answers, though it is denied"
	reach udp $address && fail "db answers, though it is denied"
done
for address in 10.99.0.2 fd99::2; do
	reach tcp $address || fail "api does not answer"
	reach udp $address || fail "api does not answer"
done
eventually 5 has_event '.kind == "denied" and .proto == "udp" and (.dst.ip | startswith("fd99"))' ||
	fail "the denials are not told"
denied_shown() {
	bh flows --format json | jq -e -s 'map(select(.dst.ip == "10.99.0.3" and .first > now - 60)) |
		any(.verdict == "denied" and .tx.delivered_packets == 0)'
}
eventually 5 denied_shown || fail "a denied flow is not shown as denied"
no_leak

step "what a later policy denies and is kept goes on as long as it is known to be open, and is no leak"
jq '(.rules[] | select([.from] | flatten | any(endswith("-web"))).ports) |= map(sub("^53/udp$"; "54/udp"))' \
	"$scratch/policy.json" >"$scratch/later.json"
bh policy apply "$scratch/later.json" --existing keep --anyway >/dev/null || fail "apply"
bh explain "netns:$host-web" "netns:$host-api" 53/udp >/dev/null && fail "the policy still allows it"
reach udp 10.99.0.2 && fail "what is new is not denied"
before=$(wc -l <"$scratch/held")
goes_on() {
	[ "$(wc -l <"$scratch/held")" -ge $((before + 3)) ]
}
if [ "$bridge" = stateful ]; then # connection tracking remembers it in its pauses
	eventually 10 goes_on || fail "the exchange was cut"
else # capture does not
	eventually 10 has_event '.kind == "denied" and .proto == "udp" and .dst.ip == "10.99.0.2"' || fail "it is not refused"
fi
no_leak

step "a hole behind bulkhead's back: each denied connection is told within a second"
make_hole web=10.99.0.1,fd99::1 api=10.99.0.2,fd99::2 db=10.99.0.3,fd99::3
told() { # PROTO ADDRESS SOURCE
	has_event ".kind == \"leak\" and .proto == \"$1\" and .dst.ip == \"$2\" and .time - .first < 1 and
		.src.workload == \"netns:$host-$3\" and .dst.workload == \"netns:$host-db\" and
		.mode == \"enforce\" and .revision_number == 2 and (.reason | startswith(\"no rule lets\"))"
}
longest() {
	bh events --format json | jq -s '[.[] | select(.kind == "leak" and .first) | .time - .first] | max'
}
for proto in tcp udp; do
	# Each is the first of an edge: an edge's further leaks are summed up.
	reach $proto 10.99.0.3 web || fail "the hole is none for $proto"
	reach $proto fd99::3 api || fail "the hole is none for $proto over IPv6"
	eventually 5 told $proto 10.99.0.3 web || fail "the leak of $proto is not told in time"
	eventually 5 told $proto fd99::3 api || fail "the leak of $proto over IPv6 is not told in time"
done
status_is '.enforcement.state == "leaking" and .enforcement.leaks == 4 and .enforcement.last_leak != null' ||
	fail "status calls it active, or did not count four: $(bh status --format json | jq -c .enforcement)"
bh status | grep -q '^enforcement  leaking' || fail "status does not say it in words"
bh flows --format json | jq -e -s 'any(.[]; .dst.ip == "fd99::3" and .verdict == "delivered")' >/dev/null ||
	fail "what leaked is not shown as delivered"
bh edges --format json | jq -e --arg api "netns:$host-api" '.edges | any(.src == $api)' >/dev/null &&
	fail "a leak was learned"

step "the further ones are summed up"
for _ in 1 2 3; do
	reach tcp 10.99.0.3
done
eventually 15 has_event '.kind == "leak" and (.text | test("more connections that are denied"))' ||
	fail "the further leaks are not told"

step "shut again, there are no more"
shut_hole
leaks=$(bh status --format json | jq .enforcement.leaks)
reach tcp 10.99.0.3 && fail "the hole is still open"
reach udp fd99::3 && fail "the hole is still open"
status_is ".enforcement.leaks == $leaks" || fail "what was refused counts as a leak"
echo "told at most $(longest) s after the first packet"
