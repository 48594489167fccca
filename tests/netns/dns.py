#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dns.py serve FILE | ask NAME TYPE udp|tcp | race NAME | push NAME: a name server for anything in lab-db, whoever
asks it, and one that answers unasked. Every name is an alias of an alias of lab-internet; of one that
begins with "pool" each answer gives the next of eight addresses, and "inside" is lab-db. ask prints the
address; race asks and connects until it is let through, and prints after how many milliseconds and
refusals that was."""
import socket
import struct
import sys
import threading
import time

ADDRESSES = {
    1: socket.inet_aton("203.0.113.10"),
    28: socket.inet_pton(socket.AF_INET6, "2001:db8:77::10"),
}


POOL = [socket.inet_aton(f"203.0.113.{last}") for last in range(11, 19)]
POOL6 = [socket.inet_pton(socket.AF_INET6, f"2001:db8:77::{last}") for last in range(11, 19)]


def address_of(message, kind):
    if message[13:17] == b"race":
        return socket.inet_aton(f"203.0.113.2{chr(message[17])}")
    if message[13:17] == b"pool":
        pool = POOL if kind == 1 else POOL6
        pool.append(pool.pop(0))
        return pool[-1]
    return socket.inet_aton("10.77.0.41") if message[13:19] == b"inside" else ADDRESSES[kind]


def name(text):
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def query(text, kind, ident=7):
    return struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + name(text) + struct.pack("!HH", kind, 1)


def record(owner, kind, data):
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


# The answers stand in no order, and padding makes the message longer than what is kept of others.
def reply(message):
    kind = struct.unpack("!H", message[-4:-2])[0]
    answers = [record(name(f"pad{i}.example"), 1, bytes(4)) for i in range(20)]
    answers.append(record(name("edge.cdn.example"), kind, address_of(message, kind)))
    answers.append(record(name("cdn.example"), 5, name("edge.cdn.example")))
    answers.append(record(b"\xc0\x0c", 5, name("cdn.example")))
    head = message[:2] + struct.pack("!5H", 0x8180, 1, len(answers), 0, 0)
    return head + message[12:] + b"".join(answers)


# Each piece is a segment of its own.
def send_in_pieces(connection, data, size):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(data), size):
        connection.sendall(data[at : at + size])
        time.sleep(0.01)


def serve_tcp():
    listener = socket.create_server(("0.0.0.0", 53))
    while True:
        client, _ = listener.accept()
        client.settimeout(3)
        with client, client.makefile("rb") as asked:
            length = struct.unpack("!H", asked.read(2))[0]
            answer = reply(asked.read(length))
            send_in_pieces(client, struct.pack("!H", len(answer)) + answer, 150)


if sys.argv[1] == "serve":
    threading.Thread(target=serve_tcp, daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", 53))
        open(sys.argv[2], "w").close()
        while True:
            message, client = s.recvfrom(1000)
            s.sendto(reply(message), client)
elif sys.argv[1] == "ask":
    message = query(sys.argv[2], int(sys.argv[3]))
    with socket.socket(type=socket.SOCK_DGRAM if sys.argv[4] == "udp" else socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(("10.77.0.41", 53))
        if sys.argv[4] == "udp":
            s.send(message)
            answer = s.recv(4000)
        else:
            send_in_pieces(s, struct.pack("!H", len(message)) + message, 2)
            answer = s.makefile("rb").read()
        if len(answer) < 300:
            sys.exit(1)
        # The address stands behind the name that the aliases end at.
        at = answer.index(name("edge.cdn.example")) + len(name("edge.cdn.example")) + 10
        kind = int(sys.argv[3])
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        print(socket.inet_ntop(family, answer[at : at + size]))
elif sys.argv[1] == "race":
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect(("10.77.0.41", 53))
        s.send(query(sys.argv[2], 1))
        answer = s.recv(4000)
        told = time.monotonic()
    at = answer.index(name("edge.cdn.example")) + len(name("edge.cdn.example")) + 10
    for refused in range(10000):
        try:
            socket.create_connection((socket.inet_ntoa(answer[at : at + 4]), 443), 0.2).close()
            break
        except OSError:
            time.sleep(0.001)
    print(f"{(time.monotonic() - told) * 1000:.0f} {refused}")
elif sys.argv[1] == "push":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", 53))
        s.sendto(reply(query(sys.argv[2], 1)), ("10.77.0.51", 4000))
