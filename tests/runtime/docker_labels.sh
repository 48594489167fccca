#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who names a workload: labels that a container was given do, those of its image do not, whether the engine is
# asked about containers that run or about those that start; and Compose's of images that Compose built.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-labels-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
open_engine
import_image
d network create shop >/dev/null || fail "docker network"

# label_image NAME LABEL...: shop:1 with labels of its own.
label_image() {
	local name=$1 label changes=()
	shift
	for label; do
		changes+=(-c "LABEL $label")
	done
	tar -C "$scratch/image" -c . | d import "${changes[@]}" - "$name" >/dev/null || fail "docker import $name"
}
label_image posing:1 bulkhead.workload=visitor
label_image service:1 com.docker.compose.project=shop com.docker.compose.service=web
label_image pod:1 io.kubernetes.pod.namespace=prod io.kubernetes.pod.name=api
label_image all:1 com.docker.compose.project=shop com.docker.compose.service=web \
	com.docker.compose.config-hash=c0ffee com.docker.compose.container-number=1

# run IMAGE NAME [OPTION...]
run() {
	d run -d --init --network shop --name "$2" "${@:3}" "$1" sleep 100000 >/dev/null || fail "container $2"
}
given=(--label com.docker.compose.project=shop --label com.docker.compose.service=web
	--label com.docker.compose.config-hash=feed --label com.docker.compose.container-number=2)

# start_all PREFIX
start_all() {
	run posing:1 "$1-posing"
	run service:1 "$1-service"
	run pod:1 "$1-pod"
	run all:1 "$1-all"
	run shop:1 "$1-visitor" --label bulkhead.workload=visitor
	run posing:1 "$1-other" --label bulkhead.workload=other
	run service:1 "$1-built" "${given[@]}"
	run all:1 "$1-made" "${given[@]}"
}
# all_named PREFIX: each has the name that it was given, and no other before.
all_named() {
	local name workload
	while read -r name workload; do
		eventually 15 instance_is "$workload" "$1-$name" || fail "$1-$name is not $workload: $(bh workloads)"
	done <<-END
		posing image:posing
		service image:service
		pod image:pod
		all image:all
		visitor label:visitor
		other label:other
		built compose:shop/web
		made compose:shop/web
	END
	has_event '.kind == "renamed"' && fail "somebody was called otherwise before: $(bh events)"
	bh workloads | grep -q 'label:visitor.*posing' && fail "the image names its own workload: $(bh workloads)"
}

step "containers that run"
start_all old
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"
all_named old
bh workloads --format json | jq -e 'any(.rows[]; .workload == "image:posing" and (.why | test("are its image.s")))' \
	>/dev/null || fail "why it is not what its image says is not told: $(bh workloads)"

step "containers that start"
start_all new
all_named new

step "no rights by an image's label, not even for a moment"
run shop:1 server --label bulkhead.workload=server
d exec -d server nc -ll -p 7 -e true
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  visitor: {bulkhead.workload: label:visitor}
	  server: {bulkhead.workload: label:server}
	rules:
	  - {from: visitor, to: server, ports: [7/tcp]}
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
eventually 15 instance_is label:server server || fail "server is not known"
bh mode label:server enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
server=$(d inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' server)
# From its first moment on it tries, until it is well known.
tries="i=0; while [ \$i -lt 20 ]; do timeout 0.2 nc $server 7 </dev/null && echo reached; i=\$((i + 1)); done"
said=$(d run --rm --network shop posing:1 sh -c "$tries")
[ -z "$said" ] || fail "an image that says that it is the visitor reached the server"
said=$(d run --rm --network shop --label bulkhead.workload=visitor shop:1 sh -c "$tries")
[ -n "$said" ] || fail "the visitor did not reach the server"
