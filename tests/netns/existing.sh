#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Open connections when the policy tightens: cut, drained, kept; and those that it allows are never touched.
# existing.sh [stateful|stateless]: how the bridges are judged.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/talk.sh
. "$(dirname "$0")/talk.sh"

bridge=${1:-stateless}
make_host "open-$$"
configure() { # [stateful|stateless]
	write_config "runtimes: {docker: off}
${1:+enforcement: {bridge: $1\}}"
	[ "$bridge" = stateful ] || sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 5s/' "$scratch/bulkhead.yaml"
}
configure "$bridge"
add_bridge br0
add_guest web br0 10.97.0.1/24 fd97::1/64
add_guest db br0 10.97.0.2/24 fd97::2/64
# Behind another bridge, by way of the host and of a published port.
add_bridge br1 10.97.1.254/24 fd97:1::fe/64
add_guest far br1 10.97.1.1/24 fd97:1::1/64
ip -n "$host" address add 10.97.0.254/24 dev br0
ip -n "$host" address add fd97::fe/64 dev br0 nodad
for guest in web db; do
	ip -n "$host-$guest" route add default via 10.97.0.254
	ip -n "$host-$guest" -6 route add default via fd97::fe
done
ip -n "$host-far" route add default via 10.97.1.254
ip -n "$host-far" -6 route add default via fd97:1::fe
on_host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
on_host nft -f - <<-'NFT' || fail "nft"
	table ip test-published {
		chain named { type nat hook prerouting priority dstnat; ip daddr 10.97.1.254 tcp dport 8080 dnat to 10.97.0.2:5432; }
	}
NFT
serve_talk db 80 5432

# talk_all PORT...: by TCP and UDP, IPv4 and IPv6, bridged and routed, and by the published port where it leads there.
talk_all() {
	local port names near=() far=()
	for port; do
		near+=("tcp4-$port,tcp,10.97.0.2,$port" "tcp6-$port,tcp,fd97::2,$port"
			"udp4-$port,udp,10.97.0.2,$port" "udp6-$port,udp,fd97::2,$port")
		far+=("routed4-$port,tcp,10.97.0.2,$port" "routed6-$port,tcp,fd97::2,$port")
		[ "$port" != 5432 ] || far+=("published-$port,tcp,10.97.1.254,8080")
	done
	talk web "${near[@]}"
	talk far "${far[@]}"
	for port; do
		mapfile -t names < <(all_of "$port")
		speak "${names[@]}"
	done
}
all_of() {
	local name
	for name in tcp4 tcp6 udp4 udp6 routed4 routed6; do
		echo "$name-$1"
	done
	[ "$1" != 5432 ] || echo "published-$1"
}
# policy PORTS [REST]: web and far may open these of db; REST is put into that rule.
policy() {
	cat <<-YAML
		bulkhead-policy: 1
		workloads:
		  web: {bulkhead.workload: "netns:$host-web"}
		  far: {bulkhead.workload: "netns:$host-far"}
		  db: {bulkhead.workload: "netns:$host-db"}
		rules:
		  - {from: [web, far], to: db, ports: [80/tcp, 80/udp]}
		  ${1:+- {from: [web, far], to: db, ports: [$1]${2:-}\}}
	YAML
}
both="5432/tcp, 5432/udp"
policy "" >"$scratch/narrow.yaml"
policy "$both" >"$scratch/wide.yaml"
widen() {
	bh policy apply "$scratch/wide.yaml" --format json >"$scratch/applied" || fail "apply"
	jq -e '.existing | .count == 0 and .either_way_count == 0' "$scratch/applied" >/dev/null ||
		fail "what is loosened ends something: $(cat "$scratch/applied")"
	eventually 10 reach 5432 || fail "5432 is refused, which is allowed"
}
reach() {
	in_guest web timeout 1 bash -c "exec 3<>/dev/tcp/10.97.0.2/$1" 2>/dev/null
}
refused() {
	! reach "$1"
}
# Whether there are connections that the bridge lets go on.
has_exceptions() {
	on_host nft list table bridge bulkhead | grep "exceptions_" >/dev/null
}
has_none() {
	! has_exceptions
}

start_daemon
knows 3
bh policy apply "$scratch/wide.yaml" >/dev/null || fail "apply"

