#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A day of a host in a quarter of an hour (a share of it where there is less time): 864,000 connections,
# 10 a second of the day; 1,440 containers that live for a moment, one a minute, each with an attempt
# that is refused; 24 windows of learning; events and departed containers that must be dropped again.
# The processes' memory and descriptors stay level, and every connection is accounted for.
#
# With BULKHEAD_REPORTS, a folder, it leaves its figures there.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
visitor="$(dirname "$0")/visitor.py"

share=45 seconds=20
[ -n "${BULKHEAD_FULL:-}" ] && share=1 seconds=900
jobs=$((1440 / share)) job_visits=20
regulars=3
visits=$(((864000 / share - jobs * job_visits) / regulars))
server4=10.66.0.1 server6=fd66::1

# --- the host -----------------------------------------------------------------------------------

make_host "day-$$"
spaces=$scratch/netns
mkdir "$spaces"
cat >"$scratch/bulkhead.yaml" <<-YAML
	state_directory: $scratch/state
	run_directory: $scratch/run
	api: {socket: $scratch/run/api.sock}
	runtimes: {docker: off}
	capture: {idle_timeout: 5s, report_interval: 1s}
	identity: {netns_directories: [$spaces], keep_departed: 6s, keep_history: 60s}
	learning: {window: $((seconds / 24 + 1))s}
	events: {keep: 500}
YAML
on_host ip link add br0 type bridge mcast_snooping 0
# A gateway, as engines make it: what refuses needs a way back.
on_host ip addr add 10.66.255.254/16 dev br0
on_host ip addr add fd66::ffff/64 dev br0 nodad
on_host ip link set br0 up

# add NAME NUMBER: a container with an address of each family.
add() {
	touch "$spaces/$1"
	unshare --net="$spaces/$1" true
	on_host ip link add "v$2" type veth peer name eth0 netns "$spaces/$1"
	within "$1" sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv4.ip_local_port_range="10000 64000"
	within "$1" ip addr add "10.66.$(($2 >> 8)).$(($2 & 255))/16" dev eth0
	within "$1" ip addr add "fd66::$(printf %x "$2")/64" dev eth0 nodad
	within "$1" ip link set lo up
	within "$1" ip link set eth0 up
	on_host ip link set "v$2" master br0 up
}
within() {
	nsenter --net="$spaces/$1" "${@:2}"
}
remove() {
	on_host ip link del "v$2"
	umount "$spaces/$1"
	rm "$spaces/$1"
}
# shellcheck disable=SC2016 # for eval
at_end 'for space in "$spaces"/*; do umount "$space"; done 2>/dev/null'

# --- what is watched ----------------------------------------------------------------------------

# A row a second: seconds since the start, then KiB and descriptors of the three processes, then the
# store's KiB.
sample() {
	local pid row
	row=$((SECONDS - began))
	for pid in "$daemon_pid" "$(child capture)" "$(child core)"; do
		row+=" $(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status") $(find "/proc/$pid/fd" -type l | wc -l)"
	done
	echo "$row $(du -sk "$scratch/state" | cut -f1)"
}
watch() {
	while sleep 1; do
		sample >>"$scratch/samples"
	done
}

# report [LINE]: shown, and kept where reports are.
report() {
	echo "$*"
	[ -z "${BULKHEAD_REPORTS:-}" ] || echo "$*" >>"$BULKHEAD_REPORTS/day.md"
}

# --- the day ------------------------------------------------------------------------------------

add server 1
for i in $(seq $regulars); do
	add "regular-$i" $((i + 1))
done
start_daemon
# Not within: $! is to be the server itself.
nsenter --net="$spaces/server" python3 "$visitor" serve "$scratch/serving" &
at_end "kill $! 2>/dev/null"
eventually 10 test -e "$scratch/serving" || fail "the server does not start"

# UDP is learned once the watch is older than the timeout.
watched_long_enough() {
	bh status --format json | jq -e 'now - .started > 6'
}
eventually 15 watched_long_enough || fail "the daemon's start is not told"

# job NUMBER: a container that lives for a moment.
job() {
	local number=$((regulars + 2 + $1))
	add "job-$1" $number
	within "job-$1" python3 "$visitor" visit $job_visits 1000 $server4 9999 >>"$scratch/done-job"
	remove "job-$1" $number
}
learned() { # WORKLOAD: over TCP and UDP
	bh edges --format json | jq -e --arg w "netns:$1" \
		'.edges | map(select(.src == $w and .dst == "netns:server" and .answered > 0)) | length == 2'
}

