# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules against real packets on a real kernel. Usage: test_enforce.py DRIVER [--stateless] [NAME…]

--stateless: what stays on the bridge is judged by the bridge table, without connection tracking. There nothing
answers a refusal: what is refused is silent."""
import contextlib
import difflib
import os
import re
import socket
import subprocess
import sys
import threading
import time
import traceback

import frames
from frames import BROADCAST, advert, arp, discovery, ether, icmpv6, ipv4, ipv6, lladdr, tagged, tcp, udp
from world import SETTLE, Enforcer, Log, World, missing_here, run

SYN, RST, ACK = 0x02, 0x04, 0x10


def chains(workload, egress=(), ingress=(), mode="enforce", deny="reject", ingress_mode=None):
    lines = [f"chain {workload} egress {mode} {deny}"]
    lines += [f"permit {p}" for p in egress]
    lines += [f"chain {workload} ingress {ingress_mode or mode} {deny}"]
    lines += [f"permit {p}" for p in ingress]
    return lines


def bindings(box, workload, l3="br0"):
    return [f"bind {l3} {address} {workload}" for address in (box.ip, box.ip6, box.ll)]


def port(box, workload, mode="enforce", how="bridged"):
    return [f"port {box.port} {how} {mode} {workload} {box.mac} {box.ip} {box.ip6} {box.ll}"]


def everywhere(box, permit):
    """The same permission for each of the box's addresses."""
    return [f"peer {permit} {address}" for address in (box.ip, box.ip6, box.ll)]


def shop(w, mode="enforce", egress=None, ingress=None, posture="open", more=(), deny="reject"):
    """a is web, b is db; web may open 5000/tcp of db unless told otherwise."""
    if egress is None:
        egress = everywhere(w.b, "tcp 5000")
    if ingress is None:
        ingress = everywhere(w.a, "tcp 5000")
    lines = [f"posture {posture}", "bridge br0"]
    lines += chains("web", egress=egress, mode=mode, deny=deny)
    lines += chains("db", ingress=ingress, mode=mode, deny=deny)
    lines += bindings(w.a, "web") + bindings(w.b, "db")
    lines += port(w.a, "web", mode) + port(w.b, "db", mode)
    return "\n".join(lines + list(more)) + "\n"


def job(w, mode="learn"):
    """c is a workload of its own."""
    return chains("job", mode=mode) + bindings(w.c, "job") + port(w.c, "job", mode)


HASH = {}


def workload_hash(w, name):
    if name not in HASH:
        text = run(f"{w.driver} text {w.write_rules('bridge br0' + chr(10) + chr(10).join(chains(name)))}")
        HASH[name] = re.search(r"chain e_([0-9a-f]{16})", text).group(1)
    return HASH[name]


def prefix(w, kind, side, workload):
    return f"bh:{kind}:{side}:" + (workload_hash(w, workload) if workload else "-")


SILENT = set()  # what stands for "refused" where nothing answers


def expect(what, got, wanted):
    if got == wanted or (wanted == "refused" and got in SILENT):
        return
    if isinstance(got, str) and len(got) > 200:
        lines = difflib.unified_diff(wanted.splitlines(), got.splitlines(), "expected", "got", n=1)
        raise AssertionError("\n".join([what, *lines]))
    raise AssertionError(f"{what}: got {got!r}, expected {wanted!r}")


def expect_in(what, item, items):
    assert item in items, f"{what}: {item!r} is not among {sorted(items)}"


class Test:
    """One enforcing process, the bridge flags on; gone afterwards."""

    def __init__(self, w, rules=None, plain=False, filtered=True):
        self.w, self.filtered = w, filtered
        self.enforcer = Enforcer(w, plain)
        if rules is not None:
            self.enforcer.apply(rules)
        w.filter(filtered and not w.stateless)
        self.log = Log(w)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.end()
        self.w.filter(False)
        self.enforcer.end()
        expect("removal", run(f"nsenter --net=/run/netns/{self.w.host.netns} {self.w.driver} remove"
                              ).split()[0], "0")
        self.w.close_sockets()  # no rule keeps them from ending
        self.w.host.sh("conntrack -F && ip neigh flush all")


def nft(w, command, check=True):
    return subprocess.run(["nsenter", f"--net=/run/netns/{w.host.netns}", "nft"] + command.split(),
                          capture_output=True, text=True, check=check).stdout


# --- who may talk to whom -------------------------------------------------------------------------

def test_allowed_passes_and_denied_is_refused(w):
    with Test(w, shop(w)) as t:
        listeners = [w.b.listen(5000), w.b.listen(5001)]
        for address in (w.b.ip, w.b.ip6, w.b.ll):
            assert w.a.reaches(address, 5000), f"{address} 5000 is allowed"
        expect("log", t.log.take(), [])
        for address in (w.b.ip, w.b.ip6, w.b.ll):
            expect(f"{address} 5001", w.a.connect(address, 5001), "refused")
            expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
        del listeners


def test_receiver_refuses_where_sender_is_not_bound_by_rules(w):
    with Test(w, shop(w, more=job(w))) as t:
        listener = w.b.listen(5000)
        for address in (w.b.ip, w.b.ip6, w.b.ll):
            expect(f"{address} 5000", w.c.connect(address, 5000), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
        assert w.a.reaches(w.b.ip, 5000)
        del listener


def test_both_sides_judge(w):
    # web may send, but db does not take it: the chain that allowed must hand on to the other side.
    with Test(w, shop(w, egress=[f"peer tcp 5000 {w.b.ip}", f"peer tcp 5001 {w.b.ip}"])) as t:
        listeners = [w.b.listen(5000), w.b.listen(5001)]
        assert w.a.reaches(w.b.ip, 5000)
        expect("5001", w.a.connect(w.b.ip, 5001), "refused")
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
        del listeners


def test_drop_is_silent(w):
    with Test(w, shop(w, deny="drop")):
        listener = w.b.listen(5001)
        expect("5001", w.a.connect(w.b.ip, 5001), "silent")
        expect("5001", w.a.connect(w.b.ip6, 5001), "silent")
        del listener


def test_audit_passes_and_logs(w):
    with Test(w, shop(w, mode="audit")) as t:
        listener = w.b.listen(5001)
        for address in (w.b.ip, w.b.ip6):
            assert w.a.reaches(address, 5001)
            expect("log", t.log.prefixes(),
                   {prefix(w, "AUDIT", "e", "web"), prefix(w, "AUDIT", "i", "db")})
        del listener


def stage1(w, more=(), egress=(), ingress=()):
    """a is web, b is db, in stage 1; nothing is allowed unless told otherwise; 5001 is sensitive."""
    return shop(w, mode="stage1", egress=egress, ingress=ingress, more=["sensitive 22 5001", *more])


def test_stage_1_refuses_sensitive_ports(w):
    with Test(w, stage1(w, egress=everywhere(w.b, "tcp 22"), ingress=everywhere(w.a, "tcp 22"))) as t:
        listeners = [w.b.listen(5000), w.b.listen(5001), w.b.listen(22)]
        for address in (w.b.ip, w.b.ip6, w.b.ll):
            assert w.a.reaches(address, 5000), f"{address} 5000 is not urgent"
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web"), prefix(w, "AUDIT", "i", "db")})
            expect(f"{address} 5001", w.a.connect(address, 5001), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            # A permission comes first.
            assert w.a.reaches(address, 22)
            expect("log", t.log.take(), [])
        for address, any_address in ((w.b.ip, "0.0.0.0"), (w.b.ip6, "::")):
            for number, kind in ((5000, "AUDIT"), (5001, "DENY")):
                server, client = w.b.udp(number, any_address), w.a.udp(0, any_address)
                client.sendto(b"?", (address, number))
                expect_in("log", prefix(w, kind, "e", "web"), t.log.prefixes())
                server.settimeout(0)
                expect(f"UDP {number}", len(read_all(server)), int(kind == "AUDIT"))
            # Protocols without ports are never sensitive.
            assert w.a.ping(address)
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web"), prefix(w, "AUDIT", "i", "db")})
        del listeners


def test_stage_1_of_the_receiver_alone(w):
    with Test(w, stage1(w, more=job(w))) as t:
        listeners = [w.b.listen(5000), w.b.listen(5001)]
        for address in (w.b.ip, w.b.ip6):
            assert w.c.reaches(address, 5000)
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "i", "db")})
            expect(f"{address} 5001", w.c.connect(address, 5001), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
        del listeners


def test_stage_1_refuses_the_outside(w):
    with Test(w, stage1(w, egress=["world tcp 443"], ingress=["world tcp 8080"], more=routed(w, "stage1"))) as t:
        metadata(w)
        listeners = [w.w.listen(p) for p in (80, 443)] + [w.b.listen(p) for p in (8080, 8081)]
        listeners += [w.r.listen(8081)]
        for far, near, beyond in ((w.w.ip, w.b.ip, w.r.ip), (w.w.ip6, w.b.ip6, w.r.ip6)):
            assert w.a.reaches(far, 443)
            assert w.w.reaches(near, 8080)
            expect("log", t.log.take(), [])
            expect(f"{far} 80", w.a.connect(far, 80), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            assert not w.a.ping(far)
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            expect(f"{near} 8081", w.w.connect(near, 8081), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
            # Another network of this host's containers is not outside.
            assert w.a.reaches(beyond, 8081)
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web"), prefix(w, "AUDIT", "i", "edge")})
        for address in ("169.254.169.254", "fd00:ec2::254"):
            expect(f"metadata, {address}", w.a.connect(address, 80), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        metadata(w, "del")
        del listeners


def metadata(w, verb="add"):
    """The metadata service's addresses, beyond the uplink."""
    for address, via, six in (("169.254.169.254/32", w.w.ip, ""), ("fd00:ec2::254/128", w.w.ip6, "-6")):
        w.w.sh(f"ip addr {verb} {address} dev eth0" + (" nodad" if six and verb == "add" else ""))
        w.host.sh(f"ip {six} route {verb} {address} via {via}")


def test_stage_1_and_this_host(w):
    with Test(w, stage1(w)) as t:
        listeners = [w.host.listen(5000), w.host.listen(5001), w.b.listen(5000), w.b.listen(5001)]
        for host, db in ((w.host.ip, w.b.ip), (w.host.ip6, w.b.ip6)):
            assert w.a.reaches(host, 5000)
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web")})
            expect(f"{host} 5001", w.a.connect(host, 5001), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            assert w.host.reaches(db, 5000)
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "i", "db")})
            assert not w.host.reaches(db, 5001)
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
        # The metadata service may be intercepted here.
        w.host.sh("ip addr add 169.254.169.254/32 dev lo; ip addr add fd00:ec2::254/128 dev lo nodad")
        for address in ("169.254.169.254", "fd00:ec2::254"):
            expect(f"metadata, {address}", w.a.connect(address, 5000), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        w.host.sh("ip addr del 169.254.169.254/32 dev lo; ip addr del fd00:ec2::254/128 dev lo")
        del listeners


def test_the_metadata_service_on_this_host(w):
    """Whoever may open everything of this host may not open that; who may open that alone does."""
    addresses = {"169.254.169.254": "net tcp 5000-5000 169.254.169.254/32",
                 "fd00:ec2::254": "net tcp 5000-5000 fd00:ec2::254/128"}
    w.host.sh("ip addr add 169.254.169.254/32 dev lo; ip addr add fd00:ec2::254/128 dev lo nodad")
    everything = ["host any 0", "world any 0"]
    for egress, answers in ((everything, False), (list(addresses.values()), True),
                            (everything + [f"deny {p}" for p in addresses.values()], False)):
        with Test(w, shop(w, egress=egress).replace("permit deny ", "deny ")) as t:
            listeners = [w.host.listen(5000), w.host.listen(5001)]
            for address in addresses:
                expect(f"{address} with {egress}", w.a.reaches(address, 5000), answers)
                expect("log", t.log.prefixes(), set() if answers else {prefix(w, "DENY", "e", "web")})
                expect(f"{address}, another port", w.a.connect(address, 5001), "refused")
                t.log.take()
            for address in (w.host.ip, w.host.ip6):
                expect(f"{address} with {egress}", w.a.reaches(address, 5000), not answers)
                t.log.take()
            del listeners
    w.host.sh("ip addr del 169.254.169.254/32 dev lo; ip addr del fd00:ec2::254/128 dev lo")


def test_stage_1_takes_a_group_for_its_port(w):
    """What is sent to many is not outside, though in the input hook no interface leads on."""
    with Test(w, stage1(w)) as t:
        server, host = w.b.udp(5000), w.host.udp(5000)
        for s, address in ((server, w.b.ip), (host, w.host.ip)):
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         socket.inet_aton("224.0.0.251") + socket.inet_aton(address))
        t.log.take()
        for target in ("224.0.0.251", "10.77.0.255"):
            w.a.udp().sendto(b"mdns", (target, 5000))
            expect(f"{target}, neighbour", server.recv(10), b"mdns")
            expect(f"{target}, host", host.recv(10), b"mdns")
            expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web")})
            w.a.udp().sendto(b"mdns", (target, 5001))
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        six = w.host.udp(5000, "::")
        with w.host.inside():
            index = socket.if_nametoindex("br0")
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                       socket.inet_pton(socket.AF_INET6, "ff02::fb") + index.to_bytes(4, sys.byteorder))
        t.log.take()
        w.a.udp(0, "::").sendto(b"mdns", w.a.endpoint("ff02::fb", 5000))
        expect("ff02::fb, host", six.recv(10), b"mdns")
        expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web")})


def test_stage_1_ends_urgent_connections_in_either_direction(w):
    """What was open before anybody watched: of a segment that opens nothing either port tells."""
    for address in (w.b.ip, w.b.ip6):
        plain, client_first, server_first = (open_connection(w.a, w.b, address, port)
                                             for port in (5000, 5001, 5001))
        for pair in (plain, client_first, server_first):
            exchange(*pair)
        time.sleep(SETTLE)
        with Test(w, stage1(w)) as t:
            exchange(*plain)
            # Where nothing is tracked a connection is reported when it is opened.
            expect("log", t.log.prefixes(), set() if w.stateless else
                   {prefix(w, "AUDIT", "e", "web"), prefix(w, "AUDIT", "i", "db")})
            client_first[0].send(b"more")
            expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
            server_first[1].send(b"more")
            expect_in("log", prefix(w, "DENY", "e", "db"), t.log.prefixes())


def test_stage_1_drops_spoofs(w):
    with Test(w, stage1(w)) as t:
        sender, sniffer = w.a.raw(), w.b.raw()
        frame = ether(w.b.mac, w.a.mac, 0x0800, ipv4(w.c.ip, w.b.ip, 17, udp(w.c.ip, w.b.ip, 9, 5000, b"spoofed")))
        sender.send(frame)
        expect("log", t.log.prefixes(), {prefix(w, "SPOOF", "e", "web")})
        expect("arrived", frame in read_all(sniffer), False)


def test_learn_logs_nothing(w):
    with Test(w, shop(w, mode="learn")) as t:
        listener = w.b.listen(5001)
        assert w.a.reaches(w.b.ip, 5001)
        expect("log", t.log.take(), [])
        del listener


def test_icmp_by_type(w):
    rules = shop(w, egress=[f"peer icmp 8 {w.b.ip}", f"peer icmpv6 128 {w.b.ip6}"],
                 ingress=[f"peer icmp 8 {w.a.ip}", f"peer icmpv6 128 {w.a.ip6}"])
    with Test(w, rules):
        assert w.a.ping(w.b.ip) and w.a.ping(w.b.ip6)
        assert not w.b.ping(w.a.ip) and not w.b.ping(w.a.ip6) and not w.a.ping(w.b.ll)


def test_udp_is_answered(w):
    rules = shop(w, egress=everywhere(w.b, "udp 53"), ingress=everywhere(w.a, "udp 53"))
    with Test(w, rules) as t:
        server, client = w.b.udp(53), w.a.udp()
        client.sendto(b"?", (w.b.ip, 53))
        data, back = server.recvfrom(10)
        server.sendto(b"!", back)
        expect("answer", client.recv(10), b"!")
        other = w.b.udp(54)
        client.sendto(b"?", (w.b.ip, 54))
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        del data, other


def test_networks_and_port_ranges(w):
    rules = shop(w, egress=["net tcp 6000-6010 10.77.0.0/24", "net tcp 6005-6020 10.77.0.2/32",
                            "net tcp 6000 fd77::/64"],
                 ingress=["net tcp 1-65535 0.0.0.0/0", "net tcp 1-65535 ::/0"])
    with Test(w, rules):
        listeners = [w.b.listen(p) for p in (6000, 6007, 6015, 6021)]
        expect("IPv4", [w.a.reaches(w.b.ip, p) for p in (6000, 6007, 6015, 6021)],
               [True, True, True, False])
        expect("IPv6", [w.a.reaches(w.b.ip6, p) for p in (6000, 6007)], [True, False])
        del listeners


def test_protocol_without_ports(w):
    rules = shop(w, egress=[f"peer gre 0 {w.b.ip}"], ingress=[f"peer gre 0 {w.a.ip}"])
    with Test(w, rules) as t:
        sender, sniffer = w.a.raw(), w.b.raw()
        for proto in (47, 50):
            sender.send(ether(w.b.mac, w.a.mac, 0x0800, ipv4(w.a.ip, w.b.ip, proto, b"x" * 16)))
        time.sleep(SETTLE)
        expect("protocols", {f[23] for f in packets_from(w.a, sniffer)}, {47})
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})


