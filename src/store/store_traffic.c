/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic in time. Each piece of news is added to three spans, so that a question about any time is
 * answered from few rows: days, hours at their ends, and five minutes at the ends of those.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"
#include "store_parts.h"
#include "timefmt.h"

#define SECONDS(n) ((int64_t)(n)*BH_SECOND)

enum { SPANS = 3 };
static const struct span {
	int64_t length; /* µs */
	int64_t keep;	/* 0: as long as it is asked for */
} spans[SPANS] = {
	{ SECONDS(300), SECONDS(2 * 86400) },
	{ SECONDS(3600), SECONDS(14 * 86400) },
	{ SECONDS(86400), 0 },
};

enum statement {
	ADD_EDGE,
	ADD,
	HOLD,
	GET_SPAN,
	GET_REFUSED,
	GET_EDGE,
	LET_GO,
	EARLIEST,
	EARLIEST_OF_SPAN,
	TRIM,
	TRIM_EDGES,
	ADD_FLOW,
	TRIM_FLOWS,
	GET_FLOWS,
	EARLIEST_FLOW,
	STATEMENTS,
};
_Static_assert(STATEMENTS <= BH_STORE_TRAFFIC_STATEMENTS, "room for all statements");

static const char *const sql[STATEMENTS] = {
	[ADD_EDGE] = "INSERT INTO traffic_edges VALUES (NULL,?1,?2,?3,?4,?5,?6,?7,?8)"
		     " ON CONFLICT DO UPDATE SET last = max(last, ?8), first = min(first, ?7)"
		     " RETURNING id",
	[ADD] = "INSERT INTO traffic VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
		" connections = connections + excluded.connections,"
		" answered = answered + excluded.answered, denied = denied + excluded.denied,"
		" would_deny = would_deny + excluded.would_deny, bytes = bytes + excluded.bytes,"
		" uncounted = uncounted + excluded.uncounted",
	[HOLD] = "SAVEPOINT sums",
	[LET_GO] = "RELEASE sums",
	[GET_SPAN] = "SELECT edge, connections, answered, denied, would_deny, bytes, uncounted"
		     " FROM traffic WHERE span = ? AND start >= ? AND start < ?",
	[GET_REFUSED] = "SELECT edge, 0, 0, denied, would_deny, 0, 0"
			" FROM traffic WHERE span = ? AND start >= ? AND start < ?"
			" AND denied + would_deny > 0",
	[GET_EDGE] = "SELECT src_kind, src, dst_kind, dst, proto, port, first, last"
		     " FROM traffic_edges WHERE id = ?",
	[EARLIEST] = "SELECT min(first) FROM traffic_edges",
	[EARLIEST_OF_SPAN] = "SELECT min(start) FROM traffic WHERE span = ?",
	[TRIM] = "DELETE FROM traffic WHERE span = ? AND start = ?",
	[TRIM_EDGES] = "DELETE FROM traffic_edges WHERE last < ?",
	[ADD_FLOW] = "INSERT INTO past_flows VALUES (NULL,?,?)",
	[TRIM_FLOWS] =
		"DELETE FROM past_flows WHERE number <= (SELECT max(number) FROM past_flows) - ?",
	[GET_FLOWS] = "SELECT number, flow FROM past_flows"
		      " WHERE number < ? AND last BETWEEN ? AND ?"
		      " ORDER BY number DESC LIMIT ?",
	[EARLIEST_FLOW] = "SELECT min(last) FROM past_flows",
};

int bh_store_traffic_prepare(struct bh_store *s, struct bh_error *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->traffic[i],
				       NULL) != SQLITE_OK)
			return bh_store_fail_prepare(s, err);
	return 0;
}

void bh_store_traffic_finalize(struct bh_store *s)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->traffic[i]);
}

static sqlite3_stmt *use(struct bh_store *s, enum statement which)
{
	sqlite3_reset(s->traffic[which]);
	return s->traffic[which];
}

