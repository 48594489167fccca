#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Veths whose host end is in something else than a bridge. In a VRF they are routed ones: rules hold, over IPv4 and IPv6,
# between two within, from and to outside, and from and to this host. A bond, a team or Open vSwitch has their packets for
# its own: that nothing is enforced there is said by name, and nothing of them is cut off by halves. What this kernel has
# none of is skipped, and said.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "masters-$$"
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 || fail "this host does not forward"
on_host sysctl -qw net.ipv4.tcp_l3mdev_accept=1 net.ipv4.udp_l3mdev_accept=1 2>/dev/null # where the kernel knows of VRFs
modprobe -qa vrf bonding team openvswitch 2>/dev/null # where they are modules

# Open vSwitch without its daemon: ovs.py add DATAPATH | port DATAPATH INTERFACE
cat >"$scratch/ovs.py" <<'PYTHON'
import socket
import struct
import sys

netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)  # NETLINK_GENERIC


def attribute(kind, data):
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def ask(family, command, version, body):
    message = struct.pack("=BBH", command, version, 0) + body
    netlink.send(struct.pack("=IHHII", len(message) + 16, family, 5, 1, 0) + message)  # REQUEST, ACK
    answer = netlink.recv(8192)
    if struct.unpack_from("=H", answer, 4)[0] == 2:  # NLMSG_ERROR
        code = struct.unpack_from("=i", answer, 16)[0]
        if code != 0:
            sys.exit(f"error {code}")
    else:
        netlink.recv(8192)  # the acknowledgement
    return answer


def family(name):
    answer, at = ask(16, 3, 1, attribute(2, name.encode() + b"\0")), 20  # GETFAMILY
    while at < len(answer):
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == 1:  # FAMILY_ID
            return struct.unpack_from("=H", answer, at + 4)[0]
        at += (length + 3) & ~3
    sys.exit("no family")


nobody = struct.pack("=I", 0)  # asks what becomes of a packet
name = sys.argv[2].encode() + b"\0"
if sys.argv[1] == "add":
    ask(family("ovs_datapath"), 1, 2, struct.pack("=i", 0) + attribute(1, name) + attribute(2, nobody))
else:
    ask(family("ovs_vport"), 1, 1, struct.pack("=i", socket.if_nametoindex(sys.argv[2])) +
        attribute(2, struct.pack("=I", 1)) + attribute(3, sys.argv[3].encode() + b"\0") + attribute(5, nobody))
PYTHON
# add_master KIND: KIND0.
add_master() {
	case $1 in
	vrf) ip -n "$host" link add "${1}0" type vrf table 10 ;;
	openvswitch) on_host python3 "$scratch/ovs.py" add "${1}0" ;;
	*) ip -n "$host" link add "${1}0" type "$1" ;;
	esac 2>/dev/null
}
kinds=() missing=()
for kind in vrf bond team openvswitch; do
	if add_master $kind; then
		kinds+=("$kind")
		ip -n "$host" link set "${kind}0" up
	else
		missing+=("$kind")
	fi
done
[ ${#kinds[@]} != 0 ] || skip "this kernel has no devices of kind ${missing[*]}"
[ ${#missing[@]} = 0 ] || echo "NOT TESTED: this kernel has no devices of kind ${missing[*]}"
has() {
	[[ " ${kinds[*]} " == *" $1 "* ]]
}

# add_enslaved NAME MASTER NUMBER DEVICE: a namespace whose interface's host end is in that master; the host's addresses
# of its network, 10.98.NUMBER.254 and fd98:NUMBER::fe, are on the device.
add_enslaved() {
	ip netns add "$host-$1" && at_end "ip netns del $host-$1 2>/dev/null"
	ip -n "$host" link add "v$1" type veth peer name eth0 netns "$host-$1"
	ip -n "$host" link set "v$1" down
	case $2 in
	'') ;;
	openvswitch*) on_host python3 "$scratch/ovs.py" port "$2" "v$1" || fail "v$1 does not go into $2" ;;
	*) ip -n "$host" link set "v$1" master "$2" || fail "v$1 does not go into $2" ;;
	esac
	ip -n "$host" link set "v$1" up
	ip -n "$host-$1" link set lo up
	ip -n "$host-$1" link set eth0 up
	add_address "$host" "$4" "10.98.$3.254/24" "fd98:$3::fe/64"
	add_address "$host-$1" eth0 "10.98.$3.1/24" "fd98:$3::1/64"
	ip -n "$host-$1" route add default via "10.98.$3.254"
	ip -n "$host-$1" -6 route add default via "fd98:$3::fe"
}
# opens FROM TO-NUMBER PORT 4|6 [host]: whether a connection is opened, to the guest or to this host's address there.
opens() {
	local to=10.98.$2.1
	[ "$4" = 4 ] || to=fd98:$2::1
	case ${5:-} in host) [ "$4" = 4 ] && to=10.98.$2.254 || to=fd98:$2::fe ;; esac
	in_guest "$1" timeout 3 bash -c "exec 3<>/dev/tcp/$to/$3" 2>/dev/null
}
passes() { # FROM TO-NUMBER PORT [host], in both families
	opens "$1" "$2" "$3" 4 "${4:-}" && opens "$1" "$2" "$3" 6 "${4:-}"
}
refused() {
	! opens "$1" "$2" "$3" 4 "${4:-}" && ! opens "$1" "$2" "$3" 6 "${4:-}"
}
coverage_is() { # NAME COVERAGE [JQ]
	bh coverage --format json | jq -e --arg n "$host-$1" --arg c "$2" \
		".rows[] | select(.name == \$n and .coverage == \$c and (${3:-true}))" >/dev/null
}

