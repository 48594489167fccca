#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh SECONDS FULL-SECONDS HARNESS CORPUS: a libFuzzer run that leaves the corpus as it is. SECONDS 0:
# the harness only replays it. With BULKHEAD_FULL it takes FULL-SECONDS, and with BULKHEAD_REPORTS, a
# folder, its figures are left there.
set -u
seconds=$1 full=$2 harness=$3 corpus=$4
[ "$seconds" = 0 ] && exec "$harness" "$corpus"
[ -n "${BULKHEAD_FULL:-}" ] && seconds=$full
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/found"
# Not exec: the trap must run.
"$harness" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	-artifact_prefix="${MESON_BUILD_ROOT:-.}/" "$scratch/found" "$corpus" 2>"$scratch/log"
status=$?
cat "$scratch/log" >&2
if [ -n "${BULKHEAD_REPORTS:-}" ]; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/log")
	covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$scratch/log" | tail -n 1)
	[ $status = 0 ] && outcome=clean || outcome=FAILED
	echo "| ${harness##*/} | $seconds | ${runs:--} | ${covered:--} | $outcome |" \
		>"$BULKHEAD_REPORTS/${harness##*/}.row"
fi
# Any failure is 1: libFuzzer ends with 77 where a harness aborts, and meson would call that skipped.
[ $status = 0 ]
