#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What ipfix.sh needs beside collectors: traffic, a collector by TCP that keeps what it is sent, and the
comparison of what collectors say with what bulkhead does.

    ipfix.py serve ADDRESS...            TCP port 80 and UDP port 7: echo
    ipfix.py talk ADDRESS SECONDS        a connection that goes on, UDP and ICMP echoes, a refused connection
    ipfix.py talk-often ADDRESS N        N short connections
    ipfix.py keep PORT FOLDER            stores each connection's bytes as a file
    ipfix.py compare FLOWS KIND FILE     exit 1 where they differ; KIND: nfdump, pmacct, fixbuf, …-one-way
"""
import collections
import datetime
import ipaddress
import json
import re
import socket
import struct
import sys
import threading
import time

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58}


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# --- traffic ---


def echo_connections(server):
    while True:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


def echo_datagrams(server):
    while True:
        data, sender = server.recvfrom(65536)
        server.sendto(data, sender)


def serve(*addresses):
    for address in addresses:
        tcp = socket.create_server((address, 80), family=family(address))
        udp = socket.socket(family(address), socket.SOCK_DGRAM)
        udp.bind((address, 7))
        threading.Thread(target=echo_connections, args=(tcp,), daemon=True).start()
        threading.Thread(target=echo_datagrams, args=(udp,), daemon=True).start()
    threading.Event().wait()


def exchange(connection, size):
    connection.sendall(b"x" * size)
    while size > 0:
        size -= len(connection.recv(65536))


def ping(address):
    six = ":" in address
    proto = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with socket.socket(family(address), socket.SOCK_RAW, proto) as raw:
        body = struct.pack(">HH", 77, 1) + b"bulkhead"
        head = bytes([128 if six else 8, 0])
        words = struct.unpack(f">{(4 + len(body)) // 2}H", head + b"\0\0" + body)
        total = sum(words)
        total = (total & 0xFFFF) + (total >> 16)
        checksum = 0 if six else 0xFFFF - (total & 0xFFFF) - (total >> 16)  # the kernel sums for IPv6
        raw.sendto(head + struct.pack(">H", checksum) + body, (address, 0))
        raw.settimeout(2)
        raw.recv(100)


def talk(address, seconds):
    until = time.monotonic() + float(seconds)
    with socket.create_connection((address, 80), 5) as connection:
        with socket.socket(family(address), socket.SOCK_DGRAM) as udp:
            udp.connect((address, 7))
            udp.settimeout(5)
            while time.monotonic() < until:
                exchange(connection, 40000)
                udp.send(b"hello")
                udp.recv(100)
                time.sleep(0.7)
    ping(address)
    try:
        socket.create_connection((address, 81), 2)
    except ConnectionRefusedError:
        return
    sys.exit("nobody refused")


def talk_often(address, count):
    for _ in range(int(count)):
        with socket.create_connection((address, 80), 5) as connection:
            exchange(connection, 100)


# --- a collector by TCP ---


def keep_one(connection, path):
    with connection, open(path, "wb", 0) as file:
        while data := connection.recv(65536):
            file.write(data)


def keep(port, folder):
    server = socket.create_server(("127.0.0.1", int(port)))
    while True:
        connection, peer = server.accept()
        threading.Thread(target=keep_one, args=(connection, f"{folder}/{peer[1]}.ipfix"), daemon=True).start()


# --- what each of them says ---


class Sum:
    def __init__(self):
        self.counts = [0, 0, 0, 0]  # packets and bytes, there and back
        self.first = self.last = None

    def add(self, counts, first, last):
        self.counts = [a + b for a, b in zip(self.counts, counts)]
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)

    def __repr__(self):
        return f"{self.counts} {self.first}–{self.last}"


def key(proto, src, sport, dst, dport):
    return (proto, str(ipaddress.ip_address(src)), sport, str(ipaddress.ip_address(dst)), dport)


def milliseconds(text):
    """2026-11-30T14:50:52.824, or with a blank and microseconds"""
    time_of = datetime.datetime.fromisoformat(text.replace(" ", "T")).replace(tzinfo=datetime.timezone.utc)
    return round(time_of.timestamp() * 1000)


def bulkhead_flows(path):
    for line in open(path, encoding="utf-8"):
        flow = json.loads(line)
        first, last = (int(re.sub(r"\.(\d{3})\d*", r"\1", text)) for text in
                       re.findall(r'"(?:first|last)":(\d+\.\d+)', line))
        yield (key(PROTOCOLS[flow["proto"]], flow["src"]["ip"], flow["src"]["port"], flow["dst"]["ip"],
                   flow["dst"]["port"]),
               [flow["tx"]["packets"], flow["tx"]["bytes"], flow["rx"]["packets"], flow["rx"]["bytes"]], first, last)


def one_way(flows):
    """Each direction by itself; of ICMP, which has no ports, both have the request's type."""
    for (proto, src, sport, dst, dport), counts, first, last in flows:
        yield (proto, src, sport, dst, dport), counts[:2] + [0, 0], first, last
        if counts[2] > 0:
            ports = (0, dport) if proto in (1, 58) else (dport, sport)
            yield (proto, dst, ports[0], src, ports[1]), counts[2:] + [0, 0], first, last


