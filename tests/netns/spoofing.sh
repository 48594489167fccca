#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who lies about its addresses – in IP's source, in its MAC, by ARP, by neighbour discovery – is told of
# with both identities, and gets nowhere once the workloads enforce: the victim's neighbour table keeps
# the true MAC, its traffic still arrives, and what was sent in its name does not. Without enforcement
# the same lies work: that is what the checks are worth. On a bridge, and from a routed veth.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
liar="$(dirname "$0")/liar.py"

make_host "spoofing-$$"
write_config "runtimes: {docker: off}"
add_bridge br0 10.95.0.254/24 fd95::fffe/64
add_guest web br0 10.95.0.1/24 fd95::1/64
add_guest db br0 10.95.0.2/24 fd95::2/64
add_guest thief br0 10.95.0.3/24 fd95::3/64
# A guest behind a veth that is no bridge's port.
ip netns add "$host-far" && at_end "ip netns del $host-far"
ip -n "$host" link add vfar type veth peer name eth0 netns "$host-far"
ip -n "$host" link set vfar up
ip -n "$host-far" link set lo up
ip -n "$host-far" link set eth0 up
add_address "$host" vfar 10.96.0.254/24 fd96::fffe/64
add_address "$host-far" eth0 10.96.0.1/24 fd96::1/64
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
	net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vfar.rp_filter=0
for guest in web db thief; do
	ip -n "$host-$guest" route add default via 10.95.0.254
	ip -n "$host-$guest" -6 route add default via fd95::fffe
done
ip -n "$host-far" route add default via 10.96.0.254
ip -n "$host-far" -6 route add default via fd96::fffe

# The database answers on 5432 and keeps what reaches its port 9000.
nsenter --net="/run/netns/$host-db" python3 - "$scratch" <<'PYTHON' &
import selectors, socket, sys

