# SPDX-License-Identifier: GPL-2.0-or-later
"""Random policies, modes and packets: the kernel does what the evaluator says, end by end and family by
family, and the rule that it names is the one whose counter moves. Usage: test_property.py DRIVER JUDGE [POLICIES [FIRST-SEED]] [--stateless]

--stateless: what stays on the bridge is judged by the bridge table, without connection tracking, and one of
the bridge's ports leads out."""
import ipaddress
import os
import random
import selectors
import socket
import subprocess
import sys
import time

import frames
from world import SETTLE, Enforcer, Log, World, missing_here

PORTS = range(5000, 5006)
SENSITIVE = (5001, 5004)
PROBES = 80
RAW = {"icmp": 1, "icmpv6": 58, "sctp": 132}
MODES = ("learn", "audit", "stage1", "enforce")
WORKLOADS = ("web", "db", "job", "edge")


def random_ports(rng):
    ports = []
    for _ in range(rng.randint(1, 4)):
        first = rng.choice(PORTS)
        last = min(first + rng.choice((0, 0, 0, 1, 3)), PORTS[-1])
        text = str(first) if first == last else f"{first}-{last}"
        proto = rng.choice(("tcp", "tcp", "udp", "udp", "sctp", "icmp"))
        ports += ["icmp/8", "icmpv6/128"] if proto == "icmp" else [f"{text}/{proto}"]
    if rng.random() < 0.1:
        ports.append("any")
    return "[" + ", ".join(sorted(set(ports))) + "]"


GROUPS = {"ours": "[web, db]", "networks": "[192.0.2.0/24, 'fd79::/64']", "all": "[ours, job]"}
OUTSIDE = ("'host'", "'world'", "192.0.2.0/24", "10.0.0.0/8", "0.0.0.0/0", "'fd79::/64'", "'::/0'", "10.77.0.0/24",
           "networks", "{cidr: 0.0.0.0/0, except: [192.0.2.0/25, 10.0.0.0/8]}",
           "{cidr: '::/0', except: ['fd79::/64']}")


def random_defaults(rng):
    def said():
        return ", ".join(f"{side}: {rng.choice(('allow', 'deny'))}" for side in ("egress", "ingress")
                         if rng.random() < 0.5)
    some = [f"{name}: {{{words}}}" for name in WORKLOADS if rng.random() < 0.3 and (words := said())]
    parts = [part for part in (said(), f"workloads: {{{', '.join(some)}}}" if some else "") if part]
    return [f"defaults: {{{', '.join(parts)}}}"] if parts else []


def random_rule(rng, strict):
    """strict: of any rank, at one end or both."""
    ends = [rng.choice(WORKLOADS + ("ours", "all")), rng.choice(WORKLOADS + ("ours", "all") + OUTSIDE)]
    ours, more = ends[1] in WORKLOADS + ("ours", "all"), ""
    first = rng.random() < 0.5
    if strict:
        more += f", action: {rng.choice(('allow', 'deny'))}, tier: {rng.choice(('application', 'platform'))}"
        if rng.random() < 0.3:
            near, far = ("egress", "ingress") if first else ("ingress", "egress")
            more += f", side: {rng.choice((near, far)) if ours else near}"
    if not first:
        ends.reverse()
    return f"  - {{from: {ends[0]}, to: {ends[1]}, ports: {random_ports(rng)}{more}}}"


def random_policy(rng):
    """Half of them only allow, at both ends, as most policies do."""
    strict = rng.random() < 0.5
    lines = ["bulkhead-policy: 1", "workloads:"]
    lines += [f"  {name}: {{app: {name}}}" for name in WORKLOADS]
    lines += ["groups:"] + [f"  {name}: {members}" for name, members in GROUPS.items()]
    lines += random_defaults(rng) if strict else []
    rules = [random_rule(rng, strict) for _ in range(rng.randint(0, 20))]
    return "\n".join(lines + (["rules:"] + rules if rules else ["rules: []"])) + "\n"


def replicas_of(w, rng):
    """Box → its workload, and whether it is in a share of that. Half the time c is a replica of what a is, in a
    share; r may be one, too, in either part."""
    replicas = {box: (name, False) for box, name in zip((w.a, w.b, w.c, w.r, w.s), WORKLOADS + ("-",))}
    if rng.random() < 0.5:
        replicas[w.c] = ("web", True)
        replicas[w.r] = rng.choice((replicas[w.r], ("web", False), ("web", True)))
    return replicas


