#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Beside others: Docker with iptables over nftables, with legacy iptables and without any, ufw and its reload, libvirt's
# bridge with two virtual machines, and a tool that marks packets and connections. What is allowed passes, what
# is not does not, and what is theirs stays as it is. What stays on a stateless bridge they do not see at all.
# Usage: others.sh [stateless|stateful]
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"
needs ufw iptables-nft iptables-legacy

make_host "others-$$"
bridge=${1:-stateless}
write_config "runtimes: {docker: $scratch/docker.sock}
enforcement: {bridge: $bridge}"
# Which iptables there is, for the engine and for ufw.
cp -a /etc/alternatives "$scratch/alternatives"
mount --bind "$scratch/alternatives" /etc/alternatives || fail "no /etc/alternatives of its own"
use_iptables() {
	local tool
	for tool in ip{,6}tables{,-save,-restore}; do
		ln -sf "/usr/sbin/${tool/tables/tables-$1}" "/etc/alternatives/$tool"
	done
	iptables --version | grep -q "$2" || fail "iptables is not the one with $1: $(iptables --version)"
}
# ufw writes its rules there.
cp -a /etc/ufw "$scratch/ufw"
mount --bind "$scratch/ufw" /etc/ufw || fail "no /etc/ufw of its own"
cp /etc/default/ufw "$scratch/ufw-default"
mount --bind "$scratch/ufw-default" /etc/default/ufw || fail "no /etc/default/ufw of its own"

# --- who else is there --------------------------------------------------------------------------

# libvirt's: machines are taps, no veths. A frame from the first has to come out of the second.
on_host ip link add virbr0 type bridge mcast_snooping 0
add_address "$host" virbr0 192.168.122.1/24
on_host ip link set virbr0 up
cat >"$scratch/machines.py" <<-'PYTHON'
	import fcntl, os, select, struct, subprocess, sys, time
	def tap(name):
	    fd = os.open("/dev/net/tun", os.O_RDWR)
	    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
	    subprocess.run(["ip", "link", "set", name, "master", "virbr0", "up"], check=True)
	    return fd
	one, two = tap("vnet0"), tap("vnet1")
	frame = b"\x52\x54\0\0\0\2" + b"\x52\x54\0\0\0\1" + b"\x08\0" + b"\x45\0\0\x1c" + bytes(4) + b"\x40\x11\xc5\x6c" \
	    + b"\xc0\xa8\x7a\x0a\xc0\xa8\x7a\x0b" + b"\0\7\0\7\0\x08\0\0"
	for line in sys.stdin:
	    while select.select([two], [], [], 0)[0]:
	        os.read(two, 2000)
	    until, passed = time.time() + 5, False
	    while not passed and time.time() < until:
	        os.write(one, frame)
	        while select.select([two], [], [], 0.2)[0] and not passed:
	            passed = os.read(two, 2000) == frame
	    print("passed" if passed else "lost", flush=True)
PYTHON
coproc MACHINES { exec nsenter --net="/run/netns/$host" python3 "$scratch/machines.py"; }
at_end "kill $MACHINES_PID 2>/dev/null"
machines_talk() {
	local said
	echo >&"${MACHINES[1]}"
	read -r -t 10 said <&"${MACHINES[0]}" && [ "$said" = passed ] || fail "$1: the machines on virbr0 do not reach each other"
}
virbr_flags() {
	ip -n "$host" -d -j link show virbr0 | jq -c '.[0].linkinfo.info_data | [.nf_call_iptables, .nf_call_ip6tables, .nf_call_arptables]'
}
flags=$(virbr_flags)

# A tool that marks all that is forwarded, and looks whether its marks arrive.
mark_all() {
	on_host nft -f - <<-'NFT' || fail "no marks"
		table inet marker {
			counter marked {}
			counter unmarked {}
			chain first {
				type filter hook prerouting priority -190;
				meta l4proto tcp th dport 9999 meta mark set 0x42 ct mark set 0x17
			}
			chain last {
				type filter hook postrouting priority 300;
				meta l4proto tcp th dport 9999 meta mark 0x42 ct mark 0x17 counter name marked return
				meta l4proto tcp th dport 9999 counter name unmarked
			}
		}
	NFT
}
marker() {
	on_host nft -j list counter inet marker "$1" | jq '.nftables[] | .counter? // empty | .packets'
}

