#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-ins for what logs are sent to; each writes what it gets to standard output, a message a line.

    logs.py unix PATH          datagrams; of journald's fields a JSON object
    logs.py udp PORT
    logs.py tcp PORT           octet counting (RFC 6587)
"""
import json
import os
import socket
import sys


def journal_fields(data):
    """None: it is not of journald's protocol."""
    fields = {}
    while data:
        head, _, rest = data.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[9 + length :]
        fields[name.decode()] = value.decode()
        data = rest
    return fields


def show(text):
    print(text.replace("\n", "\\n"), flush=True)


def unix(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    os.chmod(path, 0o666)
    while True:
        data = server.recv(1 << 20)
        show(json.dumps(journal_fields(data)) if data.startswith(b"MESSAGE") else data.decode())


def udp(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", int(port)))
    while True:
        show(server.recv(65536).decode())


def tcp(port):
    server = socket.create_server(("127.0.0.1", int(port)))
    while True:
        connection, _ = server.accept()
        with connection.makefile("rb") as stream:
            length = b""
            while byte := stream.read(1):
                if byte != b" ":
                    length += byte
                    continue
                show(stream.read(int(length)).decode())
                length = b""


if __name__ == "__main__":
    {"unix": unix, "udp": udp, "tcp": tcp}[sys.argv[1]](sys.argv[2])
