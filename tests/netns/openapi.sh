#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/openapi.yaml is what the daemon does: its paths, who may call them, and what is answered where there is traffic, a
# policy, modes, denials, leaks, claims and tampering: every answer, each in its forms, has what the document says, and no more.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/netns/talk.sh
. "$(dirname "$0")/talk.sh"
document=$(cd "$(dirname "$0")/../.." && pwd)/docs/openapi.yaml
helper=$(dirname "$0")/openapi.py

make_host "openapi-$$"
write_config "runtimes: {docker: off}
web: {listen: ['127.0.0.1:7480', web.sock]}
enforcement: {table_protection: watch, bridge: stateful, postures: [{match: 'netns:nobody-*', posture: audit}]}
exports: {file: {path: $scratch/log.jsonl, flows: true}}"
sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 2s/' "$scratch/bulkhead.yaml"
chmod 777 "$scratch"
on_host sysctl -qw net.ipv4.ip_forward=1
add_bridge br0 10.95.0.254/24 fd95::fe/64
add_bridge br1 10.95.1.254/24
add_guest db br0 10.95.0.2/24 fd95::2/64
add_guest web-1 br0 10.95.0.11/24 fd95::11/64
add_guest web-2 br0 10.95.0.12/24 fd95::12/64
add_guest far br1 10.95.1.3/24
ip -n "$host-db" route add default via 10.95.0.254
ip -n "$host-web-1" route add default via 10.95.0.254
ip -n "$host-far" route add default via 10.95.1.254
for letter in a b c d e f g h i j k; do
	add_guest "job$letter" br0 "10.95.0.$((100 + $(printf '%d' "'$letter")))/24"
done
on_host nft -f - <<-'NFT'
	table ip services {
		chain prerouting {
			type nat hook prerouting priority dstnat
			tcp dport 8080 dnat to 10.95.1.3:81
		}
	}
NFT
serve_talk db 53 80 5432
serve_talk far 81
listening db 80
listening far 81
start_daemon
knows 15
web=netns:$host-web db=netns:$host-db
operator=$(bh token add operator --role operator 2>/dev/null) viewer=$(bh token add viewer 2>/dev/null) || fail "no tokens"

# holds REQUEST...: what is answered is as documented (openapi.py).
holds() {
	on_host python3 "$helper" "$document" 127.0.0.1:7480 "$operator" "$viewer" "$scratch/run/api.sock" "$scratch/met" "$@" ||
		fail "the document and the daemon differ"
}
# asked PATH: what is answered.
asked() {
	on_host curl -s -H "Authorization: Bearer $viewer" "http://127.0.0.1:7480/v1/$1"
}
# reach GUEST ADDRESS PORT: opens and ends a connection.
reach() {
	in_guest "$1" python3 -c 'if True:
		import socket, sys
		try:
			with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1) as s:
				s.sendall(b"x")
				s.recv(1)
		except OSError:
			sys.exit(1)' "$2" "$3"
}

step "its paths and methods are the daemon's, and so is who may call them"
holds routes roles

step "before there is a policy"
holds 'GET /v1/policy/active 404' 'GET /v1/policy/nft 404' 'GET /v1/policy/uses 404' 'GET /v1/policy/rules 404' \
	'POST /v1/policy/check 404' 'POST /v1/policy/confirm 409' 'POST /v1/policy/rollback 409' 'GET /v1/trace 404' \
	'GET /v1/policy/rules?of=proposal' 'GET /v1/policy/history' 'POST /v1/policy/diff'

step "traffic: two families, a translated address, many clients of one port, and a port where nobody listens"
for letter in a b c d e f g h i j k; do
	reach "job$letter" 10.95.0.2 80 || fail "job$letter cannot reach db"
