/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an edge's evidence is worth: accepted, left to a person, or no edge at all. Each filter asks
 * one question that a habit answers otherwise than an intruder does; none of them sees one who was
 * everywhere from the first hour, which is why a person ticks every name outside.
 */
#ifndef BH_FILTERS_H
#define BH_FILTERS_H

#include "bulkhead/sensitive.h"
#include "buffer.h"
#include "ledger.h"

enum bh_edge_state { BH_EDGE_ACCEPTED, BH_EDGE_REVIEW, BH_EDGE_REJECTED };
const char *bh_edge_state_name(uint8_t state); /* "accepted" … */

enum bh_filter {
	BH_FILTER_UNANSWERED,	  /* F1; where it may go one way it is left to a person */
	BH_FILTER_SCANNER,	  /* F2: found while its source tried others in vain */
	BH_FILTER_ONE_WINDOW,	  /* F3 */
	BH_FILTER_ONE_REPLICA,	  /* F4: of several, and often enough to be no chance */
	BH_FILTER_LATE_SENSITIVE, /* F5: a sensitive port, late and without a deploy */
	BH_FILTER_RAW_ADDRESS,	  /* F6: outside, without a name */
	BH_FILTER_LATE_NAME,	  /* F6: outside, late and without a deploy, used by nobody else */
	BH_FILTER_NAME,		  /* F7: outside, by a name that nobody ticked */
	BH_FILTER_NEVER,	  /* the metadata service; ports by which a machine is taken over */
	BH_FILTER_UNUSED,	  /* not seen for long, by the measure of its own gaps */
	BH_FILTER_OPPOSED,	  /* the policy denies it */
	BH_FILTERS,
};
/* What was never answered, or denied, is no edge; what is never accepted is a person's to accept.
 */
#define BH_FILTERS_NEVER_OFF                                                                       \
	(UINT32_C(1) << BH_FILTER_UNANSWERED | UINT32_C(1) << BH_FILTER_OPPOSED |                  \
	 UINT32_C(1) << BH_FILTER_NEVER)

const char *bh_filter_code(enum bh_filter filter); /* "F1" … "F7", "never", "unused", "denied" */
bool bh_filter_parse(const char *code, uint32_t *bits); /* all that go by this code */

struct bh_filter_config {
	const struct bh_sensitive *sensitive; /* NULL: the default (lib/sensitive.h) */
	uint32_t off;			      /* bits of enum bh_filter */
	/* Whether a rule that a person wrote allows it: then it waits for nobody. NULL: there is no
	 * policy. */
	bool (*ruled)(void *user, const struct bh_edge *edge);
	void *user;
};

struct bh_judgement {
	uint8_t state;	  /* enum bh_edge_state */
	uint32_t reasons; /* bits of enum bh_filter: what the filters say, whoever decided */
	const struct bh_decision *decision; /* a person's, which holds; NULL: none does */
	bool ruled;			    /* accepted, since a person's rule allows it */
	/* In review for nothing but that it was seen once, inside and to no sensitive port: it may
	 * pass until 35 windows after that. */
	bool provisional;
};

/* list: where the edge is from. */
struct bh_judgement bh_judge(const struct bh_ledger *ledger, const struct bh_filter_config *config,
			     enum bh_ledger_list list, const struct bh_edge *edge);

/* µs: until when an edge that was seen in one window only may pass. */
int64_t bh_provisional_until(const struct bh_ledger *ledger, const struct bh_edge *edge);

/* Whether a policy that is proposed allows it. */
bool bh_is_allowed(const struct bh_judgement *judgement);

/* The reason in words, with the evidence: "seen in 1 window of 14". */
void bh_filter_explain(const struct bh_ledger *ledger, const struct bh_edge *edge,
		       enum bh_filter filter, struct bh_buffer *out);

/* What is enforced first, in stage 1: to a sensitive port, from or to the outside. */
bool bh_is_urgent(const struct bh_filter_config *config, const struct bh_edge *edge);

#endif