server = socket.create_server(("::", 5432), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
sink = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
sink.bind(("::", 9000))
selector = selectors.DefaultSelector()
for waiting in server, sink:
    selector.register(waiting, selectors.EVENT_READ)
open(sys.argv[1] + "/serving", "w").close()
with open(sys.argv[1] + "/sunk", "ab", buffering=0) as sunk:
    while True:
        for key, _ in selector.select():
            if key.fileobj is server:
                with server.accept()[0] as connection:
                    connection.sendall(b"hello\n")
            else:
                sunk.write(sink.recv(100) + b"\n")
PYTHON
at_end "kill $! 2>/dev/null"
eventually 10 test -e "$scratch/serving" || fail "no database"
start_daemon
knows 4

mac_of() { # GUEST
	ip -n "$host-$1" -j link show eth0 | jq -r '.[0].address'
}
web_mac=$(mac_of web) db_mac=$(mac_of db) thief_mac=$(mac_of thief)
# asks ADDRESS...: whether the database greets web on each.
asks() {
	local address
	for address in "$@"; do
		[ "$(in_guest web timeout 3 bash -c "exec 3<>/dev/tcp/$address/5432 && cat <&3")" = hello ] || return 1
	done
}
works() {
	asks 10.95.0.2 fd95::2
}
# believes ADDRESS MAC: web sends what is for the address to that MAC.
believes() {
	ip -n "$host-web" -j neigh show "$1" dev eth0 | jq -e --arg m "$2" '.[0].lladdr == $m'
}
forget() {
	ip -n "$host-web" neigh flush all
	ip -n "$host-web" -6 neigh flush all
}
# lie GUEST ARGUMENT...
lie() {
	in_guest "$1" python3 "$liar" eth0 "${@:2}" || fail "no frame from $1"
}
reached() { # TEXT
	grep -qx "$1" "$scratch/sunk"
}
n() {
	echo "netns:$host-$1"
}
# told JQ: a spoof event of which the expression holds.
told() {
	has_event ".kind == \"spoof\" and ($1)"
}
poison() { # FAMILY: what thief says of the database's address
	if [ "$1" = 4 ]; then
		lie thief arp "$thief_mac" 10.95.0.2 "$web_mac" 10.95.0.1
	else
		lie thief nd "$thief_mac" fd95::2 "$web_mac" fd95::1
	fi
}
claimed() { # PROTO ADDRESS SINCE
	told "has(\"claim\") and .proto == \"$1\" and .address == \"$2\" and .workload == \"$(n thief)\" and
		.other == \"$(n db)\" and .mac == \"$thief_mac\" and .time >= $3"
}

step "while all learn: web and the database talk, lies work, and are told of with both names"
eventually 15 works || fail "the database does not answer"
for _ in 1 2 3 4 5; do works; done
began=$(date +%s)
poison 4
poison 6
believes 10.95.0.2 "$thief_mac" >/dev/null || fail "the test is wrong: ARP poisoning does not work even unhindered"
believes fd95::2 "$thief_mac" >/dev/null || fail "the test is wrong: ND poisoning does not work even unhindered"
eventually 10 claimed arp 10.95.0.2 "$began" || fail "nobody tells of ARP poisoning"
eventually 10 claimed nd fd95::2 "$began" || fail "nobody tells of ND poisoning"
forget
eventually 10 works || fail "web does not get over it"
lie thief udp "$thief_mac" 10.95.0.1 "$db_mac" 10.95.0.2 learn4
lie thief udp "$thief_mac" fd95::1 "$db_mac" fd95::2 learn6
lie far udp "$(mac_of far)" 10.95.0.1 "$(ip -n "$host" -j link show vfar | jq -r '.[0].address')" 10.95.0.2 learnfar
for text in learn4 learn6 learnfar; do
	eventually 5 reached $text || fail "the test is wrong: $text did not arrive unhindered"
done
sent_as_web() { # GUEST ADDRESS
	told ".sender == \"$(n "$1")\" and .other == \"$(n web)\" and .src.ip == \"$2\" and .port == 9000"
}
eventually 10 sent_as_web thief 10.95.0.1 || fail "nobody tells who sent as web, IPv4"
eventually 10 sent_as_web thief fd95::1 || fail "nobody tells who sent as web, IPv6"
eventually 10 sent_as_web far 10.95.0.1 || fail "nobody tells who sent as web from a routed veth"
# With its own address, from another's MAC, from the bridge's, and from one that nobody has.
lie thief udp "$web_mac" 10.95.0.3 "$db_mac" 10.95.0.2 learnmac
lie thief udp "$(ip -n "$host" -j link show br0 | jq -r '.[0].address')" fd95::3 "$db_mac" fd95::2 learnhost
lie thief udp 02:00:5e:00:53:77 10.95.0.3 "$db_mac" 10.95.0.2 learnnone
eventually 5 reached learnmac || fail "the test is wrong: learnmac did not arrive unhindered"
sent_from() { # KIND MAC OTHER
	has_event ".kind == \"$1\" and .claim == \"sender\" and .workload == \"$(n thief)\" and .mac == \"$2\" and .other == $3"
}
eventually 10 sent_from spoof "$web_mac" "\"$(n web)\"" || fail "nobody tells who sent from web's MAC"
eventually 10 sent_from spoof "$(ip -n "$host" -j link show br0 | jq -r '.[0].address')" '"host"' ||
	fail "nobody tells who sent from the bridge's MAC"
eventually 10 sent_from unknown-address 02:00:5e:00:53:77 null || fail "nobody tells of a MAC that nobody has"
# A MAC that is set anew is its interface's own.
ip -n "$host-db" link set eth0 address 02:00:5e:00:53:78
forget
eventually 10 works || fail "the database does not answer from its new MAC"
ip -n "$host-db" link set eth0 address "$db_mac"
forget
eventually 10 works || fail "the database does not answer from its old MAC"
lie thief udp 02:00:5e:00:53:79 10.95.0.3 "$db_mac" 10.95.0.2 learnlast
eventually 10 sent_from unknown-address 02:00:5e:00:53:79 null || fail "nobody tells of the last MAC"
[ "$(bh events --format json | jq -s 'map(select(.claim == "sender")) | length')" = 4 ] ||
	fail "more is told: $(bh events | grep 'sends frames')"

step "all enforce what was learned"
eventually 15 has_edge "$(n web)" "$(n db)" 5432 || fail "web's connections are not learned"
enforce_all
eventually 15 status_is '.enforcement.state == "active" and .modes.enforce == 4' || fail "not enforced"
eventually 10 works || fail "enforcement broke what was learned"

step "poisoning fails: the table keeps the true MAC, web's traffic arrives, and it is told of"
began=$(date +%s)
believes 10.95.0.2 "$db_mac" >/dev/null && believes fd95::2 "$db_mac" >/dev/null || fail "web does not know where the database is"
poison 4
poison 6
sleep 0.5
believes 10.95.0.2 "$db_mac" >/dev/null || fail "ARP poisoning worked: $(ip -n "$host-web" neigh)"
believes fd95::2 "$db_mac" >/dev/null || fail "ND poisoning worked: $(ip -n "$host-web" -6 neigh)"
works || fail "web's traffic does not arrive"
dropped() { # PROTO ADDRESS
	told ".dropped == true and .proto == \"$1\" and .src.ip == \"$2\" and .sender == \"$(n thief)\" and
		.other == \"$(n db)\" and .time >= $began"
}
eventually 10 dropped arp 10.95.0.2 || fail "the rules do not tell of ARP poisoning"
eventually 10 dropped icmpv6 fd95::2 || fail "the rules do not tell of ND poisoning"

step "what is sent in another's name does not arrive, and is told of"
lie thief udp "$thief_mac" 10.95.0.1 "$db_mac" 10.95.0.2 shut4
lie thief udp "$thief_mac" fd95::1 "$db_mac" fd95::2 shut6
lie thief udp "$web_mac" 10.95.0.3 "$db_mac" 10.95.0.2 shutmac
lie far udp "$(mac_of far)" 10.95.0.1 "$(ip -n "$host" -j link show vfar | jq -r '.[0].address')" 10.95.0.2 shutfar
stopped() { # GUEST ADDRESS OTHER
	told ".dropped == true and .sender == \"$(n "$1")\" and .src.ip == \"$2\" and .other == $3 and .port == 9000"
}
eventually 10 stopped thief 10.95.0.1 "\"$(n web)\"" || fail "nobody tells of the datagram in web's name, IPv4"
eventually 10 stopped thief fd95::1 "\"$(n web)\"" || fail "nobody tells of the datagram in web's name, IPv6"
eventually 10 stopped thief 10.95.0.3 "\"$(n web)\"" || fail "nobody tells of the foreign MAC"
eventually 10 stopped far 10.95.0.1 "\"$(n web)\"" || fail "nobody tells of the datagram from the routed veth"
for text in shut4 shut6 shutmac shutfar; do
	reached $text && fail "$text arrived"
done
works || fail "web's traffic does not arrive any more"
no_leak
