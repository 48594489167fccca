#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""generated.py PROGRAM: holds `PROGRAM flows --read` against tshark on captures of every kind of
packet (captures.py): the same flows, no more and no fewer, each with tshark's packets and bytes each
way, within the same tunnel, and with as many errors about it. Where the two differ by design, both
figures are asserted, with the reason. scripts/test installs tshark: where it is missing, that is a failure.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import captures
from oracle import PORTS, number

SEED = 20261128
OPTIONS = [
    "ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE",
]  # fmt: skip
NEXT = {
    "ip.proto", "ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.routing.nxt", "ipv6.dstopts.nxt",
    "ipv6.fraghdr.nxt", "ah.next_header",
}  # fmt: skip
REQUEST = {(1, 0): 8, (1, 14): 13, (1, 16): 15, (1, 18): 17, (58, 129): 128}
IP = ("ip", "ipv6")


def fields(element, into=None):
    """Every field below, in order, but for those of packets that are quoted in it: extension headers
    alone are protocols within one."""
    into = [] if into is None else into
    for child in element:
        if child.tag == "proto" and not child.get("name").startswith(("ipv6.", "ah")):
            continue
        if child.get("name"):
            into.append((child.get("name"), child.get("show")))
        fields(child, into)
    return into


class Level:
    """One IP header of a packet with what follows it, up to the next."""

    def __init__(self, head, frame_length):
        self.values = collections.defaultdict(list)
        self.version = 4 if head.get("name") == "ip" else 6
        self.on_wire = frame_length - int(head.get("pos"))
        self.add(head)

    def add(self, proto):
        for name, value in fields(proto):
            self.values[name].append(value)
            if name in NEXT:
                self.values["next"].append(value)

    def one(self, *names):
        return next((self.values[name][0] for name in names if self.values[name]), None)

    def number(self, *names):
        value = self.one(*names)
        return 0 if value is None else int(value, 0)

    @property
    def proto(self):
        return int(self.values["next"][-1])

    @property
    def ends(self):
        return self.one("ip.src", "ipv6.src"), self.one("ip.dst", "ipv6.dst")

    @property
    def bytes(self):
        """tshark shows what the header says; what it leaves to the card is what was on the wire."""
        if self.version == 4:
            return self.number("ip.len") or self.on_wire
        if self.number("ipv6.plen") == 0 and self.proto != 59:
            return self.on_wire
        return 40 + self.number("ipv6.plen")

    @property
    def datagram(self):
        return (*self.ends, self.number("ip.id", "ipv6.fraghdr.ident"))

    @property
    def is_later_fragment(self):
        return self.number("ip.frag_offset", "ipv6.fraghdr.offset") != 0

    def key(self):
        """(proto, from, to), and for ICMP whether it is an answer."""
        src, dst = self.ends
        if self.proto in (1, 58):
            kind, code = self.number("icmp.type", "icmpv6.type"), self.number("icmp.code", "icmpv6.code")
            asked = REQUEST.get((self.proto, kind))
            if asked is not None:
                return (self.proto, (src, asked << 8), (dst, 0))
            return (self.proto, (src, 0), (dst, kind << 8 | code))
        if self.proto not in PORTS:
            return (self.proto, (src, 0), (dst, 0))
        ports = [
            self.number(*(name + end for name in ("udp.", "tcp.", "sctp.", "dccp.")))
            for end in ("srcport", "dstport")
        ]
        return (self.proto, (src, ports[0]), (dst, ports[1]))


TUNNEL_IDS = {
    "vxlan": "vxlan.vni", "geneve": "geneve.vni", "gre": "gre.key", "erspan": "erspan.spanid",
    "gtp": "gtp.teid", "teredo": None,
}  # fmt: skip


def tunnel_name(outer, inner, between):
    """As `tunnel` of a flow has it."""
    name, value = None, None
    for proto in between:
        if proto.get("name") in TUNNEL_IDS:
            name = proto.get("name")
            value = dict(fields(proto)).get(TUNNEL_IDS[name])
    if name is None:
        return {(4, 4): "ipip", (4, 6): "sit", (6, 4): "ipip6", (6, 6): "ip6ip6"}[outer.version, inner.version]
    if name == "vxlan" and outer.number("udp.dstport") == 4790:
        name = "vxlan-gpe"
    return name if value is None else "%s:%d" % (name, int(value, 0))


def quotes_packet(proto):
    """What follows is of the packet that an error quotes."""
    return proto.get("name") in ("icmp", "icmpv6") and any(
        inner.get("name") in IP for inner in proto.iter("proto")
    )