cat >"$scratch/serve.py" <<'PYTHON'
import selectors
import socket
import sys

wait, held = selectors.DefaultSelector(), []
for port in (80, 81):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if len(sys.argv) > 1:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
    s.bind(("::", port))
    s.listen(50)
    wait.register(s, selectors.EVENT_READ)
while True:
    held += [ready.fileobj.accept()[0] for ready, _ in wait.select()]
PYTHON
serve_in() { # GUEST
	nsenter --net="/run/netns/$host-$1" python3 "$scratch/serve.py" &
	at_end "kill $! 2>/dev/null"
	listening "$1" 80
}

write_config "runtimes: {docker: off}
enforcement: {posture: closed}"
add_routed() { # NAME NUMBER: a veth that is in nothing
	add_enslaved "$1" "" "$2" "v$1"
}
workloads=(plain)
add_routed plain 1
serve_in plain
nsenter --net="/run/netns/$host" python3 "$scratch/serve.py" &
at_end "kill $! 2>/dev/null"
if has vrf; then
	add_enslaved web vrf0 2 vweb
	add_enslaved api vrf0 3 vapi
	add_enslaved far vrf0 4 vfar # as somebody beyond an uplink is
	ip -n "$host" link set vfar down
	ip -n "$host" link set vfar name uplink0 up
	add_address "$host" uplink0 fd98:4::fe/64 # it went while it was down
	workloads+=(web api)
	for guest in web api far; do
		serve_in $guest
	done
fi
number=5
for kind in bond team openvswitch; do
	has $kind || continue
	add_enslaved in-$kind "${kind}0" $number "${kind}0"
	workloads+=("in-$kind")
	number=$((number + 1))
done

policy() {
	local name
	printf 'bulkhead-policy: 1\nworkloads:\n'
	for name in "${workloads[@]}"; do
		printf '  %s: {bulkhead.workload: "netns:%s"}\n' "$name" "$host-$name"
	done
	printf 'rules:\n'
	! has bond || printf '  - {from: in-bond, to: plain, ports: [80/tcp]}\n'
	! has vrf || cat <<-YAML
		  - {from: web, to: [api, world, host], ports: [80/tcp]}
		  - {from: world, to: api, ports: [81/tcp]}
		  - {from: host, to: api, ports: [80/tcp]}
	YAML
}
policy >"$scratch/policy.yaml"
start_daemon
knows ${#workloads[@]}
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode all enforce --anyway >"$scratch/mode" || fail "enforce"
eventually 20 status_is '.enforcement.state == "active" or .enforcement.state == "unproven"' || fail "no rules: $(bh status)"

# from_host NUMBER PORT 4|6: from a socket of the VRF's.
from_host() {
	local to=10.98.$1.1
	[ "$3" = 4 ] || to=fd98:$1::1
	on_host python3 -c 'if True:
		import socket, sys
		with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as s:
			s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"vrf0")
			s.settimeout(3)
			s.connect((sys.argv[1], int(sys.argv[2])))' "$to" "$2" 2>/dev/null
}