def packets_from(box, sniffer):
    """The IPv4 frames that arrived from the box."""
    return [f for f in read_all(sniffer)
            if f[6:12] == frames.mac_bytes(box.mac) and f[12:14] == b"\x08\x00"]


def with_ranks(rules, workload, side, lines, opened=""):
    """What else a chain of the shop says: lines such as "deny peer tcp 5000 ADDRESS"."""
    head = f"chain {workload} {side} enforce reject"
    rules = rules.replace(head, "\n".join([head, *lines]))
    # Of a workload both chains know how it is open.
    return re.sub(f"(chain {workload} (egress|ingress) enforce reject)", r"\1" + opened, rules)


def test_ranks_decide_in_their_order(w):
    """Ports by the ranks that speak of them; the highest counts, whatever stands where."""
    open_ports = {5000: ("permit",), 5002: ("permit", "platform-permit"), 5003: ("deny", "permit", "platform-permit")}
    shut = {5001: ("permit", "deny"), 5004: ("platform-permit", "platform-deny", "permit"), 5005: ("deny",)}
    lines = [f"{rank} {kind} tcp {port} {address}" for port, ranks in {**open_ports, **shut}.items()
             for rank in ranks for kind, address in (("peer", w.b.ip), ("net", w.b.ip6 + "/128"))]
    rules = with_ranks(shop(w, egress=[], ingress=["net any 0 0.0.0.0/0", "net any 0 ::/0"]), "web", "egress", lines)
    with Test(w, rules) as t:
        listeners = [w.b.listen(port) for port in (*open_ports, *shut)]
        for address in (w.b.ip, w.b.ip6):
            for port in open_ports:
                assert w.a.reaches(address, port), f"{address} {port} is allowed"
            expect("log", t.log.take(), [])
            for port in shut:
                expect(f"{address} {port}", w.a.connect(address, port), "refused")
                expect(f"log {port}", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        del listeners


def test_any_is_every_protocol(w):
    rules = shop(w, egress=[f"net any 0 {w.b.ip}/32"], ingress=[f"net any 0 {w.a.ip}/32"])
    with Test(w, with_ranks(rules, "web", "egress", [f"deny peer esp 0 {w.b.ip}"])) as t:
        listener = w.b.listen(5000)
        assert w.a.reaches(w.b.ip, 5000) and w.a.ping(w.b.ip)
        sender, sniffer = w.a.raw(), w.b.raw()
        for proto in (47, 50, 132):
            sender.send(ether(w.b.mac, w.a.mac, 0x0800, ipv4(w.a.ip, w.b.ip, proto, b"x" * 16)))
        time.sleep(SETTLE)
        expect("protocols", {f[23] for f in packets_from(w.a, sniffer)} - {1, 6}, {47, 132})
        expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
        expect("IPv6", w.a.connect(w.b.ip6, 5000), "refused")
        del listener


def test_what_is_open_passes_but_for_what_is_denied(w):
    rules = with_ranks(shop(w, egress=[], ingress=[]), "db", "ingress", [], " open-ingress")
    rules = with_ranks(rules, "web", "egress", [f"deny peer tcp 5001 {w.b.ip}"], " open-egress")
    with Test(w, rules) as t:
        listeners = [w.b.listen(port) for port in (5000, 5001)]
        assert w.a.reaches(w.b.ip, 5000) and w.a.reaches(w.b.ip6, 5001)
        expect("log", t.log.take(), [])
        expect("5001", w.a.connect(w.b.ip, 5001), "refused")
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        expect("web receives nothing", w.b.connect(w.a.ip, 5000), "refused")
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "db")})
        del listeners


def test_a_denied_orientation_leaves_the_other_alone(w):
    """db may open nothing to web. What web opened to db before anybody watched goes on, whoever speaks first; what
    is denied and not allowed the other way round ends."""
    rules = shop(w)
    rules = with_ranks(rules, "db", "egress", [f"deny net any 0 {a}" for a in (w.a.ip, w.a.ip6)])
    rules = with_ranks(rules, "web", "ingress", [f"platform-deny net any 0 {a}" for a in (w.b.ip, w.b.ip6)])
    for address, back in ((w.b.ip, w.a.ip), (w.b.ip6, w.a.ip6)):
        near, far = open_connection(w.a, w.b, address, 5000)
        forbidden = open_connection(w.b, w.a, back, 5002)
        for pair in ((near, far), forbidden):
            exchange(*pair)
        time.sleep(SETTLE)
        with Test(w, rules) as t:
            exchange(far, near)
            exchange(near, far)
            expect("log", t.log.take(), [])
            listener = w.a.listen(5003)
            expect("db opens", w.b.connect(back, 5003), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "db")})
            forbidden[0].send(b"more")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "db")})
            del listener


def test_an_open_side_keeps_what_came_that_way(w):
    """By default db may be opened anything; by segments alone nobody can tell who opened a connection to it."""
    rules = with_ranks(shop(w, egress=everywhere(w.b, "tcp 5000"), ingress=[]), "db", "ingress", [], " open-ingress")
    near, far = open_connection(w.a, w.b, w.b.ip, 5000)
    exchange(near, far)
    time.sleep(SETTLE)
    with Test(w, rules) as t:
        exchange(far, near)
        expect("log", t.log.take(), [])
        listener = w.a.listen(5003)
        expect("db opens", w.b.connect(w.a.ip, 5003), "refused")
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "db")})
        del listener


def test_multicast_is_the_senders_matter(w):
    rules = shop(w, egress=["net udp 5353 224.0.0.0/4"], ingress=[])
    with Test(w, rules) as t:
        server = w.b.udp(5353)
        server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                          socket.inet_aton("224.0.0.251") + socket.inet_aton(w.b.ip))
        t.log.take()
        w.a.udp(5353).sendto(b"mdns", ("224.0.0.251", 5353))
        expect("multicast", server.recv(10), b"mdns")
        expect("log", t.log.take(), [])
        w.b.udp(5354).sendto(b"mdns", ("224.0.0.251", 5353))
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "db")})
        w.a.udp().sendto(b"mdns", ("10.77.0.255", 5353))
        expect("broadcast", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})


def test_dhcp_passes(w):
    with Test(w, shop(w)) as t:
        server = w.b.udp(67)
        w.a.raw().send(ether(BROADCAST, w.a.mac, 0x0800, ipv4(
            "0.0.0.0", "255.255.255.255", 17, udp("0.0.0.0", "255.255.255.255", 68, 67, b"disc"))))
        expect("discover", server.recv(10), b"disc")
        expect("log", t.log.take(), [])
        w.a.raw().send(ether(BROADCAST, w.a.mac, 0x0800, ipv4(
            "0.0.0.0", "255.255.255.255", 17, udp("0.0.0.0", "255.255.255.255", 68, 69, b"else"))))
        expect("log", t.log.prefixes(), {prefix(w, "SPOOF", "e", "web")})


def test_dhcp_ports_are_no_way_out(w):
    with Test(w, shop(w)) as t:
        for target, any_address, pairs in ((w.w.ip, "0.0.0.0", ((68, 67), (67, 68))),
                                           (w.b.ip, "0.0.0.0", ((68, 67), (67, 68))),
                                           (w.w.ip6, "::", ((546, 547), (547, 546))),
                                           (w.b.ip6, "::", ((546, 547), (547, 546)))):
            box = w.w if target in (w.w.ip, w.w.ip6) else w.b
            for source, destination in pairs:
                server = box.udp(destination, any_address)
                client = w.a.udp(source, any_address)
                client.sendto(b"out", (target, destination))
                expect(f"{source} to {target} {destination}", t.log.prefixes(),
                       {prefix(w, "DENY", "e", "web")})
                server.settimeout(0)
                expect("arrived", read_all(server), [])
                server.close()
                client.close()


def test_dhcp_is_answered_by_who_is_no_container(w):
    with Test(w, shop(w)) as t:
        for server, address, mine, answer in ((w.s, w.s.ip, w.a.ip, (67, 68)),
                                              (w.s, w.s.ip6, w.a.ip6, (547, 546)),
                                              (w.host, w.host.ip, w.a.ip, (67, 68))):
            client = w.a.udp(answer[1], "::" if ":" in mine else "0.0.0.0")
            server.udp(answer[0], address).sendto(b"offer", (mine, answer[1]))
            expect(f"from {address}", client.recv(10), b"offer")
            client.close()
        w.close_sockets()
        asked = w.host.udp(67)
        w.a.udp(68).sendto(b"renew", (w.host.ip, 67))
        expect("renewal", asked.recv(10), b"renew")
        expect("log", t.log.take(), [])


# --- connections that were there before -----------------------------------------------------------

def exchange(a, b):
    a.send(b"ping")
    expect("to", b.recv(10), b"ping")
    b.send(b"pong")
    expect("back", a.recv(10), b"pong")


def open_connection(client, server, address, port):
    listener = server.listen(port)
    near = client.connect(address, port)
    far, _ = listener.accept()
    listener.close()
    far.settimeout(1)
    near.settimeout(1)
    client.world.sockets.append(far)
    return near, far


def test_established_connections_survive(w):
    for address in (w.b.ip, w.b.ip6):
        client_first = open_connection(w.a, w.b, address, 5000)
        server_first = open_connection(w.a, w.b, address, 5000)
        forbidden = open_connection(w.a, w.b, address, 5001)
        for near, far in (client_first, server_first, forbidden):
            exchange(near, far)
        time.sleep(SETTLE)  # delayed acknowledgements are still before the change
        with Test(w, shop(w)) as t:
            exchange(*client_first)
            near, far = server_first
            exchange(far, near)  # the first packet that is seen goes from server to client
            exchange(near, far)
            expect("log", t.log.take(), [])
            forbidden[0].send(b"more")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            if w.stateless:
                continue
            try:
                expect("a connection that nothing allows", forbidden[0].recv(10), b"")
            except ConnectionResetError:
                pass


def test_server_first_connection_survives_for_each_side_alone(w):
    # Only the sender's side enforces, only the receiver's side enforces.
    for web, db in (("enforce", "learn"), ("learn", "enforce")):
        near, far = open_connection(w.a, w.b, w.b.ip, 5000)
        rules = ["bridge br0"] + chains("web", everywhere(w.b, "tcp 5000"), mode=web)
        rules += chains("db", ingress=everywhere(w.a, "tcp 5000"), mode=db)
        rules += bindings(w.a, "web") + bindings(w.b, "db")
        with Test(w, "\n".join(rules)) as t:
            exchange(far, near)
            expect("log", t.log.take(), [])


def read_all(s):
    got = []
    while True:
        try:
            got.append(s.recv(2048))
        except BlockingIOError:
            return got


def test_a_midstream_entry_opens_no_connection(w):
    # db may open 80/tcp of web, so a segment from web's port 80 passes as part of an older
    # connection. The entry that it leaves must not let web's own SYN through.
    rules = shop(w, egress=[], ingress=[], more=[])
    rules = rules.replace("chain web ingress enforce reject",
                          f"chain web ingress enforce reject\npermit peer tcp 80 {w.b.ip}")
    rules = rules.replace("chain db egress enforce reject",
                          f"chain db egress enforce reject\npermit peer tcp 80 {w.a.ip}")
    with Test(w, rules) as t:
        listener = w.b.listen(22)
        sender, sniffer = w.a.raw(), w.b.raw()

        def send(flags, seq):
            segment = tcp(w.a.ip, w.b.ip, 80, 22, flags, seq, 1 if flags & ACK else 0)
            sender.send(ether(w.b.mac, w.a.mac, 0x0800, ipv4(w.a.ip, w.b.ip, 6, segment)))
        send(ACK, 1000)
        time.sleep(SETTLE)
        for i in range(5):
            send(ACK, 1000)
            send(SYN, 5000 + i)
        time.sleep(SETTLE)
        arrived = [f for f in packets_from(w.a, sniffer) if f[23] == 6]
        assert any(f[47] == ACK for f in arrived), "mid-stream segments pass"
        expect("SYNs that arrived", [f for f in arrived if f[47] & SYN], [])
        expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
        del listener


