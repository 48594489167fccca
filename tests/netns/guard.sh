#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guard: what would cut off the operator's own session, workloads' name servers, or this host's recurring connections
# to containers is refused, in both families, says which rule keeps it, and goes through with that rule, or with --anyway.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/talk.sh
. "$(dirname "$0")/talk.sh"

make_host "guard-$$"
write_config "runtimes: {docker: off}"
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
add_bridge br0 10.94.0.254/24 fd94::fe/64
add_guest web br0 10.94.0.1/24 fd94::1/64
add_guest names br0 10.94.0.2/24 fd94::2/64
add_guest jump br0 10.94.0.3/24 fd94::3/64
for name in web names jump; do
	ip -n "$host-$name" route add default via 10.94.0.254
	ip -n "$host-$name" -6 route add default via fd94::fe
done
# Where the operator sits: outside, by an interface that is no container's.
ip netns add "$host-far" && at_end "ip netns del $host-far"
ip -n "$host" link add eth-up type veth peer name eth0 netns "$host-far"
ip -n "$host" link set eth-up up
ip -n "$host-far" link set eth0 up
ip -n "$host-far" link set lo up
add_address "$host" eth-up 10.95.0.254/24 fd95::fe/64
add_address "$host-far" eth0 10.95.0.1/24 fd95::1/64
ip -n "$host-far" route add default via 10.95.0.254
ip -n "$host-far" -6 route add default via fd95::fe
# jump's port is published as well. Connections are tracked in both families, as where a runtime filters them.
on_host nft -f - <<-'NFT' || fail "nft"
	table inet test-published {
		chain named { type nat hook prerouting priority dstnat; ip daddr 10.95.0.254 tcp dport 2022 dnat ip to 10.94.0.3:22; }
		chain tracked { type filter hook input priority filter; ct state new accept; }
	}
NFT
serve_talk web 8080
serve_talk names 53 80
serve_talk jump 22
nsenter --net="/run/netns/$host" python3 "$talk_py" serve 2222 &
at_end "kill $! 2>/dev/null"

# check: this host looks whether web is well, in both families.
check() {
	local address
	for address in 10.94.0.1 fd94::1; do
		on_host timeout 2 bash -c "exec 3<>/dev/tcp/$address/8080" 2>/dev/null || return 1
	done
}
unwell() {
	! check
}
# policy [RULE...]
policy() {
	local rule
	cat <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "netns:$host-web"}
		  names: {bulkhead.workload: "netns:$host-names"}
		  jump: {bulkhead.workload: "netns:$host-jump"}
		rules:
		  - {from: web, to: names, ports: [80/tcp]}
	YAML
	for rule; do
		echo "  $rule"
	done
}
# calls PLACE SESSION ARGUMENT...: bulkhead, called there (host, or a guest) by whoever works over the session.
calls() {
	local place=$1 session=$2
	shift 2
	[ "$place" = host ] || place=$host-$place
	nsenter --net="/run/netns/${place/#host/$host}" env SSH_CONNECTION="$session" "$bulkhead" \
		--socket "$scratch/run/api.sock" "$@"
}
# finds JQ: of the findings in $scratch/said.
finds() {
	jq -e "(.guard // .error.guard).findings | $1" "$scratch/said" >/dev/null || fail "not so: $1: $(cat "$scratch/said")"
}
# posts PATH [FILE]: the answer in $scratch/said, whoever asks; the status.
posts() {
	curl -s -o "$scratch/said" -w '%{http_code}' --unix-socket "$scratch/run/api.sock" -X POST \
		--data-binary "@${2:-/dev/null}" "http://bulkhead$1"
}

start_daemon
knows 3

step "what has to go on is seen: names, this host's checks, the operator's way in"
talk web dns4,udp,10.94.0.2,53 dns6,udp,fd94::2,53 dnstcp,tcp,10.94.0.2,53 plain,tcp,10.94.0.2,80
talk far in4,tcp,10.94.0.3,22,50004 in6,tcp,fd94::3,22,50006 published,tcp,10.95.0.254,2022,50005
talk jump on4,tcp,10.94.0.254,2222,50014 on6,tcp,fd94::fe,2222,50016
speak dns4 dns6 dnstcp plain in4 in6 published on4 on6
for _ in 1 2 3; do
	eventually 10 check || fail "web is not well"
done
eventually 20 has_edge host "netns:$host-web" 8080 || fail "the checks were not learned"
eventually 20 has_edge "netns:$host-web" "netns:$host-names" 53 || fail "nor were the names"
policy >"$scratch/narrow.yaml"

