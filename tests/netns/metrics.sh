#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's Prometheus scrapes the daemon with a token, by the configuration and the alert rules that come with bulkhead; promtool
# finds nothing wrong with either; and what Prometheus has then is what was sent.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
needs promtool prometheus curl
config=$(cd "$(dirname "$0")/../../config" && pwd)

make_host "metrics-$$"
write_config "runtimes: {docker: off}
web: {listen: ['127.0.0.1:7480'], metrics_workloads: 2}"
add_bridge br0 10.98.0.254/24
for i in 1 2 3 4; do
	add_guest "g$i" br0 "10.98.0.$i/24"
done
nsenter --net="/run/netns/$host-g4" python3 -c 'if True:
	import socket
	server = socket.create_server(("10.98.0.4", 80))
	while True:
		server.accept()[0].close()' &
at_end "kill $! 2>/dev/null"
listening g4 80
start_daemon
knows 4
call() {
	in_guest "$1" python3 -c 'if True:
		import socket, sys
		for _ in range(int(sys.argv[1])):
			s = socket.create_connection(("10.98.0.4", 80), 2)
			s.recv(1)
			s.close()' "$2"
}
call g1 5
call g2 3
call g3 2

step "what is answered is valid, in either form"
token=$(bh token add prometheus 2>/dev/null) || fail "no token"
scrape() {
	on_host curl -s --max-time 10 -H "Authorization: Bearer $token" -H "Accept: $1" http://127.0.0.1:7480/metrics
}
seen() { [ "$(scrape text/plain | sed -n 's/^bulkhead_connections_total //p')" = 10 ]; }
eventually 15 seen || fail "not all connections are counted: $(scrape text/plain | grep ^bulkhead_conn)"
scrape text/plain >"$scratch/plain"
promtool check metrics <"$scratch/plain" >"$scratch/lint" 2>&1 || fail "promtool: $(cat "$scratch/lint")"
scrape 'application/openmetrics-text;version=1.0.0' >"$scratch/open"
[ "$(tail -n 1 "$scratch/open")" = "# EOF" ] || fail "no end"
[ "$(on_host curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:7480/metrics)" = 401 ] || fail "metrics without a token"
# Two have series of their own, as configured, and the others are one.
series=$(grep -c '^bulkhead_workload_connections_total{.*direction="egress"}' "$scratch/plain")
[ "$series" = 3 ] || fail "$series workloads have series of their own"
grep -q '^bulkhead_workload_connections_total{workload="other",' "$scratch/plain" || fail "the others are not told of"
[ "$(grep '^bulkhead_workload_connections_total{.*direction="egress"' "$scratch/plain" | awk '{n += $NF} END {print n}')" = 10 ] ||
	fail "what workloads opened does not add up: $(grep workload_connections "$scratch/plain")"

step "Prometheus scrapes it by the configuration that comes along"
promtool check rules "$config/prometheus/bulkhead.rules.yaml" >"$scratch/lint" 2>&1 || fail "rules: $(cat "$scratch/lint")"
mkdir -p "$scratch/prometheus"
echo "$token" >"$scratch/prometheus/token"
cp "$config/prometheus/bulkhead.rules.yaml" "$scratch/prometheus/"
sed -e "s|/etc/prometheus/bulkhead.token|$scratch/prometheus/token|" -e 's/scrape_interval: 15s/scrape_interval: 1s/' \
	"$config/prometheus/scrape.yaml" >"$scratch/prometheus/scrape.yaml"
promtool check config "$scratch/prometheus/scrape.yaml" >"$scratch/lint" 2>&1 || fail "configuration: $(cat "$scratch/lint")"
nsenter --net="/run/netns/$host" prometheus --config.file="$scratch/prometheus/scrape.yaml" --storage.tsdb.path="$scratch/prometheus/data" \
	--web.listen-address=127.0.0.1:9090 >"$scratch/prometheus/log" 2>&1 &
at_end "kill $! 2>/dev/null"
# query PROMQL: the values that it has, one a line.
query() {
	on_host curl -sG --max-time 5 http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" | jq -r '.data.result[].value[1]'
}
is() {
	[ "$(query "$1")" = "$2" ]
}
eventually 30 is 'up{job="bulkhead"}' 1 || fail "not scraped: $(tail -n 5 "$scratch/prometheus/log")"
eventually 10 is bulkhead_connections_total 10 || fail "connections: $(query bulkhead_connections_total)"
is 'bulkhead_enforcement_state{state="off"}' 1 || fail "the state: $(query bulkhead_enforcement_state)"
is 'bulkhead_workloads{mode="learn"}' 4 || fail "workloads: $(query bulkhead_workloads)"
is 'count(bulkhead_build_info)' 1 || fail "no build"
# Every expression of the dashboard is one that it understands.
jq -r '.panels[].targets[].expr' "$config/grafana/bulkhead.json" |
	sed -e 's/\$instance/.*/g' -e 's/\$__rate_interval/1m/g' >"$scratch/expressions"
[ "$(wc -l <"$scratch/expressions")" -gt 15 ] || fail "the dashboard is empty"
while read -r expression; do
	on_host curl -sG http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$expression" |
		jq -e '.status == "success"' >/dev/null || fail "the dashboard asks wrongly: $expression"
done <"$scratch/expressions"
alerts() {
	on_host curl -s http://127.0.0.1:9090/api/v1/rules | jq -e '[.data.groups[].rules[] | select(.health != "ok")] == [] and
		([.data.groups[].rules[]] | length) >= 10' >/dev/null
}
eventually 90 alerts || fail "alert rules: $(on_host curl -s http://127.0.0.1:9090/api/v1/rules)"
echo ok
