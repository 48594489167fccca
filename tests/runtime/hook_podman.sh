#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The hook as Podman runs it, by the file in config/hooks: it is called with what it needs, after the
# network is made, and its status counts. Nobody tells the daemon of these containers, so none of them
# comes to be known, and both choices are made.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
source_root=${SOURCE_ROOT:?path of the source tree}
command -v podman >/dev/null || skip "no Podman is installed (podman)"
command -v busybox >/dev/null || skip "busybox-static is not installed"

make_host "bhtest-hook-$$"
write_config "runtimes: {docker: off}"
mkdir -p "$scratch"/{hooks,podman/cni} "$scratch"/image/bin
cat >"$scratch/containers.conf" <<-CONF
	[containers]
	default_ulimits = ["nofile=20000:20000","nproc=32768:32768"]
	[engine]
	runtime = "runc"
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	[network]
	network_backend = "cni"
CONF
p() {
	CONTAINERS_CONF=$scratch/containers.conf nsenter --net="/run/netns/$host" podman --root "$scratch/podman/root" \
		--runroot "$scratch/podman/run" --tmpdir "$scratch/podman/tmp" --storage-driver vfs \
		--cni-config-dir "$scratch/podman/cni" --hooks-dir "$scratch/hooks" "$@"
}
at_end 'p rm -f -a >/dev/null 2>&1; p network rm -f shop >/dev/null 2>&1'
cp "$(command -v busybox)" "$scratch/image/bin/busybox"
tar -C "$scratch/image" -c . | p import - shop:1 >/dev/null 2>&1 || skip "Podman does not work here"
p network create --subnet 10.90.0.0/24 shop >/dev/null || skip "Podman makes no networks here"
start_daemon

# choose ALLOW|REFUSE: what the hook is to do, in the file that is installed.
choose() {
	jq --arg program "$bulkhead" --arg socket "$scratch/run/api.sock" --arg choice "$1" '.hook.path = $program |
		.hook.args = [.hook.args[] | if . == "allow" then $choice else . end] + ["--socket", $socket]' \
		"$source_root/config/hooks/bulkhead.json" | sed 's/"5s"/"1s"/' >"$scratch/hooks/bulkhead.json"
}
visit() {
	p run --rm --network shop shop:1 /bin/busybox true >"$scratch/said" 2>&1
}

step "a container that nobody knows starts after the limit, or does not"
choose allow
visit || fail "Podman does not start a container: $(cat "$scratch/said")"
choose refuse
visit && fail "Podman starts a container that was to be refused"
grep -q "nobody has said yet whose interface" "$scratch/said" ||
	fail "the hook was not called with the network in place: $(cat "$scratch/said")"
eventually 15 has_event '.kind == "hook" and (.text | contains("nobody has said"))' || fail "no event tells of it"

step "without a network there is nothing to wait for"
p run --rm --network none shop:1 /bin/busybox true || fail "a container without a network is held"
