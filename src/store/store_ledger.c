/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger in the store. Numbers that are 64 bits wide keep their bits; arrays are kept as they
 * stand in memory, and one of another length is passed over. */
#include <string.h>

#include "grow.h"
#include "store_parts.h"

enum statement {
	SAVE_EDGE,
	LOAD_EDGES,
	DROP_EDGE,
	SAVE_OWNER,
	LOAD_OWNERS,
	SAVE_WALK,
	LOAD_WALKS,
	DROP_WALK,
	SAVE_CONTACT,
	LOAD_CONTACTS,
	DROP_CONTACTS,
	SAVE_WHOLE,
	LOAD_WHOLE,
	SAVE_DECISION,
	LOAD_DECISIONS,
	STATEMENTS,
};

_Static_assert(STATEMENTS <= BH_STORE_LEDGER_STATEMENTS, "each has its place");

static const char *const sql[STATEMENTS] = {
	[SAVE_EDGE] = "INSERT OR REPLACE INTO ledger VALUES"
		      " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[LOAD_EDGES] = "SELECT * FROM ledger ORDER BY list, first",
	[DROP_EDGE] = "DELETE FROM ledger WHERE list = ? AND src_kind = ? AND src = ?"
		      " AND dst_kind = ? AND dst = ? AND proto = ? AND port = ?",
	[SAVE_OWNER] = "INSERT OR REPLACE INTO owners VALUES"
		       " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[LOAD_OWNERS] = "SELECT * FROM owners ORDER BY first",
	[SAVE_WALK] = "INSERT OR REPLACE INTO walks VALUES (?,?,?)",
	[LOAD_WALKS] = "SELECT * FROM walks",
	[DROP_WALK] = "DELETE FROM walks WHERE replica = ?",
	[SAVE_CONTACT] = "INSERT OR IGNORE INTO contacts VALUES (?,?)",
	[LOAD_CONTACTS] = "SELECT * FROM contacts",
	[DROP_CONTACTS] = "DELETE FROM contacts WHERE replica = ?",
	[SAVE_WHOLE] = "INSERT OR REPLACE INTO learning VALUES (0,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[LOAD_WHOLE] = "SELECT * FROM learning",
	[SAVE_DECISION] = "INSERT OR REPLACE INTO decisions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
	[LOAD_DECISIONS] = "SELECT * FROM decisions ORDER BY time",
};

int bh_store_ledger_prepare(struct bh_store *s, struct bh_error *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->ledger[i],
				       NULL) != SQLITE_OK)
			return bh_store_fail_prepare(s, err);
	return 0;
}

void bh_store_ledger_finalize(struct bh_store *s)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->ledger[i]);
}

static sqlite3_stmt *use(struct bh_store *s, enum statement which)
{
	sqlite3_reset(s->ledger[which]);
	return s->ledger[which];
}

/* --- writing ---------------------------------------------------------------------------------- */

struct saver {
	struct bh_store *store;
	struct bh_error *err;
	int result; /* of the first that failed */
};

static void run(struct saver *s, sqlite3_stmt *q)
{
	if (s->result == 0)
		s->result = bh_store_run_once(s->store, q, s->err);
}

/* Both ends, protocol and port, from column `at` on. */
static void bind_key(sqlite3_stmt *q, int at, const struct bh_edge *e)
{
	sqlite3_bind_int(q, at, e->src->kind);
	bh_store_bind_text(q, at + 1, e->src->name);
	sqlite3_bind_int(q, at + 2, e->dst->kind);
	bh_store_bind_text(q, at + 3, e->dst->name);
	sqlite3_bind_int(q, at + 4, e->proto);
	sqlite3_bind_int(q, at + 5, e->port);
}

static void save_edge(void *user, enum bh_ledger_list list, const struct bh_edge *e)
{
	struct saver *s = user;
	sqlite3_stmt *q = use(s->store, SAVE_EDGE);

	sqlite3_bind_int(q, 1, (int)list);
	bind_key(q, 2, e);
	sqlite3_bind_int64(q, 8, e->first);
	sqlite3_bind_int64(q, 9, e->last);
	sqlite3_bind_int64(q, 10, (sqlite3_int64)e->connections);
	sqlite3_bind_int64(q, 11, (sqlite3_int64)e->answered);
	sqlite3_bind_int64(q, 12, (sqlite3_int64)e->bytes);
	sqlite3_bind_int64(q, 13, (sqlite3_int64)e->replicas);
	sqlite3_bind_int64(q, 14, e->windows);
	sqlite3_bind_int64(q, 15, e->hours);
	sqlite3_bind_int64(q, 16, e->last_hour);
	sqlite3_bind_int64(q, 17, e->gap);
	sqlite3_bind_int64(q, 18, e->longest_gap);
	sqlite3_bind_int64(q, 19, e->even_gaps);
	sqlite3_bind_int(q, 20, e->held);
	sqlite3_bind_int(q, 21, e->lossy);
	sqlite3_bind_int(q, 22, e->heard);
	sqlite3_bind_int64(q, 23, e->shared_hours);
	run(s, q);
}

