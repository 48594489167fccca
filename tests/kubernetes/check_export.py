# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies as Kubernetes' network policies.
Usage: check_export.py BULKHEAD CASES EXPORTED UNSAID [POLICIES [FIRST-SEED]]

CASES (check.py) are imported and exported again: the same answers, and the second time the same objects. EXPORTED are
policies of ours, and in golden/ the objects that come of them; UNSAID such as cannot be said, and what is told of them
and, where there is some, what --partly writes. And random policies: what is exported answers every probe as the policy
does; what is exported partly never allows what the policy denies."""
import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import yaml
from check import OUTSIDE, PORTS, lines_of, pods, probes_of

ELSEWHERE = (OUTSIDE, "198.51.100.1", "169.254.169.254", "224.0.0.5")


class Tool:
    def __init__(self, bulkhead, scratch):
        self.bulkhead, self.scratch = bulkhead, scratch

    def run(self, *words, cwd=None):
        return subprocess.run([self.bulkhead, *words], capture_output=True, text=True, cwd=cwd)

    def write(self, name, text):
        path = os.path.join(self.scratch, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def export(self, path, *options, cwd=None):
        return self.run("policy", "export", "--kubernetes", path, *options, cwd=cwd)

    def imported(self, path):
        result = self.run("policy", "import", "--kubernetes", path)
        assert result.returncode == 0, result.stderr
        return self.write("imported.yaml", result.stdout)

    def ask(self, policy):
        """The answers to probes.json."""
        result = self.run("policy", "check", "--policy", policy, "--endpoints",
                          os.path.join(self.scratch, "endpoints.json"), "--probes",
                          os.path.join(self.scratch, "probes.json"), "--format", "json")
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert answers, result.stderr
        return answers


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def said(exported):
    """By whom, but for the names, which come from how it was written."""
    return sorted(json.dumps([item["metadata"]["namespace"], item["spec"]]) for item in json.loads(exported)["items"])


def check_round_trip(tool, path, endpoints):
    probes = list(probes_of(endpoints, lines_of(path)))
    tool.write("probes.json", json.dumps(probes))
    own, wrong, texts = tool.imported(path), 0, []
    for form in ("table", "json"):
        exported = tool.export(own, "--format", form)
        assert (exported.returncode, exported.stderr) == (0, ""), f"{path}: {exported.stderr}"
        assert tool.export(own, "--format", form).stdout == exported.stdout, path
        texts.append(exported.stdout)
        answers = tool.ask(tool.write("objects.yaml", exported.stdout))
        assert len(answers) == len(probes)
        bad = [a for a in answers if a["verdict"] != a["expect"]]
        for a in bad[:5]:
            print(f"{path}, exported: {json.dumps(a)}")
        wrong += len(bad)
    # As another reader of YAML has it.
    assert list(yaml.safe_load_all(texts[0])) == json.loads(texts[1])["items"], path
    again = tool.export(tool.imported(os.path.join(tool.scratch, "objects.yaml")), "--format", "json")
    if said(again.stdout) != said(exported.stdout):
        print(f"{path}: exported, imported and exported again it is not the same")
        wrong += 1
    return len(probes), wrong


def differs(path, what, found, expected):
    if found == expected:
        return 0
    print(f"{path}: {what}: found\n{found}instead of\n{expected}")
    return 1


def golden(path, ending):
    """What is to come of a policy; None where nothing is."""
    text = os.path.join(os.path.dirname(path), "golden", os.path.basename(path)[:-5] + ending)
    return read(text) if os.path.exists(text) else None


def check_exported(tool, folder):
    """NAME.yaml, golden/NAME.objects, golden/NAME.txt (what is told, where anything is)."""
    wrong, paths = 0, sorted(glob.glob(os.path.join(folder, "*.yaml")))
    for path in paths:
        result = tool.export(os.path.basename(path), cwd=folder)
        wrong += differs(path, "status", f"{result.returncode}\n", "0\n")
        wrong += differs(path, "output", result.stdout, golden(path, ".objects"))
        wrong += differs(path, "errors", result.stderr, golden(path, ".txt") or "")
        items = json.loads(tool.export(os.path.basename(path), "--format", "json", cwd=folder).stdout)["items"]
        assert [item for item in yaml.safe_load_all(result.stdout) if item] == items, path
    print(f"{len(paths)} policies exported, {wrong} differences")
    assert len(paths) >= 5
    return wrong


def check_unsaid(tool, folder):
    """NAME.yaml, golden/NAME.txt and, where something can be said, golden/NAME.objects."""
    wrong, paths = 0, sorted(glob.glob(os.path.join(folder, "*.yaml")))
    for path in paths:
        name, objects = os.path.basename(path), golden(path, ".objects")
        result, partly = tool.export(name, cwd=folder), tool.export(name, "--partly", cwd=folder)
        wrong += differs(path, "status and output", f"{result.returncode} {result.stdout}\n", "1 \n")
        wrong += differs(path, "errors", result.stderr, golden(path, ".txt"))
        wrong += differs(path, "status with --partly", f"{partly.returncode}\n", "0\n" if objects else "1\n")
        wrong += differs(path, "--partly", partly.stdout, objects or "")
    print(f"{len(paths)} policies that cannot be said, {wrong} differences")
    assert len(paths) >= 20
    return wrong


# --- random policies ------------------------------------------------------------------------------

ENTRIES = {
    "x": "{io.kubernetes.pod.namespace: x}",
    "xa": "{io.kubernetes.pod.namespace: x, pod: a}",
    "xnota": "{io.kubernetes.pod.namespace: x, pod: {not: a}}",
    "yb": "{io.kubernetes.pod.namespace: {in: [y]}, pod: b}",
    "zab": "{io.kubernetes.pod.namespace: z, pod: {in: [a, b]}}",
    "yz": "{io.kubernetes.pod.namespace: {in: [y, z, w], not: w}, pod: {exists: true}}",
    "pods": "{io.kubernetes.pod.namespace: {exists: true}}",
    "notx": "{io.kubernetes.pod.namespace: {exists: true, not: x}, pod: {not: [b, c]}}",
    "nsy": "{bulkhead.namespace/ns: y, bulkhead.namespace-labels: {exists: true}}",
    "all": "{bulkhead.workload: {exists: true}}",
    "c": "{pod: c}",
    "nobody": "{io.kubernetes.pod.namespace: x, pod: {in: [a], not: a}}",
}
WITHOUT_NAMESPACE = ("pods", "notx", "nsy", "all", "c")  # nobody can be closed by these: kept rare
PREFIXES = ("{cidr: 10.0.1.0/24, containers: true}", "{cidr: 0.0.0.0/0, except: [10.0.2.0/24], containers: true}",
            "{cidr: '::/0', containers: true}", "203.0.113.0/24", "10.0.0.0/8", "10.0.1.0/24")
SAYABLE = ("80/tcp", "81/udp", "80-81/sctp", "serve-80-tcp/tcp", "serve-81-udp/udp", "1-65535/tcp", "any")


def some(rng, items, most=2):
    return rng.sample(list(items), rng.randint(1, most))


def random_rule(rng, strange):
    egress = rng.random() < 0.5
    own = some(rng, ENTRIES)
    others = some(rng, list(ENTRIES) + list(PREFIXES[:3]))
    if rng.random() < 0.25:
        rest = ["metadata", "multicast"] if rng.random() < 0.7 else ["metadata"]
        others = ["all", "host", "world"] + (rest if egress else [])
    ports, more = some(rng, SAYABLE), ""
    if strange:
        others += some(rng, PREFIXES[3:] * 2 + ("world", "host") + (("metadata", "multicast") if egress else ()), 1)
        ports += some(rng, ("icmp/8", "gre", "80/tcp"), 1)
        more = rng.choice(("", "", "", ", action: deny", ", action: deny", ", tier: platform", ", expires: 2999-12-31"))
    elif rng.random() < 0.3:
        others.append("host")
        ports = ["any"]
    # A rule of both ends is written where either may be somebody outside.
    if rng.random() < 0.4:
        more += f", side: {'egress' if egress else 'ingress'}"
    ends = (own, others) if egress else (others, own)
    return f"  - {{from: [{', '.join(ends[0])}], to: [{', '.join(ends[1])}], ports: [{', '.join(ports)}]{more}}}"


def random_defaults(rng, openly):
    sides = {side: rng.choice(("allow", "deny", None)) for side in ("egress", "ingress")}
    if openly:
        sides = {"egress": "allow", "ingress": "allow"}
    words = [f"{side}: {what}" for side, what in sides.items() if what]
    entries = [f"{name}: {{{rng.choice(('egress', 'ingress'))}: {'deny' if rng.random() < 0.8 else 'allow'}}}"
               for name in ENTRIES if rng.random() < (0.02 if name in WITHOUT_NAMESPACE else 0.25)]
    words += ["workloads: {" + ", ".join(entries) + "}"] if entries else []
    return ["defaults: {" + ", ".join(words) + "}"] if words else []


def random_policy(rng):
    lines = ["bulkhead-policy: 1", "workloads:"] + [f"  {name}: {labels}" for name, labels in ENTRIES.items()]
    lines += random_defaults(rng, rng.random() < 0.5)
    strange = rng.choice((0, 0, 0.2, 0.5))
    rules = [random_rule(rng, rng.random() < strange) for _ in range(rng.randint(1, 4))]
    if strange and "action" not in rules[0] and "tier" not in rules[0]:
        # Something of what is allowed is denied.
        rules.append(re.sub(r"ports: \[.*?\]", f"ports: [{rng.choice(SAYABLE)}]", rules[0])[:-1] + ", action: deny}")
    return "\n".join(lines + ["rules:"] + rules) + "\n"


def all_probes(endpoints):
    """But for the node's, which no object can change."""
    names = [e["id"] for e in endpoints]
    return [{"from": source, "to": target, "port": port, "protocol": protocol}
            for source in names + [OUTSIDE] for target in names + list(ELSEWHERE) if {source, target} & set(names)
            for port, protocol in PORTS[:4]]


