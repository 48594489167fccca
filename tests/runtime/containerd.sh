#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real containerd: pods by its CRI service, as a kubelet would make them, and a container of ctr's. What is
# known of them comes from bundles and CNI's result cache.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
here=$(dirname "$0")
python=/usr/bin/python3 # Debian's, for which Debian's grpc is

needs containerd ctr $python /usr/lib/cni/bridge
$python -c 'import grpc' || fail "python3-grpcio is not installed; sudo scripts/test installs it"

make_host "bhtest-cri-$$"
mkdir -p /var/lib/cni "$scratch"/{cni,ctd,save}
# libcni keeps its results there, wherever all else is.
mount -t tmpfs tmpfs /var/lib/cni || fail "a tmpfs"
write_config "runtimes: {docker: off, podman: off, podman_storage: off, crio: off,
  containerd: $scratch/ctd/run/io.containerd.runtime.v2.task}"

# --- containerd ---------------------------------------------------------------------------------

cat >"$scratch/cni/10-pods.conflist" <<-END
	{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
	 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24"}], [{"subnet": "fd99::/64"}]]}}]}
END
# Of what the service would do this test needs nothing that a container on this machine may not.
cat >"$scratch/ctd.toml" <<-END
	version = 2
	root = "$scratch/ctd/root"
	state = "$scratch/ctd/run"
	[grpc]
	address = "$scratch/ctd.sock"
	[plugins."io.containerd.grpc.v1.cri"]
	sandbox_image = "localhost/shop:1"
	restrict_oom_score_adj = true
	[plugins."io.containerd.grpc.v1.cri".cni]
	bin_dir = "/usr/lib/cni"
	conf_dir = "$scratch/cni"
	[plugins."io.containerd.grpc.v1.cri".containerd]
	snapshotter = "native"
END

c() {
	nsenter --net="/run/netns/$host" ctr -a "$scratch/ctd.sock" "$@" </dev/null
}

pods() {
	$python "$here/pods.py" "$scratch/ctd.sock" "$@"
}

stop_containerd() {
	local space id
	for space in k8s.io default; do
		for id in $(c -n $space tasks ls -q 2>/dev/null); do
			c -n $space tasks kill -s KILL "$id" >/dev/null 2>&1
		done
	done
	sleep 1
	kill "$containerd_pid" 2>/dev/null
	wait "$containerd_pid" 2>/dev/null
	# Shims outlive containerd; each names it.
	pgrep -f "containerd-shim.*-address $scratch/ctd.sock" | xargs -r kill 2>/dev/null
	awk -v s="$scratch" 'index($2, s) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
}

nsenter --net="/run/netns/$host" containerd -c "$scratch/ctd.toml" >"$scratch/ctd.log" 2>&1 &
containerd_pid=$!
at_end stop_containerd
eventually 20 c version || fail "containerd does not start: $(tail -n 3 "$scratch/ctd.log")"

# An image as `docker save` writes it: a shell and its tools, that sleeps if nobody says what else to do.
make_image() {
	local layer space
	make_root "$scratch/image"
	tar -C "$scratch/image" -cf "$scratch/save/layer.tar" .
	layer=$(sha256sum "$scratch/save/layer.tar" | cut -d' ' -f1)
	cat >"$scratch/save/config.json" <<-END
		{"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sleep", "100000"]},
		 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
	END
	echo '[{"Config":"config.json","RepoTags":["localhost/shop:1"],"Layers":["layer.tar"]}]' >"$scratch/save/manifest.json"
	tar -C "$scratch/save" -cf "$scratch/image.tar" manifest.json config.json layer.tar
	for space in k8s.io default; do
		c -n $space images import --snapshotter native "$scratch/image.tar" >/dev/null || fail "ctr images import"
	done
}
make_image

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
