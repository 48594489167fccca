#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames that lie, out of this namespace's interface.

liar.py INTERFACE arp MAC ADDRESS VICTIM-MAC VICTIM     ADDRESS is at MAC: asked, answered, announced
liar.py INTERFACE nd MAC ADDRESS VICTIM-MAC VICTIM      the same, by neighbour discovery
liar.py INTERFACE udp MAC ADDRESS VICTIM-MAC VICTIM TEXT
                                                        a datagram to port 9000 from ADDRESS and MAC
"""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "enforce"))
from frames import BROADCAST, advert, arp, ether, ipv4, ipv6, udp  # pylint: disable=wrong-import-position


def lies(kind, mac, address, victim_mac, victim, own_mac, text):
    if kind == "arp":
        for op in (1, 2):
            yield ether(victim_mac, own_mac, 0x0806, arp(op, mac, address, victim_mac, victim))
            yield ether(BROADCAST, own_mac, 0x0806, arp(op, mac, address, BROADCAST, address))
    elif kind == "nd":
        yield ether(victim_mac, own_mac, 0x86dd, advert(address, victim, address, mac))
    else:
        # Each from a port of its own: another flow.
        datagram = udp(address, victim, 20000 + sum(text.encode()), 9000, text.encode())
        packet = ipv6(address, victim, 17, datagram, 64) if ":" in address else ipv4(address, victim, 17, datagram)
        yield ether(victim_mac, mac, 0x86dd if ":" in address else 0x0800, packet)


interface = sys.argv[1]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
    sender.bind((interface, 0))
    own = sender.getsockname()[4].hex(":")
    for lie in lies(*sys.argv[2:7], own, sys.argv[7] if len(sys.argv) > 7 else ""):
        sender.send(lie)
