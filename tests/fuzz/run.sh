#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh SECONDS HARNESS CORPUS: a libFuzzer run that leaves the corpus as it is. SECONDS 0: the
# harness only replays it.
set -u
seconds=$1 harness=$2 corpus=$3
[ "$seconds" = 0 ] && exec "$harness" "$corpus"
[ -n "${BULKHEAD_FULL:-}" ] && seconds=$((seconds * 10))
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
# Not exec: the trap must run.
"$harness" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	-artifact_prefix="${MESON_BUILD_ROOT:-.}/" "$found" "$corpus"
