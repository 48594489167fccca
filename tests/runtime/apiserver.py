#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bulkhead asks of a Kubernetes API server, answered over TLS from files.

apiserver.py PORT CERTIFICATE KEY FOLDER

FOLDER/token          the bearer token that has to come along
FOLDER/list.json      the list of pods, with its resourceVersion
FOLDER/events.jsonl   what the watch tells, as it is appended; one of a version that was seen is left out
FOLDER/floor          watches from versions below this number are answered with 410
FOLDER/objects/NAME   what is said of a replica set or a job; none: 404. FOLDER/objects missing: 403
FOLDER/log            a line for each request: status and path

A watch lasts 20 seconds. Forms of requests and answers: kubernetes.io/docs/reference/using-api/api-concepts.
"""
import http.server
import json
import os
import ssl
import sys
import time
import urllib.parse

PORT, CERTIFICATE, KEY, FOLDER = sys.argv[1:]
KIND = {"list": "PartialObjectMetadataList", "one": "PartialObjectMetadata"}


def read(name, otherwise=""):
    try:
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return otherwise


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status):
        with open(os.path.join(FOLDER, "log"), "a", encoding="utf-8") as log:
            log.write(f"{status} {self.path}\n")

    def answer(self, status, text):
        self.note(status)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def refuse(self, status):
        self.answer(status, json.dumps({"kind": "Status", "status": "Failure", "code": status}))

    def may(self):
        return self.headers.get("Authorization") == "Bearer " + read("token").strip()

    def accepts(self, kind):
        return self.headers.get("Accept") == f"application/json;as={KIND[kind]};g=meta.k8s.io;v=1"

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        if not self.may():
            self.refuse(401)
        elif parts.path.startswith("/apis/"):
            self.tell_object(parts.path.rsplit("/", 1)[1])
        elif parts.path != "/api/v1/pods" or query.get("fieldSelector") != "spec.nodeName=node-1":
            self.refuse(403)
        elif "watch" in query:
            self.watch(int(query["resourceVersion"]))
        elif self.accepts("list"):
            self.answer(200, read("list.json"))
        else:
            self.refuse(406)

    def tell_object(self, name):
        if not os.path.isdir(os.path.join(FOLDER, "objects")):
            self.refuse(403)
        elif not self.accepts("one"):
            self.refuse(406)
        else:
            text = read("objects/" + name)
            self.answer(200, text) if text else self.refuse(404)

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def watch(self, version):
        if version < int(read("floor", "0") or 0):
            self.refuse(410)
            return
        if not self.accepts("one"):
            self.refuse(406)
            return
        self.note(200)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        told, until = 0, time.monotonic() + 20
        while time.monotonic() < until:
            lines = read("events.jsonl").splitlines(keepends=True)
            for line in lines[told:]:
                if int(json.loads(line)["object"]["metadata"]["resourceVersion"]) > version:
                    self.chunk(line)
            told = len(lines)
            time.sleep(0.05)
        self.chunk("")


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(PORT)), Answers)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