def test_a_stale_entry_opens_no_connection(w):
    # The connection tracker keeps an established connection for days. When the policy no longer
    # allows it, its ports must not be good for another one.
    with Test(w, shop(w)) as t:
        near, far = open_connection(w.a, w.b, w.b.ip, 5000)
        t.enforcer.apply(shop(w, egress=[], ingress=[]))
        exchange(near, far)
        sender, sniffer = w.a.raw(), w.b.raw()
        segment = tcp(w.a.ip, w.b.ip, near.getsockname()[1], 5000, SYN, 5000)
        sender.send(ether(w.b.mac, w.a.mac, 0x0800, ipv4(w.a.ip, w.b.ip, 6, segment)))
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        expect("SYNs that arrived", [f for f in packets_from(w.a, sniffer) if f[47] & SYN], [])


# --- without connection tracking ------------------------------------------------------------------

def test_stateless_refusals_are_silent_and_within_the_bridge_table(w):
    """The price of not being tracked: nothing answers, whatever the policy would have answered."""
    with Test(w, shop(w)) as t:
        listener = w.b.listen(5001)
        for address in (w.b.ip, w.b.ip6, w.b.ll):
            got = w.a.connect(address, 5001)
            assert got == "silent", f"{address}: {got}"
            line = next(x for x in t.log.take() if x.startswith(prefix(w, "DENY", "e", "web")))
            expect_in("family", "family=7", line.split())
        # What goes to the host meets table inet, and is told so.
        assert w.a.connect(w.host.ip, 5001) == "refused"
        del listener


def test_stateless_tightening_cuts_at_once(w):
    with Test(w, shop(w)) as t:
        for address in (w.b.ip, w.b.ip6):
            near, far = open_connection(w.a, w.b, address, 5000)
            exchange(near, far)
            t.enforcer.apply(shop(w, egress=[], ingress=[]))
            t.log.take()
            near.send(b"more")
            expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
            far.settimeout(0)
            expect("arrived", read_all(far), [])
            # And what is allowed again goes on.
            t.enforcer.apply(shop(w))
            far.settimeout(3)
            expect("again", far.recv(10), b"more")


def exception(w, proto, near, far):
    """Two sockets' connection from a to b, as one that goes on."""
    mine, theirs = near.getsockname()[:2], far.getsockname()[:2]
    own = w.a.ip6 if ":" in mine[0] else w.a.ip
    other = w.b.ip6 if ":" in own else w.b.ip
    return f"exception {proto} {w.a.port} {own} {mine[1]} {w.b.port} {other} {theirs[1]}"


def udp_pair(w, address, port):
    """A client of a's and a server of b's that have spoken to each other."""
    any_address = "::" if ":" in address else "0.0.0.0"
    server, client = w.b.udp(port, any_address), w.a.udp(0, any_address)
    client.connect((address, port))
    client.send(b"hello")
    server.connect(server.recvfrom(10)[1][:2])
    for s in (server, client):
        s.settimeout(1)
    return client, server


def tightened(w, exceptions=(), **more):
    return shop(w, egress=[], ingress=[], more=[*exceptions, *job(w, "enforce")], **more)


def wide(w):
    return shop(w, egress=everywhere(w.b, "any 0"), ingress=everywhere(w.a, "any 0"), more=job(w, "enforce"))


def exceptions_in(w):
    return sorted(re.findall(r"set ((?:exceptions|fragments)_\w+)", nft(w, "list table bridge bulkhead")))


def test_stateless_exceptions_go_on_both_ways_and_nothing_else_does(w):
    """docs/rules.md: connections that are kept, or drain. Not one segment is lost: they come with the rules that refuse."""
    with Test(w, wide(w)) as t:
        expect("without any", exceptions_in(w), [])
        kept = {("tcp", a): open_connection(w.a, w.b, a, 5000) for a in (w.b.ip, w.b.ip6)}
        kept.update({("udp", a): udp_pair(w, a, 53) for a in (w.b.ip, w.b.ip6)})
        others = [open_connection(w.a, w.b, a, 5000) for a in (w.b.ip, w.b.ip6)]
        others += [udp_pair(w, a, 54) for a in (w.b.ip, w.b.ip6)]
        for near, far in [*kept.values(), *others]:
            exchange(near, far)
        time.sleep(SETTLE)  # delayed acknowledgements are still before the change
        lines = [exception(w, proto, *pair) for (proto, _), pair in kept.items()]
        t.enforcer.apply(tightened(w, lines))
        expect("sets", exceptions_in(w), ["exceptions_tcp4", "exceptions_tcp6", "exceptions_udp4", "exceptions_udp6",
                                          "fragments_tcp4", "fragments_tcp6", "fragments_udp4", "fragments_udp6"])
        for near, far in kept.values():
            exchange(near, far)
            exchange(far, near)
        expect("log", t.log.take(), [])
        for near, far in others:
            for one, other in ((near, far), (far, near)):
                one.send(b"more")
                assert not arrives(other), f"{near} is none of them"
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web"), prefix(w, "DENY", "e", "db")})
        listener = w.b.listen(5000)
        for address in (w.b.ip, w.b.ip6):
            expect("another", w.a.connect(address, 5000), "refused")
        t.log.take()
        # As soon as they are over there is nothing left of it, and they are refused.
        t.enforcer.apply(tightened(w))
        expect("afterwards", exceptions_in(w), [])
        assert "exceptions" not in nft(w, "list table bridge bulkhead")
        for near, far in kept.values():
            near.send(b"more")
            assert not arrives(far), f"{near} is over"
        del listener


def test_stateless_exceptions_open_nothing(w):
    """A SYN on the same tuple opens another connection, and an INIT another association."""
    with Test(w, wide(w)) as t:
        near, far = open_connection(w.a, w.b, w.b.ip, 5000)
        association = f"exception sctp {w.a.port} {w.a.ip} 999 {w.b.port} {w.b.ip} 5000"
        t.enforcer.apply(tightened(w, [exception(w, "tcp", near, far), association]))
        exchange(near, far)
        for box, other, chunk, passes in ((w.a, w.b, 0, True), (w.b, w.a, 0, True), (w.a, w.b, 1, False), (w.b, w.a, 1, False)):
            sender, sniffer = box.raw(), other.raw()
            ports = (999, 5000) if box is w.a else (5000, 999)
            sender.send(ether(other.mac, box.mac, 0x0800, ipv4(box.ip, other.ip, 132, sctp(*ports, chunk))))
            time.sleep(SETTLE)
            expect(f"{box.name} chunk {chunk}", bool(packets_from(box, sniffer)), passes)
        t.log.take()
        mine, theirs = near.getsockname()[1], far.getsockname()[1]
        for box, other, ports, side in ((w.a, w.b, (mine, theirs), "web"), (w.b, w.a, (theirs, mine), "db")):
            sender, sniffer = box.raw(), other.raw()
            sender.send(ether(other.mac, box.mac, 0x0800, ipv4(box.ip, other.ip, 6, tcp(box.ip, other.ip, *ports, SYN, 1, 0))))
            time.sleep(SETTLE)
            expect(f"{box.name}: SYN", [f for f in packets_from(box, sniffer) if f[47] & SYN], [])
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", side)})


def test_stateless_exceptions_are_nobody_elses(w):
    """c sends what a's connection would, from its own port; and a to a port behind which b is not."""
    with Test(w, wide(w)) as t:
        pairs = {a: udp_pair(w, a, 53) for a in (w.b.ip, w.b.ip6)}
        lines = [exception(w, "udp", *pair) for pair in pairs.values()]
        for mode in ("learn", "enforce"):
            rules = tightened(w, lines).replace("\n".join(job(w, "enforce")), "\n".join(job(w, mode)))
            t.enforcer.apply(rules)
            sender = w.c.raw()
            for address, (client, server) in pairs.items():
                exchange(client, server)
                mine, four = client.getsockname()[1], "." in address
                claimed = w.a.ip if four else w.a.ip6
                datagram = udp(claimed, address, mine, 53, b"forged")
                packet = ipv4(claimed, address, 17, datagram) if four else ipv6(claimed, address, 17, datagram, 64)
                for mac in (w.c.mac, w.a.mac):
                    sender.send(ether(w.b.mac, mac, 0x0800 if four else 0x86dd, packet))
                assert not arrives(server), f"{address}: c passes for a"
                server.settimeout(1)


def test_stateless_exceptions_carry_whole_datagrams(w):
    """Those that are cut on the way, in both directions; of others no fragment passes."""
    big = b"x" * 4000
    with Test(w, wide(w)) as t:
        pairs = [udp_pair(w, a, 53) for a in (w.b.ip, w.b.ip6)]
        t.enforcer.apply(tightened(w, [exception(w, "udp", *pair) for pair in pairs]))
        for client, server in pairs:
            for one, other in ((client, server), (server, client)):
                one.send(big)
                expect("whole", other.recv(5000), big)
        expect("log", t.log.take(), [])
        stranger, sniffer = w.a.raw(), w.c.raw()
        for part in list(ipv4_fragments(w.a.ip, w.c.ip, udp(w.a.ip, w.c.ip, 999, 54, b"smuggled" * 8), 24))[1:]:
            stranger.send(ether(w.c.mac, w.a.mac, 0x0800, part))
        time.sleep(SETTLE)
        expect("to c", [f for f in read_all(sniffer) if b"smuggled" in f], [])


def test_stateless_exceptions_list_and_load(w):
    """What is installed nft prints, and what is printed nft loads."""
    lines = [f"exception {proto} {w.a.port} {w.a.ip} 999 {w.b.port} {w.b.ip} 5000\n"
             f"exception {proto} {w.a.port} {w.a.ip6} 999 {w.b.port} {w.b.ip6} 5000" for proto in ("tcp", "udp", "sctp")]
    with Test(w, tightened(w, lines), plain=True):
        expect("sets", len(exceptions_in(w)), 12)
        text = nft(w, "list table bridge bulkhead")
        assert f'"{w.a.port}" . {w.a.ip} . {w.b.ip} . 999 . 5000' in text, text
    printed = run(f"{w.driver} text {w.write_rules(tightened(w, lines))}")
    path = os.path.join(w.scratch.name, "printed.nft")
    with open(path, "w") as file:
        file.write(printed)
    nft(w, f"-c -f {path}")


def test_stateless_exceptions_change_what_is_theirs(w):
    """One more is elements; the first and the last of a kind are its sets, and the chain that asks for them."""
    def of(proto, port):
        return f"exception {proto} {w.a.port} {w.a.ip} {port} {w.b.port} {w.b.ip} 5000"

    tcp = [of("tcp", port) for port in (998, 999)]
    with Test(w, tightened(w, tcp[:1])) as t:
        # Of the same ends, which may send each other fragments already: two elements.
        for lines, chains_, sets, elements in ((tcp, 0, 0, 2), (tcp + [of("udp", 999)], 1, 2, 4), (tcp[1:], 1, 2, 2),
                                               ([], 1, 2, 0), (tcp, 1, 2, 6)):
            change = t.enforcer.apply(tightened(w, lines))
            expect("change", change, {"chains": chains_, "sets": sets, "elements": elements, "adopted": 0})
            expect("verify", t.enforcer.verify(), (0, ""))


def test_stateless_ports_of_the_bridge_change_elements_only(w):
    lines = tightened(w, posture="audit")
    postures = ["posture-of br0 closed", f"posture-of br0 open {w.s.ip}"]
    with Test(w, lines + "\n".join(postures) + "\n") as t:
        before = handles(w)
        # A member, and to which posture it leads on either side.
        for more, elements in (("member new0 br0", 3), ("member new0 br1", 4), ("", 3)):
            change = t.enforcer.apply(lines + "\n".join([*postures, more]) + "\n")
            expect("change", change, {"chains": 0, "sets": 0, "elements": elements, "adopted": 0})
            expect("objects", handles(w), before)
            expect("verify", t.enforcer.verify(), (0, ""))


def udp_shop(w, **more):
    """web may ask db at 53/udp."""
    return shop(w, egress=everywhere(w.b, "udp 53"), ingress=everywhere(w.a, "udp 53"), **more)


def arrives(server):
    time.sleep(SETTLE)
    server.settimeout(0)
    return bool(read_all(server))


def test_stateless_does_not_stop_what_a_service_sends_from_its_port(w):
    """docs/security.md: db, which web may ask at 53/udp, sends from 53 to any port of web's unasked; from another
    port it does not, nor does anybody else from that one."""
    with Test(w, udp_shop(w, more=job(w, "enforce"))) as t:
        for target, service, other in ((w.a.ip, w.b.ip, w.c.ip), (w.a.ip6, w.b.ip6, w.c.ip6)):
            victim = w.a.udp(161, "::" if ":" in target else "0.0.0.0")
            w.b.udp(53, service).sendto(b"unasked", (target, 161))
            assert arrives(victim), f"{service} from 53"
            expect("log", t.log.take(), [])
            w.b.udp(54, service).sendto(b"unasked", (target, 161))
            assert not arrives(victim), f"{service} from 54"
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "db")})
            w.c.udp(53, other).sendto(b"unasked", (target, 161))
            assert not arrives(victim), f"{other} from 53"
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "job")})
            victim.close()


def test_stateless_datagrams_pass_where_the_other_side_is_open(w):
    """docs/security.md: to whoever may open anything anybody may send datagrams; a connection he may not open."""
    rules = with_ranks(shop(w, egress=everywhere(w.b, "udp 161") + everywhere(w.b, "tcp 161"), ingress=[]),
                       "db", "ingress", [], " open-egress")
    with Test(w, rules) as t:
        server, listener = w.b.udp(161), w.b.listen(161)
        w.a.udp().sendto(b"unasked", (w.b.ip, 161))
        assert arrives(server)
        expect("log", t.log.take(), [])
        expect("TCP", w.a.connect(w.b.ip, 161), "refused")
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
        del listener


