#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The start-up window on a real Docker engine: a container whose first instructions are packets, with
# the hook before its runtime and without. N starts in a row; with BULKHEAD_FULL many more.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/engine.sh
. "$(dirname "$0")/engine.sh"
first_packet=${FIRST_PACKET:?path of the program that sends first}
starts=10
[ -n "${BULKHEAD_FULL:-}" ] && starts=200

make_host "bhtest-window-$$"
write_config "runtimes: {docker: $scratch/docker.sock}"
hook=(hook --socket "$scratch/run/api.sock")
# runtime NAME ARGUMENT...: an entry for the engine's configuration.
runtime() {
	jq -n --arg name "$1" --arg path "$bulkhead" --args '{($name): {path: $path,
		runtimeArgs: ($ARGS.positional + ["--wrap", "runc", "--"])}}' -- "${hook[@]}" "${@:2}"
}
{
	runtime held --timeout 20s --on-timeout refuse
	runtime strict --timeout 1s --on-timeout refuse
	runtime lenient --timeout 1s --on-timeout allow
} | jq -s '{runtimes: add}' >"$scratch/daemon.json"
engine_options=(--config-file "$scratch/daemon.json")
open_engine
import_image
tar -C "$(dirname "$first_packet")" -c "$(basename "$first_packet")" | d import - first:1 >/dev/null ||
	fail "docker import"
d network create --subnet 10.89.0.0/24 shop >/dev/null || fail "docker network"

# server NAME: answers on 9999 over TCP.
server() {
	d run -d --init --name "$1" --network shop --label "bulkhead.workload=$1" shop:1 \
		nc -ll -p 9999 -e echo hello >/dev/null || fail "container $1"
	d inspect -f '{{(index .NetworkSettings.Networks "shop").IPAddress}}' "$1"
}

start_daemon
eventually 10 status_is '.identity.runtimes[0].state == "connected"' || fail "docker is not connected"
open=$(server open)
vault=$(server vault)
at_vault() {
	nsenter --net="/proc/$(d inspect -f '{{.State.Pid}}' vault)/ns/net" "$@"
}
at_vault nft -f - <<-NFT || fail "no counter at the forbidden server"
	table ip seen {
		counter datagrams {}
		chain in {
			type filter hook input priority 0
			udp dport 9999 counter name datagrams
		}
	}
NFT
# arrived: datagrams that the forbidden server got so far.
arrived() {
	at_vault nft -j list counter ip seen datagrams | jq '.nftables[] | .counter? // empty | .packets'
}

# visit RUNTIME: one container, whose first instructions are packets; 0: what it may do succeeded.
visit() {
	d run --rm --runtime "$1" --network shop --label bulkhead.workload=visitor first:1 \
		"/$(basename "$first_packet")" "$vault" "$open" 9999
}

step "without any policy it reaches both"
visit runc || fail "the allowed server does not answer"
[ "$(arrived)" = 1 ] || fail "the counter counts $(arrived)"

# reside: a visitor that stays: there is no mode, and a new daemon has no rules, without one.
reside() {
	d run -d --init --name resident --network shop --label bulkhead.workload=visitor shop:1 sleep 100000 >/dev/null ||
		fail "container resident"
}

step "only the visitor is enforced, and may speak to one of them"
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  visitor: {bulkhead.workload: label:visitor}
	  open: {bulkhead.workload: label:open}
	rules:
	  - {from: visitor, to: open, ports: [9999/tcp]}
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
reside
eventually 10 bh mode label:visitor enforce --anyway || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
d rm -f resident >/dev/null

# visits RUNTIME N: starts in a row; tells how many got what they may, and what they may not.
visits() {
	local before i done=0
	before=$(arrived)
	for ((i = 0; i < $2; i++)); do
		visit "$1" && done=$((done + 1))
	done
	echo "$done $(($(arrived) - before))"
}
# exposed: how long an endpoint had an address and no rules, in ms.
startup() {
	bh status --format json | jq -r '.startup | [.identified, .enforced, .exposed | .p50, .p99 |
		if . == null then "-" else . * 1000 | round end] | map(tostring) | join(" | ")'
}