done
reach web-1 fd95::2 5432 && reach web-2 10.95.0.2 5432 && reach web-1 10.95.0.254 8080 || fail "no traffic"
reach web-1 10.95.0.2 99 && fail "somebody listens at port 99"
in_guest web-1 python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.95.0.2", 9))'
has_client() { has_edge "netns:$host-job$1" "$db" 80; }
eventually 30 has_client k || fail "nothing is learned"
eventually 30 has_edge "$web" "$db" 5432 || fail "nothing is learned of web"
talk web-1 dns,udp,10.95.0.2,53
speak dns
eventually 30 has_edge "$web" "$db" 53 || fail "no DNS is learned"
translated() { bh flows --format json | jq -e -s 'any(.[]; .via != null) and any(.[]; .icmp_error != null)' >/dev/null; }
eventually 30 translated || fail "no translated flow, or no ICMP error"
past() { asked 'flows?history=1' | jq -e '.flows != []' >/dev/null; }
eventually 60 past || fail "no flow is over"
edge=$(bh edges --format json | jq -r --arg s "$web" '[.edges[] | select(.src == $s and .port == 5432)][0].id')
earlier=$(date -u -d '-1 minute' +%Y-%m-%dT%H:%M:%SZ)
holds 'GET /v1/flows' 'GET /v1/flows?lines=1' 'GET /v1/flows?history=1&limit=3' 'GET /v1/flows?history=1&lines=1&since=1h' \
	'GET /v1/flows?history=1&live=1&since=1h' 'GET /v1/flows?history=1&live=1&lines=1' 'GET /v1/flows?history=1&since=1m&until=2m 400' \
	"GET /v1/flows?workload=$db&verdict=delivered&filter=tcp&limit=2" 'GET /v1/flows?filter=or 400' 'GET /v1/flows?verdict=lost 400' \
	'GET /v1/flows?workload=netns:nobody 404' 'GET /v1/edges' 'GET /v1/edges?limit=2' 'GET /v1/edges?limit=0 400' 'GET /v1/edges?after=x 400' "GET /v1/edges?workload=$db" 'GET /v1/edges?workload=netns:nobody 404' \
	'GET /v1/map' 'GET /v1/map?since=1h' 'GET /v1/map?collapse=all' 'GET /v1/map?collapse=none&fold=1' "GET /v1/map?focus=$db&hops=1&q=web" \
	"GET /v1/map?since=$earlier&before_since=2h&before_until=$earlier" 'GET /v1/map?since=x 400' 'GET /v1/map?before_since=2h 400' 'GET /v1/map?focus=nobody 404' \
	"GET /v1/map/edges?since=1h&src=$web" 'GET /v1/map/edges' 'GET /v1/map/edges?until=x 400' 'GET /v1/workloads' 'GET /v1/coverage' \
	'GET /v1/who?address=10.95.0.2' 'GET /v1/who?address=fd95::2&at='"$earlier" 'GET /v1/who 400' 'GET /v1/me' 'GET /v1/tokens' \
	'GET /v1/readiness' "GET /v1/readiness?workload=$web&for=0.98" 'GET /v1/readiness?for=2100-01-01' 'GET /v1/readiness?for=x 400' \
	'GET /v1/readiness?workload=netns:nobody 404' 'GET /v1/review' 'GET /v1/review?all=1' 'GET /v1/review?all=1&limit=1' 'GET /v1/review?limit=x 400' 'GET /v1/review?workload=netns:nobody 404' \
	'GET /metrics' 'GET /v1/status'

# pages PATH: every edge, asked for two at a time.
pages() {
	local after='' answer
	while :; do
		answer=$(asked "$1limit=2$after") || return 1
		jq -c '.edges[].id' <<<"$answer"
		after="&after=$(jq -r '.next // empty' <<<"$answer")"
		[ "$after" != "&after=" ] || return 0
	done
}
# What is learned in between is in one of both alone.
pages_are_the_whole() { # PATH
	pages "$1" >"$scratch/pages"
	asked "${1%?}" | jq -c '.edges[].id' | sort | cmp -s - <(sort "$scratch/pages")
}
for list in 'edges?' 'review?all=1&'; do
	eventually 20 pages_are_the_whole "$list" || fail "$list: pages are not the whole"
	[ "$(wc -l <"$scratch/pages")" -ge 3 ] && sort -c "$scratch/pages" || fail "$list: not page by page"
done

step "decisions, a policy on trial, and what it would do"
holds "POST /v1/review?action=accept&edges=$edge&expires=30&why=known" 'POST /v1/review?action=maybe 400' \
	'POST /v1/review?action=accept&edges=000000000000 404' 'GET /v1/review?all=1'
