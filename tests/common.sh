# shellcheck shell=bash disable=SC2034,SC2120 # used by those who source it
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the system tests, before all else. Everything lives in a namespace that the test made, which has
# no route out, and in a scratch folder; both go when the test ends, whatever happened. The test itself has mounts,
# a network and a /run of its own: it leaves nothing there, and others may run beside it.
set -uo pipefail

skip() {
	echo "SKIPPED: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
unshare -mn true 2>/dev/null || skip "namespaces cannot be made here"
if [ -z "${BULKHEAD_TEST_APART:-}" ]; then
	# shellcheck disable=SC2016 # it is the inner shell that expands
	BULKHEAD_TEST_APART=1 exec unshare -mn --propagation private sh -c '
		mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && exec "$0" "$@"' "$0" "$@"
fi

bulkhead=${BULKHEAD:?path of the program}
scratch=$(mktemp -d)
chmod 755 "$scratch"
daemon_pid=
cleanups=()

# at_end COMMAND: run when the test ends, last one first.
at_end() {
	cleanups=("$1" "${cleanups[@]}")
}

finish() {
	local status=$? command report
	[ $status = 0 ] || [ $status = 77 ] || show_state
	for command in "${cleanups[@]}"; do
		eval "$command"
	done
	# capture, shut in, cannot write a sanitizer's report anywhere else.
	report=$(cat "$scratch/daemon.log" "$scratch"/run/bulkhead.log* 2>/dev/null |
		grep -a -A 40 -E 'ERROR: [A-Za-z]*Sanitizer|: runtime error: ')
	if [ -n "$report" ]; then
		echo "FAILED: a sanitizer's report is in the log: $report" >&2
		status=1
	fi
	rm -rf "$scratch"
	exit $status
}
trap finish EXIT
trap 'exit 143' TERM INT

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# needs PROGRAM...: scripts/test installs what the tests work with. That one is not there is a failure, and no
# reason to skip.
needs() {
	local program
	for program; do
		command -v "$program" >/dev/null || fail "$program is not installed; sudo scripts/test installs it"
	done
}

step() {
	echo "-- $*"
}

# eventually SECONDS COMMAND...: repeats the command until it succeeds, or so much time has passed; half a minute at
# least, since a busy machine needs longer, and who asserts how long something takes measures it. Asking the daemon
# costs a tenth of a second of a processor: what takes long is asked for less often.
eventually() {
	local begun=$SECONDS until=$((SECONDS + ($1 > 30 ? $1 : 30)))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		if [ $((SECONDS - begun)) -lt 3 ]; then sleep 0.2; else sleep 0.7; fi
	done
}

# make_host NAME: the namespace that stands for the whole host.
make_host() {
	host=$1
	ip netns add "$host" || fail "namespace $host"
	at_end "ip netns del $host"
	ip -n "$host" link set lo up
	# As on a machine where nobody asked for it: bridges keep their frames to themselves.
	on_host sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
}

# add_address NAMESPACE INTERFACE ADDRESS...: usable at once, IPv6 too.
add_address() {
	local namespace=$1 interface=$2 address
	shift 2
	for address in "$@"; do
		case $address in
		*:*) ip -n "$namespace" address add "$address" dev "$interface" nodad ;;
		*) ip -n "$namespace" address add "$address" dev "$interface" ;;
		esac
	done
}

# add_bridge NAME [ADDRESS...]: a bridge in the host namespace.
add_bridge() {
	local bridge=$1
	shift
	ip -n "$host" link add "$bridge" type bridge
	ip -n "$host" link set "$bridge" up
	add_address "$host" "$bridge" "$@"
}

# add_guest NAME BRIDGE ADDRESS...: a namespace $host-NAME whose interface is a port of the bridge.
add_guest() {
	local name=$1 bridge=$2
	shift 2
	ip netns add "$host-$name" && at_end "ip netns del $host-$name 2>/dev/null"
	ip -n "$host" link add "v$name" type veth peer name eth0 netns "$host-$name"
	ip -n "$host" link set "v$name" master "$bridge" up
	ip -n "$host-$name" link set lo up
	ip -n "$host-$name" link set eth0 up
	add_address "$host-$name" eth0 "$@"
}

# in_guest NAME COMMAND...
in_guest() {
	local name=$1
	shift
	nsenter --net="/run/netns/$host-$name" "$@"
}

