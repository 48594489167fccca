#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The awkward cases on a real Docker engine: each is observed and attributed, or honestly refused in
# `coverage` with a reason and what to do.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-awkward-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
open_engine
import_image
# What macvlan hangs from; it leads nowhere.
ip -n "$host" link add under0 type veth peer name under1
ip -n "$host" link set under0 up
ip -n "$host" link set under1 up
d network create --subnet 10.85.0.0/24 front >/dev/null || fail "network front"
d network create --subnet 10.85.1.0/24 --internal inside >/dev/null || fail "network inside"
d network create --ipv6 --subnet 10.85.2.0/24 --subnet fd85::/64 six >/dev/null || fail "network six"
d network create -d macvlan --subnet 10.85.3.0/24 -o parent=under0 flat >/dev/null || fail "network flat"

# start NAME NETWORK COMMAND
start() {
	d run -d --init --name "$1" --network "$2" --label "bulkhead.workload=$1" shop:1 sh -c "$3" >/dev/null ||
		fail "container $1"
}
# Each of these is there long before bulkhead is.
serve='nc -ll -p 8000 -e echo hello'
start server front "$serve"
d network connect inside server
d network connect six server
start twice front 'sleep 100000'
d network connect inside twice
start hidden inside 'sleep 100000'
start sixth six 'sleep 100000'
# By the API itself: clients and engines of different age disagree about the option.
curl -sf --unix-socket "$scratch/docker.sock" -H 'Content-Type: application/json' -o "$scratch/created" \
	-d '{"Image": "shop:1", "Cmd": ["sleep", "100000"], "MacAddress": "02:de:ad:00:00:01",
		"Labels": {"bulkhead.workload": "ownmac"}, "HostConfig": {"NetworkMode": "front", "Init": true}}' \
	'http://docker/v1.41/containers/create?name=ownmac' || fail "container ownmac"
d start ownmac >/dev/null || fail "container ownmac"
[ "$(d inspect -f '{{.NetworkSettings.Networks.front.MacAddress}}' ownmac)" = 02:de:ad:00:00:01 ] ||
	fail "the test is wrong: the MAC is another one"
start outer front 'nc -ll -p 8001 -e echo outer'
start inner container:outer 'nc -ll -p 8002 -e echo inner'
start open host 'nc -ll -p 8003 -e echo open'
d run -d --init --name nest --network front --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
	--label bulkhead.workload=nest shop:1 sh -c 'unshare -n sleep 5000 & exec sleep 100000' >/dev/null || fail "container nest"
start alone none 'sleep 100000'
start flat flat 'sleep 100000'
start half front 'sleep 100000'
d network connect flat half
sleep 12 # longer than any search for something new lasts
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"

address() { # CONTAINER NETWORK [FIELD]
	d inspect -f "{{(index .NetworkSettings.Networks \"$2\").${3:-IPAddress}}}" "$1"
}
asks() { # CONTAINER ADDRESS PORT
	[ -n "$(d exec "$1" timeout 3 nc "$2" "$3" </dev/null)" ]
}
# flow JQ: there is a flow of which the expression holds.
flow() {
	bh flows --format json --limit 10000 | jq -e -s "any(.[]; $1)"
}
# attributed FROM TO ADDRESS PORT: the flow between them is named on both ends.
attributed() {
	flow ".src.workload == \"label:$1\" and .dst.workload == \"label:$2\" and .dst.ip == \"$3\" and .dst.port == $4"
}
visits() { # FROM TO ADDRESS PORT
	asks "$1" "$3" "$4" || fail "$1 does not reach $2 at $3"
	eventually 10 attributed "$@" || fail "the flow from $1 to $2 is not attributed: $(bh flows --format json | jq -c "select(.dst.ip == \"$3\")" | head -n 3)"
}
# covered NAME COVERAGE [TEXT]: what coverage says of it.
covered() {
	bh coverage --format json | jq -e --arg n "$1" --arg c "$2" --arg t "${3:-}" \
		'any(.rows[]; .name == $n and .coverage == $c and ($t == "" or (.why // "" | contains($t))))'
}
is_covered() {
	eventually 10 covered "$@" || fail "coverage of $1 is not $2 ($3): $(bh coverage | grep "$1")"
}

step "several networks: on each of them"
visits twice server "$(address server front)" 8000
visits twice server "$(address server inside)" 8000
is_covered twice enforceable

step "an internal network"
visits hidden server "$(address server inside)" 8000
is_covered hidden enforceable

step "IPv6, and no IPv4 at all"
visits sixth server "$(address server six GlobalIPv6Address)" 8000
nsenter --net="/proc/$(d inspect -f '{{.State.Pid}}' sixth)/ns/net" ip -4 address flush dev eth0
visits sixth server "$(address server six GlobalIPv6Address)" 8000
only_six() {
	bh workloads --format json | jq -e '.rows[] | select(.workload == "label:sixth") | .instances[0].addresses |
		length > 0 and all(contains(":"))'
}
eventually 10 only_six || fail "its IPv4 address is still said to be there"

step "a MAC of the user's choice"
visits ownmac server "$(address server front)" 8000
is_covered ownmac enforceable

