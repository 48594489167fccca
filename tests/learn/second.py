#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A second implementation of learning, from its formulas, against the first.

second.py PROGRAM [TRACES]: makes so many traces of flows (default 30), learns each with both, and compares
what comes out edge by edge and digit by digit.
second.py PROGRAM GENERATOR: the same with what made-up services and intruders do (bench/learning).
"""
import ipaddress
import json
import math
import random
import subprocess
import sys
import tempfile

SENSITIVE = {22, 23, 135, 139, 445, 2049, 2375, 2379, 3306, 3389, 5432, 5900, 5985, 6379, 9092, 9200, 10250,
             11211, 27017}
PRIVATE = [ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                                 "fc00::/7")]
NEVER = {2375, 2376, 2379, 10250}


# --- the formulas ---------------------------------------------------------------------------------------------


def bound(once, windows, share):
    """The smallest n with P(N <= n) >= share, N ~ NegBin(once + 1/2, T / (T + 1))."""
    r, p = once + 0.5, windows / (windows + 1)
    total = 0.0
    for n in range(1000000):
        total += math.exp(math.lgamma(r + n) - math.lgamma(r) - math.lgamma(n + 1) + r * math.log(p)
                          + n * math.log(1 - p))
        if total >= share:
            return n
    return None


class Learner:
    def __init__(self, window, offset):
        self.window, self.offset = window, offset
        self.edges, self.tried, self.owners = {}, {}, {}
        self.contacts, self.walks = set(), {}
        self.first = self.now = None

    def index(self, time):
        return (time - self.offset) // self.window

    def hour(self, time):
        window = self.index(time)
        return window * 24 + min((time - self.offset - window * self.window) // (self.window // 24), 23)

    def owner(self, name, time):
        o = self.owners.setdefault(name, {"first": time, "deploys": [], "flags": [], "seen": {}, "edges": []})
        o["first"] = min(o["first"], time)
        return o

    def whole(self, first):
        return max(0, self.index(self.now) - self.index(first) - 1)

    def look_for_scanner(self, flow, answered):
        contact = (flow["replica"], flow["dst"], flow["proto"], flow["port"])
        if contact in self.contacts:
            return
        self.contacts.add(contact)
        walk = self.walks.get(flow["replica"], 0.0)
        walk = max(walk + (-math.log(4) if answered else math.log(4)), -math.log(99))
        if walk >= math.log(99):
            walk = 0.0
            self.owners[flow["src"]]["flags"].append(flow["first"])
        self.walks[flow["replica"]] = walk

    def learn(self, flow):
        times = [flow["first"]]
        if flow["answered"]:
            step = self.window // 24
            last = min(flow["last"], flow["until"] - 1)
            times += list(range(flow["first"] + step, last, step)) + [last]
        for at, time in enumerate(times):
            self.observe(flow, time, at == 0)

    def observe(self, flow, time, opens):
        self.first = time if self.first is None else min(self.first, time)
        self.now = time if self.now is None else max(self.now, time)
        if flow["src_kind"] == "workload":
            o = self.owner(flow["src"], time)
            o["seen"].setdefault(self.index(time), set()).add(flow["replica"])
            if flow["direction"] != "unknown" and not flow["denied"]:
                self.look_for_scanner(flow, flow["answered"])
        if flow["denied"] or "unresolved" in (flow["src_kind"], flow["dst_kind"]) or flow["direction"] == "unknown":
            return
        key = (flow["src"], flow["dst"], flow["proto"], flow["port"])
        edge = self.edges.get(key)
        if not flow["answered"]:
            if edge is None:
                edge = self.tried.setdefault(key, new_edge(flow, time))
                edge["last"] = max(edge["last"], time)
            edge["connections"] += flow["count"]
            edge["heard"] |= flow["proto"] == "udp" and flow["direction"] == "listener"
            return
        if edge is None:
            edge = self.edges[key] = new_edge(flow, time)
            edge["connections"] = self.tried.pop(key, {"connections": 0})["connections"]
            edge["owner"] = flow["dst"] if flow["src_kind"] != "workload" and flow["dst_kind"] == "workload" \
                else flow["src"]
            self.owner(edge["owner"], time)["edges"].append(edge)
        if opens:
            edge["connections"] += flow["count"]
            edge["answered"] += flow["count"]
        edge["windows"].add(self.index(time))
        edge["hours"].add(self.hour(time))
        edge["last"] = max(edge["last"], time)
        if flow["src_kind"] == "workload":
            edge["replicas"].add(flow["replica"])

    def reasons(self, edge):
        if edge["answered"] == 0:
            return ["F1"]
        o = self.owners[edge["owner"]]
        current = self.index(self.now) if not o["seen"] else max(o["seen"])
        replicas = o["seen"].get(current, set()) | o["seen"].get(current - 1, set())
        late = edge["first"] - o["first"] > 3 * self.window and not any(
            0 <= edge["first"] - d <= 2 * self.window for d in o["deploys"][-8:])
        port = edge["port"] if edge["proto"] in ("tcp", "udp") else None
        users = sum(1 for key in self.edges if key[1] == edge["dst"])
        out = []
        if any(abs(edge["first"] - flag) <= self.window for flag in o["flags"]):
            out.append("F2")
        if len(edge["windows"]) < 2:
            out.append("F3")
        if len(replicas) >= 2 and len(edge["replicas"]) == 1 and \
                (len(edge["hours"]) - 1) * math.log(len(replicas)) > math.log(100):
            out.append("F4")
        if late and port in SENSITIVE:
            out.append("F5")
        if edge["dst_kind"] == "address" or (edge["dst_kind"] == "dns" and late and users == 1):
            out.append("F6")
        if edge["dst_kind"] == "dns":
            out.append("F7")
        if edge["dst_kind"] == "metadata" or port in NEVER:
            out.append("never")
        windows = sorted(edge["windows"])
        longest = max((b - a for a, b in zip(windows, windows[1:])), default=0)
        if self.index(self.now) - windows[-1] > max(45, 3 * longest):
            out.append("unused")
        return out

    def rows(self):
        for edge in list(self.edges.values()) + list(self.tried.values()):
            why = self.reasons(edge)
            in_vain = why == ["F1"] and not edge["heard"]
            yield (edge["src"], edge["dst"], edge["proto"], edge["port"]), {
                "state": "rejected" if in_vain else "review" if why else "accepted", "reasons": why,
                "windows": len(edge["windows"]), "hours": len(edge["hours"]), "replicas": len(edge["replicas"]),
                "connections": edge["connections"], "answered": edge["answered"],
                "first": f'{edge["first"] / 1e6:.6f}', "last": f'{edge["last"] / 1e6:.6f}'}

    def readiness(self):
        windows, workloads = self.whole(self.first), {}
        for name, o in self.owners.items():
            if name in ("world", "host"):
                continue
            age = [self.index(self.now) - self.index(e["first"]) for e in o["edges"]]
            whole = self.whole(o["first"])
            back = min(7, whole // 2)
            new = sum(1 for a in age if 1 <= a <= back)
            workloads[name] = {"windows": whole, "edges": len(o["edges"]),
                               "seen_once": sum(1 for e in o["edges"] if len(e["windows"]) == 1),
                               "seen_twice": sum(1 for e in o["edges"] if len(e["windows"]) == 2),
                               "new": new, "back": back, "recent": new / back if back else None}
            workloads[name]["open_ended"] = back > 0 and new / back >= 0.5
        closed = [w for w in workloads.values() if not w["open_ended"]]

        def share(a, b):
            return sum(w[a] for w in closed) / sum(w[b] for w in closed) if sum(w[b] for w in closed) else 0.0
        windows_of_all = sum(w["windows"] for w in closed)
        seen_once = (sum(w["seen_once"] for w in closed) + 0.5) / windows_of_all if windows_of_all else 0.0
        rate = max(seen_once, share("new", "back"))
        for w in workloads.values():
            w["risk"] = 1 - ((60 + w["windows"]) / (61 + w["windows"])) ** (60 * rate + w["seen_once"]) \
                if w["windows"] else None
        once = sum(w["seen_once"] for w in workloads.values())
        back = min(7, windows // 2)
        owners = [o for name, o in self.owners.items() if name not in ("world", "host")]
        recent = sum(1 <= self.index(self.now) - self.index(e["first"]) <= back for o in owners for e in o["edges"])
        deployed = any(o["deploys"] and self.now - o["deploys"][-1] <= back * self.window or
                       back and self.now - o["first"] <= back * self.window for o in owners)
        events, of = once, windows
        if deployed and back and recent / back > once / windows:
            events, of = recent, back
        return {"windows": windows, "edges": sum(w["edges"] for w in workloads.values()), "seen_once": once,
                "recent": recent / back if back else None, "recent_windows": back, "deployed": deployed,
                "basis": "seen_once" if of == windows else "recent",
                "expected": events / of if of else None, "bound": bound(events, of, 0.95) if of else None,
                "quiet": (of / (of + 1)) ** (events + 0.5), "rate": rate, "workloads": workloads}


def new_edge(flow, time):
    return {"src": flow["src"], "dst": flow["dst"], "dst_kind": flow["dst_kind"], "proto": flow["proto"],
            "port": flow["port"], "first": time, "last": time, "connections": 0, "answered": 0, "windows": set(),
            "hours": set(), "replicas": set(), "heard": False}


# --- reading the lines ----------------------------------------------------------------------------------------


def kind(end):
    if end["workload"] is not None:
        return end["workload"] if end["workload"] in ("host", "world") else "workload"
    address = ipaddress.ip_address(end["ip"])
    if end["ip"] == "169.254.169.254":
        return "metadata"
    return "unresolved" if any(address in net for net in PRIVATE if net.version == address.version) else "address"


def understand(line, until):
    flow = {"first": round(line["first"] * 1e6), "last": round(line["last"] * 1e6), "until": until,
            "proto": line["proto"], "port": line["dst"]["port"], "direction": line["direction"],
            "count": line.get("count", 1), "denied": line.get("verdict") == "denied"}
    flow["answered"] = line["state"] in ("established", "closed") or \
        (line["state"] == "answered" and line["proto"] != "tcp")
    for end in ("src", "dst"):
        flow[end + "_kind"] = kind(line[end])
        flow[end] = line[end]["workload"] or line[end]["ip"]
    if line.get("dns") and flow["dst_kind"] == "address":
        flow["dst_kind"], flow["dst"] = "dns", "dns:" + line["dns"]
    flow["replica"] = (flow["src"], line["src"].get("replica", "")) if flow["src_kind"] == "workload" else None
    return flow


def learn(lines, window, offset, until):
    learner = Learner(window, offset)
    for line in sorted(lines, key=lambda x: round(x.get("first", x.get("time")) * 1e6)):
        if "deploy" in line:
            time = round(line["time"] * 1e6)
            if time < until:
                learner.owner(line["deploy"], time)["deploys"].append(time)
        elif round(line["first"] * 1e6) < until:
            learner.learn(understand(line, until))
    learner.now = max(learner.now, until)
    return learner


# --- traces ---------------------------------------------------------------------------------------------------


def make_edge(chance, number):
    to = chance.choices(["workload", "name", "address", "metadata", "stranger"], [12, 3, 1, 0.5, 1])[0]
    edge = {"src": f"s{chance.randrange(8)}", "port": chance.choice([80, 443, 8080, 5432, 6379, 22, 2375]),
            "proto": chance.choice(["tcp", "tcp", "tcp", "udp"]), "dns": None, "dst": None,
            "from": chance.choice([0, 0, 0, chance.randrange(20)]), "every": chance.choice([0.05, 0.2, 1, 1, 3, 9]),
            "replica": chance.choice([None, None, 0]), "answers": chance.random() < 0.85,
            "ip": f"203.0.113.{number % 250}"}
    if to == "workload":
        edge["dst"], edge["ip"] = f"d{chance.randrange(8)}", "10.0.0.9"
    elif to == "name":
        edge["dns"] = f"n{chance.randrange(12)}.example"
    elif to == "metadata":
        edge["ip"] = "169.254.169.254"
    elif to == "stranger":
        edge["ip"] = f"10.9.0.{number % 250}"
    if chance.random() < 0.08:
        edge["src"] = "world"
    return edge


def contact(src, dst, time, answered):
    return {"first": time, "last": time + 0.01, "proto": "tcp", "src": {"ip": "10.1.0.1", "port": 40000, "workload": src},
            "dst": {"ip": "10.0.0.9", "port": 8081, "workload": dst}, "dns": None, "direction": "syn",
            "state": "closed" if answered else "attempted", "verdict": "delivered"}


def make_scan(chance, time):
    """One looks for others in vain, while each of the others calls somebody who answers."""
    for number in range(12):
        yield contact("scanner", f"t{number}", time + 2 * number, number == 10)
        yield contact(f"s{number % 8}", f"first{chance.randrange(40)}", time + 2 * number + 1, True)


def make_trace(seed):
    chance = random.Random(seed)
    window = chance.choice([86400, 86400, 3600, 7000])
    start = 1767225600 + chance.randrange(10 * window)
    replicas = {f"s{i}": chance.randrange(1, 5) for i in range(8)}
    lines = []
    for number in range(60):
        edge = make_edge(chance, number)
        time = start + edge["from"] * window
        while time < start + 22 * window:
            time += chance.expovariate(1) * edge["every"] * window
            replica = chance.randrange(replicas.get(edge["src"], 1)) if edge["replica"] is None else 0
            answered = edge["answers"] and chance.random() < 0.97
            length = chance.choice([0.1, 0.1, 0.1, 0.1, 3 * window])
            line = {"first": round(time, 6), "last": round(time + length, 6), "proto": edge["proto"],
                    "src": {"ip": "10.1.0.1", "port": 40000, "workload": edge["src"]},
                    "dst": {"ip": edge["ip"], "port": edge["port"], "workload": edge["dst"]}, "dns": edge["dns"],
                    "state": chance.choice(["closed", "established"] if edge["proto"] == "tcp" else ["answered"])
                    if answered else chance.choice(["attempted", "refused"]),
                    "direction": chance.choices(["syn", "conntrack", "listener", "unknown"], [20, 3, 2, 1])[0],
                    "verdict": chance.choices(["delivered", "denied"], [40, 1])[0]}
            if replicas.get(edge["src"], 1) > 1:
                line["src"]["replica"] = f"r{replica}"
            if chance.random() < 0.5:
                line["count"] = chance.randrange(1, 20)
            lines.append(line)
    lines += make_scan(chance, start + chance.randrange(20) * window)
    for _ in range(6):
        lines.append({"deploy": f"s{chance.randrange(8)}", "time": round(start + chance.random() * 20 * window, 6)})
    chance.shuffle(lines)
    return lines, window, chance.choice([0, 0, 3600]), start + chance.choice([20, 20, 70]) * window + chance.randrange(window)


# --- both -----------------------------------------------------------------------------------------------------


def run(program, command, path, window, offset, until):
    out = subprocess.run([program, command, "--flows", path, "--window", str(window), "--offset", str(offset),
                          "--until", str(until), "--format", "json"], check=True, capture_output=True, text=True)
    return [json.loads(line, parse_float=str) for line in out.stdout.splitlines()]


def same_number(first, second):
    if first is None or second is None:
        return first is second
    return f"{float(first):.6g}" == f"{float(second):.6g}"


def compare(program, lines, window, offset, until):
    second = learn(lines, window * 1000000, offset * 1000000, until * 1000000)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
        file.flush()
        rows = run(program, "learn", file.name, window, offset, until)
        readiness = run(program, "readiness", file.name, window, offset, until)[0]
    expected = dict(second.rows())
    found = {(r["src"], r["dst"], r["proto"], r["port"]): r for r in rows}
    if len(found) != len(rows) or set(found) != set(expected):
        return f"other edges: {set(found) ^ set(expected)}"
    for key, row in expected.items():
        is_row = dict(found[key], reasons=[w.split(":")[0] for w in found[key]["reasons"]])
        for name, value in row.items():
            if is_row[name] != value:
                return f"{key}: {name} is {is_row[name]}, and should be {value}; {is_row}; {row}"
    numbers = second.readiness()
    workloads = {w["workload"]: w for w in readiness["workloads"]}
    if set(workloads) != set(numbers["workloads"]):
        return f"other workloads: {set(workloads) ^ set(numbers['workloads'])}"
    for name in ("windows", "edges", "seen_once", "recent", "recent_windows", "expected", "bound", "quiet", "rate"):
        if not same_number(readiness[name], numbers[name]):
            return f"{name} is {readiness[name]}, and should be {numbers[name]}"
    for name in ("deployed", "basis"):
        if readiness[name] != numbers[name]:
            return f"{name} is {readiness[name]}, and should be {numbers[name]}"
    for who, numbers_of in numbers["workloads"].items():
        for name in ("windows", "edges", "seen_once", "seen_twice", "recent", "risk"):
            if not same_number(workloads[who][name], numbers_of[name]):
                return f"{who}: {name} is {workloads[who][name]}, and should be {numbers_of[name]}"
        if workloads[who]["open_ended"] != numbers_of["open_ended"]:
            return f"{who}: open_ended is {workloads[who]['open_ended']}"
    states = [row["state"] for row in expected.values()]
    return {state: states.count(state) for state in set(states)}


HABITS_DAYS = 16
HABITS = ["base", "heavy", "drift", "open-ended"]


def habits(generator, scenario):
    out = subprocess.run([generator, "generate", "-k", scenario, "-a", "-d", str(HABITS_DAYS)], check=True,
                         capture_output=True, text=True)
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    return lines, 86400, 0, math.ceil(lines[-1].get("first", lines[-1].get("time")))


def main():
    program, what = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "30"
    seen = {}
    traces = range(int(what)) if what.isdigit() else HABITS
    for number in traces:
        result = compare(program, *(make_trace(number) if what.isdigit() else habits(what, number)))
        if isinstance(result, str):
            sys.exit(f"trace {number}: {result}")
        for state, count in result.items():
            seen[state] = seen.get(state, 0) + count
    # A comparison of nothing would be none.
    if min(seen.get(state, 0) for state in ("accepted", "review", "rejected")) < len(traces):
        sys.exit(f"the traces are too poor: {seen}")
    print(f"{len(traces)} traces: {seen}")


main()
