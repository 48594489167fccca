#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The hook as Podman runs it, by the file in config/hooks: it is called with what it needs, after the
# network is made, and its status counts. First nobody tells the daemon of these containers, so that none of them
# comes to be known, and both choices are made; then it knows them, and they are held until their rules stand.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=tests/runtime/podman_engine.sh
. "$(dirname "$0")/podman_engine.sh"
source_root=${SOURCE_ROOT:?path of the source tree}
first_packet=${FIRST_PACKET:?path of the program that sends first}

make_host "bhtest-hook-$$"
write_config "runtimes: {docker: off, podman: off, podman_storage: off}"
mkdir -p "$scratch/hooks"
podman_options+=(--hooks-dir "$scratch/hooks")
configure_podman
import_image
tar -C "$(dirname "$first_packet")" -cf "$scratch/first.tar" "$(basename "$first_packet")"
p import "$scratch/first.tar" localhost/first:1 >/dev/null 2>&1 || fail "podman import"
p network create --subnet 10.90.0.0/24 shop >/dev/null || fail "podman network"
start_daemon

# choose ALLOW|REFUSE TIMEOUT: what the hook is to do, in the file that is installed.
choose() {
	jq --arg program "$bulkhead" --arg socket "$scratch/run/api.sock" --arg choice "$1" --arg most "$2" '
		.hook.path = $program | .hook.args = [.hook.args[] | if . == "allow" then $choice
		elif . == "5s" then $most else . end] + ["--socket", $socket]' \
		"$source_root/config/hooks/bulkhead.json" >"$scratch/hooks/bulkhead.json"
}
visit() {
	p run --rm --network shop localhost/shop:1 true >"$scratch/said" 2>&1
}

step "a container that nobody knows starts after the limit, or does not"
choose allow 5s
visit || fail "Podman does not start a container: $(cat "$scratch/said")"
choose refuse 8s
visit && fail "Podman starts a container that was to be refused"
grep -q "nobody has said yet whose interface" "$scratch/said" ||
	fail "the hook was not called with the network in place: $(cat "$scratch/said")"
eventually 15 has_event '.kind == "hook" and (.text | contains("without its policy in place"))' || fail "no event tells of it"

step "without a network there is nothing to wait for"
p run --rm --network none localhost/shop:1 true >/dev/null 2>&1 || fail "a container without a network is held"

step "one that is known by Podman's state on disk is held until its rules stand"
stop_daemon
write_config "runtimes: {docker: off, podman: off, podman_storage: $scratch/podman/root}"
start_daemon
choose refuse 10s
# server NAME: answers on 9999 over TCP; prints its address.
server() {
	p run -d --name "$1" --network shop --label "bulkhead.workload=$1" localhost/shop:1 \
		nc -ll -p 9999 -e echo hello >/dev/null 2>&1 || fail "container $1"
	p inspect -f '{{(index .NetworkSettings.Networks "shop").IPAddress}}' "$1"
}
open=$(server open)
vault=$(server vault)
at_vault() {
	nsenter --net="/proc/$(p inspect -f '{{.State.Pid}}' vault)/ns/net" "$@"
}
at_vault nft -f - <<-NFT || fail "no counter at the forbidden server"
	table ip seen {
		counter datagrams {}
		chain in { type filter hook input priority 0; udp dport 9999 counter name datagrams; }
	}
NFT
arrived() {
	at_vault nft -j list counter ip seen datagrams | jq '.nftables[] | .counter? // empty | .packets'
}
# start: one whose first instructions are a datagram to the vault and a connection to the other.
start() {
	p run --rm --network shop --label bulkhead.workload=visitor localhost/first:1 \
		"/$(basename "$first_packet")" "$vault" "$open" 9999 >"$scratch/said" 2>&1
}
start || fail "without a policy the open server does not answer: $(cat "$scratch/said")"
[ "$(arrived)" = 1 ] || fail "the test is wrong: the counter counts $(arrived)"
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  visitor: {bulkhead.workload: label:visitor}
	  open: {bulkhead.workload: label:open}
	rules:
	  - {from: visitor, to: open, ports: [9999/tcp]}
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
p run -d --name resident --network shop --label bulkhead.workload=visitor localhost/shop:1 sleep 100000 >/dev/null 2>&1 ||
	fail "container resident"
eventually 10 bh mode label:visitor enforce --anyway || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules in the kernel"
for _ in $(seq 5); do
	start || fail "what may be reached was not: $(cat "$scratch/said")"
done
[ "$(arrived)" = 1 ] || fail "$(($(arrived) - 1)) of 5 forbidden datagrams arrived in spite of the hook"
status_is '.startup.hooks.stood >= 5 and .startup.hooks.given_up == 0' ||
	fail "status counts otherwise: $(bh status --format json | jq -c .startup.hooks)"
no_leak
