#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Flows and events to a file, syslog and journald: what arrives is what the command line says; files are rotated, a full
# disk stops nothing and is said, and so is a server that is away.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
stand_in=$(dirname "$0")/logs.py
talk=$(dirname "$0")/ipfix.py

make_host "logs-$$"
add_bridge br0
add_guest one br0 10.99.0.1/24 fd00:99::1/64
add_guest two br0 10.99.0.2/24 fd00:99::2/64
nsenter --net="/run/netns/$host-two" python3 "$talk" serve 10.99.0.2 fd00:99::2 >/dev/null 2>&1 &
at_end "kill $! 2>/dev/null"
listening two 80
# Where core, who is an ordinary user, may write: a disk of one megabyte and a half.
logs=$scratch/logs
mkdir "$logs" && mount -t tmpfs -o size=1536k,mode=777 tmpfs "$logs" || fail "no small disk"
at_end "umount -l $logs"

# configure YAML: of exports.
configure() {
	write_config "runtimes: {docker: off, podman: off, lxc: off}
exports:
$1"
	sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 2s/' "$scratch/bulkhead.yaml"
}
# receive NAME KIND WHERE: what arrives is in $scratch/NAME.
receive() {
	nsenter --net="/run/netns/$host" python3 "$stand_in" "$2" "$3" >>"$scratch/$1" 2>&1 &
	pid=$!
	at_end "kill $pid 2>/dev/null"
}
has() { # FILE JQ
	jq -e -s "any(.[]; $2)" "$1" >/dev/null
}
talk() {
	in_guest one python3 "$talk" talk-often 10.99.0.2 "$1" || fail "no talk"
}

step "a file has every flow that ended, and every event, as the command line prints them"
configure "  file: {path: $logs/log.jsonl, flows: true}
  syslog: {to: 'tcp://127.0.0.1:6601', flows: true, kinds: [policy], facility: local0}
  journal: {socket: $scratch/journal.sock, flows: true}"
receive journal unix "$scratch/journal.sock"
receive syslog tcp 6601
eventually 10 test -S "$scratch/journal.sock" || fail "no stand-in"
start_daemon
knows 2
in_guest one python3 "$talk" talk fd00:99::2 2 || fail "no talk"
talk 20
accept_all
bh policy propose >"$scratch/policy.yaml" && bh policy apply "$scratch/policy.yaml" >/dev/null || fail "no policy"
all_logged() {
	status_is '.capture.flows == 0' && [ "$(jq -s '[.[] | select(has("kind") | not)] | length' "$logs/log.jsonl")" = \
		"$(bh flows --format json --limit 5000 | wc -l)" ]
}
eventually 60 all_logged || fail "not every flow is in the file"
bh flows --format json --limit 5000 | sort >"$scratch/flows"
grep -v '"kind":' "$logs/log.jsonl" | sort | cmp - "$scratch/flows" || fail "flows differ in the file"
[ "$(wc -l <"$scratch/flows")" -ge 23 ] || fail "there are not enough flows"
bh events --format json --limit 1000 | jq -S -c 'del(.number)' | sort >"$scratch/events"
grep '"kind":' "$logs/log.jsonl" | jq -S -c . | sort | cmp - "$scratch/events" || fail "events differ in the file"
bh learn --flows "$scratch/flows" --format json | jq -e -s 'any(.[]; .port == 80)' >/dev/null || fail "its flows cannot be learned from"
[ "$(stat -c %a "$logs/log.jsonl")" = 600 ] || fail "others may read it"

