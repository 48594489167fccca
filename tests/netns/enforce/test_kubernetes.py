# SPDX-License-Identifier: GPL-2.0-or-later
"""Kubernetes' network policies in the kernel: the cases of tests/kubernetes, each imported, compiled and committed, and
each of its probes sent from namespace to namespace, IPv4 and IPv6. Three namespaces of three pods on a managed bridge,
their host, and somebody outside behind a router. A probe from a pod to itself is not sent: it leaves no pod.

TCP connects, UDP sends a datagram; SCTP sends the chunk that begins an association, by a raw socket, so that it is
judged where the kernel has no SCTP sockets, too. Usage: test_kubernetes.py DRIVER JUDGE BULKHEAD CASES [CASE...]"""
import collections
import glob
import os
import select
import socket
import struct
import subprocess
import sys
import time

from world import SETTLE, Box, Enforcer, World, family_of, missing_here, run

sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[4])))
from check import OUTSIDE, PORTS, lines_of, pods, probes_of  # noqa: E402

PATIENCE = 3  # seconds for what is allowed: a SYN that was lost is sent again after one
SOURCE = 9000  # port of what is sent by UDP and SCTP
TCP_SOURCES = range(10000, 30000)
IPPROTO_SCTP = 132
LINGER = struct.pack("ii", 1, 0)  # to close is to reset: nothing of a case lives on in the next


def crc32c_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        yield byte


CRC32C = tuple(crc32c_table())


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def sctp_init(port, tag):
    """A packet with an INIT chunk (RFC 9260), its initiate tag a number of ours."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, tag, 65536, 1, 1, 1)
    packet = struct.pack("!HHII", SOURCE, port, 0, 0) + chunk
    return packet[:8] + struct.pack("<I", crc32c(packet)) + packet[12:]


class PodWorld(World):
    """Boxes by the names that probes have."""

    def __init__(self, driver, prefix):
        super().__init__(driver, prefix)
        self.by_id = {}
        for number, pod in enumerate(pods(), 1):
            box = Box(self, pod["id"].replace("/", ""), number)
            box.ip, box.ip6 = pod["ips"]
            self.by_id[pod["id"]] = box
        self.pods = list(self.by_id.values())
        self.outside = Box(self, "w", 100)
        self.outside.ip, self.outside.ip6 = OUTSIDE, None
        self.host.ip, self.host.ip6 = "10.0.255.254", "fd00::ffff"
        self.boxes = self.pods + [self.outside]
        self.by_id.update({OUTSIDE: self.outside, "host": self.host})

    def build(self):
        for box in [self.host] + self.boxes:
            run(f"ip netns add {box.netns}")
            box.sh("ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0"
                   " net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=0")
        h = self.host
        h.sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0"
             " net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        h.sh(f"ip link add br0 type bridge mcast_snooping 0; ip link set br0 up;"
             f"ip addr add {h.ip}/16 dev br0; ip addr add {h.ip6}/64 dev br0 nodad")
        for box in self.pods:
            self.plug(box)
            h.sh(f"ip link set {box.port} master br0 up")
            self.address(box, box.ip + "/16", h.ip, box.ip6 + "/64", h.ip6)
        self.plug(self.outside)
        h.sh(f"ip link set {self.outside.port} up; ip addr add 203.0.113.1/24 dev {self.outside.port}")
        self.outside.sh(f"ip link set eth0 up; ip addr add {OUTSIDE}/24 dev eth0;"
                        "ip route add default via 203.0.113.1")

    def settle(self):
        for box in self.pods:
            assert self.outside.ping(box.ip), f"{box.name} is not reached from outside"
            for other in self.pods + [self.host]:
                for address in (other.ip, other.ip6):
                    assert box is other or box.ping(address), f"{box.name} does not reach {address}"


def endpoints_of(w):
    """As --endpoints gives them, in the judge's words."""
    lines = ["bridge br0"]
    for pod in pods():
        box = w.by_id[pod["id"]]
        labels = {"io.kubernetes.pod.namespace": pod["namespace"], "bulkhead.namespace-labels": "known",
                  **{"bulkhead.namespace/" + key: value for key, value in pod["namespace_labels"].items()},
                  **{f"bulkhead.port/{port['name']}/{port['protocol'].lower()}": port["port"] for port in pod["ports"]},
                  **pod["labels"]}
        lines.append(f"endpoint {box.port} bridged enforce {pod['id']} {box.mac} {box.ip} {box.ip6} {box.ll}")
        lines += [f"label {key} {value}" for key, value in labels.items()]
    return "\n".join(lines) + "\n"