static void read_number(sqlite3_stmt *q, void *context)
{
	*(int64_t *)context = sqlite3_column_int64(q, 0);
}

/* --- adding ----------------------------------------------------------------------------------- */

static int add_edge(struct bh_store *s, const struct bh_stored_traffic *t, int64_t *id,
		    struct bh_error *err)
{
	sqlite3_stmt *q = use(s, ADD_EDGE);

	sqlite3_bind_int(q, 1, t->src->kind);
	bh_store_bind_text(q, 2, t->src->name);
	sqlite3_bind_int(q, 3, t->dst->kind);
	bh_store_bind_text(q, 4, t->dst->name);
	sqlite3_bind_int(q, 5, t->proto);
	sqlite3_bind_int(q, 6, t->port);
	sqlite3_bind_int64(q, 7, t->first);
	sqlite3_bind_int64(q, 8, t->last);
	return bh_store_each_row(s, q, read_number, id, err);
}

static int64_t start_of(const struct span *span, int64_t time)
{
	return time - time % span->length;
}

static int add_to(struct bh_store *s, const struct span *span, int64_t time, int64_t edge,
		  const struct bh_traffic_counts *c, struct bh_error *err)
{
	const uint64_t counts[] = { c->connections, c->answered, c->denied,
				    c->would_deny,  c->bytes,	 c->uncounted };
	sqlite3_stmt *q = use(s, ADD);

	sqlite3_bind_int64(q, 1, span->length);
	sqlite3_bind_int64(q, 2, start_of(span, time));
	sqlite3_bind_int64(q, 3, edge);
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(q, 4 + i, (sqlite3_int64)counts[i]);
	return bh_store_run_once(s, q, err);
}

int bh_store_add_traffic(struct bh_store *s, int64_t time, const struct bh_stored_traffic *traffic,
			 struct bh_error *err)
{
	int64_t edge = 0;
	int result = add_edge(s, traffic, &edge, err);

	for (int i = 0; result == 0 && i < SPANS; i++)
		result = add_to(s, &spans[i], time, edge, &traffic->counts, err);
	return result;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Summed here, since SQLite would sort all rows to bring those of an edge together. */
struct question {
	struct bh_store *store;
	enum statement rows; /* GET_SPAN or GET_REFUSED */
	struct bh_map *sums; /* of each edge that has rows: id → struct edge_sum */
	struct bh_error *err;
};

struct edge_sum {
	int64_t id;
	struct bh_traffic_counts counts;
};

static struct edge_sum *sum_of(struct bh_map *sums, int64_t id)
{
	struct edge_sum *sum = bh_map_get(sums, &id, sizeof(id));

