#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who may call from where: the socket's credentials, tokens with their roles, certificates, nothing; what is told of who
# changed what; `bulkhead ui`; streams of server-sent events, and what becomes of a reader that does not read.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
needs openssl curl

make_host "web-$$"
add_bridge br0 10.97.0.254/24
add_guest web br0 10.97.0.1/24
add_guest db br0 10.97.0.2/24

# certificate NAME ISSUER [EXTENSION...]: NAME.pem and NAME.key; ISSUER itself: self-signed.
certificate() {
	local name=$1 issuer=$2
	shift 2
	openssl req -newkey ed25519 -nodes -keyout "$scratch/$name.key" -out "$scratch/$name.csr" -subj "/CN=$name" 2>/dev/null
	printf '%s\n' "$@" >"$scratch/$name.ext"
	if [ "$name" = "$issuer" ]; then
		openssl x509 -req -in "$scratch/$name.csr" -signkey "$scratch/$name.key" -days 2 \
			-extfile "$scratch/$name.ext" -out "$scratch/$name.pem" 2>/dev/null
	else
		openssl x509 -req -in "$scratch/$name.csr" -CA "$scratch/$issuer.pem" -CAkey "$scratch/$issuer.key" \
			-days 2 -extfile "$scratch/$name.ext" -out "$scratch/$name.pem" 2>/dev/null
	fi || fail "no certificate $name"
	chmod 644 "$scratch/$name.key"
}
certificate ca ca "basicConstraints=critical,CA:TRUE"
certificate stranger stranger "basicConstraints=critical,CA:TRUE"
certificate server ca "subjectAltName=IP:10.97.0.254,IP:127.0.0.1"
certificate ada ca "extendedKeyUsage=clientAuth"
certificate bob ca "extendedKeyUsage=clientAuth"
certificate mallory stranger "extendedKeyUsage=clientAuth"
chmod 755 "$scratch"

write_config "runtimes: {docker: off}
web:
  listen: [web.sock, '127.0.0.1:7480', '[::1]:7480', '10.97.0.254:7443']
  certificate: $scratch/server.pem
  key: $scratch/server.key
  client_ca: $scratch/ca.pem
  operators: [ada]"
start_daemon
knows 2

# ask STATUS CURL-ARGUMENT...: what is answered is of that status; its body is in $scratch/answer.
ask() {
	local wanted=$1 got
	shift
	got=$(on_host curl -s -o "$scratch/answer" -w '%{http_code}' --max-time 10 "$@")
	[ "$got" = "$wanted" ] || fail "status $got, not $wanted: curl $*: $(cat "$scratch/answer" 2>/dev/null)"
}
# says JQ: whether that holds of the answer.
says() {
	jq -e "$1" "$scratch/answer" >/dev/null || fail "not ($1): $(cat "$scratch/answer")"
}
sock=(--unix-socket "$scratch/run/web.sock")
plain=http://127.0.0.1:7480 six='http://[::1]:7480' tls=https://10.97.0.254:7443
ca=(--cacert "$scratch/ca.pem")
# as NAME: curl's arguments that show that certificate.
as() {
	cert=(--cert "$scratch/$1.pem" --key "$scratch/$1.key")
}

step "without a token nothing is said, but for the page itself"
for place in "${sock[*]} http://bulkhead" "$plain" "$six" "${ca[*]} -k $tls"; do
	# shellcheck disable=SC2086 # curl's arguments
	ask 401 $place/v1/status
	says '.error.what == "a token is needed" and (.error.do | contains("bulkhead token add"))'
	# shellcheck disable=SC2086
	ask 200 --compressed $place/
	grep -q '<html' "$scratch/answer" || fail "no page at $place"
done
on_host curl -s -D "$scratch/head" -o /dev/null "$plain/"
grep -qi "^content-security-policy: default-src 'self';.*frame-ancestors 'none'" "$scratch/head" ||
	fail "the page's policy is missing: $(cat "$scratch/head")"
