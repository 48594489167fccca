# SPDX-License-Identifier: GPL-2.0-or-later
"""Kubernetes' network policies, evaluated without a cluster: what its own end-to-end suite describes, as data.
Three namespaces x, y, z with pods a, b, c; each serves 80 and 81 over TCP, UDP and SCTP. Usage: check.py BULKHEAD CASES BROKEN

BROKEN are manifests that are not taken, each with its message.

A case is NAME.yaml, the policies, and NAME.txt: lines "allow|deny FROM TO PORT" of shell patterns, such as
"deny * x/a */TCP", of which the last that matches a probe says what is to come of it. Without any all pass."""
import fnmatch
import glob
import ipaddress
import json
import os
import subprocess
import sys
import tempfile

PORTS = [(port, protocol) for port in (80, 81) for protocol in ("TCP", "UDP", "SCTP")]
OUTSIDE = "203.0.113.7"


def pods():
    for n, namespace in enumerate("xyz", 1):
        for p, pod in enumerate("abc", 1):
            yield {"id": f"{namespace}/{pod}", "namespace": namespace,
                   "namespace_labels": {"ns": namespace, "kubernetes.io/metadata.name": namespace},
                   "labels": {"pod": pod}, "ips": [f"10.0.{n}.{p}", f"fd00::{n}:{p}"],
                   "ports": [{"name": f"serve-{port}-{protocol.lower()}", "port": port, "protocol": protocol}
                             for port, protocol in PORTS]}


def expected(lines, source, target, port):
    verdict = "allow"
    for line in lines:
        what, *patterns = line.split()
        if all(fnmatch.fnmatchcase(text, pattern) for text, pattern in zip((source, target, port), patterns)):
            verdict = what
    # A pod reaches itself, and its node, and that the pod.
    return "allow" if source == target or "host" in (source, target) else verdict


def lines_of(path):
    """What is said beside a case's policies."""
    with open(path[:-5] + ".txt", encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def probes_of(endpoints, lines):
    names = [e["id"] for e in endpoints]
    for source in names + [OUTSIDE, "host"]:
        for target in names + [OUTSIDE, "host"]:
            if source in names or target in names:
                for port, protocol in PORTS:
                    yield {"from": source, "to": target, "port": port, "protocol": protocol,
                           "expect": expected(lines, source, target, f"{port}/{protocol}")}


def check(bulkhead, scratch, path, endpoints):
    probes = list(probes_of(endpoints, lines_of(path)))
    with open(os.path.join(scratch, "probes.json"), "w", encoding="utf-8") as file:
        json.dump(probes, file)
    imported = subprocess.run([bulkhead, "policy", "import", "--kubernetes", path], capture_output=True, text=True)
    assert imported.returncode == 0, imported.stderr
    own = os.path.join(scratch, "policy.yaml")
    with open(own, "w", encoding="utf-8") as file:
        file.write(imported.stdout)
    wrong = 0
    # As they are, and as what they are imported as.
    for policy in (path, own):
        result = subprocess.run([bulkhead, "policy", "check", "--policy", policy, "--endpoints",
                                 os.path.join(scratch, "endpoints.json"), "--probes",
                                 os.path.join(scratch, "probes.json"), "--format", "json"],
                                capture_output=True, text=True)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(answers) == len(probes), result.stderr
        bad = [a for a in answers if a["verdict"] != a["expect"]]
        assert result.returncode == (1 if bad else 0)
        for a in bad[:5]:
            print(f"{os.path.basename(policy)} of {path}: {json.dumps(a)}")
        wrong += len(bad)
    denied = sum(p["expect"] == "deny" for p in probes)
    print(f"{os.path.basename(path)[:-5]}: {len(probes)} probes, {denied} to be denied, {wrong} wrong")
    assert denied or "all" in path, "a case that denies nothing says nothing"
    return wrong


def check_broken(bulkhead, folder):
    wrong, paths = 0, sorted(glob.glob(os.path.join(folder, "*.yaml")))
    for path in paths:
        with open(path[:-5] + ".txt", encoding="utf-8") as file:
            message = file.read()
        result = subprocess.run([bulkhead, "policy", "import", "--kubernetes", os.path.basename(path)], cwd=folder,
                                capture_output=True, text=True)
        if (result.returncode, result.stdout, result.stderr) != (1, "", message):
            print(f"{path}: {result.returncode} {result.stderr}instead of\n{message}")
            wrong += 1
    print(f"{len(paths)} broken manifests, {wrong} messages wrong")
    assert len(paths) >= 30
    return wrong


def main():
    bulkhead, cases, broken = os.path.abspath(sys.argv[1]), *sys.argv[2:]
    endpoints = list(pods())
    assert all(ipaddress.ip_address(ip) for e in endpoints for ip in e["ips"])
    paths = sorted(glob.glob(os.path.join(cases, "*.yaml")))
    with tempfile.TemporaryDirectory() as scratch:
        with open(os.path.join(scratch, "endpoints.json"), "w", encoding="utf-8") as file:
            json.dump(endpoints, file)
        wrong = sum(check(bulkhead, scratch, path, endpoints) for path in paths)
    print(f"{len(paths)} cases, {wrong} answers wrong")
    assert len(paths) >= 30
    return 1 if check_broken(bulkhead, broken) + wrong else 0


if __name__ == "__main__":
    sys.exit(main())
