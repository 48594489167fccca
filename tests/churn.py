#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers that say who they are, by the ports that only they use.

churn.py serve READY       answers whoever connects over TCP and says its number: with a datagram to its
                           port BASE + number, then with a line; and echoes datagrams. Until it is ended.
churn.py check SERVER PREFIX MOST < FLOWS
                           compares what is said of each flow with its ports: number N is PREFIX + N.
                           Prints how many are right, wrong, and named by nobody; fails where one is
                           wrong, or where more than MOST percent of the ends have no name.

Whoever serves has all of the ports BASE and above led to TCP and UDP port 7.
"""
import collections
import json
import selectors
import socket
import sys

BASE, PORT = 10000, 7


def answer(connection):
    client = connection.getpeername()[0]
    connection.settimeout(2)
    try:
        number = int(connection.recv(100))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(b"hello", (client, BASE + number))
        connection.sendall(b"heard\n")
    except (OSError, ValueError):
        pass


def serve(ready):
    listener = socket.create_server(("", PORT), backlog=1024)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", PORT))
    selector = selectors.DefaultSelector()
    for waiting in listener, datagrams:
        selector.register(waiting, selectors.EVENT_READ)
    with open(ready, "w", encoding="utf-8"):
        pass
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                with listener.accept()[0] as connection:
                    answer(connection)
            else:
                datagrams.sendto(*datagrams.recvfrom(100))


def check(server, prefix, most):
    ends = collections.Counter()
    numbers, named, wrong = set(), set(), []
    for flow in map(json.loads, sys.stdin):
        port = flow["dst"]["port"]
        if flow["proto"] not in ("tcp", "udp") or port < BASE:
            continue
        # The server speaks from a port that nobody told it.
        spoken_to = flow["src"]["workload"] == server or flow["dst"]["workload"] != server
        guest, other = ("dst", "src") if spoken_to and flow["proto"] == "udp" else ("src", "dst")
        said = flow[guest]["workload"]
        numbers.add(port - BASE)
        if said == f"{prefix}{port - BASE}":
            named.add(port - BASE)
            ends[f"right ({guest})"] += 1
        elif said is None:
            ends[f"no name ({guest}, {flow[guest]['why'].split(':')[0]})"] += 1
        else:
            wrong.append(flow)
        if flow[other]["workload"] not in (server, None):
            wrong.append(flow)
    for flow in wrong:
        print("WRONG:", json.dumps(flow))
    nameless = sum(count for what, count in ends.items() if what.startswith("no name"))
    total = sum(ends.values())
    print(f"{len(numbers)} seen, {len(named)} of them named; ends of flows: "
          + ", ".join(f"{count} {what}" for what, count in sorted(ends.items()))
          + f", {len(wrong)} wrong")
    if total == 0:
        sys.exit("nothing was seen")
    if wrong:
        sys.exit("flows were attributed to somebody else")
    if nameless * 100 > float(most) * total:
        sys.exit(f"{nameless} of {total} ends have no name, more than {most} %")


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    check(*sys.argv[2:5])
