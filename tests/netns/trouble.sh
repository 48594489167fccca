#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong on real machines: slips in the configuration, a second daemon, a full disk, processes
# that die, and the way out. Each is to say what, where, and what to do, and to lose nothing.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "trouble-$$"
docker="runtimes: {docker: off}"

# refused TEXT COMMAND...: it fails, and says this.
refused() {
	local text=$1 said
	shift
	said=$("$@" 2>&1) && fail "this went through: $*"
	case $said in
	*"$text"*) ;;
	*) fail "$* said \"$said\", and not: $text" ;;
	esac
}
start_once() {
	on_host "$bulkhead" daemon --config "$scratch/bulkhead.yaml"
}

step "a state directory that is somebody else's is not given away"
mkdir -m 755 "$scratch/state"
touch "$scratch/state/precious"
write_config "$docker"
refused "does not belong to bulkhead" start_once
[ "$(stat -c %u "$scratch/state")" = 0 ] || fail "the folder was given away"
rm "$scratch/state/precious"

step "a socket path where something else lies"
mkdir -p "$scratch/run"
echo precious >"$scratch/run/api.sock"
refused "there is something else by that name" start_once
[ "$(cat "$scratch/run/api.sock")" = precious ] || fail "the file was removed"
rm -r "$scratch/run"

step "whatever the umask, operators reach the socket, and nobody else the store"
(
	umask 077
	start_once
) || fail "the daemon did not start"
# shellcheck disable=SC2016 # for eval
at_end 'read -r pid _ <"$scratch/run/bulkhead.pid" && kill "$pid" 2>/dev/null'
[ "$(stat -c %a "$scratch/run")" = 755 ] || fail "the run directory is shut"
[ "$(stat -c %a "$scratch/run/api.sock")" = 660 ] || fail "the socket is open to everyone"
[ "$(stat -c %a "$scratch/state/bulkhead.db")" = 600 ] || fail "the store is open to everyone"
[ "$(stat -c %a "$scratch/run/bulkhead.pid")" = 600 ] || fail "anyone may hold the lock"

step "a store that is none: the command says so, and fails"
read -r pid _ <"$scratch/run/bulkhead.pid"
kill "$pid"
eventually 5 test ! -e "$scratch/run/api.sock" || fail "the daemon does not end"
mv "$scratch/state/bulkhead.db" "$scratch/kept.db"
echo "nothing that SQLite knows" >"$scratch/state/bulkhead.db"
eventually 5 flock -n "$scratch/run/bulkhead.pid" true || fail "the lock is held"
refused "is damaged" start_once
mv "$scratch/kept.db" "$scratch/state/bulkhead.db"
eventually 5 flock -n "$scratch/run/bulkhead.pid" true || fail "the lock is held"
start_once || fail "the daemon does not start with its own store"

step "the log, which lies in memory, stays small"
head -c 9000000 /dev/zero | tr '\0' x >>"$scratch/run/bulkhead.log"
log_is_small() {
	[ "$(stat -c %s "$scratch/run/bulkhead.log")" -lt 100000 ]
}
eventually 15 log_is_small || fail "the log grows without end"
[ "$(stat -c %s "$scratch/run/bulkhead.log.old")" -gt 8000000 ] || fail "what it held is lost"

step "one daemon at a time"
refused "runs already" start_once

step "what the processes hold is what docs/security.md says"
read -r daemon_pid _ <"$scratch/run/bulkhead.pid"
field() { # PID NAME
	awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"
}
for pid in "$daemon_pid" "$(child core)" "$(child capture)"; do
	[ "$(field "$pid" NoNewPrivs)" = 1 ] || fail "process $pid may gain privileges"
done
# NET_ADMIN, NET_RAW, NET_BROADCAST, SETUID, SETGID, SYS_CHROOT, SYS_PTRACE, KILL
kernel=$(printf %016x $((1 << 12 | 1 << 13 | 1 << 11 | 1 << 7 | 1 << 6 | 1 << 18 | 1 << 19 | 1 << 5)))
for set in CapEff CapPrm; do
	[ "$(field "$daemon_pid" $set)" = "$kernel" ] || fail "$set of kernel is not as documented"
