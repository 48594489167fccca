# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by tests that need a real containerd with pods in it. After make_host, containerd_start makes its
# image and starts it; c is ctr, pods makes pods.
# shellcheck shell=bash disable=SC2154

pods_py=$(dirname "${BASH_SOURCE[0]}")/pods.py
python=/usr/bin/python3 # Debian's, for which Debian's grpc is
needs containerd ctr $python /usr/lib/cni/bridge
$python -c 'import grpc' || fail "python3-grpcio is not installed; sudo scripts/test installs it"

c() {
	nsenter --net="/run/netns/$host" ctr -a "$scratch/ctd.sock" "$@" </dev/null
}

pods() {
	$python "$pods_py" "$scratch/ctd.sock" "$@"
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

containerd_start() {
	mkdir -p /var/lib/cni "$scratch"/{cni,ctd,save}
	# libcni keeps its results there, wherever all else is.
	mount -t tmpfs tmpfs /var/lib/cni || fail "a tmpfs"
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
	nsenter --net="/run/netns/$host" containerd -c "$scratch/ctd.toml" >"$scratch/ctd.log" 2>&1 &
	containerd_pid=$!
	at_end stop_containerd
	eventually 20 c version || fail "containerd does not start: $(tail -n 3 "$scratch/ctd.log")"
	make_image
}
