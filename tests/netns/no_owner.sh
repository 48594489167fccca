#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel that knows no owned tables: they are watched instead, which is said.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

make_host "no-owner-$$"
write_config "runtimes: {docker: off}
enforcement: {table_protection: owner}"
add_bridge br0 10.94.0.254/24
add_guest web br0 10.94.0.1/24
export LD_PRELOAD=${NO_OWNER:?path of the library that hides it}
start_daemon
unset LD_PRELOAD
knows 1
cat >"$scratch/policy.yaml" <<-YAML
	bulkhead-policy: 1
	workloads:
	  web: {bulkhead.workload: "netns:$host-web"}
	rules:
	  - {from: web, to: world, ports: [80/tcp]}
YAML
bh policy apply "$scratch/policy.yaml" >/dev/null || fail "apply"
bh mode all enforce --anyway >/dev/null || fail "enforce"
eventually 10 status_is '.enforcement.state == "active"' || fail "no rules"
status_is '.enforcement.tables == "watch" and (.enforcement.tables_why | test("6.9"))' ||
	fail "status: $(bh status --format json | jq -c .enforcement)"
bh status | grep -q '^tables .*6\.9' || fail "status does not say it in words"
on_host nft list table inet bulkhead | grep -q 'flags.*owner' && fail "the table is owned"
on_host nft flush ruleset
eventually 5 status_is '.enforcement.tampered == 1 and .enforcement.state == "active"' || fail "nobody notices"
on_host nft list table inet bulkhead >/dev/null || fail "not repaired"