done
# What capture starts with: NET_RAW, SETUID, SETGID, SYS_CHROOT
inherited=$(printf %016x $((1 << 13 | 1 << 7 | 1 << 6 | 1 << 18)))
[ "$(field "$daemon_pid" CapInh)" = "$inherited" ] || fail "kernel hands on more than documented"
[ "$(field "$daemon_pid" CapBnd)" = 0000000000000000 ] || fail "what kernel starts may gain privileges"
for name in core capture; do
	for set in CapEff CapPrm CapInh CapBnd CapAmb; do
		[ "$(field "$(child $name)" $set)" = 0000000000000000 ] || fail "$name holds $set"
	done
	[ "$(field "$(child $name)" Seccomp)" = 2 ] || fail "no filter holds $name"
done
[ "$(field "$(child core)" Uid)" = "$(id -u bulkhead)" ] || fail "core is not its own user"
[ "$(field "$(child capture)" Uid)" = "$(id -u bulkhead-capture)" ] ||
	fail "capture is not its own user"

step "capture is shut in"
capture=$(child capture)
[ "$(readlink "/proc/$capture/root")" = "$scratch/run/empty" ] || fail "capture sees a file system"
[ -z "$(ls -A "/proc/$capture/root/")" ] || fail "capture's directory is not empty"
[ "$(stat -c '%u %a' "/proc/$capture/root/")" = "0 555" ] || fail "capture may write to its directory"
[ "$(stat -c %U "/proc/$capture/mem")" = root ] || fail "capture may be traced by its user"
limit() { # NAME: the hard one
	awk -v name="$1" 'index($0, name) == 1 { sub(name, ""); print $2 }' "/proc/$capture/limits"
}
[ "$(limit "Max processes")" = 0 ] || fail "capture may start processes"
[ "$(limit "Max core file size")" = 0 ] || fail "capture leaves cores"
[ "$(limit "Max open files")" = 64 ] || fail "capture may open many files"
[ "$(limit "Max file size")" = $((64 << 20)) ] || fail "capture may fill the disk with its log"
# 32 MiB of ring, 200,000 flows of 184 bytes and their index, 64 MiB of queues, 48 MiB for the rest; the
# program itself. Shadow memory of a sanitizer is beyond every limit.
if ! grep -q __asan_init "$bulkhead"; then
	most=$(limit "Max address space")
	[ "$most" -gt $(($(field "$capture" VmSize) * 1024)) ] && [ "$most" -lt $((300 << 20)) ] ||
		fail "capture may take $most bytes of memory"
fi

step "capture, stopped and continued, is the same one; killed by its filter, it says so"
kill -STOP "$capture"
sleep 0.5
kill -CONT "$capture"
sleep 0.5
[ "$(child capture)" = "$capture" ] || fail "capture did not survive being stopped"
kill -STOP "$capture"
hangs() {
	status_is '.capture | .state == "hanging" and .hangs_since != null' && status_is '.loss.total.capture_ends == 1' &&
		status_is 'any(.unknown[]; startswith("capture runs, and has said nothing since "))' &&
		bh status | grep -q '^capture      hanging since ' &&
		has_event '.kind == "capture" and (.text | startswith("capture has said nothing since "))'
}
eventually 15 hangs || fail "nobody says that capture hangs: $(bh status | head -n 4)"
kill -CONT "$capture"
speaks() {
	status_is '.capture | .state == "running" and .hangs_since == null' &&
		has_event '.kind == "capture" and .text == "capture speaks again"'
}
eventually 5 speaks || fail "capture is said to hang for ever"
# Core, when it was stopped itself, has not heard anybody, and does not take that for silence.
kill -STOP "$(child core)"
sleep 8
kill -CONT "$(child core)"
sleep 2
status_is '.capture.state == "running" and .loss.total.capture_ends == 1' || fail "capture is said to have hung while core did"
kill -SYS "$capture"
another() {
	[ -n "$(child capture)" ] && [ "$(child capture)" != "$capture" ]
}
eventually 10 another || fail "capture was not started again"
grep -q 'capture ended (killed by seccomp (SIGSYS)); it is started again' "$scratch/run/bulkhead.log" ||
	fail "nobody said why capture ended"
eventually 5 status_is '.capture.state == "running" and .capture.restarts == 1' ||
	fail "status does not count the restart"
told() {
	bh events --format json --limit 50 | jq -e -s 'map(.text) | any(startswith("capture ended")) and
		any(. == "capture is back")'
}
eventually 5 told || fail "no event tells that capture ended, and is back"

