#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""stand_in.py SOCKET ANSWERS: answers on a unix socket in the daemon's place. ANSWERS is a JSON file:
path -> [status, body]; a path with its parameters goes before the path alone. Ends when its standard input does."""
import http.server
import json
import socketserver
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = ANSWERS.get(self.path) or ANSWERS.get(self.path.split("?")[0], [404, "{}"])
        body = body.encode("utf-8", "surrogateescape")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def address_string(self):
        return "a unix socket"

    def log_message(self, *words):
        pass


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


with open(sys.argv[2], encoding="utf-8") as file:
    ANSWERS = json.load(file)
server = Server(sys.argv[1], Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
