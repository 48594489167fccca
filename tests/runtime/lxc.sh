#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real LXC containers, and machines of systemd-nspawn that nobody registered, on one bridge.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs lxc-start lxc-stop lxc-attach systemd-nspawn

make_host "bhtest-lxc-$$"
write_config "runtimes: {docker: off, lxc: $scratch/lxc, machines: $scratch/machines}"
add_bridge br0 10.91.0.1/24 fd91::1/64
make_root "$scratch/root"
mkdir -p "$scratch"/{lxc,root/proc,root/sys,root/dev,root/etc,root/usr}
echo 'ID=none' >"$scratch/root/etc/os-release"

# lxc TOOL ARGUMENT...: inside the host namespace, where its command sockets are, too; and with a /sys that shows
# that one's interfaces, among which LXC looks for the bridge, and the cgroups all the same.
lxc() {
	# shellcheck disable=SC2016 # it is the inner shell that expands
	nsenter --net="/run/netns/$host" unshare -m --propagation private sh -c '
		mkdir -p "$0" && mount --rbind /sys/fs/cgroup "$0" && mount -t sysfs sysfs /sys &&
			mount --move "$0" /sys/fs/cgroup && exec "$@"' "$scratch/cgroup" "$@" </dev/null
}

stop_all() {
	local name
	for name in "$scratch"/lxc/*/; do
		lxc lxc-stop -P "$scratch/lxc" -n "$(basename "$name")" -k >/dev/null 2>&1
	done
	[ -z "${nspawn_pid:-}" ] || { kill "$nspawn_pid" && wait "$nspawn_pid"; } 2>/dev/null
	awk -v s="$scratch" 'index($2, s) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
}
at_end stop_all

# lxc_run NAME NUMBER COMMAND [LINE]: an LXC container with addresses that end in NUMBER; LINE: further
# configuration.
lxc_run() {
	mkdir -p "$scratch/lxc/$1"
	cp -a "$scratch/root" "$scratch/lxc/$1/rootfs"
	printf '#!/bin/sh\n%s\n' "$3" >"$scratch/lxc/$1/rootfs/bin/run"
	chmod +x "$scratch/lxc/$1/rootfs/bin/run"
	cat >"$scratch/lxc/$1/config" <<-END
		lxc.rootfs.path = dir:$scratch/lxc/$1/rootfs
		lxc.uts.name = $1
		lxc.init.cmd = /bin/run
		lxc.net.0.type = veth
		lxc.net.0.link = br0
		lxc.net.0.flags = up
		lxc.net.0.ipv4.address = 10.91.0.$2/24
		lxc.net.0.ipv6.address = fd91::$2/64
		${4:-}
	END
	lxc lxc-start -P "$scratch/lxc" -n "$1" -l WARN -o "$scratch/lxc-$1.log" ||
		fail "lxc-start $1: $(tail -n 5 "$scratch/lxc-$1.log")"
}

start_daemon

step "LXC: the container's name, or the workload that its configuration says"
lxc_run db 2 'exec nc -ll -p 5432 -e cat'
eventually 10 instance_is container:db db || fail "db is not known: $(bh workloads) $(bh coverage)"
asks='while :; do echo ask | timeout 2 nc 10.91.0.2 5432; sleep 0.3; done'
lxc_run web-1 3 "$asks" 'lxc.environment = bulkhead.workload=web'
lxc_run web-2 4 "$asks" 'lxc.environment = bulkhead.workload=web'
for name in web-1 web-2; do
	eventually 10 instance_is label:web $name || fail "$name is not known: $(bh workloads)"
done
eventually 15 has_edge label:web container:db 5432 || fail "no edge web -> db: $(bh edges)"
status_is '[.identity.runtimes[] | select(.name == "lxc" and .state == "connected")] | length == 1' ||
	fail "LXC is not told to be known"

step "LXC: stopped and started again"
lxc lxc-stop -P "$scratch/lxc" -n web-2 -k || fail "lxc-stop"
gone() {
	bh workloads --format json | jq -e '[.rows[] | .instances[] | select(.name == "web-2")] == []' >/dev/null
}
eventually 10 gone || fail "a stopped container is still there: $(bh workloads)"
lxc lxc-start -P "$scratch/lxc" -n web-2 || fail "lxc-start"
eventually 10 instance_is label:web web-2 || fail "web-2 came back as a stranger: $(bh workloads)"

step "LXC: a second interface that leads past every veth is told of"
# It leads nowhere.
ip -n "$host" link add under0 type veth peer name under1
ip -n "$host" link set under0 up
lxc_run half 6 'exec sleep 100000' 'lxc.net.1.type = macvlan
		lxc.net.1.link = under0
		lxc.net.1.flags = up
		lxc.net.1.ipv4.address = 10.93.0.2/24'
outward() { # NAME COUNT
	bh coverage --format json | jq -e --arg n "$1" "[.rows[] | select(.name == \$n and .coverage == \"neither\" and
		(.why | contains(\"past every veth\")))] | length == $2"
}
eventually 15 outward half 1 || fail "of half's macvlan nothing is said: $(bh coverage)"
outward web-1 0 || fail "web-1 is said to have another way: $(bh coverage)"

step "nspawn without machined: by its cgroup and its interface"
cp -a "$scratch/root" "$scratch/m1"
nsenter --net="/run/netns/$host" systemd-nspawn --quiet --register=no --keep-unit -D "$scratch/m1" -M m1 \
	--network-bridge=br0 /bin/sh -c 'ip link set host0 up; ip addr add 10.91.0.5/24 dev host0
	while :; do echo ask | timeout 2 nc 10.91.0.2 5432; sleep 0.3; done' >"$scratch/nspawn.log" 2>&1 </dev/null &
nspawn_pid=$!
eventually 15 instance_is container:m1 m1 || fail "the machine is not known: $(bh workloads) $(tail -n 3 "$scratch/nspawn.log")"
eventually 15 has_edge container:m1 container:db 5432 || fail "no edge m1 -> db: $(bh edges)"
no_stranger 5432

step "enforced: what was learned goes on, the rest is refused"
enforce_all
# connects NAME ADDRESS PORT: whether a connection is answered.
connects() {
	[ -n "$(lxc lxc-attach -P "$scratch/lxc" -n "$1" -- /bin/sh -c "echo probe | timeout 2 nc $2 $3" 2>/dev/null)" ]
}
eventually 10 connects web-1 10.91.0.2 5432 || fail "enforcement broke web"
connects web-1 10.91.0.5 5432 && fail "web reached the machine"
connects db 10.91.0.2 5432 || fail "the test is wrong: db does not answer itself"

step "root in a container takes another's name for a cgroup of its own: it stays who it is"
# In a hierarchy without controllers, where it may make what it likes.
lxc lxc-attach -P "$scratch/lxc" -n web-2 -- /bin/sh -c 'mkdir -p /tmp/c && mount -t cgroup -o none,name=systemd x /tmp/c &&
	mkdir /tmp/c/lxc.payload.db && echo 1 >/tmp/c/lxc.payload.db/cgroup.procs' || fail "the test is wrong: no cgroup is made"
init=$(lxc lxc-info -P "$scratch/lxc" -n web-2 -pH)
grep -q lxc.payload.db "/proc/$init/cgroup" || fail "the test is wrong: $(cat "/proc/$init/cgroup")"
stop_daemon
start_daemon
instance_is container:db db || fail "db is somebody else: $(bh workloads)"
eventually 10 instance_is label:web web-2 || fail "web-2 is somebody else: $(bh workloads)"
[ "$(bh workloads --format json | jq '[.rows[] | select(.workload == "container:db") | .instances[]] | length')" = 1 ] ||
	fail "db has another instance: $(bh workloads)"
eventually 10 connects web-1 10.91.0.2 5432 || fail "web does not reach the database any more"
no_leak
