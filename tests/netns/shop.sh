#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole path in the lab: learn, audit, enforce, attack; then every process is killed while a probe
# watches for a moment of openness.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
host="bulkhead-lab"
write_config "runtimes: {docker: off}"
sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 3s/' "$scratch/bulkhead.yaml"

"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
start_daemon

has_edge() {
	bh edges --format json | jq -e --arg s "netns:lab-$1" --arg d "netns:lab-$2" --argjson p "$3" \
		'.edges[] | select(.src == $s and .dst == $d and .port == $p)'
}
said() {
	bh events --format json --limit 2000 | jq -e -s "any(.[]; $1)"
}
# undisturbed: nothing in the shop has failed, and no standing connection was cut.
undisturbed() {
	"$bulkhead" lab report --format json | jq -e -s 'all(.failed == 0 and .cut == 0 and .ok > 0)' \
		>/dev/null || fail "the shop was disturbed: $("$bulkhead" lab report)"
}
# attack FILE: how many attempts got through.
attack() {
	"$bulkhead" lab attack --format json >"$1" || fail "attack"
	jq -s 'map(select(.got_through)) | length' "$1"
}

step "learn"
# 6380 is older than the daemon, and its server speaks first: who listens tells who opened it.
for edge in "web api 8080" "api db 5432" "api cache 6379" "api cache 53" "api cache 6380" \
	"job db 5432"; do
	# shellcheck disable=SC2086 # three words
	eventually 25 has_edge $edge || fail "not learned: $edge"
done
bh edges --format json | jq -e '.edges[] | select(.src == "world" and .dst == "netns:lab-web" and
	.port == 80)' >/dev/null || fail "not learned: world -> web"
bh coverage --format json | jq -e '(.rows | length >= 7) and (.unseen | any(test("VLAN")) and any(test("uplink")))' \
	>/dev/null || fail "coverage does not say what cannot be seen: $(bh coverage)"
sleep 6 # both families of everything, the occasional ping among it

step "propose, apply, audit: nothing is blocked, everything is said"
accept_all
bh policy propose >"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode all audit --anyway >/dev/null || fail "audit"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
through=$(attack "$scratch/open.json")
total=$(wc -l <"$scratch/open.json")
[ "$through" = "$total" ] || fail "audit stopped $((total - through)) attempts"
said '.kind == "would-deny" and .src.workload == "netns:lab-web" and
	.dst.workload == "netns:lab-db" and .port == 5432' >/dev/null || fail "audit said nothing"
said '.kind == "spoof" and .workload == "netns:lab-web"' >/dev/null || fail "no spoof was reported"
has_edge web db 5432 >/dev/null && fail "what audit only let pass was learned"
accept_all
bh policy propose --format json | jq -e 'any(.rules[]; ([.from] | flatten | index("netns:lab-web")) and
	([.to] | flatten | index("netns:lab-db")))' >/dev/null && fail "the attack would be allowed from now on"
undisturbed

step "enforce: every attempt is stopped, the shop goes on"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.modes.enforce == 5' || fail "not enforced"
sleep 1
through=$(attack "$scratch/shut.json")
[ "$through" = 0 ] || fail "got through: $(jq -r 'select(.got_through) | .name' "$scratch/shut.json")"
said '.kind == "denied" and .src.workload == "netns:lab-web" and .dst.workload == "netns:lab-db" and
	.port == 5432 and (.reason | startswith("no rule lets netns:lab-web open 5432/tcp"))' \
	>/dev/null || fail "nobody said who was denied, and by which rule's absence"
undisturbed
no_leak
has_event 'has("claim") and .proto == "arp"' || fail "nobody tells of the poisoned neighbour tables"
has_event 'has("claim") and .proto == "nd"' || fail "nobody tells of the poisoned IPv6 neighbour tables"
claims_told '.kind == "spoof" and .workload == "netns:lab-web"'

step "an address taken from a neighbour gives none of its rights"
thief="$host-thief"
ip netns add "$thief" && at_end "ip netns del $thief 2>/dev/null"
ip -n $host link add thief type veth peer name eth0 netns "$thief"
ip -n $host link set thief master shop0 up
ip -n "$thief" link set eth0 up
for address in 10.77.0.99/24 "fd77::99/64 nodad" 10.77.0.21/32 "fd77::21/128 nodad"; do
	# shellcheck disable=SC2086 # two words
	ip -n "$thief" addr add $address dev eth0
