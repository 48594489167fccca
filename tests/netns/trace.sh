#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# doctor --trace names who drops: another's chain, or our own denial; says so where it sees nothing; and leaves
# nothing behind, also where the daemon is killed.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/services.sh
. "$(dirname "$0")/services.sh"

needs nft
make_host "trace-$$"
write_config "runtimes: {docker: off}"
forget_datagrams_soon
add_services 92
# As somebody else has it already: what bulkhead handed over it would take back where others drop it.
ip -n "$host" link set br0 type bridge nf_call_iptables 1 nf_call_ip6tables 1
start_daemon
knows 3
allow_api
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"

# ask: the addresses, at once and again and again, until it is over.
ask() {
	local address
	for address; do
		(
			until [ -e "$scratch/over" ]; do
				reach tcp "$address"
			done
		) &
	done
	wait
}
# trace STATUS ARGUMENT...: its JSON is in $scratch/trace.json; while it watches, web asks.
trace() {
	local expected=$1 status asker
	shift
	rm -f "$scratch/over"
	ask "${asked[@]}" &
	asker=$!
	bh doctor --trace "$@" --for 10s --format json >"$scratch/trace.json"
	status=$?
	touch "$scratch/over"
	wait $asker
	[ $status = "$expected" ] || fail "doctor --trace $*: status $status: $(cat "$scratch/trace.json")"
	on_host nft list tables | grep bulkhead_trace && fail "its tables are left"
	return 0
}
answer() {
	jq -e "$1" "$scratch/trace.json" >/dev/null || fail "$2: $(jq -c 'del(.packets)' "$scratch/trace.json")"
}

step "what passes: seen, and not dropped"
asked=(10.92.0.2 fd92::2)
trace 0 "netns:$host-web" "netns:$host-api" 80/tcp
answer '.seen > 1 and .dropped == 0 and .drops == []' "not seen"
answer '.packets | any(.proto == "tcp" and .dst.ip == "10.92.0.2" and .dst.port == 80 and .src.workload == "netns:'"$host"'-web")' \
	"IPv4 is not there"
answer '.packets | any(.dst.ip == "fd92::2" and .dst.port == 80 and (.steps | length > 0))' "IPv6 is not there"
answer '.packets | any(.src.ip == "10.92.0.2" and .src.port == 80)' "the answers are not there"

step "our own denial: the chain, and whose it is"
asked=(10.92.0.3 fd92::3)
trace 1 "netns:$host-web" 10.92.0.3
answer '.drops | any(.ours and .table == "bulkhead" and .workload == "netns:'"$host"'-web" and .side == "egress" and .handle != null and .packets > 0)' \
	"our denial is not named"
answer '.packets | all(.dst.ip != "fd92::3")' "what was not asked for is traced"
answer '.packets | any(.dropped and .dst.ip == "10.92.0.3")' "no packet is dropped"

step "somebody else's chain drops what we allow: his rule, his policy"
on_host nft -f - <<-END || fail "nft"
	table ip filter {
		chain FORWARD { type filter hook forward priority 10; policy drop; }
	}
	table inet theirs {
		chain guard {
			type filter hook forward priority 20; policy accept;
			ip6 daddr fd92::2 tcp dport 80 counter drop comment "ticket 12"
		}
	}
END
asked=(10.92.0.2 fd92::2)
trace 1 "netns:$host-web" "netns:$host-api" 80
answer '.drops | any(.family == "ip" and .table == "filter" and .chain == "FORWARD" and .policy and (.ours | not) and
	(.text | test("table ip filter chain FORWARD policy drop .*Docker")))' "the policy is not named"
answer '.drops | any(.family == "inet" and .table == "theirs" and .chain == "guard" and .handle != null and
	.comment == "ticket 12" and (.rule | test("cmp")))' "the rule is not named"
rm "$scratch/over"
ask 10.92.0.2 &
asker=$!
bh doctor --trace "netns:$host-web" "netns:$host-api" 80 --for 8s >"$scratch/trace.txt"
touch "$scratch/over"
wait $asker
grep -q 'dropped by table ip filter chain FORWARD policy drop' "$scratch/trace.txt" || fail "not in words: $(cat "$scratch/trace.txt")"
on_host nft delete table ip filter
on_host nft delete table inet theirs

step "nothing seen is said, and is no success"
asked=()
trace 1 "netns:$host-api" "netns:$host-db" 9999/udp
answer '.seen == 0 and .error == null' "something was seen"
bh doctor --trace "netns:$host-api" "netns:$host-db" 9999/udp --for 1s >"$scratch/trace.txt"
grep -q '^No such packet' "$scratch/trace.txt" || fail "not in words: $(cat "$scratch/trace.txt")"

step "what it cannot do it says"
bh doctor --trace nobody "netns:$host-db" --for 1s >/dev/null 2>"$scratch/error" && fail "an unknown workload is traced"
grep -q 'no workload nobody' "$scratch/error" || fail "$(cat "$scratch/error")"
bh doctor "netns:$host-web" >/dev/null 2>&1
[ $? = 2 ] || fail "arguments without --trace are no usage error"
bh doctor --trace --for 1h >/dev/null 2>&1
[ $? = 2 ] || fail "an hour is taken"

step "killed meanwhile, its tables go"
bh doctor --trace --for 60s >/dev/null 2>&1 &
eventually 5 on_host nft list table inet bulkhead_trace || fail "no tables"
kill_daemon
wait $!
on_host nft list tables | grep bulkhead_trace && fail "its tables are left"
on_host nft list table inet bulkhead >/dev/null || fail "the rules went, too"
true
