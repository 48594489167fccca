#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kubernetes: real pods by containerd's CRI service, and what an API server says of them, by a small server
# over TLS (apiserver.py). Deployments' replicas are one workload; a watch goes on where it was, through a server that
# ends, a version that expired, a new token and a restart of bulkhead.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/containerd_host.sh
. "$(dirname "$0")/containerd_host.sh"
needs openssl

make_host "bhtest-kubernetes-$$"
k=/run/kubernetes
mkdir -p $k/objects
port=6443
write_config "runtimes: {docker: off, podman: off, podman_storage: off, crio: off,
  containerd: $scratch/ctd/run/io.containerd.runtime.v2.task, kubernetes: \"https://localhost:$port\",
  kubernetes_node: node-1, kubernetes_token: $k/mounted, kubernetes_ca: $k/ca.pem}"

# --- the server ---------------------------------------------------------------------------------

# authority NAME: its certificate and key.
authority() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$k/$1.key" -out "$k/$1.pem" \
		2>"$scratch/openssl" || fail "openssl: $(cat "$scratch/openssl")"
}
authority ca
authority stranger
openssl req -newkey rsa:2048 -nodes -subj /CN=kube-apiserver -keyout $k/server.key -out $k/server.csr 2>/dev/null &&
	openssl x509 -req -in $k/server.csr -CA $k/ca.pem -CAkey $k/ca.key -CAcreateserial -days 2 -out $k/server.pem \
		-extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null || fail "openssl x509"

start_server() {
	nsenter --net="/run/netns/$host" "$(dirname "$0")/apiserver.py" $port $k/server.pem $k/server.key $k \
		>"$scratch/server.log" 2>&1 &
	server=$!
}
stop_server() {
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
}
at_end stop_server

# new_token TEXT: a token that is mounted anew, as kubelet does; readable for core's user alone.
new_token() {
	echo "$1" >$k/next
	chown bulkhead $k/next
	chmod 400 $k/next
	mv $k/next $k/mounted
	echo "$1" >$k/token
}

# pod NAME UID VERSION OWNER [LABELS]: its metadata. OWNER: KIND/NAME, of apps/v1.
pod() {
	jq -cn --arg name "$1" --arg uid "$2" --arg version "$3" --arg kind "${4%%/*}" --arg owner "${4#*/}" \
		--argjson labels "${5:-{\}}" '{kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata:
		{name: $name, namespace: "shop", uid: $uid, resourceVersion: $version, labels: $labels,
		 ownerReferences: [{apiVersion: "apps/v1", kind: $kind, name: $owner, uid: "x", controller: true}]}}'
}
# list VERSION POD...
list() {
	local version=$1
	shift
	printf '%s\n' "$@" | jq -cs --arg version "$version" '{kind: "PartialObjectMetadataList",
		apiVersion: "meta.k8s.io/v1", metadata: {resourceVersion: $version}, items: .}' >$k/list.json
}
# event TYPE POD
event() {
	jq -cn --arg type "$1" --argjson object "$2" '{type: $type, object: $object}' >>$k/events.jsonl
}
# belongs NAME KIND/OWNER: what a replica set belongs to.
belongs() {
	jq -cn --arg kind "${2%%/*}" --arg owner "${2#*/}" '{kind: "PartialObjectMetadata", metadata: {ownerReferences:
		[{apiVersion: "apps/v1", kind: $kind, name: $owner, controller: true}]}}' >"$k/objects/$1"
}
uid() {
	printf '%08d-0000-4000-8000-000000000000' "$1"
}
asked() {
	grep -c -- "$1" $k/log
}

# run_pod NAME NUMBER PORT: a real one, which answers there.
run_pod() {
	local sandbox
	sandbox=$(pods pod shop "$1" "$(uid "$2")") || fail "no sandbox: $(tail -n 3 "$scratch/ctd.log")"
	pods container "$sandbox" shop "$1" "$(uid "$2")" server localhost/shop:1 /bin/nc -ll -p "$3" -e cat >/dev/null ||
		fail "no container"
}
replicas() {
	[ "$(bh workloads --format json | jq -c --arg w "$1" '[.rows[] | select(.workload == $w) | .instances[].name] | sort')" = "$2" ]
}
server_says() {
	runtime_is kubernetes "$1"
}

containerd_start
labels='{"app": "web", "pod-template-hash": "7d9f"}'
list 100 "$(pod web-7d9f-aaaaa "$(uid 1)" 50 ReplicaSet/web-7d9f "$labels")" \
	"$(pod db-0 "$(uid 2)" 60 StatefulSet/db '{"app": "db"}')"
belongs web-7d9f Deployment/storefront
new_token first

step "the server is not there yet: its pods are workloads of their own, and that is told"
start_daemon
eventually 10 server_says '.state == "unreachable" and (.why | contains("refused"))' || fail "status: $(bh status)"
run_pod web-7d9f-aaaaa 1 8080
run_pod db-0 2 5432
eventually 10 instance_is k8s:shop/pod/db-0 shop/db-0 || fail "the pod is not known: $(bh workloads)"
status_is '.unknown | any(contains("what 2 pods belong to is not known"))' || fail "nothing is unknown: $(bh status)"