done
# connects SOURCE: whether the thief gets through to the database from that address.
connects() {
	nsenter --net="/run/netns/$thief" python3 -c 'if True:
		import socket, sys
		six = ":" in sys.argv[1]
		with socket.socket(socket.AF_INET6 if six else socket.AF_INET) as s:
			s.settimeout(1)
			s.bind((sys.argv[1], 0))
			s.connect(("fd77::41" if six else "10.77.0.41", 5432))' "$1" 2>/dev/null
}
is_known() {
	bh workloads --format json | jq -e --arg a fd77::21 --arg w "netns:$thief" '.rows[] |
		select(.workload == $w) | .instances[].addresses | index($a)'
}
eventually 5 is_known || fail "the thief is not seen to hold what it took"
connects 10.77.0.21 && fail "the thief reached the database with the address of lab-api-1"
connects fd77::21 && fail "the thief reached the database with the IPv6 address of lab-api-1"
# It goes; the connections of the one whose address it was do not.
ip netns del "$thief"
thief_is_forgotten() {
	bh workloads --format json | jq -e --arg w "netns:$thief" 'all(.rows[];
		.workload != $w or (.instances == [] and .departed_count > 0))'
}
eventually 10 thief_is_forgotten || fail "the thief does not go"
sleep 1
undisturbed

step "explain agrees"
bh explain netns:lab-web netns:lab-db 5432 >/dev/null && fail "explain allows web -> db"
bh explain netns:lab-api netns:lab-db 5432 >/dev/null || fail "explain denies api -> db"

step "a rule leads to its edges, and they to flows"
rule=$(bh explain netns:lab-api netns:lab-db 5432 --format json | jq -r '.reason | capture("^rule (?<n>[0-9]+): ").n')
bh policy show | grep -qE "  # rule $rule(,|\$)" || fail "policy show does not number its rules"
bh explain --rule "$rule" --format json >"$scratch/rule.json" || fail "explain --rule"
jq -e '.missing == [] and (.edges | any(.edge.src == "netns:lab-api" and .edge.dst == "netns:lab-db" and .linked and
	.rule == '"$rule"' and .first_flow.dst.port == 5432 and .newest_flow.state == "closed" and (.recent | length == 3)))' \
	"$scratch/rule.json" >/dev/null || fail "$(cat "$scratch/rule.json")"
bh explain --rule 999 2>/dev/null && fail "there is a rule 999"

step "the tables print, and load again elsewhere"
on_host nft list ruleset >"$scratch/ruleset.nft" || fail "nft list ruleset"
grep -q 'netns:lab-web' "$scratch/ruleset.nft" || fail "the tables name no workload"
# The flags of an owned table are the one thing that nft 1.0.6 cannot read back.
sed -i '/^\tflags owner/d; /^\tflags *$/d' "$scratch/ruleset.nft"
ip netns add "$host-again" && at_end "ip netns del $host-again"
nsenter --net="/run/netns/$host-again" nft -f "$scratch/ruleset.nft" || fail "it does not load again"
bh policy show --nft >"$scratch/shown.nft"
nsenter --net="/run/netns/$host-again" sh -c "nft flush ruleset && nft -f $scratch/shown.nft" ||
	fail "policy show --nft does not load"

step "nft flush ruleset does not remove them"
chains() {
	on_host nft list ruleset | grep -c '^	chain'
}
before=$(chains)
on_host nft flush ruleset 2>/dev/null
[ "$(chains)" = "$before" ] || fail "flush ruleset removed our tables"