	if (sum != NULL)
		return sum;
	sum = bh_calloc(1, sizeof(*sum));
	sum->id = id;
	bh_map_put(sums, &id, sizeof(id), sum);
	return sum;
}

static void read_counts(sqlite3_stmt *q, void *context)
{
	const struct question *ask = context;
	const struct bh_traffic_counts counts = {
		.connections = (uint64_t)sqlite3_column_int64(q, 1),
		.answered = (uint64_t)sqlite3_column_int64(q, 2),
		.denied = (uint64_t)sqlite3_column_int64(q, 3),
		.would_deny = (uint64_t)sqlite3_column_int64(q, 4),
		.bytes = (uint64_t)sqlite3_column_int64(q, 5),
		.uncounted = (uint64_t)sqlite3_column_int64(q, 6),
	};

	bh_traffic_add(&sum_of(ask->sums, sqlite3_column_int64(q, 0))->counts, &counts);
}

static int sum(struct question *ask, const struct span *span, int64_t since, int64_t until)
{
	sqlite3_stmt *q = use(ask->store, ask->rows);

	if (since >= until)
		return 0;
	sqlite3_bind_int64(q, 1, span->length);
	sqlite3_bind_int64(q, 2, since);
	sqlite3_bind_int64(q, 3, until);
	return bh_store_each_row(ask->store, q, read_counts, ask, ask->err);
}

static int64_t round_up(const struct span *span, int64_t time)
{
	return start_of(span, time + span->length - 1);
}

/* From since until until, by spans of this kind, and in their midst by longer ones. */
static int sum_by(struct question *ask, int level, int64_t since, int64_t until)
{
	const struct span *longer = level + 1 < SPANS ? &spans[level + 1] : NULL;
	int64_t from = longer != NULL ? round_up(longer, since) : until;
	int64_t to = longer != NULL ? start_of(longer, until) : until;

	if (from >= to)
		return sum(ask, &spans[level], since, until);
	int result = sum(ask, &spans[level], since, from);
	if (result == 0)
		result = sum_by(ask, level + 1, from, to);
	return result == 0 ? sum(ask, &spans[level], to, until) : result;
}

/* The finest spans by which a range can begin or end at a time: those that are kept from where the
 * longer one that has it begins. The same for both, so that of two ranges that meet nothing is in
 * both. */
static int finest(int64_t time, int64_t now)
{
	int level = 0;

	while (level + 1 < SPANS &&
	       start_of(&spans[level + 1], time) < now - spans[level].keep + spans[level].length)
		level++;
	return level;
}

struct telling {
	const struct edge_sum *sum;
	void (*row)(void *user, const struct bh_stored_traffic *traffic);
	void *user;
};

static void tell_edge(sqlite3_stmt *q, void *context)
{
	const struct telling *tell = context;
	struct bh_peer src = { .kind = (uint8_t)sqlite3_column_int(q, 0) };
	struct bh_peer dst = { .kind = (uint8_t)sqlite3_column_int(q, 2) };
	const struct bh_stored_traffic traffic = { .src = &src,
						   .dst = &dst,
						   .proto = (uint8_t)sqlite3_column_int(q, 4),
						   .port = (uint16_t)sqlite3_column_int(q, 5),
						   .first = sqlite3_column_int64(q, 6),
						   .last = sqlite3_column_int64(q, 7),
						   .counts = tell->sum->counts };

	bh_store_copy_column(q, 1, src.name, sizeof(src.name));
	bh_store_copy_column(q, 3, dst.name, sizeof(dst.name));
	if (src.kind < BH_PEER_KINDS && dst.kind < BH_PEER_KINDS)
		tell->row(tell->user, &traffic);
}

static int tell_sums(const struct question *ask, struct telling *tell)
{
	int result = 0;

	for (size_t position = 0;
	     result == 0 && (tell->sum = bh_map_next(ask->sums, &position)) != NULL;) {
		sqlite3_stmt *q = use(ask->store, GET_EDGE);

		sqlite3_bind_int64(q, 1, tell->sum->id);
		result = bh_store_each_row(ask->store, q, tell_edge, tell, ask->err);
	}
	return result;
}

/* Between the two there is one state for all that is asked of it, and one lock instead of one for
 * each edge. Where that fails, every question is by itself: slower, and no less true. */
static void run_anyhow(struct bh_store *s, enum statement which)
{
	sqlite3_step(use(s, which));
	sqlite3_reset(s->traffic[which]);
}

static int tell_of(struct bh_store *s, enum statement rows, int64_t *since, int64_t *until,
		   void (*row)(void *user, const struct bh_stored_traffic *traffic), void *user,
		   struct bh_error *err)
{
	struct question ask = { .store = s, .rows = rows, .sums = bh_map_new(free), .err = err };
	struct telling tell = { .row = row, .user = user };
	int64_t now = bh_time_now();

