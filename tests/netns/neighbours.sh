#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who claims another's address, by ARP or neighbour discovery, is told within seconds; whoever claims
# its own, or an address that was just set, is not.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "neighbours-$$"
write_config "runtimes: {docker: off}"
add_bridge br0 10.97.0.254/24 fd97::fffe/64
add_guest one br0 10.97.0.1/24 fd97::1/64
add_guest two br0 10.97.0.2/24 fd97::2/64
add_guest three br0 10.97.0.3/24 fd97::3/64
start_daemon
knows 3

# claim NAME ADDRESS: an unasked announcement, as a raw frame out of that guest's interface.
claim() {
	in_guest "$1" python3 - "$2" <<'PYTHON' || fail "no frame from $1"
import ipaddress, socket, struct, sys

address = ipaddress.ip_address(sys.argv[1])
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
    s.bind(("eth0", 0))
    mac = s.getsockname()[4]
    if address.version == 4:
        frame = b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
        frame += mac + address.packed + b"\0" * 6 + address.packed
    else:
        all_nodes = ipaddress.ip_address("ff02::1").packed
        body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + address.packed + b"\x02\x01" + mac
        pseudo = address.packed + all_nodes + struct.pack("!II", len(body), 58)
        total = sum(struct.unpack(f"!{len(pseudo + body) // 2}H", pseudo + body))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
        frame = b"\x33\x33\0\0\0\x01" + mac + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), 58, 255)
        frame += address.packed + all_nodes + body
    s.send(frame)
PYTHON
}
mac_of() {
	ip -n "$host-$1" -j link show eth0 | jq -r '.[0].address'
}
# told KIND NAME ADDRESS [JQ]: an event of that kind about that guest's claim.
told() {
	has_event ".kind == \"$1\" and .workload == \"netns:$host-$2\" and .address == \"$3\" and (${4:-true})"
}
# reaches NAME ADDRESS...: whether that guest gets an answer from each, acceptance or refusal.
reaches() {
	in_guest "$1" python3 -c 'if True:
		import socket, sys
		for address in sys.argv[1:]:
			with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
				s.settimeout(1)
				try:
					s.connect((address, 9))
				except ConnectionRefusedError:
					pass' "${@:2}"
}

step "what everybody does is not told: resolution, one's own announcements, an address added later"
for guest in one two three; do
	ip -n "$host-$guest" neigh flush all
	eventually 10 reaches $guest 10.97.0.1 10.97.0.2 10.97.0.254 fd97::2 fd97::3 fd97::fffe ||
		fail "$guest does not reach the others"
done
claim one 10.97.0.1
claim two fd97::2
claim three 10.97.0.33 # ahead of the kernel's facts
ip -n "$host-three" address add 10.97.0.33/24 dev eth0
ip -n "$host-three" address add fd97::33/64 dev eth0 # with duplicate address detection
counted() {
	status_is '.capture.neighbours.arp >= 6 and .capture.neighbours.discovery >= 6'
}
eventually 5 counted || fail "claims are not counted"

step "another's address, claimed by ARP and by neighbour discovery: told within five seconds"
claim two 10.97.0.1
claim two fd97::1
claim three fd97::fffe
claimed=$(date +%s)
mine=$(mac_of two)
by_two=".time - $claimed < 5 and .other == \"netns:$host-one\" and .mac == \"$mine\" and .claim == \"announcement\""
eventually 10 told spoof two 10.97.0.1 "$by_two and .proto == \"arp\"" || fail "no spoof by ARP is told"
eventually 10 told spoof two fd97::1 "$by_two and .proto == \"nd\"" || fail "no spoof by neighbour discovery is told"
eventually 10 told spoof three fd97::fffe '.other == "host"' || fail "nobody notices who claims the gateway"
# What came before these was judged before them.
has_event '.kind == "unknown-address" or (.kind | startswith("address-"))' &&
	fail "more is told: $(bh events)"
[ "$(bh events --format json | jq -s 'map(select(.kind == "spoof")) | length')" = 3 ] ||
	fail "more is told to be a spoof: $(bh events | grep ' spoof ')"

step "an address that goes from one to the other has moved"
claim one 10.97.0.1
ip -n "$host-one" address add 10.97.0.50/24 dev eth0
claim one 10.97.0.50
holds() { # NAME ADDRESS
	bh workloads --format json | jq -e --arg w "netns:$host-$1" --arg a "$2" '.rows[] |
		select(.workload == $w) | .instances[].addresses | index($a)'
}
eventually 5 holds one 10.97.0.50 || fail "the new address is not known"
claim one 10.97.0.50
ip -n "$host-one" address del 10.97.0.50/24 dev eth0
ip -n "$host-two" address add 10.97.0.50/24 dev eth0
claim two 10.97.0.50
eventually 10 told address-moved two 10.97.0.50 ".other == \"netns:$host-one\"" || fail "the move is not told"

step "an address that nobody holds: once; two who claim it contradict each other"
claim one 10.97.0.77
eventually 10 told unknown-address one 10.97.0.77 || fail "the unknown address is not told"
claim one 10.97.0.77
claim two 10.97.0.77
eventually 10 told address-conflict two 10.97.0.77 ".other == \"netns:$host-one\"" ||
	fail "the conflict is not told"
[ "$(bh events --format json | jq -s 'map(select(.address == "10.97.0.77")) | length')" = 2 ] ||
	fail "it is told more than once: $(bh events | grep 10.97.0.77)"

step "a guest that goes and comes back with its address is none of this"
claim_count() {
	bh events --format json | jq -s 'map(select(has("claim"))) | length'
}
before=$(claim_count)
ip netns del "$host-three"
gone() {
	! ip -n "$host" link show vthree
}
eventually 10 gone || fail "the guest's interface stays"
add_guest three br0 10.97.0.3/24 fd97::3/64
claim three 10.97.0.3
claim three fd97::3
knows 3
claim two fd97::3 # judged behind what came before it
eventually 10 told spoof two fd97::3 ".other == \"netns:$host-three\"" || fail "the last spoof is not told"
after=$(claim_count)
[ "$after" = $((before + 1)) ] || fail "something was said of a restart: $(bh events | tail -n 5)"
echo "$after claims were told"