# listening GUEST PORT: waits until something serves that TCP port there.
listening() {
	eventually 30 in_guest "$1" sh -c "ss -Htln sport = :$2 | grep -q ." || fail "nobody listens at port $2 of $1"
}

# make_hole GUEST=ADDRESS,ADDRESS...: what these guests send each other is handed over before any rule of ours sees it,
# and without a change of our tables, which would be repaired.
make_hole() {
	local from to address
	for from; do
		from=v${from%%=*}
		on_host nft "add table netdev hole; add chain netdev hole $from { type filter hook ingress device $from priority 0; }" ||
			fail "no hole could be made"
		for to; do
			for address in $(tr , ' ' <<<"${to#*=}"); do
				[ "v${to%%=*}" = "$from" ] && continue
				case $address in
				*:*) on_host nft "add rule netdev hole $from ip6 daddr $address fwd to v${to%%=*}" ;;
				*) on_host nft "add rule netdev hole $from ip daddr $address fwd to v${to%%=*}" ;;
				esac || fail "no hole could be made"
			done
		done
	done
}

shut_hole() {
	on_host nft delete table netdev hole || fail "the hole cannot be shut"
}

# make_root FOLDER: a file system of a shell and its tools, for images that come from no registry.
make_root() {
	needs busybox
	mkdir -p "$1"/{bin,tmp}
	cp "$(command -v busybox)" "$1/bin/busybox"
	chroot "$1" /bin/busybox --install -s /bin || fail "no tools in $1"
}

# instance_is WORKLOAD NAME: an instance of this name belongs to the workload.
instance_is() {
	bh workloads --format json | jq -e --arg w "$1" --arg n "$2" \
		'.rows[] | select(.workload == $w) | .instances[] | select(.name == $n)' >/dev/null
}

# has_edge SOURCE DESTINATION PORT: it was learned, and answered.
has_edge() {
	bh edges --format json | jq -e --arg s "$1" --arg d "$2" --argjson p "$3" \
		'.edges[] | select(.src == $s and .dst == $d and .port == $p and .answered > 0)' >/dev/null
}

# runtime_is NAME JQ: whether the expression holds on what status says of the runtime.
runtime_is() {
	status_is ".identity.runtimes[] | select(.name == \"$1\") | $2"
}

# no_stranger PORT: of each flow to it both ends have a name.
no_stranger() {
	local unnamed
	unnamed=$(bh flows --format json --limit 5000 | jq -c --argjson p "$1" 'select(.dst.port == $p and
		(.src.workload == null or .dst.workload == null))' | head -n 3)
	[ -z "$unnamed" ] || fail "flows without a name: $unnamed"
}

# accept_all: a test has no month to wait for evidence.
accept_all() {
	bh review accept all --why "a test's" >/dev/null || fail "review"
}

# enforce_all: what was learned becomes the policy, and everybody is enforced.
enforce_all() {
	accept_all
	bh policy propose >"$scratch/policy.yaml" || fail "no proposal"
	bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
	bh mode all enforce --anyway >/dev/null || fail "enforce"
	eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
}

# knows N: the daemon knows so many endpoints.
knows() {
	eventually 15 status_is ".identity.endpoints == $1 and .identity.unidentified == 0" ||
		fail "the namespaces are not endpoints"
}

# has_event JQ: whether an event is told of which the expression holds.
has_event() {
	bh events --format json --limit 2000 | jq -e -s "any(.[]; $1)" >/dev/null
}

# no_leak: what the policy denies was stopped, and nothing else was taken for a leak.
no_leak() {
	local leaks
	leaks=$(bh events --format json --limit 100000 | jq -r 'select(.kind == "leak") | .text')
	[ -z "$leaks" ] || fail "a leak was told: $leaks"
	status_is '.enforcement.leaks == 0' || fail "status counts leaks where there are none"
}

# claims_told JQ: of every event about a claimed address (ARP, neighbour discovery) the expression holds.
claims_told() {
	has_event "has(\"claim\") and ($1 | not)" &&
		fail "a claim is told that is none: $(bh events --format json --limit 2000 | jq -r 'select(has("claim")) | .text')"
	return 0
}

on_host() {
	nsenter --net="/run/netns/$host" "$@"
}

# write_config [YAML]: a daemon that keeps everything in the scratch folder. Further keys may follow.
write_config() {
	cat >"$scratch/bulkhead.yaml" <<-YAML
		state_directory: $scratch/state
		run_directory: $scratch/run
		api: {socket: $scratch/run/api.sock}
		log_level: debug
		learning: {window: 5s}
		capture: {report_interval: 1s}
		${1:-}
	YAML
}

