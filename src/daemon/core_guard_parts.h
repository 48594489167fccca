/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of core_guard share. */
#ifndef BH_CORE_GUARD_PARTS_H
#define BH_CORE_GUARD_PARTS_H

#include "core_existing_parts.h"
#include "core_guard.h"
#include "guard.h"
#include "session.h"

/* A change, while it is looked at. */
struct bh_guarded {
	const struct bh_core *core;
	struct bh_view_of before, after;
	cJSON *findings;
	struct bh_map *said; /* findings alike → their row */
};

/* Findings alike are one; connections: how many it stands for; last: µs, 0: not known. Returns the
 * row where it is new, without a remedy yet, else NULL. */
cJSON *bh_guard_add_row(struct bh_guarded *g, enum bh_vital vital,
			const struct bh_question *question, const struct bh_answer *answer,
			double connections, int64_t last);
void bh_guard_add_remedy(cJSON *row, const struct bh_remedy *remedy);
/* Both, with what lets through what the policy answered so. */
void bh_guard_add_finding(struct bh_guarded *g, enum bh_vital vital,
			  const struct bh_question *question, const struct bh_answer *answer,
			  double connections, int64_t last);

/* Who calls, as the request says. */
struct bh_guard_caller {
	bool console;
	bool known;
	struct bh_sessions sessions; /* as their server sees them */
};
/* False with the reply filled where it says nothing sensible. */
bool bh_guard_read_caller(const struct bh_api_request *request, struct bh_guard_caller *caller,
			  struct bh_api_reply *reply);
/* Adds what the change means for the caller's connection and the ways by which it comes; how it
 * is with that. */
cJSON *bh_guard_session(struct bh_guarded *g, const struct bh_guard_caller *caller);

#endif