def levels_of(packet):
    """[(tunnel, Level)], outermost first."""
    frame_length = int(dict(fields(packet.find("proto[@name='frame']")))["frame.len"])
    out, tunnel, between = [], "", []
    for proto in packet:
        if between and quotes_packet(between[-1]):
            break
        if proto.get("name") in IP:
            level = Level(proto, frame_length)
            if out:
                name = tunnel_name(out[-1][1], level, between)
                tunnel = tunnel + "/" + name if tunnel else name
            out.append((tunnel, level))
            between = []
        elif out:
            out[-1][1].add(proto)
            between.append(proto)
    return out


def quoted_levels(packet):
    """The packets that the packet's innermost ICMP error quotes, outermost first."""
    for proto in packet:
        if proto.get("name") not in ("icmp", "icmpv6"):
            continue
        level = None
        for inner in proto.iter("proto"):
            if inner.get("name") in IP:
                if level is not None:
                    break
                level = Level(inner, 0)
            elif level is not None:
                level.add(inner)
        if level is not None:
            yield level


class Conversations:
    """What tshark says: packets and bytes by (tunnel, proto, from, to), errors by flow."""

    def __init__(self):
        self.sent = collections.defaultdict(lambda: [0, 0])
        self.errors = collections.Counter()
        self.orphans = 0

    def take(self, key, size):
        self.sent[key][0] += 1
        self.sent[key][1] += size

    def flows(self):
        return {flow_of(key) for key in self.sent}


def flow_of(key):
    """The same name for both ways."""
    return (*key[:2], *sorted(key[2:]))


def tshark(path):
    command = ["tshark", "-r", str(path), "-T", "pdml", "-n"]
    for option in OPTIONS:
        command += ["-o", option]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    return xml.etree.ElementTree.fromstring(done.stdout).findall("packet")


def expected(packets):
    """A later fragment belongs to the flow of its datagram's first, wherever that stands."""
    told = Conversations()
    levels = [(tunnel, level) for packet in packets for tunnel, level in levels_of(packet)]
    first = {
        (tunnel, level.datagram): (tunnel, *level.key())
        for tunnel, level in levels
        if not level.is_later_fragment
    }
    for tunnel, level in levels:
        if not level.is_later_fragment:
            told.take((tunnel, *level.key()), level.bytes)
        elif (tunnel, level.datagram) in first:
            told.take(first[tunnel, level.datagram], level.bytes)
        else:
            told.orphans += 1
    for packet in packets:
        for level in quoted_levels(packet):
            tunnel = levels_of(packet)[-1][0]
            told.errors[flow_of((tunnel, *level.key()))] += 1
    return told


