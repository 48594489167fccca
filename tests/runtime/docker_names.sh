#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Containers' names that change or come late; and names of peers outside where Docker's own resolver stands
# between the container and the server: it asks from inside the container's namespace, or, where the host's
# server has a loopback address, from the host's; the latter is not seen, and status says so.
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

step "a container that is renamed is the same one, called otherwise from then on"
flow_of() { # WORKLOAD ADDRESS
	bh flows --format json | jq -e -s --arg w "$1" --arg a "$2" \
		'any(.[]; .src.workload == $w and .src.ip == $a and .dst.port == 443)' >/dev/null
}
address_of() {
	d inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"
}
own=$(address_of web)
d rename web front || fail "docker rename"
eventually 15 has_event '.kind == "renamed" and .was.name == "web" and .name == "front" and
	.workload == "compose:shop/web" and .was.workload == .workload' || fail "the new name is not told"
bh who "$own" --format json | jq -e '[.rows[].name] == ["web", "front"]' >/dev/null ||
	fail "who does not tell both names: $(bh who "$own" --format json)"
flow_of compose:shop/web "$own" || fail "its flows are another's now"

step "where a rule goes by the name, its workload is another from then on, and its flows before stay"
stop_daemon
cat >>"$scratch/bulkhead.yaml" <<'YAML'
workloads: [{match: {bulkhead.name: "tool-*", bulkhead.image: "shop"}, name: "{bulkhead.name}"}]
YAML
start_daemon
eventually 15 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"
d run -d --init --name tool-a --network shop shop:1 sleep 100000 >/dev/null || fail "container tool-a"
is_present() {
	bh workloads --format json | jq -e --arg w "$1" 'any(.rows[]; .workload == $w and (.instances | length) == 1)'
}
eventually 15 is_present group:tool-a || fail "the rule does not name it: $(bh workloads)"
own=$(address_of tool-a)
go_out() {
	d exec "$1" timeout 3 nc 203.0.113.10 443 </dev/null || fail "$1 does not reach the web server"
}
go_out tool-a
eventually 15 flow_of group:tool-a "$own" || fail "its flow is not seen"
d rename tool-a tool-b || fail "docker rename"
eventually 15 is_present group:tool-b || fail "the rule does not name it anew"
go_out tool-b
eventually 15 flow_of group:tool-b "$own" || fail "its flow is not seen under the new name"
flow_of group:tool-a "$own" || fail "its flow from before has another name now"
learned_from() { # WORKLOAD CONNECTIONS
	bh edges --format json | jq -e --arg w "$1" --argjson n "$2" \
		'[.edges[] | select(.src == $w and .port == 443) | .connections] == [$n]' >/dev/null
}
for name in tool-a tool-b; do
	eventually 10 learned_from group:$name 1 || fail "what $name did is not learned: $(bh edges)"
done

step "a name that comes when the container is gone holds from the beginning, and teaches once"
stop_daemon
sed -i "s|docker: $scratch/docker.sock|docker: $scratch/late.sock|" "$scratch/bulkhead.yaml"
start_daemon
d run -d --init --name once --network shop --label com.docker.compose.project=shop \
	--label com.docker.compose.service=once shop:1 \
	sh -c 'sleep 3; nc 203.0.113.10 443 </dev/null; sleep 3' >/dev/null || fail "container once"
own=$(address_of once)
nameless() {
	bh flows --format json | jq -e -s --arg a "$own" \
		'any(.[]; .src.ip == $a and .dst.port == 443 and .src.workload == null and .state == "closed")'
}
eventually 20 nameless || fail "its flow is not seen without a name"
d wait once >/dev/null
eventually 10 status_is '.learning.unlearned.unresolved >= 1' || fail "its flow is not counted as nobody's"
learned_from compose:shop/once 1 && fail "it is learned, though nobody knows it"
ln -s "$scratch/docker.sock" "$scratch/late.sock"
eventually 30 flow_of compose:shop/once "$own" || fail "the late name is not given to its flow"
eventually 10 learned_from compose:shop/once 1 || fail "it is not learned once: $(bh edges)"
status_is '.learning.unlearned.unresolved == 0' || fail "it still counts as nobody's"
bh workloads | grep -q 'compose:shop/once.*once.*gone' || fail "it is not shown as gone: $(bh workloads)"
sleep 2
learned_from compose:shop/once 1 || fail "it is learned again"