step "it comes: labels, and owners that names do not tell"
start_server
eventually 40 server_says '.state == "connected"' || fail "status: $(bh status) $(cat "$scratch/server.log")"
eventually 5 instance_is k8s:shop/deploy/storefront shop/web-7d9f-aaaaa || fail "no deployment: $(bh workloads)"
instance_is k8s:shop/statefulset/db shop/db-0 || fail "no stateful set: $(bh workloads)"
bh workloads --format json | jq -e '.rows[] | select(.workload == "k8s:shop/deploy/storefront") |
	.why | contains("API server")' >/dev/null || fail "why: $(bh workloads --format json)"
status_is '.unknown | all(contains("belong to") | not)' || fail "it is said not to be known: $(bh status)"
! grep -v '^200' $k/log || fail "it was refused something"

step "a pod that is told of before it starts is its deployment's from the beginning"
event ADDED "$(pod web-7d9f-bbbbb "$(uid 3)" 101 ReplicaSet/web-7d9f "$labels")"
sleep 1
run_pod web-7d9f-bbbbb 3 8080
eventually 10 replicas k8s:shop/deploy/storefront '["shop/web-7d9f-aaaaa","shop/web-7d9f-bbbbb"]' ||
	fail "not two replicas: $(bh workloads)"
! bh events --format json | grep -q 'pod/web-7d9f-bbbbb' || fail "it was a workload of its own: $(bh events)"
[ "$(asked replicasets/web-7d9f)" = 1 ] || fail "the replica set was asked for again: $(cat $k/log)"

step "a server that ends, and comes back: the watch goes on where it was"
stop_server
eventually 10 server_says '.state == "unreachable"' || fail "status: $(bh status)"
instance_is k8s:shop/statefulset/db shop/db-0 || fail "what was known is not any more: $(bh workloads)"
event ADDED "$(pod late-5c-ccccc "$(uid 4)" 102 ReplicaSet/late-5c '{"pod-template-hash": "5c"}')"
belongs late-5c Deployment/late
start_server
run_pod late-5c-ccccc 4 8081
eventually 40 instance_is k8s:shop/deploy/late shop/late-5c-ccccc || fail "the late one: $(bh workloads) $(cat $k/log)"
[ "$(asked 'pods?fieldSelector=spec.nodeName%3Dnode-1&resourceVersion=0')" = 1 ] || fail "it was listed again: $(cat $k/log)"
[ "$(asked 'watch=1.*resourceVersion=101$')" -ge 1 ] || fail "the watch began elsewhere: $(cat $k/log)"

step "a version that expired, and a token that was replaced"
new_token second
list 200 "$(pod web-7d9f-aaaaa "$(uid 1)" 50 ReplicaSet/web-7d9f "$labels")" \
	"$(pod db-0 "$(uid 2)" 60 StatefulSet/db '{"app": "db"}')"
rm $k/events.jsonl
echo 150 >$k/floor
listed_again() {
	[ "$(asked 'resourceVersion=0$')" = 2 ]
}
eventually 60 listed_again || fail "it was not listed again: $(cat $k/log)"
[ "$(asked '^410')" -ge 1 ] || fail "nothing expired: $(cat $k/log)"
eventually 5 server_says '.state == "connected"' || fail "status: $(bh status)"
[ "$(asked '^401')" = 0 ] || fail "the old token was used: $(cat $k/log)"

step "bulkhead restarts while the server is away: its pods are grouped as before"
renamings() {
	bh events --format json | grep -c '"renamed"'
}
stop_server
before=$(renamings)
stop_daemon
start_daemon
eventually 10 instance_is k8s:shop/deploy/storefront shop/web-7d9f-aaaaa || fail "no deployment: $(bh workloads)"
eventually 10 server_says '.state == "unreachable"' || fail "status: $(bh status)"
eventually 10 runtime_is cri '.state == "connected"' || fail "status: $(bh status)"
instance_is k8s:shop/deploy/storefront shop/web-7d9f-aaaaa || fail "it fell apart: $(bh workloads)"
[ "$before" -ge 2 ] && [ "$(renamings)" = "$before" ] || fail "it was a workload of its own: $(bh events)"

# says_why WORDS
says_why() {
	server_says ".state == \"unreachable\" and (.why | contains(\"$1\"))"
}
step "who is not to be trusted, and who is not trusted, is told"
mv $k/mounted $k/away
start_server
eventually 40 says_why runtimes.kubernetes_token || fail "without a token: $(bh status)"
mv $k/away $k/mounted
echo other >$k/token
eventually 40 says_why "does not know the token (401)" || fail "with a wrong token: $(bh status)"
stop_daemon
echo second >$k/token
cp $k/stranger.pem $k/ca.pem
: >$k/log
start_daemon
eventually 40 says_why runtimes.kubernetes_ca || fail "a stranger's certificate: $(bh status)"
[ ! -s $k/log ] || fail "a stranger was asked: $(cat $k/log)"
