#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who was it then: an address that goes from one to another and back within a second, with traffic all
# along; and what a restart, and other rules of grouping, leave of what was known.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "time-$$"
write_config "runtimes: {docker: off, podman: off, podman_storage: off}
enforcement: {table_protection: watch}"
add_bridge br0 10.98.0.1/24
add_guest a br0 10.98.0.11/24
add_guest b br0 10.98.0.12/24
add_guest client br0 10.98.0.13/24
add_guest job br0 10.98.0.14/24
address=10.98.0.9

# The servers say who they are, so the truth does not come from bulkhead.
for name in a b; do
	nsenter --net="/run/netns/$host-$name" python3 -c 'if True:
		import selectors, socket, sys
		address, name = sys.argv[1], sys.argv[2].encode()
		IP_FREEBIND = 15
		udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		tcp = socket.socket()
		for s, port in ((udp, 7000), (tcp, 7001)):
			s.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
			s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
			s.bind((address, port))
			s.setblocking(False)
		tcp.listen(100)
		wait = selectors.DefaultSelector()
		wait.register(udp, selectors.EVENT_READ)
		wait.register(tcp, selectors.EVENT_READ)
		while True:
			for ready, _ in wait.select():
				try:
					if ready.fileobj is udp:
						data, sender = udp.recvfrom(100)
						udp.sendto(name, sender)
					else:
						with tcp.accept()[0] as s:
							s.sendall(name)
				except OSError:
					pass' $address $name &
	at_end "kill $! 2>/dev/null"
	# What goes out from the address while it is this one's: the port says whose it was.
	first=20000
	[ $name = a ] || first=40000
	nsenter --net="/run/netns/$host-$name" python3 -c 'if True:
		import socket, sys, time
		port, end = int(sys.argv[2]), time.time() + 60
		while time.time() < end:
			with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
				try:
					s.bind((sys.argv[1], port))
					s.sendto(b"x", ("10.98.0.13", 9000))
					port += 1
				except OSError:
					pass
			time.sleep(0.02)' $address "$first" &
	at_end "kill $! 2>/dev/null"
done
start_daemon
knows 4

step "an address goes there and back within a second, and everything is of who had it"
nsenter --net="/run/netns/$host-client" python3 -c 'if True:
	import socket, sys, time
	address, end, own = sys.argv[1], time.time() + 12, 10000
	while time.time() < end:
		own += 1 # no tuple twice
		for kind, proto, port in ((socket.SOCK_DGRAM, "udp", 7000), (socket.SOCK_STREAM, "tcp", 7001)):
			with socket.socket(socket.AF_INET, kind) as s:
				s.bind(("", own))
				s.settimeout(0.2)
				begun = time.time()
				try:
					s.connect((address, port))
					s.send(b"?")
					answer = s.recv(10).decode()
				except OSError:
					answer = ""
				if answer:
					print(proto, own, answer, begun, flush=True)
		time.sleep(0.01)' $address >"$scratch/answers" &
client=$!
# hand FROM TO: the address goes from one to the other, and whoever asks for it asks anew.
hand() {
	ip -n "$host-$1" address del $address/24 dev eth0
	ip -n "$host-$2" address add $address/24 dev eth0
	ip -n "$host-client" neigh flush to $address
}
ip -n "$host-a" address add $address/24 dev eth0
for _ in $(seq 12); do
	sleep 0.4
	hand a b
	sleep 0.4
	hand b a
done
wait $client
answers=$(wc -l <"$scratch/answers")
[ "$answers" -ge 40 ] || fail "too few were answered: $answers"
for name in a b; do
	grep -q " $name " "$scratch/answers" || fail "$name never answered: $(cut -d" " -f1,3 "$scratch/answers" | sort | uniq -c)"