step "from learning to enforcement: what the policy allows lives on, and what it denies is told and ends"
bh policy apply "$scratch/narrow.yaml" >/dev/null || fail "apply"
talk_all 80 5432
sleep 2
bh mode all enforce --anyway --dry-run --format json >"$scratch/said" || fail "dry run: $(cat "$scratch/said")"
jq -e '.existing | .count >= 7 and .existing == "cut" and (.connections | all(.port == 5432))' "$scratch/said" >/dev/null ||
	fail "it does not say what would end: $(cat "$scratch/said")"
status_is '.modes.enforce == 0' || fail "a dry run changed modes"
mapfile -t open < <(all_of 5432)
goes_on "${open[@]}"
bh mode all enforce --anyway --format json >"$scratch/said" || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
all_end "${open[@]}"
mapfile -t allowed < <(all_of 80)
goes_on "${allowed[@]}"
has_event '.kind == "cut" and .port == 5432 and .how == "cut" and .failed == 0 and .src == "netns:'"$host"'-web" and
	(.reason | contains("no rule lets"))' || fail "no event tells it"
hang_up

step "a policy that tightens: the preview names them, and cut ends them"
widen
talk_all 80 5432
sleep 2
bh policy diff "$scratch/narrow.yaml" --format json >"$scratch/said" || fail "diff"
jq -e '.existing | .count >= 7 and .uncertain_count == 0 and .incomplete == null and
	(.connections | all(.port == 5432 and (.reason | length) > 0) and any(.src.workload == "netns:'"$host"'-web") and
		any(.since != null and .bytes > 0) and any(.proto == "udp"))' "$scratch/said" >/dev/null ||
	fail "the preview is another: $(cat "$scratch/said")"
bh policy diff "$scratch/narrow.yaml" | grep -q "open connections that it denies and that passed until now (cut):" ||
	fail "the table does not tell it: $(bh policy diff "$scratch/narrow.yaml")"
eventually 10 sh -c "$bulkhead --socket $scratch/run/api.sock policy diff $scratch/narrow.yaml --format json |
	jq -e '.recorded.would_block | any(.port == 5432 and .connections > 0 and .last != null)'" ||
	fail "what was recorded is not held against it"
mapfile -t open < <(all_of 5432)
goes_on "${open[@]}"
bh policy apply "$scratch/narrow.yaml" --format json >"$scratch/applied" || fail "apply"
jq -e '.existing.count >= 7' "$scratch/applied" >/dev/null || fail "apply does not say what it ends: $(cat "$scratch/applied")"
all_end "${open[@]}"
goes_on "${allowed[@]}"
hang_up

step "keep: they go on until they end, also when another policy is applied"
widen
talk_all 80 5432
bh policy apply "$scratch/narrow.yaml" --existing keep >/dev/null || fail "apply"
eventually 10 refused 5432 || fail "the new policy is not in force"
goes_on "${open[@]}" "${allowed[@]}"
policy "81/tcp" >"$scratch/other.yaml"
bh policy apply "$scratch/other.yaml" --existing cut >/dev/null || fail "apply"
sleep 2
goes_on "${open[@]}" "${allowed[@]}"
has_event '.kind == "cut" and (.text | contains("until they end"))' || fail "no event tells it"
if [ "$bridge" = stateless ]; then
	bh policy show --nft | grep "set exceptions_udp6" >/dev/null || fail "the printed rules do not have them"
	kill_daemon
	goes_on "${open[@]}" "${allowed[@]}"
	start_daemon
	sleep 3
	goes_on "${open[@]}" "${allowed[@]}"
	eventually 10 refused 5432 || fail "the policy is not in force any more"
	has_exceptions || fail "they are none of the bridge's"
fi
hang_up
if [ "$bridge" = stateless ]; then
	eventually 40 has_none || fail "they ended, and would still pass: $(on_host nft list table bridge bulkhead | grep -A4 exceptions_)"
fi

