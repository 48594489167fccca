#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The web interface: its types, its logic, that it builds the same twice, and then in a real browser against the
# stand-in for the daemon – in a network namespace of its own, from which nothing can be reached.
#   tests/browser/run.sh            all of it
#   tests/browser/run.sh unit       types, logic and build alone
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
for program in node npm; do
	command -v $program >/dev/null || fail "$program is not installed; sudo scripts/test installs it"
done

# install FOLDER: what its lock file says, unless that is there already. No package may run a script of its own.
install() {
	[ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] ||
		npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund >/dev/null || fail "npm ci in $1"
	! grep -q '"resolved": "http' "$1/package-lock.json" || fail "$1/package-lock.json names addresses"
}
checksums() {
	(cd ui/dist && find . -type f -exec sha256sum {} + | sort)
}

install ui
npm --prefix ui run --silent check || fail "types"
npm --prefix ui run --silent test || fail "unit tests"
npm --prefix ui run --silent build || fail "build"
first=$(checksums)
npm --prefix ui run --silent build >/dev/null
[ "$first" = "$(checksums)" ] || fail "the build is not reproducible"
scripts_size=$(cat ui/dist/assets/*.js | gzip -9 | wc -c)
echo "scripts: $((scripts_size / 1024)) KiB, gzipped"
[ "$scripts_size" -lt 400000 ] || fail "the scripts are too large"
[ "${1:-}" != unit ] || exit 0

[ "$(id -u)" = 0 ] || {
	echo "SKIPPED: needs root"
	exit 77
}
[ -x "${BULKHEAD_CHROMIUM:-/usr/bin/chromium}" ] || fail "chromium is not installed; sudo scripts/test installs it"
install tests/browser
# shellcheck disable=SC2016 # it is the inner shell that expands
unshare -n bash -c '
	ip link set lo up
	node ui/dev/server.mjs --port 8470 &
	server=$!
	trap "kill $server" EXIT
	for _ in $(seq 100); do
		curl -s -o /dev/null http://127.0.0.1:8470/ && break
		sleep 0.2
	done
	cd tests/browser
	export BULKHEAD_UI=http://127.0.0.1:8470 BULKHEAD_OPERATOR=operator BULKHEAD_VIEWER=viewer
	for file in *.test.mjs; do
		node --test "$file" || status=1
	done
	exit ${status:-0}'
