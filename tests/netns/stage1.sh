#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Stage 1, between audit and enforce: of what no rule allows, what goes to a sensitive port and what comes
# from or goes to the outside is refused; the rest passes and is reported. In both families, across a
# restart, and told as a leak only where it is refused.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "stage-$$"
write_config "runtimes: {docker: off}
enforcement: {table_protection: watch}"
sed -i 's/learning: {window: 5s}/learning: {window: 5s, sensitive_ports: [2222, 53]}/' "$scratch/bulkhead.yaml"
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
add_bridge br0 10.98.0.254/24 fd98::fe/64
add_guest web br0 10.98.0.1/24 fd98::1/64
add_guest db br0 10.98.0.2/24 fd98::2/64
for name in web db; do
	ip -n "$host-$name" route add default via 10.98.0.254
	ip -n "$host-$name" -6 route add default via fd98::fe
done
# What is outside comes by an interface that is no container's; there is the metadata service as well.
ip netns add "$host-far" && at_end "ip netns del $host-far"
ip -n "$host" link add eth-up type veth peer name eth0 netns "$host-far"
ip -n "$host" link set eth-up up
ip -n "$host-far" link set eth0 up
ip -n "$host-far" link set lo up
add_address "$host" eth-up 10.97.0.254/24 fd97::fe/64
add_address "$host-far" eth0 10.97.0.1/24 fd97::1/64 169.254.169.254/32 fd00:ec2::254/128
ip -n "$host-far" route add default via 10.97.0.254
ip -n "$host-far" -6 route add default via fd97::fe
ip -n "$host" route add 169.254.169.254/32 via 10.97.0.1
ip -n "$host" -6 route add fd00:ec2::254/128 via fd97::1

for name in db far; do
	nsenter --net="/run/netns/$host-$name" python3 -c 'if True:
		import selectors, socket
		wait, held = selectors.DefaultSelector(), []
		for port in (80, 2222, 8080):
			wait.register(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), selectors.EVENT_READ)
		while True:
			held += [ready.fileobj.accept()[0] for ready, _ in wait.select()]' &
	at_end "kill $! 2>/dev/null"
done

# reach FROM ADDRESS PORT: whether it can be opened.
reach() {
	in_guest "$1" python3 -c 'if True:
		import socket, sys
		socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()' "$2" "$3" 2>/dev/null
}
# told KIND ADDRESS PORT REASON: an event of such a connection, with that in its reason.
told() {
	eventually 5 has_event ".kind == \"$1\" and .dst.ip == \"$2\" and .port == $3 and (.reason | contains(\"$4\"))" ||
		fail "$1 of $2 $3 is not told so: $(bh events --format json | jq -c "select(.dst.ip? == \"$2\" and .port == $3)" | tail -n 2)"
}
start_daemon
knows 2

step "learn"
for address in 10.98.0.2 fd98::2; do
	eventually 10 reach web $address 80 || fail "db does not answer"
done
eventually 15 has_edge "netns:$host-web" "netns:$host-db" 80 || fail "nothing is learned"
accept_all
bh policy propose >"$scratch/policy.yaml" || fail "propose"
bh mode all stage1 --anyway 2>/dev/null && fail "stage 1 without a policy"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode all stage1 --anyway | grep -q "netns:$host-db: learn → stage1" || fail "stage 1"
eventually 10 status_is '.enforcement.state == "active" and .modes == {learn: 0, audit: 0, stage1: 2, enforce: 0}' ||
	fail "no rules: $(bh status)"
bh status | grep -q '^modes        0 learn, 0 audit, 2 stage1, 0 enforce$' || fail "status does not say it"
bh workloads --format json | jq -e 'all(.rows[]; .mode == "stage1")' >/dev/null || fail "workloads does not say it"
# explains DESTINATION PORT TEXT: what it says of web's opening that; that it is denied is its status.
explains() {
	local said
	said=$(bh explain "netns:$host-web" "$1" "$2") && fail "$1 $2 is allowed"
	[[ $said == *"$3"* ]] || fail "explain $1 $2: $said"
}
explains "netns:$host-db" 8080 "stage 1: passes, as it is not urgent
  netns:$host-web reports it, and it passes"
explains "netns:$host-db" 2222 "stage 1: refused, as the port is sensitive
  netns:$host-web refuses it"
explains world 80 "stage 1: refused, as the other end is outside"

urgent_is_refused() {
	local address
	for address in 10.98.0.2 fd98::2; do
		reach web $address 80 || fail "$address 80, which is allowed, does not answer"
		reach web $address 8080 || fail "$address 8080, which is not urgent, is refused"
		reach web $address 2222 && fail "$address 2222, a sensitive port, answers"
		reach far $address 80 && fail "$address 80 can be opened from outside"
	done
	for address in 10.97.0.1 fd97::1 169.254.169.254 fd00:ec2::254; do
		reach web $address 80 && fail "$address 80, outside, answers"
	done
	return 0
}

step "what is urgent is refused, the rest passes and is reported"
urgent_is_refused
for address in 10.98.0.2 fd98::2; do
	told would-deny $address 8080 "stage 1: passes, as it is not urgent"
	told denied $address 2222 "stage 1: refused, as the port is sensitive"
	told denied $address 80 "stage 1: refused, as the other end is outside"
done
for address in 10.97.0.1 fd97::1 169.254.169.254 fd00:ec2::254; do
	told denied $address 80 "stage 1: refused, as the other end is outside"
done
has_event '(.kind == "denied" or .kind == "would-deny") and .dst.workload != null and .src.workload != null and .port == 80' &&
	fail "what is allowed is told as denied"
shown() {
	bh flows --format json | jq -e -s "any(.[]; .dst.ip == \"$1\" and .dst.port == $2 and .verdict == \"$3\")"
}
eventually 5 shown fd98::2 8080 delivered || fail "what passes is not shown as delivered"
eventually 5 shown fd98::2 2222 denied || fail "what is refused is not shown as denied"
sleep 6 # a window
has_edge "netns:$host-web" "netns:$host-db" 8080 && fail "what the policy does not allow was learned"
no_leak

step "after a restart it is as it was"
stop_daemon
urgent_is_refused
start_daemon
knows 2
eventually 10 status_is '.enforcement.state == "active" and .modes.stage1 == 2' || fail "the modes are forgotten"
urgent_is_refused
no_leak

step "a hole behind bulkhead's back: a leak is what stage 1 refuses, and nothing else"
make_hole web=10.98.0.1,fd98::1 db=10.98.0.2,fd98::2
for address in 10.98.0.2 fd98::2; do
	reach web $address 8080 || fail "$address 8080"
	reach web $address 2222 || fail "the hole is none"
done
eventually 5 has_event '.kind == "leak" and .port == 2222 and .mode == "stage1"' || fail "the leak is not told"
reach web fd98::2 8080
sleep 2
has_event '.kind == "leak" and .port != null and .port != 2222' && fail "what stage 1 lets pass is told as a leak"
shut_hole

step "enforce refuses the rest, and audit lets all of it pass"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.modes.enforce == 2' || fail "enforce"
refuses_the_rest() {
	! reach web 10.98.0.2 8080 && ! reach web fd98::2 8080 && reach web fd98::2 80
}
eventually 5 refuses_the_rest || fail "enforce lets the rest pass"
bh mode all audit --anyway >/dev/null || fail "audit"
passes() {
	reach web 10.98.0.2 2222 && reach web fd98::2 2222 && reach web fd97::1 80 && reach far fd98::2 8080
}
eventually 5 passes || fail "audit refuses something"
