#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole path on a real Docker engine: names, learning, enforcement, restarts with another address.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-docker-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
open_engine
import_image

d network create --ipv6 --subnet 10.88.0.0/24 --subnet fd88::/64 shop >/dev/null || fail "docker network"

# run SERVICE NAME COMMAND: a container as Compose would label it.
run() {
	d run -d --init --name "$2" --network shop --network-alias "$1" --label com.docker.compose.project=shop \
		--label "com.docker.compose.service=$1" shop:1 /bin/sh -c "$3" >/dev/null ||
		fail "container $2"
}

address() {
	d inspect -f '{{(index .NetworkSettings.Networks "shop").IPAddress}}' "$1"
}

address6() {
	d inspect -f '{{(index .NetworkSettings.Networks "shop").GlobalIPv6Address}}' "$1"
}

start_daemon
eventually 10 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"

# --- the application ----------------------------------------------------------------------------

step "three services, two replicas of one"
# db answers on 5432; on 6000 it speaks first, and goes on speaking.
run db shop_db_1 'nc -ll -p 5432 -e sh -c "read line; echo \$line" & exec nc -ll -p 6000 -e sh -c "while :; do date; sleep 0.2; done"'
api='nc -ll -p 8080 -e sh -c "read line; echo ok | timeout 2 nc db 5432" & nc db 6000 >/tmp/stream & exec sleep 100000'
run api shop_api_1 "$api"
# web asks api over IPv4 and IPv6 in turn, and keeps count of what failed.
web='ok=0; failed=0
	ask() { nslookup -type=$1 api | awk "/^Address: /{print \$2}"; }
	while :; do
		for to in $(ask a) $(ask aaaa); do
			if [ "$(echo hello | timeout 2 nc $to 8080)" = ok ]; then
				ok=$((ok + 1))
			else
				failed=$((failed + 1))
			fi
			echo $ok $failed >/tmp/count.new; mv /tmp/count.new /tmp/count
		done
		sleep 0.3
	done'
run web shop_web_1 "$web"
run web shop_web_2 "$web"

# counts CONTAINER: "OK FAILED" so far.
counts() {
	d exec "$1" cat /tmp/count 2>/dev/null || echo 0 0
}

# goes_on CONTAINER: new requests succeed, and none fails.
goes_on() {
	local before after
	before=$(counts "$1")
	sleep 3
	after=$(counts "$1")
	echo "$1: $before -> $after (ok failed)"
	[ "${after% *}" -gt "${before% *}" ] && [ "${after#* }" = "${before#* }" ]
}

# streaming: the connection in which the server speaks first is still the first one, and alive.
stream_lines() {
	d exec shop_api_1 sh -c 'wc -l </tmp/stream'
}

streaming() {
	local before after
	before=$(stream_lines)
	sleep 1.5
	after=$(stream_lines)
	echo "stream: $before -> $after lines"
	[ "$after" -gt "$before" ]
}

# connects FROM TO PORT: whether a connection is answered. Servers answer or speak first.
connects() {
	local reply
	reply=$(d exec "$1" sh -c "echo probe | timeout 2 nc $2 $3" 2>/dev/null)
	[ -n "$reply" ]
}

works() {
	[ "$(counts "$1" | cut -d' ' -f1)" -gt 3 ]
}
eventually 20 works shop_web_1 || fail "the application does not work by itself"
goes_on shop_web_1 || fail "the application does not go on working by itself"

step "every flow is named on both ends"
for edge in "web api 8080" "api db 5432" "api db 6000"; do
	read -r from to port <<<"$edge"
	eventually 15 has_edge "compose:shop/$from" "compose:shop/$to" "$port" ||
		fail "no edge $from -> $to $port: $(bh edges --format json)"
done
unnamed=$(bh flows --format json --limit 5000 | jq -c 'select(.proto == "tcp" and
	(.src.ip | test("^(10.88|fd88)")) and (.dst.ip | test("^(10.88|fd88)")) and
	(.src.workload == null or .dst.workload == null))' | head -n 3)
