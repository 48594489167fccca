#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The web interface of a real daemon, which watches the lab's shop: every page, what can be done on the map, a policy that is
# applied, confirmed and taken back, in a browser that reaches nothing but the daemon's web listener.
#   BULKHEAD_SCREENSHOTS=1    keeps pictures of the pages in tests/browser/screenshots
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
needs node curl
[ -x "${BULKHEAD_CHROMIUM:-/usr/bin/chromium}" ] || fail "chromium is not installed; sudo scripts/test installs it"
[ -d "$SOURCE_ROOT/tests/browser/node_modules" ] || fail "no tests/browser/node_modules: sudo scripts/test installs it"

[ -e /run/netns/bulkhead-lab ] && fail "a lab is up already: bulkhead lab down"
host="bulkhead-lab"
write_config "runtimes: {docker: off}
web: {listen: ['127.0.0.1:7480']}"
"$bulkhead" lab up >/dev/null || fail "lab up"
at_end '"$bulkhead" lab down'
start_daemon
has_lab_edge() {
	has_edge "netns:lab-$1" "netns:lab-$2" "$3"
}
step "the shop is seen"
for edge in "web api 8080" "api db 5432" "api cache 6379" "job db 5432"; do
	# shellcheck disable=SC2086 # three words
	eventually 25 has_lab_edge $edge || fail "not learned: $edge"
done
accept_all
bh policy propose >"$scratch/policy.yaml"
bh policy apply "$scratch/policy.yaml" --why "first version" >/dev/null || fail "apply"
bh mode all enforce --anyway --why "the lab has no week" >/dev/null || fail "enforce"
eventually 20 status_is '.enforcement.state == "active"' || fail "no rules"
"$bulkhead" lab attack >/dev/null
operator=$(bh token add operator --role operator 2>/dev/null) viewer=$(bh token add viewer 2>/dev/null)

step "in a browser"
export BULKHEAD_UI=http://127.0.0.1:7480 BULKHEAD_OPERATOR=$operator BULKHEAD_VIEWER=$viewer
cd "$SOURCE_ROOT/tests/browser" || fail "no tests"
failed=
[ $# -gt 0 ] || set -- pages.test.mjs map.test.mjs flows.test.mjs policy.test.mjs
for file; do
	on_host node --test "$file" || failed=1
done
[ -z "$failed" ] || fail "the browser's tests"
echo ok
