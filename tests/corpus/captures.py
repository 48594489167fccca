# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of every kind of packet that the decoder reads, made byte by byte; the same for the same
seed. make() returns them as {name: (link type, [frame, …])}."""

import random
import socket
import struct

NULL, ETHERNET, RAW, LOOP, SLL, IPV4_ONLY, IPV6_ONLY, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
TCP, UDP, SCTP, UDPLITE, DCCP, ICMP, ICMP6 = 6, 17, 132, 136, 33, 1, 58
GRE, ESP, AH, IPIP, SIT, IGMP = 47, 50, 51, 4, 41, 2
HOP, ROUTING, FRAGMENT, DESTINATION, MOBILITY = 0, 43, 44, 60, 135
SYN, ACK, PSH_ACK, FIN_ACK = 2, 16, 24, 17

rng = random.Random()


def addr(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ipv4(src, dst, proto, payload, ident=0, fragment=0, options=b"", length=None):
    words = 5 + len(options) // 4
    length = words * 4 + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, length, ident, fragment, 64, proto, 0)
    head += addr(src) + addr(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(src, dst, following, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", 6 << 28, length, following, 64) + addr(src) + addr(dst) + payload


def ip(src, dst, proto, payload):
    return (ipv6 if ":" in src else ipv4)(src, dst, proto, payload)


def some_bytes(most=200):
    return rng.randbytes(rng.randint(0, most))


def tcp(sport, dport, flags, payload=b"", seq=1000, options=b""):
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, 1, words << 4, flags, 8192, 0, 0)
    return head + options + payload


def udp(sport, dport, payload=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def udplite(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8, 1) + payload


def sctp(sport, dport):
    return struct.pack("!HHII", sport, dport, 7, 0) + struct.pack("!BBHIIHHI", 1, 0, 20, 7, 9, 1, 1, 1)


def icmp(kind, code, payload=b"", rest=b"\0\0\0\0"):
    return struct.pack("!BBH", kind, code, 0) + rest + payload


def ethernet(payload, kind=None):
    if kind is None:
        kind = 0x0800 if payload[0] >> 4 == 4 else 0x86DD
    return b"\2\0\0\0\0\2\2\0\0\0\0\1" + struct.pack("!H", kind) + payload


def tagged(frame, *tags):
    """tags: (EtherType, VLAN), outermost first."""
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


A, B, C, D = "10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4"
A6, B6 = "fd00:1::1", "fd00:1::2"
OUT_A, OUT_B = "192.0.2.1", "192.0.2.2"
OUT_A6, OUT_B6 = "2001:db8::1", "2001:db8::2"


def conversation(a=A, b=B, sport=40000, dport=80):
    """A connection's packets as IP."""
    steps = [
        (True, SYN, b""), (False, SYN | ACK, b""), (True, ACK, b""), (True, PSH_ACK, some_bytes()),
        (False, PSH_ACK, some_bytes(1400)), (True, FIN_ACK, b""), (False, FIN_ACK, b""), (True, ACK, b""),
    ]  # fmt: skip
    return [
        ip(a, b, TCP, tcp(sport, dport, flags, data))
        if forward
        else ip(b, a, TCP, tcp(dport, sport, flags, data, 9000))
        for forward, flags, data in steps
    ]


def datagrams(a=A, b=B, sport=5000, dport=7777):
    return [ip(a, b, UDP, udp(sport, dport, some_bytes())), ip(b, a, UDP, udp(dport, sport, some_bytes()))]


def both_families():
    return conversation() + datagrams() + conversation(A6, B6) + datagrams(A6, B6)


# --- IP itself ------------------------------------------------------------------------------------


