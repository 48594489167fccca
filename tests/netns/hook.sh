#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The hook without a runtime: what it holds, what it lets go, and that nothing holds it for longer than
# its limit.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "hook-$$"
write_config "runtimes: {docker: off}"
add_bridge br0 10.77.0.1/24
start_daemon
add_guest server br0 10.77.0.2/24
add_guest job br0 10.77.0.3/24
knows 2

# resident NAME: the pid of a process in that guest, as a runtime's init would wait there.
resident() {
	nsenter --net="/run/netns/$host-$1" sleep 1000 &
	at_end "kill $! 2>/dev/null"
	eventually 5 test "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/self/ns/net)"
	pid=$!
}
# hook SECONDS_AT_MOST ARGUMENT...: with the state of process $pid; its status and words are kept.
hook() {
	local most=$1 began=$SECONDS
	shift
	printf '{"ociVersion":"1.0.2","id":"guest-%d","status":"created","pid":%d,"bundle":"/b"}' "$pid" "$pid" |
		on_host timeout 60 "$bulkhead" --socket "$scratch/run/api.sock" hook "$@" 2>"$scratch/said"
	status=$?
	[ $((SECONDS - began)) -le "$most" ] || fail "the hook took $((SECONDS - began)) s, not $most"
}
says() {
	grep -q "$1" "$scratch/said" || fail "the hook does not say \"$1\": $(cat "$scratch/said")"
}

step "without rules a known endpoint has all it needs, and who has no interface needs nothing"
resident server
hook 5 --on-timeout refuse
[ $status = 0 ] || fail "held: $(cat "$scratch/said")"
ip netns add "$host-alone" && at_end "ip netns del $host-alone"
resident alone
hook 5 --on-timeout refuse
[ $status = 0 ] || fail "who has no interface is held: $(cat "$scratch/said")"

step "with rules a new one is held until its own stand"
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  server: {bulkhead.workload: "netns:$host-server"}
	rules: []
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode "netns:$host-server" enforce --anyway >/dev/null || fail "enforce"
add_guest late br0 10.77.0.4/24
resident late
hook 10 --on-timeout refuse
[ $status = 0 ] || fail "held: $(cat "$scratch/said")"
status_is '.startup.enforced.count >= 1 and .startup.hooks.stood >= 3 and .startup.hooks.given_up == 0' ||
	fail "the window is not told: $(bh status --format json | jq -c .startup)"
# Read to the end: who is not, breaks the pipe and fails.
on_host nft list map inet bulkhead egress4 2>/dev/null | grep 10.77.0.4 >/dev/null ||
	bh policy show --nft | grep 10.77.0.4 >/dev/null || fail "it was let go, and its rules do not stand"

step "who has link-local addresses alone, or none, is let go with its interface's rules"
has_port() { # INTERFACE: the bridge table judges what comes from there
	on_host nft list map bridge bulkhead ports | grep "\"$1\" : goto p" >/dev/null
}
has_address() { # ADDRESS
	on_host nft list map inet bulkhead egress6 | grep "$1" >/dev/null
}
quiet_guest() { # NAME: no kernel of its own makes up an address for it
	ip netns add "$host-$1" && at_end "ip netns del $host-$1 2>/dev/null"
	in_guest "$1" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip -n "$host" link add "v$1" type veth peer name eth0 netns "$host-$1"
	ip -n "$host" link set "v$1" master br0 up
	ip -n "$host-$1" link set eth0 up
}
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  server: {bulkhead.workload: "netns:$host-server"}
	  bare: {bulkhead.workload: "netns:$host-bare"}
	  void: {bulkhead.workload: "netns:$host-void"}
	rules: []
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
add_guest bare br0
quiet_guest void
eventually 10 bh mode "netns:$host-bare" enforce --anyway || fail "enforce bare"
eventually 10 bh mode "netns:$host-void" enforce --anyway || fail "enforce void"
for guest in bare void; do
	resident $guest
	hook 4 --on-timeout refuse
	[ $status = 0 ] || fail "$guest is held: $(cat "$scratch/said")"
	has_port v$guest || fail "$guest was let go, and its interface has no rules"
done
own=$(ip -n "$host-bare" -j -6 address show dev eth0 | jq -r '.[0].addr_info[0].local')
[[ $own = fe80:* ]] || fail "the test is wrong: bare has $own"
has_address "$own" || fail "bare was let go, and $own has no rules"
in_guest void ip -j address show dev eth0 | jq -e '.[0].addr_info == []' >/dev/null ||
	fail "the test is wrong: void has an address"

