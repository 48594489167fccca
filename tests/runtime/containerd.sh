#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real containerd: pods by its CRI service, as a kubelet would make them, and a container of ctr's. What is
# known of them comes from bundles and CNI's result cache.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/containerd_host.sh
. "$(dirname "$0")/containerd_host.sh"

make_host "bhtest-cri-$$"
write_config "runtimes: {docker: off, podman: off, podman_storage: off, crio: off,
  containerd: $scratch/ctd/run/io.containerd.runtime.v2.task}"

containerd_start
start_daemon
eventually 10 runtime_is cri '.state == "connected" and (.why | contains("files"))' || fail "the files are not read"

step "pods, made as a kubelet makes them"
db=$(pods pod shop db-0 11111111-0000-4000-8000-000000000001) || fail "no sandbox: $(tail -n 3 "$scratch/ctd.log")"
pods container "$db" shop db-0 11111111-0000-4000-8000-000000000001 server localhost/shop:1 \
	/bin/nc -ll -p 5432 -e cat >/dev/null || fail "no container"
eventually 10 instance_is k8s:shop/pod/db-0 shop/db-0 || fail "the pod is not known: $(bh workloads) $(bh coverage)"
address=$(bh workloads --format json | jq -r '.rows[] | select(.workload == "k8s:shop/pod/db-0") |
	.instances[0].addresses[] | select(startswith("10.99."))')
web=$(pods pod shop web 22222222-0000-4000-8000-000000000002) || fail "no sandbox"
pods container "$web" shop web 22222222-0000-4000-8000-000000000002 asks localhost/shop:1 \
	/bin/sh -c "while :; do echo ask | timeout 2 nc $address 5432; sleep 0.3; done" >/dev/null || fail "no container"
eventually 15 has_edge k8s:shop/pod/web k8s:shop/pod/db-0 5432 || fail "no edge: $(bh edges) $(bh workloads)"
no_stranger 5432
bh coverage --format json | jq -e '.rows[] | select(.name == "shop/web/asks") |
	.coverage == "observable" and (.why | contains("pod shop/web"))' >/dev/null ||
	fail "the container in the pod is not told of: $(bh coverage)"

step "a container of ctr's, which CNI knows by another name than its cgroup"
CNI_PATH=/usr/lib/cni NETCONFPATH=$scratch/cni c run -d --snapshotter native --cni localhost/shop:1 plain ||
	fail "ctr run"
eventually 10 instance_is container:plain plain ||
	fail "ctr's container is not known: $(bh workloads) $(bh coverage)"

step "bulkhead starts long after them"
stop_daemon
rm -rf "$scratch/state"
start_daemon
for it in "k8s:shop/pod/db-0 shop/db-0" "k8s:shop/pod/web shop/web"; do
	read -r workload name <<<"$it"
	eventually 10 instance_is "$workload" "$name" || fail "$name is not known after a restart: $(bh workloads)"
done

step "a pod that goes, and one that gets its address"
pods remove "$web" || fail "the pod stays"
gone() {
	! bh coverage --format json | jq -e '.rows[] | select(.name | startswith("shop/web"))' >/dev/null
}
eventually 10 gone || fail "a removed pod is still covered: $(bh coverage)"
next=$(pods pod other next 33333333-0000-4000-8000-000000000003) || fail "no sandbox"
eventually 10 instance_is k8s:other/pod/next other/next || fail "the next pod is not known: $(bh workloads)"
pods remove "$next" >/dev/null