static void drop_edge(void *user, enum bh_ledger_list list, const struct bh_edge *e)
{
	struct saver *s = user;
	sqlite3_stmt *q = use(s->store, DROP_EDGE);

	sqlite3_bind_int(q, 1, (int)list);
	bind_key(q, 2, e);
	run(s, q);
}

static void bind_bytes(sqlite3_stmt *q, int at, const void *bytes, size_t size)
{
	sqlite3_bind_blob(q, at, bytes, (int)size, SQLITE_TRANSIENT);
}

static void save_owner(void *user, const struct bh_owner_state *o)
{
	struct saver *s = user;
	sqlite3_stmt *q = use(s->store, SAVE_OWNER);

	sqlite3_bind_int(q, 1, o->who->kind);
	bh_store_bind_text(q, 2, o->who->name);
	sqlite3_bind_int64(q, 3, o->first);
	sqlite3_bind_int64(q, 4, o->flagged);
	sqlite3_bind_int64(q, 5, o->audited);
	bind_bytes(q, 6, o->deploys, sizeof(o->deploys));
	bind_bytes(q, 7, o->versions, sizeof(o->versions));
	sqlite3_bind_int64(q, 8, o->window);
	sqlite3_bind_int64(q, 9, (sqlite3_int64)o->replicas);
	sqlite3_bind_int64(q, 10, (sqlite3_int64)o->replicas_before);
	bind_bytes(q, 11, o->slots, sizeof(o->slots));
	sqlite3_bind_int64(q, 12, o->windows);
	sqlite3_bind_int64(q, 13, o->idle);
	sqlite3_bind_int64(q, 14, o->runs);
	sqlite3_bind_int(q, 15, o->phases);
	sqlite3_bind_int64(q, 16, o->ran);
	sqlite3_bind_int64(q, 17, o->mark);
	sqlite3_bind_int64(q, 18, o->instances);
	sqlite3_bind_int64(q, 19, (sqlite3_int64)o->lately);
	sqlite3_bind_int64(q, 20, o->strangers.count);
	sqlite3_bind_int64(q, 21, o->strangers.window);
	sqlite3_bind_int64(q, 22, o->strangers.before);
	run(s, q);
}

static void run_of_replica(struct saver *s, enum statement which, uint64_t replica)
{
	sqlite3_stmt *q = use(s->store, which);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)replica);
	run(s, q);
}

static void drop_walk(void *user, uint64_t replica)
{
	run_of_replica(user, DROP_WALK, replica);
	run_of_replica(user, DROP_CONTACTS, replica);
}

static void save_walk(void *user, const struct bh_walk *walk)
{
	struct saver *s = user;
	sqlite3_stmt *q = use(s->store, SAVE_WALK);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)walk->replica);
	sqlite3_bind_double(q, 2, walk->likelihood);
	sqlite3_bind_int64(q, 3, walk->last);
	run(s, q);
}

static void save_contact(void *user, uint64_t replica, uint64_t contact)
{
	struct saver *s = user;
	sqlite3_stmt *q = use(s->store, SAVE_CONTACT);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)replica);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)contact);
	run(s, q);
}

static void save_whole(void *user, const struct bh_ledger_state *w)
{
	struct saver *s = user;
	sqlite3_stmt *q = use(s->store, SAVE_WHOLE);

	sqlite3_bind_int(q, 1, w->observed);
	sqlite3_bind_int64(q, 2, w->first);
	sqlite3_bind_int64(q, 3, w->now);
	sqlite3_bind_int64(q, 4, w->window);
	sqlite3_bind_int64(q, 5, w->counted);
	sqlite3_bind_int64(q, 6, w->watched);
	sqlite3_bind_int64(q, 7, w->watched_before);
	sqlite3_bind_int64(q, 8, (sqlite3_int64)w->captured);
	sqlite3_bind_int64(q, 9, (sqlite3_int64)w->lost);
	sqlite3_bind_int64(q, 10, w->windows);
	sqlite3_bind_int(q, 11, w->phases);
	bind_bytes(q, 12, w->unlearned, sizeof(w->unlearned));
	sqlite3_bind_int64(q, 13, w->length);
	sqlite3_bind_int64(q, 14, w->unwatched);
	sqlite3_bind_int64(q, 15, w->lossy);
	run(s, q);
}

