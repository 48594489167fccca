#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic of known truth.

visitor.py serve READY            answers TCP on 8080 and UDP on 5300, both families, until it is ended
visitor.py visit COUNT RATE HOST [REFUSED-PORT]
                                  COUNT exchanges at RATE a second, three quarters TCP connections and
                                  one UDP, and an attempt on REFUSED-PORT; prints what succeeded, and how many of
                                  the TCP connections did not at once: "TCP UDP LATE"
"""
import itertools
import selectors
import socket
import sys
import time

TCP_PORT, UDP_PORT = 8080, 5300
QUESTION, ANSWER = b"q" * 200, b"a" * 800


def answer_tcp(connection, selector):
    try:
        if connection.recv(1000):
            connection.sendall(ANSWER)
            return
    except OSError:
        pass
    selector.unregister(connection)
    connection.close()


def serve(ready):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("::", TCP_PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    datagrams.bind(("::", UDP_PORT))
    for waiting in listener, datagrams:
        waiting.setblocking(False)
        selector.register(waiting, selectors.EVENT_READ)
    with open(ready, "w", encoding="utf-8"):
        pass
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                selector.register(connection, selectors.EVENT_READ)
            elif key.fileobj is datagrams:
                question, client = datagrams.recvfrom(1000)
                datagrams.sendto(question, client)
            else:
                answer_tcp(key.fileobj, selector)


# A SYN is sent again after a second.
LATE = 0.9
late = 0


def ask_tcp(host):
    global late
    begun = time.monotonic()
    with socket.create_connection((host, TCP_PORT), 5) as connection:
        late += time.monotonic() - begun > LATE
        connection.sendall(QUESTION)
        left = len(ANSWER)
        while left > 0:
            got = len(connection.recv(left))
            if got == 0:
                return False
            left -= got
    return True


# A port of its own each time, and none again soon: another flow.
ports = itertools.cycle(range(10000, 60000))


def ask_udp(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.bind(("", next(ports)))
        asker.connect((host, UDP_PORT))
        asker.send(QUESTION)
        return asker.recv(1000) == QUESTION


def tried(ask, host):
    try:
        return ask(host)
    except OSError:
        return False


def visit(count, rate, host, refused=None):
    done = {ask_tcp: 0, ask_udp: 0}
    # Not where the last visitor of this container began.
    for _ in range(int(time.time() * 1000) % 50000):
        next(ports)
    begun = time.monotonic()
    for i in range(count):
        ask = ask_udp if i % 4 == 3 else ask_tcp
        done[ask] += tried(ask, host)
        ahead = begun + (i + 1) / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    print(done[ask_tcp], done[ask_udp], late)
    if refused is not None:
        with socket.socket(socket.AF_INET) as knocker:
            knocker.settimeout(5)
            if knocker.connect_ex((host, int(refused))) == 0:
                sys.exit("the refused port answered")


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    visit(int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