	*since = start_of(&spans[finest(*since, now)], *since);
	*until = round_up(&spans[finest(*until, now)], *until);
	run_anyhow(s, HOLD);
	int result = sum_by(&ask, 0, *since, *until);
	if (result == 0)
		result = tell_sums(&ask, &tell);
	run_anyhow(s, LET_GO);
	bh_map_free(ask.sums);
	return result;
}

int bh_store_traffic(struct bh_store *s, int64_t *since, int64_t *until,
		     void (*row)(void *user, const struct bh_stored_traffic *traffic), void *user,
		     struct bh_error *err)
{
	return tell_of(s, GET_SPAN, since, until, row, user, err);
}

int bh_store_refused(struct bh_store *s, int64_t *since, int64_t *until,
		     void (*row)(void *user, const struct bh_stored_traffic *traffic), void *user,
		     struct bh_error *err)
{
	return tell_of(s, GET_REFUSED, since, until, row, user, err);
}

int bh_store_traffic_since(struct bh_store *s, int64_t *since, struct bh_error *err)
{
	*since = 0;
	return bh_store_each_row(s, use(s, EARLIEST), read_number, since, err);
}

static int trim(struct bh_store *s, const struct span *span, int64_t before, bool *more,
		struct bh_error *err)
{
	sqlite3_stmt *q = use(s, EARLIEST_OF_SPAN);
	int64_t earliest = 0;

	sqlite3_bind_int64(q, 1, span->length);
	int result = bh_store_each_row(s, q, read_number, &earliest, err);
	if (result != 0 || earliest == 0 || earliest >= before)
		return result;
	q = use(s, TRIM);
	sqlite3_bind_int64(q, 1, span->length);
	sqlite3_bind_int64(q, 2, earliest);
	*more = true;
	return bh_store_run_once(s, q, err);
}

int bh_store_trim_traffic(struct bh_store *s, int64_t now, int64_t keep, bool *more,
			  struct bh_error *err)
{
	int result = 0;

	*more = false;
	for (int i = 0; result == 0 && i < SPANS; i++) {
		int64_t kept = spans[i].keep != 0 && spans[i].keep < keep ? spans[i].keep : keep;

		result = trim(s, &spans[i], now - kept - spans[i].length, more, err);
	}
	if (result != 0 || *more)
		return result;
	sqlite3_stmt *q = use(s, TRIM_EDGES);
	sqlite3_bind_int64(q, 1, now - keep - 2 * spans[SPANS - 1].length);
	return bh_store_run_once(s, q, err);
}

/* --- flows ------------------------------------------------------------------------------------ */

int bh_store_add_flow(struct bh_store *s, int64_t last, const char *flow, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, ADD_FLOW);

	sqlite3_bind_int64(q, 1, last);
	bh_store_bind_text(q, 2, flow);
	return bh_store_run_once(s, q, err);
}

int bh_store_trim_flows(struct bh_store *s, int64_t keep, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, TRIM_FLOWS);

	sqlite3_bind_int64(q, 1, keep);
	return bh_store_run_once(s, q, err);
}

struct flow_question {
	bool (*flow)(void *user, int64_t number, const char *flow);
	void *user;
	bool enough;
};

static void read_flow(sqlite3_stmt *q, void *context)
{
	struct flow_question *ask = context;
	const char *flow = (const char *)sqlite3_column_text(q, 1);

	if (!ask->enough && flow != NULL)
		ask->enough = !ask->flow(ask->user, sqlite3_column_int64(q, 0), flow);
}

int bh_store_flows(struct bh_store *s, int64_t before, int64_t since, int64_t until, size_t most,
		   bool (*flow)(void *user, int64_t number, const char *flow), void *user,
		   struct bh_error *err)
{
	struct flow_question ask = { flow, user, false };
	sqlite3_stmt *q = use(s, GET_FLOWS);

	sqlite3_bind_int64(q, 1, before > 0 ? before : INT64_MAX);
	sqlite3_bind_int64(q, 2, since);
	sqlite3_bind_int64(q, 3, until);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)most);
	return bh_store_each_row(s, q, read_flow, &ask, err);
}

int bh_store_flows_since(struct bh_store *s, int64_t *since, struct bh_error *err)
{
	*since = 0;
	return bh_store_each_row(s, use(s, EARLIEST_FLOW), read_number, since, err);
}