def transports():
    packets = both_families()
    for a, b in ((A, B), (A6, B6)):
        packets += [ip(a, b, SCTP, sctp(1000, 2000)), ip(b, a, SCTP, sctp(2000, 1000))]
        packets += [ip(a, b, UDPLITE, udplite(1, 2, some_bytes())), ip(b, a, UDPLITE, udplite(2, 1, b""))]
        packets += [ip(a, b, ESP, struct.pack("!II", 1, n) + some_bytes()) for n in (1, 2)]
        packets += [ip(a, b, 200, some_bytes())]
    packets += [ipv4(A, "224.0.0.1", IGMP, b"\x11\0\0\0\0\0\0\0", options=b"\x94\4\0\0")]
    return packets


def extension(kind, following):
    """One header of each kind, next header first."""
    if kind == AH:
        return struct.pack("!BBHII", following, 4, 0, 7, 1) + bytes(12)
    if kind == ROUTING:
        return struct.pack("!BBBBI", following, 2, 4, 0, 0) + addr(B6)
    return struct.pack("!BB", following, 0) + b"\1\4\0\0\0\0"


def extension_chain(kinds, proto, payload):
    for kind in reversed(kinds):
        payload = extension(kind, proto) + payload
        proto = kind
    return proto, payload


def extensions():
    chains = [
        [HOP], [DESTINATION], [ROUTING], [AH], [HOP, DESTINATION, ROUTING, AH, DESTINATION],
        [HOP, ROUTING, DESTINATION], [DESTINATION] * 5,
    ]  # fmt: skip
    packets = []
    for i, chain in enumerate(chains):
        for payload, proto in ((udp(100 + i, 200, some_bytes()), UDP), (tcp(100 + i, 200, SYN), TCP)):
            packets.append(ipv6(A6, B6, *extension_chain(chain, proto, payload)))
    packets.append(ipv4(A, B, *extension_chain([AH], UDP, udp(1, 2, some_bytes()))))
    packets.append(ipv6(A6, B6, 59, b""))  # no next header
    return packets