accept_all
bh policy propose >"$scratch/propose.yaml" || fail "no proposal"
sed "/^rules:/a\\  - {from: \"$web\", to: \"$db\", ports: [443/tcp], expires: $(date -u -d '2 days' +%F)}" "$scratch/propose.yaml" >"$scratch/policy.yaml"
python3 -c 'if True:
	import sys, yaml
	policy = yaml.safe_load(sys.stdin)
	policy["rules"] = []
	yaml.safe_dump(policy, sys.stdout)' <"$scratch/propose.yaml" >"$scratch/nothing.yaml" || fail "no policy without rules"
echo 'rules: 7' >"$scratch/broken.yaml"
holds 'GET /v1/policy/proposal' "POST /v1/policy/apply?dry_run=1 @$scratch/policy.yaml" "POST /v1/policy/apply @$scratch/broken.yaml 422" \
	"POST /v1/policy/diff?file=x @$scratch/broken.yaml 422" "POST /v1/policy/check @$scratch/broken.yaml 422" \
	"POST /v1/policy/apply?existing=no @$scratch/policy.yaml 400" "POST /v1/policy/apply?why=first @$scratch/policy.yaml"
holds "POST /v1/mode?workload=all&mode=enforce&dry_run=1&anyway=1&session=console" 'POST /v1/mode?workload=all&mode=no 400' \
	'POST /v1/mode?workload=netns:nobody&mode=audit 404' "POST /v1/mode?workload=$web&mode=enforce 409" \
	"POST /v1/mode?workload=all&mode=audit&anyway=1" "POST /v1/mode?workload=$web&mode=enforce&replicas=1&anyway=1"
talk web-1 open,tcp,10.95.0.2,5432
talk web-2 routed,tcp,10.95.0.254,8080
speak open routed
# What it denies goes on in both.
holds "POST /v1/policy/diff?existing=keep&since=1d&session=console @$scratch/nothing.yaml" 'POST /v1/policy/diff?since=x 400' \
	"POST /v1/policy/check @$scratch/nothing.yaml" 'POST /v1/policy/check' \
	"POST /v1/policy/apply?confirm_within=7d&existing=drain=5m&anyway=1 @$scratch/policy.yaml" 'POST /v1/policy/confirm?why=good' \
	"POST /v1/policy/apply?confirm_within=7d @$scratch/policy.yaml" 'GET /v1/status' 'POST /v1/policy/rollback?dry_run=1' \
	'POST /v1/policy/rollback?number=999 409' 'GET /v1/workloads' 'GET /v1/map?since=1h' 'GET /v1/map'
holds 'POST /v1/policy/confirm' "GET /v1/explain?src=$web&dst=$db&port=5432/tcp" "GET /v1/explain?src=$web&dst=$db&port=99/tcp" \
	'GET /v1/explain?src=world&dst=nobody&port=1 404' 'GET /v1/explain 400' 'GET /v1/explain?rule=1' 'GET /v1/explain?rule=1&of=proposal' \
	'GET /v1/explain?rule=999 404' 'GET /v1/policy/rules' 'GET /v1/policy/rules?of=other 400' 'GET /v1/policy/uses' \
	'GET /v1/policy/uses?since=2026-01-01' 'GET /v1/policy/uses?since=x 400' 'GET /v1/policy/active' 'GET /v1/policy/active?number=1' \
	'GET /v1/policy/active?number=999 404' 'GET /v1/policy/nft' 'GET /v1/policy/history' 'GET /v1/readiness'

step "denials, a trace of them, and open connections that end"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 30 status_is '.enforcement.number != null and .enforcement.applied != null' || fail "no rules"
holds 'POST /v1/trace?for=1h 400' 'POST /v1/trace?src=netns:nobody 404' "POST /v1/trace?src=$web&dst=$db&port=99/tcp&for=30s" \
	'POST /v1/trace?for=1s 409'
