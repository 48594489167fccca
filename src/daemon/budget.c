/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "budget.h"

#include "live_filter.h"
#include "timefmt.h"

#define PERIOD BH_SECOND
#define SHORTEST (5 * BH_SECOND)
#define LONGEST (300 * BH_SECOND)

void bh_budget_init(struct bh_budget *b, int64_t limit, uint8_t least)
{
	*b = (struct bh_budget) {
		.limit = limit, .least = least, .copy = least, .patience = SHORTEST
	};
}

/* Where the last step back is not long ago it was too early. */
static void give_up(struct bh_budget *b, int64_t now)
{
	b->quiet = 0;
	if (b->copy == BH_COPY_SAMPLE_ALL)
		return;
	b->copy++;
	if (b->relaxed != 0 && now - b->relaxed < 2 * b->patience)
		b->patience = b->patience * 2 < LONGEST ? b->patience * 2 : LONGEST;
	else
		b->patience = SHORTEST;
}

static void take_back(struct bh_budget *b, int64_t now)
{
	if (b->quiet == 0)
		b->quiet = now;
	if (b->copy == b->least || now - b->quiet < b->patience)
		return;
	b->copy--;
	b->quiet = 0;
	b->relaxed = now;
}

uint8_t bh_budget_look(struct bh_budget *b, int64_t now, int64_t cpu)
{
	int64_t took = now - b->time, spent = cpu - b->cpu, allowed = took * b->limit / PERIOD;

	if (b->limit == 0 || (b->time != 0 && took < PERIOD))
		return b->copy;
	if (b->time != 0 && spent > allowed)
		give_up(b, now);
	else if (b->time != 0 && spent * 2 < allowed)
		take_back(b, now);
	else
		b->quiet = 0;
	b->time = now;
	b->cpu = cpu;
	return b->copy;
}
