/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "existing.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char drain_word[] = "drain=";

bool bh_existing_parse(const char *text, struct bh_existing *out)
{
	int64_t time;

	if (strcmp(text, "cut") == 0 || strcmp(text, "keep") == 0) {
		*out = (struct bh_existing) { *text == 'c' ? BH_EXISTING_CUT : BH_EXISTING_KEEP,
					      0 };
		return true;
	}
	if (strncmp(text, drain_word, sizeof(drain_word) - 1) != 0 ||
	    !bh_duration_parse(text + sizeof(drain_word) - 1, &time) || time < BH_DRAIN_SHORTEST ||
	    time > BH_DRAIN_LONGEST)
		return false;
	*out = (struct bh_existing) { BH_EXISTING_DRAIN, time };
	return true;
}

struct bh_existing bh_existing_milder(const struct bh_existing *a, const struct bh_existing *b)
{
	bool first = a->how != b->how ? a->how > b->how : a->drain >= b->drain;

	return first ? *a : *b;
}

char *bh_existing_format(const struct bh_existing *e, char out[BH_EXISTING_TEXT])
{
	if (e->how == BH_EXISTING_DRAIN)
		snprintf(out, BH_EXISTING_TEXT, "%s%" PRId64 "s", drain_word, e->drain / BH_SECOND);
	else
		snprintf(out, BH_EXISTING_TEXT, e->how == BH_EXISTING_CUT ? "cut" : "keep");
	return out;
}

enum bh_fate bh_existing_fate(const struct bh_policy *policy, const struct bh_question *question,
			      struct bh_answer *answer)
{
	struct bh_question either = *question;
	struct bh_answer other;

	*answer = (struct bh_answer) { .verdict = BH_ALLOW, .rule = -1 };
	if (policy == NULL)
		return BH_FATE_PASSES;
	bh_policy_evaluate(policy, question, answer);
	if (!answer->blocked)
		return BH_FATE_PASSES;
	if (answer->verdict == BH_UNCERTAIN)
		return BH_FATE_UNCERTAIN;
	if (question->proto != IPPROTO_TCP || question->direction_unknown)
		return BH_FATE_ENDS;
	either.direction_unknown = true;
	bh_policy_evaluate(policy, &either, &other);
	return other.blocked ? BH_FATE_ENDS : BH_FATE_EITHER;
}

bool bh_existing_is_worse(enum bh_fate before, enum bh_fate now)
{
	if (now == BH_FATE_ENDS)
		return before != BH_FATE_ENDS;
	return now != BH_FATE_PASSES && before == BH_FATE_PASSES;
}