step "nobody refuses: there is nothing to guard"
bh policy apply "$scratch/narrow.yaml" --format json >"$scratch/said" || fail "apply: $(cat "$scratch/said")"
jq -e '.guard == {refused: false, overridden: false, session: null, findings: []}' "$scratch/said" >/dev/null ||
	fail "there is something: $(cat "$scratch/said")"

step "enforce would cut it off: it is refused, says what, and changes nothing"
bh mode all enforce 2>"$scratch/words" && fail "it is not refused"
grep -q "it would cut off what has to go on and works now" "$scratch/words" || fail "$(cat "$scratch/words")"
grep -q "dns: netns:$host-web → netns:$host-names 53/udp" "$scratch/words" || fail "not the names: $(cat "$scratch/words")"
grep -q "health-check: host → netns:$host-web 8080/tcp" "$scratch/words" || fail "nor the checks: $(cat "$scratch/words")"
grep -qF -e "- {from: web, to: names, ports: [53/udp]}" "$scratch/words" || fail "nor the rule: $(cat "$scratch/words")"
status_is '.modes.enforce == 0' || fail "modes changed"
bh mode all enforce --dry-run --format json >"$scratch/said"
[ $? = 1 ] || fail "the dry run's status is not 1"
finds 'map(.kind) | sort | unique == ["dns", "health-check"]'
finds 'map(.add_rule) | sort == ["- {from: host, to: web, ports: [8080/tcp]}",
	"- {from: web, to: names, ports: [53/tcp]}", "- {from: web, to: names, ports: [53/udp]}"]'
finds 'all(.connections > 0 and .last != null and .add_workloads == [] and (.reason | contains("no rule lets")))'
[ "$(posts "/v1/mode?workload=all&mode=enforce")" = 409 ] || fail "the API lets it pass"
jq -e '.error.guard.session | .state == "unknown" and (.text | contains("cannot see where you are connected from"))' \
	"$scratch/said" >/dev/null || fail "that it does not see the caller is not said: $(cat "$scratch/said")"
[ "$(posts "/v1/mode?workload=all&mode=enforce&session=somewhere")" = 400 ] || fail "that is no session"
for mode in audit learn; do
	bh mode "netns:$host-web" $mode >/dev/null || fail "$mode refuses nothing, and is refused"
done

step "the operator's session: into a container, through one, published, in both families"
# cut PLACE SESSION JQ: what is found of the session.
cut() {
	calls "$1" "$2" mode all enforce --dry-run --format json >"$scratch/said"
	[ $? = 1 ] || fail "$2: status of the dry run"
	jq -e '.guard.session.state == "refused"' "$scratch/said" >/dev/null || fail "$2: $(cat "$scratch/said")"
	finds "map(select(.kind == \"session\")) | $3"
}
into() {
	echo "any(.src == \"world\" and .dst == \"netns:$host-jump\" and .port == 22 and
		.add_rule == \"- {from: $1, to: jump, ports: [22/tcp]}\")"
}
onward="any(.src == \"netns:$host-jump\" and .dst == \"host\" and .port == 2222 and
	.add_rule == \"- {from: jump, to: host, ports: [2222/tcp]}\")"
cut jump "10.95.0.1 50004 10.94.0.3 22" "$(into 10.95.0.1/32)"
cut jump "fd95::1 50006 fd94::3 22" "$(into fd95::1/128)"
cut jump "10.95.0.1 50005 10.94.0.3 22" "$(into 10.95.0.1/32)"
cut host "10.94.0.3 50014 10.94.0.254 2222" "$onward"
# By which connection it came to jump nobody can tell: they count.
finds "map(select(.kind == \"session\")) | $(into world)"
cut host "fd94::3 50016 fd94::fe 2222" "$onward"
# One that is not open any more tells nothing.
calls jump "10.95.0.1 50099 10.94.0.3 22" mode all enforce --dry-run --format json >"$scratch/said"
finds 'all(.kind != "session")'
# sudo takes the variable away, but not from the shell that called it.
# shellcheck disable=SC2016 # it is the inner shell that expands
nsenter --net="/run/netns/$host-jump" env SSH_CONNECTION="10.95.0.1 50004 10.94.0.3 22" bash -c \
	'env -u SSH_CONNECTION "$@"; exit $?' sh "$bulkhead" --socket "$scratch/run/api.sock" mode all enforce --dry-run \
	--format json >"$scratch/said"
finds 'any(.kind == "session" and .port == 22)'
# Nor does another kind of server say anything: it holds the connection.
cat >"$scratch/held.py" <<'PYTHON'
import socket
import subprocess
import sys

