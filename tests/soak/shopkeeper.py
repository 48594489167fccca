#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs in the containers of a month.

shopkeeper.py run NAME DUTY...  does its duties until it is ended, and writes to SHARED/NAME.done, about once a
                                second, how often each did well and failed: "DUTY OK FAILED"
    serve:PORT                  answers TCP
    dns                         answers any name of SHARED/names with its address
    call:WHO:PORT:SECONDS       asks one of those whose addresses are in SHARED/WHO, in turn
    name:NAME:PORT:SECONDS      asks SHARED/dns for the name, and then that address
    Who asks begins when there is a file SHARED/open.
shopkeeper.py once WHO PORT     one such call; its exit status says whether it was answered
shopkeeper.py once-name NAME PORT
shopkeeper.py scan PORT...      knocks at each port of everybody, as one who looks around; prints how many answered
"""
import itertools
import os
import pathlib
import selectors
import socket
import struct
import sys
import threading
import time

SHARED = pathlib.Path(os.environ.get("SHARED", "/shared"))
LIMIT = 2  # seconds for an answer


def addresses(who):
    return (SHARED / who).read_text(encoding="utf-8").split()


def call(address, port):
    try:
        with socket.create_connection((address, port), LIMIT) as connection:
            connection.sendall(b"please\n")
            return connection.recv(100) != b""
    except OSError:
        return False


# --- names ----------------------------------------------------------------------------------------


def read_name(message):
    labels, at = [], 12
    while message[at] != 0:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += message[at] + 1
    return ".".join(labels), message[12 : at + 5]


def answer_names(port=53):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", port))
        while True:
            message, client = server.recvfrom(512)
            name, question = read_name(message)
            known = dict(line.split() for line in (SHARED / "names").read_text(encoding="utf-8").splitlines())
            head = message[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
            record = struct.pack("!HHHIH", 0xC00C, 1, 1, 300, 4) + socket.inet_aton(known[name])
            server.sendto(head + question + record, client)


def look_up(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(LIMIT)
        asker.connect((addresses("dns")[0], 53))
        asker.send(os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + question)
        return socket.inet_ntoa(asker.recv(512)[-4:])


def call_name(name, port):
    try:
        return call(look_up(name), port)
    except OSError:
        return False


# --- duties ---------------------------------------------------------------------------------------

done = {}


def serve(port):
    listener = socket.create_server(("", port), backlog=64)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                waiting.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                if key.fileobj.recv(100):
                    key.fileobj.sendall(b"here you are\n")
            except OSError:
                pass
            waiting.unregister(key.fileobj)
            key.fileobj.close()


def again_and_again(duty, ask, seconds):
    done[duty] = [0, 0]
    while not (SHARED / "open").exists():
        time.sleep(0.1)
    while True:
        done[duty][0 if ask() else 1] += 1
        time.sleep(seconds)


def start(duty):
    kind, *rest = duty.split(":")
    if kind == "serve":
        run, arguments = serve, (int(rest[0]),)
    elif kind == "dns":
        run, arguments = answer_names, ()
    else:
        who, port, seconds = rest[0], int(rest[1]), float(rest[2])
        turns = itertools.count()

        def in_turn():
            known = addresses(who)
            return call(known[next(turns) % len(known)], port)

        ask = in_turn if kind == "call" else lambda: call_name(who, port)
        run, arguments = again_and_again, (duty, ask, seconds)
    threading.Thread(target=run, args=arguments, daemon=True).start()


def work(name, duties):
    for duty in duties:
        start(duty)
    while True:
        text = "".join(f"{duty} {good} {bad}\n" for duty, (good, bad) in done.items())
        fresh = SHARED / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.rename(SHARED / f"{name}.done")  # whoever reads finds one or the other
        time.sleep(1)


def knock(address, port):
    with socket.socket(socket.AF_INET) as knocker:
        knocker.settimeout(0.3)
        return knocker.connect_ex((address, port)) == 0


def scan(ports):
    everybody = (SHARED / "everybody").read_text(encoding="utf-8").split()
    print(sum(knock(address, port) for address in everybody for port in ports))


def main(command, *arguments):
    if command == "run":
        work(arguments[0], arguments[1:])
    elif command == "scan":
        scan([int(port) for port in arguments])
    elif command == "once":
        sys.exit(0 if all(call(a, int(arguments[1])) for a in addresses(arguments[0])[:1]) else 1)
    elif command == "once-name":
        sys.exit(0 if call_name(arguments[0], int(arguments[1])) else 1)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
