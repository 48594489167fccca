#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""count-tests.py LOG BUILD: counts a meson test log (one JSON object a line).

Prints "PASSED FAILED SKIPPED", then a line for each test that failed. A cmocka program that skipped
some of its tests passes for meson; each of them counts as skipped here, and is named on standard error.
Fails where the log holds no test at all: nothing run is nothing known.
"""
import json
import re
import sys

GOOD = {"OK", "EXPECTEDFAIL"}


def skipped_inside(result):
    """Names of the tests that a cmocka program skipped: "[  SKIPPED ] name"."""
    output = result.get("stdout", "") + result.get("stderr", "")
    return set(re.findall(r"^\[ +SKIPPED +\] ([a-z_]\w*)$", output, re.MULTILINE))


def main(path, build):
    with open(path, encoding="utf-8") as log:
        results = [json.loads(line) for line in log if line.strip()]
    if not results:
        sys.exit(f"{path}: no test ran")
    passed = sum(r["result"] in GOOD for r in results)
    skipped = sum(r["result"] == "SKIP" for r in results)
    bad = [r["name"] for r in results if r["result"] not in GOOD | {"SKIP"}]
    for result in results:
        for name in sorted(skipped_inside(result)):
            print(f"SKIPPED {build}: {result['name']}: {name}", file=sys.stderr)
            skipped += 1
    print(passed, len(bad), skipped)
    for name in bad:
        print(f"{build}: {name}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