def fragments4(ident, payload, size, src=A, dst=B, proto=UDP):
    pieces = [(at, payload[at : at + size]) for at in range(0, len(payload), size)]
    return [
        ipv4(src, dst, proto, piece, ident, at // 8 | (0x2000 if at + size < len(payload) else 0))
        for at, piece in pieces
    ]


def fragments6(ident, payload, size, chain=(), proto=UDP):
    out = []
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        head = struct.pack("!BBHI", proto, 0, at | more, ident)
        out.append(ipv6(A6, B6, *extension_chain(list(chain) + [], FRAGMENT, head + payload[at : at + size])))
    return out


def fragments():
    packets = []
    for i in range(12):
        payload = udp(6000 + i, 53, rng.randbytes(rng.randint(200, 900)))
        for pieces in (fragments4(i + 1, payload, 104), fragments6(i + 1, payload, 104, [HOP] * (i % 2))):
            rng.shuffle(pieces)  # last first, first last, anything
            packets += pieces
    rng.shuffle(packets)
    echo = icmp(8, 0, rng.randbytes(400))
    packets += fragments4(99, echo, 200, proto=ICMP)
    packets += fragments4(100, tcp(1, 2, ACK, rng.randbytes(300)), 160, proto=TCP)
    return packets


# --- link layers ----------------------------------------------------------------------------------


def vlans():
    stacks = [
        [(0x8100, 5)], [(0x88A8, 7), (0x8100, 5)], [(0x88A8, 7), (0x88A8, 8), (0x8100, 5)],
        [(0x9100, 7), (0x8100, 5)], [(0x8100, 1), (0x8100, 2), (0x8100, 3)],
    ]  # fmt: skip
    packets = [ethernet(p) for p in both_families()]
    return [tagged(p, *stacks[i % len(stacks)]) for i, p in enumerate(packets)]


def labels():
    stack = struct.pack("!II", 16 << 12 | 64, 17 << 12 | 0x140)
    return [ethernet(stack + p, 0x8847) for p in both_families()]


def sessions():
    out = []
    for p in both_families():
        protocol = 0x0021 if p[0] >> 4 == 4 else 0x0057
        out.append(ethernet(struct.pack("!BBHHH", 0x11, 0, 1, len(p) + 2, protocol) + p, 0x8864))
    return out + [ethernet(b"\x11\0\0\1\0\x0a\xc0\x21\x09\1\0\x08\0\0\0\0", 0x8864)]


def snap():
    head = b"\xaa\xaa\3\0\0\0\x08\0"
    return [ethernet(head + p, 8 + len(p)) for p in conversation() + datagrams()]


def not_ip():
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + b"\2\0\0\0\0\1" + addr(A) + bytes(6) + addr(B)
    others = {
        0x0806: arp, 0x88CC: b"\2\7\4" + bytes(6) + bytes(20), 0x888E: b"\2\1\0\0" + bytes(42),
        0x88E5: bytes(46), 0x8809: b"\1\1" + bytes(108), 0x894F: bytes(46), 0x8863: b"\x11\x09" + bytes(44),
    }  # fmt: skip
    frames = [ethernet(body, kind) for kind, body in others.items()]
    frames.append(ethernet(b"\x42\x42\3" + bytes(35), 38))  # spanning tree
    return frames + [ethernet(p) for p in datagrams()]


def sll(p):
    kind = 0x0800 if p[0] >> 4 == 4 else 0x86DD
    return struct.pack("!HHH8sH", 0, 1, 6, b"\2\0\0\0\0\1", kind) + p


def sll2(p, ifindex=7, direction=0):
    kind = 0x0800 if p[0] >> 4 == 4 else 0x86DD
    return struct.pack("!HHIHBB8s", kind, 0, ifindex, 1, direction, 6, b"\2\0\0\0\0\1") + p


def null(p, order="<"):
    return struct.pack(order + "I", 2 if p[0] >> 4 == 4 else 24) + p


# --- tunnels --------------------------------------------------------------------------------------


def carriers():
    """What wraps an inner IP packet, each way of it: (name, function)."""

    def over_udp(port, head, a=OUT_A, b=OUT_B, link=ethernet):
        return lambda p: ip(a, b, UDP, udp(50000, port, head + link(p)))

    def over_gre(head, link):
        return lambda p: ipv4(OUT_A, OUT_B, GRE, head + link(p))

    def kind_of(p):
        return b"\x08\0" if p[0] >> 4 == 4 else b"\x86\xdd"

    return {
        "vxlan": over_udp(4789, b"\x08\0\0\0\0\0\x2a\0"),
        "vxlan-over-ipv6": over_udp(4789, b"\x08\0\0\0\0\0\x2b\0", OUT_A6, OUT_B6),
        "vxlan-tagged": over_udp(4789, b"\x08\0\0\0\0\0\x2c\0", link=lambda p: tagged(ethernet(p), (0x8100, 9))),
        "vxlan-gpe": over_udp(4790, b"\x0c\0\0\3\0\0\x2a\0"),
        "geneve": over_udp(6081, b"\0\0\x65\x58\0\0\7\0"),
        "geneve-options": over_udp(6081, b"\2\0\x65\x58\0\0\x08\0" + b"\1\2\x80\1\0\0\0\0"),
        "geneve-ip": lambda p: ipv4(OUT_A, OUT_B, UDP, udp(50000, 6081, b"\0\0" + kind_of(p) + b"\0\0\x09\0" + p)),
        "gre": lambda p: ipv4(OUT_A, OUT_B, GRE, b"\0\0" + kind_of(p) + p),
        "gre-key": lambda p: ipv6(OUT_A6, OUT_B6, GRE, b"\x20\0" + kind_of(p) + b"\0\0\0\5" + p),
        "gre-all": lambda p: ipv4(OUT_A, OUT_B, GRE, b"\xb0\0" + kind_of(p) + bytes(4) + b"\0\0\0\6\0\0\0\1" + p),
        "gretap": over_gre(b"\0\0\x65\x58", ethernet),
        "erspan-1": over_gre(b"\0\0\x88\xbe", ethernet),
        "erspan-2": over_gre(b"\x10\0\x88\xbe\0\0\0\1\x10\0\0\x09\0\0\0\0", ethernet),
        "erspan-3": over_gre(b"\x10\0\x22\xeb\0\0\0\1\x20\0\0\x0a" + bytes(8), ethernet),
        "gtp": lambda p: ipv4(OUT_A, OUT_B, UDP, udp(2152, 2152, struct.pack("!BBHI", 0x30, 255, len(p), 7) + p)),
        "gtp-numbered": lambda p: ipv4(OUT_A, OUT_B, UDP,
            udp(2152, 2152, struct.pack("!BBHIHBB", 0x32, 255, len(p) + 4, 8, 1, 0, 0) + p)),
        "ipip": lambda p: ip(OUT_A, OUT_B, IPIP if p[0] >> 4 == 4 else SIT, p),
        "ip6": lambda p: ip(OUT_A6, OUT_B6, IPIP if p[0] >> 4 == 4 else SIT, p),
    }  # fmt: skip


def tunnels():
    """Each kind's inner flows are its own, by the tunnel that they name."""
    wraps = carriers()
    packets = [wrap(p) for wrap in wraps.values() for p in both_families()]
    packets += [wraps["vxlan"](wraps["gre"](p)) for p in conversation()]
    packets += [ipv4(OUT_A, OUT_B, UDP, udp(50000, 3544, p)) for p in conversation(A6, B6)]
    return packets


def tunnels_in_fragments():
    """The outer header was cut to fit a smaller wire; what it carries is one packet all the same."""
    wraps = carriers()
    packets = []
    for ident, name in enumerate(("vxlan", "geneve-options", "gre", "gre-all", "gretap", "ipip")):
        inner = ipv4(A, B, UDP, udp(7000 + ident, 9, some_bytes(100) + bytes(400)))
        whole = wraps[name](inner)
        packets += fragments4(ident + 1, whole[20:], 240, OUT_A, OUT_B, whole[9])
    return packets


# --- errors ---------------------------------------------------------------------------------------


def error4(kind, code, cause, source=D, most=28, rest=b"\0\0\0\0"):
    to = socket.inet_ntop(socket.AF_INET, cause[12:16])
    return ipv4(source, to, ICMP, icmp(kind, code, cause[:most], rest))


def error6(kind, code, cause, source="fd00:1::ff", rest=b"\0\0\0\0"):
    to = socket.inet_ntop(socket.AF_INET6, cause[8:24])
    return ipv6(source, to, ICMP6, icmp(kind, code, cause[:1000], rest))


def errors():
    packets = both_families()
    unanswered = ipv4(A, B, UDP, udp(7000, 9, b"x" * 40))
    unanswered6 = ipv6(A6, B6, UDP, udp(7000, 9, b"x" * 40))
    ping, ping6 = icmp(8, 0, b"ping" * 8), icmp(128, 0, b"ping" * 8)
    packets += [unanswered, error4(3, 3, unanswered, B), error4(3, 13, unanswered, D)]
    packets += [unanswered6, error6(1, 4, unanswered6, B6), error6(1, 1, unanswered6)]
    syn = ipv4(A, C, TCP, tcp(40001, 81, SYN))
    packets += [syn, error4(3, 1, syn), syn, error4(3, 1, syn)]
    data, data6 = conversation()[3], conversation(A6, B6)[3]
    packets += [error4(3, 4, data, rest=b"\0\0\5\x14"), error4(11, 0, data), error4(12, 0, data)]
    packets += [error6(2, 0, data6, rest=b"\0\0\5\0"), error6(3, 0, data6)]
    asked, asked6 = ipv4(A, C, ICMP, ping), ipv6(A6, B6, ICMP6, ping6)
    packets += [asked, error4(11, 0, asked), ipv4(C, A, ICMP, icmp(0, 0, b"ping" * 8))]
    packets += [asked6, error6(3, 0, asked6), ipv6(B6, A6, ICMP6, icmp(129, 0, b"ping" * 8))]
    packets += [ipv4(A, B, ICMP, icmp(13, 0, bytes(12))), ipv4(B, A, ICMP, icmp(14, 0, bytes(12)))]
    return packets


def errors_of_tunnels():
    wrap = carriers()["vxlan"]
    inner = ipv4(A, B, UDP, udp(7000, 9, b"x" * 40))
    within = error4(3, 3, inner, B)
    about = error4(3, 4, wrap(inner), "192.0.2.9", most=500)
    return [wrap(inner), wrap(within), about]


# --- offload --------------------------------------------------------------------------------------

SIZE = b"\2\4\5\xb4"  # 1,460 bytes


def super_packets():
    """Two handshakes that name the segment size, and what a card was to cut, or put together."""
    segments = 44 * 1460
    v4 = ipv4(A, B, TCP, tcp(1, 80, ACK, bytes(segments)))
    packets = [ipv4(A, B, TCP, tcp(1, 80, SYN, options=SIZE)), v4]
    packets += [ipv4(A, B, TCP, tcp(1, 80, ACK, bytes(segments)), length=0)]
    packets += [ipv6(A6, B6, TCP, tcp(1, 80, SYN, options=SIZE))]
    packets += [ipv6(A6, B6, TCP, tcp(1, 80, ACK, bytes(10 * 1440)))]
    jumbo = tcp(1, 80, ACK, bytes(100 * 1440))
    option = struct.pack("!BBBBI", TCP, 0, 0xC2, 4, 8 + len(jumbo))
    packets += [ipv6(A6, B6, HOP, option + jumbo, length=0)]
    return packets


def make(seed):
    rng.seed(seed)
    return {
        "transports": (ETHERNET, [ethernet(p) for p in transports()]),
        "extensions": (ETHERNET, [ethernet(p) for p in extensions()]),
        "fragments": (ETHERNET, [ethernet(p) for p in fragments()]),
        "vlans": (ETHERNET, vlans()),
        "mpls": (ETHERNET, labels()),
        "pppoe": (ETHERNET, sessions()),
        "snap": (ETHERNET, snap()),
        "not-ip": (ETHERNET, not_ip()),
        "padded": (ETHERNET, [ethernet(p).ljust(60, b"\0") for p in both_families()]),
        "sll": (SLL, [sll(p) for p in both_families()]),
        "sll2": (SLL2, [sll2(p) for p in both_families()]),
        "raw": (RAW, both_families()),
        "raw-ipv4": (IPV4_ONLY, conversation() + datagrams()),
        "raw-ipv6": (IPV6_ONLY, conversation(A6, B6)),
        "null": (NULL, [null(p) for p in both_families()]),
        "null-swapped": (NULL, [null(p, ">") for p in both_families()]),
        "loop": (LOOP, [null(p, ">") for p in both_families()]),
        "errors": (ETHERNET, [ethernet(p) for p in errors()]),
        "errors-of-tunnels": (ETHERNET, [ethernet(p) for p in errors_of_tunnels()]),
        "super-packets": (ETHERNET, [ethernet(p) for p in super_packets()]),
        "tunnels": (ETHERNET, [ethernet(p) for p in tunnels()]),
        "tunnels-in-fragments": (ETHERNET, [ethernet(p) for p in tunnels_in_fragments()]),
    }


def write(path, linktype, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype))
        for i, frame in enumerate(frames):
            stamp = 1_795_488_000_000_000 + i * 1000
            file.write(struct.pack("<IIII", *divmod(stamp, 1_000_000), len(frame), len(frame)) + frame)
