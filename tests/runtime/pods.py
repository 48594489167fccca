#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pods without Kubernetes: the few calls of the CRI (k8s.io/cri-api, runtime/v1/api.proto) that make some.

pods.py SOCKET pod NAMESPACE NAME UID              runs a sandbox, prints its id
pods.py SOCKET container SANDBOX NAMESPACE NAME UID CONTAINER IMAGE COMMAND...
                                                   starts a container in it, prints its id
pods.py SOCKET remove SANDBOX                      stops and removes it, with what is in it

Messages are written by hand, field by field: there are few, and they are the test's alone.
"""
import sys

import grpc


def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(tag, value):
    if isinstance(value, int):
        return number(tag << 3) + number(value)
    if isinstance(value, str):
        value = value.encode()
    return number(tag << 3 | 2) + number(len(value)) + value


def message(*fields):
    return b"".join(field(tag, value) for tag, value in fields)


def first_text(reply):
    """Field 1 of a reply: the id."""
    return reply[2:2 + reply[1]].decode() if reply[:1] == b"\n" else ""


def call(channel, method, request):
    return channel.unary_unary("/runtime.v1.RuntimeService/" + method)(request, timeout=30)


def sandbox(namespace, name, uid):
    metadata = message((1, name), (2, uid), (3, namespace))
    linux = message((1, "/kubepods/besteffort/pod" + uid))
    return message((1, metadata), (2, name), (3, "/tmp"), (8, linux))


def container(name, image, command):
    return message((1, message((1, name))), (2, message((1, image))),
                   *((3, word) for word in command), (11, name + ".log"))


def main():
    address, verb, *rest = sys.argv[1:]
    with grpc.insecure_channel("unix://" + address) as channel:
        if verb == "pod":
            print(first_text(call(channel, "RunPodSandbox", message((1, sandbox(*rest))))))
        elif verb == "container":
            pod, namespace, name, uid, own, image, *command = rest
            made = first_text(call(channel, "CreateContainer", message(
                (1, pod), (2, container(own, image, command)), (3, sandbox(namespace, name, uid)))))
            call(channel, "StartContainer", message((1, made)))
            print(made)
        else:
            call(channel, "StopPodSandbox", message((1, rest[0])))
            call(channel, "RemovePodSandbox", message((1, rest[0])))


main()
