#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# evaluate.sh LEARNING: the targets that three seeds are enough for. With BULKHEAD_FULL a hundred seeds
# are evaluated as well, and with BULKHEAD_REPORTS, a folder, their tables are left there.
set -u
learning=$1
"$learning" evaluate -n 3 -c || exit 1
[ -n "${BULKHEAD_FULL:-}" ] || exit 0
"$learning" evaluate -n 100 >"${BULKHEAD_REPORTS:-/dev/null}${BULKHEAD_REPORTS:+/learning.md}"