def nfdump_flows(path):
    for flow in json.load(open(path, encoding="utf-8")):
        six = "src6_addr" in flow
        src, dst = (flow["src6_addr"], flow["dst6_addr"]) if six else (flow["src4_addr"], flow["dst4_addr"])
        port = flow["icmp_type"] * 256 + flow["icmp_code"] if "icmp_type" in flow else flow["dst_port"]
        yield (key(flow["proto"], src, flow.get("src_port", 0), dst, port),
               [flow["in_packets"], flow["in_bytes"], flow.get("out_packets", 0), flow.get("out_bytes", 0)],
               milliseconds(flow["first"]), milliseconds(flow["last"]))


def pmacct_flows(path):
    for line in open(path, encoding="utf-8"):
        flow = json.loads(line)
        icmp = int(flow["icmp4"]) or int(flow["icmp6"])
        yield (key(PROTOCOLS[flow["ip_proto"]], flow["ip_src"], flow["port_src"], flow["ip_dst"],
                   icmp or flow["port_dst"]),
               [flow["packets"], flow["bytes"], int(flow["back_packets"]), int(flow["back_bytes"])],
               milliseconds(flow["timestamp_start"]), milliseconds(flow["timestamp_end"]))


def fixbuf_flows(path):
    """The output of ipfixDump, all of whose records are flows but those that tell of the exporter."""
    for record in re.split(r"^--- .*record.*---$", open(path, encoding="utf-8").read(), flags=re.M):
        fields = dict(re.findall(r"^\t\([\d/]+\)(?: \(S\))? +(\S+) : (?:\(len: \d+\) ?)?(.*)$", record, re.M))
        if "flowId" not in fields:
            continue
        src, dst = (fields.get("sourceIPv4Address") or fields["sourceIPv6Address"],
                    fields.get("destinationIPv4Address") or fields["destinationIPv6Address"])
        icmp = fields.get("icmpTypeCodeIPv4") or fields.get("icmpTypeCodeIPv6")
        yield (key(int(fields["protocolIdentifier"]), src, int(fields.get("sourceTransportPort", 0)), dst,
                   int(icmp or fields.get("destinationTransportPort", 0))),
               [int(fields[name]) for name in ("packetDeltaCount", "octetDeltaCount", "reversePacketDeltaCount",
                                               "reverseOctetDeltaCount")],
               milliseconds(fields["flowStartMilliseconds"]), milliseconds(fields["flowEndMilliseconds"]))


def sums(flows):
    by_key = collections.defaultdict(Sum)
    count = 0
    for flow_key, counts, first, last in flows:
        by_key[flow_key].add(counts, first, last)
        count += 1
    return by_key, count


def compare(flows, kind, path):
    readers = {"nfdump": nfdump_flows, "pmacct": pmacct_flows, "fixbuf": fixbuf_flows}
    reader = readers[kind.removesuffix("-one-way")]
    turn = one_way if kind.endswith("-one-way") else iter
    expected, shown = sums(turn(bulkhead_flows(flows)))
    found, records = sums(reader(path))
    for flow_key in sorted(expected.keys() | found.keys(), key=str):
        ours, theirs = expected.get(flow_key), found.get(flow_key)
        if repr(ours) != repr(theirs):
            print(f"{flow_key}: bulkhead {ours}, {kind} {theirs}")
    same = {k: repr(v) for k, v in expected.items()} == {k: repr(v) for k, v in found.items()}
    print(f"{kind}: {records} records of {shown} flows{'' if same else ' DIFFER'}")
    sys.exit(not same or shown == 0)


if __name__ == "__main__":
    {"serve": serve, "talk": talk, "talk-often": talk_often, "keep": keep, "compare": compare}[sys.argv[1]](*sys.argv[2:])