def test_stateless_echo_is_answered_by_who_was_asked(w):
    rules = shop(w, egress=[f"peer icmp 8 {w.b.ip}", f"peer icmpv6 128 {w.b.ip6}"],
                 ingress=[f"net icmp 8 {w.a.ip}/32", f"net icmpv6 128 {w.a.ip6}/128"])
    with Test(w, rules) as t:
        assert w.a.ping(w.b.ip) and w.a.ping(w.b.ip6)
        expect("log", t.log.take(), [])
        # An answer to nobody's question passes, a question does not.
        sender, sniffer = w.b.raw(), w.a.raw()
        for kind, passes in ((0, True), (8, False), (13, False), (14, False)):
            body = bytes([kind, 0, 0, 0, 1, 2, 3, 4])
            sum_ = frames.checksum(body).to_bytes(2, "big")
            sender.send(ether(w.a.mac, w.b.mac, 0x0800, ipv4(w.b.ip, w.a.ip, 1, body[:2] + sum_ + body[4:])))
            time.sleep(SETTLE)
            expect(f"type {kind}", any(f[34] == kind for f in packets_from(w.b, sniffer)), passes)
            expect("log", t.log.prefixes(), set() if passes else {prefix(w, "DENY", "e", "db")})


def test_stateless_errors_come_from_those_that_are_spoken_to(w):
    with Test(w, udp_shop(w, more=job(w, "enforce"))) as t:
        for address, any_address in ((w.b.ip, "0.0.0.0"), (w.b.ip6, "::")):
            client = w.a.udp(0, any_address)
            client.connect((address, 53))
            client.send(b"nobody is there")
            try:
                client.recv(10)
                raise AssertionError("an answer from nobody")
            except ConnectionRefusedError:
                pass  # the error came back
            expect("log", t.log.take(), [])
        sender, sniffer = w.c.raw(), w.a.raw()
        quoted = ipv4(w.a.ip, w.c.ip, 17, udp(w.a.ip, w.c.ip, 1000, 53, b""))
        body = b"\x03\x03\x00\x00" + bytes(4) + quoted
        body = body[:2] + frames.checksum(body).to_bytes(2, "big") + body[4:]
        sender.send(ether(w.a.mac, w.c.mac, 0x0800, ipv4(w.c.ip, w.a.ip, 1, body)))
        expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "job")})
        expect("a stranger's", packets_from(w.c, sniffer), [])


def ipv4_fragments(src, dst, datagram, size, mark=7):
    """The datagram in fragments of that many bytes."""
    for at in range(0, len(datagram), size):
        part, more = datagram[at:at + size], at + size < len(datagram)
        head = frames.struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), mark, more << 13 | at // 8, 64, 17, 0,
                                  socket.inet_aton(src), socket.inet_aton(dst))
        yield head[:10] + frames.checksum(head).to_bytes(2, "big") + head[12:] + part


def ipv6_fragments(src, dst, datagram, size, mark=7):
    for at in range(0, len(datagram), size):
        part, more = datagram[at:at + size], at + size < len(datagram)
        yield ipv6(src, dst, 44, frames.struct.pack("!BBHI", 17, 0, at | more, mark) + part, 64)


def test_stateless_fragments_go_where_their_first_may(w):
    """Whole datagrams that are cut on the way pass where they are permitted, in both directions; without its first
    one a fragment gets nowhere but to those that may be spoken to, and is nothing there."""
    big = b"x" * 4000
    with Test(w, udp_shop(w, more=job(w, "enforce"))) as t:
        for address, any_address in ((w.b.ip, "0.0.0.0"), (w.b.ip6, "::")):
            server, client = w.b.udp(53, any_address), w.a.udp(0, any_address)
            client.sendto(big, (address, 53))
            data, back = server.recvfrom(5000)
            expect("there", data, big)
            server.sendto(big, back[:2])
            expect("back", client.recv(5000), big)
            expect("log", t.log.take(), [])
            shut = w.b.udp(54, any_address)
            client.sendto(big, (address, 54))
            assert not arrives(shut)
            expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
            for s in (server, client, shut):
                s.close()


def test_stateless_fragments_carry_nothing_between_those_that_may_not_speak(w):
    """Not even to somebody who listens to raw frames."""
    cases = ((ipv4_fragments, w.a.ip, w.b.ip, w.c.ip, 0x0800), (ipv6_fragments, w.a.ip6, w.b.ip6, w.c.ip6, 0x86dd))
    denied = with_ranks(udp_shop(w, more=job(w, "enforce")), "web", "egress",
                        [f"platform-deny net any 0 {a}" for a in (w.b.ip, w.b.ip6)])
    for rules, to_db in ((udp_shop(w, more=job(w, "enforce")), True), (denied, False)):
        with Test(w, rules) as t:
            sender, at_b, at_c = w.a.raw(), w.b.raw(), w.c.raw()
            for cut, mine, db, stranger, ethertype in cases:
                for target, box, sniffer, passes in ((db, w.b, at_b, to_db), (stranger, w.c, at_c, False)):
                    parts = list(cut(mine, target, udp(mine, target, 999, 54, b"smuggled" * 8), 24))
                    for part in parts[1:]:
                        sender.send(ether(box.mac, w.a.mac, ethertype, part))
                    time.sleep(SETTLE)
                    got = [f for f in read_all(sniffer) if b"smuggled" in f]
                    expect(f"{target}: later fragments", bool(got), passes)
                    # The first one has the port that nobody permits.
                    sender.send(ether(box.mac, w.a.mac, ethertype, parts[0]))
                    time.sleep(SETTLE)
                    expect(f"{target}: the first", [f for f in read_all(sniffer) if b"smuggled" in f], [])
                    expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())


def test_stateless_a_fragment_too_short_for_flags_opens_nothing(w):
    """RFC 1858: a first fragment without the flags is not taken for one of a connection that is open."""
    # db may open 5000/tcp of web: segments from web's port 5000 may be answers.
    rules = shop(w, egress=[], ingress=[])
    rules = rules.replace("chain web ingress enforce reject",
                          f"chain web ingress enforce reject\npermit peer tcp 5000 {w.b.ip}")
    rules = rules.replace("chain db egress enforce reject",
                          f"chain db egress enforce reject\npermit peer tcp 5000 {w.a.ip}")
    with Test(w, rules) as t:
        sender, sniffer = w.a.raw(), w.b.raw()
        for flags, length, passes in ((ACK, 20, True), (SYN, 20, False), (ACK, 8, False)):
            segment = tcp(w.a.ip, w.b.ip, 5000, 22, flags, 1, 1)[:length]
            head = frames.struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 9, (length == 8) << 13, 64, 6, 0,
                                      socket.inet_aton(w.a.ip), socket.inet_aton(w.b.ip))
            head = head[:10] + frames.checksum(head).to_bytes(2, "big") + head[12:]
            sender.send(ether(w.b.mac, w.a.mac, 0x0800, head + segment))
            time.sleep(SETTLE)
            expect(f"flags {flags}, {length} bytes", bool(packets_from(w.a, sniffer)), passes)
            expect("log", bool(t.log.prefixes()), not passes)


def sctp(sport, dport, chunk):
    return frames.struct.pack("!HHIIBBH", sport, dport, 0, 0, chunk, 0, 4)


def test_stateless_sctp_is_opened_by_init(w):
    rules = shop(w, egress=[f"peer sctp 5000 {w.b.ip}"], ingress=[f"peer sctp 5000 {w.a.ip}"])
    with Test(w, rules) as t:
        for box, other, sport, dport, chunk, passes in (
                (w.a, w.b, 999, 5000, 1, True), (w.b, w.a, 5000, 999, 2, True), (w.b, w.a, 5000, 999, 1, False),
                (w.a, w.b, 999, 5001, 1, False), (w.a, w.b, 999, 5001, 0, False)):
            sender, sniffer = box.raw(), other.raw()
            sender.send(ether(other.mac, box.mac, 0x0800, ipv4(box.ip, other.ip, 132, sctp(sport, dport, chunk))))
            time.sleep(SETTLE)
            expect(f"{box.name} chunk {chunk} to {dport}", bool(packets_from(box, sniffer)), passes)
            expect("log", bool(t.log.prefixes()), not passes)


def test_stateless_audit_reports_openings(w):
    """Not each segment, nor what answers."""
    with Test(w, shop(w, mode="audit")) as t:
        both = {prefix(w, "AUDIT", "e", "web"), prefix(w, "AUDIT", "i", "db")}
        near, far = open_connection(w.a, w.b, w.b.ip, 5001)
        expect("opening", t.log.prefixes(), both)
        exchange(near, far)
        expect("afterwards", t.log.take(), [])
        assert w.a.ping(w.b.ip)
        expect("ping", t.log.prefixes(), both)


def test_stateless_flooded_copies_are_no_news(w):
    """Where the bridge does not know a MAC every port gets a copy. s is nobody's, and c learns."""
    for posture in ("audit", "closed"):
        with Test(w, udp_shop(w, more=job(w), posture=posture)) as t:
            server = w.b.udp(53)
            client = w.a.udp()
            w.a.sh(f"ip neigh replace {w.b.ip} lladdr {w.b.mac} dev eth0 nud permanent")
            w.host.sh(f"ip link set {w.b.port} type bridge_slave fdb_flush")
            t.log.take()
            client.sendto(b"?", (w.b.ip, 53))
            expect("arrives", server.recv(10), b"?")
            expect("log", t.log.take(), [])
            w.a.sh(f"ip neigh del {w.b.ip} dev eth0")


def test_stateless_newcomers_meet_the_posture(w):
    """Somebody whose port is so new that no rule has its name, and who speaks to a member."""
    ingress = ["net tcp 5000 0.0.0.0/0"]
    own = shop(w, ingress=ingress, posture="open") + "posture-of br0 closed\n"
    for rules in (shop(w, ingress=ingress, posture="closed"), own):
        with Test(w, rules) as t:
            listener = w.b.listen(5000)
            w.host.sh(f"ip link set {w.s.port} down; ip link set {w.s.port} name vnew; ip link set vnew up")
            try:
                expect("s", w.s.connect(w.b.ip, 5000), "silent")
                expect("log", t.log.prefixes(), {"bh:POSTURE:e:-"})
            finally:
                w.host.sh(f"ip link set vnew down; ip link set vnew name {w.s.port}; ip link set {w.s.port} up")
            del listener


@contextlib.contextmanager
def an_uplink(w):
    """x is the world, though on the bridge's network."""
    w.lead_out(True)
    try:
        yield
    finally:
        w.lead_out(False)


