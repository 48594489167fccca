/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may call, and who changed what. */
#include "store_parts.h"

enum statement {
	SAVE_TOKEN,
	DROP_TOKEN,
	LOAD_TOKENS,
	ADD_CHANGE,
	TRIM_CHANGES,
	GET_CHANGES,
	STATEMENTS,
};
_Static_assert(STATEMENTS <= BH_STORE_ACCESS_STATEMENTS, "room for all statements");

static const char *const sql[STATEMENTS] = {
	[SAVE_TOKEN] = "INSERT OR REPLACE INTO tokens VALUES (?,?,?,?,?,?,?)",
	[DROP_TOKEN] = "DELETE FROM tokens WHERE name = ?",
	[LOAD_TOKENS] = "SELECT * FROM tokens ORDER BY name",
	[ADD_CHANGE] = "INSERT INTO audit VALUES (NULL,?,?,?,?,?,?,?)",
	[TRIM_CHANGES] = "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?",
	[GET_CHANGES] = "SELECT * FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?",
};

int bh_store_access_prepare(struct bh_store *s, struct bh_error *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->access[i],
				       NULL) != SQLITE_OK)
			return bh_store_fail_prepare(s, err);
	return 0;
}

void bh_store_access_finalize(struct bh_store *s)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->access[i]);
}

static sqlite3_stmt *use(struct bh_store *s, enum statement which)
{
	sqlite3_reset(s->access[which]);
	return s->access[which];
}

int bh_store_save_token(struct bh_store *s, const struct bh_stored_token *token,
			struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_TOKEN);

	bh_store_bind_text(q, 1, token->name);
	bh_store_bind_text(q, 2, token->hash);
	sqlite3_bind_int(q, 3, token->role);
	sqlite3_bind_int64(q, 4, token->created);
	sqlite3_bind_int64(q, 5, token->expires);
	sqlite3_bind_int64(q, 6, token->used);
	bh_store_bind_text(q, 7, token->author);
	return bh_store_run_once(s, q, err);
}

int bh_store_drop_token(struct bh_store *s, const char *name, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, DROP_TOKEN);

	bh_store_bind_text(q, 1, name);
	return bh_store_run_once(s, q, err);
}

static const char *text_at(sqlite3_stmt *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q, column);

	return text != NULL ? text : "";
}

struct token_context {
	void (*row)(void *user, const struct bh_stored_token *token);
	void *user;
};

static void read_token(sqlite3_stmt *q, void *context)
{
	const struct token_context *c = context;
	const struct bh_stored_token token = { .name = text_at(q, 0),
					       .hash = text_at(q, 1),
					       .role = (uint8_t)sqlite3_column_int(q, 2),
					       .created = sqlite3_column_int64(q, 3),
					       .expires = sqlite3_column_int64(q, 4),
					       .used = sqlite3_column_int64(q, 5),
					       .author = text_at(q, 6) };

	c->row(c->user, &token);
}

int bh_store_load_tokens(struct bh_store *s,
			 void (*row)(void *user, const struct bh_stored_token *token), void *user,
			 struct bh_error *err)
{
	struct token_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_TOKENS), read_token, &context, err);
}

int bh_store_add_change(struct bh_store *s, const struct bh_stored_change *change, int64_t keep,
			struct bh_error *err)
{
	const char *texts[] = { change->who, change->via, change->method, change->path,
				change->query };
	sqlite3_stmt *q = use(s, ADD_CHANGE);

	sqlite3_bind_int64(q, 1, change->time);
	for (int i = 0; i < 5; i++)
		bh_store_bind_text(q, 2 + i, texts[i]);
	sqlite3_bind_int64(q, 7, change->status);
	int result = bh_store_run_once(s, q, err);
	if (result != 0)
		return result;
	q = use(s, TRIM_CHANGES);
	sqlite3_bind_int64(q, 1, keep);
	return bh_store_run_once(s, q, err);
}

struct change_context {
	void (*row)(void *user, const struct bh_stored_change *change);
	void *user;
};

static void read_change(sqlite3_stmt *q, void *context)
{
	const struct change_context *c = context;
	const struct bh_stored_change change = { .number = sqlite3_column_int64(q, 0),
						 .time = sqlite3_column_int64(q, 1),
						 .who = text_at(q, 2),
						 .via = text_at(q, 3),
						 .method = text_at(q, 4),
						 .path = text_at(q, 5),
						 .query = text_at(q, 6),
						 .status = (unsigned)sqlite3_column_int(q, 7) };

	c->row(c->user, &change);
}

int bh_store_changes(struct bh_store *s, int64_t before, size_t most,
		     void (*row)(void *user, const struct bh_stored_change *change), void *user,
		     struct bh_error *err)
{
	struct change_context context = { row, user };
	sqlite3_stmt *q = use(s, GET_CHANGES);

	sqlite3_bind_int64(q, 1, before > 0 ? before : INT64_MAX);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)most);
	return bh_store_each_row(s, q, read_change, &context, err);
}
