#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_corpus.py: writes the seeds of the packet fuzzers into corpus/ beside itself. All of them
are made here, none was captured."""

import pathlib
import socket
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
A4, B4 = socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2")
A6, B6 = (socket.inet_pton(socket.AF_INET6, text) for text in ("fd00::1", "fd00::2"))
ETHERNET, RAW, SLL, SLL2 = range(4)  # as fuzz_decode numbers them


def ipv4(proto, payload, ident=1, fragment=0, options=b""):
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), ident, fragment, 64, proto, 0
    )
    return head + A4 + B4 + options + payload


def ipv6(following, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + A6 + B6 + payload


def tcp(sport, dport, flags, payload=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, 1000, 9001, 0x50, flags, 0, 0, 0) + payload


def udp(sport, dport, payload=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def icmp(kind, code, payload=b""):
    return struct.pack("!BBHI", kind, code, 0, 0) + payload


def ethernet(kind, payload):
    return bytes(12) + struct.pack("!H", kind) + payload


def vlan(*kinds):
    return b"".join(struct.pack("!HH", 5, kind) for kind in kinds)


def sll2(kind, direction, payload):
    return struct.pack("!HHIHBB8s", kind, 0, 7, 1, direction, 6, b"") + payload


EXTENSIONS = (
    struct.pack("!BB6x", 43, 0)  # hop-by-hop
    + struct.pack("!BB6x", 60, 0)  # routing
    + struct.pack("!BB14x", 51, 1)  # destination
    + struct.pack("!BB14x", 44, 2)  # authentication
    + struct.pack("!BBHI", 17, 0, 1, 77)  # fragment, first
)

GTP = b"\x34\xff\0\x28\0\0\0\7\0\1\0\x85\1\0\0\0"
ERSPAN = b"\x10\0\x22\xeb\0\0\0\1\x20\0\0\x09" + bytes(7) + b"\1" + bytes(8)

ARP = b"\0\1\x08\0\6\4"

PACKETS = {
    "tcp-syn": (ETHERNET, ethernet(0x0800, ipv4(6, tcp(40000, 80, 2)))),
    "tcp-data": (RAW, ipv4(6, tcp(40000, 80, 16, b"hello"))),
    "options": (RAW, ipv4(17, udp(5353, 53), options=bytes(8))),
    "qinq": (ETHERNET, ethernet(0x88A8, vlan(0x8100, 0x0800) + ipv4(17, udp(1, 2)))),
    "extensions": (ETHERNET, ethernet(0x86DD, ipv6(0, EXTENSIONS + udp(1, 2)))),
    "first-fragment": (RAW, ipv4(17, udp(1, 2), 9, 0x2000)),
    "later-fragment": (RAW, ipv4(17, bytes(16), 9, 1)),
    "echo": (SLL2, sll2(0x0800, 4, ipv4(1, icmp(8, 0)))),
    "reply6": (SLL2, sll2(0x86DD, 0, ipv6(58, icmp(129, 0)))),
    "unreachable": (RAW, ipv4(1, icmp(3, 3, ipv4(17, udp(1, 53))))),
    "unreachable6": (RAW, ipv6(58, icmp(1, 4, ipv6(17, udp(1, 53))))),
    "sctp": (SLL, struct.pack("!HHH8sH", 0, 1, 6, b"", 0x0800) + ipv4(132, tcp(1, 2, 0))),
    "authenticated": (RAW, ipv4(51, struct.pack("!BB22x", 6, 4) + tcp(1, 2, 16))),
    "arp": (ETHERNET, ethernet(0x0806, ARP + b"\0\1" + bytes(6) + A4 + bytes(6) + B4)),
    "gratuitous": (ETHERNET, ethernet(0x0806, ARP + b"\0\2" + bytes(6) + A4 + bytes(6) + A4)),
    "solicitation": (RAW, ipv6(58, icmp(135, 0, B6 + b"\1\1" + bytes(6)))),
    "advertisement": (RAW, ipv6(58, icmp(136, 0, A6 + b"\x0e\1" + bytes(6) + b"\2\1" + bytes(6)))),
    "lldp-unknown": (ETHERNET, ethernet(0x894F, bytes(28))),
    "stp": (ETHERNET, ethernet(38, b"\x42\x42\x03" + bytes(35))),
    "snap": (ETHERNET, ethernet(36, b"\xaa\xaa\x03\0\0\0\x08\0" + ipv4(17, udp(1, 2)))),
    "mpls": (ETHERNET, ethernet(0x8847, struct.pack("!II", 64, 320) + ipv4(17, udp(1, 2)))),
    "pppoe": (ETHERNET, ethernet(0x8864, b"\x11\0\0\1\0\x1e\0\x21" + ipv4(17, udp(1, 2)))),
    "vxlan-gpe": (RAW, ipv4(17, udp(1, 4790, b"\x0c\0\0\1\0\0\7\0" + ipv4(17, udp(1, 2))))),
    "gtp": (RAW, ipv4(17, udp(1, 2152, GTP + ipv4(17, udp(1, 2))))),
    "teredo": (RAW, ipv4(17, udp(3544, 2, bytes(8) + ipv6(17, udp(1, 2))))),
    "erspan": (RAW, ipv4(47, ERSPAN + ethernet(0x0800, ipv4(17, udp(1, 2))))),
    "segment-size": (RAW, ipv4(6, tcp(1, 2, 2)[:12] + b"\x60" + tcp(1, 2, 2)[13:] + b"\2\4\5\xb4")),
    "jumbo": (RAW, ipv6(0, b"\x06\0\xc2\4\0\1\x86\xa0" + tcp(1, 2, 16))),
    "quoted-tunnel": (RAW, ipv4(1, icmp(3, 4, ipv4(4, ipv4(17, udp(1, 53)))))),
    "quoted-reply": (RAW, ipv4(1, icmp(11, 0, ipv4(1, icmp(0, 0))))),
    "offload": (RAW, ipv4(6, tcp(1, 2, 16))[:2] + bytes(2) + ipv4(6, tcp(1, 2, 16))[4:]),
}


def pcap(linktype, packets, magic=0xA1B2C3D4, order="<"):
    out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, linktype)
    for i, packet in enumerate(packets):
        out += struct.pack(order + "IIII", 1000 + i, 5, len(packet), len(packet)) + packet
    return out


def block(kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def pcapng(linktype, packets):
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", linktype, 0, 0))
    for i, packet in enumerate(packets):
        head = struct.pack("<IIIII", 0, 0, i * 1000000, len(packet), len(packet))
        out += block(6, head + packet)
    return out


CONNECTION = [
    ipv4(6, tcp(40000, 80, flags)) if forward else ipv4(6, tcp(80, 40000, flags))[:12]
    + B4 + A4 + tcp(80, 40000, flags)
    for forward, flags in ((1, 2), (0, 18), (1, 16), (1, 24), (0, 24), (1, 17), (0, 17))
]  # fmt: skip

def dns(flags, questions, answers, body):
    return struct.pack("!HHHHHH", 7, flags, questions, answers, 0, 0) + body


def name(text):
    return b"".join(bytes([len(part)]) + part for part in text.split(b".")) + b"\0"


def question(text, kind=1):
    return name(text) + struct.pack("!HH", kind, 1)


def record(owner, kind, data, ttl=300):
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


ASKED = b"\xc0\x0c"  # a pointer to the question
EDNS = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
HINTS = b"\0\1\0" + struct.pack("!HH", 4, 8) + A4 + B4 + struct.pack("!HH", 6, 16) + A6
LOOP = record(name(b"a"), 5, name(b"b")) + record(name(b"b"), 5, name(b"a"))
BOMB = b"".join(struct.pack("!H", 0xC00C if i == 0 else 0xC018 + 2 * i) for i in range(40))
DNS = {
    "query": dns(0x0100, 1, 0, question(b"Db.Example") + EDNS),
    "both": dns(
        0x8180, 1, 2, question(b"db.example") + record(ASKED, 1, A4) + record(ASKED, 28, A6)
    ),
    "named": dns(0x8180, 1, 1, question(b"dB.example") + record(ASKED, 1, B4)),
    "chain": dns(
        0x8180,
        1,
        3,
        question(b"www.example")
        + record(name(b"e.cdn"), 1, A4)
        + record(name(b"cdn"), 5, name(b"e.cdn"), 20)
        + record(ASKED, 5, name(b"cdn")),
    ),
    "hints": dns(0x8180, 1, 1, question(b"svc.example", 65) + record(ASKED, 65, HINTS)),
    "loop": dns(0x8180, 1, 2, question(b"a") + LOOP),
    "bomb": dns(0x8180, 1, 2, question(b"q") + record(name(b"x"), 16, BOMB) + b"\xc0\x66"),
    "escapes": dns(0, 1, 0, b"\x05A. \\\xff\0" + struct.pack("!HH", 1, 1)),
}


NAMED = [
    ipv4(17, udp(4000, 53, DNS["query"])),
    ipv4(17, udp(53, 4000, DNS["named"]))[:12] + B4 + A4 + udp(53, 4000, DNS["named"]),
    ipv4(6, tcp(40000, 443, 2)),
]

def extension(kind, data):
    return struct.pack("!HH", kind, len(data)) + data


def server_name(text):
    return extension(0, struct.pack("!HBH", len(text) + 3, 0, len(text)) + text)


def hello(*extensions):
    body = b"".join(extensions)
    body = bytes(34) + b"\x20" + bytes(32) + b"\0\2\x13\1\1\0" + struct.pack("!H", len(body)) + body
    message = struct.pack("!I", 1 << 24 | len(body)) + body
    return b"\x16\3\1" + struct.pack("!H", len(message)) + message


VERSIONS = extension(43, b"\2\3\4")
HELLOS = {
    "named": hello(server_name(b"Shop.Example"), VERSIONS),
    "last": hello(VERSIONS, extension(51, bytes(300)), server_name(b"xn--bcher-kva.example")),
    "nameless": hello(VERSIONS),
    "cut": hello(server_name(b"shop.example"), VERSIONS)[:-9],
    "control": hello(server_name(b"shop\n.example")),
    "address": hello(server_name(b"192.0.2.1")),
    "empty": hello(server_name(b"")),
}

FILES = {
    "connection.pcap": pcap(101, CONNECTION),
    "big-endian.pcap": pcap(1, [ethernet(0x0800, p) for p in CONNECTION[:2]], order=">"),
    "nanoseconds.pcap": pcap(101, CONNECTION[:1], magic=0xA1B23C4D),
    "cut.pcap": pcap(101, CONNECTION)[:-7],
    "fragments.pcapng": pcapng(101, [PACKETS[n][1] for n in ("later-fragment", "first-fragment")]),
    "any.pcap": pcap(276, [sll2(0x0800, d, CONNECTION[0]) for d in (0, 4, 3)]),
    "long-record.pcap": pcap(101, []) + struct.pack("<IIII", 1, 1, 0x7FFFFFFF, 0x7FFFFFFF),
    "two-types.pcapng": pcapng(101, CONNECTION[:1]) + block(1, struct.pack("<HHI", 1, 0, 0)),
    "names.pcap": pcap(101, NAMED),
    "hello.pcap": pcap(101, [CONNECTION[0], ipv4(6, tcp(40000, 80, 24, HELLOS["named"]))]),
    "ppp.pcap": pcap(9, [b"\xff\x03\x00\x21" + CONNECTION[0]]),
}


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def nflog(*attributes):
    body = bytes(4) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), 4 << 8, 0, 0, 0) + body


def prefix(text):
    return attribute(10, text + b"\0")


HASH = b"0123456789abcdef"
MESSAGES = {
    "deny": nflog(
        attribute(1, struct.pack("!HBB", 0x0800, 2, 0)),
        prefix(b"bh:DENY:e:" + HASH),
        attribute(4, struct.pack("!I", 3)),
        attribute(5, struct.pack("!I", 3)),
        attribute(6, struct.pack("!I", 11)),
        attribute(3, struct.pack("!QQ", 1795488000, 17)),
        attribute(9, CONNECTION[0]),
    ),
    "arp": nflog(
        attribute(1, struct.pack("!HBB", 0x0806, 0, 0)),
        prefix(b"bh:SPOOF:e:" + HASH),
        attribute(9, struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, b"", A4, b"", B4)),
    ),
    "posture": nflog(prefix(b"bh:POSTUREAUDIT:i:-"), attribute(9, PACKETS["unreachable6"][1])),
    "foreign": nflog(prefix(b"ufw block "), attribute(9, CONNECTION[1])),
}

# what, ends, protocol, flags, ports, where, how long after; see fuzz_flow_table.c
TABLE = {
    "handshake": b"\x01" + bytes.fromhex("11 21 00 02 01 01 16  00 24 00 12 04 02 16"),
    "fragments": b"\x00" + bytes.fromhex("00 21 01 01 01 00 16  00 21 01 03 01 00 16"),
    "two-sides": b"\x01"
    + bytes.fromhex("51 04 00 02 01 01 16  91 04 00 02 01 06 16  00 01 00 12 04 02 20"),
    "super-packets": b"\x01" + bytes.fromhex("11 01 00 02 01 81 10  00 01 f0 10 01 01 10"),
    "echo-and-error": b"\x00" + bytes.fromhex("00 04 02 00 00 00 16  03 01 02 01 00 00 ff"),
}

# what, place in the stream, length, flags, how long after; see fuzz_dns_stream.c
SYN, FIN = (bytes([0, 0, 0, 0, 0, flags, 0]) for flags in (2, 1))
STREAM = {
    "in-turn": SYN + b"".join(struct.pack("!BHHBB", 0, at, 20, 16, 1) for at in range(0, 200, 20)),
    "turned": SYN + b"".join(struct.pack("!BHHBB", 0, at, 90, 16, 1) for at in (90, 0, 270, 180)),
    "again": SYN + b"".join(struct.pack("!BHHBB", 0, at, 70, 16, 1) for at in (0, 0, 50, 30, 100)),
    "gap": SYN + struct.pack("!BHHBB", 0, 500, 90, 16, 9) * 6 + FIN,
    "cut": SYN + struct.pack("!BHHBB", 5, 0, 300, 16, 1) + FIN,
    "long": SYN + b"".join(struct.pack("!BHHBB", 8, at, 60000, 16, 0) for at in (0, 60000)),
}


def main():
    for kind, seeds in (
        ("decode", {name: bytes([link, 0]) + p for name, (link, p) in PACKETS.items()}),
        ("pcap", FILES),
        ("nflog", MESSAGES),
        ("flow_table", TABLE),
        ("dns", DNS),
        ("dns_stream", STREAM),
        ("tls", HELLOS),
    ):
        (CORPUS / kind).mkdir(parents=True, exist_ok=True)
        for name, seed in seeds.items():
            (CORPUS / kind / name).write_bytes(seed)


if __name__ == "__main__":
    main()
