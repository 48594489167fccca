/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy says of recorded flows, those alike together, for people and for the programs that
 * run checks: a table, JSON, JUnit's XML, SARIF (docs/ci.md). */
#ifndef BH_FINDINGS_H
#define BH_FINDINGS_H

#include "command.h"
#include "evaluate.h"

struct bh_findings;

struct bh_findings *bh_findings_new(void);
void bh_findings_free(struct bh_findings *findings);

/* count: connections alike; last: µs, 0: not known. */
void bh_findings_add(struct bh_findings *findings, const struct bh_question *question,
		     const struct bh_answer *answer, uint64_t count, int64_t last);

/* In the call's format; policy and flows: the files that it is of. The exit status: 1 where
 * anything would be refused. */
int bh_findings_print(struct bh_findings *findings, const struct bh_call *call, const char *policy,
		      const char *flows);

#endif