def try_random(tool, seed, tally):
    policy = random_policy(random.Random(seed))
    path = tool.write("policy.yaml", policy)
    whole, partly = tool.export(path), tool.export(path, "--partly")
    assert whole.returncode in (0, 1) and (whole.stdout == "") == (whole.returncode == 1), whole.stderr
    kind = "whole" if whole.returncode == 0 else "partly" if partly.returncode == 0 else "refused"
    if "apiVersion" not in partly.stdout:
        tally["nothing" if kind != "refused" else kind] += 1
        return 0
    tally[kind] += 1
    own, theirs = tool.ask(path), tool.ask(tool.write("objects.yaml", partly.stdout))
    # Uncertain: one of an endpoint's addresses is answered otherwise than the other.
    ranks = ("deny", "uncertain", "allow")
    bad = [(a, b) for a, b in zip(own, theirs, strict=True) if a["verdict"] != b["verdict"] and
           (kind == "whole" or ranks.index(b["verdict"]) > ranks.index(a["verdict"]))]
    tally["allowed"] += sum(b["verdict"] == "allow" for b in theirs)
    tally["denied"] += sum(b["verdict"] == "deny" for b in theirs)
    if bad:
        print(f"seed {seed}, {kind}: {bad[0]}\n{policy}{partly.stdout}")
    return len(bad)