step "several containers in one namespace: named as one"
visits twice outer "$(address outer front)" 8001
visits twice outer "$(address outer front)" 8002
asks inner "$(address server front)" 8000 || fail "inner does not reach the server"
eventually 10 attributed outer server "$(address server front)" 8000 || fail "inner's flow is not the namespace's"
# Who of them listens is known from the sockets' owners; it is looked up once a minute.
split() {
	flow ".dst.port == $2 and .dst.workload == \"label:outer\" and .dst.container == \"$1\""
}
eventually 70 split outer 8001 || fail "it is not known that outer listens on 8001"
eventually 10 split inner 8002 || fail "it is not known that inner listens on 8002"
members() {
	bh workloads --format json | jq -e '.rows[] | select(.workload == "label:outer") | .instances[0].members |
		map({name, listens}) | sort_by(.name) ==
		[{"name": "inner", "listens": ["8002/tcp"]}, {"name": "outer", "listens": ["8001/tcp"]}]'
}
eventually 10 members || fail "workloads do not tell who of them listens: $(bh workloads --format json | jq -c '.rows[] | select(.workload == "label:outer")')"
is_covered outer enforceable
is_covered inner observable "shares the network of outer"

step "the host's network, none, and macvlan: refused, with reason and remedy"
is_covered open neither "runs in the host's network"
is_covered open neither "it listens on 8003/tcp"
bh coverage --format json | jq -e '.rows[] | select(.name == "open") | .listens == ["8003/tcp"]' >/dev/null ||
	fail "coverage does not tell which ports are whose in the host's network"
is_covered alone neither "has no network"
is_covered flat neither "macvlan"
is_covered half enforceable
is_covered half neither "on its network flat ($(address half flat))"

step "an address that another took while its owner was away is the owner's again"
lost=$(address sixth six)
d stop -t 0 sixth >/dev/null
nsenter -t "$(d inspect -f '{{.State.Pid}}' server)" -n ip addr add "$lost/24" dev eth2 || fail "the test is wrong: no eth2"
sleep 1
d start sixth >/dev/null
[ "$(address sixth six)" = "$lost" ] || fail "the test is wrong: it was given another address"
announces() { # CONTAINER DEVICE
	nsenter -t "$(d inspect -f '{{.State.Pid}}' "$1")" -n busybox arping -c 1 -U -I "$2" "$lost"
}
announces sixth eth0 >/dev/null
announces server eth2 >/dev/null
impostor() { # WORKLOAD
	has_event ".kind == \"spoof\" and .address == \"$lost\" and .workload == \"label:$1\""
}
eventually 10 impostor server || fail "nobody tells who took the address: $(bh events)"
impostor sixth && fail "the owner is taken for an impostor"

step "a namespace within a container: what leaves it is the container's, and explained"
nest="$(d inspect -f '{{.State.Pid}}' nest)"
# Its processes are children of the init that the engine put first.
inner_pid=$(pgrep -f '^sleep 5000' | while read -r pid; do grep -q "$(d inspect -f '{{.Id}}' nest)" "/proc/$pid/cgroup" && echo "$pid"; done | head -n 1)
within() { # PID COMMAND...
	nsenter --net="/proc/$1/ns/net" "${@:2}"
}
within "$nest" ip link add n0 type veth peer name n1 netns "$inner_pid" || fail "no namespace within the container"
within "$nest" ip addr add 10.200.0.1/24 dev n0
within "$nest" ip link set n0 up
within "$nest" sysctl -qw net.ipv4.ip_forward=1
within "$inner_pid" ip addr add 10.200.0.2/24 dev n1
within "$inner_pid" ip link set n1 up
within "$inner_pid" ip route add default via 10.200.0.1
nested() {
	bh coverage --format json | jq -e 'any(.rows[]; .runtime == "nested" and .coverage == "observable" and
		(.why | contains("nested in nest")))'
}
eventually 30 nested || fail "coverage does not tell of what is nested: $(bh coverage)"
within "$inner_pid" bash -c "echo hello >/dev/udp/$(address server front)/8000"
explained() {
	has_event '.kind == "spoof" and .sender == "label:nest" and .src.ip == "10.200.0.2" and .nested == 1 and
		(.text | contains("nested"))'
}
eventually 15 explained || fail "what leaves it is not explained"

step "taken off its only network: told as that, with the way back"
start lone front 'sleep 100000'
is_covered lone enforceable
d network disconnect front lone
is_covered lone neither "lone was taken off the last one"
d network connect front lone
is_covered lone enforceable

step "left behind by the owner of its network, and then started again: told as it is, at once"
d restart -t 0 outer >/dev/null
eventually 40 covered inner neither "restart it" || fail "it is not told that inner was left behind: $(bh coverage | grep inner)"
d restart -t 0 inner >/dev/null
eventually 5 covered inner observable "shares the network of outer" ||
	fail "inner is still said to be left behind: $(bh coverage | grep inner)"

step "paused and renamed: the same one, and known to who looks for the first time"
d pause ownmac open flat inner >/dev/null
is_covered ownmac enforceable
is_covered open neither "runs in the host's network"
is_covered flat neither "macvlan"
is_covered inner observable "shares the network of outer"
same_as_fresh
d unpause ownmac open flat inner >/dev/null
visits ownmac server "$(address server front)" 8000
d rename ownmac newname >/dev/null
is_covered newname enforceable
covered ownmac enforceable >/dev/null && fail "the old name is still there"

same_as_fresh
