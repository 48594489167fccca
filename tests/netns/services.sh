# shellcheck shell=bash disable=SC2154 # common.sh defines what is used here
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh by the tests in which guests ask each other, over TCP and UDP, in both families.

# forget_datagrams_soon: of an exchange over UDP that may have been allowed, connection tracking is to forget in time.
forget_datagrams_soon() {
	local timeout=net.netfilter.nf_conntrack_udp_timeout
	modprobe -q nf_conntrack 2>/dev/null # where it is a module
	on_host test -e "/proc/sys/${timeout//.//}" || skip "this kernel has no connection tracking"
	on_host sysctl -qw $timeout=2 ${timeout}_stream=2 || fail "sysctl $timeout"
}

# serve GUEST: 80/tcp holds what connects; 53/udp answers.
serve() {
	nsenter --net="/run/netns/$host-$1" python3 -c 'if True:
		import socket, selectors
		wait = selectors.DefaultSelector()
		tcp = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
		udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		udp.bind(("::", 53))
		wait.register(tcp, selectors.EVENT_READ)
		wait.register(udp, selectors.EVENT_READ)
		held = []
		while True:
			for ready, _ in wait.select():
				if ready.fileobj is tcp:
					held.append(tcp.accept()[0])
				else:
					data, sender = udp.recvfrom(100)
					udp.sendto(data, sender)' &
	at_end "kill $! 2>/dev/null"
	listening "$1" 80
}

# reach tcp|udp ADDRESS [GUEST]: from web, or that guest; whether it is answered.
reach() {
	in_guest "${3:-web}" python3 -c 'if True:
		import socket, sys
		proto, address = sys.argv[1:]
		family = socket.AF_INET6 if ":" in address else socket.AF_INET
		with socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM) as s:
			s.settimeout(1)
			s.connect((address, 80 if proto == "tcp" else 53))
			if proto == "udp":
				s.send(b"?")
				s.recv(1)' "$1" "$2" 2>/dev/null
}

# add_services NUMBER: web, api and db on bridge br0, 10.NUMBER.0.0/24 and fdNUMBER::/64; the latter two serve.
add_services() {
	add_bridge br0 "10.$1.0.254/24" # without, nothing here could answer anybody
	add_guest web br0 "10.$1.0.1/24" "fd$1::1/64"
	add_guest api br0 "10.$1.0.2/24" "fd$1::2/64"
	add_guest db br0 "10.$1.0.3/24" "fd$1::3/64"
	serve api
	serve db
}

# let_web_ask_api: that is the policy; who is enforced is left alone.
let_web_ask_api() {
	cat >"$scratch/policy.yaml" <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "netns:$host-web"}
		  api: {bulkhead.workload: "netns:$host-api"}
		  db: {bulkhead.workload: "netns:$host-db"}
		rules:
		  - {from: web, to: api, ports: [80/tcp, 53/udp]}
	YAML
	bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
}
# allow_api: that, nobody else anybody; all of them are enforced.
allow_api() {
	let_web_ask_api
	bh mode all enforce --anyway >/dev/null || fail "enforce"
}
state_is() { # STATE [JQ]
	status_is ".enforcement.state == \"$1\" and (.enforcement | ${2:-true})"
}
enforcement_told() { # TEXT
	has_event ".kind == \"enforcement\" and (.text | contains(\"$1\"))"
}
# doctor_says PATTERN: that, of what was tested just now, as a finding.
doctor_says() {
	sleep 1.1 # what was tested within a second is not tested again
	! bh doctor >"$scratch/doctor" && grep -q "$1" "$scratch/doctor"
}
