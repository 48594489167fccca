/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the filters made of edges whose truth is known, and all of it as a hash. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "buffer.h"
#include "readiness.h"
#include "run.h"

struct jury {
	const struct run *run;
	bool open_ended; /* service 0 is */
};

/* The filters beyond a level. */
static uint32_t beyond(enum level level)
{
	static const enum bh_filter last[LEVELS] = { [F1] = BH_FILTER_UNANSWERED,
						     [F2] = BH_FILTER_SCANNER,
						     [F3] = BH_FILTER_ONE_WINDOW,
						     [F4] = BH_FILTER_ONE_REPLICA,
						     [F5] = BH_FILTER_LATE_SENSITIVE,
						     [F6] = BH_FILTER_LATE_NAME,
						     [F7] = BH_FILTER_NAME };

	return ~((UINT32_C(2) << last[level]) - 1);
}

/* An edge that a service came to use as well is no intruder's. */
static enum attack attack_of(const struct run *r, const struct bh_edge *edge)
{
	int src = service_of_peer(edge->src);
	enum attack attack = NO_ATTACK;

	for (size_t i = 0; i < r->known_count; i++) {
		const struct habit *habit = habits_at(r->habits, i);

		if (habit->src != src || habit->port != edge->port || !r->known[i].seen ||
		    strcmp(r->known[i].end.name, edge->dst->name) != 0)
			continue;
		if (habit->attack == NO_ATTACK)
			return NO_ATTACK;
		attack = (enum attack)habit->attack;
	}
	return attack;
}

static void judge(void *user, const struct bh_edge *edge)
{
	const struct jury *j = user;
	struct account *a = j->run->account;
	enum attack attack = attack_of(j->run, edge);
	bool wanders = j->open_ended && service_of_peer(edge->src) == 0;

	for (enum level level = F1; level < LEVELS; level++) {
		const struct bh_filter_config filters = { .off = beyond(level) };
		struct bh_judgement judged = bh_judge(j->run->ledger, &filters, BH_EDGES, edge);
		bool waits = !bh_is_allowed(&judged);

		a->poisoned[level][attack] += !waits;
		if (attack != NO_ATTACK)
			continue;
		a->waiting[level] += waits && !wanders;
		a->wandering[level] += waits && wanders;
		a->provisional[level] += judged.provisional;
	}
}

void judge_edges(struct run *r, enum scenario scenario)
{
	struct jury jury = { .run = r, .open_ended = scenario == OPEN_ENDED };

	bh_ledger_each(r->ledger, BH_EDGES, judge, &jury);
	for (size_t i = 0; i < r->known_count; i++)
		r->account->tuples[habits_at(r->habits, i)->attack]++;
	for (int s = 0; s < SERVICES; s++)
		r->account->services += r->opened[s];
}

/* --- everything ------------------------------------------------------------------------------- */

struct transcript {
	const struct run *run;
	enum bh_ledger_list list;
	struct bh_buffer text;
};

static void write_edge(void *user, const struct bh_edge *edge)
{
	static const struct bh_filter_config filters;
	struct transcript *t = user;
	struct bh_judgement judged = bh_judge(t->run->ledger, &filters, t->list, edge);

	bh_buffer_printf(&t->text, "%s %s %u %u %u %" PRIu64 " %" PRIx64 " %s %x ", edge->src->name,
			 edge->dst->name, edge->port, edge->windows, edge->hours, edge->connections,
			 edge->replicas, bh_edge_state_name(judged.state), judged.reasons);
	for (enum bh_filter f = 0; f < BH_FILTERS; f++)
		if (judged.reasons >> f & 1)
			bh_filter_explain(t->run->ledger, edge, f, &t->text);
}

static void write_readiness(struct transcript *t)
{
	static const struct bh_filter_config filters;
	struct bh_readiness *r = bh_readiness_new(t->run->ledger, &filters);

	bh_buffer_printf(&t->text, "%.17g %u %.17g %.17g ", r->expected, r->bound, r->quiet,
			 r->rate);
	for (size_t i = 0; i < r->workload_count; i++)
		bh_buffer_printf(&t->text, "%s %.17g ", r->workloads[i].baseline.owner.who->name,
				 r->workloads[i].risk);
	bh_readiness_free(r);
}

uint64_t hash_output(struct run *r)
{
	struct transcript t = { .run = r };
	char *policy = print_policy(r);

	for (; t.list < BH_LEDGER_LISTS; t.list++)
		bh_ledger_each(r->ledger, t.list, write_edge, &t);
	write_readiness(&t);
	bh_buffer_puts(&t.text, policy);
	free(policy);
	uint64_t hash = XXH3_64bits(t.text.data, t.text.length);
	bh_buffer_free(&t.text);
	return hash;
}
