/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules by name stand for. Each workload's containers ask for names; the addresses that they
 * are given are what its rules by name let it open, and nobody else's. Only what is outside by all
 * that is known counts: whoever speaks for a name server could give a container, this host or the
 * metadata service away otherwise. An answer that comes before it is known whose container asked
 * waits for that.
 */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "core.h"
#include "dns_name.h"
#include "grow.h"
#include "timefmt.h"

#define PER_NAME 1000
#define PER_WORKLOAD 10000
#define MOST 50000
#define MOST_WAITING 1000
#define PATIENCE (60 * BH_SECOND)
#define EXPIRE_INTERVAL (60 * BH_SECOND)
#define GRACE (600 * BH_SECOND) /* after a restart, for the flows that use it to be met */

struct bh_waiting_answers {
	struct bh_named items[MOST_WAITING]; /* the oldest first */
	size_t count;
};

void bh_core_answers_start(struct bh_core *core)
{
	static const struct bh_answers_limits limits = { .per_name = PER_NAME,
							 .per_workload = PER_WORKLOAD,
							 .most = MOST };

	core->answers = bh_answers_new(&limits);
	core->waiting_answers = bh_calloc(1, sizeof(*core->waiting_answers));
}

void bh_core_answers_free(struct bh_core *core)
{
	bh_answers_free(core->answers);
	free(core->waiting_answers);
}

/* --- what is told ----------------------------------------------------------------------------- */

/* By a rule of the active policy, as somebody's destination. */
static bool is_spoken_of(const struct bh_core *core, const char *name)
{
	return core->policy != NULL && bh_policy_speaks_of(core->policy, name);
}

static bool is_outside(const struct bh_core *core, const struct bh_addr *addr)
{
	struct bh_peer peer;
	bool spoofed;

	bh_model_peer(core->model, 0, addr, bh_time_now(), &peer, NULL, &spoofed);
	return peer.kind == BH_PEER_ADDRESS;
}

static void note(struct bh_core *core, const char *workload, const struct bh_named *named)
{
	char name[BH_DNS_NAME_ROOM];
	struct bh_answer_row row = { .workload = workload,
				     .name = name,
				     .addr = named->addr,
				     .until = named->until,
				     .used = named->time };

	if (!bh_dns_name_read(named->name, name) || !is_outside(core, &named->addr))
		return;
	if (bh_answers_note(core->answers, &row) && is_spoken_of(core, name))
		bh_core_rules_touch(core);
}

/* Whether it is known whose container it was. */
static bool take(struct bh_core *core, const struct bh_named *named)
{
	const struct bh_instance *who = bh_model_at(core->model, named->ifindex, named->time);

	if (who == NULL || who->workload[0] == '\0')
		return false;
	note(core, who->workload, named);
	return true;
}

static void drop_first(struct bh_waiting_answers *waiting, size_t count)
{
	waiting->count -= count;
	memmove(waiting->items, waiting->items + count, waiting->count * sizeof(*waiting->items));
}

void bh_core_answer(struct bh_core *core, const struct bh_named *named)
{
	struct bh_waiting_answers *waiting = core->waiting_answers;

	if (take(core, named))
		return;
	if (waiting->count == MOST_WAITING)
		drop_first(waiting, MOST_WAITING / 10);
	waiting->items[waiting->count++] = *named;
}

void bh_core_answers_look(struct bh_core *core)
{
	struct bh_waiting_answers *waiting = core->waiting_answers;
	size_t kept = 0;

	for (size_t i = 0; i < waiting->count; i++)
		if (!take(core, &waiting->items[i]))
			waiting->items[kept++] = waiting->items[i];
	waiting->count = kept;
}

void bh_core_answers_tick(struct bh_core *core, int64_t now)
{
	struct bh_waiting_answers *waiting = core->waiting_answers;
	size_t over = 0;

	bh_core_answers_look(core);
	while (over < waiting->count && now - waiting->items[over].time > PATIENCE)
		over++;
	drop_first(waiting, over);
	if (bh_time_monotonic() < core->answers_due)
		return;
	core->answers_due = bh_time_monotonic() + EXPIRE_INTERVAL;
	if (bh_answers_expire(core->answers, now) && core->policy != NULL &&
	    bh_map_count(core->policy->names) > 0)
		core->rules_dirty = true;
}

