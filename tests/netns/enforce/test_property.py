# SPDX-License-Identifier: GPL-2.0-or-later
"""Random policies, modes and packets: the kernel does what the evaluator says, end by end and family by
family. Usage: test_property.py DRIVER JUDGE [POLICIES [FIRST-SEED]] [--stateless]

--stateless: what stays on the bridge is judged by the bridge table, without connection tracking, and one of
the bridge's ports leads out."""
import os
import random
import selectors
import socket
import subprocess
import sys
import time

from world import SETTLE, Enforcer, Log, World, missing_here

PORTS = range(5000, 5006)
SENSITIVE = (5001, 5004)
PROBES = 80
MODES = ("learn", "audit", "stage1", "enforce")
WORKLOADS = ("web", "db", "job", "edge")


def random_ports(rng):
    ports = []
    for _ in range(rng.randint(1, 3)):
        first = rng.choice(PORTS)
        last = min(first + rng.choice((0, 0, 0, 1, 3)), PORTS[-1])
        text = str(first) if first == last else f"{first}-{last}"
        ports.append(f"{text}/{rng.choice(('tcp', 'udp'))}")
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
    rules = [random_rule(rng, strict) for _ in range(rng.randint(0, 8))]
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
        self.proto = rng.choice(("tcp", "udp"))
        self.port = rng.choice(PORTS)
        self.source_port = source_port
        self.arrived = False
        self.socket = None

    def address(self, box):
        return box.ip6 if self.six else box.ip

    def line(self, w):
        names = {w.host: "host", w.w: "outside", w.x: "uplink"}
        ends = [f"{names.get(b, b.port)} {self.address(b)}" for b in (self.src, self.dst)]
        return f"{ends[0]} {ends[1]} {self.proto} {self.port} {self.source_port}"

    def send(self):
        self.socket = self.src.socket(socket.AF_INET6 if self.six else socket.AF_INET,
                                      socket.SOCK_STREAM if self.proto == "tcp" else socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((self.address(self.src), self.source_port))
        try:
            if self.proto == "tcp":
                self.socket.connect_ex((self.address(self.dst), self.port))
            else:
                self.socket.sendto(b"probe", (self.address(self.dst), self.port))
        except OSError:
            pass  # told so at once: the rules of the output hook


class Listeners:
    """Every port of every box, both protocols and families; what arrives is known by its source port."""

    def __init__(self, w):
        self.wait = selectors.DefaultSelector()
        self.sockets = []
        for box in (w.a, w.b, w.c, w.r, w.s, w.w, w.x, w.host):
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

    def take(self):
        """The source ports of what has arrived."""
        ports = set()
        while ready := self.wait.select(0):
            for key, _ in ready:
                s = key.fileobj
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
    """The rules, and of each probe (verdict, blocked, audited, reason)."""
    paths = [os.path.join(w.scratch.name, name) for name in ("endpoints", "policy.yaml", "compiled")]
    for path, text in zip(paths, (endpoints, policy)):
        with open(path, "w") as file:
            file.write(text)
    asked = "".join(p.line(w) + "\n" for p in probes)
    result = subprocess.run([program, *paths], input=asked, capture_output=True, text=True)
    assert result.returncode == 0, f"{result.stderr}\n{policy}"
    answers = [line.split(" ", 3) for line in result.stdout.splitlines()]
    with open(paths[2]) as file:
        return file.read(), [(a[0], a[1] == "1", a[2] == "1", a[3]) for a in answers]


def said_of(lines):
    """Source port → the kinds of messages about it."""
    said = {}
    for line in lines:
        prefix, *words = line.split()
        port = int(next(x for x in words if x.startswith("sport="))[6:])
        said.setdefault(port, set()).add(prefix.split(":")[1])
    return said


class Tally(dict):
    def count(self, what):
        self[what] = self.get(what, 0) + 1


def try_policy(w, program, seed, listeners, log, enforcer, tally, next_port, stateless):
    rng = random.Random(seed)
    policy, endpoints = random_policy(rng), endpoints_of(w, rng, stateless)
    probes = [Probe(w, rng, next_port + i) for i in range(PROBES)]
    rules, answers = judge(w, program, endpoints, policy, probes)
    enforcer.apply(rules)
    code, text = enforcer.verify()
    assert code == 0, f"seed {seed}: the change from the policy before left the tables otherwise: {text}"
    for p in probes:
        p.send()
    time.sleep(SETTLE)
    arrived, said = listeners.take(), said_of(log.take())
    w.close_sockets()
    wrong = []
    for p, (verdict, blocked, audited, reason) in zip(probes, answers):
        kinds = said.get(p.source_port, set())
        seen = (p.source_port not in arrived, "DENY" in kinds, "AUDIT" in kinds or blocked)
        tally.count("blocked" if blocked else "audited" if audited else verdict)
        if seen != (blocked, blocked, audited or blocked) or kinds - {"DENY", "AUDIT"}:
            wrong.append(f"{p.line(w)}: {verdict}, blocked {blocked}, audited {audited} ({reason}); "
                         f"the kernel: {'stopped' if seen[0] else 'arrived'}, said {sorted(kinds)}")
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