def endpoints_of(w, rng, stateless):
    """Each box on a veth of ours is one; s is there, and nobody knows whose it is: it only receives,
    since what it sends meets the posture and the search for impostors before any policy."""
    lines = ["stateless"] if stateless else []
    lines += [f"uplink {w.x.port}"] if w.leads_out else []
    lines += ["sensitive " + " ".join(map(str, SENSITIVE)), "bridge br0"]
    modes = {("-", False): "learn"}
    for box, (name, apart) in replicas_of(w, rng).items():
        how = "routed" if box is w.r else "bridged"
        mode = modes.setdefault((name, apart), rng.choice(MODES))
        lines.append(f"endpoint {box.port} {how} {mode} {name} {box.mac} {box.ip} {box.ip6} {box.ll}")
        lines.append(f"label app {name}")
        lines += ["apart"] if apart else []
    return "\n".join(lines) + "\n"


class Probe:
    def __init__(self, w, rng, source_port):
        senders = (w.a, w.b, w.c, w.r, w.w, w.host) + ((w.x,) if w.leads_out else ())
        self.src = rng.choice(senders)
        # Beyond the bridge nobody can tell what is behind its uplink.
        apart = {w.x: (w.r, w.w), w.r: (w.x,), w.w: (w.x,)}.get(self.src, ())
        self.dst = rng.choice([b for b in senders + (w.s,) if b is not self.src and b not in apart])
        self.six = rng.random() < 0.5
        self.proto = rng.choice(("tcp", "tcp", "udp", "udp", "sctp", "icmp"))
        self.port = rng.choice(PORTS)
        if self.proto == "icmp":
            self.proto, self.port = ("icmpv6", 128 << 8) if self.six else ("icmp", 8 << 8)
        self.source_port = source_port

    def address(self, box):
        return box.ip6 if self.six else box.ip

    def line(self, w):
        names = {w.host: "host", w.w: "outside", w.x: "uplink"}
        ends = [f"{names.get(b, b.port)} {self.address(b)}" for b in (self.src, self.dst)]
        return f"{ends[0]} {ends[1]} {self.proto} {self.port} {self.source_port}"

    def send(self):
        raw = self.proto not in ("tcp", "udp")
        kind = socket.SOCK_RAW if raw else socket.SOCK_STREAM if self.proto == "tcp" else socket.SOCK_DGRAM
        s = self.src.socket(socket.AF_INET6 if self.six else socket.AF_INET, kind, RAW.get(self.proto, 0))
        s.setblocking(False)
        s.bind((self.address(self.src), 0 if raw else self.source_port))
        far = (self.address(self.dst), 0 if raw else self.port)
        try:
            if self.proto == "tcp":
                s.connect_ex(far)
            else:
                s.sendto(self.payload(), far)
        except OSError:
            pass  # told so at once: the rules of the output hook

    def payload(self):
        if self.proto == "udp":
            return b"probe"
        return (frames.sctp_init(self.source_port, self.port) if self.proto == "sctp"
                else frames.echo_request(self.source_port, self.six))


def ident_of(family, proto, packet):
    """What a packet that a raw socket was given is known by: SCTP's source port, an ICMP question's identifier."""
    if family == socket.AF_INET:
        packet = packet[(packet[0] & 15) * 4:]
    if proto == RAW["sctp"]:
        return int.from_bytes(packet[:2], "big")
    return int.from_bytes(packet[4:6], "big") if packet[0] in (8, 128) else None


class Listeners:
    """Every port of every box, all protocols and both families; what arrives is known by its source port."""

    def __init__(self, w):
        self.wait = selectors.DefaultSelector()
        self.sockets = []
        self.raw = {}
        for box in (w.a, w.b, w.c, w.r, w.s, w.w, w.x, w.host):
            self.listen_raw(box)
            for port in PORTS:
                for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                    self.open(box, family, address, port)

    def open(self, box, family, address, port):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with box.inside():
                s = socket.socket(family, kind)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port))
            s.setblocking(False)
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            self.sockets.append(s)
            self.wait.register(s, selectors.EVENT_READ)

    def listen_raw(self, box):
        for family, proto in ((socket.AF_INET, "icmp"), (socket.AF_INET6, "icmpv6"), (socket.AF_INET, "sctp"),
                              (socket.AF_INET6, "sctp")):
            with box.inside():
                s = socket.socket(family, socket.SOCK_RAW, RAW[proto])
            s.setblocking(False)
            self.raw[s] = (family, RAW[proto])
            self.sockets.append(s)
            self.wait.register(s, selectors.EVENT_READ)

    def take(self):
        """The source ports of what has arrived."""
        ports = set()
        while ready := self.wait.select(0):
            for key, _ in ready:
                s = key.fileobj
                if s in self.raw:
                    ports.add(ident_of(*self.raw[s], s.recv(256)))
                    continue
                if s.type == socket.SOCK_STREAM:
                    accepted, peer = s.accept()
                    accepted.close()
                else:
                    _, peer = s.recvfrom(16)
                ports.add(peer[1])
        return ports

    def close(self):
        for s in self.sockets:
            s.close()