with socket.create_server(("::", 2323), family=socket.AF_INET6, dualstack_ipv6=True) as waits:
    came = waits.accept()[0]
    with open(sys.argv[1], "wb") as out:
        subprocess.run(sys.argv[2:], stdout=out, env={}, check=False)
    came.close()
PYTHON
nsenter --net="/run/netns/$host-jump" python3 "$scratch/held.py" "$scratch/said" "$bulkhead" --socket "$scratch/run/api.sock" \
	mode all enforce --dry-run --format json &
held=$!
at_end "kill $held 2>/dev/null"
eventually 10 in_guest far python3 -c 'import socket; socket.create_connection(("fd94::3", 2323)).recv(1)' || fail "nobody waits there"
wait $held
finds 'any(.kind == "session" and .port == 2323 and .add_rule == "- {from: fd95::1/128, to: jump, ports: [2323/tcp]}")'
# A multiplexer that was begun elsewhere, a script: whoever is here by ssh may be the one who calls.
cat >"$scratch/sshd.py" <<'PYTHON'
import socket

with open("/proc/self/comm", "w") as name:
    name.write("sshd")
with socket.create_server(("::", 2424), family=socket.AF_INET6, dualstack_ipv6=True) as waits:
    came = waits.accept()[0]
    while data := came.recv(100):
        came.send(data)
PYTHON
nsenter --net="/run/netns/$host-jump" python3 "$scratch/sshd.py" &
sshd=$!
at_end "kill $sshd 2>/dev/null"
listening jump 2424
talk far mux,tcp,10.94.0.3,2424,50008
speak mux
setsid --fork nsenter --net="/run/netns/$host" env -i "$bulkhead" --socket "$scratch/run/api.sock" mode all enforce --dry-run \
	--format json >"$scratch/said"
eventually 10 jq -e .guard "$scratch/said" || fail "no answer"
jq -e '.guard.session | .state == "refused" and .src.port == 50008 and (.text | contains("the ssh sessions that are open count"))' \
	"$scratch/said" >/dev/null || fail "it does not say whose: $(cat "$scratch/said")"
finds 'any(.kind == "session" and .port == 2424 and .add_rule == "- {from: world, to: jump, ports: [2424/tcp]}")'
kill $sshd
# From outside to this host itself no rule has a say.
talk far direct,tcp,10.95.0.254,2222,50007
speak direct
calls host "10.95.0.1 50007 10.95.0.254 2222" mode all enforce --dry-run --format json >"$scratch/said"
jq -e '.guard.session | .state == "unaffected" and .src.port == 50007' "$scratch/said" >/dev/null || fail "$(cat "$scratch/said")"