done
# compare: what bulkhead says of each of them: right, wrong, or that it does not know.
cat >"$scratch/compare.py" <<'PYTHON'
import json, sys
host, answers, flows, who = sys.argv[1:]
right = unknown = 0
wrong = []
truth = {}
for line in open(answers):
	proto, port, name, begun = line.split()
	truth[proto, int(port)] = (name, float(begun))
def judge(name, said, what):
	global right, unknown
	if said is None:
		unknown += 1
	elif said == "netns:%s-%s" % (host, name):
		right += 1
	else:
		wrong.append("%s is said to be of %s, and is of %s" % (what, said, name))
for line in open(flows):
	f = json.loads(line)
	src, dst = f["src"], f["dst"]
	if dst["ip"] == "10.98.0.9" and (f["proto"], src["port"]) in truth:
		judge(truth.pop((f["proto"], src["port"]))[0], dst["workload"], "%s from %d" % (f["proto"], src["port"]))
	elif src["ip"] == "10.98.0.9" and (f["proto"], dst["port"]) in truth: # the answer alone was seen
		judge(truth.pop((f["proto"], dst["port"]))[0], src["workload"], "%s to %d" % (f["proto"], dst["port"]))
	elif src["ip"] == "10.98.0.9" and dst["port"] == 9000:
		judge("a" if src["port"] < 40000 else "b", src["workload"], "udp to 9000 from %d" % src["port"])
print("flows: %d right, %d not known, %d wrong, %d not seen" % (right, unknown, len(wrong), len(truth)))
held = at = 0
rows = json.load(open(who))["rows"]
for line in open(answers):
	proto, port, name, begun = line.split()
	for row in rows:
		until = row["until"] or 1e12
		# A tick of the clock that dates addresses, and what it takes to answer.
		if row["from"] + 0.02 <= float(begun) < until - 0.02:
			held += 1
			if row["workload"] != "netns:%s-%s" % (host, name):
				wrong.append("who says %s at %s, and it was %s" % (row["workload"], begun, name))
print("who: %d of %d answers are of a known time" % (held, sum(1 for _ in open(answers))))
for text in wrong:
	print(text)
sys.exit(bool(wrong) or right < 4 * unknown or not held)
PYTHON
all_reported() {
	bh flows --format json --limit 20000 >"$scratch/flows" &&
		jq -e -s '[.[] | select(.dst.ip == "10.98.0.9")] | length >= '"$answers" "$scratch/flows"
}
eventually 10 all_reported || fail "not all flows are reported"
bh who $address --format json >"$scratch/who" || fail "nobody is known to have held it"
jq -e '.rows | length >= 20' "$scratch/who" >/dev/null || fail "the intervals are not there: $(cat "$scratch/who")"
python3 "$scratch/compare.py" "$host" "$scratch/answers" "$scratch/flows" "$scratch/who" || fail "not as it was"
bh events --format json --limit 10000 | jq -e -s 'any(.[]; .kind == "spoof")' >/dev/null &&
	fail "who held the address is said to lie: $(bh events --limit 10000 | grep spoof | head -n 3)"

step "who tells of a time, of nobody, and of when nobody watched"
# nobody WORDS ARGUMENT...: who says that it was nobody, in these words.
nobody() {
	local words=$1 said
	shift
	said=$(bh who "$@") && fail "somebody is said to have held it: $said"
	[[ $said == *$words* ]] || fail "who $*: $said"
}
nobody "Nobody is known to have held 10.98.0.77" 10.98.0.77
nobody "Nobody held 10.98.0.77 then" 10.98.0.77 --at "$(date +%s.%N)"
nobody "did not watch" 10.98.0.11 --at 2001-01-01T00:00:00Z
nobody "this host's own" 10.98.0.1
bh who 10.98.0.11 | grep -q "now .*$host-a .*netns:$host-a" || fail "$(bh who 10.98.0.11)"

