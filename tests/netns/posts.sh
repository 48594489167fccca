#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Events to webhooks, logs and metrics over OTLP: what arrives is what the command line says, signed and formed as Standard Webhooks'
# and OpenTelemetry's own code take it; what the other side answers is honoured, and what does not get there is told.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
here=$(cd "$(dirname "$0")" && pwd)
receivers=$here/../receivers
needs curl openssl node
[ -d "$receivers/node_modules" ] || fail "no tests/receivers/node_modules: sudo scripts/test installs it"

make_host "posts-$$"
chmod 755 "$scratch"
add_bridge br0
add_guest one br0 10.94.0.1/24 fd94::1/64
add_guest two br0 10.94.0.2/24 fd94::2/64
nsenter --net="/run/netns/$host-two" python3 "$here/ipfix.py" serve 10.94.0.2 fd94::2 >/dev/null 2>&1 &
at_end "kill $! 2>/dev/null"
listening two 80
export WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
echo "$WEBHOOK_SECRET" >"$scratch/secret"
printf 'Authorization: Bearer of-the-collector\nX-Scope-OrgID: east\n' >"$scratch/headers"
openssl req -x509 -newkey ed25519 -nodes -keyout "$scratch/key" -out "$scratch/ca" -days 2 -subj /CN=hooks \
	-addext subjectAltName=IP:127.0.0.1 2>/dev/null || fail "no certificate"

# receive NAME PORT [CERTIFICATE KEY]: requests are lines of $scratch/NAME.
receive() {
	local name=$1 port=$2
	shift
	nsenter --net="/run/netns/$host" node "$receivers/receiver.mjs" "$@" >>"$scratch/$name" 2>"$scratch/$name.errors" &
	receiver=$!
	at_end "kill $receiver 2>/dev/null"
	eventually 20 on_host curl -sk -o /dev/null -X PUT -d '[]' "http${3:+s}://127.0.0.1:$port/answers" ||
		fail "no receiver: $(cat "$scratch/$name.errors")"
}
# answer PORT JSON: the next requests are answered so.
answer() {
	on_host curl -sk -o /dev/null -X PUT -d "$2" "http://127.0.0.1:$1/answers" || fail "the receiver does not listen"
}
requests() { # NAME JQ-FILTER: of the list of them
	jq -s "$2" "$scratch/$1"
}
has_request() { # NAME JQ
	requests "$1" "any(.[]; $2)" | grep -q true
}
no_fault() { # NAME
	requests "$1" 'map(select(.path != "/chat") | .fault | select(. != null)) | unique' >"$scratch/faults"
	[ "$(jq length "$scratch/faults")" = 0 ] || fail "$1: $(cat "$scratch/faults")"
}
export_is() { # TO JQ: of status
	bh status --format json | jq -e --arg to "$1" "any(.exports[]; .kind == \$to and ($2))" >/dev/null
}
one_mode() { # MODE: of one of them, which is one event
	bh mode "netns:$host-one" "$1" >/dev/null
}
mode() { # MODE: two workloads' modes change, which are two events
	one_mode "$1" && bh mode "netns:$host-two" "$1" >/dev/null || fail "mode $1"
}
configure() { # YAML: of exports
	write_config "runtimes: {docker: off, podman: off, lxc: off}
exports:
$1"
	sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 2s/' "$scratch/bulkhead.yaml"
}

step "a webhook has the events of its kinds, signed, in order; a chat has sentences"
receive hooks 7481
configure "  webhooks:
  - {url: 'http://127.0.0.1:7481/secret-path', secret: $scratch/secret, kinds: [mode]}
  - {url: 'http://127.0.0.1:7481/chat', kinds: [mode], format: slack}"
