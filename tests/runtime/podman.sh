#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Podman: without its service, with it, and the change between the two; pods.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/podman_engine.sh
. "$(dirname "$0")/podman_engine.sh"

make_host "bhtest-podman-$$"
write_config "runtimes: {docker: off, podman: $scratch/podman.sock, podman_storage: $scratch/podman/root}"
configure_podman
start_daemon

eventually 10 runtime_is podman '.state == "absent"' || fail "Podman is taken to be there before it ever ran"
status_is '[.unknown[] | select(contains("podman"))] == []' || fail "what is not installed is missed"

import_image
p network create --ipv6 --subnet 10.90.0.0/24 --subnet fd90::/64 shop >/dev/null || fail "podman network"

# run SERVICE NAME COMMAND: a container as podman-compose would label it.
run() {
	p run -d --name "$2" --network shop --network-alias "$1" --label com.docker.compose.project=shop \
		--label "com.docker.compose.service=$1" localhost/shop:1 /bin/sh -c "$3" >/dev/null 2>&1 ||
		fail "container $2"
}

covered() {
	bh coverage --format json | jq -e --arg n "$1" ".rows[] | select(.name == \$n) | $2" >/dev/null
}

address() {
	p inspect -f '{{(index .NetworkSettings.Networks "shop").IPAddress}}' "$1"
}

step "without the service: names, labels and addresses are read from disk"
run db shop_db_1 'exec nc -ll -p 5432 -e cat'
eventually 10 runtime_is podman '.state == "connected" and (.why | contains("on disk"))' ||
	fail "the state on disk is not read: $(bh status --format json | jq -c .identity)"
eventually 10 instance_is compose:shop/db shop_db_1 || fail "db is not known: $(bh workloads)"
run web shop_web_1 "while :; do echo ask | timeout 2 nc $(address shop_db_1) 5432; sleep 0.3; done"
eventually 10 has_edge compose:shop/web compose:shop/db 5432 || fail "no edge web -> db: $(bh edges)"
no_stranger 5432

step "a pod is one workload, and its containers are in it"
p pod create --name front --network shop --label team=pay >/dev/null 2>&1 || fail "podman pod create"
p run -d --pod front --name one localhost/shop:1 nc -ll -p 8080 -e cat >/dev/null 2>&1 || fail "container one"
p run -d --pod front --name two localhost/shop:1 sleep 100000 >/dev/null 2>&1 || fail "container two"
p run -d --network host --name hosted localhost/shop:1 sleep 100000 >/dev/null 2>&1 || fail "container hosted"
p run -d --network none --name alone localhost/shop:1 sleep 100000 >/dev/null 2>&1 || fail "container alone"
eventually 10 instance_is pod:front front || fail "the pod is not known: $(bh workloads)"
for name in one two; do
	eventually 10 covered $name '.coverage == "observable" and (.why | contains("pod front"))' ||
		fail "$name is not known to be in the pod: $(bh coverage)"
done
# Each of them likewise by the service, below.
without_bridge() {
	eventually 10 covered hosted '.coverage == "neither" and (.why | contains("host"))' ||
		fail "a container in the host's network is not told of: $(bh coverage)"
	eventually 10 covered alone '.coverage == "neither" and .why == "has no network"' ||
		fail "a container without a network is not told as that: $(bh coverage)"
}
without_bridge

# pose: an image that says which workload it is, in a container without labels, and in one that has its own.
pose() {
	p run -d --name posing --network shop localhost/posing:1 sleep 100000 >/dev/null 2>&1 || fail "container posing"
	p run -d --name given --network shop --label bulkhead.workload=given localhost/posing:1 \
		sleep 100000 >/dev/null 2>&1 || fail "container given"
	eventually 15 instance_is image:localhost/posing posing || fail "the image names it: $(bh workloads)"
	eventually 15 instance_is label:given given || fail "its own label does not name it: $(bh workloads)"
	p rm -f -t 0 posing given >/dev/null 2>&1
}

step "an image does not name its own workload"
p import --change 'LABEL bulkhead.workload=visitor' "$scratch/image.tar" localhost/posing:1 >/dev/null 2>&1 ||
	fail "podman import"
pose

