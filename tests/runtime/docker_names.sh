#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names of peers outside where Docker's own resolver stands between the container and the server: it
# asks from inside the container's namespace, or, where the host's server has a loopback address, from
# the host's; the latter is not seen, and status says so.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"

make_host "bhtest-names-$$"
dns="$(dirname "$0")/../netns/dns.py"
outside="bhtest-out-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"

step "a name server and a web server outside"
ip netns add "$outside" || fail "namespace $outside"
at_end "ip netns del $outside"
ip -n "$host" link add uplink0 type veth peer name eth0 netns "$outside"
ip -n "$host" addr add 203.0.113.1/24 dev uplink0
ip -n "$host" link set uplink0 up
ip -n "$outside" addr add 203.0.113.10/24 dev eth0
ip -n "$outside" link set eth0 up

# background NAMESPACE COMMAND...: until the test ends.
background() {
	nsenter --net="/run/netns/$1" "${@:2}" &
	at_end "kill $! 2>/dev/null"
}
background "$outside" python3 "$dns" serve "$scratch/outside"
background "$host" python3 "$dns" serve "$scratch/inside"
background "$outside" busybox nc -ll -p 443 -e true
eventually 5 test -e "$scratch/outside" -a -e "$scratch/inside" || fail "no name server"

# The engine reads the host's name server from here whenever a container starts.
echo "nameserver 203.0.113.10" >"$scratch/resolv.conf"
# shellcheck disable=SC2016 # the inner shell expands it
engine_within=(unshare -m sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$scratch/resolv.conf")
open_engine
import_image
d network create shop >/dev/null || fail "docker network"
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"

# start NAME: a container of its own workload.
start() {
	d run -d --init --name "$1" --network shop --label com.docker.compose.project=shop \
		--label "com.docker.compose.service=$1" shop:1 sleep 100000 >/dev/null || fail "container $1"
	eventually 15 eval "bh workloads --format json | jq -e 'any(.rows[]; .workload == \"compose:shop/$1\")'" ||
		fail "$1 is not known"
}
# visit NAME: asks for pay.example, and goes to the web server.
visit() {
	d exec "$1" nslookup -type=a pay.example | grep -q 127.0.0.11 || fail "$1 does not ask Docker's resolver"
	d exec "$1" timeout 3 nc 203.0.113.10 443 </dev/null || fail "$1 does not reach the web server"
}
# called NAME DNS: a flow of that container to the web server shows this as its name (jq).
called() {
	bh flows --format json | jq -e -s "any(.[]; .src.workload == \"compose:shop/$1\" and
		.dst.port == 443 and .dns == $2)"
}
missing() {
	status_is ".unknown | any(startswith(\"the names of the peers outside of 1 workload (compose:shop/$1)\"))"
}

step "the resolver that asks from inside the container's namespace is seen"
start web
visit web
eventually 15 called web '"pay.example"' || fail "no name"
missing web && fail "names are said to be missing"

step "the resolver that asks from the host is not, and status says so"
echo "nameserver 127.0.0.1" >"$scratch/resolv.conf"
start api
visit api
eventually 15 called api null || fail "the connection is not seen"
eventually 15 missing api || fail "status does not say that names are missing"
