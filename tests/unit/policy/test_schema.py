# SPDX-License-Identifier: GPL-2.0-or-later
"""The published schema and the parser know the same language: what the parser accepts the schema accepts; of what
is broken the schema refuses whatever is a matter of keys, types and words, and what it lets pass is listed here.
Usage: test_schema.py CONFIG BROKEN PROPERTY-TEST"""
import glob
import json
import os
import random
import sys

import jsonschema
import yaml

# Only who knows the file's own names, addresses and sums can tell; or another YAML parser than this one.
BEYOND = """anchor cidr-host-bits cidr-workload defaults-unknown-workload denied-name dns-all dns-dot dns-inner-star
    dns-source expires-long-ago expires-no-day except-all except-beyond except-family except-host-bits except-name
    exceptions-multiply groups-multiply
    exceptions-too-many far-workload group-before group-like-workload group-name-as-source group-of-itself group-pair
    group-slip group-twice label-exists-yes named-address no-workload pair-without-workload peer-in-list port-255
    port-any-slip port-icmp-type port-range-backwards port-too-large prefix-too-long prefix-with-host-bits
    prefix6-with-host-bits side-to-name side-without-workload swapped-letters tag two-keys-of-a-rule two-versions
    two-workloads-of-a-name unknown-workload word-slip""".split()


class Loader(yaml.SafeLoader):
    """As editors and YAML 1.2 have it: a date is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file) if path.endswith(".json") else yaml.load(file, Loader)


def main():
    config, broken, property_test = sys.argv[1:]
    with open(os.path.join(config, "policy.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = []
    examples = glob.glob(os.path.join(config, "policies", "*"))
    assert len(examples) >= 3
    for path in examples:
        wrong += [f"{path}: {e.message}" for e in validator.iter_errors(load(path))]
    sys.path.insert(0, os.path.dirname(property_test))
    from test_property import random_policy
    for seed in range(300):
        text = random_policy(random.Random(seed))
        wrong += [f"{e.message}\n{text}" for e in validator.iter_errors(yaml.safe_load(text))]
    let_pass = set()
    paths = glob.glob(os.path.join(broken, "*.yaml"))
    assert len(paths) >= 100, f"{len(paths)} broken policies"
    for path in paths:
        name = os.path.basename(path)[:-5]
        try:
            if validator.is_valid(load(path)):
                let_pass.add(name)
        except (yaml.YAMLError, RecursionError, ValueError):
            pass  # no document at all
    if let_pass != set(BEYOND):
        wrong.append(f"the schema lets pass {sorted(let_pass - set(BEYOND))}, refuses {sorted(set(BEYOND) - let_pass)}")
    print("\n".join(wrong) or f"{len(paths)} broken policies, {len(let_pass)} of them beyond a schema")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