step "an address that nobody has had time to object to counts"
add_guest slow br0
eventually 10 instance_is "netns:$host-slow" "$host-slow" || fail "slow is not known"
ip -n "$host-slow" address add fd77::9/64 dev eth0 # its kernel asks for a second whether it is anybody's
resident slow
hook 4 --on-timeout refuse
[ $status = 0 ] || fail "held: $(cat "$scratch/said")"
has_address fd77::9 || fail "it was let go, and the address that is still being asked for has no rules"

step "whose address is another's is held to the limit, and status tells of it"
add_guest twin br0 10.77.0.2/24
resident twin
hook 4 --timeout 1s --on-timeout refuse
[ $status = 1 ] || fail "let go with status $status"
says "on-timeout refuse"
says "rules of netns:$host-twin"
hook 4 --timeout 1s --on-timeout allow
[ $status = 0 ] || fail "refused with status $status"
says "on-timeout allow"
eventually 15 status_is '.startup.hooks.given_up >= 1' || fail "nobody counts those that were given up"
has_event '.kind == "hook"' || fail "no event tells of it"

step "a namespace that the process is not in is refused at once"
# answered CODE QUERY: what a hook that asks so is answered with.
answered() {
	[ "$(curl -s -o "$scratch/answer" -w '%{http_code}' --unix-socket "$scratch/run/api.sock" -X POST \
		"http://bulkhead/v1/hook?$2")" = "$1" ]
}
eventually 5 answered 409 "id=x&pid=$$&netns=4711" || fail "a namespace is believed that is not there"
for wrong in "id=x&pid=0&netns=1" "pid=1&netns=1" "id=x&pid=1" "id=x&pid=99999999999&netns=1" "id=x&pid=a&netns=1"; do
	answered 400 "$wrong" || fail "$wrong is answered with $(cat "$scratch/answer")"
done
# An operator is not root.
chgrp nogroup "$scratch/run/api.sock" && chmod 666 "$scratch/run/api.sock"
code=$(setpriv --reuid=65534 --regid="$(getent group bulkhead | cut -d: -f3)" --clear-groups curl -s -o "$scratch/answer" \
	-w '%{http_code}' --unix-socket "$scratch/run/api.sock" -X POST "http://bulkhead/v1/hook?id=x&pid=1&netns=1")
[ "$code" = 403 ] || fail "an operator's word is taken: $code $(cat "$scratch/answer")"

step "states that are none"
for text in '' '[]' '{"id":"x"}' '{"id":"","pid":1}' '{"pid":7}' '{"id":"x","pid":-1}' '{"id":7,"pid":7}'; do
	printf '%s' "$text" | "$bulkhead" --socket "$scratch/run/api.sock" hook --on-timeout refuse 2>"$scratch/said" &&
		fail "$text is taken for a container"
	says "container's state"
done

step "a daemon that is stopped, or killed while it is asked, holds nobody for longer than the limit"
resident job
kill -STOP "$(child core)"
hook 4 --timeout 1s --on-timeout refuse
[ $status = 1 ] || fail "let go with status $status"
says "does not answer"
kill -CONT "$(child core)"
eventually 10 bh status || fail "the daemon does not come back"
# told NUMBER TEXT: so many events tell, from what its hooks left, that this container was given up so.
told() {
	bh events --format json --limit 100 | jq -e -s --arg id "guest-$pid" --arg text "$2" --argjson n "$1" \
		'map(select(.kind == "hook" and (.text | startswith("container " + $id) and
			contains(" s until 20") and contains($text) and contains("the daemon does not answer")))) | length == $n' >/dev/null
}
eventually 10 told 1 "and then refused" || fail "no event tells whom a hook gave up while core was stopped"
status_is '.startup.hooks.given_up >= 3' || fail "it is not counted"
sleep 6 # as long as those are kept that asked
[ "$(bh events --format json --limit 100 | jq -s --arg id "guest-$pid" \
	'map(select(.kind == "hook" and (.text | contains($id)))) | length')" = 1 ] || fail "it is told of twice"
kill -STOP "$(child core)"
( sleep 1; kill -KILL "$(child core)" ) &
hook 15 --timeout 10s --on-timeout refuse # the next core answers
[ $status = 0 ] || fail "core's successor did not answer: $(cat "$scratch/said")"
stop_daemon
hook 4 --timeout 1s --on-timeout refuse
[ $status = 1 ] || fail "let go without a daemon"
says "does not answer"
hook 4 --timeout 1s
[ $status = 0 ] || fail "refused without a daemon, where nothing was said of that"
[ "$(stat -c '%u %a' "$scratch/run/hooks")" = "0 600" ] || fail "others than root may say whom a hook gave up"
start_daemon
eventually 10 told 2 "and then refused" || fail "the next daemon does not tell whom a hook refused"
eventually 10 told 1 "and then not any more" || fail "the next daemon does not tell whom a hook let go"
status_is '.startup.hooks.given_up == 2' || fail "those are not counted"
[ ! -e "$scratch/run/hooks" ] && [ ! -e "$scratch/run/hooks.taken" ] || fail "what is told is still kept"
stop_daemon

