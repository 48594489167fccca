# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames as an intruder would write them."""
import socket
import struct

from world import mac_bytes

BROADCAST = "ff:ff:ff:ff:ff:ff"


def ether(dst, src, ethertype, payload):
    return mac_bytes(dst) + mac_bytes(src) + struct.pack("!H", ethertype) + payload


def tagged(frame, vid, tpid=0x8100):
    return frame[:12] + struct.pack("!HH", tpid, vid) + frame[12:]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def crc32c(data):
    """SCTP's (RFC 9260, appendix A)."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sctp_init(sport, dport):
    head = struct.pack("!HHI", sport, dport, 0)
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 7)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def echo_request(ident, six):
    """The kernel fills in ICMPv6's checksum."""
    body = struct.pack("!BBHHH", 128 if six else 8, 0, 0, ident, 1)
    return body if six else body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def ipv4(src, dst, proto, payload, ttl=64):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, ttl, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo(src, dst, proto, length):
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    ends = socket.inet_pton(family, src) + socket.inet_pton(family, dst)
    if family == socket.AF_INET6:
        return ends + struct.pack("!IxxxB", length, proto)
    return ends + struct.pack("!xBH", proto, length)


def udp(src, dst, sport, dport, data):
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    sum_ = checksum(pseudo(src, dst, 17, 8 + len(data)) + head + data)
    return head[:6] + struct.pack("!H", sum_ or 0xffff) + data


def tcp(src, dst, sport, dport, flags, seq=1000, ack=0):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0)
    sum_ = checksum(pseudo(src, dst, 6, 20) + head)
    return head[:16] + struct.pack("!H", sum_) + head[18:]


def ipv6(src, dst, proto, payload, hops=255):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), proto, hops,
                       socket.inet_pton(socket.AF_INET6, src),
                       socket.inet_pton(socket.AF_INET6, dst)) + payload


def icmpv6(src, dst, body):
    sum_ = checksum(pseudo(src, dst, 58, len(body)) + body)
    return body[:2] + struct.pack("!H", sum_) + body[4:]


def discovery(kind, target, option=b"", flags=0):
    return (struct.pack("!BBHI", kind, 0, 0, flags)
            + socket.inet_pton(socket.AF_INET6, target) + option)


def lladdr(kind, mac):
    return struct.pack("!BB", kind, 1) + mac_bytes(mac)


def advert(src, dst, target, mac, before=b""):
    """An unsolicited advertisement that overrides what the receiver knows."""
    return ipv6(src, dst, 58, icmpv6(src, dst, discovery(136, target, before + lladdr(2, mac),
                                                  0x20000000)))


def arp(op, mac, ip, to_mac, to_ip):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, op, mac_bytes(mac), socket.inet_aton(ip),
                       mac_bytes(to_mac), socket.inet_aton(to_ip))
