# shellcheck shell=bash disable=SC2154 # common.sh defines what is used here
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh by the tests with a real Docker engine, which runs inside the host namespace.

needs dockerd docker

# What the engine is started by, where it is to see something of its own.
engine_within=()
# How else than by default it is to run.
engine_options=()
engine_pid=
driver=overlay2

start_engine() {
	rm -f "$scratch"/docker.pid "$scratch"/docker/run/containerd/containerd.pid
	"${engine_within[@]}" nsenter --net="/run/netns/$host" dockerd --data-root "$scratch/docker/data" \
		--exec-root "$scratch/docker/run" -H "unix://$scratch/docker.sock" \
		-p "$scratch/docker.pid" --storage-driver "$driver" \
		"${engine_options[@]}" >>"$scratch/dockerd.log" 2>&1 &
	engine_pid=$!
	eventually 30 d version
}

stop_engine() {
	d ps -q | xargs -r docker -H "unix://$scratch/docker.sock" kill >/dev/null 2>&1
	kill "$engine_pid" 2>/dev/null
	wait "$engine_pid" 2>/dev/null
	# Mounts that the engine left under its folders.
	awk -v s="$scratch" 'index($2, s) == 1 { print $2 }' /proc/mounts | sort -r |
		xargs -r umount -l 2>/dev/null
}

# Containers that were made and not started go, too: a process of theirs waits.
end_engine() {
	d ps -aq | xargs -r docker -H "unix://$scratch/docker.sock" rm -f >/dev/null 2>&1
	stop_engine
}

d() {
	docker -H "unix://$scratch/docker.sock" "$@"
}

# open_engine: starts it, and ends it with the test.
open_engine() {
	at_end end_engine
	start_engine && return
	stop_engine
	driver=vfs
	start_engine && return
	tail -n 5 "$scratch/dockerd.log"
	fail "dockerd does not start"
}

# import_image: shop:1, of nothing but a shell and its tools, without a registry.
import_image() {
	make_root "$scratch/image"
	tar -C "$scratch/image" -c . | d import - shop:1 >/dev/null || fail "docker import"
}