# start_daemon: in the host namespace; waits until it answers.
start_daemon() {
	[ -e "$scratch/bulkhead.yaml" ] || write_config
	# nsenter becomes the program: $! is the daemon itself.
	nsenter --net="/run/netns/$host" "$bulkhead" daemon --foreground \
		--config "$scratch/bulkhead.yaml" >>"$scratch/daemon.log" 2>&1 &
	daemon_pid=$!
	at_end 'stop_daemon'
	eventually 15 bh status || fail "the daemon does not answer"
}

stop_daemon() {
	[ -n "$daemon_pid" ] || return 0
	kill "$daemon_pid" 2>/dev/null
	wait "$daemon_pid" 2>/dev/null
	daemon_pid=
}

# kill_daemon: all of its processes at once, as it is.
kill_daemon() {
	local processes
	processes="$daemon_pid $(pgrep -P "$daemon_pid" | tr '\n' ' ')"
	# shellcheck disable=SC2086 # a list
	kill -KILL $processes
	wait "$daemon_pid" 2>/dev/null
	daemon_pid=
}

# bh ARGUMENT...: the command line, talking to this test's daemon.
bh() {
	"$bulkhead" --socket "$scratch/run/api.sock" "$@"
}

# status_is JQ: whether the expression holds on the status.
status_is() {
	bh status --format json | jq -e "$1" >/dev/null
}

# child NAME: the process id of one of the daemon's children.
child() {
	pgrep -P "$daemon_pid" -f -- "--child $1"
}

# start_fresh: a second daemon, which knows nothing, in the same host; it changes nothing there.
# It asks the engines that YAML names.
start_fresh() {
	mkdir -p "$scratch/fresh"
	cat >"$scratch/fresh.yaml" <<-YAML
		state_directory: $scratch/fresh/state
		run_directory: $scratch/fresh/run
		api: {socket: $scratch/fresh/run/api.sock}
		enforcement: {log_group: 5071}
		$(grep -E '^(runtimes|identity):' "$scratch/bulkhead.yaml" | sed 's/, *receive_buffer: [^,}]*//')
	YAML
	nsenter --net="/run/netns/$host" "$bulkhead" daemon --foreground --config "$scratch/fresh.yaml" \
		>"$scratch/fresh.log" 2>&1 &
	fresh_pid=$!
	at_end stop_fresh
	eventually 15 "$bulkhead" --socket "$scratch/fresh/run/api.sock" status || fail "the second daemon does not answer"
}

stop_fresh() {
	[ -n "${fresh_pid:-}" ] || return 0
	kill "$fresh_pid" 2>/dev/null
	wait "$fresh_pid" 2>/dev/null
	fresh_pid=
	rm -rf "$scratch/fresh"
}

# model_of SOCKET: who is there, as that daemon says; all but the time since when, and who listens, which
# is looked up now and then.
model_of() {
	"$bulkhead" --socket "$1" workloads --format json | jq -S '[.rows[] | select(.instances != []) |
		{workload, why, instances: (.instances |
			map(del(.since, .listens, .members[]?.listens) | .members? |= (values | sort_by(.name))) |
			sort_by(.ifname))}] | sort_by(.workload)'
	"$bulkhead" --socket "$1" coverage --format json | jq -S '.rows | sort'
	"$bulkhead" --socket "$1" status --format json | jq -S '.identity | del(.overruns)'
}

same_model() {
	model_of "$scratch/run/api.sock" >"$scratch/model" && model_of "$scratch/fresh/run/api.sock" >"$scratch/fresh-model" &&
		[ -s "$scratch/model" ] && cmp "$scratch/model" "$scratch/fresh-model"
}

# same_as_fresh: what the daemon knows is what one that looks for the first time finds.
same_as_fresh() {
	start_fresh
	eventually 30 same_model ||
		fail "the daemon's picture differs from a fresh one: $(diff "$scratch/model" "$scratch/fresh-model")"
	stop_fresh
}

show_state() {
	echo "---- log of the daemon (end)"
	tail -n 40 "$scratch/daemon.log" 2>/dev/null
	[ ! -e "$scratch/fresh.log" ] || tail -n 20 "$scratch/fresh.log"
	echo "---- status"
	bh status 2>&1 | head -n 60
	echo "---- events"
	bh events --limit 30 2>&1 | tail -n 30
}
