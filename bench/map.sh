#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the map costs of a host of 500 workloads and 5,000 edges: the API's answers (median, 99th percentile of 200, bytes), the
# memory of core, and how long a person waits in a browser. The host is made up (bench/map_fill.c); daemon, store, API and web
# interface are real, in a namespace with nothing in it.
#   bench/map.sh [-r RUNS] BUILD [WORKLOADS EDGES]     RUNS: fresh pages in the browser; 0: pictures alone
#   BULKHEAD_SCREENSHOTS=1    keeps pictures of it in tests/browser/screenshots
set -euo pipefail
usage="usage: bench/map.sh [-r RUNS] BUILD [WORKLOADS EDGES]"
runs=7
if [ "${1:-}" = -r ]; then
	runs=${2:?$usage}
	shift 2
fi
build=$(realpath "${1:?$usage}")
workloads=${2:-500} edges=${3:-5000}
browser_tests=$(realpath "$(dirname "$0")/../tests/browser")
scratch=$(mktemp -d)
host=map-$$
daemon=
finish() {
	[ -z "$daemon" ] || { kill "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; }
	ip netns del "$host" 2>/dev/null || true
	rm -rf "$scratch"
}
trap finish EXIT
ip netns add "$host"
ip -n "$host" link set lo up
chmod 755 "$scratch"
mkdir -m 700 "$scratch/state"
"$build/bench/map_fill" "$scratch/state/bulkhead.db" "$workloads" "$edges"
chown -R bulkhead:bulkhead "$scratch/state"
cat >"$scratch/bulkhead.yaml" <<-YAML
	state_directory: $scratch/state
	run_directory: $scratch/run
	api: {socket: $scratch/run/api.sock}
	runtimes: {docker: off}
	web: {listen: ['127.0.0.1:7480']}
YAML
on_host() { nsenter --net="/run/netns/$host" "$@"; }
bh() { "$build/src/cli/bulkhead" --socket "$scratch/run/api.sock" "$@"; }
nsenter --net="/run/netns/$host" "$build/src/cli/bulkhead" daemon --foreground --config "$scratch/bulkhead.yaml" \
	>"$scratch/log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
	bh status >/dev/null 2>&1 && break
	sleep 0.1
done

in_the_browser() {
	local why=
	[ -x "${BULKHEAD_CHROMIUM:-/usr/bin/chromium}" ] || why="there is no chromium"
	[ -d "$browser_tests/node_modules" ] || why="npm --prefix tests/browser ci --ignore-scripts"
	on_host curl -s --compressed http://127.0.0.1:7480/ | grep -q assets/ || why="the build has no web interface"
	if [ -n "$why" ]; then
		echo "not in a browser: $why"
		return
	fi
	BULKHEAD_UI=http://127.0.0.1:7480 BULKHEAD_OPERATOR=$(bh token add figures --role operator 2>/dev/null) \
		on_host node "$browser_tests/figures.mjs" "$runs"
}

if [ "$runs" = 0 ]; then
	in_the_browser
	exit
fi
load() { cut -d ' ' -f 1 /proc/loadavg; }
echo "$(date -I), $(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), load $(load)"
core=$(pgrep -P "$daemon" -f -- '--child core')
memory() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$core/status"; }
before=$(memory)
python3 - "$scratch/run/api.sock" <<'PYTHON'
import http.client, socket, sys, time

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])

VIEWS = [
    ("as it opens: what was learned, groups closed", "/v1/map?collapse=auto&fold=1"),
    ("a group opened", "/v1/map?collapse=auto&fold=1&open=group:compose:project3"),
    ("a search", "/v1/map?collapse=auto&fold=1&q=project3"),
    ("every workload", "/v1/map?collapse=none&fold=1"),
    ("an hour", "/v1/map?since=1h&collapse=auto&fold=1"),
    ("a day", "/v1/map?since=24h&collapse=auto&fold=1"),
    ("a workload's neighbourhood", "/v1/map?since=24h&focus=compose:project3/service4"),
    ("two halves of a day compared", "/v1/map?since=12h&before_since=24h&before_until=12h&collapse=auto"),
    ("every workload, a day", "/v1/map?since=24h&collapse=none"),
    ("status", "/v1/status"),
    ("metrics", "/metrics"),
]
call = Unix("bulkhead")
print(f"{'answer':54} {'median':>9} {'p99':>9} {'bytes':>10}")
for name, path in VIEWS:
    times, size = [], 0
    for _ in range(200):
        begun = time.perf_counter()
        call.request("GET", path)
        answer = call.getresponse()
        size = len(answer.read())
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status}")
    times.sort()
    print(f"{name:54} {times[100]:6.1f} ms {times[197]:6.1f} ms {size:10}")
PYTHON
echo "core: $((before / 1024)) MiB before, $(($(memory) / 1024)) MiB after"
in_the_browser
echo "load $(load) at the end"
