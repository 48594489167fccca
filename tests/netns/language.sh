#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a policy can say, from the file to the packets: groups, labels, denials, tiers, ends, defaults, exceptions, an
# expiry. What is asked of explain is what becomes of the packet.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "lang-$$"
write_config "runtimes: {docker: off}"
add_bridge br0 10.95.0.254/24 fd95::fe/64
number=0
for guest in web api db job; do
	number=$((number + 1))
	add_guest $guest br0 10.95.0.$number/24 fd95::$number/64
done
add_guest far br0 # not on the bridge's network: behind the host
ip -n "$host" link set vfar nomaster down
ip -n "$host" link set vfar name uplink0
ip -n "$host" link set uplink0 up
add_address "$host" uplink0 192.0.2.254/24 2001:db8::fe/64
add_address "$host-far" eth0 192.0.2.1/24 192.0.2.129/24 2001:db8::1/64
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for guest in web api db job; do
	ip -n "$host-$guest" route add default via 10.95.0.254
	ip -n "$host-$guest" -6 route add default via fd95::fe
	ip -n "$host-$guest" route add 198.51.100.9 dev eth0
	ip -n "$host-$guest" -6 route add 2001:db8:9::9 dev eth0
done
# Behind a port of the bridge that is no container's.
add_guest gate br0 10.95.0.9/24 fd95::9/64
add_address "$host-gate" eth0 198.51.100.9/32 2001:db8:9::9/128
ip -n "$host" link set vgate nomaster down
ip -n "$host" link set vgate name uplink1
ip -n "$host" link set uplink1 up
ip -n "$host-far" route add default via 192.0.2.254
ip -n "$host-far" -6 route add default via 2001:db8::fe

cat >"$scratch/serve.py" <<'PYTHON'
import selectors
import socket

wait, held = selectors.DefaultSelector(), []
for port in (22, 80, 443, 5432):
    wait.register(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), selectors.EVENT_READ)
while True:
    held += [ready.fileobj.accept()[0] for ready, _ in wait.select()]
PYTHON
for guest in web api db job far gate; do
	nsenter --net="/run/netns/$host-$guest" python3 "$scratch/serve.py" &
	at_end "kill $! 2>/dev/null"
done

declare -A four=([web]=10.95.0.1 [api]=10.95.0.2 [db]=10.95.0.3 [job]=10.95.0.4 [far]=192.0.2.1 [farther]=192.0.2.129 [gate]=198.51.100.9 [net]=10.95.0.9)
declare -A six=([web]=fd95::1 [api]=fd95::2 [db]=fd95::3 [job]=fd95::4 [gate]=2001:db8:9::9 [net]=fd95::9)
opens() { # FROM ADDRESS PORT
	in_guest "$1" timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null
}
passes() { # FROM TO PORT, in both families
	opens "$1" "${four[$2]}" "$3" && { [ -z "${six[$2]:-}" ] || opens "$1" "${six[$2]}" "$3"; }
}
refused() {
	! opens "$1" "${four[$2]}" "$3" && { [ -z "${six[$2]:-}" ] || ! opens "$1" "${six[$2]}" "$3"; }
}
# is passes|refused FROM TO PORT [TEXT]: what becomes of it, and what explain says, with that in its reason.
is() {
	local verdict=allow said to="netns:$host-$3"
	[ "$1" = passes ] || verdict=deny
	case $3 in far | farther | gate) to=${four[$3]} ;; esac
	"$1" "$2" "$3" "$4" || fail "$2 to $3 $4: it is not so that it $1"
	said=$(bh explain "netns:$host-$2" "$to" "$4/tcp" --format json)
	jq -e --arg v $verdict --arg t "${5:-}" '.verdict == $v and (.reason | contains($t))' <<<"$said" >/dev/null ||
		fail "$2 to $3 $4 $1, and explain says: $said"
}

policy() { # EXPIRES
	cat <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "netns:$host-web"}
		  api: {bulkhead.workload: "netns:$host-api"}
		  db: {bulkhead.workload: "netns:$host-db"}
		  job: {bulkhead.workload: {in: ["netns:$host-job"], not: other}}
		groups:
		  front: [web, api]
		  all: [front, db, job]
		defaults:
		  workloads: {web: {egress: allow}}
		rules:
		  - {from: all, to: db, ports: [5432/tcp]}
		  - {from: job, to: db, ports: [any], action: deny}
		  - {from: job, to: db, ports: [22/tcp], tier: platform}
		  - {from: web, to: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}, ports: [any], action: deny, tier: platform}
		  - {from: web, to: "2001:db8::/32", ports: [443/tcp], action: deny}
		  - {from: job, to: api, ports: [80/tcp], side: egress}
		  - {from: job, to: api, ports: [443/tcp]}
		  - {from: front, to: api, ports: [80/tcp], expires: "$1", comment: until it is over}
		  - {from: api, to: world, ports: [22/tcp]}
		  - {from: web, to: "198.51.100.0/24", ports: [5432/tcp], action: deny}
	YAML
}

start_daemon
knows 4
for guest in api db job far; do
	eventually 20 passes web $guest 80 || fail "$guest does not answer"