for _ in 1 2 3; do reach web-1 10.95.0.2 99 && fail "what is denied passes"; done
reach web-1 fd95::2 99 && fail "what is denied passes by IPv6"
eventually 20 has_event '.kind == "denied"' || fail "no denial is told"
traced() { asked trace | jq -e '.drops != [] and .packets != []' >/dev/null; }
eventually 20 traced || fail "nothing is traced"
# DNS that is answered has to go on: what denies it is refused, and said, and done all the same.
talk web-1 names,udp,10.95.0.2,53
speak names
guarded() {
	bh policy diff "$scratch/nothing.yaml" --format json | jq -e '.guard.findings != []' >/dev/null
}
eventually 30 guarded || fail "the guard finds no DNS"
holds "POST /v1/policy/apply @$scratch/nothing.yaml 409" "POST /v1/policy/apply?existing=drain=5m&anyway=1 @$scratch/nothing.yaml"
eventually 20 status_is '.enforcement.draining != []' || fail "no connection drains"
holds 'GET /v1/status' "POST /v1/policy/apply?anyway=1 @$scratch/policy.yaml"
talk web-1 again,tcp,10.95.0.2,5432
speak again
holds "POST /v1/policy/apply?existing=cut&anyway=1&why=strict @$scratch/nothing.yaml" 'GET /v1/trace'
eventually 20 has_event '.kind == "cut"' || fail "no connection was cut"
holds "POST /v1/policy/apply?anyway=1 @$scratch/policy.yaml"

step "others drop, let through what is denied, claim addresses, and change the tables"
on_host nft -f - <<-'NFT'
	table bridge others {
		chain forward {
			type filter hook forward priority -300
			ip daddr 10.95.0.2 tcp dport 5432 drop
		}
	}
NFT
reach web-2 10.95.0.2 5432
eventually 30 has_event '.kind == "undelivered" and has("suspects")' || fail "what was not delivered is not told"
holds 'GET /v1/doctor'
on_host nft delete table bridge others
make_hole web-1=10.95.0.11 db=10.95.0.2
nsenter --net="/run/netns/$host-db" python3 "$talk_py" serve 99 &
at_end "kill $! 2>/dev/null"
listening db 99
reach web-1 10.95.0.2 99
eventually 30 has_event '.kind == "leak" and has("revision")' || fail "the leak is not told"
shut_hole
in_guest joba python3 -c 'if True:
	import socket
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	s.bind(("eth0", 0x806))
	mac = s.getsockname()[4]
	other = socket.inet_aton("10.95.0.2")
	s.send(b"\xff" * 6 + mac + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + mac + other + bytes(6) + other)'
eventually 30 has_event 'has("claim")' || fail "the claim is not told"
family=$(on_host nft list tables | awk '$3 == "bulkhead" {print $2; exit}')
on_host nft "add table $family bulkhead; add chain $family bulkhead stranger"
eventually 60 has_event '.kind == "tampering" and has("found")' || fail "the tampering is not told"
holds 'GET /v1/doctor' 'GET /v1/status' 'GET /v1/flows' 'GET /v1/map?since=1h' 'GET /v1/review' 'GET /v1/events' 'GET /v1/events?lines=1' \
	'GET /v1/events?limit=3' 'GET /v1/events?before=9&limit=4' 'GET /v1/events?after=3' 'GET /v1/events?after=x 400' \
	'FOLLOW /v1/events?follow=1&after=0 20' 'SSE /v1/events?follow=1&after=0 20'

step "streams, tokens, sessions, hooks, and what was changed"
(for _ in 1 2 3 4 5 6; do reach jobb 10.95.0.2 80; sleep 0.5; done) &
holds 'FOLLOW /v1/flows?follow=1 1' 'SSE /v1/flows?follow=1 1'
wait $!
pid=$(ip netns pids "$host-far" | head -n 1)
ip netns del "$host-jobk"
gone() { asked workloads | jq -e 'any(.rows[]; .departed != [])' >/dev/null; }
eventually 20 gone || fail "who has gone is not told of"
holds 'POST /v1/tokens?name=ada&role=viewer&expires=1h' 'POST /v1/tokens?name=ada 409' 'POST /v1/tokens?name= 400' \
	'DELETE /v1/tokens?name=ada' 'DELETE /v1/tokens?name=ada 404' 'POST /v1/session 403' 'SOCKET POST /v1/session' 'SOCKET GET /v1/me' \
	'SOCKET POST /v1/hook 400' "SOCKET POST /v1/hook?id=x&pid=$pid&netns=$(stat -Lc %i "/run/netns/$host-far")" \
	'GET /v1/workloads' 'GET /v1/tokens' 'GET /v1/audit' 'GET /v1/audit?limit=2&before=9' 'GET /v1/audit?limit=x 400' 'GET /v1/status'
head -c 17000000 /dev/zero >"$scratch/large"
holds "POST /v1/policy/check @$scratch/large 413"

step "every schema was met"
holds met
echo ok
