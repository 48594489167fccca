#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A container of a user's, by a real Podman without root: no veth of this host leads to it, and
# bulkhead says that there is something which it does not see.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

needs podman slirp4netns newuidmap setpriv
make_host "bhtest-rootless-$$"
write_config "runtimes: {docker: off}"
start_daemon

# A user who is in this test's files alone, and may open tunnels.
uid=48000
mkdir -p "$scratch/home" "$scratch/run-user"
for file in passwd group subuid subgid; do
	cp "/etc/$file" "$scratch/$file"
	case $file in
	passwd) echo "visitor:x:$uid:$uid::$scratch/home:/bin/sh" ;;
	group) echo "visitor:x:$uid:" ;;
	*) echo "visitor:1000000:65536" ;;
	esac >>"$scratch/$file"
	mount --bind "$scratch/$file" "/etc/$file" || fail "a file of our own in /etc"
done
cp -a /dev/net/tun "$scratch/tun" || skip "there is no /dev/net/tun"
chmod 666 "$scratch/tun"
mount --bind "$scratch/tun" /dev/net/tun || fail "tunnels for all"
chown $uid:$uid "$scratch/home" "$scratch/run-user"
cat >"$scratch/containers.conf" <<-END
	[containers]
	default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
	[engine]
	runtime = "runc"
	cgroup_manager = "cgroupfs"
	events_logger = "file"
END
u() {
	(cd / && nsenter --net="/run/netns/$host" setpriv --reuid=$uid --regid=$uid --clear-groups env -i \
		HOME="$scratch/home" PATH="$PATH" XDG_RUNTIME_DIR="$scratch/run-user" \
		CONTAINERS_CONF="$scratch/containers.conf" podman --storage-driver vfs "$@" </dev/null)
}
at_end 'u rm -fa -t 0 >/dev/null 2>&1; u system migrate >/dev/null 2>&1'
make_root "$scratch/image"
tar -C "$scratch/image" -c . >"$scratch/image.tar"
u import "$scratch/image.tar" localhost/shop:1 >"$scratch/import" 2>&1 || fail "podman import: $(cat "$scratch/import")"

step "one that is there when bulkhead starts"
u run -d --name own localhost/shop:1 sleep 100000 >"$scratch/started" 2>&1 || fail "podman run: $(cat "$scratch/started")"
told() {
	bh coverage --format json | jq -e '.rows[] | select(.coverage == "neither" and (.why | contains("rootless")))' >/dev/null
}
stop_daemon
start_daemon
eventually 10 told || fail "nobody tells of it: $(bh coverage)"
status_is '.unknown | any(contains("cannot be seen"))' || fail "status knows of nothing"

step "one that goes, and one that comes while bulkhead looks, which no link tells of"
u rm -f -t 0 own >/dev/null 2>&1 || fail "podman rm"
untold() {
	! told
}
eventually 40 untold || fail "what has gone is still told of: $(bh coverage)"
u run -d --name next localhost/shop:1 sleep 100000 >/dev/null 2>&1 || fail "podman run"
eventually 40 told || fail "nobody tells of the next one: $(bh coverage)"
