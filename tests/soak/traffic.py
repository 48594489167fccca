#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on while the rules are changed. traffic.py serve PORT... | use ADDRESS:PORT... | try ADDRESS:PORT...

serve: answers what it is sent, over TCP and UDP, both families.
use: over and over opens a connection to each, and sends a datagram, and has to be answered; and one connection to each
  stays open all the time. What fails is a line on stdout, with the time; so is what has to be sent again because
  somebody dropped it ("again"). The last line, on SIGTERM, are the counts.
try: over and over sends a first segment and a datagram to each, and expects nothing; the same last line."""
import json
import selectors
import signal
import socket
import sys
import time

PATIENCE = 6.0  # seconds for an answer: a first segment that is lost is sent again after one
AGAIN = 2.0  # … and a datagram after so many
TOTAL_RETRANS = 100  # offset in struct tcp_info (linux/tcp.h)
PAUSE = {"use": 0.05, "try": 0.02}


class Over(Exception):
    pass


def over(*_):
    raise Over


def target(text):
    address, port = text.rsplit(":", 1)
    return address.strip("[]"), int(port)


def serve(ports):
    wait, talks = selectors.DefaultSelector(), {}
    for port in ports:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=500)
        wait.register(listener, selectors.EVENT_READ, "listener")
        datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        datagrams.bind(("::", port))
        wait.register(datagrams, selectors.EVENT_READ, "datagrams")
    while True:
        for key, _ in wait.select():
            answer(wait, key.fileobj, key.data)


def answer(wait, ready, kind):
    try:
        if kind == "listener":
            wait.register(ready.accept()[0], selectors.EVENT_READ, "connection")
        elif kind == "datagrams":
            ready.sendto(*ready.recvfrom(100))
        else:
            data = ready.recv(100)
            if data:
                ready.sendall(data)
                return
            raise OSError
    except OSError:
        if kind == "connection":
            wait.unregister(ready)
            ready.close()


def exchange(connection):
    connection.sendall(b"ping")
    if connection.recv(100) != b"ping":
        raise OSError("closed by the other end")


def tell(kind, where, what, began):
    print(f"{began:.3f} {kind} to {where[0]} port {where[1]}: {what}", flush=True)


def ask_by_datagram(where):
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect(where)
        began = time.time()
        try:
            s.settimeout(AGAIN)
            exchange(s)
        except socket.timeout:
            tell("udp", where, "again", began)
            s.settimeout(PATIENCE - AGAIN)
            exchange(s)


def ask(kind, where, kept):
    if kind == "udp":
        ask_by_datagram(where)
    elif kind == "tcp":
        began = time.time()
        with socket.create_connection(where, PATIENCE) as s:
            exchange(s)
            info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 200)
            if int.from_bytes(info[TOTAL_RETRANS:TOTAL_RETRANS + 4], sys.byteorder) > 0:
                tell(kind, where, "again", began)
    else:
        if where not in kept:
            kept[where] = socket.create_connection(where, PATIENCE)
        try:
            exchange(kept[where])
        except OSError:
            kept.pop(where).close()
            raise


def use(targets):
    counts, kept = {"tcp": 0, "udp": 0, "kept": 0, "failed": 0}, {}
    try:
        while True:
            for where in targets:
                for kind in ("tcp", "udp", "kept"):
                    began = time.time()
                    try:
                        ask(kind, where, kept)
                        counts[kind] += 1
                    except OSError as error:
                        counts["failed"] += 1
                        tell(kind, where, error, began)
            time.sleep(PAUSE["use"])
    except Over:
        print(json.dumps(counts), flush=True)


def attempt(where):
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.sendto(b"ping", where)
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setblocking(False)
        s.connect_ex(where)


def keep_trying(targets):
    counts = {"attempts": 0}
    try:
        while True:
            for where in targets:
                try:
                    attempt(where)
                except OSError:
                    pass  # refused, or no address yet: either way nothing arrived
                counts["attempts"] += 1
            time.sleep(PAUSE["try"])
    except Over:
        print(json.dumps(counts), flush=True)


signal.signal(signal.SIGTERM, over)
what, *rest = sys.argv[1:]
if what == "serve":
    try:
        serve([int(port) for port in rest])
    except Over:
        pass
elif what == "use":
    use([target(text) for text in rest])
else:
    keep_trying([target(text) for text in rest])