step "syslog has its flows and the kinds that it is to have, with structured data; journald has fields"
pattern='^<1[0-9]*>1 20[0-9-]*T[0-9:.]*Z [^ ]* bulkhead [0-9]* flow \[bulkhead@32473 kind="flow" .*src_workload="netns:'$host'-one".*\] tcp 10.99.0.1:'
eventually 20 grep -q "$pattern" "$scratch/syslog" || fail "syslog has no flow: $(head -n 3 "$scratch/syslog")"
same_count() {
	[ "$(grep -c ' flow \[' "$scratch/syslog")" = "$(wc -l <"$scratch/flows")" ] &&
		[ "$(jq -s '[.[] | select(.BULKHEAD_KIND == "flow")] | length' "$scratch/journal")" = "$(wc -l <"$scratch/flows")" ]
}
eventually 20 same_count || fail "syslog or the journal has not every flow"
grep -q ' endpoint-up \[' "$scratch/syslog" && fail "syslog has an event that it was not to have"
grep -q ' policy \[bulkhead@32473 kind="policy"' "$scratch/syslog" || fail "syslog has no event: $(grep -v ' flow ' "$scratch/syslog")"
has "$scratch/journal" '.BULKHEAD_KIND == "endpoint-up" and .PRIORITY == "6" and .SYSLOG_IDENTIFIER == "bulkhead"' ||
	fail "the journal has no event"
has "$scratch/journal" ".BULKHEAD_SRC_WORKLOAD == \"netns:$host-one\" and (.BULKHEAD_JSON | fromjson | .dst.port == 80)" ||
	fail "the journal's flows have no fields"
status_is '[.exports[] | .kind] == ["file", "syslog", "journal"] and all(.exports[]; .lost == 0 and .why == null)' ||
	fail "status says otherwise: $(bh status --format json | jq -c .exports)"

step "a file that was moved away is begun anew"
mv "$logs/log.jsonl" "$logs/moved"
talk 3
eventually 30 has "$logs/log.jsonl" '.dst.port == 80' || fail "it is not begun anew"

step "a server that is away: it is said, and what waited arrives"
kill "$pid"
talk 5
talk 5
eventually 30 status_is '.exports[1] | .state != "sending" and .waiting > 0' || fail "nothing waits for syslog"
eventually 30 has_event '.kind == "export" and (.text | startswith("log records do not reach tcp://127.0.0.1:6601"))' ||
	fail "no event tells of it"
receive syslog tcp 6601
eventually 60 status_is '.exports[1] | .state == "sending" and .waiting == 0' || fail "it is not sent to again"
stop_daemon

step "a full disk stops nothing, and what has no room is written when there is some"
configure "  file: {path: $logs/log.jsonl, flows: true, format: ecs}"
head -c 2M /dev/zero >"$logs/filler" 2>/dev/null
start_daemon
knows 2
talk 20
eventually 30 status_is '.exports[0] | .state == "failing" and .waiting > 20 and (.why | contains("No space left"))' ||
	fail "the full disk is not noticed: $(bh status --format json | jq -c .exports)"
eventually 10 status_is '.unknown | any(contains("No space left"))' || fail "it is not among what is not known"
rm "$logs/filler"
eventually 30 status_is '.exports[0] | .state == "writing" and .waiting == 0 and .lost == 0' || fail "it does not go on"
jq -e -s 'map(select(.event.dataset == "bulkhead.flow" and .destination.port == 80)) | length >= 20' "$logs/log.jsonl" >/dev/null ||
	fail "a line is cut, or missing"
stop_daemon

step "files are rotated by size, and so many kept"
rm -f "$logs"/*
mount -o remount,size=64m "$logs"
configure "  file: {path: $logs/log.jsonl, flows: true, format: otel, size: 1MiB, keep: 2}"
start_daemon
knows 2
for _ in 1 2 3 4; do
	talk 800
	sleep 3
done
eventually 60 test -e "$logs/log.jsonl.2" || fail "not rotated: $(ls -l "$logs")"
eventually 60 status_is '.exports[0] | .sent > 3200 and .waiting == 0' || fail "not all is written"
stop_daemon
[ ! -e "$logs/log.jsonl.3" ] || fail "too many are kept"
for file in "$logs"/log.jsonl*; do
	[ "$(stat -c %s "$file")" -le $((1 << 20)) ] || fail "$file is too large"
	jq -e -s 'length > 0' "$file" >/dev/null || fail "$file has a line that is cut"
done
echo "$(cat "$logs"/log.jsonl* | wc -l) lines in $(find "$logs" -name 'log.jsonl*' | wc -l) files"