int bh_store_save_ledger(struct bh_store *store, struct bh_ledger *ledger, struct bh_error *err)
{
	struct saver saver = { store, err, 0 };
	const struct bh_ledger_news news = { .edge = save_edge,
					     .gone = drop_edge,
					     .owner = save_owner,
					     .scanners = { drop_walk, save_walk, save_contact,
							   &saver },
					     .whole = save_whole,
					     .user = &saver };

	bh_ledger_each_news(ledger, &news);
	return saver.result;
}

int bh_store_save_decision(struct bh_store *store, const struct bh_edge *edge,
			   const struct bh_decision *decision, struct bh_error *err)
{
	sqlite3_stmt *q = use(store, SAVE_DECISION);

	bind_key(q, 1, edge);
	sqlite3_bind_int(q, 7, decision->accepted);
	sqlite3_bind_int(q, 8, decision->opposed);
	sqlite3_bind_int64(q, 9, decision->time);
	sqlite3_bind_int64(q, 10, decision->expires);
	bh_store_bind_text(q, 11, decision->author);
	bh_store_bind_text(q, 12, decision->why);
	return bh_store_run_once(store, q, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Kinds that this version does not know would be read past their tables. */
static bool read_peer(sqlite3_stmt *q, int at, struct bh_peer *peer)
{
	int kind = sqlite3_column_int(q, at);

	peer->kind = (uint8_t)kind;
	bh_store_copy_column(q, at + 1, peer->name, sizeof(peer->name));
	return kind >= 0 && kind < BH_PEER_KINDS;
}

struct key {
	struct bh_peer src, dst;
};

static bool read_key(sqlite3_stmt *q, int at, struct key *key, struct bh_edge *e)
{
	*e = (struct bh_edge) { .src = &key->src,
				.dst = &key->dst,
				.proto = (uint8_t)sqlite3_column_int(q, at + 4),
				.port = (uint16_t)sqlite3_column_int(q, at + 5) };
	return read_peer(q, at, &key->src) && read_peer(q, at + 2, &key->dst);
}

static void read_edge(sqlite3_stmt *q, void *ledger)
{
	int list = sqlite3_column_int(q, 0);
	struct key key;
	struct bh_edge e;

	if (!read_key(q, 1, &key, &e) || list < 0 || list >= BH_LEDGER_LISTS)
		return;
	e.first = sqlite3_column_int64(q, 7);
	e.last = sqlite3_column_int64(q, 8);
	e.connections = (uint64_t)sqlite3_column_int64(q, 9);
	e.answered = (uint64_t)sqlite3_column_int64(q, 10);
	e.bytes = (uint64_t)sqlite3_column_int64(q, 11);
	e.replicas = (uint64_t)sqlite3_column_int64(q, 12);
	e.windows = (uint32_t)sqlite3_column_int64(q, 13);
	e.hours = (uint32_t)sqlite3_column_int64(q, 14);
	e.last_hour = sqlite3_column_int64(q, 15);
	e.gap = (uint32_t)sqlite3_column_int64(q, 16);
	e.longest_gap = (uint32_t)sqlite3_column_int64(q, 17);
	e.even_gaps = (uint32_t)sqlite3_column_int64(q, 18);
	e.held = sqlite3_column_int(q, 19) != 0;
	e.lossy = sqlite3_column_int(q, 20) != 0;
	e.heard = sqlite3_column_int(q, 21) != 0;
	e.shared_hours = (uint32_t)sqlite3_column_int64(q, 22);
	bh_ledger_restore_edge(ledger, (enum bh_ledger_list)list, &e);
}

static void read_bytes(sqlite3_stmt *q, int at, void *out, size_t size)
{
	const void *bytes = sqlite3_column_blob(q, at);

	if (bytes != NULL && (size_t)sqlite3_column_bytes(q, at) == size)
		memcpy(out, bytes, size);
}

static void read_owner(sqlite3_stmt *q, void *ledger)
{
	struct bh_peer who;
	struct bh_owner_state o = { .who = &who };

	if (!read_peer(q, 0, &who))
		return;
	o.first = sqlite3_column_int64(q, 2);
	o.flagged = sqlite3_column_int64(q, 3);
	o.audited = sqlite3_column_int64(q, 4);
	read_bytes(q, 5, o.deploys, sizeof(o.deploys));
	read_bytes(q, 6, o.versions, sizeof(o.versions));
	o.window = sqlite3_column_int64(q, 7);
	o.replicas = (uint64_t)sqlite3_column_int64(q, 8);
	o.replicas_before = (uint64_t)sqlite3_column_int64(q, 9);
	read_bytes(q, 10, o.slots, sizeof(o.slots));
	o.windows = (uint32_t)sqlite3_column_int64(q, 11);
	o.idle = (uint32_t)sqlite3_column_int64(q, 12);
	o.runs = (uint32_t)sqlite3_column_int64(q, 13);
	o.phases = (uint8_t)sqlite3_column_int(q, 14);
	o.ran = sqlite3_column_int64(q, 15);
	o.mark = sqlite3_column_int64(q, 16);
	o.instances = (uint32_t)sqlite3_column_int64(q, 17);
	o.lately = (uint64_t)sqlite3_column_int64(q, 18);
	o.strangers =
		(struct bh_strangers) { (uint32_t)sqlite3_column_int64(q, 19),
					sqlite3_column_int64(q, 20), sqlite3_column_int64(q, 21) };
	bh_ledger_restore_owner(ledger, &o);
}

static void read_walk(sqlite3_stmt *q, void *ledger)
{
	const struct bh_walk walk = { .replica = (uint64_t)sqlite3_column_int64(q, 0),
				      .likelihood = sqlite3_column_double(q, 1),
				      .last = sqlite3_column_int64(q, 2) };

	bh_scanners_restore_walk(bh_ledger_scanners(ledger), &walk);
}

static void read_contact(sqlite3_stmt *q, void *ledger)
{
	bh_scanners_restore_contact(bh_ledger_scanners(ledger),
				    (uint64_t)sqlite3_column_int64(q, 0),
				    (uint64_t)sqlite3_column_int64(q, 1));
}

static void read_whole(sqlite3_stmt *q, void *ledger)
{
	struct bh_ledger_state w = { .observed = sqlite3_column_int(q, 1) != 0,
				     .first = sqlite3_column_int64(q, 2),
				     .now = sqlite3_column_int64(q, 3),
				     .window = sqlite3_column_int64(q, 4),
				     .counted = sqlite3_column_int64(q, 5),
				     .watched = sqlite3_column_int64(q, 6),
				     .watched_before = sqlite3_column_int64(q, 7),
				     .captured = (uint64_t)sqlite3_column_int64(q, 8),
				     .lost = (uint64_t)sqlite3_column_int64(q, 9),
				     .windows = (uint32_t)sqlite3_column_int64(q, 10),
				     .phases = (uint8_t)sqlite3_column_int(q, 11),
				     .length = sqlite3_column_int64(q, 13),
				     .unwatched = (uint32_t)sqlite3_column_int64(q, 14),
				     .lossy = (uint32_t)sqlite3_column_int64(q, 15) };

	read_bytes(q, 12, w.unlearned, sizeof(w.unlearned));
	bh_ledger_restore_whole(ledger, &w);
}

static void read_decision(sqlite3_stmt *q, void *ledger)
{
	struct key key;
	struct bh_edge edge;
	struct bh_decision d = { 0 };

	if (!read_key(q, 0, &key, &edge))
		return;
	d.accepted = sqlite3_column_int(q, 6) != 0;
	d.opposed = sqlite3_column_int(q, 7) != 0;
	d.time = sqlite3_column_int64(q, 8);
	d.expires = sqlite3_column_int64(q, 9);
	bh_store_copy_column(q, 10, d.author, sizeof(d.author));
	bh_store_copy_column(q, 11, d.why, sizeof(d.why));
	bh_ledger_decide(ledger, &edge, &d);
}

int bh_store_load_ledger(struct bh_store *s, struct bh_ledger *ledger, struct bh_error *err)
{
	static const struct {
		enum statement which;
		void (*row)(sqlite3_stmt *statement, void *ledger);
	} parts[] = { { LOAD_WHOLE, read_whole },      { LOAD_OWNERS, read_owner },
		      { LOAD_EDGES, read_edge },       { LOAD_WALKS, read_walk },
		      { LOAD_CONTACTS, read_contact }, { LOAD_DECISIONS, read_decision } };
	int result = 0;

	for (size_t i = 0; result == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		result = bh_store_each_row(s, use(s, parts[i].which), parts[i].row, ledger, err);
	return result;
}
