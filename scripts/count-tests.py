#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""count-tests.py LOG BUILD: counts a meson test log (one JSON object a line).

Prints "PASSED FAILED SKIPPED", then a line for each test that failed. Fails where the log holds no
test at all: nothing run is nothing known.
"""
import json
import sys

GOOD = {"OK", "EXPECTEDFAIL"}


def main(path, build):
    with open(path, encoding="utf-8") as log:
        results = [json.loads(line) for line in log if line.strip()]
    if not results:
        sys.exit(f"{path}: no test ran")
    passed = sum(r["result"] in GOOD for r in results)
    skipped = sum(r["result"] == "SKIP" for r in results)
    bad = [r["name"] for r in results if r["result"] not in GOOD | {"SKIP"}]
    print(passed, len(bad), skipped)
    for name in bad:
        print(f"{build}: {name}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