step "what lies where capture is to be shut in, is not removed"
kill "$daemon_pid"
eventually 5 flock -n "$scratch/run/bulkhead.pid" true || fail "the lock is held"
touch "$scratch/run/empty/precious"
refused "is not root's empty, unwritable directory" start_once
[ -e "$scratch/run/empty/precious" ] || fail "the file was removed"
rm "$scratch/run/empty/precious"
eventually 5 test ! -e "$scratch/run/api.sock" || fail "the daemon does not end"
daemon_pid=

step "a full disk: what cannot be kept is refused, and status says so"
rm -r "$scratch/state"
mkdir "$scratch/state"
mount -t tmpfs -o size=1m,mode=700 tmpfs "$scratch/state" || skip "tmpfs cannot be mounted"
at_end 'umount -l "$scratch/state"'
start_daemon
policy() { # NAME
	printf 'bulkhead-policy: 1\nworkloads:\n  %s: {a: b}\nrules: []\n' "$1"
}
revisions() {
	bh policy history --format json | jq -e -s --argjson n "$1" \
		'[.. | .number? // empty] | length == $n' >/dev/null
}
policy one >"$scratch/one.yaml"
policy two >"$scratch/two.yaml"
bh policy apply "$scratch/one.yaml" >/dev/null || fail "apply"
revisions 1 || fail "the revision is not in the history"
dd if=/dev/zero of="$scratch/state/fill" bs=4k count=300 2>/dev/null
refused "no space left" bh policy apply "$scratch/two.yaml"
bh policy show | grep -q 'one:' || fail "a policy that could not be kept is active"
status_is '.unknown[] | select(contains("nothing is stored"))' || fail "status does not say so"
# Who is there is known all the same, and that the answer may lack something is said.
add_bridge br9 10.98.0.254/24
add_guest late br9 10.98.0.1/24
late_known() {
	bh who 10.98.0.1 --format json | jq -e --arg w "netns:$host-late" '[.rows[].workload] == [$w] and
		(.incomplete | startswith("nothing is stored ("))'
}
eventually 10 late_known || fail "who came since is not known: $(bh who 10.98.0.1)"
bh who 10.98.0.77 >"$scratch/who"
[ $? = 3 ] && grep -q '^Incomplete: nothing is stored (.*no space left' "$scratch/who" ||
	fail "a nobody that may be somebody is taken for one: $(cat "$scratch/who")"
ip netns del "$host-late"
ip -n "$host" link del br9
rm "$scratch/state/fill"
stores_again() {
	bh status --format json | jq -e '.unknown | all(contains("nothing is stored") | not)'
}
eventually 20 stores_again || fail "the store stays refused"
late_kept() {
	bh who 10.98.0.1 --format json | jq -e '(.rows | length) == 1 and .incomplete == null'
}
eventually 10 late_kept || fail "who came and went meanwhile is forgotten: $(bh who 10.98.0.1)"
bh policy apply "$scratch/two.yaml" >/dev/null || fail "apply, with room again"
stop_daemon
start_daemon
revisions 2 || fail "a revision that was confirmed is lost"

step "what is too young to be learned is said, and judged once however often it came"
for name in one two; do
	ip netns add "$host-$name" && at_end "ip netns del $host-$name"
	ip -n "$host" link add "v$name" type veth peer name eth0 netns "$host-$name"
	ip -n "$host" link set "v$name" up
	ip -n "$host-$name" link set eth0 up
done
ip -n "$host" link add br0 type bridge
ip -n "$host" link set br0 up
ip -n "$host" link set vone master br0
ip -n "$host" link set vtwo master br0
ip -n "$host-one" address add 10.99.0.1/24 dev eth0
ip -n "$host-two" address add 10.99.0.2/24 dev eth0
both_known() {
	status_is '.identity.endpoints == 2'
}
eventually 10 both_known || fail "the namespaces are not endpoints"
nsenter --net="/run/netns/$host-one" python3 - <<'PYTHON'
import socket
for _ in range(3):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("10.99.0.2", 9999))
PYTHON
eventually 10 status_is '.unknown[] | select(contains("are open and not learned"))' ||
	fail "status does not say that connections are not learned"