step "$starts starts held by the hook: nothing that is forbidden arrives, everything that is allowed does"
read -r allowed forbidden <<<"$(visits held "$starts")"
echo "with the hook: $allowed of $starts got what they may, $forbidden what they may not"
[ "$forbidden" = 0 ] || fail "$forbidden of $starts forbidden datagrams arrived in spite of the hook"
[ "$allowed" = "$starts" ] || fail "$allowed of $starts allowed connections succeeded"
with=$(startup)
status_is ".startup.hooks.stood >= $starts and .startup.hooks.given_up == 0 and .startup.hooks.held == 0" ||
	fail "the hooks are not told: $(bh status --format json | jq -c .startup)"
status_is ".startup.enforced.count >= $starts" || fail "the window is not measured"

step "the same without it, for comparison"
read -r allowed forbidden <<<"$(visits runc "$starts")"
echo "without the hook: $allowed of $starts got what they may, $forbidden what they may not"
echo "with: $with; without: $(startup) (identified p50, p99; enforced; exposed; ms)"

# slowly RUNTIME: a start while core does not run for two seconds.
slowly() {
	local core visitor status
	core=$(child core)
	kill -STOP "$core"
	visit "$1" &
	visitor=$!
	sleep 2
	kill -CONT "$core"
	wait $visitor
	status=$?
	eventually 10 bh status || fail "the daemon does not come back"
	return $status
}

step "bulkhead is slow: without the hook the forbidden packet is through before the rules"
before=$(arrived)
slowly runc
echo "without the hook: $(($(arrived) - before)) of 1"
before=$(arrived)
slowly held || fail "a start that was held does not get what it may"
[ "$(arrived)" = "$before" ] || fail "a forbidden packet arrived in spite of the hook"

step "bulkhead does not answer: a start waits for its limit at most, and then does what was chosen"
kill -STOP "$(child core)"
at_end "kill -CONT $(child core) 2>/dev/null"
began=$SECONDS
visit strict 2>"$scratch/refusal" && fail "a start was let go that was to be refused"
[ $((SECONDS - began)) -lt 15 ] || fail "the refusal took $((SECONDS - began)) s"
grep -q "on-timeout refuse" "$scratch/refusal" || fail "the engine does not say why: $(cat "$scratch/refusal")"
began=$SECONDS
visit lenient || fail "a start was refused that was to be let go"
[ $((SECONDS - began)) -lt 15 ] || fail "the start took $((SECONDS - began)) s"
kill -CONT "$(child core)"
stop_daemon
visit lenient || fail "a start was refused that was to be let go, without a daemon"
visit strict 2>/dev/null && fail "a start was let go that was to be refused, without a daemon"
# A shim for each container that runs, and none for one that was refused.
nobody_waits() {
	[ "$(pgrep -cf "containerd-shim.*$scratch/docker/")" = "$(d ps -q | wc -l)" ]
}
eventually 10 nobody_waits || fail "what was refused waits for ever: $(pgrep -af "containerd-shim.*$scratch/docker/")"

step "closed to whom nobody knows, and no hook: who lives for a moment has his rights, and no others"
write_config "$(printf 'runtimes: {docker: %s}\nenforcement: {posture: closed}' "$scratch/docker.sock")"
reside
start_daemon
eventually 20 status_is '.identity.runtimes[0].state == "connected" and .enforcement.state == "active" and
	(.enforcement.bridges | any(.filtered))' || fail "the daemon does not enforce again"
read -r allowed forbidden <<<"$(visits runc 10)"
[ "$allowed" = 10 ] || fail "$allowed of 10 got what they may"
[ "$forbidden" = 0 ] || fail "$forbidden of 10 got what they may not"
status_is '.startup.enforced.count >= 8' || fail "the window is not measured: $(bh status --format json | jq -c .startup)"
no_leak
