#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# enforcement.bridge: stateless: what stays on one bridge is judged there, without connection tracking; the same is
# let through and refused, what differs is as docs/security.md says, and one can go back.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/services.sh
. "$(dirname "$0")/services.sh"

make_host "stateless-$$"
configure() {
	write_config "runtimes: {docker: off}
enforcement: {table_protection: watch, bridge: $1}"
	# As soon as a flow is forgotten, the next datagram opens one.
	sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 1s/' "$scratch/bulkhead.yaml"
}
configure stateless
forget_datagrams_soon
add_services 99
start_daemon
knows 3

# bridge_hands_over 0|1: whether br0's frames go to netfilter.
bridge_hands_over() {
	ip -n "$host" -d link show br0 | grep -q "nf_call_iptables $1"
}
policy() { # PORTS
	cat >"$scratch/policy.yaml" <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "netns:$host-web"}
		  api: {bulkhead.workload: "netns:$host-api"}
		  db: {bulkhead.workload: "netns:$host-db"}
		rules:
		  - {from: web, to: api, ports: $1}
	YAML
	bh policy apply "$scratch/policy.yaml" --format json >"$scratch/applied" || fail "apply"
}
# silence IN COMMAND...: whether its answer has such a word, at that place, on refusals that get no answer.
silence() {
	jq -e "$1 | tostring | contains(\"dropped silently\")" >/dev/null <<<"$("${@:2}" --format json)"
}
# refusal SRC DST PORT WORD: how explain says that it is refused.
refusal() {
	jq -e --arg word "$4" '.blocked and .refusal == $word' >/dev/null <<<"$(bh explain "$1" "$2" "$3" --format json)" ||
		fail "$1 to $2 $3 is not explained as a $4: $(bh explain "$1" "$2" "$3")"
}

step "audit: an exchange that would be refused passes, and is told of once, as it was opened"
policy '[80/tcp, 53/udp]'
jq -e '.silence | contains("dropped silently")' "$scratch/applied" >/dev/null || fail "who says reject is not told: $(cat "$scratch/applied")"
silence .silence bh policy diff "$scratch/policy.yaml" && fail "it is told again"
silence .silence bh mode all audit --anyway --dry-run && fail "nothing is refused, and refusals are said to be silent"
silence .host bh doctor && fail "doctor speaks of refusals, and there are none"
bh mode all audit --anyway >/dev/null || fail "audit"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
status_is '.enforcement.bridge == "stateless" and (.enforcement.bridges | all(.filtered))' || fail "status does not say it"
bh status | grep -q '^bridge  *stateless' || fail "status does not say it in words"
bridge_hands_over 0 || fail "the bridge hands its frames to netfilter"
for address in 10.99.0.3 fd99::3; do
	for proto in tcp udp; do
		reach $proto $address || fail "$proto to $address does not pass in audit"
		eventually 5 has_event ".kind == \"would-deny\" and .proto == \"$proto\" and .dst.ip == \"$address\"" ||
			fail "$proto to $address is not told"
	done
done
sleep 1
has_event '.kind == "would-deny" and (.src.workload // "" | endswith("-db"))' &&
	fail "an answer is told as if db had opened something"
[ "$(bh events --format json | jq -s 'map(select(.kind == "would-deny" and .dst.ip == "10.99.0.3" and
	.proto == "udp")) | length')" = 1 ] || fail "one exchange is told more than once"

step "enforce: what is allowed goes there and back, what is not is refused, told, and no leak"
silence .silence bh mode all enforce --anyway --dry-run || fail "who enforces is not told what refusals look like"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
silence .enforcement.silence bh status && silence .host bh doctor || fail "neither status nor doctor say that refusals are silent"
bh status | grep -q '^bridge  *stateless: .*though the policy says deny: reject' || fail "status does not say it in words"
refusal "netns:$host-web" "netns:$host-db" 80 drop
refusal 10.99.0.1 fd99::3 53/udp drop
refusal host "netns:$host-db" 80 reject
sed 's/^rules:/deny: drop\n&/' "$scratch/policy.yaml" >"$scratch/drop.yaml"
silence .silence bh policy diff "$scratch/drop.yaml" && fail "who says drop is told that it is no reject"
sleep 0.5
for address in 10.99.0.2 fd99::2; do
	reach tcp $address || fail "api does not answer"
	reach udp $address || fail "api does not answer"
done
for address in 10.99.0.3 fd99::3; do
	for proto in tcp udp; do
		reach $proto $address && fail "db answers, though it is denied"
		eventually 5 has_event ".kind == \"denied\" and .proto == \"$proto\" and .dst.ip == \"$address\" and
			.src.workload == \"netns:$host-web\" and .dst.workload == \"netns:$host-db\" and .dropped" ||
			fail "the denial of $proto to $address is not told"
	done
done
bridge_hands_over 0 || fail "the bridge hands its frames to netfilter"
no_leak