class Probe:
    def __init__(self, w, probe, six, number):
        self.src, self.dst = w.by_id[probe["from"]], w.by_id[probe["to"]]
        self.address = self.dst.ip6 if six else self.dst.ip
        self.source = self.src.ip6 if six else self.src.ip
        self.port, self.protocol = probe["port"], probe["protocol"]
        # Of TCP the source port is the number; it comes again only when it is long forgotten.
        self.number = TCP_SOURCES[number % len(TCP_SOURCES)] if self.protocol == "TCP" else number
        self.key = (self.protocol, self.number)
        self.text = f"{probe['from']} → {probe['to']} ({self.address}) {self.port}/{self.protocol}"
        self.is_allowed = probe["expect"] == "allow"


class Wires:
    """The sockets of all boxes that last: what listens, and what sends without a connection."""

    def __init__(self, w):
        self.poll, self.by_fd, self.senders = select.poll(), {}, {}
        for box in [w.host] + w.boxes:
            for address in filter(None, (box.ip, box.ip6)):
                family = family_of(address)
                for port, protocol in PORTS:
                    if protocol == "TCP":
                        self.add(self.bound(box, family, socket.SOCK_STREAM, 0, (address, port)), "TCP")
                    elif protocol == "UDP":
                        self.add(self.bound(box, family, socket.SOCK_DGRAM, 0, (address, port)), "UDP")
                raw = self.bound(box, family, socket.SOCK_RAW, IPPROTO_SCTP, (address, 0))
                self.add(raw, "SCTP")
                self.senders[address, "SCTP"] = raw
                self.senders[address, "UDP"] = self.bound(box, family, socket.SOCK_DGRAM, 0, (address, SOURCE))

    def bound(self, box, family, kind, proto, address):
        s = box.socket(family, kind, proto)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(address)
        s.setblocking(False)
        return s

    def add(self, s, protocol):
        if protocol == "TCP":
            s.listen(256)
        self.by_fd[s.fileno()] = (s, protocol)
        self.poll.register(s, select.POLLIN)

    def send(self, probe):
        if probe.protocol == "SCTP":
            packet = sctp_init(probe.port, probe.number)
        else:
            packet = struct.pack("!I", probe.number)
        port = probe.port if probe.protocol == "UDP" else 0
        try:
            self.senders[probe.source, probe.protocol].sendto(packet, (probe.address, port))
        except OSError:
            pass  # told so at once: the rules of the output hook, or an earlier refusal

    def take(self, seconds, arrived):
        """Adds what arrives, by its protocol and number."""
        for fd, _ in self.poll.poll(seconds * 1000):
            s, protocol = self.by_fd[fd]
            try:
                while True:
                    arrived.add((protocol, self.read(s, protocol)))
            except BlockingIOError:
                pass

    @staticmethod
    def read(s, protocol):
        if protocol == "TCP":
            accepted, peer = s.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            accepted.close()
            return peer[1]
        packet = s.recv(256)
        if protocol == "UDP":
            return struct.unpack("!I", packet[:4])[0]
        packet = packet[20:] if s.family == socket.AF_INET else packet
        return struct.unpack("!I", packet[16:20])[0]


def connect_all(probes):
    """A socket for each, by a port of its own: the kernel's choice could be that of one that was refused before."""
    by_source = collections.defaultdict(list)
    for probe in probes:
        by_source[probe.src].append(probe)
    sockets = []
    for box, own in by_source.items():
        with box.inside():
            new = [socket.socket(family_of(p.address), socket.SOCK_STREAM) for p in own]
        for s, p in zip(new, own):
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((p.source, p.number))
            try:
                s.connect_ex((p.address, p.port))
            except OSError:
                pass
        sockets += new
    return sockets