done
eventually 20 passes api web 80 || fail "web does not answer"
policy 2098-12-31 >"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh policy show | cmp - <(bh policy show) || fail "it does not print alike"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"

step "groups, denials before permissions, the platform before the application"
is passes web db 5432 "rule 1: web → db 5432/tcp"
is passes api db 5432 "rule 1"
is refused job db 5432 "rule 2: deny job → db any"
is refused job db 80 "rule 2"
is passes job db 22 "rule 3: platform job → db 22/tcp"
is refused api db 22 "no rule lets"

step "what no rule speaks of: web may open it, where the other end takes it"
is refused web db 22 "no rule lets"
status_is ".enforcement.open == [{workload: \"netns:$host-web\", egress: true, ingress: false}]" ||
	fail "status does not say who is open: $(bh status --format json | jq -c .enforcement.open)"
bh status | grep -q "^open .*netns:$host-web (egress)" || fail "nor its table"

step "prefixes with exceptions"
is refused web far 80 "rule 4: platform deny web → 192.0.2.0/24 except 192.0.2.128/25 any"
is passes web farther 80 "no rule speaks of it"
opens web 2001:db8::1 80 || fail "what is allowed by default does not pass"
opens web 2001:db8::1 443 && fail "a denied prefix is reached"
refused api far 80 || fail "who has no default reaches the outside"

step "a rule at one end alone"
is refused job api 80 "no rule lets"
has_event '.kind == "denied" and .side == "ingress" and (.workload | endswith("-api"))' || fail "the wrong end refused it"
is passes job api 443 "rule 7"

step "a port of the bridge leads out: the world is there"
is passes api far 22 "rule 9: api → world 22/tcp"
bh explain "netns:$host-api" 198.51.100.9 22 --format json | jq -e '.unknown == []' >/dev/null || fail "explain does not know why"
said=$(bh explain "netns:$host-api" 10.95.0.9 22 --format json)
jq -e '.verdict == "uncertain"' <<<"$said" >/dev/null || fail "nobody is known to be there yet: $said"
ip -n "$host" link set uplink1 master br0
eventually 10 passes api gate 22 || fail "who may open the world does not reach it behind the bridge's port"
is passes api gate 22 "rule 9"
is refused api gate 80 "no rule lets"
is refused job gate 22 "no rule lets"
is passes web gate 80 "no rule speaks of it"
# An address of the bridge's own network, too, that no container holds: by itself nobody knows whose it is.
passes api net 22 || fail "who may open the world does not reach an address of the bridge's network there"
refused api net 80 || fail "all of that address is open"
beyond() {
	bh flows --format json | jq -se 'any(.[]; .dst.ip == "10.95.0.9" and .dst.port == 22 and (.dst | has("why") | not))' >/dev/null
}
eventually 10 beyond || fail "nobody knows whose the other end of that connection is: $(bh flows --format json | grep 10.95.0.9)"
said=$(bh explain "netns:$host-api" 10.95.0.9 22 --format json)
jq -e '.verdict == "uncertain" and .unknown != []' <<<"$said" >/dev/null || fail "explain is certain: $said"
opens web 198.51.100.9 5432 && fail "a denied address outside is reached"
is passes web db 5432 "rule 1"
bh explain "netns:$host-api" 198.51.100.9 22 | grep -q "not known: bridge br0: port uplink1 leads out" ||
	fail "explain does not say what it does not know: $(bh explain "netns:$host-api" 198.51.100.9 22)"
bh explain "netns:$host-web" "netns:$host-db" 5432 --format json | jq -e '.unknown == []' >/dev/null ||
	fail "that concerns no container"
status_is '[.unknown[] | select(startswith("bridge br0: port uplink1 leads out"))] | length == 1' ||
	fail "status does not say so"

step "a rule ends"
status_is '.enforcement.expiring == []' || fail "something ends"
until=$(date -u -d '+12 seconds' +%FT%TZ)
policy "$until" >"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
is passes web api 80 "rule 8: web → api 80/tcp"
status_is '.enforcement.expiring | length == 1 and .[0].rule == 8 and .[0].over == false' || fail "status does not say it"
bh status | grep -q "^ends soon    rule 8: front → api  80/tcp  until $until" || fail "nor its table: $(bh status)"
eventually 5 has_event '.kind == "policy" and (.text | contains("rule 8 is over in less than a day"))' || fail "nor an event"
sleep $(($(date -d "$until" +%s) + 1 - $(date +%s)))
eventually 5 refused web api 80 || fail "it holds beyond its time"
is refused web api 80 "no rule lets"
has_event '.kind == "policy" and (.text | test("rule 8 is over: front → api .*until it is over"))' || fail "no event tells it"
bh policy show | grep -q "# over  # rule 8" || fail "the policy does not show it"
bh policy show >"$scratch/shown.yaml" && bh policy diff "$scratch/shown.yaml" | grep -q "^[+-] " && fail "what is shown is another"
status_is '.enforcement.expiring[0].over' || fail "status does not say it"
is passes job api 443
no_leak

step "another daemon, the same rules"
kill -KILL "$(child core)"
eventually 15 status_is '.enforcement.state == "active"' || fail "no rules after a restart"
is refused web api 80 "no rule lets"
is refused job db 5432 "rule 2"
no_leak