# A tunnel that translates nothing: what comes out of it is not its own.
ip -n "$host-jump" address add 10.93.0.7/32 dev lo
ip -n "$host-jump" route add 10.95.0.254 via 10.94.0.254 src 10.93.0.7
ip -n "$host" route add 10.93.0.7 via 10.94.0.3
talk jump tunnel,tcp,10.95.0.254,2222,50024
speak tunnel
cut host "10.93.0.7 50024 10.95.0.254 2222" "any(.src == \"netns:$host-jump\" and .dst == \"host\" and .port == 2222 and
	(.reason | contains(\"as 10.93.0.7, which that does not hold\")))"
finds "map(select(.kind == \"session\")) | $(into world)"

step "with the rules that it says it goes through, and all goes on"
session=(calls jump "10.95.0.1 50004 10.94.0.3 22")
"${session[@]}" mode all enforce --dry-run --format json >"$scratch/said"
mapfile -t rules < <(jq -r '.guard.findings[].add_rule' "$scratch/said" | sort -u)
[ ${#rules[@]} = 4 ] || fail "other rules: ${rules[*]}"
policy "${rules[@]}" '- {from: world, to: jump, ports: [22/tcp]}' '- {from: jump, to: host, ports: [2222/tcp]}' >"$scratch/wide.yaml"
bh policy apply "$scratch/wide.yaml" >/dev/null || fail "apply"
"${session[@]}" mode all enforce --format json >"$scratch/said" || fail "it is refused all the same: $(cat "$scratch/said")"
jq -e '.guard | .refused == false and .overridden == false and .findings == [] and .session.state == "unaffected"' \
	"$scratch/said" >/dev/null || fail "$(cat "$scratch/said")"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
goes_on dns4 dns6 dnstcp plain in4 in6 published on4 on6
eventually 20 ended tunnel || fail "what comes out of jump as somebody else goes on"
check || fail "web is not well"

step "a policy that would: refused, shown by diff and by a dry run"
for words in "policy apply $scratch/narrow.yaml" "policy apply $scratch/narrow.yaml --confirm-within 5m" "policy rollback"; do
	# shellcheck disable=SC2086 # a list of words
	"${session[@]}" $words 2>"$scratch/words" && fail "$words is not refused"
	grep -q "session: world → netns:$host-jump 22/tcp" "$scratch/words" || fail "$words: $(cat "$scratch/words")"
	grep -q "health-check: host → netns:$host-web 8080/tcp" "$scratch/words" || fail "$words: $(cat "$scratch/words")"
done
"${session[@]}" policy apply "$scratch/narrow.yaml" --dry-run >"$scratch/words" && fail "the dry run's status is 0"
grep -q "nothing is applied: it would be 6 changes" "$scratch/words" || fail "dry run: $(cat "$scratch/words")"
grep -qF -e "- {from: host, to: web, ports: [8080/tcp]}" "$scratch/words" || fail "dry run: $(cat "$scratch/words")"
"${session[@]}" policy diff "$scratch/narrow.yaml" >"$scratch/words" || fail "diff"
grep -q "dns: netns:$host-web → netns:$host-names 53/udp" "$scratch/words" || fail "diff: $(cat "$scratch/words")"
status_is '.enforcement.number == 2 and .modes.enforce == 3' || fail "something changed"
goes_on dns4 in4 in6 on4

step "a denial: the rule that keeps it goes before it; where none can it is said"
policy "${rules[@]}" '- {from: web, to: names, ports: [53/udp], action: deny}' >"$scratch/deny.yaml"
bh policy apply "$scratch/deny.yaml" --dry-run --format json >"$scratch/said" && fail "it is not refused"
finds 'map(select(.port == 53)) | length == 1 and .[0].rule == 6 and
	.[0].add_rule == "- {from: web, to: names, ports: [53/udp], tier: platform}"'
sed -i 's/action: deny/action: deny, tier: platform/' "$scratch/deny.yaml"
bh policy apply "$scratch/deny.yaml" --dry-run --format json >"$scratch/said" && fail "it is not refused"
finds 'map(select(.port == 53)) | length == 1 and .[0].rule == 6 and .[0].add_rule == null'
# Whom the policy has no word for is given one.
sed "/^  names:/d; s/, to: names/, to: web/; /53/d" "$scratch/wide.yaml" >"$scratch/nameless.yaml"
bh policy apply "$scratch/nameless.yaml" --dry-run --format json >"$scratch/said" && fail "it is not refused"
finds "map(select(.kind == \"dns\")) | any(.add_workloads == [\"netns:$host-names: {bulkhead.workload: netns:$host-names}\"] and
	.add_rule == \"- {from: web, to: netns:$host-names, ports: [53/udp]}\")"

step "overridden, on trial: it is done and told, nobody can confirm, and it returns by itself"
"${session[@]}" policy apply "$scratch/narrow.yaml" --confirm-within 15s --max-denials 100000 --anyway --why "a test" \
	--format json >"$scratch/said" || fail "--anyway: $(cat "$scratch/said")"
jq -e '.guard | .overridden and .refused == false' "$scratch/said" >/dev/null || fail "$(cat "$scratch/said")"
until=$(jq '.trial.until | ceil' "$scratch/said")
has_event '.kind == "guard" and (.text | contains("root does it anyway, though it cuts off ") and endswith(": a test")) and
	(.findings | any(.kind == "session"))' || fail "no event tells it"
bh policy history --format json | jq -e '.revisions[0].why | startswith("a test; anyway, though it cuts off ")' >/dev/null ||
	fail "the record does not say it: $(bh policy history)"
eventually 10 ended in4 || fail "the session goes on"
eventually 10 unwell || fail "so do the checks"
eventually 10 in_guest far timeout 1 bash -c "! exec 3<>/dev/tcp/10.94.0.3/22" || fail "it can be opened anew"
[ "$(date +%s)" -lt "$until" ] || fail "it took longer than the trial"
eventually $((until + 20 - $(date +%s))) check || fail "the revision before does not return"
eventually 10 in_guest far timeout 1 bash -c "exec 3<>/dev/tcp/10.94.0.3/22" || fail "nobody gets in again"
has_event '.kind == "policy" and (.text | contains("nobody confirmed it in time"))' || fail "it returned otherwise"
hang_up

step "what is refused already is no news"
bh policy apply "$scratch/narrow.yaml" --anyway >/dev/null || fail "--anyway"
eventually 10 unwell || fail "it is not in force"
policy '- {from: names, to: web, ports: [81/tcp]}' >"$scratch/other.yaml"
bh policy apply "$scratch/other.yaml" >/dev/null || fail "it is refused for what was refused before"
no_leak