step "with the service, which comes later"
start_service
eventually 20 runtime_is podman '.state == "connected" and .why == null' ||
	fail "the service is not used: $(bh status --format json | jq -c .identity) $(tail -n 3 "$scratch/service.log")"
for it in "compose:shop/db shop_db_1" "compose:shop/web shop_web_1" "pod:front front"; do
	read -r workload name <<<"$it"
	instance_is "$workload" "$name" || fail "$name changed with the way in which it is known: $(bh workloads)"
done
without_bridge
p pause hosted >/dev/null 2>&1 || fail "podman pause"
same_as_fresh
p unpause hosted >/dev/null 2>&1
run db shop_db_2 'exec nc -ll -p 5432 -e cat'
eventually 15 instance_is compose:shop/db shop_db_2 || fail "a new container is not known by the service"
p rename shop_db_2 shop_db_9 2>/dev/null || fail "podman rename"
eventually 15 instance_is compose:shop/db shop_db_9 || fail "the new name is not known: $(bh workloads)"
p pod create --name back --network shop >/dev/null 2>&1 || fail "podman pod create"
p run -d --pod back --name three localhost/shop:1 sleep 100000 >/dev/null 2>&1 || fail "container three"
eventually 15 instance_is pod:back back || fail "a new pod is not known by the service: $(bh workloads)"

pose

step "without it again: nobody becomes a stranger"
stop_service
eventually 10 runtime_is podman '.state == "connected" and (.why | contains("on disk"))' || fail "the disk does not take over"
for it in "compose:shop/db shop_db_9" "compose:shop/web shop_web_1" "pod:front front" "pod:back back"; do
	read -r workload name <<<"$it"
	instance_is "$workload" "$name" || fail "$name is a stranger without the service: $(bh workloads)"
done
p rm -f -t 0 shop_db_9 >/dev/null 2>&1
gone() {
	! bh coverage --format json | jq -e '.rows[] | select(.name == "shop_db_9")' >/dev/null
}
eventually 10 gone || fail "a removed container is still told of: $(bh coverage)"

step "two in a namespace that was there before them: as one, and when the first goes the other is known at once"
ip netns add "$host-shared" && at_end "ip netns del $host-shared"
ip -n "$host" link add vshared type veth peer name eth0 netns "$host-shared"
ip -n "$host" link set vshared up
ip -n "$host-shared" link set eth0 up
ip -n "$host-shared" addr add 10.89.7.2/24 dev eth0
for name in first second; do
	p run -d --name "$name" --network "ns:/run/netns/$host-shared" --label "bulkhead.workload=$name" localhost/shop:1 \
		sleep 100000 >/dev/null 2>&1 || fail "container $name"
done
shared() { # COUNT OF ROWS THAT SHARE, JQ OVER THE ENFORCEABLE ONE
	bh coverage --format json | jq -e "[.rows[] | select(.name == \"first\" or .name == \"second\")] |
		(map(select(.why // \"\" | startswith(\"shares the network of\"))) | length) == $1 and
		any(.[]; .coverage == \"enforceable\" and ($2))"
}
eventually 10 shared 1 true || fail "the two do not share: $(bh coverage)"
p rm -f -t 0 first >/dev/null 2>&1
eventually 5 shared 0 '.name == "second"' || fail "second is not known once first is gone: $(bh coverage)"
eventually 5 instance_is label:second second || fail "second is somebody else: $(bh workloads)"
p rm -f -t 0 second >/dev/null 2>&1

step "enforced: what was learned goes on, the rest is refused"
enforce_all
# connects CONTAINER ADDRESS PORT: whether a connection is answered.
connects() {
	[ -n "$(p exec "$1" sh -c "echo probe | timeout 2 nc $2 $3" 2>/dev/null)" ]
}
eventually 10 connects shop_web_1 "$(address shop_db_1)" 5432 || fail "enforcement broke web"
front=$(bh workloads --format json | jq -r '.rows[] | select(.workload == "pod:front") | .instances[0].addresses[0]')
connects shop_web_1 "$front" 8080 && fail "web reached the pod"
eventually 10 has_event '.kind == "denied" and .src.workload == "compose:shop/web" and .dst.workload == "pod:front"' ||
	fail "nobody said that web was denied"
no_leak
