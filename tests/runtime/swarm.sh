#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Swarm of one node: tasks are their service, whatever runs them. What they say over an overlay network
# passes no veth of the host; coverage and status tell of that, though the same tasks are seen elsewhere.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-swarm-$$"
write_config "runtimes: {docker: $scratch/docker.sock}
identity: {netns_directories: [/run/netns, $scratch/docker/run/netns]}"
# A Swarm wants an address of the host's. Nobody is at the other end.
ip -n "$host" link add uplink0 type veth peer name uplink1
ip -n "$host" link set uplink0 up
ip -n "$host" link set uplink1 up
ip -n "$host" addr add 10.87.0.1/24 dev uplink0
open_engine
import_image
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"
d swarm init --advertise-addr 10.87.0.1 --listen-addr 10.87.0.1:2377 >/dev/null || fail "docker swarm init"
d network create -d overlay wide >/dev/null || fail "network wide"

# serve NAME REPLICAS OPTION...: a service whose tasks answer on 8000.
serve() {
	d service create -d -q --no-resolve-image --name "$1" --replicas "$2" "${@:3}" shop:1 \
		sh -c 'exec nc -ll -p 8000 -e echo hello' >/dev/null || fail "service $1"
}
serve web 2
serve over 2 --network wide
serve pub 1 --publish 8080:8000
# row WORKLOAD JQ
row() {
	bh workloads --format json | jq -e --arg w "$1" "any(.rows[]; .workload == \$w and ($2))"
}

step "a service's tasks are one workload"
for service in "web 2" "over 2" "pub 1"; do
	eventually 60 row "swarm:${service% *}" ".why == \"Swarm service\" and (.instances | length) == ${service#* }" ||
		fail "$service: $(bh workloads)"
done
address() { # TASK'S CONTAINER
	d inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' "$1"
}
mapfile -t tasks < <(d ps -q --filter name=web.)
asks() {
	[ "$(d exec "${tasks[0]}" timeout 3 nc "$(address "${tasks[1]}")" 8000 </dev/null)" = hello ]
}
eventually 15 asks || fail "one task does not reach the other"
eventually 15 has_edge swarm:web swarm:web 8000 || fail "their connection is not learned: $(bh edges)"

step "an overlay network is not seen, and coverage says so of every task on it"
unseen() { # SERVICE NETWORK COUNT
	bh coverage --format json | jq -e --arg w "swarm:$1" --arg n "on its network $2 (" "[.rows[] |
		select(.workload == \$w and .coverage == \"neither\" and (.why | startswith(\$n)))] | length == $3"
}
eventually 10 unseen over wide 2 || fail "of the overlay network nothing is said: $(bh coverage)"
eventually 10 unseen pub ingress 1 || fail "of the ingress network nothing is said: $(bh coverage)"
unseen web bridge 0 || fail "a bridge is said not to be seen: $(bh coverage)"
bh coverage --format json | jq -e '[.rows[] | select(.workload == "swarm:over" and .coverage == "enforceable")] |
	length == 2' >/dev/null || fail "what is seen of them is not told: $(bh coverage)"
status_is '.unknown | any(contains("networks of theirs"))' || fail "status does not speak of it"

step "Docker's own resolver, at a loopback address, is no port that the tasks offer"
eventually 90 row swarm:over 'all(.instances[]; .listens == ["8000/tcp"])' || fail "$(bh workloads)"

step "Swarm's load balancer has a name"
eventually 15 row netns:ingress_sbox '.instances | length == 1' || fail "nobody is ingress_sbox: $(bh workloads)"

step "tasks that replace others are the same workload"
before=$(d ps -q --filter name=web. | sort)
d service update -d -q --force web >/dev/null || fail "service update"
replaced() {
	[ -z "$(comm -12 <(echo "$before") <(d ps -q --filter name=web. | sort))" ] &&
		row swarm:web '(.instances | length) == 2 and (.departed | length) >= 2'
}
eventually 90 replaced || fail "the new tasks are not swarm:web: $(bh workloads)"

step "status says it when such a workload enforces"
enforce_all
eventually 15 status_is '.enforcement.state == "active"' || fail "not enforced"
eventually 10 status_is '.unknown | any(contains("belong to workloads that enforce"))' ||
	fail "status takes them for locked down: $(bh status)"