on_host curl -s "$tls/" >/dev/null && fail "a certificate of nobody's is believed"
ask 401 -H 'Authorization: Bearer bh_0000' "$plain/v1/status"
says '.error.what | contains("not known")'

step "tokens: a viewer reads, an operator changes, and both are told apart"
viewer=$(bh token add grafana 2>/dev/null) && operator=$(bh token add deploy --role operator --expires 1h 2>/dev/null) ||
	fail "no tokens"
[ ${#viewer} -ge 64 ] && [ "$viewer" != "$operator" ] || fail "those are no tokens: $viewer $operator"
read=(-H "Authorization: Bearer $viewer") change=(-H "Authorization: Bearer $operator")
ask 200 "${read[@]}" "$plain/v1/me"
says '.name == "token grafana" and .role == "viewer" and .via == "token"'
ask 200 "${read[@]}" "$six/v1/workloads"
says '.rows | length == 2'
ask 200 "${read[@]}" "${sock[@]}" http://bulkhead/v1/status
ask 403 "${read[@]}" -X POST "$plain/v1/mode?workload=all&mode=audit&anyway=1"
says '.error.what == "token grafana may only read" and (.error.do | contains("operator"))'
ask 403 "${read[@]}" "$plain/v1/tokens"
bh policy propose >"$scratch/policy.yaml"
ask 200 "${change[@]}" --data-binary "@$scratch/policy.yaml" "$plain/v1/policy/apply?why=first"
ask 200 "${change[@]}" -X POST "$plain/v1/mode?workload=netns:$host-web&mode=audit&anyway=1"
ask 403 "${change[@]}" -X POST "$plain/v1/session"
bh token list --format json >"$scratch/answer"
says '[.tokens[] | {name, role, author}] == [{"name":"deploy","role":"operator","author":"root"},
	{"name":"grafana","role":"viewer","author":"root"}] and (.tokens[0].expires > now) and
	.tokens[1].expires == null and all(.tokens[]; .used > 0)'
grep -q "$viewer" "$scratch/answer" && fail "a token is told twice"
bh token add grafana >/dev/null 2>"$scratch/error" && fail "two of one name"
grep -q 'there is a token grafana' "$scratch/error" || fail "$(cat "$scratch/error")"
bh token add 'bad name' 2>/dev/null && fail "that is no name"
bh token add x --expires 3s 2>/dev/null && fail "that is no time"

step "what was changed, or was to be, is told"
bh changes --format json >"$scratch/answer"
says '[.changes[] | select(.path == "/v1/mode") | [.who, .via, .status]] ==
	[["token deploy", "token", 200], ["token grafana", "token", 403]]'
says 'any(.changes[]; .who == "root" and .via == "socket" and .path == "/v1/tokens" and (.query | contains("name=deploy")))'
says 'all(.changes[]; .method != "GET")'
# dry_run means nothing to who does not know it.
ask 200 "${change[@]}" -X POST "$plain/v1/tokens?name=sly&dry_run=1"
ask 200 "${change[@]}" -X DELETE "$plain/v1/tokens?name=sly&dry_run=1"
ask 200 "${change[@]}" -X POST "$plain/v1/mode?workload=netns:$host-web&mode=learn&dry_run=1"
bh changes --format json >"$scratch/answer"
says '[.changes[] | select(.query | contains("dry_run")) | .path] == ["/v1/tokens", "/v1/tokens"]'
bh changes --limit 1 --format json >"$scratch/answer"
says '(.changes | length) == 1 and .next > 1'
ask 200 "${read[@]}" "$plain/v1/audit?limit=1&before=$(jq .next "$scratch/answer")"
says '.changes | length == 1'

step "certificates: whose the authority did not sign is nobody's"
as ada
ask 200 "${ca[@]}" "${cert[@]}" "$tls/v1/me"
says '.name == "certificate ada" and .role == "operator" and .via == "certificate"'
as bob
ask 200 "${ca[@]}" "${cert[@]}" "$tls/v1/me"
says '.role == "viewer"'
ask 403 "${ca[@]}" "${cert[@]}" -X POST "$tls/v1/mode?workload=all&mode=learn"
as mallory
ask 401 "${ca[@]}" "${cert[@]}" "$tls/v1/me"
ask 200 "${ca[@]}" "${read[@]}" "$tls/v1/me"

step "what a token may do ends with it, and survives the daemon"
stop_daemon
start_daemon
ask 200 "${read[@]}" "$plain/v1/me"
bh token remove grafana >/dev/null || fail "token remove"
ask 401 "${read[@]}" "$plain/v1/me"
bh token remove grafana 2>/dev/null && fail "removed twice"

step "a renewed certificate is taken up; one that is none is told of, and the old one stays"
pin() {
	echo | on_host openssl s_client -connect 10.97.0.254:7443 2>/dev/null | openssl x509 -noout -fingerprint
}
before=$(pin)
echo broken >"$scratch/server.pem"
eventually 70 sh -c "'$bulkhead' --socket '$scratch/run/api.sock' status --format json |
	jq -e 'any(.unknown[]; contains(\"no certificate in PEM\"))'" || fail "a broken certificate is not told of"
[ "$(pin)" = "$before" ] || fail "the old certificate went"
certificate server ca "subjectAltName=IP:10.97.0.254,IP:127.0.0.1"
renewed() { [ "$(pin)" != "$before" ] && pin | grep -q Fingerprint; }
eventually 70 renewed || fail "the new certificate is not taken up"
ask 200 "${ca[@]}" "${change[@]}" "$tls/v1/me"

step "bulkhead ui: a door in another namespace, and a token of the caller's rights"
"$bulkhead" --socket "$scratch/run/api.sock" ui --port 7499 --format json >"$scratch/ui" 2>"$scratch/error" &
ui=$!
at_end "kill $ui 2>/dev/null"
eventually 10 grep -q url "$scratch/ui" || fail "ui says nothing: $(cat "$scratch/error")"
here=$(jq -r .url "$scratch/ui") session=$(jq -r .token "$scratch/ui")
curl -s "${here}v1/me" | jq -e '.error.what == "a token is needed"' >/dev/null || fail "the door is open to anybody"
curl -s -H "Authorization: Bearer $session" "${here}v1/me" |
	jq -e '.role == "operator" and .name == "token root/1"' >/dev/null || fail "the session is not root's"
# Ten at once, each whole.
for i in 1 2 3 4 5 6 7 8 9 10; do
	curl -s -H "Authorization: Bearer $session" "${here}v1/coverage" >"$scratch/coverage.$i" &
	callers[i]=$!
done
wait "${callers[@]}"
for i in 1 2 3 4 5 6 7 8 9 10; do
	jq -e '.rows | length == 2' "$scratch/coverage.$i" >/dev/null || fail "call $i was cut"
done
bh changes --format json >"$scratch/answer"
says '[.changes[] | select(.path == "/v1/session" and .status == 200)] | length == 1'

step "the map of a time, and flows that are over"
nsenter --net="/run/netns/$host-db" python3 -c 'if True:
	import socket
	server = socket.create_server(("10.97.0.2", 5432))
	while True:
		caller = server.accept()[0]
		caller.sendall(b"hello")
		caller.close()' &
at_end "kill $! 2>/dev/null"
listening db 5432
in_guest web python3 -c 'if True:
	import socket
	for _ in range(7):
		s = socket.create_connection(("10.97.0.2", 5432), 2)
		s.recv(10)
		s.close()'
on_map() {
	curl -s -H "Authorization: Bearer $session" "${here}v1/map?since=10m&collapse=$1" |
		jq -e --arg web "netns:$host-web" --arg db "netns:$host-db" "$2" >/dev/null
}
eventually 15 on_map none '.range.complete == false and (.range.why | length > 0) and .collapsed == false and
	any(.edges[]; .src == $web and .dst == $db and .connections == 7 and .answered == 7 and .bytes > 0 and
	.ports[0].port == "5432/tcp" and .stands_for == 1)' || fail "not on the map"
on_map all '.collapsed and [.nodes[] | select(.kind == "group") | [.id, .members]] == [["group:netns", 2]] and
	any(.edges[]; .src == "group:netns" and .dst == "group:netns" and .connections == 7)' || fail "no groups"
curl -s -H "Authorization: Bearer $session" "${here}v1/map/edges?since=10m&src=group:netns&dst=group:netns" |
	jq -e '.edges | length == 1 and .[0].port == 5432 and .[0].connections == 7' >/dev/null || fail "what is behind an edge"
ask 400 "${change[@]}" "$plain/v1/map?since=yesterday"
says '.error.where == "since"'
ask 404 "${change[@]}" "$plain/v1/map?focus=nobody"
past() {
	on_host curl -sG "${change[@]}" "$plain/v1/flows?history=1" --data-urlencode "filter=$1" -d "limit=$2" -d "before=${3:-0}" >"$scratch/answer"
}
seven() {
	past "src netns:$host-web and port 5432/tcp" 100
	jq -e '(.flows | length) == 7 and .next == null and .known_since > 0' "$scratch/answer" >/dev/null
}
eventually 40 seven || fail "not kept: $(cat "$scratch/answer")"
past "port 5432" 4
says '(.flows | length) == 4 and .next == .flows[0].number and (.flows | map(.number) | . == sort)'
past "port 5432" 4 "$(jq .next "$scratch/answer")"
says '.flows | length == 3'
past "port 5432 and denied" 4
says '.flows == []'
past "port 5432 or" 4
says '.error.where == "filter"'

step "events, a page at a time"
ask 200 "${change[@]}" "$plain/v1/events?limit=2"
says '(.events | length) == 2 and .next == .events[0].number'
ask 200 "${change[@]}" "$plain/v1/events?limit=2&before=$(jq .next "$scratch/answer")"
says '(.events | length) == 2 and .events[1].number < .next + 2 and .next == .events[0].number'
ask 200 "${change[@]}" "$plain/v1/events?limit=5&before=3"
says '(.events | map(.number)) == [1, 2] and .next == null'

step "events as server-sent events: numbered, gone on with, and with signs of life"
curl -sN --max-time 40 -H "Authorization: Bearer $session" -H 'Accept: text/event-stream' \
	"${here}v1/events?follow=1" >"$scratch/sse" &
follower=$!
at_end "kill $follower 2>/dev/null"
eventually 5 grep -q '^: bulkhead' "$scratch/sse" || fail "the stream does not begin"
bh mode "netns:$host-web" learn >/dev/null
eventually 5 grep -q '^event: event$' "$scratch/sse" || fail "no event: $(cat "$scratch/sse")"
number=$(sed -n 's/^id: //p' "$scratch/sse" | head -n 1)
grep '^data: ' "$scratch/sse" | head -n 1 | sed 's/^data: //' | jq -e --argjson n "$number" '.number == $n' >/dev/null ||
	fail "its id is not its number"
bh mode "netns:$host-web" audit --anyway >/dev/null
(curl -sN --max-time 2 -H "Authorization: Bearer $session" -H 'Accept: text/event-stream' \
	-H "Last-Event-ID: $number" "${here}v1/events?follow=1" || true) >"$scratch/later"
[ "$(sed -n 's/^id: //p' "$scratch/later" | head -n 1)" = $((number + 1)) ] || fail "it does not go on where it was"
eventually 25 grep -q '^: still here' "$scratch/sse" || fail "silence cannot be told from absence"
kill $ui
wait $ui 2>/dev/null

echo "ok"