bh policy check --format json >"$scratch/check.json"
jq -e '[.would_block[] | select(.port == 9999) | .connections] == [3]' "$scratch/check.json" >/dev/null ||
	fail "three datagrams alike are not one row: $(cat "$scratch/check.json")"

step "capture, when it breaks its channel to core, is started again"
old=$(child capture)
python3 - "$old" <<'PYTHON' || fail "nothing could be sent in capture's name"
# Sends a message of no type, in the name of the process given, to whomever it talks to but its parent.
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
pidfd = libc.syscall(434, pid, 0)
sent = 0
for fd in sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd")):
    if fd <= 3 or not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
        continue
    with socket.socket(fileno=libc.syscall(438, pidfd, fd, 0)) as s:
        if s.family == socket.AF_UNIX:
            s.send(b"\xff" * 16)
            sent += 1
sys.exit(sent == 0)
PYTHON
capture_is_new() {
	[ -n "$(child capture)" ] && [ "$(child capture)" != "$old" ]
}
eventually 10 capture_is_new || fail "the process that broke the protocol runs on, unheard"
eventually 5 status_is '.capture.state == "running" and .capture.restarts == 1' ||
	fail "status does not count the restart"

step "the API takes no word for a number, nor one that is no verdict"
for query in "flows?limit=many" "flows?verdict=denyed" "events?after=-3" "policy/active?number="; do
	code=$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$scratch/run/api.sock" \
		"http://bulkhead/v1/$query")
	[ "$code" = 400 ] || fail "$query is answered with $code"
done

step "names that nobody bears"
refused "did you mean netns:$host-one?" bh edges "netns:$host-onee"
refused "there is no workload netns:nobody" bh flows --workload netns:nobody
printf 'bulkhead-policy: 1\nruls:\n' >"$scratch/slip.yaml"
refused "$scratch/slip.yaml:2:1" bh policy apply "$scratch/slip.yaml"

step "a veth of a namespace that is called like an uplink"
ip netns add "$host-aws" || fail "namespace"
ip -n "$host" link add eni0 type veth peer name eth0 netns "$host-aws"
on_its_way_out() {
	bh coverage --format json | jq -e --arg n "$host-aws" '.rows[] | select(.name == $n) | .coverage == "neither" and
		(.why | startswith("eni0 leads into it") and contains("en* in interfaces.uplinks"))'
}
is_endpoint() {
	bh coverage --format json | jq -e --arg n "$host-aws" '.rows[] | select(.name == $n) | .coverage != "neither"'
}
eventually 10 on_its_way_out || fail "why it is not seen is not told: $(bh coverage)"
ip -n "$host" link set eni0 name vaws
eventually 10 is_endpoint || fail "by another name it is not seen: $(bh coverage)"
ip -n "$host" link set vaws name eni0
eventually 10 on_its_way_out || fail "it is seen under an uplink's name: $(bh coverage)"
ip netns del "$host-aws"
eventually 10 status_is '.identity.endpoints == 2' || fail "it stays"

step "mode all changes all or none"
# The active policy names neither of the two; now it names one of them.
printf 'bulkhead-policy: 1\nworkloads:\n  one: {bulkhead.workload: "netns:%s"}\nrules: []\n' \
	"$host-one" >"$scratch/half.yaml"
bh policy apply "$scratch/half.yaml" >/dev/null || fail "apply"
refused "does not name netns:$host-two" bh mode all audit --anyway
status_is '.modes.learn == 2 and .modes.audit == 0' || fail "a refused mode was half set"
stop_daemon

step "panic, where the daemon's namespace is gone"
# The way out reads the usual places: a file system of its own stands in for them.
way_out() {
	unshare -m --propagation private sh -c 'mount -t tmpfs tmpfs /run && mkdir -p /run/bulkhead &&
		echo "1 '"$1"'" >/run/bulkhead/bulkhead.pid && nsenter --net="$0" "$1" panic' \
		"$scratch/netns" "$bulkhead"
}
touch "$scratch/netns"
mount --bind "/run/netns/$host" "$scratch/netns" || skip "namespaces cannot be bound"
at_end 'umount "$scratch/netns"'
refused "another network namespace" way_out "$(stat -Lc %i /proc/self/ns/net)"
way_out 1 || fail "panic stumbles over a namespace that is no more"
echo "every trouble was told, and nothing was lost"