if has vrf; then
	step "in a VRF rules hold: between two, from and to outside, and from and to this host"
	coverage_is web enforceable && coverage_is api enforceable || fail "coverage says otherwise: $(bh coverage)"
	eventually 20 passes web 3 80 || fail "what is allowed within the VRF does not pass"
	refused web 3 81 || fail "what the world is allowed passes from a neighbour in the VRF"
	refused api 2 80 || fail "what is not allowed passes within the VRF"
	passes web 4 80 || fail "what is allowed to the world does not pass"
	refused web 4 81 || fail "another port of the world's is open"
	refused api 4 80 || fail "the world is open to who may not reach it"
	passes far 3 81 || fail "what the world is allowed does not pass"
	refused far 3 80 || fail "what a neighbour is allowed passes from outside"
	refused far 2 80 || fail "who lets nobody in is reached from outside"
	passes web 2 80 host || fail "this host is not reached"
	refused web 2 81 host || fail "another port of this host is open"
	refused api 3 80 host || fail "this host is open to who may not reach it"
	from_host 3 80 4 && from_host 3 80 6 || fail "this host does not reach who lets it in"
	from_host 3 81 4 || from_host 3 81 6 || from_host 2 80 4 || from_host 2 80 6 &&
		fail "this host reaches what does not let it in"

	step "stage 1: neighbours in the VRF are not outside, who is beyond its uplink is"
	both() {
		local guest
		for guest in web api; do
			bh mode "netns:$host-$guest" "$1" --anyway >/dev/null || fail "$1"
		done
	}
	both stage1
	eventually 10 opens web 3 81 4 || fail "a neighbour is refused as if it were outside"
	passes web 3 81 || fail "a neighbour is refused as if it were outside, over IPv6"
	refused far 3 80 || fail "who is outside is not refused"
	refused api 4 80 || fail "the outside is open to who may not reach it"
	both enforce
	eventually 10 refused web 3 81 || fail "who enforces again lets everything pass"

	step "somebody else's address is not believed"
	nsenter --net="/run/netns/$host-web" nft -f - <<-NFT || fail "no impostor"
		table ip forge { chain o { type nat hook postrouting priority 100; snat to 10.98.3.1; }; }
	NFT
	! opens web 4 80 4 || fail "an impostor is let out"
	eventually 10 has_event '.kind == "spoof"' || fail "an impostor is not told of"
	in_guest web nft delete table ip forge

	step "that it is in a VRF and not tested is said; the rules load elsewhere"
	status_is '.enforcement.self_test.routed | any(.[]; .name == "vweb" and .state == "untested" and (.why | contains("VRF")))' ||
		fail "the self-test says: $(bh status --format json | jq -c .enforcement.self_test)"
	bh policy show --nft >"$scratch/rules.nft" || fail "policy show --nft"
	grep -q 'meta sdifname . ip6 saddr vmap @egress6' "$scratch/rules.nft" || fail "senders are not looked up"
	unshare -n nft -f "$scratch/rules.nft" || fail "nft does not load what is printed"
fi

for kind in bond team openvswitch; do
	has $kind || continue
	step "in a device of kind $kind nothing is enforced, which is said by name; nothing is taken for a leak"
	guest=in-$kind
	coverage_is $guest observable ".why | contains(\"vin-$kind is in ${kind}0 ($kind)\")" || fail "coverage says: $(bh coverage)"
	grep -q "$guest is not enforced: .*${kind}0 ($kind)" "$scratch/mode" || fail "mode does not say it: $(cat "$scratch/mode")"
	status_is ".unknown | any(.[]; contains(\"$guest is not enforced: \"))" || fail "status does not say it: $(bh status)"
	bh policy show --nft | grep -q "vin-$kind" && fail "it is in the rules"
done
if has bond; then
	eventually 20 passes in-bond 1 80 || fail "who lets it in does not know it"
	refused in-bond 1 81 || fail "who does not let it in is open to it"
	passes in-bond 5 81 host || fail "what is not enforced does not pass"
	has_event '.kind == "spoof"' && ! has vrf && fail "it is taken for an impostor"

	step "taken out of the bond it is enforced"
	ip -n "$host" link set vin-bond nomaster
	ip -n "$host" address flush dev bond0
	ip -n "$host" link set vin-bond up
	add_address "$host" vin-bond 10.98.5.254/24 fd98:5::fe/64
	eventually 20 coverage_is in-bond enforceable || fail "coverage says still: $(bh coverage)"
	eventually 20 refused in-bond 5 81 host || fail "it is not enforced"
	passes in-bond 1 80 || fail "what is allowed does not pass"
fi
no_leak
