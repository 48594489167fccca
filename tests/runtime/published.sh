#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports that a real Docker engine publishes, without and with its proxy: who is a client, who is masked,
# and what a person has to decide before the server is enforced.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-published-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
# What publishing without a proxy needs where both ends are on one bridge.
on_host sysctl -qw net.bridge.bridge-nf-call-iptables=1
engine_options=(--userland-proxy=false)
open_engine
import_image
d network create --subnet 10.88.0.0/24 shop >/dev/null || fail "docker network"
# Somebody outside, by an interface that is no container's.
ip netns add "$host-out" && at_end "ip netns del $host-out"
ip -n "$host" link add eth-up type veth peer name eth0 netns "$host-out"
ip -n "$host" addr add 10.90.0.1/24 dev eth-up
ip -n "$host-out" addr add 10.90.0.2/24 dev eth0
ip -n "$host" link set eth-up up
ip -n "$host-out" link set eth0 up

# run NAME COMMAND [OPTION...]
run() {
	d run -d --init --name "$1" --network shop "${@:3}" --label com.docker.compose.project=shop \
		--label "com.docker.compose.service=$1" shop:1 /bin/sh -c "$2" >/dev/null ||
		fail "container $1"
}
run db 'nc -ll -p 80 -e echo yes' -p 8080:80
run web 'sleep 100000'
start_daemon
# knows CONTAINER: whether bulkhead calls it by its name.
knows() {
	bh workloads --format json | jq -e --arg w "compose:shop/$1" '.rows[] | select(.workload == $w)'
}
eventually 10 knows db || fail "db is not known"
eventually 10 knows web || fail "web is not known"

# reaches WHO ADDRESS PORT: a container, or a namespace.
reaches() {
	local ask="timeout 2 nc $2 $3 </dev/null"
	case $1 in
	"$host"*) [ "$(nsenter --net="/run/netns/$1" busybox sh -c "timeout 2 busybox nc $2 $3 </dev/null")" = yes ] ;;
	*) [ "$(d exec "$1" sh -c "$ask" 2>/dev/null)" = yes ] ;;
	esac
}
must_reach() {
	reaches "$@" || fail "no answer: $*"
}
everybody() {
	must_reach web 10.88.0.1 8080
	must_reach db 10.88.0.1 8080
	must_reach "$host-out" 10.90.0.1 8080
	must_reach "$host" 10.90.0.1 8080
}
edge() {
	bh edges --format json | jq -e --arg s "$1" --arg d "$2" --argjson n "$3" \
		'.edges[] | select(.src == $s and .dst == $d and .port == $n)'
}

step "without a proxy: each client has its name, the container that asks for itself among them"
everybody
for client in compose:shop/web compose:shop/db world host; do
	eventually 10 edge "$client" compose:shop/db 80 || fail "not learned: $client; but $(bh edges)"
done
bh edges --format json | jq -e '[.edges[] | select(.dst == "host" or .src == "masked")] | length == 0' \
	>/dev/null || fail "a leg was learned: $(bh edges)"
bh flows --format json | jq -e -s 'any(.[]; .src.workload == "compose:shop/web" and
	.dst.workload == "compose:shop/db" and .via == {ip: "10.88.0.1", port: 8080} and .verdict == "delivered")' \
	>/dev/null || fail "the published port is not one flow: $(bh flows)"

step "enforced, all of it goes on"
accept_all
bh policy propose >"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply: $(cat "$scratch/policy.yaml")"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.modes.enforce == 2 and .enforcement.state == "active"' || fail "not enforced"
everybody
reaches web 10.88.0.1 22 && fail "web reached the host"
# Before the engine stops: with a container it deletes what connection tracking knows of it, and whose
# connection is asked about only then stays masked.
edge_again() {
	edge "$1" compose:shop/db 80 | jq -e '.connections >= 2'
}
for client in compose:shop/web compose:shop/db world host; do
	eventually 10 edge_again "$client" || fail "not learned again: $client; but $(bh edges)"
done
bh mode all learn >/dev/null

step "with a proxy: its clients are masked, and nobody's client is the gateway"
stop_engine
engine_options=()
start_engine || fail "the engine does not come back"
d start db web >/dev/null || fail "docker start"
connected() {
	status_is '.identity.runtimes[0].state == "connected"' && knows db && knows web
}
eventually 20 connected || fail "not connected again"
proxied_since=$(date +%s)
reaches_at_last() {
	reaches web 10.88.0.1 8080
}
eventually 10 reaches_at_last || fail "no answer through the proxy"
eventually 10 edge masked compose:shop/db 80 || fail "nobody is masked: $(bh edges)"
edge masked compose:shop/db 80 | jq -e '.masked | startswith("docker-proxy of host:8080")' >/dev/null ||
	fail "the reason is not given: $(edge masked compose:shop/db 80)"
edge compose:shop/web host 8080 >/dev/null || fail "web is not seen to go to the host"

step "to whoever looks, web's connection is one flow through the proxy"
shown_as_one() {
	must_reach web 10.88.0.1 8080
	bh flows --format json | jq -e -s 'any(.[]; .src.workload == "compose:shop/web" and
		.dst.workload == "compose:shop/db" and .dst.port == 80 and .verdict == "delivered" and
		.via == {ip: "10.88.0.1", port: 8080, proxy: true} and .masked == null and
		.tx.packets > 0 and .tx.delivered_packets == null and .first > $since)' --argjson since "$proxied_since"
}
eventually 30 shown_as_one || fail "no pair: $(bh flows)"
edge masked compose:shop/db 80 | jq -e '.clients == ["compose:shop/web"]' >/dev/null ||
	fail "the client is not named: $(edge masked compose:shop/db 80)"

step "the proposal names the decision; without it db is not enforced"
accept_all
bh policy propose >"$scratch/policy.yaml"
grep -q '^# To be decided: somebody opened 80/tcp of compose:shop/db' "$scratch/policy.yaml" ||
	fail "the proposal is silent: $(cat "$scratch/policy.yaml")"
grep -q '^# .*the proxy was called by compose:shop/web' "$scratch/policy.yaml" ||
	fail "the proposal does not name the client: $(cat "$scratch/policy.yaml")"
# As if nobody had ever seen the host itself there.
python3 - "$scratch/policy.yaml" <<-'PYTHON'
	import re, sys
	text = open(sys.argv[1]).read()
	text = re.sub(r"(  #[^\n]*\n)*  - from: host\n    to: [^\n]*\n    ports: [^\n]*\n"
		r"(    edges: \[[^]]*\]\n)?", "", text)
	open(sys.argv[1], "w").write(text)
PYTHON
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode compose:shop/db enforce --anyway 2>"$scratch/refusal" && fail "db is enforced although nobody decided"
grep -q 'docker-proxy of host:8080' "$scratch/refusal" || fail "refused without a reason: $(cat "$scratch/refusal")"
bh mode compose:shop/db audit --anyway >/dev/null || fail "audit blocks nothing, and needs no decision"
cat >>"$scratch/policy.yaml" <<-'YAML'
	  - from: host
	    to: compose:shop/db
	    ports: [80/tcp]
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply: $(cat "$scratch/policy.yaml")"
bh mode all enforce --anyway >/dev/null || fail "the decision does not count"
eventually 10 status_is '.modes.enforce == 2 and .enforcement.state == "active"' || fail "not enforced"
must_reach web 10.88.0.1 8080
reaches web 10.88.0.2 81 && fail "web reached what nobody allowed"
true