step "drain: they go on for a while, and then they are cut; so it is if bulkhead is killed meanwhile"
widen
talk_all 80 5432
bh policy apply "$scratch/narrow.yaml" --existing drain=45s >/dev/null || fail "apply"
begun=$SECONDS
eventually 10 status_is '.enforcement.draining | length == 1 and .[0].connections >= 7' || fail "status does not say what drains"
bh status | grep -q "^draining .* open connections that the rules deny" || fail "nor does the table"
kill_daemon
goes_on tcp4-5432 udp6-5432
start_daemon
eventually 10 status_is '.enforcement.draining | length == 1' || fail "it forgot what drains"
goes_on "${open[@]}"
all_end "${open[@]}"
[ $((SECONDS - begun)) -ge 44 ] || fail "they were cut before their time"
goes_on "${allowed[@]}"
has_event '.kind == "cut" and .how == "drained" and .port == 5432' || fail "no event tells it"
eventually 10 status_is '.enforcement.draining == []' || fail "it drains still"
hang_up

step "what drains and is allowed again is not cut"
widen
talk_all 5432
bh policy apply "$scratch/narrow.yaml" --existing drain=30s >/dev/null || fail "apply"
eventually 10 refused 5432 || fail "the new policy is not in force"
widen
sleep 31
goes_on "${open[@]}"

step "a rollback, and the end of a trial"
bh policy apply "$scratch/narrow.yaml" --existing keep >/dev/null || fail "apply"
widen
bh policy rollback --dry-run --format json >"$scratch/applied" || fail "the dry run of a rollback"
jq -e '.dry_run and .changes > 0 and .back_to > 0 and .existing.count >= 7 and .guard.refused == false' "$scratch/applied" >/dev/null ||
	fail "the dry run does not say what a rollback ends: $(cat "$scratch/applied")"
bh policy rollback 1000 --dry-run 2>"$scratch/said" && fail "a rollback to a revision that is none"
grep -q "there is no revision 1000" "$scratch/said" || fail "it is refused otherwise: $(cat "$scratch/said")"
bh policy rollback --format json >"$scratch/applied" || fail "rollback"
jq -e '.existing.count >= 7' "$scratch/applied" >/dev/null || fail "rollback does not say what it ends: $(cat "$scratch/applied")"
all_end "${open[@]}"
hang_up
bh policy apply "$scratch/wide.yaml" --confirm-within 25s >/dev/null || fail "apply"
eventually 10 reach 5432 || fail "5432 is refused on trial"
talk web tcp4-5432,tcp,10.97.0.2,5432 udp6-5432,udp,fd97::2,5432
speak tcp4-5432 udp6-5432
all_end tcp4-5432 udp6-5432
hang_up

step "a rule whose time is over"
policy "$both" ", expires: $(date -u -d '+30 seconds' +%Y-%m-%dT%H:%M:%SZ)" >"$scratch/ends.yaml"
bh policy apply "$scratch/ends.yaml" >/dev/null || fail "apply"
eventually 10 reach 5432 || fail "5432 is refused before its time"
talk web tcp4-5432,tcp,10.97.0.2,5432 udp4-5432,udp,10.97.0.2,5432 tcp4-80,tcp,10.97.0.2,80
speak tcp4-5432 udp4-5432 tcp4-80
all_end tcp4-5432 udp4-5432
goes_on tcp4-80
hang_up

step "killed between the new rules and the cut: it is cut by who comes next"
widen
talk web tcp4-5432,tcp,10.97.0.2,5432 udp4-5432,udp,10.97.0.2,5432 tcp4-80,tcp,10.97.0.2,80
speak tcp4-5432 udp4-5432 tcp4-80
bh policy apply "$scratch/narrow.yaml" >/dev/null || fail "apply"
kill_daemon
start_daemon
all_end tcp4-5432 udp4-5432
goes_on tcp4-80
hang_up

if [ "$bridge" = stateful ]; then
	step "an exchange that connection tracking has forgotten, and capture has not, is not open"
	widen
	on_host sysctl -qw net.netfilter.nf_conntrack_udp_timeout=2 net.netfilter.nf_conntrack_udp_timeout_stream=2
	talk web udp4-5432,udp,10.97.0.2,5432 udp6-5432,udp,fd97::2,5432
	speak udp4-5432 udp6-5432
	bh policy diff "$scratch/narrow.yaml" --format json | jq -e '.existing.count == 2' >/dev/null || fail "they are not open"
	hang_up
	sleep 9
	bh policy diff "$scratch/narrow.yaml" --format json >"$scratch/said" || fail "diff"
	jq -e '.existing | .count == 0 and .incomplete == null' "$scratch/said" >/dev/null ||
		fail "they are open still: $(jq -c .existing "$scratch/said")"
	bh flows --format json | jq -e -s 'any(.[]; .proto == "udp" and .dst.port == 5432 and .state == "answered")' >/dev/null ||
		fail "capture forgot them, too"
