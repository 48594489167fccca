#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Namespaces that come and go as fast as they can be made, each with the address, the MAC and, as the
# kernel sees fit, the inode and the number of one before it. Each uses a port of its own, so that it is
# known who sent what: no flow is attributed to anybody else, and the daemon's picture is that of one
# that looks for the first time.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/churn.sh
. "$(dirname "$0")/../churn.sh"

count=90
[ -n "${BULKHEAD_FULL:-}" ] && count=3000

make_host "churn-$$"
spaces=$scratch/netns
mkdir "$spaces"
# shellcheck disable=SC2016 # for eval
at_end 'for space in "$spaces"/*; do umount "$space"; done 2>/dev/null'
write_config "$(
	cat <<-YAML
		runtimes: {docker: off}
		identity: {netns_directories: [$spaces]}
		events: {keep: 20000}
	YAML
)"
add_bridge br0 10.94.0.254/24

within() {
	nsenter --net="$spaces/$1" "${@:2}"
}
# add NAME LANE: a namespace with the lane's address and MAC.
add() {
	touch "$spaces/$1"
	unshare --net="$spaces/$1" true
	ip -n "$host" link add "v$1" type veth peer name eth0 netns "$spaces/$1" address "02:00:00:00:00:0$2"
	ip -n "$host" link set "v$1" master br0 up
	within "$1" ip -batch - <<-IP
		address add 10.94.0.$2/24 dev eth0
		link set lo up
		link set eth0 up
	IP
}
remove() {
	umount -l "$spaces/$1"
	rm "$spaces/$1"
}
# Says its number over TCP, hears from the server, and sends a datagram, all by ports of its own.
visit() {
	within "$1" timeout 10 bash -c "exec 3<>/dev/tcp/10.94.0.9/$((10000 + $2)) && echo $2 >&3 &&
		read -r -t 5 <&3 && echo $2 >/dev/udp/10.94.0.9/$((10000 + $2))" 2>/dev/null
}
# once LANE NUMBER: one that comes, visits, and goes.
once() {
	local served
	add "j$2" "$1"
	visit "j$2" "$2"
	served=$?
	remove "j$2"
	return $served
}
lane() {
	share "$1" once "$1"
}

add server 9
start_daemon
serve_in "$spaces/server"
knows 1

step "$count namespaces, $lanes at a time"
come_and_go 90

step "no flow is another's, and few have no name"
none_mixed_up netns:server netns:j 40

step "the picture is that of a first look"
same_as_fresh
