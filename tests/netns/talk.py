#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""talk.py serve PORT...: echoes by TCP and UDP. talk.py PREFIX NAME,tcp|udp,ADDRESS,PORT[,FROM]...: says a number five
times a second on each connection (from that port), writes to PREFIX-NAME how many were answered, and "ended" once it is
over. By UDP, which has no end, four numbers in a row without an answer are one."""
import selectors
import socket
import sys
import threading
import time


def serve(ports):
    wait = selectors.DefaultSelector()

    def watch(endpoint, kind):
        endpoint.setblocking(False)
        wait.register(endpoint, selectors.EVENT_READ, kind)

    for port in ports:
        watch(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), "listen")
        for address, family in (("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)):
            datagrams = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            datagrams.bind((address, port))
            watch(datagrams, "datagram")
    while True:
        for ready, _ in wait.select():
            try:
                if ready.data == "listen":
                    watch(ready.fileobj.accept()[0], "stream")
                elif ready.data == "datagram":
                    data, sender = ready.fileobj.recvfrom(100)
                    ready.fileobj.sendto(data, sender)
                else:
                    data = ready.fileobj.recv(100)
                    if not data:
                        raise ConnectionError
                    ready.fileobj.send(data)
            except BlockingIOError:
                pass
            except OSError:
                if ready.data == "stream":
                    wait.unregister(ready.fileobj)
                    ready.fileobj.close()


def talk(path, kind, address, port, source=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    talker = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    talker.settimeout(2)
    answered, silent = 0, 0
    try:
        if source:
            talker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            talker.bind(("", source))
        talker.connect((address, port))
        while silent < 4:
            time.sleep(0.2)
            try:
                talker.send(b"%d\n" % answered)
                if not talker.recv(100):
                    break
            except OSError:
                if kind == "tcp":
                    break
                silent += 1
                continue
            answered, silent = answered + 1, 0
            with open(path, "w", encoding="ascii") as out:
                out.write(f"{answered}\n")
    except OSError:
        pass
    with open(path, "w", encoding="ascii") as out:
        out.write(f"{answered}\nended\n")


if sys.argv[1] == "serve":
    serve([int(port) for port in sys.argv[2:]])
else:
    for spec in sys.argv[2:]:
        name, kind, address, *ports = spec.split(",")
        threading.Thread(target=talk, args=(f"{sys.argv[1]}-{name}", kind, address, *map(int, ports))).start()