def judge(w, program, endpoints, policy, probes):
    """The rules, and of each probe (verdict, blocked, audited, rule, reason)."""
    paths = [os.path.join(w.scratch.name, name) for name in ("endpoints", "policy.yaml", "compiled")]
    for path, text in zip(paths, (endpoints, policy)):
        with open(path, "w") as file:
            file.write(text)
    asked = "".join(p.line(w) + "\n" for p in probes)
    result = subprocess.run([program, *paths], input=asked, capture_output=True, text=True)
    assert result.returncode == 0, f"{result.stderr}\n{policy}"
    answers = [line.split(" ", 4) for line in result.stdout.splitlines()]
    with open(paths[2]) as file:
        return file.read(), [(a[0], a[1] == "1", a[2] == "1", int(a[3]), a[4]) for a in answers]


def said_of(lines):
    """Source port → the kinds of messages about it."""
    said = {}
    for line in lines:
        prefix, *words = line.split()
        port = int(next(x for x in words if x.startswith("sport="))[6:])
        said.setdefault(port, set()).add(prefix.split(":")[1])
    return said


class Book:
    """The compiled rules, to find again by which of the policy's an element is there."""
    RANKS = ("permit", "deny", "platform-permit", "platform-deny")
    KINDS = {"peer": 1, "net": 1, "outside": 2, "host": 3, "world": 4}  # as elements say it
    ANY = 255
    PROTOCOLS = {"any": ANY, "tcp": 6, "udp": 17, **RAW}

    def __init__(self, rules):
        self.chain_of, self.permits = {}, {}
        for words in map(str.split, rules.splitlines()):
            if words[0] == "bind":
                self.chain_of[words[2]] = words[3]
            elif words[0] == "chain":
                here = self.permits.setdefault((words[1], words[2]), [])
            elif words[0] in self.RANKS:
                here.append(self.permit(words))

    def permit(self, words):
        rank, kind, proto, ports, *prefix, _, rule = words
        first, last = map(int, ports.split("-"))
        net = ipaddress.ip_network(prefix[0]) if prefix else None
        return (self.RANKS.index(rank), self.KINDS[kind], self.PROTOCOLS[proto], first, last, net, int(rule))

    def rules_of(self, element):
        """What put it there; elements of prefixes are parts of them."""
        workload, side, rank, kind, proto, first, last, low, _ = element
        for r, k, p, begin, end, net, rule in self.permits.get((workload, side), ()):
            alike = (first, last) == (0, 0) if p == self.ANY else p == proto and begin <= last and first <= end
            if (r, k) == (rank, kind) and alike and (low == "-" or ipaddress.ip_address(low) in net):
                yield rule

    def is_about(self, element, p):
        """Whether the probe may have moved it: at one of its ends, or, of a datagram, the other way round."""
        src, dst, number = p.address(p.src), p.address(p.dst), self.PROTOCOLS[p.proto]
        port = p.port >> 8 if p.proto in ("icmp", "icmpv6") else p.port
        ends = [(src, "egress", dst, port), (dst, "ingress", src, port)]
        if p.proto == "udp":
            ends += [(src, "ingress", dst, p.source_port), (dst, "egress", src, p.source_port)]
        workload, side, _, _, proto, first, last, low, high = element
        return any(
            self.chain_of.get(here) == workload and side == which and proto in (self.ANY, number)
            and (first <= at <= last or (first, last) == (0, 0)) and is_between(low, there, high)
            for here, which, there, at in ends)

    def standing_of(self, p, rule, moved):
        """Of the rule that is named for the probe. Where several of one rank say the same, one of them counts."""
        about = [e for e in moved if self.is_about(e, p)]
        if any(rule in self.rules_of(e) for e in about):
            return "named"
        ranks = {permit[0] for permits in self.permits.values() for permit in permits if permit[-1] == rule}
        return "another says the same" if any(e[2] in ranks for e in about) else None