step "the server enforces what it learned: jobs and regulars may visit"
within regular-1 python3 "$visitor" visit 20 100 $server4 >>"$scratch/done-regular" || fail "the first visit"
job 0
eventually 15 learned regular || fail "the first visit was not learned"
eventually 15 learned job || fail "a job was not learned"
accept_all
bh policy propose >"$scratch/policy.yaml" || fail "propose"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode netns:server enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "not enforced"

step "a day in $seconds seconds"
began=$SECONDS
watch &
watcher=$!
at_end "kill $watcher 2>/dev/null"
visitors=()
for i in $(seq $regulars); do
	to=$server4
	[ "$i" = 2 ] && to=$server6
	nsenter --net="$spaces/regular-$i" python3 "$visitor" visit "$visits" $((visits / seconds)) $to \
		>>"$scratch/done-regular" &
	visitors+=($!)
	at_end "kill $! 2>/dev/null"
done
for i in $(seq "$jobs"); do
	job "$i"
	[ -n "${BULKHEAD_FULL:-}" ] && [ $((i % 60)) = 0 ] && echo "hour $((i / 60)) of 24"
	# A job's turn comes once a minute of the day.
	while [ $((SECONDS - began)) -lt $((i * seconds / jobs)) ]; do sleep 0.1; done
done
wait "${visitors[@]}" || fail "visitors ended early"
kill $watcher

step "every connection is accounted for"
# made WHO COLUMN: what succeeded, by the visitors' own account.
made() {
	awk -v c="$2" '{ n += $c } END { print n + 0 }' "$scratch/done-$1"
}
# told WHO PORT PROTO: what the ledger says.
told() {
	bh edges --format json | jq --arg w "netns:$1" --argjson p "$2" --arg t "$3" \
		'[.edges[] | select(.src == $w and .dst == "netns:server" and .port == $p and .proto == $t) | .answered] | add // 0'
}
all_told() {
	[ "$(told regular 8080 tcp)" = "$(made regular 1)" ] && [ "$(told regular 5300 udp)" = "$(made regular 2)" ] &&
		[ "$(told job 8080 tcp)" = "$(made job 1)" ] && [ "$(told job 5300 udp)" = "$(made job 2)" ]
}
eventually 20 all_told
lost=$(bh status --format json | jq '.capture | .dropped + .evicted + .unsent')
# account WHO COLUMN PORT PROTO [LATE-COLUMN]: a connection whose first SYN came before its container was
# known, and was refused, teaches nothing, even if its next one is let in.
account() {
	local made told late=0
	made=$(made "$1" "$2") told=$(told "$1" "$3" "$4")
	[ $# = 4 ] || late=$(made "$1" "$5")
	report "| $1 $3/$4 | $made | $late | $told |"
	[ "$made" -gt 0 ] && [ "$told" -le "$made" ] && [ $((made - told)) -le $((lost + late)) ]
}
report "$((864000 / share)) connections and $jobs short-lived containers in $seconds seconds; $lost packets, flows or"
report "reports lost by bulkhead's own count."
report
report "| connections | made | of them, not with the first SYN | counted |"
report "|---|---|---|---|"
for who in regular job; do
	account $who 1 8080 tcp 3 && account $who 2 5300 udp || fail "connections are gone, and nobody says so"
done

step "nothing grows"
# quarter COLUMN NUMBER: the median of that quarter of the samples.
quarter() {
	local rows
	rows=$(wc -l <"$scratch/samples")
	sed -n "$(((($2 - 1) * rows) / 4 + 1)),$((($2 * rows) / 4))p" "$scratch/samples" |
		cut -d' ' -f"$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
# level COLUMN PERCENT SLACK NAME: how much more the last quarter may have than the second. A short day
# is over before everything that is kept for a while has filled up.
level() {
	local second last
	second=$(quarter "$1" 2) last=$(quarter "$1" 4)
	report "| $4 | $second | $last |"
	[ -z "${BULKHEAD_FULL:-}" ] || [ "$last" -le $((second + second * $2 / 100 + $3)) ] || fail "$4: it grows"
}
report
report "| | second quarter | last quarter |"
report "|---|---|---|"
level 2 2 512 "kernel, KiB"
level 4 2 512 "capture, KiB"
level 6 2 512 "core, KiB"
level 8 2 512 "store, KiB"
level 3 0 1 "kernel, descriptors"
level 5 0 1 "capture, descriptors"
level 7 0 1 "core, descriptors"