def compile_case(w, judge, bulkhead, path):
    imported = subprocess.run([bulkhead, "policy", "import", "--kubernetes", path], capture_output=True, text=True)
    assert imported.returncode == 0, imported.stderr
    paths = [os.path.join(w.scratch.name, name) for name in ("endpoints", "policy.yaml", "compiled")]
    for name, text in zip(paths, (endpoints_of(w), imported.stdout)):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    result = subprocess.run([judge, *paths], input="", capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with open(paths[2], encoding="utf-8") as file:
        return file.read()


def packets_of(w, path, first):
    endpoints, packets = list(pods()), []
    for probe in probes_of(endpoints, lines_of(path)):
        if probe["from"] == probe["to"]:
            continue
        for six in (False,) if OUTSIDE in (probe["from"], probe["to"]) else (False, True):
            packets.append(Probe(w, probe, six, first + len(packets)))
    return packets


def send_all(wires, packets):
    """What arrived."""
    arrived = set()
    connections = connect_all([p for p in packets if p.protocol == "TCP"])
    for p in packets:
        if p.protocol != "TCP":
            wires.send(p)
    allowed = {p.key for p in packets if p.is_allowed}
    end = time.monotonic() + PATIENCE
    while not allowed <= arrived and time.monotonic() < end:
        wires.take(0.1, arrived)
    # What was refused may come as late as the last that was not.
    end = time.monotonic() + SETTLE
    while time.monotonic() < end:
        wires.take(0.05, arrived)
    for s in connections:
        s.close()
    return arrived


def try_case(w, wires, packets, name):
    arrived = send_all(wires, packets)
    wrong = [p for p in packets if (p.key in arrived) != p.is_allowed]
    for p in wrong[:5]:
        print(f"{name}: {p.text}: {'stopped' if p.is_allowed else 'arrived'}", flush=True)
    kinds = collections.Counter((p.protocol, p.is_allowed) for p in packets)
    print(f"{name}: {len(packets)} packets, {sum(not p.is_allowed for p in packets)} to be refused, "
          f"{len(wrong)} wrong", flush=True)
    return len(wrong), kinds


def run_all(w, judge, bulkhead, paths):
    wrong, kinds, first = 0, collections.Counter(), 1
    w.filter(True)
    enforcer, wires = Enforcer(w), Wires(w)
    try:
        for path in paths:
            enforcer.apply(compile_case(w, judge, bulkhead, path))
            w.host.sh("conntrack -F")  # or it would be established, from the case before
            packets = packets_of(w, path, first)
            first += len(packets)
            bad, sent = try_case(w, wires, packets, os.path.basename(path)[:-5])
            wrong, kinds = wrong + bad, kinds + sent
    finally:
        enforcer.apply("posture open\n")
        enforcer.end()
        w.filter(False)
    told = ", ".join(f"{protocol} {kinds[protocol, True]} to arrive and {kinds[protocol, False]} to be refused"
                     for protocol in ("TCP", "UDP", "SCTP"))
    print(f"{len(paths)} cases, {sum(kinds.values())} packets: {told}; {wrong} wrong")
    return wrong


def has_sctp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
        return True
    except OSError:
        return False


def main():
    if missing := missing_here():
        print(f"SKIPPED: {missing}")
        return 77
    driver, judge, bulkhead, cases = (os.path.abspath(path) for path in sys.argv[1:5])
    paths = sorted(glob.glob(os.path.join(cases, "*.yaml")))
    assert len(paths) >= 30
    if len(sys.argv) > 5:
        paths = [path for path in paths if os.path.basename(path)[:-5] in sys.argv[5:]]
    if not has_sctp():
        print("NOTE: this kernel has no SCTP sockets: of SCTP what begins an association is sent, by raw sockets, and "
              "no association comes of it")
    world, begun = PodWorld(driver, f"k8s{os.getpid()}"), time.monotonic()
    try:
        world.build()
        world.settle()
        wrong = run_all(world, judge, bulkhead, paths)
        print(f"{time.monotonic() - begun:.0f} s")
        return 1 if wrong else 0
    finally:
        world.destroy()


if __name__ == "__main__":
    sys.exit(main())