step "whatever stands in the daemon's place, and a runtime that does not end the state"
for nonsense in silence drip flood json; do
	python3 - "$scratch/fake-$nonsense" "$nonsense" <<-'PY' &
		import socket, sys, time
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		server.listen(64)
		held = []
		until = time.time() + 20
		server.settimeout(20)
		while time.time() < until:
		    client, _ = server.accept()
		    held.append(client)
		    client.settimeout(0.2)
		    try:
		        if sys.argv[2] == "drip":
		            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n":
		                client.send(bytes([byte])); time.sleep(0.1)
		        elif sys.argv[2] == "flood":
		            client.send(b"HTTP/1.1 200 OK\r\n\r\n")
		            for _ in range(100):
		                client.send(b"x" * 65536)
		            client.close()
		        elif sys.argv[2] == "json":
		            body = b'{"state":["standing"],"why":{}}'
		            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
		    except OSError:
		        pass
	PY
	at_end "kill $! 2>/dev/null"
	eventually 5 test -S "$scratch/fake-$nonsense" || fail "no stand-in"
	began=$SECONDS
	printf '{"id":"guest","pid":%d}' "$pid" | timeout 60 "$bulkhead" --socket "$scratch/fake-$nonsense" hook \
		--timeout 1s --on-timeout refuse 2>"$scratch/said" && fail "$nonsense is taken for an answer"
	[ $((SECONDS - began)) -le 4 ] || fail "$nonsense held it for $((SECONDS - began)) s"
done
began=$SECONDS
sleep 20 | "$bulkhead" --socket "$scratch/none" hook --timeout 1s --on-timeout refuse 2>"$scratch/said" &
waiting=$!
at_end "kill $waiting 2>/dev/null"
eventually 5 grep -q "no answer in time" "$scratch/said" || fail "a state that does not end holds it"

step "before a runtime: only its start is held, its words and status are its own, and whom it refuses it ends"
cat >"$scratch/runtime" <<-SH
	#!/bin/sh
	echo "\$*" >>$scratch/words
	for word; do
		[ "\$word" = state ] && echo "{\"id\":\"c1\",\"pid\":\$(cat $scratch/init)}"
		[ "\$word" = kill ] && (sleep 1; kill -KILL \$(cat $scratch/init)) >/dev/null 2>&1 &
		[ "\$word" = fails ] && exit 42
	done
	exit 0
SH
chmod +x "$scratch/runtime"
sleep 1000 &
init=$!
disown
echo $init >"$scratch/init"
wrapped() {
	"$bulkhead" --socket "$scratch/none" hook --timeout 1s --on-timeout "$1" --wrap "$scratch/runtime" -- "${@:2}" \
		2>"$scratch/said"
}
wrapped refuse --root "/a b" create --bundle /b c1 || fail "create is held"
wrapped refuse --version || fail "--version is held"
wrapped refuse --root /r fails
[ $? = 42 ] || fail "the runtime's status is lost"
wrapped refuse --log /l --debug --root=/r start c1 && fail "start is not held"
says "on-timeout refuse"
kill -0 $init 2>/dev/null && fail "it is refused before the process that waited has ended"
echo "$pid" >"$scratch/init"
wrapped allow --log /l --debug --root=/r start c1 || fail "start is refused"
diff - "$scratch/words" <<-WORDS || fail "the runtime's words are not what they were"
	--root /a b create --bundle /b c1
	--version
	--root /r fails
	--log /l --debug --root=/r state c1
	--log /l --debug --root=/r state c1
	--log /l --debug --root=/r kill c1 KILL
	--log /l --debug --root=/r state c1
	--log /l --debug --root=/r start c1
WORDS
wrapped refuse 2>/dev/null && fail "a runtime without words"
"$bulkhead" hook --wrap "$scratch/nothing" -- start 2>"$scratch/said" && fail "a runtime that is not there"
"$bulkhead" hook --timeout 0s </dev/null 2>"$scratch/said"
[ $? = 2 ] || fail "--timeout 0s is taken"
says "expected a duration"