step "what went on through a restart is the same instance; what went meanwhile ended when it was last seen"
since() {
	bh workloads --format json | jq --arg n "$host-$1" '.rows[].instances[] | select(.name == $n) | .since'
}
before=$(since a)
stopped=$(date +%s.%N)
stop_daemon
ip netns del "$host-job"
sleep 1.5
while_away=$(date +%s.%N)
sleep 0.5
start_daemon
knows 3
jq -en "$(since a) == $before" >/dev/null || fail "a began anew: $before, $(since a)"
bh who 10.98.0.14 --format json | jq -e --argjson s "$stopped" --arg n "$host-job" '.rows | length == 1 and
	(.[0] | .name == $n and .until >= $s - 0.1 and .until < $s + 1.4)' >/dev/null ||
	fail "the job's end: $(bh who 10.98.0.14 --format json), the daemon's $stopped"
nobody "did not watch" 10.98.0.14 --at "$while_away"
bh who 10.98.0.11 --at "$before" >/dev/null || fail "what was before the restart is forgotten"
bh workloads --format json | jq -e --arg n "$host-job" 'any(.rows[].departed[]; .name == $n)' >/dev/null ||
	fail "the job is not shown as gone"
bh workloads | grep -q "$host-job.*gone" || fail "the job is not shown as gone"
kill -9 "$(child core)"
eventually 15 status_is '.loss.total.core_ends == 1' || fail "core does not come back"
knows 3
jq -en "$(since a) == $before" >/dev/null || fail "a began anew, after core was killed"

step "other rules of grouping: the instance goes on under another name, and status says whom that leaves"
printf 'bulkhead-policy: 1\nworkloads:\n  one: {bulkhead.workload: "netns:%s-a"}\nrules: []\n' "$host" \
	>"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode "netns:$host-a" audit --anyway >/dev/null || fail "audit"
stop_daemon
echo 'workloads: [{match: {bulkhead.name: "*-a", bulkhead.runtime: netns}, name: "front {bulkhead.runtime}"}]' \
	>>"$scratch/bulkhead.yaml"
start_daemon
knows 3
has_event ".kind == \"renamed\" and .workload == \"group:front netns\" and .was.workload == \"netns:$host-a\"" ||
	fail "the other name is not told"
jq -en "$(since a) == $before" >/dev/null || fail "a began anew under its other name"
bh who 10.98.0.11 --format json | jq -e --arg w "netns:$host-a" '[.rows[].workload] == [$w, "group:front netns"]' \
	>/dev/null || fail "who does not tell both names: $(bh who 10.98.0.11 --format json)"
left_behind() {
	status_is ".unknown | any(startswith(\"nothing is called netns:$host-a any more\") and
		contains(\"its mode, audit, holds for nobody, and what the active policy says\"))"
}
left_behind || fail "status does not tell of the old name"
stop_daemon
start_daemon
knows 3
left_behind || fail "status tells of the old name once only"
[ "$(bh events --format json --limit 1000 | jq -s '[.[] | select(.kind == "renamed")] | length')" = 1 ] ||
	fail "the other name is told more than once"
bh mode "netns:$host-a" learn >/dev/null || fail "learn"
printf 'bulkhead-policy: 1\nworkloads:\n  one: {bulkhead.workload: group:front netns}\nrules: []\n' |
	bh policy apply - >/dev/null || fail "apply"
left_behind && fail "status tells of what was put right"
sed -i 's/^workloads: .*/workloads: [{match: {bulkhead.name: x}, name: "{"}]/' "$scratch/bulkhead.yaml"
stop_daemon
nsenter --net="/run/netns/$host" "$bulkhead" daemon --foreground --config "$scratch/bulkhead.yaml" \
	>"$scratch/refused" 2>&1 && fail "a rule that is none is taken"
grep -q 'bulkhead.yaml:[0-9]*:[0-9]*: workloads\[0\].name: found "{", expected } after each {' "$scratch/refused" ||
	fail "$(cat "$scratch/refused")"
