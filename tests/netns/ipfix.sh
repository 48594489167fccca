#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Flows by IPFIX: what nfdump, pmacct and libfixbuf make of the records is what bulkhead says of the flows, every one and
# every octet; a collector that goes away and comes back; names that arrive.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
helper=$(dirname "$0")/ipfix.py

needs nfcapd nfdump nfacctd ipfixDump tshark tcpdump
make_host "ipfix-$$"
add_bridge br0
add_guest one br0 10.99.0.1/24 fd00:99::1/64
add_guest two br0 10.99.0.2/24 fd00:99::2/64

# configure BIFLOWS
configure() {
	write_config "runtimes: {docker: off, podman: off, lxc: off}
exports:
  active_timeout: 2s
  ipfix: {biflows: $1, domain: 7, collectors: [\"udp://127.0.0.1:9995\", \"udp://[::1]:9996\", \"tcp://localhost:9997\"]}"
	sed -i 's/report_interval: 1s/report_interval: 1s, idle_timeout: 3s/' "$scratch/bulkhead.yaml"
}

# background NAME COMMAND...: in the host namespace; its process id is in pids[NAME].
declare -A pids
background() {
	local name=$1
	shift
	# What a job holds open, whoever reads the test's output waits for.
	nsenter --net="/run/netns/$host" "$@" >"$scratch/$name.log" 2>&1 &
	pids[$name]=$!
	at_end "end $name"
}
end() { # NAME [SIGNAL]: and its children
	local pid=${pids[$1]:-} child children
	[ -n "$pid" ] || return 0
	children=$(pgrep -P "$pid")
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	for child in $children; do
		eventually 5 test ! -e "/proc/$child" || kill -KILL "$child" 2>/dev/null
	done
	unset "pids[$1]"
}
bound() { # PORT
	eventually 30 on_host sh -c "ss -Hltun 'sport = :$1' | grep -q ." || fail "nobody is at port $1"
}

collect() { # FOLDER
	mkdir -p "$scratch/$1/nf" "$scratch/$1/tcp"
	cat >"$scratch/primitives" <<-END
		name=back_bytes field_type=29305:1 len=8 semantics=u_int
		name=back_packets field_type=29305:2 len=8 semantics=u_int
		name=icmp4 field_type=32 len=2 semantics=u_int
		name=icmp6 field_type=139 len=2 semantics=u_int
		name=source field_type=32473:101 len=vlen semantics=str
	END
	cat >"$scratch/nfacctd.conf" <<-END
		nfacctd_ip: ::1
		nfacctd_port: 9996
		plugins: print
		aggregate_primitives: $scratch/primitives
		aggregate: src_host, dst_host, src_port, dst_port, proto, timestamp_start, timestamp_end, back_bytes, back_packets, icmp4, icmp6, source
		timestamps_utc: true
		print_output: json
		print_output_file: $scratch/$1/pmacct.json
		print_output_file_append: true
		print_refresh_time: 5
	END
	background nfcapd nfcapd -w "$scratch/$1/nf" -b 127.0.0.1 -p 9995 -t 3600
	background nfacctd nfacctd -f "$scratch/nfacctd.conf"
	background keep python3 "$helper" keep 9997 "$scratch/$1/tcp"
	bound 9995
	bound 9996
	bound 9997
}

# What each has, as text.
written() { # FOLDER
	local file
	end nfcapd
	end nfacctd INT
	eventually 10 test -s "$scratch/$1/pmacct.json" || fail "nfacctd wrote nothing: $(cat "$scratch/nfacctd.log")"
	TZ=UTC nfdump -R "$scratch/$1/nf" -o json >"$scratch/$1/nfdump.json" 2>"$scratch/nfdump.log" ||
		fail "nfdump: $(cat "$scratch/nfdump.log")"
	for file in "$scratch/$1"/tcp/*.ipfix; do
		ipfixDump --rfc5610 -d -i "$file" || fail "libfixbuf cannot read what came by TCP"
	done >"$scratch/$1/fixbuf.txt" 2>"$scratch/fixbuf.log"
}

same() { # FOLDER KIND FILE
	python3 "$helper" compare "$scratch/$1/flows.json" "$2" "$scratch/$1/$3" >"$scratch/compared" ||
		fail "$(cat "$scratch/compared")"
	cat "$scratch/compared"
}

nsenter --net="/run/netns/$host-two" python3 "$helper" serve 10.99.0.2 fd00:99::2 >/dev/null 2>&1 &
at_end "kill $! 2>/dev/null"
listening two 80

# everything_ended: no flow goes on, and all there is to export is.
everything_ended() {
	status_is '.capture.flows == 0' && sleep 7
}
all_exported() {
	eventually 60 everything_ended || fail "flows do not end"
	eventually 30 status_is '(.exports | length) == 3 and all(.exports[]; .waiting == 0 and .why == null)' ||
		fail "something waits: $(bh status --format json | jq -c .exports)"
	bh flows --format json --limit 5000 >"$scratch/$1/flows.json" || fail "flows"
}

step "what collectors have is what bulkhead says, of TCP, UDP, ICMP, both families, and of flows that go on"
configure true
collect both
background lo tcpdump -i lo -U -w "$scratch/lo.pcap" udp port 9995
start_daemon
knows 2
in_guest one python3 "$helper" talk 10.99.0.2 8 || fail "no talk"
in_guest one python3 "$helper" talk fd00:99::2 8 || fail "no talk by IPv6"
all_exported both
status_is 'all(.exports[]; .state == "sending" and .lost == 0 and .sent > 10)' ||
	fail "status says otherwise: $(bh status --format json | jq -c .exports)"
status_is '.loss.total.ipfix_records == 0' || fail "something is said to be lost"
bh status | grep -q '^exports .*udp://127.0.0.1:9995' || fail "status does not name the collectors"
stop_daemon
written both
same both nfdump nfdump.json
same both pmacct pmacct.json
same both fixbuf fixbuf.txt
jq -s -e '[.[] | select(.proto == "tcp" and .dst.port == 80)] | length == 2' "$scratch/both/flows.json" >/dev/null ||
	fail "a long connection is not one flow"
[ "$(grep -c 'flowEndReason : 2' "$scratch/both/fixbuf.txt")" -ge 4 ] || fail "no flow was exported while it went on"

step "names, verdicts and reasons arrive, by the names that the options records tell"
for text in "sourceWorkload : (len: [0-9]*) netns:$host-one\$" "destinationWorkload : (len: [0-9]*) netns:$host-two\$" \
	"verdict : (len: 9) delivered" "initiatorKnownBy : (len: 3) syn" "flowState : (len: 7) refused" "countsAreFloor : 2" \
	"flowEndReason : 1" "flowEndReason : 3" "biflowDirection : 1" "forwardingStatus : 64" "exportedMessageTotalCount : [1-9]" \
	"notSentFlowTotalCount : 0"; do
	grep -q "$text" "$scratch/both/fixbuf.txt" || fail "libfixbuf does not read $text"
done
jq -s -e --arg w "netns:$host-one" 'any(.[]; .source == $w)' "$scratch/both/pmacct.json" >/dev/null ||
	fail "nfacctd does not see the workload's name: $(head -n 2 "$scratch/both/pmacct.json")"
grep -qi malformed "$scratch/nfacctd.log" && fail "nfacctd finds fault: $(grep -i malformed "$scratch/nfacctd.log")"
grep -q _alien "$scratch/both/fixbuf.txt" && fail "an element is not described"
end lo
tshark -r "$scratch/lo.pcap" -d udp.port==9995,cflow -V >"$scratch/tshark.txt" 2>/dev/null
grep -q "Observation Domain Id: 7" "$scratch/tshark.txt" || fail "tshark reads another domain"
grep -qiE "malformed|unexpected|no template found" "$scratch/tshark.txt" && fail "tshark finds fault"
# Its own table has no name for an example's elements, but the bytes of each.
grep -q "$(printf 'netns:%s-one' "$host" | od -An -tx1 | tr -d '\n')" "$scratch/tshark.txt" || fail "tshark does not see the workload's name"
grep -q "Sequence Errors: 0, Bad Packets: 0" "$scratch/nfcapd.log" || fail "nfcapd counts errors: $(cat "$scratch/nfcapd.log")"

step "with a record of each direction a collector that knows no biflows has it all, too"
end keep
configure false
collect each
start_daemon
knows 2
in_guest one python3 "$helper" talk 10.99.0.2 3 || fail "no talk"
in_guest one python3 "$helper" talk fd00:99::2 3 || fail "no talk by IPv6"
all_exported each
stop_daemon
written each
same each nfdump-one-way nfdump.json
same each pmacct-one-way pmacct.json

step "a collector that goes away: what waits is kept, it is said, and what is lost is counted"
end keep
configure true
collect away
start_daemon
knows 2
in_guest one python3 "$helper" talk-often 10.99.0.2 50 || fail "no talk"
eventually 30 status_is '.exports[2] | .sent >= 50' || fail "nothing is sent by TCP"
end keep KILL
end nfcapd
in_guest one python3 "$helper" talk-often 10.99.0.2 50 || fail "no talk"
eventually 30 status_is '.exports[2] | .state != "sending" and .waiting >= 50' || fail "nothing waits for it"
eventually 30 status_is '.unknown | any(contains("flows do not reach tcp://localhost:9997"))' ||
	fail "status does not say that a collector is away"
eventually 30 has_event '.kind == "export" and (.text | contains("flows do not reach tcp://localhost:9997"))' ||
	fail "no event tells of it"
eventually 30 status_is '.exports[0] | .state == "refused" and .lost > 0' || fail "refused datagrams are not lost"
eventually 30 status_is '.loss.total.ipfix_records == ([.exports[].lost] | add)' || fail "the loss is not counted"
eventually 30 has_event '.kind == "loss" and .ipfix_records > 0' || fail "no event tells what was lost"
background keep python3 "$helper" keep 9997 "$scratch/away/tcp"
eventually 60 status_is '.exports[2] | .state == "sending" and .waiting == 0' || fail "it is not sent to again"
eventually 30 has_event '.kind == "export" and (.text | contains("flows reach tcp://localhost:9997 again"))' ||
	fail "no event tells that it is back"
in_guest one python3 "$helper" talk-often 10.99.0.2 20 || fail "no talk"
eventually 30 status_is '.exports[2] | .sent + .lost >= 120' || fail "the rest is not sent"
# One that goes on has several records: so many are not yet all flows.
eventually 60 everything_ended || fail "flows do not end"
stop_daemon
written away
[ "$(find "$scratch/away/tcp" -name '*.ipfix' | wc -l)" = 2 ] || fail "there were not two connections"
got=$(grep 'flowId : ' "$scratch/away/fixbuf.txt" | sort -u | wc -l)
[ "$got" = 120 ] || fail "$got of 120 flows came by TCP, and nothing was said to be lost"
echo "$got flows came by TCP in two connections"