def check_random(tool, endpoints, policies, first):
    probes = all_probes(endpoints)
    tool.write("probes.json", json.dumps(probes))
    tally = dict.fromkeys(("whole", "partly", "refused", "nothing", "allowed", "denied"), 0)
    wrong = sum(try_random(tool, seed, tally) for seed in range(first, first + policies))
    print(f"{policies} random policies, {len(probes)} probes each: {tally}; {wrong} wrong")
    assert min(tally[what] for what in ("whole", "partly", "refused")) >= policies // 20, "hardly any of one kind"
    assert min(tally["allowed"], tally["denied"]) > policies * len(probes) // 10
    return wrong


def main():
    bulkhead, cases, exported, unsaid = (os.path.abspath(path) for path in sys.argv[1:5])
    policies = int(sys.argv[5]) if len(sys.argv) > 5 else 60
    first = int(sys.argv[6]) if len(sys.argv) > 6 else 1
    endpoints = list(pods())
    with tempfile.TemporaryDirectory() as scratch:
        tool = Tool(bulkhead, scratch)
        tool.write("endpoints.json", json.dumps(endpoints))
        results = [check_round_trip(tool, path, endpoints) for path in sorted(glob.glob(cases + "/*.yaml"))]
        wrong = sum(bad for _, bad in results)
        print(f"{len(results)} cases imported and exported, {sum(n for n, _ in results)} probes, {wrong} wrong")
        assert len(results) >= 30
        wrong += check_exported(tool, exported) + check_unsaid(tool, unsaid)
        wrong += check_random(tool, endpoints, policies, first)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