step "kill -9: the rules stand, nothing gets through in between"
db=$("$bulkhead" workloads --socket "$scratch/run/api.sock" --format json | jq -r '.rows[] |
	select(.workload == "netns:lab-db") | .instances[0].addresses[] | select(startswith("10."))')
# The probe tries without a pause, waits for none of them, and notes every connection that it got.
nsenter --net=/run/netns/lab-web-1 python3 - "$db" "$scratch/probe" <<'PYTHON' &
import collections, os, socket, sys, time
target, path = sys.argv[1], sys.argv[2]
tried = opened = 0
begun = collections.deque()
end = time.time() + 60
while time.time() < end:
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((target, 5432))
    begun.append((time.time(), s))
    tried += 1
    while begun and begun[0][0] < time.time() - 0.3:
        with begun.popleft()[1] as s:
            try:
                s.getpeername()
                opened += 1
            except OSError:
                pass
    with open(path + ".new", "w") as out:
        out.write(f"{tried} {opened}\n")
    os.replace(path + ".new", path)  # whoever reads finds one or the other
    time.sleep(0.005)
PYTHON
probe=$!
at_end "kill $probe 2>/dev/null"
eventually 5 test -s "$scratch/probe" || fail "the probe does not run"

for name in capture core; do
	old=$(child $name)
	kill -9 "$old"
	new_child() {
		[ -n "$(child $name)" ] && [ "$(child $name)" != "$old" ]
	}
	eventually 10 new_child || fail "$name was not started again"
	eventually 15 bh status || fail "the daemon does not answer after $name was killed"
	eventually 15 status_is '.enforcement.state == "active" and .capture.state == "running"' ||
		fail "enforcement is not active after $name was killed"
done
kill -9 "$daemon_pid"
wait "$daemon_pid" 2>/dev/null
sleep 1
[ "$(chains)" = "$before" ] || fail "the rules went with the daemon"
start_daemon
eventually 15 status_is '.enforcement.state == "active" and .modes.enforce == 5' ||
	fail "the rules were not adopted"
said '.kind == "enforcement" and (.text | contains("taken over"))' >/dev/null ||
	fail "nobody said that the rules were taken over"
sleep 2
read -r tried opened <"$scratch/probe"
[ "$tried" -gt 100 ] || fail "the probe tried only $tried times"
[ "$opened" = 0 ] || fail "$opened of $tried forbidden connections got through"
undisturbed
kill $probe 2>/dev/null

step "back to learning: nothing is left in the kernel"
bh mode all learn >/dev/null || fail "learn"
no_tables() {
	[ "$(on_host nft list tables | grep -c bulkhead)" = 0 ]
}
eventually 10 no_tables || fail "tables are left: $(on_host nft list tables)"
flag=$(ip -n $host -d -j link show shop0 | jq '.[0].linkinfo.info_data.nf_call_iptables')
[ "$flag" = 0 ] || fail "the bridge's flag is left on"
undisturbed

step "straight from learning to enforcement: what is open stays open, tracked before or not"
on_host conntrack -F 2>/dev/null || fail "conntrack -F"
bh mode all enforce --anyway >/dev/null
eventually 10 status_is '.enforcement.state == "active"' || fail "not enforced again"
sleep 3
undisturbed

step "a workload's last container goes and comes back: set elements change, nothing else"
objects() {
	on_host nft -a -t list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
}
# bound: whether the rules know the job's address.
bound() {
	on_host nft list map inet bulkhead egress4 | grep -q '10\.77\.0\.51 '
}
# A list that nft could not make says nothing.
unbound() {
	local map
	map=$(on_host nft list map inet bulkhead egress4) && ! grep -q '10\.77\.0\.51 ' <<<"$map"
}
# A namespace that is deleted takes its interface away in its own time.
link_is_gone() {
	! ip -n $host link show lab-job
}
add_job() {
	eventually 20 link_is_gone || fail "the job's interface stays"
	ip netns add lab-job
	ip -n $host link add lab-job type veth peer name eth0 netns lab-job
	ip -n $host link set lab-job master shop0 up
	ip -n lab-job link set eth0 up
	ip -n lab-job addr add 10.77.0.51/24 dev eth0
}
eventually 5 bound || fail "the job has no binding"
objects >"$scratch/objects"
ip netns del lab-job
eventually 5 unbound || fail "the job's binding stays"
objects | diff "$scratch/objects" - || fail "more than elements changed when the job went"
add_job
eventually 10 bound || fail "the job is not known again"
objects | diff "$scratch/objects" - || fail "more than elements changed when the job came back"

step "stopping the daemon leaves the rules"
stop_daemon
no_tables && fail "stopping the daemon removed the rules"

step "what changes hands while there is no daemon inherits nothing"
# A conversation of the job's and one of the cache's, as the connection tracker keeps them.
remember() {
	on_host conntrack -I -p udp -s "$1" -d 10.77.0.21 --sport 999 --dport 999 -t 600 -u SEEN_REPLY \
		>/dev/null 2>&1 || fail "no entry for $1"
}
remembered() {
	on_host conntrack -L -p udp -s "$1" --sport 999 2>/dev/null | grep -q "$1"
}
remember 10.77.0.51
remember 10.77.0.31
ip netns del lab-job
add_job
start_daemon
eventually 15 status_is '.enforcement.state == "active"' || fail "the rules were not adopted"
remembered 10.77.0.51 && fail "the new job goes on with the old one's conversation"
remembered 10.77.0.31 || fail "the cache's conversation was forgotten"

step "what departs leaves nothing to inherit"
forgotten() {
	! remembered "$1"
}
remember 10.77.0.51
ip netns del lab-job
eventually 5 forgotten 10.77.0.51 || fail "the job's conversation outlives it"
remembered 10.77.0.31 || fail "the cache's conversation went with the job's"
# Within a second of that: nothing is done before somebody has the address.
add_job
eventually 10 bound || fail "the job is not known again"
remember 10.77.0.51
ip netns del lab-job
eventually 5 unbound || fail "the job's binding stays"
add_job
eventually 10 bound || fail "the job is not known the third time"
remembered 10.77.0.51 && fail "the third job goes on with the second one's conversation"
remembered 10.77.0.31 || fail "the cache's conversation went with the second job's"
no_leak
claims_told ".kind == \"spoof\" and (.workload == \"netns:lab-web\" or .workload == \"netns:$thief\")"
has_event '.kind == "undelivered"' && fail "something else is blamed: $(bh events | grep undelivered)"
echo "$tried probes, none got through"