def is_between(low, address, high):
    if low == "-":
        return True
    low, address, high = map(ipaddress.ip_address, (low, address, high))
    return low.version == address.version and low <= address <= high


class Tally(dict):
    def count(self, what):
        self[what] = self.get(what, 0) + 1


def try_policy(w, program, seed, listeners, log, enforcer, tally, next_port, stateless):
    rng = random.Random(seed)
    policy, endpoints = random_policy(rng), endpoints_of(w, rng, stateless)
    probes = [Probe(w, rng, next_port + i) for i in range(PROBES)]
    rules, answers = judge(w, program, endpoints, policy, probes)
    enforcer.apply(rules)
    book, before = Book(rules), enforcer.counted()
    code, text = enforcer.verify()
    assert code == 0, f"seed {seed}: the change from the policy before left the tables otherwise: {text}"
    for p in probes:
        p.send()
    time.sleep(SETTLE)
    arrived, said = listeners.take(), said_of(log.take())
    moved = [e for e, packets in enforcer.counted().items() if packets > before.get(e, 0)]
    w.close_sockets()
    wrong = []
    for p, (verdict, blocked, audited, rule, reason) in zip(probes, answers):
        kinds = said.get(p.source_port, set())
        seen = (p.source_port not in arrived, "DENY" in kinds, "AUDIT" in kinds or blocked)
        tally.count("blocked" if blocked else "audited" if audited else verdict)
        tally.count(f"{p.proto} {'stopped' if blocked else 'arrived'}")
        if seen != (blocked, blocked, audited or blocked) or kinds - {"DENY", "AUDIT"}:
            wrong.append(f"{p.line(w)}: {verdict}, blocked {blocked}, audited {audited} ({reason}); "
                         f"the kernel: {'stopped' if seen[0] else 'arrived'}, said {sorted(kinds)}")
        # Where everybody learns there are no rules.
        standing = book.standing_of(p, rule, moved) if rule >= 0 and book.permits else "by default"
        if standing is None:
            wrong.append(f"{p.line(w)}: {verdict} ({reason}), and no counter of rule {rule + 1} moved")
        tally.count(standing)
    if wrong:
        print(f"seed {seed}\n{endpoints}{policy}" + "\n".join(wrong), flush=True)
    return len(wrong)


def run_all(w, program, policies, first, stateless):
    w.filter(not stateless)
    w.lead_out(stateless)
    enforcer, log, listeners, tally = Enforcer(w), Log(w), Listeners(w), Tally()
    wrong = 0
    try:
        for i in range(policies):
            next_port = 10000 + i * PROBES % 22000
            wrong += try_policy(w, program, first + i, listeners, log, enforcer, tally, next_port, stateless)
            w.host.sh("conntrack -F")
    finally:
        listeners.close()
        log.end()
        enforcer.apply("posture open\n")
        enforcer.end()
        w.filter(False)
    print(f"{policies} policies, {policies * PROBES} packets: {tally}; {wrong} wrong")
    # One that met one outcome only would have tested nothing.
    few = [what for what in ("allow", "blocked", "audited") if tally.get(what, 0) < policies * PROBES // 20]
    few += ["named"] if tally.get("named", 0) < policies else []
    few += [what for proto in ("tcp", "udp", "sctp", "icmp", "icmpv6") for end in ("arrived", "stopped")
            if tally.get(what := f"{proto} {end}", 0) < policies]
    assert not few, f"hardly any: {few}"
    return wrong


def main():
    if missing := missing_here():
        print(f"SKIPPED: {missing}")
        return 77
    words = [word for word in sys.argv[1:] if word != "--stateless"]
    stateless = len(words) < len(sys.argv) - 1
    policies = int(words[2]) if len(words) > 2 else 40
    first = int(words[3]) if len(words) > 3 else 1
    world = World(os.path.abspath(words[0]), f"prop{os.getpid()}")
    try:
        world.build()
        world.settle()
        for box in (world.r, world.w):
            assert box.ping(world.a.ip) and box.ping(world.a.ip6), f"{box.name} does not reach a"
        return 1 if run_all(world, os.path.abspath(words[1]), policies, first, stateless) else 0
    finally:
        world.destroy()


if __name__ == "__main__":
    sys.exit(main())
