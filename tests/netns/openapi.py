#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds a daemon's answers against docs/openapi.yaml.

    openapi.py DOCUMENT PLACE OPERATOR VIEWER SOCKET MET [REQUEST...]

A request, one argument each, is METHOD PATH[?QUERY] [@FILE] [STATUS]: FILE is its body, and 200 the status without another.
SOCKET before it asks at the unix socket. FOLLOW PATH[?QUERY] N takes N lines of a stream, SSE so many of server-sent events.
`routes` and `roles` compare what the document says with what the daemon does, `met` says which schemas nothing was valid
against. MET is a file that notes them from call to call.

The document lets objects grow. Here they are closed: a member that it does not name is a fault of the document's.
"""
import copy
import http.client
import json
import re
import socket
import sys

import jsonschema
import yaml

# What needs an engine with images and labels, losses, or weeks: the daemon of this test has none of it.
NOT_HERE = {
    "ProposedGroup", "GroupInstance", "Member", "DeclaredSchedule", "Schedule", "DeployEvent", "RenamedEvent", "Renamed",
    "LossEvent", "LossInterval", "SpoofEvent", "OpenWorkload", "Gap",
}


def closed(schema):
    """The same, where no object has members that are not named."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


class Document:
    def __init__(self, path, met):
        with open(path, encoding="utf-8") as file:
            self.text = yaml.safe_load(file)
        self.schemas = closed(copy.deepcopy(self.text["components"]["schemas"]))
        self.met = met
        follow = jsonschema.Draft202012Validator.VALIDATORS["$ref"]

        def note(validator, ref, instance, schema):
            errors = list(follow(validator, ref, instance, schema))
            if not errors:
                self.met.add(ref.rsplit("/", 1)[1])
            return iter(errors)

        self.validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"$ref": note})

    def operations(self):
        for path, item in self.text["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def operation(self, method, path):
        return self.text["paths"][path][method.lower()]

    def response(self, method, path, status):
        responses = self.operation(method, path)["responses"]
        if str(status) not in responses:
            raise SystemExit(f"{method} {path}: status {status} is not documented")
        response = responses[str(status)]
        return self.text["components"]["responses"][response["$ref"].rsplit("/", 1)[1]] if "$ref" in response else response

    def check(self, schema, instance, where):
        root = {**closed(copy.deepcopy(schema)), "components": {"schemas": self.schemas}}
        errors = list(self.validator(root).iter_errors(instance))
        if errors:
            raise SystemExit(f"{where}: {explain(errors[0])}\n{json.dumps(instance)[:2000]}")


def explain(error):
    """The error, and those of the alternatives below it."""
    below = "".join(f"\n  {'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in leaves(error))
    return f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}{below}"


def leaves(error):
    for e in error.context or []:
        if e.context:
            yield from leaves(e)
        else:
            yield e


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("bulkhead", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Caller:
    def __init__(self, document, place, operator, viewer, unix):
        self.document, self.place, self.tokens, self.unix = document, place, (operator, viewer), unix

    def send(self, method, target, body=None, token=None, accept=None, unix=False):
        connection = UnixConnection(self.unix) if unix else http.client.HTTPConnection(self.place, timeout=20)
        headers = {} if unix else {"Authorization": f"Bearer {token or self.tokens[0]}"}
        if accept:
            headers["Accept"] = accept
        connection.request(method, target, body=body, headers=headers)
        return connection.getresponse()

    def take(self, method, target, body=None, unix=False):
        """Asks, and holds the answer against the document; the answer's status and text."""
        path = target.split("?")[0]
        answer = self.send(method, target, body, unix=unix)
        text = answer.read().decode()
        where = f"{method} {target}: {answer.status}"
        content = self.document.response(method, path, answer.status)["content"]
        kind = answer.headers["Content-Type"].split(";")[0]
        if kind not in content:
            raise SystemExit(f"{where}: {kind} is not documented")
        if kind == "application/json":
            self.document.check(content[kind]["schema"], json.loads(text), where)
        elif "lines" in target:
            for line in text.splitlines():
                self.document.check(content[kind]["x-itemSchema"], json.loads(line), where)
        else:
            self.document.check(content[kind]["schema"], text, where)
        return answer.status, text

    def follow(self, target, count, sse):
        """So many lines of a stream, each held against the document."""
        kind = "text/event-stream" if sse else "application/x-ndjson"
        answer = self.send("GET", target, accept=kind)
        content = self.document.response("GET", target.split("?")[0], answer.status)["content"]
        if answer.headers["Content-Type"] != kind:
            raise SystemExit(f"{target}: {answer.headers['Content-Type']}, not {kind}")
        while count > 0:
            line = answer.readline().decode().rstrip("\n")
            if sse and not line.startswith("data: "):
                if line and not re.match(r"id: \d+$|event: (flow|event|gap)$|: ", line):
                    raise SystemExit(f"{target}: {line}")
                continue
            self.document.check(content[kind]["x-itemSchema"], json.loads(line.removeprefix("data: ")), target)
            count -= 1


def compare(what, first, second):
    if first != second:
        raise SystemExit(f"{what}: not there: {sorted(first - second)}, too many: {sorted(second - first)}")


def compare_routes(document, caller):
    error = json.loads(caller.send("GET", "/v1/nothing").read())
    document.check({"$ref": "#/components/schemas/Error"}, error, "GET /v1/nothing")
    compare("routes of the daemon", {f"{m} {p}" for m, p, _ in document.operations()}, set(error["error"]["do"].split(", ")))
    for method, path, operation in document.operations():
        answer = caller.send("PATCH", path)
        document.check({"$ref": "#/components/schemas/Error"}, json.loads(answer.read()), f"PATCH {path}")
        if answer.status != 405:
            raise SystemExit(f"PATCH {path}: {answer.status}")
        answer = caller.send(method, path, token="bh_0000")
        document.check({"$ref": "#/components/schemas/Error"}, json.loads(answer.read()), f"{method} {path}")
        if answer.status != 401:
            raise SystemExit(f"{method} {path} without a token: {answer.status}")


def forbids(answer):
    return answer.status == 403 and "may only read" in json.loads(answer.read())["error"]["what"]


def compare_roles(document, caller):
    """A viewer is sent away from exactly what is an operator's, and an operator from what is root's."""
    said = {(m, p): o["x-role"] for m, p, o in document.operations()}
    secured = {(m, p) for m, p, o in document.operations() if {"bearer": ["operator"]} in o.get("security", [])}
    operators = {key for key, role in said.items() if role == "operator"}
    compare("operations of the role operator, by their security", secured, operators)
    refused = {key for key in said if forbids(caller.send(*key, token=caller.tokens[1]))}
    compare("operations refused to a viewer", {key for key, role in said.items() if role != "viewer"}, refused)
    rooted = {key for key, role in said.items() if role == "root"}
    compare("operations refused to an operator", rooted, {key for key in rooted if caller.send(*key).status == 403})


def carry_out(document, caller, word):
    if word == "routes":
        return compare_routes(document, caller)
    if word == "roles":
        return compare_roles(document, caller)
    if word == "met":
        left_out = NOT_HERE | unused(document)
        return compare("schemas that were met", set(document.schemas) - left_out, document.met - left_out)
    method, target, *rest = word.split(" ")
    if method in ("FOLLOW", "SSE"):
        return caller.follow(target, int(rest[0]), method == "SSE")
    unix = method == "SOCKET"
    if unix:
        method, target, *rest = target, *rest
    body = None
    if rest and rest[0].startswith("@"):
        with open(rest[0][1:], "rb") as file:
            body = file.read()
        rest = rest[1:]
    status, text = caller.take(method, target, body, unix)
    if status != int(rest[0] if rest else 200):
        raise SystemExit(f"{status}: {text[:2000]}")
    return None


def unused(document):
    """Of parameters and request bodies alone."""
    told = json.dumps([document.schemas, [o["responses"] for _, _, o in document.operations()],
                       document.text["components"]["responses"]])
    return {name for name in document.schemas if f'/schemas/{name}"' not in told}


def main():
    path, place, operator, viewer, unix, met_file = sys.argv[1:7]
    with open(met_file, "a+", encoding="utf-8") as file:
        file.seek(0)
        document = Document(path, set(file.read().split()))
    caller = Caller(document, place, operator, viewer, unix)
    faults = 0
    for word in sys.argv[7:]:
        try:
            carry_out(document, caller, word)
        except SystemExit as fault:
            print(f"{word}: {fault}", file=sys.stderr)
            faults += 1
    with open(met_file, "w", encoding="utf-8") as file:
        file.write("\n".join(sorted(document.met)))
    sys.exit(1 if faults else 0)


main()
