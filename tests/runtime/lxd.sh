#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real LXD: instances named by its API, in two projects, and while it is away.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs lxd lxc

make_host "bhtest-lxd-$$"
write_config "runtimes: {docker: off, lxc: off, lxd: $scratch/lxd/unix.socket}"
add_bridge br0 10.92.0.1/24
mkdir -p "$scratch"/{lxd,image/rootfs/{bin,sbin,tmp,proc,sys,dev,etc,usr,run,var}}
export LXD_DIR=$scratch/lxd
lxd_pid=

start_lxd() {
	# shellcheck disable=SC2016 # it is the inner shell that expands
	nsenter --net="/run/netns/$host" unshare -m --propagation private sh -c '
		mkdir -p "$0" && mount --rbind /sys/fs/cgroup "$0" && mount -t sysfs sysfs /sys &&
			mount --move "$0" /sys/fs/cgroup && exec "$@"' "$scratch/cgroup" \
		lxd --group root >>"$scratch/lxd.log" 2>&1 </dev/null &
	lxd_pid=$!
}

# The client: its settings are no business of whoever runs the test.
l() {
	LXD_CONF=$scratch/client nsenter --net="/run/netns/$host" lxc "$@" </dev/null
}

stop_lxd() {
	kill "$lxd_pid" 2>/dev/null
	wait "$lxd_pid" 2>/dev/null
}

stop_all() {
	local name
	for name in store front; do
		l delete -f $name >/dev/null 2>&1
	done
	l --project lab delete -f store >/dev/null 2>&1
	stop_lxd
	# What LXD could not end any more; each names this test's folder.
	pgrep -f "lxc monitor. $scratch/lxd/containers" | xargs -r kill -KILL 2>/dev/null
	awk -v s="$scratch" 'index($2, s) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
}
at_end stop_all

step "LXD, with a bridge that is there and no image from anywhere"
start_lxd
eventually 30 l info || fail "LXD does not start: $(tail -n 5 "$scratch/lxd.log")"
l storage create default dir >/dev/null 2>&1 || fail "lxc storage"
l profile device add default root disk path=/ pool=default >/dev/null || fail "lxc profile"
l profile device add default eth0 nic nictype=bridged parent=br0 name=eth0 >/dev/null || fail "lxc profile"
l profile set default security.privileged true || fail "lxc profile"

make_root "$scratch/image/rootfs"
# What it does stands in its environment, as LXD hands it over.
cat >"$scratch/image/rootfs/sbin/init" <<-'END'
	#!/bin/sh
	ip link set eth0 up
	ip addr add "$ADDRESS/24" dev eth0
	eval "$WORK"
END
chmod +x "$scratch/image/rootfs/sbin/init"
echo "{architecture: $(uname -m), creation_date: 1}" >"$scratch/image/metadata.yaml"
tar -C "$scratch/image" -czf "$scratch/image.tgz" metadata.yaml rootfs
l image import "$scratch/image.tgz" --alias shop >/dev/null || fail "lxc image import"

# launch ADDRESS WORK OPTION...
launch() {
	local address=$1 work=$2
	shift 2
	l launch shop "$@" -c "environment.ADDRESS=$address" -c "environment.WORK=$work" >>"$scratch/launch.log" 2>&1 ||
		fail "lxc launch: $(tail -n 5 "$scratch/launch.log")"
}

start_daemon
eventually 10 runtime_is lxd '.state == "connected"' || fail "LXD is not asked"
launch 10.92.0.2 'exec nc -ll -p 5432 -e cat' store
eventually 15 instance_is container:store store || fail "store is not known: $(bh workloads) $(bh coverage)"
launch 10.92.0.3 'while :; do echo ask | timeout 2 nc 10.92.0.2 5432; sleep 0.3; done' front -c user.bulkhead.workload=front
eventually 15 instance_is label:front front || fail "front is not known: $(bh workloads)"
eventually 15 has_edge label:front container:store 5432 || fail "no edge front -> store: $(bh edges)"

step "an instance of the same name in another project"
l project create lab -c features.images=false -c features.profiles=false >/dev/null || fail "lxc project"
launch 10.92.0.4 'exec sleep 100000' store --project lab
eventually 15 instance_is container:lab_store lab_store || fail "the other store is not known: $(bh workloads)"
instance_is container:store store || fail "the first one is not known any more"

step "while LXD is away"
stop_lxd
eventually 10 runtime_is lxd '.state != "connected"' || fail "nobody noticed that LXD is away"
eventually 5 status_is '[.unknown[] | select(startswith("lxd cannot be asked"))] | length == 1' ||
	fail "status does not say that LXD cannot be asked"
instance_is container:store store || fail "store became a stranger"
start_lxd
eventually 30 runtime_is lxd '.state == "connected"' || fail "LXD is not asked again"
l delete -f store >/dev/null || fail "lxc delete"
gone() {
	bh workloads --format json | jq -e '[.rows[] | .instances[] | select(.name == "store")] == []' >/dev/null
}
eventually 15 gone || fail "a deleted instance is still there: $(bh workloads)"