start_daemon
knows 2
# A policy that a person wrote needs no evidence: each change of a mode is one event.
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  one: {bulkhead.workload: "netns:$host-one"}
	  two: {bulkhead.workload: "netns:$host-two"}
	rules:
	  - {from: one, to: two, ports: [80/tcp]}
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "no policy"
mode audit
mode learn
all_there() {
	[ "$(requests hooks 'map(select(.path == "/secret-path")) | length')" = "$(bh events --format json --limit 2000 | grep -c '"kind":"mode"')" ]
}
eventually 20 all_there || fail "not every event arrived"
bh events --format json --limit 2000 | jq -c 'select(.kind == "mode") | del(.number)' >"$scratch/events"
[ "$(wc -l <"$scratch/events")" -ge 4 ] || fail "there are no events of it"
jq -c 'select(.path == "/secret-path") | .body.data' "$scratch/hooks" | jq -S -c . | cmp - <(jq -S -c . "$scratch/events") ||
	fail "events differ, or are not in order"
jq -s -e 'map(select(.path == "/secret-path")) | all(.[]; .fault == null and .body.type == "bulkhead.mode" and .body.host != "" and
	.method == "POST" and (.headers["webhook-id"] | startswith("msg_")) and (.headers["webhook-timestamp"] | tonumber) > 1e9)' \
	"$scratch/hooks" >/dev/null || fail "a request is not as it should be: $(head -n 1 "$scratch/hooks")"
eventually 10 has_request hooks '.path == "/chat" and (.body | keys == ["text"]) and (.body.text | contains("mode: "))' || fail "nothing is said in the chat"
export_is webhook '.state == "sending" and .sent >= 4 and .lost == 0 and .to == "http://127.0.0.1:7481 #1"' ||
	fail "status says otherwise: $(bh status --format json | jq -c .exports)"
bh status --format json | grep -q secret-path && fail "status tells the path, which may be a secret"

step "503 is tried again, not before it asks to; 400 is not; the id stays the same"
answer 7481 '[{"status": 503, "headers": {"Retry-After": "4"}}]'
before=$(requests hooks length)
one_mode audit || fail "mode"
eventually 10 export_is webhook '.state == "waiting" and .why == "it answers 503" and .waiting == 1' ||
	fail "it does not wait: $(bh status --format json | jq -c .exports)"