fi

if [ "$bridge" = stateless ]; then
	step "a stateless bridge: an end that loses its address"
	near=("tcp4-5432,tcp,10.97.0.2,5432" "tcp6-5432,tcp,fd97::2,5432"
		"udp4-5432,udp,10.97.0.2,5432" "udp6-5432,udp,fd97::2,5432")
	near_names=("${near[@]%%,*}")
	keep_near() {
		widen
		talk web "${near[@]}"
		speak "${near_names[@]}"
		bh policy apply "$scratch/narrow.yaml" --existing keep >/dev/null || fail "apply"
		eventually 10 refused 5432 || fail "the new policy is not in force"
		goes_on "${near_names[@]}"
	}
	keep_near
	bh policy diff "$scratch/narrow.yaml" --existing keep --format json >"$scratch/said" || fail "diff"
	jq -e '.existing | .count == 0 and .not_kept_count == 0 and (.incomplete | contains("silent since bulkhead started"))' \
		"$scratch/said" >/dev/null || fail "what is not known is not said: $(cat "$scratch/said")"
	ip -n "$host-web" address del 10.97.0.1/24 dev eth0
	eventually 10 sh -c "! ip netns exec $host nft list table bridge bulkhead | grep -q exceptions_tcp4" ||
		fail "its address is gone, and it goes on"
	ip -n "$host-web" address add 10.97.0.1/24 dev eth0
	ip -n "$host-web" route replace default via 10.97.0.254
	goes_on tcp6-5432 udp6-5432
	all_end tcp4-5432 udp4-5432
	hang_up

	step "a bridge that changes hands: what is kept is handed over, and what is allowed goes on"
	keep_near
	talk_all 80
	stop_daemon
	configure stateful
	start_daemon
	eventually 10 status_is '.enforcement.state == "active" and .enforcement.bridge == "stateful"' || fail "no rules"
	goes_on "${near_names[@]}" "${allowed[@]}"
	has_exceptions && fail "they are the bridge's still"
	eventually 10 refused 5432 || fail "the policy is not in force any more"

	step "and back, by an upgrade: whose configuration says nothing is stateless from now on"
	stop_daemon
	configure
	since=$(date +%s)
	start_daemon
	eventually 10 status_is '.enforcement.state == "active" and .enforcement.bridge == "stateless"' || fail "no rules"
	all_end "${near_names[@]}"
	has_event '.kind == "cut" and (.text | contains("bridges are stateless from now on"))' || fail "no event tells it"
	goes_on "${allowed[@]}"
	has_event ".kind == \"denied\" and .time >= $since and (.src.port == 80 or .dst.port == 80)" &&
		fail "what is allowed was refused meanwhile"
	hang_up

	step "and panic: nothing is kept on"
	keep_near
	kill_daemon
	mkdir -p /run/bulkhead # where it looks without a configuration
	on_host "$bulkhead" panic || fail "panic"
	goes_on "${near_names[@]}"
	start_daemon
	all_end "${near_names[@]}"
	has_event '.kind == "cut" and (.text | contains("no rules of an earlier run stood"))' || fail "no event tells it"
	hang_up
fi

step "what is said wrongly is refused, and nothing changes"
number=$(bh status --format json | jq .enforcement.number)
bh policy apply "$scratch/wide.yaml" --existing drain=8d 2>"$scratch/said" && fail "8 days are too long"
grep -q 'drain=5m is expected' "$scratch/said" || fail "that is not said: $(cat "$scratch/said")"
bh policy apply "$scratch/wide.yaml" --existing later 2>"$scratch/said" && fail "there is no such word"
bh policy diff "$scratch/wide.yaml" --since soon 2>"$scratch/said" && fail "that is no time"
[ "$(bh status --format json | jq .enforcement.number)" = "$number" ] || fail "something changed"
no_leak