step "what nobody can tell from an answer passes, and is called neither a leak nor denied"
sleep 5 # longer than anything is remembered
unasked() { # SOURCE-PORT
	rm -f "$scratch/listens"
	in_guest web python3 -c 'if True:
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("", 161))
		s.settimeout(30)
		open(sys.argv[1], "w").write("yes")
		s.recv(10)' "$scratch/listens" 2>/dev/null &
	local listener=$!
	eventually 30 test -e "$scratch/listens" || fail "web does not listen"
	# Beside the server that has the port already.
	nsenter --net="/run/netns/$host-api" python3 -c 'if True:
		import socket, struct, sys
		head = struct.pack("!HHHH", int(sys.argv[1]), 161, 16, 0)
		with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as s:
			s.sendto(head + b"unasked!", ("10.99.0.1", 0))' "$1"
	wait $listener
}
unasked 53 || fail "what may be an answer does not pass: the documents are wrong"
unasked 54 && fail "what is no answer passes"
eventually 5 has_event '.kind == "denied" and .dst.port == 161 and .src.port == 54' || fail "its denial is not told"
sleep 2
has_event '.kind == "denied" and .src.port == 53 and .dst.port == 161' && fail "it is told as denied"
no_leak

step "tightening ends connections at once"
nsenter --net="/run/netns/$host-web" python3 -c 'if True:
	import socket, sys, time
	s = socket.create_connection(("10.99.0.2", 80), 2)
	open(sys.argv[1], "w").write("open")
	while True:
		s.send(b"x")
		time.sleep(0.2)' "$scratch/held" 2>/dev/null &
at_end "kill $! 2>/dev/null"
eventually 5 test -e "$scratch/held" || fail "no connection"
policy '[53/udp]'
eventually 5 has_event '.kind == "denied" and .dst.ip == "10.99.0.2" and .proto == "tcp"' || fail "the connection goes on"
policy '[80/tcp, 53/udp]'

step "a container that comes is judged as soon as it is known"
add_guest late br0 10.99.0.4/24
knows 4
reach tcp 10.99.0.2 late && fail "whom no rule names gets through"
reach tcp 10.99.0.2 || fail "api does not answer any more"

step "a hole behind bulkhead's back is told"
make_hole web=10.99.0.1,fd99::1 db=10.99.0.3,fd99::3
for proto in tcp udp; do
	reach $proto 10.99.0.3 || fail "the hole is none for $proto"
	eventually 5 has_event ".kind == \"leak\" and .proto == \"$proto\" and .dst.ip == \"10.99.0.3\"" ||
		fail "the leak of $proto is not told"
done
status_is '.enforcement.state == "leaking"' || fail "status calls it active"
shut_hole

step "back to the other way: nothing is let through meanwhile, refusals answer, and no rule is left on the bridge"
stop_daemon
on_host nft list chain bridge bulkhead traffic >/dev/null || fail "the rules did not stand without the daemon"
configure stateful
start_daemon
eventually 15 bridge_hands_over 1 || fail "the bridge does not hand its frames over"
eventually 10 status_is '.enforcement.state == "active" and .enforcement.bridge == "stateful"' || fail "no rules"
on_host nft list chain bridge bulkhead traffic >/dev/null 2>&1 && fail "what judged on the bridge is still there"
in_guest web python3 -c 'if True:
	import socket
	try:
		socket.create_connection(("10.99.0.3", 80), 2)
	except ConnectionRefusedError:
		raise SystemExit(0)
	raise SystemExit(1)' 2>/dev/null || fail "a refusal does not answer"
refusal "netns:$host-web" "netns:$host-db" 80 reject
status_is '.enforcement.silence == null' || fail "status says that refusals are silent"
reach tcp 10.99.0.2 || fail "api does not answer"

step "and there again"
stop_daemon
configure stateless
start_daemon
eventually 15 bridge_hands_over 0 || fail "the bridge still hands its frames over"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
reach tcp 10.99.0.3 && fail "db answers"
reach tcp 10.99.0.2 || fail "api does not answer"

step "ports that are no container's are told of"
told() {
	status_is "[.unknown[] | select(startswith(\"bridge br0: port\"))] == $1"
}
told '[]' || fail "one is told of: $(bh status)"
ip -n "$host" tuntap add dev outward mode tap || fail "tap"
ip -n "$host" link set outward master br0 up
eventually 10 status_is '.unknown | any(startswith("bridge br0: port outward leads out. To the containers"))' ||
	fail "status does not say it: $(bh status)"
# A veth whose other end is this host's, too.
ip -n "$host" link add nobodys type veth peer name nowhere || fail "veth"
ip -n "$host" link set nobodys master br0 up
eventually 10 status_is '.unknown | any(startswith("bridge br0: port nobodys leads to nobody who is known"))' ||
	fail "status does not say it: $(bh status)"
ip -n "$host" link del outward
ip -n "$host" link del nobodys
eventually 10 told '[]' || fail "they are gone: $(bh status)"