tried_again() {
	[ "$(requests hooks ".[$before:] | map(select(.path == \"/secret-path\")) | length")" = 2 ] ||
		[ "$(requests hooks ".[$before:] | map(select(.path == \"/chat\")) | length")" = 2 ]
}
eventually 20 tried_again || fail "it is not tried again"
requests hooks ".[$before:] | group_by(.path)[] | select(length == 2) | [.[0].answered, .[1].answered, .[1].time - .[0].time >= 4,
	.[0].headers[\"webhook-id\"] == .[1].headers[\"webhook-id\"], .[0].body == .[1].body]" | jq -e '. == [503, 200, true, true, true]' >/dev/null ||
	fail "not as asked: $(requests hooks ".[$before:]")"
eventually 10 status_is 'all(.exports[]; .state == "sending" and .why == null and .lost == 0)' || fail "it does not go on"
answer 7481 '[{"status": 400}, {"status": 400}]'
one_mode learn || fail "mode"
eventually 10 status_is 'all(.exports[]; .lost == 1 and .state == "refused" and .why == "it answers 400")' || fail "a refusal is not told"
one_mode audit || fail "mode"
eventually 10 status_is 'all(.exports[]; .lost == 1 and .state == "sending")' || fail "it does not go on after a refusal"

step "a receiver that is away: it is said, and what waited arrives, in order"
mode learn
eventually 10 status_is 'all(.exports[]; .waiting == 0)' || fail "something waits still"
kill "$receiver"
for which in audit learn audit learn; do
	mode $which
done
eventually 20 export_is webhook '.state == "waiting" and .waiting == 8' || fail "nothing waits: $(bh status --format json | jq -c .exports)"
eventually 20 has_event '.kind == "export" and (.text | startswith("events do not reach http://127.0.0.1:7481 #1: "))' || fail "no event tells of it"
status_is '.unknown | any(contains("events do not reach http://127.0.0.1:7481 #1"))' || fail "it is not among what is not known"
mv "$scratch/hooks" "$scratch/hooks.before"
receive hooks 7481
eventually 90 status_is 'all(.exports[]; .state == "sending" and .waiting == 0 and .lost == 1)' || fail "it is not sent to again"
bh events --format json --limit 2000 | jq -S -c 'select(.kind == "mode") | del(.number)' | tail -n 8 >"$scratch/events"
jq -c 'select(.path == "/secret-path") | .body.data' "$scratch/hooks" | jq -S -c . | cmp - "$scratch/events" || fail "not what waited, in order"

step "a new secret beside the old one; without any nothing is sent"
printf 'another, longer secret than that\n%s\n' "$WEBHOOK_SECRET" >"$scratch/secret"
one_mode audit || fail "mode"
eventually 10 has_request hooks '(.headers["webhook-signature"] // "" | split(" ") | length) == 2' || fail "there are not two signatures"
requests hooks 'map(select(.path == "/secret-path" and .fault != null)) | length' | grep -qx 0 || fail "a signature is none"
mv "$scratch/secret" "$scratch/elsewhere"
before=$(requests hooks 'map(select(.path == "/secret-path")) | length')
one_mode learn || fail "mode"
eventually 10 export_is webhook "(.why // \"\") == \"$scratch/secret: No such file or directory\"" || fail "it is not said that there is no secret"
mv "$scratch/elsewhere" "$scratch/secret"
eventually 30 status_is 'all(.exports[]; .waiting == 0)' || fail "it does not go on with the secret"
[ "$(requests hooks 'map(select(.path == "/secret-path")) | length')" = $((before + 1)) ] || fail "something was sent without a signature"

step "one that is answered with 500 again and again does not hold up the others"
answer 7481 '[{"status": 500}, {"status": 500}, {"status": 500}, {"status": 500}, {"status": 500}, {"status": 500}]'
before=$(requests hooks length)
mode audit
eventually 60 status_is 'all(.exports[]; .state == "sending" and .waiting == 0 and .lost == 1)' || fail "not all arrives: $(bh status --format json | jq -c .exports)"
requests hooks ".[$before:] | group_by(.path)[] | group_by(.headers[\"webhook-id\"]) | map([.[].answered])" | jq -e -s \
	'all(.[]; all(.[]; last == 200)) and any(.[]; any(.[]; length >= 3))' >/dev/null || fail "not as it should be: $(requests hooks ".[$before:]")"
[ "$(requests hooks ".[$before:] | map(select(.answered == 200)) | length")" = 4 ] || fail "some were sent twice"
mode learn
eventually 20 status_is 'all(.exports[]; .waiting == 0)' || fail "it does not go on"

step "410: nothing is sent there any more"
answer 7481 '[{"status": 410}, {"status": 410}]'
one_mode audit || fail "mode"
eventually 10 status_is 'all(.exports[]; .state == "refused" and (.why | startswith("it answers 410: nothing is sent")))' || fail "410 is not told"
before=$(requests hooks length)
one_mode learn || fail "mode"
eventually 10 status_is 'all(.exports[]; .waiting == 0)' || fail "it waits for somebody who is gone"
sleep 1
[ "$(requests hooks length)" = "$before" ] || fail "it is sent to nevertheless"
no_fault hooks.before
stop_daemon

step "a name server that does not answer holds nothing up; what tells of loss is no loss"
printf 'nameserver 192.0.2.53\nsearch a.example b.example\n' >"$scratch/resolv.conf"
ip -n "$host" link add away type veth peer name home && ip -n "$host" addr add 192.0.2.1/24 dev away && ip -n "$host" link set away up &&
	ip -n "$host" link set home up && ip -n "$host" neigh add 192.0.2.53 lladdr 02:00:00:00:00:01 dev away || fail "no dead name server"
mount --bind "$scratch/resolv.conf" /etc/resolv.conf || fail "resolv.conf"
at_end "umount /etc/resolv.conf 2>/dev/null"
configure "  webhooks: [{url: 'http://hooks.nowhere.example/', kinds: [mode]}, {url: 'http://127.0.0.1:7481/all'}]"
answer 7481 "[$(printf '{"status": 400},%.0s' {1..49}){\"status\": 400}]"
since=$(date +%s.%N)
start_daemon
knows 2
mode audit
slowest=0
for _ in $(seq 25); do
	begun=$(date +%s%N)
	bh status >/dev/null || fail "no status"
	took=$((($(date +%s%N) - begun) / 1000000))
	[ $took -le $slowest ] || slowest=$took
	sleep 1
done
[ $slowest -lt 3000 ] || fail "core is held up for $slowest ms"
echo "slowest answer beside a dead name server: $slowest ms"
export_is webhook '.to == "http://hooks.nowhere.example #1" and .state == "waiting" and .waiting >= 2' || fail "the name is found"
losses=$(bh events --format json --limit 2000 | jq -s "map(select(.kind == \"loss\" and .time >= $since)) | length")
[ "$losses" -ge 1 ] && [ "$losses" -le 2 ] || fail "$losses events of loss: each makes another one"
mode learn
begun=$(date +%s)
stop_daemon
[ $(($(date +%s) - begun)) -le 2 ] || fail "it does not stop beside a dead name server"
umount /etc/resolv.conf

step "TLS: who is not vouched for is told nothing"
receive tls 7482 "$scratch/ca" "$scratch/key"
configure "  webhooks: [{url: 'https://127.0.0.1:7482/', secret: $scratch/secret, kinds: [mode]}]"
start_daemon
knows 2
mode audit
eventually 20 export_is webhook '.state == "waiting" and (.why | test("certificate"; "i"))' || fail "a stranger's certificate is taken: $(bh status --format json | jq -c .exports)"
[ ! -s "$scratch/tls" ] || fail "something was sent to a stranger"
stop_daemon
sed -i "s|kinds: \[mode\]|ca: $scratch/ca, kinds: [mode]|" "$scratch/bulkhead.yaml"
start_daemon
knows 2
mode learn
eventually 20 has_request tls '.body.type == "bulkhead.mode" and .fault == null' || fail "nothing arrives over TLS"
stop_daemon

step "OTLP: logs and metrics are what the command line says"
receive otlp 4318
configure "  otlp: {url: 'http://127.0.0.1:4318', headers: $scratch/headers, flows: true, metrics: 2s}"
since=$(date +%s.%N)
start_daemon
knows 2
in_guest one python3 "$here/ipfix.py" talk-often 10.94.0.2 40 || fail "no talk"
in_guest one python3 "$here/ipfix.py" talk fd94::2 2 || fail "no talk"
logs='[.[] | select(.path == "/v1/logs" and .answered == 200) | .body.resourceLogs[].scopeLogs[].logRecords[]]'
flow_logs="$logs | map(select(.eventName == \"bulkhead.flow\"))"
all_logged() {
	status_is '.capture.flows == 0' && [ "$(requests otlp "$flow_logs | length")" = "$(bh flows --format json --limit 5000 | wc -l)" ]
}
eventually 60 all_logged || fail "not every flow is logged"
[ "$(requests otlp "$flow_logs | length")" -ge 42 ] || fail "there are not enough flows"
bh flows --format json --limit 5000 | jq -S -c 'select(.dst.port == 80) | [.src.port, .tx.bytes + .rx.bytes]' | sort >"$scratch/told"
requests otlp "$flow_logs | .[] | .attributes | map({key, value: (.value | to_entries[0].value)}) | from_entries |
	select(.[\"destination.port\"] == \"80\") |
	[.[\"source.port\"], .[\"bulkhead.tx.bytes\"], .[\"bulkhead.rx.bytes\"]] | map(tonumber) | [.[0], .[1] + .[2]]" |
	jq -c . | sort | cmp - "$scratch/told" || fail "flows differ"
[ "$(requests otlp "$logs | map(select(.eventName != \"bulkhead.flow\")) | length")" = \
	"$(bh events --format json --limit 2000 | jq -s "map(select(.time >= $since)) | length")" ] || fail "events differ"
has_request otlp '.headers.authorization == "Bearer of-the-collector" and .headers["x-scope-orgid"] == "east"' || fail "the headers are missing"
points='[.[] | select(.path == "/v1/metrics")] | last | .body.resourceMetrics[0].scopeMetrics[0].metrics'
metric() { # NAME
	requests otlp "$points | map(select(.name == \"$1\"))[0]"
}
eventually 10 has_request otlp '.path == "/v1/metrics"' || fail "no metrics"
sleep 3
told=$(on_host curl -s --unix-socket "$scratch/run/api.sock" http://bulkhead/metrics)
metric bulkhead_connections | jq -e --argjson n "$(awk '$1 == "bulkhead_connections_total" { print $2 }' <<<"$told")" \
	'.sum.isMonotonic and .sum.aggregationTemporality == 2 and .sum.dataPoints[0].asDouble == $n and $n >= 42 and
	(.sum.dataPoints[0].startTimeUnixNano | tonumber) < (.sum.dataPoints[0].timeUnixNano | tonumber)' >/dev/null ||
	fail "connections differ: $(metric bulkhead_connections)"
metric bulkhead_traffic_bytes | jq -e '.unit == "By" and .sum.dataPoints[0].asDouble > 1000' >/dev/null || fail "bytes: $(metric bulkhead_traffic_bytes)"
metric bulkhead_endpoints | jq -e '.gauge.dataPoints[0].asDouble == 2' >/dev/null || fail "endpoints: $(metric bulkhead_endpoints)"
[ "$(requests otlp "$points | length")" = "$(grep -c '^# TYPE' <<<"$told")" ] || fail "not every metric is sent"
grep -q '^bulkhead_export_sent_total{kind="otlp-logs",to="http://127.0.0.1:4318"} [1-9]' <<<"$told" || fail "no metric tells of the export"
status_is '[.exports[].kind] == ["otlp-logs", "otlp-metrics"] and all(.exports[]; .state == "sending" and .lost == 0)' ||
	fail "status says otherwise: $(bh status --format json | jq -c .exports)"

step "what an OTLP receiver answers is honoured: 429 and Retry-After, partial success, 400"
# Metrics go their own way, and would take the answers meant for logs.
stop_daemon
sed -i 's/flows: true, metrics: 2s/kinds: [mode], metrics: off/' "$scratch/bulkhead.yaml"
start_daemon
knows 2
mode audit
eventually 20 status_is '.exports[0] | .sent > 0 and .waiting == 0' || fail "no logs"
answer 4318 '[{"status": 429, "headers": {"Retry-After": "3"}}]'
before=$(requests otlp length)
mode learn
again() {
	[ "$(requests otlp ".[$before:] | length")" -ge 2 ]
}
eventually 20 again || fail "it is not tried again"
requests otlp ".[$before:] | [.[0].answered, .[1].answered, .[1].time - .[0].time >= 3, .[0].body == .[1].body]" |
	jq -e '. == [429, 200, true, true]' >/dev/null || fail "not as asked: $(requests otlp ".[$before:]")"
status_is '.exports[0].lost == 0' || fail "what was taken the second time is called lost"
answer 4318 '[{"body": {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}}]'
one_mode audit || fail "mode"
eventually 10 status_is '.exports[0] | .lost == 1 and .why == "it rejects some: too old"' || fail "partial success is not told: $(bh status --format json | jq -c .exports)"
answer 4318 '[{"status": 400}]'
before=$(requests otlp length)
one_mode learn || fail "mode"
eventually 10 status_is '.exports[0] | .lost == 2 and .why == "it answers 400"' || fail "a refusal is not told"
one_mode audit || fail "mode"
eventually 10 status_is '.exports[0] | .why == null and .waiting == 0' || fail "it does not go on"
requests otlp ".[$before:] | map(.body) | unique | length" | grep -qx "$(requests otlp ".[$before:] | length")" || fail "what was refused was sent again"
no_fault otlp
