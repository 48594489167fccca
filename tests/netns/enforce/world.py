# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that exists only for a test: network namespaces on a bridge, one behind a routed veth, one
beyond an uplink, one beyond an uplink of the bridge if that is asked for, and the driver that loads rulesets into it. Nothing in it has a route out."""
import contextlib
import ctypes
import errno
import json
import os
import re
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SETTLE = 0.25  # longer than the kernel holds NFLOG messages back, and than a delivery takes


def run(command):
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


def missing_here():
    """The privilege or feature of the kernel without which there is no such host; None: all is there. What else
    goes wrong is a failure."""
    if os.geteuid() != 0:
        return "needs root"
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.unshare(CLONE_NEWNET) == 0 else ctypes.get_errno())
    error = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if error in (errno.EPERM, errno.EINVAL, errno.ENOSYS):
        return f"network namespaces cannot be made here: {os.strerror(error)}"
    assert error == 0, os.strerror(error)
    return None


def mac_bytes(mac):
    return bytes(int(part, 16) for part in mac.split(":"))


def link_local(mac):
    """The address that the kernel makes from a MAC."""
    b = mac_bytes(mac)
    tail = bytes([b[0] ^ 2]) + b[1:3] + b"\xff\xfe" + b[3:]
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + tail)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Box:
    """A container: a namespace with one interface, eth0."""

    def __init__(self, world, name, number):
        self.world, self.name = world, name
        self.netns = f"{world.prefix}-{name}"
        self.port = f"v{name}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.ip = f"10.77.0.{number}"
        self.ip6 = f"fd77::{number:x}"
        self.ll = link_local(self.mac)

    def sh(self, command):
        return run(f"nsenter --net=/run/netns/{self.netns} sh -c '{command}'")

    @contextlib.contextmanager
    def inside(self):
        """What is opened within belongs to this namespace."""
        home = os.open("/proc/self/task/%d/ns/net" % threading.get_native_id(), os.O_RDONLY)
        there = os.open(f"/run/netns/{self.netns}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)

    def socket(self, family, kind, proto=0):
        with self.inside():
            s = socket.socket(family, kind, proto)
        s.settimeout(1)
        self.world.sockets.append(s)
        return s

    def endpoint(self, address, port):
        if address.startswith("fe80"):
            with self.inside():
                return (address, port, 0, socket.if_nametoindex("eth0"))
        return (address, port)

    def listen(self, port, address=None):
        s = self.socket(family_of(address or "::"), socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address or "::", port))  # "::" takes IPv4 as well
        s.listen(64)
        return s

    def udp(self, port=0, address="0.0.0.0"):
        s = self.socket(family_of(address), socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.bind((address, port))
        return s

    def connect(self, address, port, timeout=0.6, source=None):
        """An open socket, or "refused", "prohibited", "silent"."""
        s = self.socket(family_of(address), socket.SOCK_STREAM)
        s.settimeout(timeout)
        try:
            if source:
                s.bind((source, 0))
            s.connect(self.endpoint(address, port))
            return s
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            s.close()  # it would try again while something else is tested
            return "silent"
        except OSError as e:
            if e.errno in (errno.EHOSTUNREACH, errno.EACCES, errno.ENETUNREACH):
                return "prohibited"
            raise

    def reaches(self, address, port, **options):
        result = self.connect(address, port, **options)
        if isinstance(result, str):
            return False
        result.close()
        return True

    def ping(self, address):
        six = ":" in address
        s = self.socket(family_of(address), socket.SOCK_RAW, 58 if six else 1)
        body = struct.pack("!BBHHH", 128 if six else 8, 0, 0, os.getpid() & 0xffff, 1) + b"echo"
        if not six:  # the kernel fills in ICMPv6's
            total = sum(struct.unpack("!6H", body))
            total = (total & 0xffff) + (total >> 16)
            body = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
        try:
            s.sendto(body, self.endpoint(address, 0))
            end = time.monotonic() + 0.7
            while (left := end - time.monotonic()) > 0:
                s.settimeout(left)
                got = s.recv(256)[0 if six else 20:]
                if got[0] == (129 if six else 0) and got[4:6] == body[4:6]:
                    return True
        except OSError:
            pass  # no answer, or an error that says that there will be none
        finally:
            s.close()
        return False

    def raw(self):
        """For frames as they are: what is sent is sent, what arrives is read."""
        with self.inside():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind(("eth0", 3))
        s.settimeout(0)
        self.world.sockets.append(s)
        return s


class Enforcer:
    """A process that holds the tables."""

    def __init__(self, world, plain=False):
        self.world = world
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{world.host.netns}", world.driver,
             "serve-plain" if plain else "serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        code, _, text = self.process.stdout.readline().strip().partition(" ")
        return int(code), text

    def apply(self, rules):
        """What changed, as a dictionary of counts; fails the test where the kernel refuses."""
        code, text = self.ask("apply " + self.world.write_rules(rules))
        assert code == 0, f"apply: {code} {text}"
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}

    def verify(self):
        return self.ask("verify")

    def uses(self):
        code, text = self.ask("uses")
        assert code == 0, f"uses: {code} {text}"
        return {key: int(value) for key, value in re.findall(r"(elements|packets)=(\d+)", text)}

    def counted(self):
        """What elements of permissions and denials counted: (workload, side, rank, kind, protocol, first and last port,
        first and last address) → packets."""
        code, text = self.ask("counted")
        assert code == 0, f"counted: {code} {text}"
        found = {}
        for line in filter(None, text.split(";")):
            workload, side, *numbers, low, high, packets = line.split()
            found[(workload, side, *map(int, numbers), low, high)] = int(packets)
        return found

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Log:
    """What the kernel reports over NFLOG."""

    def __init__(self, world):
        self.lines = []
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{world.host.netns}", world.driver, "log"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.read = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        for line in self.process.stdout:
            if line == "read\n":
                self.read.set()
            else:
                self.lines.append(line.strip())

    def take(self):
        """The lines since the last time."""
        time.sleep(SETTLE)
        self.read.clear()
        self.process.stdin.write("?")
        self.process.stdin.flush()
        assert self.read.wait(10), "the log is not read"
        lines, self.lines[:] = self.lines[:], []
        return lines

    def prefixes(self):
        return {line.split()[0] for line in self.take()}

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class World:
    def __init__(self, driver, prefix, stateless=False):
        """stateless: what stays on the bridge is judged by the bridge table alone."""
        self.driver, self.prefix, self.stateless = driver, prefix, stateless
        self.sockets = []
        self.scratch = tempfile.TemporaryDirectory()
        self.host = Box(self, "h", 254)
        self.host.netns = prefix + "-h"
        self.a, self.b, self.c, self.s = (Box(self, n, i + 1) for i, n in enumerate("abcs"))
        self.r = Box(self, "r", 5)
        self.w = Box(self, "w", 6)
        self.r.ip, self.r.ip6 = "10.78.0.2", "fd78::2"
        self.w.ip, self.w.ip6 = "192.0.2.2", "fd79::2"
        self.x = Box(self, "x", 7)
        self.leads_out = False
        self.boxes = [self.a, self.b, self.c, self.s, self.r, self.w, self.x]

    def build(self):
        for box in [self.host] + self.boxes:
            run(f"ip netns add {box.netns}")
            box.sh("ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0"
                   " net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=0")
        h = self.host
        h.sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0"
             " net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
             # One test sends one refused packet after the other and wants each answer.
             " net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
        # An address of its own, or it would take another one with another port.
        h.sh(f"ip link add br0 address {h.mac} type bridge mcast_snooping 0; ip link set br0 up;"
             "ip addr add 10.77.0.254/24 dev br0; ip addr add fd77::fe/64 dev br0 nodad")
        for box in (self.a, self.b, self.c, self.s):
            self.plug(box)
            h.sh(f"ip link set {box.port} master br0 up")
            self.address(box, box.ip + "/24", "10.77.0.254", box.ip6 + "/64", "fd77::fe")
        for box, net, net6 in ((self.r, "10.78.0", "fd78"), (self.w, "192.0.2", "fd79")):
            self.plug(box)
            h.sh(f"ip link set {box.port} up; ip addr add {net}.1/24 dev {box.port};"
                 f"ip addr add {net6}::1/64 dev {box.port} nodad")
            self.address(box, box.ip + "/24", net + ".1", box.ip6 + "/64", net6 + "::1")
        self.plug(self.x)
        self.address(self.x, self.x.ip + "/24", "10.77.0.254", self.x.ip6 + "/64", "fd77::fe")

    def lead_out(self, on):
        """Whether the bridge has a port behind which the world begins: x is there."""
        self.leads_out = on
        self.host.sh(f"ip link set {self.x.port} {'master br0 up' if on else 'nomaster down'}")
        if not on:
            return
        for box in (self.a, self.b, self.c, self.s, self.host):
            for address in (self.x.ip, self.x.ip6):
                assert any(box.ping(address) for _ in range(5)), f"{box.name} does not reach {address}"

    def plug(self, box):
        run(f"ip -n {self.host.netns} link add {box.port} type veth peer name eth0"
            f" address {box.mac} netns {box.netns}")

    def address(self, box, ip, gateway, ip6, gateway6):
        box.sh(f"ip link set eth0 up; ip addr add {ip} dev eth0; ip addr add {ip6} dev eth0 nodad;"
               f"ip route add default via {gateway}; ip -6 route add default via {gateway6}")

    def filter(self, on):
        """Whether the bridge hands its frames to the inet hooks."""
        flag = 1 if on else 0
        self.host.sh(f"ip link set br0 type bridge nf_call_iptables {flag} nf_call_ip6tables {flag}")

    def place(self, line):
        """A binding, and the port that its address is behind."""
        words = line.split()
        if words[:2] == ["bind", "br0"]:
            words += [box.port for box in self.boxes if words[2] in (box.ip, box.ip6, box.ll)]
        return " ".join(words)

    def write_rules(self, rules):
        path = os.path.join(self.scratch.name, "rules")
        if self.stateless:
            members = [f"member {box.port} br0" for box in (self.a, self.b, self.c, self.s)]
            members += [f"member {self.x.port} br0 uplink"] if self.leads_out else []
            rules = "\n".join(["stateless", *members, *map(self.place, rules.splitlines())]) + "\n"
        with open(path, "w") as file:
            file.write(rules)
        return path

    def close_sockets(self):
        while self.sockets:
            s = self.sockets.pop()
            if s.fileno() >= 0 and s.type == socket.SOCK_STREAM:  # at once: what is left of it would be judged in the next test
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()

    def settle(self):
        """Both ends know each other's MAC, so that no resolution is mistaken for silence."""
        for box in (self.a, self.b, self.c, self.s):
            for other in (self.a, self.b, self.c, self.host):
                if box is not other:
                    box.ping(other.ip)
                    box.ping(other.ip6)

    def destroy(self):
        self.close_sockets()
        for box in self.boxes + [self.host]:
            subprocess.run(["ip", "netns", "del", box.netns], capture_output=True)
        self.scratch.cleanup()