def read(program, path):
    """The flows, and what is said beside them."""
    command = [program, "flows", "--read", str(path), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def observed(flows):
    told = Conversations()
    for flow in flows:
        src, dst = ((flow[end]["ip"], flow[end]["port"]) for end in ("src", "dst"))
        key = (flow["tunnel"] or "", number(flow["proto"]))
        for a, b, way in ((src, dst, "tx"), (dst, src, "rx")):
            if flow[way]["packets"]:
                told.sent[(*key, a, b)][0] += flow[way]["packets"]
                told.sent[(*key, a, b)][1] += flow[way]["bytes"]
        if flow["icmp_error"]:
            told.errors[flow_of((*key, src, dst))] += flow["icmp_error"]["count"]
    return told


def differences(want, got, flows):
    for key in sorted(set(want.sent) | set(got.sent), key=str):
        if want.sent.get(key) != got.sent.get(key):
            yield "%s: tshark %s; we %s" % (key, want.sent.get(key), got.sent.get(key))
    if len(flows) != len(want.flows()):
        yield "tshark %d flows, we %d" % (len(want.flows()), len(flows))
    for key in sorted(set(want.errors) | set(got.errors), key=str):
        if want.errors[key] != got.errors[key]:
            yield "errors about %s: tshark %d; we %d" % (key, want.errors[key], got.errors[key])


class Check:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.problems, self.flows, self.packets = [], 0, 0

    def capture(self, name, linktype, frames):
        path = self.folder / (name + ".pcap")
        captures.write(path, linktype, frames)
        return path

    def require(self, what, condition):
        if not condition:
            self.problems.append(what)

    def compare(self, name, linktype, frames, blind_to_errors=False):
        path = self.capture(name, linktype, frames)
        flows, _ = read(self.program, path)
        want, got = expected(tshark(path)), observed(flows)
        if blind_to_errors:
            want.errors = got.errors
        self.problems += ["%s: %s" % (name, text) for text in differences(want, got, flows)]
        self.require(name + ": nothing was compared", flows)
        self.flows += len(flows)
        self.packets += sum(packets for packets, _ in want.sent.values())

    def both(self, name, linktype, frames):
        """What tshark's packets say, our flows, and our words, where the two are to differ."""
        path = self.capture(name, linktype, frames)
        return expected(tshark(path)), *read(self.program, path)


def a_port_used_again(check):
    """tshark's conversation is a pair of endpoints; a flow is one connection."""
    frames = captures.conversation() + [
        captures.ipv4(captures.A, captures.B, captures.TCP, captures.tcp(40000, 80, captures.SYN, seq=77))
    ]
    want, flows, _ = check.both("port-reuse", captures.RAW, frames)
    check.require("port reuse: tshark 1, we 2", (len(want.flows()), len(flows)) == (1, 2))


def fragments_without_their_first(check):
    """tshark has a conversation of addresses for them; whose they are nobody can say."""
    frames = captures.fragments4(5, captures.udp(1, 2, bytes(400)), 104)[1:]
    want, flows, words = check.both("orphans", captures.RAW, frames)
    check.require("orphans: tshark 3 packets", want.orphans == 3)
    check.require("orphans: we none, and say so", not flows and "3 fragments without their first" in words)


def the_same_packet_on_two_interfaces(check):
    """tshark counts it twice; it was sent once, and delivered once."""
    packet = captures.datagrams()[0]
    frames = [captures.sll2(packet, 3, 0), captures.sll2(packet, 4, 4)]
    want, flows, _ = check.both("two-sides", captures.SLL2, frames)
    tshark_packets = sum(packets for packets, _ in want.sent.values())
    ours = (flows[0]["tx"]["packets"], flows[0]["tx"]["delivered_packets"])
    check.require("two sides: tshark 2, we 1 and 1", (tshark_packets, ours) == (2, (1, 1)))


def errors_about_what_a_tunnel_carries(check):
    """tshark shows the carrier that an error quotes; we note it on the inner flow as well."""
    want, flows, _ = check.both("about-inner", captures.ETHERNET,
        [captures.ethernet(p) for p in captures.errors_of_tunnels()])  # fmt: skip
    ours = {flow["tunnel"]: flow["icmp_error"] for flow in flows if flow["proto"] == "udp"}
    check.require("about inner: tshark 2 errors", sum(want.errors.values()) == 2)
    counts = {tunnel: error and error["count"] for tunnel, error in ours.items()}
    check.require("about inner: we 1 on the carrier and 2 within", counts == {None: 1, "vxlan:42": 2})
    check.require("about inner: last", ours["vxlan:42"]["what"] == "fragmentation needed")


def packets_larger_than_the_wire(check):
    """tshark counts what was captured; we do as well, and estimate how many they were."""
    want, flows, _ = check.both("segments", captures.ETHERNET,
        [captures.ethernet(p) for p in captures.super_packets()])  # fmt: skip
    captured = sorted(packets for packets, _ in want.sent.values())
    ours = [(flow["tx"]["packets"], flow["tx"]["estimated_segments"]) for flow in flows]
    check.require("segments: tshark %s" % captured, captured == [3, 3])
    check.require("segments: we %s" % ours, ours == [(3, 1 + 44 + 44), (3, 1 + 10 + 99)])


def what_is_no_ip(check):
    """tshark has no conversation of it; we count it by kind."""
    _, _, words = check.both("kinds", captures.ETHERNET, captures.not_ip())
    for kind in ("arp", "ARP requests", "lldp", "eapol", "macsec", "lacp", "pppoe", "stp"):
        check.require("kinds: 1 " + kind, ", 1 %s" % kind in words)
    check.require("kinds: the type itself", "1 unknown-ethertype (0x894f: 1)" in words)


DESIGNED = [
    a_port_used_again, fragments_without_their_first, the_same_packet_on_two_interfaces,
    errors_about_what_a_tunnel_carries, packets_larger_than_the_wire, what_is_no_ip,
]  # fmt: skip


def main():
    if shutil.which("tshark") is None:
        print("no tshark to hold the decoder against: scripts/test installs it")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        check = Check(sys.argv[1], pathlib.Path(folder))
        made = captures.make(SEED)
        for name, (linktype, frames) in made.items():
            check.compare(name, linktype, frames, blind_to_errors=name == "errors-of-tunnels")
        for differ in DESIGNED:
            differ(check)
    print("%d captures, %d flows, %d packets compared; %d designed differences"
          % (len(made), check.flows, check.packets, len(DESIGNED)))  # fmt: skip
    for problem in check.problems[:60]:
        print("WRONG %s" % problem)
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