[ -z "$unnamed" ] || fail "flows without a name: $unnamed"
families=$(bh flows --format json --limit 5000 | jq -r 'select(.dst.port == 8080) |
	if (.dst.ip | contains(":")) then 6 else 4 end' | sort -u | tr -d '\n')
[ "$families" = 46 ] || fail "both families are to be seen, saw: $families"

step "each connection once"
d exec -d shop_db_1 nc -ll -p 7777 -e sh -c 'read line; echo $line'
sleep 0.5
for _ in $(seq 20); do
	connects shop_web_1 shop_db_1 7777 || fail "the probe's listener does not answer"
done
seen() {
	bh flows --format json --limit 20000 | jq -r 'select(.dst.port == 7777) | .src.port' | wc -l
}
saw_twenty() {
	[ "$(seen)" = 20 ]
}
eventually 10 saw_twenty || fail "20 connections are $(seen) flows"
sleep 2
saw_twenty || fail "20 connections became $(seen) flows"

step "propose, apply, audit"
accept_all
bh policy propose >"$scratch/policy.yaml" || fail "no proposal"
grep -q 'compose:shop/api' "$scratch/policy.yaml" || fail "the proposal names no api"
bh policy apply "$scratch/policy.yaml" --why "first" || fail "apply"
bh policy check || fail "the applied policy would block what was learned"
bh mode all audit --anyway || fail "audit"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
connects shop_web_1 shop_db_1 5432 || fail "audit must not block"
eventually 10 has_event '.kind == "would-deny" and .src.workload == "compose:shop/web" and
	.dst.workload == "compose:shop/db" and .port == 5432 and (.reason | contains("no rule"))' ||
	fail "audit said nothing of web -> db"

step "enforce: what was learned goes on, the rest is refused"
bh mode all enforce --anyway || fail "enforce"
eventually 10 status_is '.modes.enforce == 3' || fail "not enforced"
sleep 0.5
goes_on shop_web_1 || fail "enforcement broke web"
goes_on shop_web_2 || fail "enforcement broke web"
streaming || fail "the open connection was cut"
connects shop_web_1 shop_db_1 5432 && fail "web reached db"
connects shop_web_1 "$(address6 shop_db_1)" 5432 && fail "web reached db over IPv6"
eventually 10 has_event '.kind == "denied" and .src.workload == "compose:shop/web" and
	.dst.workload == "compose:shop/db" and .port == 5432' || fail "nobody said that web was denied"

step "an intruder's container is refused"
d run -d --init --name intruder --network shop shop:1 sleep 100000 >/dev/null
sleep 1
for target in "$(address shop_db_1) 5432" "$(address6 shop_db_1) 5432" "$(address shop_api_1) 8080"; do
	# shellcheck disable=SC2086 # an address and a port
	connects intruder $target && fail "the intruder reached $target"
done

step "a restart with another address: the name and the rights go along, the old address has none"
old=$(address shop_api_1)
d stop -t 1 shop_api_1 >/dev/null
d rm -f intruder >/dev/null
d run -d --init --name squatter --network shop shop:1 sleep 100000 >/dev/null
d start shop_api_1 >/dev/null
[ "$(address squatter)" = "$old" ] || fail "the test is wrong: the old address was not given out"
[ "$(address shop_api_1)" != "$old" ] || fail "the test is wrong: api kept its address"
eventually 10 connects shop_api_1 shop_db_1 5432 || fail "api lost its rights with its address"
goes_on shop_web_1 >/dev/null
goes_on shop_web_1 || fail "web does not reach the restarted api"
connects squatter shop_db_1 5432 && fail "the old address still has api's rights"
bh workloads --format json | jq -e --arg a "$(address shop_api_1)" '.rows[] |
	select(.workload == "compose:shop/api") | .instances[].addresses | index($a)' >/dev/null ||
	fail "api is not known under its new address"

step "a second network while bulkhead runs"
d network create --subnet 10.89.0.0/24 back >/dev/null
d network connect back shop_db_1
d network connect back squatter
has_address() {
	bh workloads --format json | jq -e --arg w "$1" --arg a "$2" '.rows[] |
		select(.workload == $w) | .instances[].addresses | index($a)'
}
back=$(d inspect -f '{{(index .NetworkSettings.Networks "back").IPAddress}}' shop_db_1)
eventually 10 has_address compose:shop/db "$back" || fail "db's second address is not known"
sleep 0.5
connects squatter "$back" 5432 && fail "the second network is not covered"

step "rollback and history"
bh policy rollback --why "try it" 2>/dev/null && fail "there is nothing to go back to"
bh policy apply "$scratch/policy.yaml" --why "again" >/dev/null
bh policy rollback --why "try it" || fail "rollback"
[ "$(bh policy history --format json | jq '.revisions | length')" = 3 ] || fail "history"
[ "$(bh policy show 1)" = "$(cat "$scratch/policy.yaml")" ] || fail "revision 1 is not what was applied"
bh policy show 99 2>/dev/null && fail "there is no revision 99"
goes_on shop_web_1 || fail "a rollback to the same policy broke web"

step "the engine restarts: names stay, rules stay"
kill "$engine_pid" && wait "$engine_pid" 2>/dev/null
eventually 10 status_is '.identity.runtimes[0].state == "unreachable"' || fail "nobody noticed"
start_engine || fail "the engine does not come back"
eventually 20 status_is '.identity.runtimes[0].state == "connected"' || fail "not reconnected"

no_leak
claims_told false
