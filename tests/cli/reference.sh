#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The reference that is committed is the one that scripts/reference makes, and its man page is one.
set -uo pipefail
bulkhead=${BULKHEAD:?path of the program} source=${SOURCE:?path of the sources}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
	echo "FAILED: $*" >&2
	failures=$((failures + 1))
}

"$source/scripts/reference" "$bulkhead" "$scratch" || fail "scripts/reference ended with $?"
for made in docs/reference/cli.md docs/reference/configuration.md docs/man/bulkhead.yaml.5; do
	diff -u "$source/$made" "$scratch/$made" >&2 || fail "$made is not what is made of the sources: scripts/reference BULKHEAD"
done

while read -r command; do
	grep -qxF "## $command" "$scratch/docs/reference/cli.md" || fail "the reference lacks $command"
done < <("$bulkhead" help --format json | jq -r '.commands[].name')
# Every key of the file, whatever comments look like.
while read -r key; do
	grep -qF "$key" "$scratch/docs/reference/configuration.md" || fail "the reference lacks the key $key"
done < <(grep -oE '^ *[a-z0-9_]+:' "$source/config/bulkhead.yaml" | tr -d ' :' | sort -u)

page=$scratch/docs/man/bulkhead.yaml.5
complaints=$(groff -ww -man -Tutf8 -z "$page" 2>&1) || fail "groff ended with $?"
[ -z "$complaints" ] || fail "groff: $complaints"
man -l "$page" | grep -qF 'state_directory: /var/lib/bulkhead' || fail "man shows no keys"

[ $failures = 0 ]