/* --- flows ------------------------------------------------------------------------------------ */

void bh_core_answer_used(struct bh_core *core, struct bh_live_flow *live)
{
	if (live->flow.final || live->src->kind != BH_PEER_WORKLOAD ||
	    live->dst->kind != BH_PEER_ADDRESS)
		return;
	if (live->answer == NULL)
		live->answer = bh_answers_use(core->answers, live->src->name, &live->flow.key.dst);
	if (live->answer != NULL)
		bh_answers_touch(core->answers, live->answer, live->flow.last);
}

void bh_core_answer_leave(struct bh_live_flow *live)
{
	bh_answers_end(live->answer);
	live->answer = NULL;
}

void bh_core_name_question(const struct bh_core *core, struct bh_question *question)
{
	if (question->dst.dns == NULL && question->src.peer->kind == BH_PEER_WORKLOAD &&
	    question->dst.peer->kind == BH_PEER_ADDRESS)
		question->dst.dns = bh_answers_name(core->answers, question->src.peer->name,
						    &question->dst.addr, INT64_MAX);
}

/* --- rules ------------------------------------------------------------------------------------ */

struct collector {
	const struct bh_core *core;
	struct bh_compile_name *names;
	size_t count, capacity;
};

static bool is_wanted(void *user, const char *name)
{
	return is_spoken_of(((struct collector *)user)->core, name);
}

/* What was outside when it was told may be somebody's by now. */
static void collect(void *user, const struct bh_answer_row *row)
{
	struct collector *c = user;

	if (!is_outside(c->core, &row->addr))
		return;
	c->names = bh_grow(c->names, &c->capacity, c->count + 1, sizeof(*c->names));
	c->names[c->count++] = (struct bh_compile_name) { row->workload, row->name, row->addr };
}

struct bh_compile_name *bh_core_answers_compile(const struct bh_core *core, size_t *count)
{
	struct collector c = { .core = core };

	bh_answers_each(core->answers, is_wanted, collect, &c);
	*count = c.count;
	return c.names;
}

/* --- across restarts -------------------------------------------------------------------------- */

static void restore(void *user, const struct bh_stored_answer *stored)
{
	struct bh_core *core = user;
	int64_t least = bh_time_now() + GRACE;
	char name[BH_DNS_NAME_ROOM];
	struct bh_answer_row row = { .workload = stored->workload,
				     .name = name,
				     .until = stored->until > least ? stored->until : least,
				     .used = stored->used };

	if (bh_dns_name_read(stored->name, name) && bh_addr_parse(stored->addr, &row.addr))
		bh_answers_restore(core->answers, &row);
}

int bh_core_answers_load(struct bh_core *core, struct bh_error *err)
{
	return bh_store_load_answers(core->store, restore, core, err);
}

struct saver {
	struct bh_core *core;
	struct bh_error *err;
	int result;
};

static void write_row(struct saver *s, const struct bh_answer_row *row,
		      int (*write)(struct bh_store *store, const struct bh_stored_answer *answer,
				   struct bh_error *err))
{
	char addr[BH_ADDR_TEXT];
	struct bh_stored_answer answer = { .workload = row->workload,
					   .name = row->name,
					   .addr = bh_addr_format(&row->addr, addr),
					   .until = row->until,
					   .used = row->used };

	if (s->result != 0)
		return;
	bh_core_store_write(s->core);
	s->result = write(s->core->store, &answer, s->err);
}

static void save(void *user, const struct bh_answer_row *row)
{
	write_row(user, row, bh_store_save_answer);
}

static void drop(void *user, const struct bh_answer_row *row)
{
	write_row(user, row, bh_store_drop_answer);
}

int bh_core_answers_save(struct bh_core *core, struct bh_error *err)
{
	struct saver saver = { .core = core, .err = err };

	bh_answers_each_dirty(core->answers, save, drop, &saver);
	return saver.result;
}