def test_stateless_world_is_behind_uplinks(w):
    """What web may open of the world, and the world of db; a neighbour is not the world."""
    rules = shop(w, egress=["world tcp 443", "world udp 53", "world icmp 8", "world icmpv6 128"],
                 ingress=["world tcp 8080"])
    with an_uplink(w), Test(w, rules) as t:
        listeners = [w.x.listen(p) for p in (443, 444)] + [w.b.listen(p) for p in (443, 8080, 8081)]
        for far, db, mine in ((w.x.ip, w.b.ip, w.a.ip), (w.x.ip6, w.b.ip6, w.a.ip6)):
            assert w.a.reaches(far, 443)
            assert w.a.ping(far)
            expect("log", t.log.take(), [])
            expect("444", w.a.connect(far, 444), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            assert w.x.reaches(db, 8080)
            expect("8081", w.x.connect(db, 8081), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
            assert not w.x.ping(mine)
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "web")})
            expect("a neighbour", w.a.connect(db, 443), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        del listeners


def test_stateless_world_sends_fragments_and_errors(w):
    """Whole datagrams that are cut on the way, and news of what is not there."""
    big = b"x" * 4000
    with an_uplink(w), Test(w, shop(w, egress=["world udp 53"])) as t:
        for far, any_address in ((w.x.ip, "0.0.0.0"), (w.x.ip6, "::")):
            client = w.a.udp(0, any_address)
            client.connect((far, 53))
            client.send(b"nobody is there")
            try:
                client.recv(10)
                raise AssertionError("an answer from nobody")
            except ConnectionRefusedError:
                pass
            server = w.x.udp(53, any_address)
            client.send(big)
            data, back = server.recvfrom(5000)
            expect("there", data, big)
            server.sendto(big, back[:2])
            expect("back", client.recv(5000), big)
            expect("log", t.log.take(), [])
            server.close()


def test_stateless_world_is_not_the_metadata_service(w):
    with an_uplink(w), Test(w, shop(w, egress=["world any 0"])) as t:
        for address, far, six in (("169.254.169.254", w.x.ip, ""), ("fd00:ec2::254", w.x.ip6, "-6")):
            w.x.sh(f"ip addr add {address} dev eth0" + (" nodad" if six else ""))
            w.a.sh(f"ip {six} route add {address} dev eth0;"
                   f"ip neigh replace {address} lladdr {w.x.mac} dev eth0 nud permanent")
            listener = w.x.listen(80)
            assert w.a.reaches(far, 80)
            expect("log", t.log.take(), [])
            expect(address, w.a.connect(address, 80), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            listener.close()
            w.a.sh(f"ip neigh del {address} dev eth0; ip {six} route del {address} dev eth0")
            w.x.sh(f"ip addr del {address} dev eth0")


def test_stateless_denied_networks_are_behind_uplinks(w):
    """Whoever is a container is not outside, whatever address it took; what goes to many stays within."""
    everything = ["net any 0 0.0.0.0/0", "net any 0 ::/0"]
    rules = with_ranks(shop(w, egress=everything, ingress=everything), "web", "egress",
                       ["deny outside tcp 5000 10.0.0.0/8", "deny outside tcp 5000 fd00::/8",
                        "deny outside icmp 8 10.0.0.0/8", "deny outside icmpv6 128 fd00::/8"])
    with an_uplink(w), Test(w, rules) as t:
        listeners = [box.listen(port) for box in (w.x, w.b) for port in (5000, 5001)]
        for far, db in ((w.x.ip, w.b.ip), (w.x.ip6, w.b.ip6)):
            assert w.a.reaches(db, 5000) and w.a.ping(db) and w.a.reaches(far, 5001)
            expect("log", t.log.take(), [])
            expect("denied", w.a.connect(far, 5000), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            assert not w.a.ping(far)
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        del listeners


def test_stateless_world_meets_no_posture(w):
    """Who is not known yet does, on the same bridge."""
    with an_uplink(w), Test(w, shop(w, ingress=["world tcp 5000"], posture="closed")) as t:
        listener = w.b.listen(5000)
        for db in (w.b.ip, w.b.ip6):
            assert w.x.reaches(db, 5000)
            expect("log", t.log.take(), [])
            expect("a newcomer", w.s.connect(db, 5000), "silent")
            expect_in("log", "bh:POSTURE:e:-", t.log.prefixes())
        del listener


def test_stateless_stage_1_refuses_what_is_behind_uplinks(w):
    with an_uplink(w), Test(w, stage1(w)) as t:
        listeners = [w.x.listen(5000), w.b.listen(5000)]
        group = w.x.udp(5000)
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         socket.inet_aton("224.0.0.251") + socket.inet_aton(w.x.ip))
        for far, db in ((w.x.ip, w.b.ip), (w.x.ip6, w.b.ip6)):
            expect("out", w.a.connect(far, 5000), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            expect("in", w.x.connect(db, 5000), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
            assert w.a.reaches(db, 5000), "a neighbour is not outside"
            t.log.take()
        for target in ("224.0.0.251", "255.255.255.255"):
            w.a.udp(0, w.a.ip).sendto(b"to all", (target, 5000))
            expect(target, group.recv(10), b"to all")
        t.log.take()
        # In a frame to all, what is for one.
        w.a.raw().send(ether(BROADCAST, w.a.mac, 0x0800, ipv4(w.a.ip, w.x.ip, 17, udp(w.a.ip, w.x.ip, 999, 5000, b"one"))))
        assert not arrives(group)
        expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
        del listeners


def test_stateless_what_is_for_many_is_not_of_the_world(w):
    """A bridge gives its uplink a copy of it. Who hears it from there is not asked: the posture is met."""
    world = shop(w, egress=["world any 0"], ingress=["world any 0"], posture="closed")
    denied = with_ranks(shop(w, egress=["net any 0 224.0.0.0/4", "net any 0 255.255.255.255/32"]), "web", "egress",
                        ["deny world any 0", "deny outside any 0 0.0.0.0/0"])
    for rules, leaves in ((world, False), (denied, True)):
        with an_uplink(w), Test(w, rules) as t:
            sender, sniffer, inside = w.a.raw(), w.x.raw(), w.b.raw()
            for target, mac in (("224.0.0.251", "01:00:5e:00:00:fb"), ("255.255.255.255", BROADCAST)):
                sender.send(ether(mac, w.a.mac, 0x0800, ipv4(w.a.ip, target, 17, udp(w.a.ip, target, 999, 5353, b"?"))))
                time.sleep(SETTLE)
                expect(f"{target} by the uplink", bool(packets_from(w.a, sniffer)), leaves)
                # Table inet judges what this host hears of it.
                expect("log", any("family=7" in line for line in t.log.take()), not leaves)
                if leaves:
                    continue
                w.x.raw().send(ether(mac, w.x.mac, 0x0800,
                                     ipv4(w.x.ip, target, 17, udp(w.x.ip, target, 999, 5353, b"to you all"))))
                time.sleep(SETTLE)
                expect(f"{target} from there", [f for f in packets_from(w.x, inside) if b"to you all" in f], [])
                expect_in("log", "bh:POSTURE:e:-", t.log.prefixes())


def test_stateless_a_containers_address_is_not_behind_an_uplink(w):
    """Neither a frame that is sent astray leaves there, nor the copy that a bridge makes when it does not know the
    MAC; that is no news."""
    rules = with_ranks(shop(w), "web", "egress", ["deny outside tcp 5000 10.0.0.0/8"])
    with an_uplink(w), Test(w, rules) as t:
        sender, sniffer = w.a.raw(), w.x.raw()
        listener = w.b.listen(5000)
        for mac in (w.x.mac, "02:00:00:00:00:77"):
            sender.send(ether(mac, w.a.mac, 0x0800, ipv4(w.a.ip, w.b.ip, 6, tcp(w.a.ip, w.b.ip, 4000, 5000, SYN))))
            time.sleep(SETTLE)
            expect(f"to {mac}", packets_from(w.a, sniffer), [])
        w.host.sh(f"ip link set {w.b.port} type bridge_slave fdb_flush")
        assert w.a.reaches(w.b.ip, 5000)
        expect("log", t.log.take(), [])
        del listener


def test_stateless_dhcp_comes_by_an_uplink(w):
    """To who is enforced, and to a newcomer where the posture is closed."""
    with an_uplink(w), Test(w, shop(w, posture="closed")):
        for box in (w.b, w.s):
            sniffer = box.raw()
            w.x.raw().send(ether(box.mac, w.x.mac, 0x0800,
                                 ipv4(w.x.ip, box.ip, 17, udp(w.x.ip, box.ip, 67, 68, b"offer"))))
            w.x.raw().send(ether(box.mac, w.x.mac, 0x86dd,
                                 ipv6(w.x.ll, box.ll, 17, udp(w.x.ll, box.ll, 547, 546, b"offer"))))
            time.sleep(SETTLE)
            offers = [f for f in read_all(sniffer) if f[6:12] == frames.mac_bytes(w.x.mac) and b"offer" in f]
            expect(box.name, len(offers), 2)


def test_stateless_routers_outside_send_errors(w):
    """About what is permitted to somebody behind them; they tell no way (redirect)."""
    quoted = ipv4(w.a.ip, "198.51.100.9", 6, tcp(w.a.ip, "198.51.100.9", 4000, 443, SYN))[:28]
    with an_uplink(w), Test(w, shop(w, egress=["net tcp 443 198.51.100.0/24"])) as t:
        sniffer = w.a.raw()
        for kind, code, passes in ((3, 4, True), (11, 0, True), (5, 1, False), (8, 0, False)):
            body = bytes([kind, code, 0, 0, 0, 0, 5, 120]) + quoted
            body = body[:2] + frames.checksum(body).to_bytes(2, "big") + body[4:]
            w.x.raw().send(ether(w.a.mac, w.x.mac, 0x0800, ipv4(w.x.ip, w.a.ip, 1, body)))
            time.sleep(SETTLE)
            expect(f"type {kind}", bool(packets_from(w.x, sniffer)), passes)
            expect("log", bool(t.log.prefixes()), not passes)


def test_stateless_uplinks_come_and_go(w):
    """The first one changes the chains that speak of the world, the next ones elements."""
    rules = shop(w, egress=["world tcp 443"])
    with Test(w, rules) as t:
        for more in ("member eth9 br0 uplink", "member eth9 br0 uplink\nmember vxlan9 br0 uplink", "member eth9 br0", ""):
            change = t.enforcer.ask("apply " + w.write_rules(rules + more + "\n"))
            expect(f"with {more!r}", change[0], 0)
            expect("verify", t.enforcer.verify(), (0, ""))
            chain = nft(w, f"list chain bridge bulkhead e_{workload_hash(w, 'web')}")
            expect("the world", "@uplinks" in chain, "uplink" in more)
            if "vxlan9" in more:
                expect("change", re.findall(r"(\w+)=(\d+)", change[1])[:3],
                       [("chains", "0"), ("sets", "0"), ("elements", "2")])


def test_stateless_leaves_other_bridges_alone(w):
    """Nobody there is a member."""
    w.host.sh("ip link add br1 type bridge mcast_snooping 0; ip link set br1 up")
    for box in (w.c, w.s):
        w.host.sh(f"ip link set {box.port} master br1")
    try:
        rules = w.write_rules(shop(w, posture="closed"))
        with open(rules) as file:
            text = "".join(x for x in file if not x.startswith(f"member {w.c.port}")
                           and not x.startswith(f"member {w.s.port}"))
        with Test(w) as t:
            with open(rules, "w") as file:
                file.write(text)
            expect("apply", t.enforcer.ask(f"apply {rules}")[0], 0)
            listener = w.s.listen(5000)
            assert w.c.reaches(w.s.ip, 5000) and w.c.reaches(w.s.ip6, 5000)
            expect("log", t.log.take(), [])
            del listener
    finally:
        for box in (w.c, w.s):
            w.host.sh(f"ip link set {box.port} master br0")
        w.host.sh("ip link del br1")


# --- everybody speaks for himself -----------------------------------------------------------------

def spoof_case(w, t, what, frame, arrives=False, log=True):
    """Sends one frame from a; says whether b or c saw it, and whether it was reported."""
    sender, sniffers = w.a.raw(), [w.b.raw(), w.c.raw()]
    t.log.take()
    sender.send(frame)
    reported = t.log.prefixes()
    seen = any(frame[-20:] in f for s in sniffers for f in read_all(s))
    expect(f"{what}: arrives", seen, arrives)
    expect(f"{what}: log", reported, {prefix(w, "SPOOF", "e", "web")} if log else set())
    for s in [sender] + sniffers:
        s.close()


def test_spoofed_frames_are_dropped(w):
    rules = shop(w, egress=["net udp 1-65535 0.0.0.0/0", "net udp 1-65535 ::/0"],
                 ingress=["net udp 1-65535 0.0.0.0/0", "net udp 1-65535 ::/0"])
    good4 = ipv4(w.a.ip, w.b.ip, 17, udp(w.a.ip, w.b.ip, 9, 5000, b"a plain datagram, v4"))
    good6 = ipv6(w.a.ip6, w.b.ip6, 17, udp(w.a.ip6, w.b.ip6, 9, 5000, b"a plain datagram, v6"))
    from_c4 = ipv4(w.c.ip, w.b.ip, 17, udp(w.c.ip, w.b.ip, 9, 5000, b"in a neighbour's name"))
    from_c6 = ipv6(w.c.ip6, w.b.ip6, 17, udp(w.c.ip6, w.b.ip6, 9, 5000, b"in a neighbour's name"))
    with Test(w, rules) as t:
        spoof_case(w, t, "own IPv4", ether(w.b.mac, w.a.mac, 0x0800, good4), True, False)
        spoof_case(w, t, "own IPv6", ether(w.b.mac, w.a.mac, 0x86dd, good6), True, False)
        spoof_case(w, t, "a neighbour's IPv4", ether(w.b.mac, w.a.mac, 0x0800, from_c4))
        spoof_case(w, t, "a neighbour's IPv6", ether(w.b.mac, w.a.mac, 0x86dd, from_c6))
        spoof_case(w, t, "a neighbour's MAC", ether(w.b.mac, w.c.mac, 0x0800, good4))
        spoof_case(w, t, "both", ether(w.b.mac, w.c.mac, 0x0800, from_c4))
        spoof_case(w, t, "VID 0", tagged(ether(w.b.mac, w.a.mac, 0x0800, good4), 0))
        spoof_case(w, t, "VID 0, IPv6", tagged(ether(w.b.mac, w.a.mac, 0x86dd, good6), 0))
        spoof_case(w, t, "VID 7", tagged(ether(w.b.mac, w.a.mac, 0x0800, good4), 7))
        spoof_case(w, t, "802.1ad", tagged(ether(w.b.mac, w.a.mac, 0x0800, good4), 0, 0x88a8))
        spoof_case(w, t, "two tags",
                   tagged(tagged(ether(w.b.mac, w.a.mac, 0x0800, good4), 0), 0, 0x88a8))
        spoof_case(w, t, "another EtherType", ether(w.b.mac, w.a.mac, 0x88b5, b"anything" * 8))
        spoof_case(w, t, "PPPoE", ether(w.b.mac, w.a.mac, 0x8864, b"session " * 8))
        spoof_case(w, t, "802.3", ether(w.b.mac, w.a.mac, 60, b"\xaa\xaa\x03" + b"snap" * 16))


def test_vid0_reaches_a_socket_without_the_bridge_table(w):
    """What the check above is worth: the same frame passes where nothing looks at tags."""
    payload = ipv4(w.a.ip, w.b.ip, 17, udp(w.a.ip, w.b.ip, 9, 5000, b"tagged"))
    server = w.b.udp(5000)
    w.a.raw().send(tagged(ether(w.b.mac, w.a.mac, 0x0800, payload), 0))
    expect("datagram", server.recv(10), b"tagged")
    w.close_sockets()


def neighbour(box, address):
    text = box.sh(f"ip neigh show {address}")
    found = re.search(r"lladdr (\S+)", text)
    return found.group(1) if found else None


def test_arp_poison_is_dropped(w):
    with Test(w, shop(w, more=job(w, "enforce"))) as t:
        w.b.sh("sysctl -qw net.ipv4.conf.eth0.arp_accept=1")
        w.b.ping(w.c.ip)
        expect("before", neighbour(w.b, w.c.ip), w.c.mac)
        t.log.take()
        sender = w.a.raw()
        for op in (1, 2):
            for source in (w.a.mac, w.c.mac):
                # To b alone, and to everybody, as a gratuitous answer.
                sender.send(ether(w.b.mac, source, 0x0806, arp(op, w.a.mac, w.c.ip, w.b.mac, w.b.ip)))
                sender.send(ether(BROADCAST, source, 0x0806,
                                  arp(op, w.a.mac, w.c.ip, BROADCAST, w.c.ip)))
        expect("log", t.log.prefixes(), {prefix(w, "SPOOF", "e", "web")})
        expect("after", neighbour(w.b, w.c.ip), w.c.mac)
        sender.send(ether(BROADCAST, w.a.mac, 0x0806, arp(1, w.a.mac, "0.0.0.0", BROADCAST, w.a.ip)))
        sender.send(ether(BROADCAST, w.a.mac, 0x0806, arp(1, w.a.mac, w.a.ip, BROADCAST, w.b.ip)))
        expect("a probe and a question are nothing", t.log.take(), [])


def nd_frames(w, a=None):
    """Each of these would make b send c's packets to a."""
    a = a or w.a
    option = lladdr(2, a.mac)
    nonce = b"\x0e\x01" + b"nonce!"
    yield "target", advert(a.ip6, w.b.ip6, w.c.ip6, a.mac)
    yield "source and target", advert(w.c.ip6, w.b.ip6, w.c.ip6, a.mac)
    yield "target, link-local", advert(a.ll, w.b.ip6, w.c.ip6, a.mac)
    yield "behind an option", advert(a.ip6, w.b.ip6, w.c.ip6, a.mac, before=nonce)
    yield "solicitation", ipv6(w.c.ip6, w.b.ip6, 58, icmpv6(w.c.ip6, w.b.ip6,
                                                           discovery(135, w.b.ip6, lladdr(1, a.mac))))
    hop_by_hop = b"\x3a\x00\x01\x04\x00\x00\x00\x00"
    yield "behind a header", ipv6(a.ip6, w.b.ip6, 0, hop_by_hop + icmpv6(
        a.ip6, w.b.ip6, discovery(136, w.c.ip6, option, 0x20000000)))


def test_nd_poison_is_dropped(w):
    with Test(w, shop(w, more=job(w, "enforce"))) as t:
        for what, packet in nd_frames(w):
            w.b.ping(w.c.ip6)
            expect(f"{what}: before", neighbour(w.b, w.c.ip6), w.c.mac)
            t.log.take()
            w.a.raw().send(ether(w.b.mac, w.a.mac, 0x86dd, packet))
            expect(f"{what}: log", t.log.prefixes(), {prefix(w, "SPOOF", "e", "web")})
            expect(f"{what}: after", neighbour(w.b, w.c.ip6), w.c.mac)
        foreign = advert(w.a.ip6, w.b.ip6, w.a.ip6, w.c.mac)
        w.a.raw().send(ether(w.b.mac, w.a.mac, 0x86dd, foreign))
        expect("a foreign MAC", t.log.prefixes(), {prefix(w, "SPOOF", "e", "web")})
        w.a.raw().send(ether(w.b.mac, w.a.mac, 0x86dd, advert(w.a.ip6, w.b.ip6, w.a.ip6, w.a.mac)))
        expect("its own", t.log.take(), [])


def test_nd_poison_works_without_the_bridge_table(w):
    """What the check above is worth."""
    w.b.ping(w.c.ip6)
    w.a.raw().send(ether(w.b.mac, w.a.mac, 0x86dd, next(nd_frames(w))[1]))
    time.sleep(SETTLE)
    expect("poisoned", neighbour(w.b, w.c.ip6), w.a.mac)
    w.b.sh("ip neigh flush all; ip -6 neigh flush all")
    w.close_sockets()


def test_neighbour_discovery_works(w):
    with Test(w, shop(w, egress=[f"peer icmpv6 128 {w.b.ip6}", f"peer icmpv6 128 {w.b.ll}"],
                      ingress=[f"peer icmpv6 128 {w.a.ip6}", f"peer icmpv6 128 {w.a.ll}"])) as t:
        for box in (w.a, w.b):
            box.sh("ip neigh flush all; ip -6 neigh flush all")
        assert w.a.ping(w.b.ip6) and w.a.ping(w.b.ll)
        expect("log", t.log.take(), [])


def test_router_advertisements_of_containers_are_dropped(w):
    body = bytes([134, 0, 0, 0, 64, 0, 0x07, 0x08]) + bytes(8) + lladdr(1, w.a.mac)
    packet = ipv6(w.a.ll, "ff02::1", 58, icmpv6(w.a.ll, "ff02::1", body))
    with Test(w, shop(w)) as t:
        w.b.sh("sysctl -qw net.ipv6.conf.eth0.accept_ra=2")
        w.a.raw().send(ether("33:33:00:00:00:01", w.a.mac, 0x86dd, packet))
        expect("log", t.log.prefixes(), {prefix(w, "SPOOF", "e", "web")})
        assert w.a.ll not in w.b.sh("ip -6 route"), "b took the route"


def test_audit_reports_spoofs_and_lets_them_pass(w):
    with Test(w, shop(w, mode="audit")) as t:
        server = w.b.udp(5000)
        payload = ipv4(w.c.ip, w.b.ip, 17, udp(w.c.ip, w.b.ip, 9, 5000, b"spoofed"))
        w.a.raw().send(ether(w.b.mac, w.a.mac, 0x0800, payload))
        expect("datagram", server.recv(10), b"spoofed")
        expect_in("log", prefix(w, "SPOOFAUDIT", "e", "web"), t.log.prefixes())


def test_nobody_else_claims_an_enforced_address(w):
    # s is a port that no rule knows; c only learns. Neither may be web.
    with Test(w, shop(w, more=job(w))) as t:
        for stranger in (w.s, w.c):
            w.b.ping(w.a.ip)
            t.log.take()
            sender, sniffer = stranger.raw(), w.b.raw()
            claims = [
                ether(w.b.mac, stranger.mac, 0x0800, ipv4(w.a.ip, w.b.ip, 17, udp(
                    w.a.ip, w.b.ip, 9, 5000, b"I am web, says IPv4."))),
                ether(w.b.mac, stranger.mac, 0x86dd, ipv6(w.a.ip6, w.b.ip6, 17, udp(
                    w.a.ip6, w.b.ip6, 9, 5000, b"I am web, says IPv6."))),
                ether(w.b.mac, stranger.mac, 0x0806,
                      arp(2, stranger.mac, w.a.ip, w.b.mac, w.b.ip)),
                ether(w.b.mac, stranger.mac, 0x86dd,
                      advert(stranger.ip6, w.b.ip6, w.a.ip6, stranger.mac)),
            ]
            for claim in claims:
                sender.send(claim)
                expect("log", t.log.prefixes(), {"bh:SPOOF:e:-"})
            expect("arrived", [f for f in read_all(sniffer) if f in claims], [])
            expect("neighbour", neighbour(w.b, w.a.ip), w.a.mac)


def delivered_cases(w):
    """What c, which only learns, might send to b, which enforces."""
    own = ipv4(w.c.ip, w.b.ip, 17, udp(w.c.ip, w.b.ip, 9, 5000, b"a plain datagram, v4"))
    webs = ipv4(w.a.ip, w.b.ip, 17, udp(w.a.ip, w.b.ip, 9, 5000, b"in a neighbour's name"))
    router = bytes([134, 0, 0, 0, 64, 0, 0x07, 0x08]) + bytes(8) + lladdr(1, w.c.mac)
    advertisement = ipv6(w.c.ll, w.b.ll, 58, icmpv6(w.c.ll, w.b.ll, router))
    yield "VID 0", tagged(ether(w.b.mac, w.c.mac, 0x0800, own), 0)
    yield "EtherType", ether(w.b.mac, w.c.mac, 0x88b5, b"anything" * 8)
    yield "a learning neighbour's address", ether(w.b.mac, w.c.mac, 0x0800, webs)
    yield "the gateway's address", ether(w.b.mac, w.c.mac, 0x0806, arp(
        2, w.c.mac, w.host.ip, w.b.mac, w.b.ip))
    yield "the gateway's address, IPv6", ether(w.b.mac, w.c.mac, 0x86dd, advert(
        w.c.ip6, w.b.ip6, w.host.ip6, w.c.mac))
    yield "the gateway's role", ether(w.b.mac, w.c.mac, 0x86dd, advertisement)


def learning_neighbours(w, db):
    """db enforces or audits, a and c learn."""
    anyone = ["net udp 1-65535 0.0.0.0/0", "net udp 1-65535 ::/0"]
    rules = ["bridge br0"] + chains("web", mode="learn") + chains("db", ingress=anyone, mode=db)
    rules += bindings(w.a, "web") + bindings(w.b, "db") + port(w.a, "web", "learn")
    return "\n".join(rules + port(w.b, "db", db) + job(w)) + "\n"


def test_an_enforced_receiver_is_not_lied_to(w):
    with Test(w, learning_neighbours(w, "enforce")) as t:
        sender, sniffer, other = w.c.raw(), w.b.raw(), w.a.raw()
        for what, frame in delivered_cases(w):
            sender.send(frame)
            # Some of it is seen when it is sent, before it is known which way it goes.
            at_once = what in ("a learning neighbour's address", "the gateway's address, IPv6")
            log = "bh:SPOOF:e:-" if at_once else prefix(w, "SPOOF", "i", "db")
            expect(f"{what}: log", t.log.prefixes(), {log})
            expect(f"{what}: arrives", [f for f in read_all(sniffer) if frame[-20:] in f], [])
        # To one who learns, they go.
        read_all(other)
        frame = tagged(ether(w.a.mac, w.c.mac, 0x88b5, b"anything" * 8), 0)
        sender.send(frame)
        expect("log", t.log.take(), [])
        expect("arrives", len([f for f in read_all(other) if frame[-20:] in f]), 1)


def test_an_auditing_receiver_hears_of_it(w):
    with Test(w, learning_neighbours(w, "audit")) as t:
        sender, sniffer = w.c.raw(), w.b.raw()
        frame = next(delivered_cases(w))[1]
        sender.send(frame)
        expect_in("log", prefix(w, "SPOOFAUDIT", "i", "db"), t.log.prefixes())
        arrived = [f for f in read_all(sniffer) if f.startswith(frame[:12]) and frame[-20:] in f]
        expect("arrives", len(arrived), 1)


def mac_of(box, interface):
    return re.search(r"link/ether (\S+)", box.sh(f"ip -o link show {interface}")).group(1)


def impostors(w):
    """Who sends it, to which MAC: packets to b that claim a's address and are routed by the host."""
    w.host.sh("sysctl -qw net.ipv4.conf.all.rp_filter=0")
    for box, interface in ((w.c, "br0"), (w.w, w.w.port), (w.r, w.r.port)):
        w.host.sh(f"sysctl -qw net.ipv4.conf.{interface}.rp_filter=0")
        for mine, theirs, build, ethertype in ((w.a.ip, w.b.ip, ipv4, 0x0800),
                                               (w.a.ip6, w.b.ip6, ipv6, 0x86dd)):
            datagram = udp(mine, theirs, 9, 5000, f"says {box.name}, falsely".encode())
            yield box, ether(mac_of(w.host, interface), box.mac, ethertype,
                             build(mine, theirs, 17, datagram))


def test_no_address_is_claimed_by_another_way(w):
    for web, db, passes, kind in (("enforce", "enforce", False, "SPOOF"),
                                  ("learn", "enforce", False, "SPOOF"),
                                  ("learn", "audit", True, "SPOOFAUDIT"), ("learn", "learn", True, "")):
        anyone = [f"peer udp 5000 {w.a.ip}", f"peer udp 5000 {w.a.ip6}"]
        rules = ["bridge br0"] + chains("web", [f"peer udp 5000 {w.b.ip}", f"peer udp 5000 {w.b.ip6}"],
                                        mode=web)
        rules += chains("db", ingress=anyone, mode=db) + bindings(w.a, "web") + bindings(w.b, "db")
        rules += port(w.a, "web", web) + port(w.b, "db", db) + job(w)
        with Test(w, "\n".join(rules) + "\n") as t:
            for box, frame in impostors(w):
                sniffer = w.b.raw()
                t.log.take()
                box.raw().send(frame)
                expect(f"{box.name} as {web} to {db}: log", t.log.prefixes(),
                       {f"bh:{kind}:e:-"} if kind else set())
                arrived = any(frame[-20:] in f for f in read_all(sniffer))
                expect(f"{box.name} as {web} to {db}: arrives", arrived, passes)
                w.close_sockets()
    w.a.ping(w.b.ip)  # the bridge and the host know again who is where


def test_learning_neighbours_reach_an_enforced_receiver(w):
    with Test(w, learning_neighbours(w, "enforce")) as t:
        for box in (w.a, w.b, w.c):
            box.sh("ip neigh flush all; ip -6 neigh flush all")
        for address, own in ((w.b.ip, w.c.ip), (w.b.ip6, w.c.ip6), (w.b.ll, w.c.ll)):
            server = w.b.udp(5000, "::" if ":" in address else "0.0.0.0")
            client = w.c.udp(0, own if not own.startswith("fe80") else "::")
            client.sendto(b"hello", w.c.endpoint(address, 5000))
            expect("datagram", server.recv(10), b"hello")
            server.close()
        expect("log", t.log.take(), [])


def test_strangers_speak_for_themselves(w):
    with Test(w, shop(w, ingress=["net udp 5000 0.0.0.0/0", "net udp 5000 ::/0"],
                      more=job(w))) as t:
        for box in (w.s, w.c):
            for address, own in ((w.b.ip, box.ip), (w.b.ip6, box.ip6)):
                server = w.b.udp(5000, "::" if ":" in address else "0.0.0.0")
                box.udp(0, own).sendto(b"hello", (address, 5000))
                expect("datagram", server.recv(10), b"hello")
                server.close()
        expect("log", t.log.take(), [])


# --- the host, the world, routed veths ------------------------------------------------------------

def test_host_as_a_peer(w):
    rules = shop(w, egress=["host tcp 7000", "host icmp 8"], ingress=["host tcp 7001-7002"])
    with Test(w, rules) as t:
        listeners = [w.host.listen(7000), w.host.listen(7003), w.b.listen(7002), w.b.listen(7003)]
        for address in (w.host.ip, w.host.ip6, "192.0.2.1"):
            assert w.a.reaches(address, 7000), address
            expect(address, w.a.connect(address, 7003), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
        assert w.a.ping(w.host.ip) and not w.a.ping(w.host.ip6)
        t.log.take()
        for address in (w.b.ip, w.b.ip6):
            assert w.host.reaches(address, 7002), address
            assert not w.host.reaches(address, 7003), address
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
        expect("not web's", w.host.connect(w.a.ip, 7002), "refused")
        del listeners


def publish(w, address, pairs):
    """Sends what this host itself opens to these ports of its own address to a container."""
    family, to = ("ip6", f"[{w.b.ip6}]") if ":" in address else ("ip", w.b.ip)
    rules = "\n".join(f"{family} daddr {address} tcp dport {a} dnat to {to}:{b};" for a, b in pairs)
    path = os.path.join(w.scratch.name, "publish.nft")
    with open(path, "w") as file:
        file.write(f"table {family} published {{\nchain output {{\n"
                   f"type nat hook output priority -100;\n{rules}\n}}\n}}\n")
    nft(w, f"-f {path}")


def test_the_host_goes_through_no_published_port(w):
    with Test(w, shop(w, ingress=["host tcp 7002"])) as t:
        listeners = [w.b.listen(7002), w.b.listen(7003)]
        for address, family in (("192.0.2.1", "ip"), ("fd79::1", "ip6")):
            publish(w, address, ((9002, 7002), (9003, 7003)))
            assert w.host.reaches(address, 9002), f"{address}: 7002 is allowed"
            expect("log", t.log.take(), [])
            assert not w.host.reaches(address, 9003), f"{address}: 7003 is not"
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
            nft(w, f"delete table {family} published")
        del listeners


def test_host_connections_survive(w):
    near, far = open_connection(w.host, w.b, w.b.ip, 7002)
    into, out_of = open_connection(w.a, w.host, w.host.ip, 7000)
    with Test(w, shop(w, egress=["host tcp 7000"], ingress=["host tcp 7002"])) as t:
        w.host.sh("conntrack -F")
        exchange(far, near)
        exchange(out_of, into)
        expect("log", t.log.take(), [])


def test_loopback_is_none_of_our_business(w):
    with Test(w, shop(w, posture="closed")):
        listener = w.host.listen(7000)
        assert w.host.reaches("127.0.0.1", 7000) and w.host.reaches("::1", 7000)
        assert w.host.reaches(w.host.ip, 7000)
        del listener


def test_world_is_behind_unmanaged_interfaces(w):
    with Test(w, shop(w, egress=["world tcp 443", "world tcp 80"], ingress=["world tcp 8080"])) as t:
        w.w.sh("ip addr add 169.254.169.254/32 dev eth0")
        w.host.sh(f"ip route add 169.254.169.254/32 via {w.w.ip}")
        listeners = [w.w.listen(p) for p in (80, 443, 444)]
        listeners += [w.b.listen(p) for p in (443, 8080, 8081)]
        for far, db in ((w.w.ip, w.b.ip), (w.w.ip6, w.b.ip6)):
            assert w.a.reaches(far, 443)
            expect("444", w.a.connect(far, 444), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "web")})
            assert w.w.reaches(db, 8080)
            expect("8081", w.w.connect(db, 8081), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "i", "db")})
            expect("a neighbour is not the world", w.a.connect(db, 443), "refused")
        expect("metadata", w.a.connect("169.254.169.254", 80), "refused")
        w.w.sh("ip addr del 169.254.169.254/32 dev eth0")
        w.host.sh("ip route del 169.254.169.254/32")
        del listeners


def routed(w, mode="enforce", how="routed"):
    lines = chains("edge", egress=[f"peer tcp 5000 {w.b.ip}", f"peer tcp 5000 {w.b.ip6}"], mode=mode)
    return lines + bindings(w.r, "edge", w.r.port) + port(w.r, "edge", mode, how)


def test_routed_veth(w):
    rules = shop(w, ingress=["peer tcp 5000 10.78.0.2", "peer tcp 5000 fd78::2"], more=routed(w))
    with Test(w, rules) as t:
        listeners = [w.b.listen(5000), w.b.listen(5001)]
        for address in (w.b.ip, w.b.ip6):
            assert w.r.reaches(address, 5000)
            expect("5001", w.r.connect(address, 5001), "refused")
            expect("log", t.log.prefixes(), {prefix(w, "DENY", "e", "edge")})
        w.r.sh("ip addr add 10.78.0.9/32 dev eth0; ip addr add fd78::9/128 dev eth0 nodad")
        for address, source in ((w.b.ip, "10.78.0.9"), (w.b.ip6, "fd78::9")):
            expect("spoofed", w.r.connect(address, 5000, source=source), "silent")
            expect("log", t.log.prefixes(), {prefix(w, "SPOOF", "e", "edge")})
        w.r.sh("ip addr del 10.78.0.9/32 dev eth0; ip addr del fd78::9/128 dev eth0")
        del listeners


def test_routed_veth_in_audit(w):
    with Test(w, shop(w, mode="audit", more=routed(w, "audit"))) as t:
        w.r.sh("ip addr add 10.78.0.9/32 dev eth0")
        w.r.udp(0, "10.78.0.9").sendto(b"x", (w.b.ip, 5000))
        expect_in("log", prefix(w, "SPOOFAUDIT", "e", "edge"), t.log.prefixes())
        w.r.sh("ip addr del 10.78.0.9/32 dev eth0")


# --- posture --------------------------------------------------------------------------------------

def test_posture(w):
    for posture, passes, kind in (("open", True, None), ("audit", True, "POSTUREAUDIT"),
                                  ("closed", False, "POSTURE")):
        rules = shop(w, ingress=["net tcp 5000 0.0.0.0/0", "net tcp 5000 ::/0"], posture=posture)
        with Test(w, rules) as t:
            listener = w.b.listen(5000)
            for address in (w.b.ip, w.b.ip6, w.b.ll):
                expect(f"{posture}: s → {address}", w.s.reaches(address, 5000), passes)
                expect("log", t.log.prefixes(), {f"bh:{kind}:e:-"} if kind else set())
            expect(f"{posture}: s → host", w.s.ping(w.host.ip), passes)
            t.log.take()
            expect(f"{posture}: host → s", w.host.ping(w.s.ip), passes)
            expect("log", t.log.prefixes(), {f"bh:{kind}:i:-"} if kind else set())
            del listener


def test_postures_by_interface_and_address(w):
    """s is nobody's: its bridge's posture meets it, and the one of its address before that."""
    net = ["net tcp 5000 0.0.0.0/0", "net tcp 5000 ::/0"]
    for common, bridge, address, passes, kind in (
            ("closed", "open", None, True, None), ("open", "closed", None, False, "POSTURE"),
            ("open", "audit", None, True, "POSTUREAUDIT"), ("closed", "closed", "open", True, None),
            ("open", "open", "closed", False, "POSTURE"), ("closed", "open", "audit", True, "POSTUREAUDIT")):
        rules = shop(w, ingress=net, posture=common) + f"posture-of br0 {bridge}\n"
        if address:
            rules += "".join(f"posture-of br0 {address} {a}\n" for a in (w.s.ip, w.s.ip6))
        with Test(w, rules) as t:
            listener = w.b.listen(5000)
            for target in (w.b.ip, w.b.ip6):
                expect(f"{common} {bridge} {address}: s → {target}", w.s.reaches(target, 5000), passes)
                expect("log", t.log.prefixes(), {f"bh:{kind}:e:-"} if kind else set())
            expect(f"{common} {bridge} {address}: s → host", w.s.ping(w.host.ip), passes)
            t.log.take()
            expect(f"{common} {bridge} {address}: host → s", w.host.ping(w.s.ip), passes)
            expect("log", t.log.prefixes(), {f"bh:{kind}:i:-"} if kind else set())
            del listener


# --- changing, listing, surviving -----------------------------------------------------------------

def handles(w):
    """Every object of ours but the elements, with its handle."""
    text = nft(w, "-a -t list ruleset")
    return re.sub(r"packets \d+ bytes \d+", "", text)


def family_within(w):
    """Of the table that judges what stays on the bridge."""
    return "bridge" if w.stateless else "inet"


def counters(w, name):
    """Element → packets, of one set."""
    text = nft(w, f"list set {family_within(w)} bulkhead {name}")
    found = re.findall(r"([0-9a-f.:]+ \. tcp \. \d+) counter packets (\d+)", text)
    return {key: int(count) for key, count in found}


def test_a_containers_start_changes_elements_only(w):
    with Test(w, shop(w, more=chains("job"))) as t:
        listener = w.b.listen(5000)
        assert w.a.reaches(w.b.ip, 5000) and w.a.reaches(w.b.ip, 5000)
        name = f"e_{workload_hash(w, 'web')}_4"
        before, counted = handles(w), counters(w, name)
        permitted = counted[f"{w.b.ip} . tcp . 5000"]
        assert permitted > 2 if w.stateless else permitted == 2, permitted
        # c starts as a second replica of db.
        egress = everywhere(w.b, "tcp 5000") + everywhere(w.c, "tcp 5000")
        rules = shop(w, egress=egress,
                     more=chains("job") + bindings(w.c, "db") + port(w.c, "db"))
        change = t.enforcer.apply(rules)
        expect("chains, sets", (change["chains"], change["sets"]), (0, 0))
        # 3 permissions; 4 maps × 3 addresses; port thrice, MAC twice; 3 bindings and ARP's, 2 targets; 5 owned,
        # and 2 of them elsewhere; 2 where published ports lead.
        # Stateless: 3 permissions, 3 pairs, 2 maps × 3 addresses and these as bound, besides.
        expect("elements", change["elements"], 50 if w.stateless else 35)
        expect("objects", handles(w), before)
        assert counters(w, name)[f"{w.b.ip} . tcp . 5000"] >= permitted
        other = w.c.listen(5000)
        assert w.a.reaches(w.c.ip, 5000)
        t.enforcer.apply(shop(w, more=chains("job")))
        expect("objects", handles(w), before)
        expect("gone", w.a.connect(w.c.ip, 5000), "refused")
        expect("verify", t.enforcer.verify()[0], 0)
        del listener, other


def test_a_permission_more_of_a_peer_changes_elements_only(w):
    """On the bridge a peer's pair is there by any permission of his, and stays with the last."""
    ways = [everywhere(w.b, "tcp 5000"), everywhere(w.b, "tcp 5000") + everywhere(w.b, "tcp 5001"),
            everywhere(w.b, "tcp 5001"), [], everywhere(w.b, "udp 5001"), everywhere(w.b, "tcp 5000")]
    with Test(w, shop(w, egress=ways[0])) as t:
        before = handles(w)
        for was, now in zip(ways, ways[1:]):
            change = t.enforcer.apply(shop(w, egress=now))
            pairs = 3 if w.stateless and bool(was) != bool(now) else 0
            within = 2 if w.stateless else 1
            expect("change", change, {"chains": 0, "sets": 0, "adopted": 0,
                                      "elements": len(set(was) ^ set(now)) * within + pairs})
            expect("objects", handles(w), before)
            expect("verify", t.enforcer.verify(), (0, ""))


def expect_uses(w, what, uses, elements, packets):
    """Where nothing is tracked each packet of a connection is counted."""
    expect(what, uses["elements"], elements)
    if w.stateless:
        assert uses["packets"] >= packets, f"{what}: {uses}"
    else:
        expect(what, uses["packets"], packets)


def test_counters_tell_what_was_used(w):
    ranges = ["net tcp 6000-6009 10.0.0.0/8", "world udp 53", "net any 0 fd00::/8"]
    with Test(w, shop(w, egress=everywhere(w.b, "tcp 5000") + ranges)) as t:
        listener = w.b.listen(5000)
        expect("at first", t.enforcer.uses(), {"elements": 0, "packets": 0})
        for _ in range(3):
            assert w.a.reaches(w.b.ip, 5000)
        # Three connections, each let out and let in.
        expect_uses(w, "IPv4", t.enforcer.uses(), 2, 6)
        assert w.a.reaches(w.b.ip6, 5000)
        expect_uses(w, "IPv6", t.enforcer.uses(), 4, 8)
        assert not w.a.reaches(w.b.ip6, 5001)
        # It was let out, by the network.
        expect("a network", t.enforcer.uses()["elements"], 5)
        t.enforcer.apply(shop(w))
        expect_uses(w, "what stays has counted on", t.enforcer.uses(), 4, 8)
        del listener


def test_steps_into_and_out_of_stage_1(w):
    with Test(w, shop(w, mode="audit")) as t:
        listener = w.b.listen(5001)
        for mode, passes in (("stage1", False), ("enforce", False), ("stage1", False), ("audit", True)):
            t.enforcer.apply("sensitive 5001\n" + shop(w, mode=mode))
            expect("verify", t.enforcer.verify(), (0, ""))
            expect(mode, w.a.reaches(w.b.ip, 5001), passes)
        # Another list of ports changes elements only.
        t.enforcer.apply("sensitive 5001\n" + shop(w, mode="stage1"))
        change = t.enforcer.apply("sensitive 22\n" + shop(w, mode="stage1"))
        expect("change", change, {"chains": 0, "sets": 0, "elements": 8 if w.stateless else 4,
                                  "adopted": 0})
        assert w.a.reaches(w.b.ip, 5001)
        del listener


def test_a_mode_change_rewrites_that_workloads_chains(w):
    with Test(w, shop(w)) as t:
        change = t.enforcer.apply(shop(w).replace("chain web egress enforce", "chain web egress audit"))
        expect("change", change, {"chains": 4 if w.stateless else 2, "sets": 0, "elements": 0, "adopted": 0})
        listener = w.b.listen(5001)
        expect("still db's", w.a.connect(w.b.ip, 5001), "refused")
        expect("log", t.log.prefixes(), {prefix(w, "AUDIT", "e", "web"), prefix(w, "DENY", "i", "db")})
        del listener


def shares(w, share, rest):
    """Two replicas of web, one of them in a share that is enforced, while the other is audited; both may open
    5000/tcp of db, which learns."""
    permits = everywhere(w.b, "tcp 5000")
    lines = ["posture open", "bridge br0"] + chains("db", mode="learn")
    lines += chains("web", egress=permits, mode="audit") + chains("web-share", egress=permits)
    lines += bindings(share, "web-share") + bindings(rest, "web") + bindings(w.b, "db")
    lines += port(share, "web") + port(rest, "web", "audit") + port(w.b, "db", "learn")
    return "\n".join(lines) + "\n"


def test_a_share_of_a_workload_is_treated_otherwise_than_the_rest(w):
    with Test(w, shares(w, w.a, w.c)) as t:
        listeners = [w.b.listen(5000), w.b.listen(5001)]
        told = {prefix(w, "DENY", "e", "web-share"), prefix(w, "AUDIT", "e", "web")}
        before = handles(w)
        for share, rest in ((w.a, w.c), (w.c, w.a)):
            change = t.enforcer.apply(shares(w, share, rest))
            expect("chains, sets", (change["chains"], change["sets"]), (0, 0))
            expect("objects", handles(w), before)
            expect("verify", t.enforcer.verify(), (0, ""))
            for address in (w.b.ip, w.b.ip6, w.b.ll):
                t.log.take()
                assert share.reaches(address, 5000) and rest.reaches(address, 5000), f"{address} 5000 is allowed"
                expect("log", t.log.take(), [])
                expect(f"{address} 5001", share.connect(address, 5001), "refused")
                assert rest.reaches(address, 5001), f"{address} 5001 passes in audit"
                expect("log", t.log.prefixes(), told)
        del listeners


def test_conflicting_bindings_are_taken_once(w):
    # Two workloads claim one address: the first holds it, and the transaction stands.
    with Test(w, shop(w, more=job(w) + [f"bind br0 {w.a.ip} job"])) as t:
        text = nft(w, "list map inet bulkhead egress4")
        expect_in("map", f'"br0" . {w.a.ip} : goto e_{workload_hash(w, "web")}', text)
        expect("verify", t.enforcer.verify()[0], 0)


def ranked(w, mode):
    """Of every rank what there is."""
    lines = []
    for head in (f"chain ranked-{mode} egress {mode} reject open-ingress", f"chain ranked-{mode} ingress {mode} reject"):
        lines += [head] + [f"{rank} {permit}" for rank in ("permit", "deny", "platform-permit", "platform-deny")
                           for permit in (f"peer tcp 22 {w.b.ip}", f"peer tcp 22 {w.b.ip6}", "net tcp 1-9 10.0.0.0/8",
                                          "net any 0 10.0.0.0/8", "net any 0 fd00::/8", f"peer any 0 {w.b.ip}",
                                          "host tcp 53", "host any 0", "world tcp 80", "world icmp 8", "world any 0")]
    return lines


def everything(w, how="routed"):
    """A ruleset that uses every kind of object; with how="vrf" those for veths in VRFs as well."""
    return shop(w, posture="audit", deny="drop", egress=everywhere(w.b, "tcp 5000") + [
        f"peer icmp 8 {w.b.ip}", f"peer icmpv6 128 {w.b.ip6}", f"peer gre 0 {w.b.ip}",
        f"peer 50 0 {w.b.ip6}", "net tcp 80 10.0.0.0/8", "net tcp 70-90 10.1.0.0/16",
        "net udp 53 ::/0", "net icmp 8 10.0.0.0/8", "net icmpv6 128 fd00::/8", "net gre 0 10.0.0.0/8",
        "net 50 0 fd00::/8", "host tcp 53", "host icmp 8", "host icmpv6 128", "host gre 0",
        "world tcp 443", "world icmp 8", "world icmpv6 128", "world gre 0"],
        more=job(w, "audit") + routed(w, how=how) + chains("idle", mode="learn") + chains("staged", mode="stage1") +
        [line for mode in ("learn", "audit", "stage1", "enforce") for line in ranked(w, mode)] + ["sensitive 22 5432"])


def plain_text(listing):
    """Without the table's flags, and what is only nft's remark or changes by itself."""
    listing = re.sub(r" # progname .*", "", listing)
    listing = re.sub(r"\tflags ?(owner)?\n\n?", "", listing, flags=re.M)
    return re.sub(r"packets \d+ bytes \d+", "packets 0 bytes 0", listing)


def in_fresh_namespace(w, text):
    """Loads it with plain nft somewhere else, and lists what came of it."""
    path = os.path.join(w.scratch.name, "listing.nft")
    with open(path, "w") as file:
        file.write(text)
    result = subprocess.run(["unshare", "--net", "sh", "-c", f"nft -f {path} && nft list ruleset"],
                            capture_output=True, text=True)
    expect("nft -f", result.stderr, "")
    return result.stdout


def test_listing_reloads_with_plain_nft(w):
    for how in ("routed", "vrf"):
        rules = everything(w, how)
        with Test(w, rules) as t:
            expect("verify", t.enforcer.verify(), (0, ""))
            listing = plain_text(nft(w, "list ruleset"))
            assert "chain forward" in listing and "@th,64,128" in listing
            expect("sdifname", "meta sdifname" in listing, how == "vrf")
            expect("reloaded", plain_text(in_fresh_namespace(w, listing)), listing)
            text = run(f"{w.driver} text {w.write_rules(rules)}")
            expect("bh_nft_text()", plain_text(in_fresh_namespace(w, text)), listing)


def test_owned_tables_withstand_others(w):
    with Test(w, shop(w)) as t:
        listener = w.b.listen(5001)
        before = nft(w, "list ruleset")
        nft(w, "flush ruleset")
        expect("after flush ruleset", nft(w, "list ruleset"), before)
        assert subprocess.run(["nsenter", f"--net=/run/netns/{w.host.netns}", "nft", "delete", "table",
                               "inet", "bulkhead"], capture_output=True).returncode != 0
        second = Enforcer(w)
        code, text = second.ask("apply " + w.write_rules(shop(w)))
        expect("a second process", code, -16)
        assert "another process" in text, text
        second.end()
        code = run(f"nsenter --net=/run/netns/{w.host.netns} {w.driver} remove").split()[0]
        expect("remove while owned", code, "-16")
        expect("5001", w.a.connect(w.b.ip, 5001), "refused")
        del t, listener


class Probe:
    """Knocks where it may not, all the time, in several ways."""

    def __init__(self, w):
        self.w, self.sent, self.running = w, 0, True
        self.udp = [w.b.udp(5001), w.b.udp(5001, "::")]
        self.listener = w.b.listen(5001)
        self.sockets = [(w.a.udp(0, w.a.ip), w.b.ip), (w.a.udp(0, w.a.ip6), w.b.ip6)]
        self.raw, self.sniffer = w.a.raw(), w.b.raw()
        spoofed = ipv4(w.c.ip, w.b.ip, 17, udp(w.c.ip, w.b.ip, 9, 5000, b"spoofed, spoofed"))
        self.frame = ether(w.b.mac, w.a.mac, 0x0800, spoofed)
        syn = tcp(w.a.ip, w.b.ip, 999, 5001, SYN)
        self.syn = ether(w.b.mac, w.a.mac, 0x0800, ipv4(w.a.ip, w.b.ip, 6, syn))
        self.thread = threading.Thread(target=self.knock)
        self.thread.start()

    def knock(self):
        while self.running:
            for s, address in self.sockets:
                try:
                    s.sendto(b"let me in", (address, 5001))
                except OSError:
                    pass  # told so by ICMP
            try:
                self.raw.send(self.frame)
                self.raw.send(self.syn)
            except OSError:
                return  # the test is over
            self.sent += 4
            time.sleep(0.0002)

    def end(self):
        """What got through."""
        self.running = False
        self.thread.join()
        time.sleep(SETTLE)
        through = 0
        for s in self.udp:
            s.setblocking(False)
            through += len(read_all(s))
        seen = read_all(self.sniffer)
        return through + sum(f in (self.frame, self.syn) for f in seen)


def test_a_killed_owners_rules_stand_and_are_adopted(w):
    # With rules that drop: answers would slow the probe down.
    rules = shop(w, deny="drop")
    with Test(w, rules) as t:
        t.log.end()  # not what this is about, and there would be much of it
        listener = w.b.listen(5000)
        probe = Probe(w)
        for _ in range(3):
            before = handles(w)
            time.sleep(0.2)
            t.enforcer.kill()
            time.sleep(0.1)
            assert w.a.reaches(w.b.ip, 5000)
            t.enforcer = Enforcer(w)
            expect("adopted", t.enforcer.apply(rules),
                   {"chains": 0, "sets": 0, "elements": 0, "adopted": 1})
            expect("objects", handles(w).replace("enforce_driver", ""),
                   before.replace("enforce_driver", ""))
            nft(w, "flush ruleset")
            expect("verify", t.enforcer.verify()[0], 0)
            # A change, and back, while packets fly.
            t.enforcer.apply(everything(w))
            t.enforcer.apply(rules)
        t.log = Log(w)
        through = probe.end()
        assert probe.sent > 1000, f"only {probe.sent} packets were sent"
        expect(f"of {probe.sent} packets passed", through, 0)
        del listener


def test_the_probe_notices_openness(w):
    """What the count of zero above is worth."""
    probe = Probe(w)
    time.sleep(0.3)
    through = probe.end()
    # All of them did, but receive buffers are small.
    assert through > 100, f"{through} of {probe.sent}"
    w.close_sockets()


def test_adoption_repairs_what_was_changed_meanwhile(w):
    with Test(w, shop(w)) as t:
        listener = w.b.listen(5001)
        t.enforcer.kill()
        web = workload_hash(w, "web")
        nft(w, f"flush chain inet bulkhead e_{web}")
        nft(w, "delete element inet bulkhead managed { br0 }")
        nft(w, f"add element inet bulkhead e_{web}_4 {{ {w.b.ip} . tcp . 5001 }}")
        nft(w, "add chain inet bulkhead foreign")
        nft(w, "add set inet bulkhead strange { type ipv4_addr; }")
        t.enforcer = Enforcer(w)
        change = t.enforcer.apply(shop(w))
        expect("change", change, {"chains": 2, "sets": 1, "elements": 2, "adopted": 1})
        expect("verify", t.enforcer.verify(), (0, ""))
        expect("5001", w.a.connect(w.b.ip, 5001), "refused")
        del listener


def test_adoption_changes_how_bridges_are_judged(w):
    # A new base chain: the kernel takes none in the transaction that takes the table over.
    ways = [re.sub(r"^stateless\n", "", shop(w), flags=re.M)]
    ways.append("stateless\n" + ways[0])
    with Test(w, ways[0]) as t:
        for rules in ways[1], ways[0], ways[1]:
            t.enforcer.kill()
            t.enforcer = Enforcer(w)
            expect("adopted", t.enforcer.apply(rules)["adopted"], 1)
            expect("verify", t.enforcer.verify(), (0, ""))


def test_plain_tables_are_converted_both_ways(w):
    with Test(w, shop(w), plain=True) as t:
        listener = w.b.listen(5001)
        for plain in (False, True, False):
            t.enforcer.kill()
            t.enforcer = Enforcer(w, plain)
            t.enforcer.apply(shop(w))
            expect("verify", t.enforcer.verify(), (0, ""))
            expect("5001", w.a.connect(w.b.ip, 5001), "refused")
        del listener


def test_an_element_that_matches_everything_is_found_and_removed(w):
    """Such an element has no key, and the kernel does not count it."""
    with Test(w, shop(w, ingress=everywhere(w.a, "tcp 5000-5001")), plain=True) as t:
        listener = w.b.listen(5001)
        hole = f"element {family_within(w)} bulkhead e_{workload_hash(w, 'web')}_4 {{ * }}"
        for killed in (False, True):
            expect("before", w.a.reaches(w.b.ip, 5001), False)
            nft(w, f"add {hole}")
            expect("with it", w.a.reaches(w.b.ip, 5001), True)
            expect("verify", t.enforcer.verify()[0], 1)
            if killed:
                t.enforcer.kill()
                t.enforcer = Enforcer(w, True)
            t.enforcer.apply(shop(w))
            expect("verify", t.enforcer.verify(), (0, ""))
            t.enforcer.apply(shop(w, ingress=everywhere(w.a, "tcp 5000-5001")))
        del listener


def test_plain_tables_are_watched_and_repaired(w):
    with Test(w, shop(w), plain=True) as t:
        expect("verify", t.enforcer.verify(), (0, ""))
        nft(w, "flush ruleset")
        code, text = t.enforcer.verify()
        expect("verify", code, 1)
        assert "table inet bulkhead" in text, text
        t.enforcer.apply(shop(w))
        expect("verify", t.enforcer.verify(), (0, ""))
        nft(w, f"insert rule inet bulkhead e_{workload_hash(w, 'web')} accept")
        expect("verify", t.enforcer.verify()[0], 1)
        change = t.enforcer.apply(shop(w))
        expect("chains", change["chains"], 1)
        expect("verify", t.enforcer.verify(), (0, ""))


def test_an_empty_ruleset_removes_the_tables(w):
    with Test(w, shop(w)) as t:
        nft(w, "add table inet somebody_elses")
        assert "bulkhead" in nft(w, "list tables")
        t.enforcer.apply("posture open\n")
        expect("tables", nft(w, "list tables"), "table inet somebody_elses\n")
        expect("verify", t.enforcer.verify(), (0, ""))
        t.enforcer.apply(shop(w))
        assert "bulkhead" in nft(w, "list tables")
        nft(w, "delete table inet somebody_elses")


def test_a_refused_transaction_changes_nothing(w):
    with Test(w, shop(w)) as t:
        before = nft(w, "list ruleset")
        code, _ = t.enforcer.ask("apply " + w.write_rules(shop(w).replace("bind br0", "bind br*0")))
        expect("apply", code, -22)
        expect("listing", nft(w, "list ruleset"), before)
        expect("verify", t.enforcer.verify(), (0, ""))


def test_connections_of_a_departed_address_are_forgotten(w):
    with Test(w, shop(w)) as t:
        for address in (w.b.ip, w.b.ip6):
            near, far = open_connection(w.a, w.b, address, 5000)
            exchange(near, far)
            # The policy no longer allows it: an established connection goes on …
            t.enforcer.apply(shop(w, egress=[], ingress=[]))
            exchange(near, far)
            # … until its entry is gone.
            code, count = run(f"nsenter --net=/run/netns/{w.host.netns} {w.driver} forget {address}"
                              ).split()
            expect("forget", code, "0")
            assert int(count) >= 1
            try:
                near.send(b"still there?")
            except ConnectionResetError:
                pass  # an acknowledgement was refused already
            expect_in("log", prefix(w, "DENY", "e", "web"), t.log.prefixes())
            code, count = run(f"nsenter --net=/run/netns/{w.host.netns} {w.driver} forget 10.9.9.9 "
                              "fd99::1").split()
            expect("nothing to forget", (code, count), ("0", "0"))
            t.enforcer.apply(shop(w))


def test_log_names_the_port(w):
    with Test(w, shop(w)) as t:
        index = w.host.sh(f"ip -o link show {w.a.port}").split(":")[0]
        bridge = w.host.sh("ip -o link show br0").split(":")[0]
        w.a.udp().sendto(b"x" * 600, (w.b.ip, 5001))
        line = next(x for x in t.log.take() if x.startswith("bh:DENY"))
        expect("interfaces", line.split()[1:5], ["family=7" if w.stateless else "family=2", f"in={bridge}", f"physical={index}",
                                                "bytes=256"])
        w.a.raw().send(ether(w.b.mac, w.c.mac, 0x0800, ipv4(w.a.ip, w.b.ip, 17, b"x" * 8)))
        line = next(x for x in t.log.take() if x.startswith("bh:SPOOF"))
        expect("interfaces", line.split()[1:4], ["family=7", f"in={bridge}", f"physical={index}"])


def test_logs_are_limited_and_counters_are_not(w):
    with Test(w, shop(w, deny="drop")) as t:
        client = w.a.udp()
        for _ in range(1000):
            client.sendto(b"x", (w.b.ip, 5001))
        lines = t.log.take()
        assert 100 <= len(lines) <= 400, f"{len(lines)} lines"
        chain = f"e_{workload_hash(w, 'web')}{'_back' if w.stateless else ''}"
        text = nft(w, f"list chain {family_within(w)} bulkhead {chain}")
        expect("counted", re.search(r"counter packets (\d+) bytes \d+ drop", text).group(1), "1000")


# What rests on connection tracking.
STATEFUL = {"test_a_stale_entry_opens_no_connection", "test_connections_of_a_departed_address_are_forgotten"}


def main():
    if missing := missing_here():
        print(f"SKIPPED: {missing}")
        return 77
    stateless = "--stateless" in sys.argv
    wanted = [word for word in sys.argv[2:] if word != "--stateless"]
    tests = [(n, f) for n, f in globals().items()
             if n.startswith("test_") and (not wanted or any(x in n for x in wanted))
             and n not in (STATEFUL if stateless else ())
             and (stateless or not n.startswith("test_stateless_"))]
    if stateless:
        SILENT.add("silent")
    world = World(os.path.abspath(sys.argv[1]), f"enf{os.getpid()}", stateless)
    failed = 0
    try:
        world.build()
        world.settle()
        for name, test in tests:
            start = time.monotonic()
            try:
                test(world)
                print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except Exception:  # the next test deserves its chance
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
                world.close_sockets()
    finally:
        world.destroy()
    print(f"{len(tests) - failed} of {len(tests)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