# --- what passes --------------------------------------------------------------------------------

address() {
	d inspect -f "{{(index .NetworkSettings.Networks \"shop\").$2}}" "$1"
}
# reaches NAME PORT: in both families.
reaches() {
	local to
	for to in IPAddress GlobalIPv6Address; do
		[ "$(d exec "$1" sh -c "timeout 3 nc $(address db $to) $2 </dev/null" 2>/dev/null)" = yes ] || return 1
	done
}
unreached() {
	local to
	for to in IPAddress GlobalIPv6Address; do
		[ "$(d exec "$1" sh -c "timeout 1 nc $(address db $to) $2 </dev/null" 2>/dev/null)" = yes ] && return 1
	done
	return 0
}
# right WHEN: what is allowed passes, and the rest does not.
right() {
	eventually 15 reaches web 9999 || fail "$1: web does not reach db, which is allowed"
	unreached web 8888 || fail "$1: web reaches a port of db that is not allowed"
	unreached intruder 9999 || fail "$1: the intruder reaches db"
	machines_talk "$1"
	[ "$(virbr_flags)" = "$flags" ] || fail "$1: virbr0's flags were $flags, and are $(virbr_flags)"
}

# with_backend nft|legacy|none: the engine, its containers, and rules for them.
with_backend() {
	local name
	case $1 in
	nft) use_iptables nft nf_tables ;;
	legacy) use_iptables legacy legacy ;;
	esac
	engine_options=(--experimental --ip6tables)
	[ "$1" != none ] || engine_options=(--iptables=false)
	start_engine || fail "no engine with $1"
	d image inspect shop:1 >/dev/null 2>&1 || import_image
	d network create --ipv6 --subnet 10.89.0.0/24 --subnet fd89::/64 shop >/dev/null || fail "docker network"
	for name in web intruder; do
		d run -d --init --name "$name" --network shop --label "bulkhead.workload=$name" shop:1 sleep 100000 >/dev/null ||
			fail "container $name"
	done
	d run -d --init --name db --network shop --label bulkhead.workload=db shop:1 \
		sh -c 'nc -ll -p 9999 -e echo yes & nc -ll -p 8888 -e echo yes' >/dev/null || fail "container db"
}
without_backend() {
	d rm -f web intruder db >/dev/null 2>&1
	d network rm shop >/dev/null
	stop_engine
}
at_end end_engine

cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  web: {bulkhead.workload: label:web}
	  db: {bulkhead.workload: label:db}
	  intruder: {bulkhead.workload: label:intruder}
	rules:
	  - {from: web, to: db, ports: [9999/tcp]}
YAML
start_daemon
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
for backend in nft legacy none; do
	step "Docker with iptables: $backend"
	with_backend $backend
	knows 3
	[ $backend != nft ] || bh mode all enforce --anyway >/dev/null || fail "enforce"
	eventually 15 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
	eventually 10 unreached intruder 9999 || fail "the intruder reaches db"
	right "Docker with iptables $backend"

	step "… and marks are carried through, where there are any"
	mark_all
	reaches web 9999 || fail "with marks web does not reach db"
	case $bridge in
	stateful) [ "$(marker marked)" -gt 0 ] || fail "the test is wrong: nothing is marked" ;;
	stateless) [ "$(marker marked)" = 0 ] || fail "what stays on the bridge is handed to netfilter" ;;
	esac
	[ "$(marker unmarked)" = 0 ] || fail "$(marker unmarked) packets lost their mark"
	on_host nft delete table inet marker

	if [ $backend != none ]; then
		step "… and ufw, switched on and reloaded"
		on_host ufw --force enable >"$scratch/ufw.log" 2>&1 || fail "ufw: $(cat "$scratch/ufw.log")"
		right "ufw on"
		on_host ufw reload >"$scratch/ufw.log" 2>&1 || fail "ufw: $(cat "$scratch/ufw.log")"
		right "ufw reloaded"
		on_host ufw --force disable >/dev/null 2>&1
	fi
	without_backend
	eventually 20 status_is '.identity.endpoints == 0' || fail "the containers do not go"
done
no_leak
on_host nft list ruleset | grep -q virbr0 && fail "bulkhead speaks of virbr0: $(on_host nft list ruleset | grep virbr0)"
bh status --format json | jq -e '.enforcement.state == "active"' >/dev/null || fail "it does not enforce"
