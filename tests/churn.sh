# shellcheck shell=bash disable=SC2154 # common.sh defines what is used here
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh by the tests of churn. They set `count`, and say what a lane() does: make its share of
# them, one after the other, have each visit the server (churn.py), and note how many were served.

churn=$(dirname "${BASH_SOURCE[0]}")/churn.py
lanes=3 # at a time

# serve_in NAMESPACE: the server, to which all ports from 10000 on lead.
serve_in() {
	nsenter --net="$1" nft -f - <<-NFT || fail "the server's ports"
		table ip led {
			chain ports {
				type nat hook prerouting priority -100;
				tcp dport 10000-60000 redirect to :7
				udp dport 10000-60000 redirect to :7
			}
		}
	NFT
	nsenter --net="$1" python3 "$churn" serve "$scratch/serving" &
	at_end "kill $! 2>/dev/null"
	eventually 10 test -e "$scratch/serving" || fail "the server does not start"
}

# share LANE COMMAND...: calls the command with the number of each that is the lane's; how many succeeded is noted.
share() {
	local lane=$1 number visited=0
	shift
	for number in $(seq "$lane" "$lanes" "$count"); do
		"$@" "$number" && visited=$((visited + 1))
	done
	echo "$visited" >"$scratch/visited-$lane"
}

# come_and_go PERCENT: all lanes; so many of them have to be served at least, for the test to mean anything.
come_and_go() {
	local began number pids=()
	began=$(date +%s%N)
	for number in $(seq $lanes); do
		lane "$number" &
		pids+=($!)
	done
	wait "${pids[@]}"
	local visited
	visited=$(awk '{ n += $1 } END { print n }' "$scratch"/visited-*)
	echo "$visited of $count were served, $((count * 1000000000 / ($(date +%s%N) - began))) a second"
	[ "$visited" -gt $((count * $1 / 100)) ] || fail "the test itself does not work"
}

# none_mixed_up SERVER PREFIX MOST: no flow is another's, and at most so many percent of their ends have no name.
none_mixed_up() {
	sleep 3 # the last reports
	bh flows --format json --limit 100000 >"$scratch/flows"
	python3 "$churn" check "$@" <"$scratch/flows" || fail "who sent what is not known"
	bh edges --format json | jq -c .unlearned
}
