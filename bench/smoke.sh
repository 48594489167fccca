#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench/smoke.sh BUILD: whether bench/enforce.sh and bench/rules.sh still run, and print every row. Of the numbers
# nothing is asked but that there are any: they are another machine's, and of small counts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
[ "$(id -u)" = 0 ] || {
	echo "SKIPPED: needs root"
	exit 77
}

# expect COUNT PATTERN: so many lines of the output.
expect() {
	local found
	found=$(grep -Ec -- "$2" <<<"$output")
	[ "$found" = "$1" ] || {
		echo "$output"
		echo "$found lines like $2, not $1" >&2
		exit 1
	}
}

number='-?[0-9]+(\.[0-9]+)?'
output=$(bench/enforce.sh --quick --build "$1") || exit 1
expect 3 "^\| (netlink|bulkhead|nft) \| $number \| $number \| [0-9]+ \| $number \|$"
expect 4 "^(\| $number ){8}\|$"
expect 3 "^\| (bulkhead, and comparing .*|nft list ruleset) \| [0-9]+ \| $number \| -?[0-9]+ \|$"
expect 7 "^\| [a-z]+ \| [^|]+ (\| $number ){2}\|$"

output=$(bench/enforce.sh --stateless --quick --build "$1") || exit 1
expect 1 ", stateless, load "
expect 4 "^(\| $number ){8}\|$"

output=$(bench/rules.sh --quick --build "$1") || exit 1
bounds="$number \($number–$number\)"
expect 13 "^\| [a-z]+ \| [0-9]+ \| [0-9]+ \| +$bounds \| $number \| +$bounds \| +$bounds \| $number \| $number \|$"
expect 1 "^\| accept \| 0 "
for kind in stateless bulkhead nft iptables legacy ipset; do
	expect 2 "^\| $kind \| 10"
done
