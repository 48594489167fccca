#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The reference that is committed is the one that scripts/reference makes, it is whole, and its manual pages are such.
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
while read -r made; do
	diff -u "$source/$made" "$scratch/$made" >&2 || fail "$made is not what is made of the sources: scripts/reference BULKHEAD"
done < <(cd "$scratch" && find docs -type f)
while read -r kept; do
	[ -e "$scratch/$kept" ] || fail "$kept is made of nothing any more"
done < <(cd "$source" && find docs/reference docs/man -type f ! -name meson.build)

# lacks_none PAGE: each of the lines that are read stands in the page, and there are some.
lacks_none() {
	local line any=
	while read -r line; do
		any=1
		grep -qF -- "$line" "$scratch/docs/reference/$1" || fail "$1 lacks $line"
	done
	[ -n "$any" ] || fail "nothing is looked for in $1"
}
"$bulkhead" help --format json >"$scratch/help.json" || fail "help ended with $?"
lacks_none cli.md < <(jq -r '.commands[] | "## " + .name' "$scratch/help.json")
# Every key of the file, whatever comments look like.
lacks_none configuration.md < <(grep -oE '^ *[a-z0-9_]+:' "$source/config/bulkhead.yaml" | tr -d ' :' | sort -u)
lacks_none metrics.md < <(jq -r '.metrics[] | "| `" + .name + "` | " + .type + " |"' "$scratch/help.json")
lacks_none events.md < <(jq -r '.events[] | "| `" + .kind + "` | \(.severity) "' "$scratch/help.json")
# … and every kind that the daemon tells of, whether the table has it or not.
lacks_none events.md < <(cat "$source"/src/daemon/*.c | tr -s ' \t\n' ' ' |
	grep -oE 'bh_core_event(_json)?\( ?core, "[a-z-]+"' | sed -E 's/.*"(.*)"/| `\1` |/' | sort -u)
# Every path, method, parameter, schema and member of the document.
lacks_none api.md < <(python3 -c 'if True:
	import sys, yaml
	document = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
	for path, methods in document["paths"].items():
		for method, operation in methods.items():
			print("###", method.upper(), path)
			for parameter in operation.get("parameters", ()):
				print("| `" + parameter["name"] + "`")
	for name, schema in document["components"]["schemas"].items():
		print("###", name)
		for member in schema.get("properties", ()):
			print(member)' "$source/docs/openapi.yaml")

# shows PAGE TEXT: the manual page has it, as somebody would type it.
shows() {
	MANWIDTH=200 LC_ALL=C.UTF-8 man -l "$scratch/docs/man/$1" | grep -qF -- "$2" || fail "$1 does not show $2"
}
for page in "$scratch"/docs/man/*; do
	complaints=$(groff -ww -man -Tutf8 -z "$page" 2>&1) || fail "groff ended with $?"
	[ -z "$complaints" ] || fail "groff: $complaints"
	grep -qF "'$(basename "$page")'" "$source/docs/man/meson.build" || fail "$(basename "$page") is not installed"
done
shows bulkhead.yaml.5 'state_directory: /var/lib/bulkhead'
shows bulkhead-filter.7 "sni pay.example and not dns '*'"
shows bulkhead-filter.7 '| ("src" | "dst") PATTERN'
shows bulkhead-api.7 'GET /v1/flows'
shows bulkhead-exports.7 'bulkhead_leaks_total'
shows bulkhead-exports.7 'collectors: ["udp://192.0.2.10:4739"'

[ $failures = 0 ]
