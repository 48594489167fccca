/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tokens, by which the API is called from where no socket tells who calls (src/api/server.h), and
 * what was changed, by whom. A token is 256 random bits and told once, when it is made; what is
 * kept is its hash, by which it is found.
 */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core_api.h"
#include "grow.h"
#include "log.h"
#include "timefmt.h"
#include "web_place.h"

#define SECRET_BYTES 32
#define PREFIX "bh_" /* for those who look for secrets that leaked */
#define TOKEN_TEXT (sizeof(PREFIX) + 2 * (size_t)SECRET_BYTES)
#define HASH_TEXT 65
#define MOST_TOKENS 1000
#define SESSION (12 * 3600 * BH_SECOND)
#define SESSIONS_OF_ONE 16
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@/-"
#define MOST_CHANGES 1000 /* told of at once */
#define KEEP_CHANGES 100000
/* How often it is written that a token is used. */
#define USED_EVERY (60 * BH_SECOND)

struct token {
	char name[BH_API_NAME];
	char hash[HASH_TEXT];
	char author[BH_API_NAME];
	uint8_t role; /* enum bh_api_role */
	int64_t created, expires, used;
};

static void write_hex(const unsigned char *bytes, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool hash(const char *text, char out[HASH_TEXT])
{
	unsigned char digest[32];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), digest) != 0)
		return false;
	write_hex(digest, sizeof(digest), out);
	return true;
}

static bool make_secret(char out[TOKEN_TEXT])
{
	unsigned char bytes[SECRET_BYTES];

	if (gnutls_rnd(GNUTLS_RND_KEY, bytes, sizeof(bytes)) != 0)
		return false;
	memcpy(out, PREFIX, sizeof(PREFIX));
	write_hex(bytes, sizeof(bytes), out + sizeof(PREFIX) - 1);
	explicit_bzero(bytes, sizeof(bytes));
	return true;
}

/* --- keeping ---------------------------------------------------------------------------------- */

static void save(struct bh_core *core, const struct token *t)
{
	const struct bh_stored_token stored = { .name = t->name,
						.hash = t->hash,
						.role = t->role,
						.created = t->created,
						.expires = t->expires,
						.used = t->used,
						.author = t->author };
	struct bh_error err = { 0 };

	bh_core_store_write(core);
	if (bh_store_save_token(core->store, &stored, &err) != 0)
		bh_core_store_failed(core, &err);
}

static void drop(struct bh_core *core, const struct token *t)
{
	struct bh_error err = { 0 };
	char key[HASH_TEXT];

	bh_core_store_write(core);
	if (bh_store_drop_token(core->store, t->name, &err) != 0)
		bh_core_store_failed(core, &err);
	bh_copy_text(key, sizeof(key), t->hash);
	bh_map_remove_text(core->tokens, key);
}

static void restore(void *user, const struct bh_stored_token *stored)
{
	struct bh_core *core = user;
	struct token *t = bh_calloc(1, sizeof(*t));

	bh_copy_text(t->name, sizeof(t->name), stored->name);
	bh_copy_text(t->hash, sizeof(t->hash), stored->hash);
	bh_copy_text(t->author, sizeof(t->author), stored->author);
	t->role = stored->role == BH_ROLE_OPERATOR ? BH_ROLE_OPERATOR : BH_ROLE_VIEWER;
	t->created = stored->created;
	t->expires = stored->expires;
	t->used = stored->used;
	bh_map_put_text(core->tokens, t->hash, t);
}

int bh_core_tokens_load(struct bh_core *core, struct bh_error *err)
{
	core->tokens = bh_map_new(free);
	return bh_store_load_tokens(core->store, restore, core, err);
}

static bool is_over(const struct token *t, int64_t now)
{
	return t->expires != 0 && t->expires <= now;
}

static void drop_those_that_are_over(struct bh_core *core)
{
	struct token *t;

	for (size_t position = 0; (t = bh_map_next(core->tokens, &position)) != NULL;)
		if (is_over(t, bh_time_now()))
			drop(core, t);
}

static struct token *find(const struct bh_core *core, const char *name)
{
	struct token *t;

	for (size_t position = 0; (t = bh_map_next(core->tokens, &position)) != NULL;)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

/* --- callers ---------------------------------------------------------------------------------- */

enum bh_api_role bh_core_token_role(void *user, const char *text, char name[BH_API_NAME])
{
	struct bh_core *core = user;
	char key[HASH_TEXT];
	int64_t now = bh_time_now();

	struct token *t = hash(text, key) ? bh_map_get_text(core->tokens, key) : NULL;
	if (t == NULL || is_over(t, now))
		return BH_ROLE_NONE;
	bh_copy_text(name, BH_API_NAME, t->name);
	if (now - t->used >= USED_EVERY) {
		t->used = now;
		save(core, t);
	}
	return t->role;
}

enum bh_api_role bh_core_certificate_role(void *user, const char *common_name)
{
	const struct bh_core *core = user;
	const struct bh_config_list *operators = &core->config.web_operators;

	for (uint32_t i = 0; i < operators->count; i++)
		if (strcmp(operators->items[i], common_name) == 0)
			return BH_ROLE_OPERATOR;
	return BH_ROLE_VIEWER;
}

void bh_core_handle_me(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	char host[BH_HOST_NAME];

	(void)user;
	reply->json = cJSON_CreateObject();
	cJSON_AddStringToObject(reply->json, "name", request->author);
	cJSON_AddStringToObject(
		reply->json, "role",
		bh_api_role_name(request->operator_role ? BH_ROLE_OPERATOR : BH_ROLE_VIEWER));
	cJSON_AddStringToObject(reply->json, "via", bh_api_via_name(request->via));
	cJSON_AddStringToObject(reply->json, "version", BULKHEAD_VERSION);
	cJSON_AddStringToObject(reply->json, "host", bh_core_host_name(host));
}

/* --- making and ending ------------------------------------------------------------------------ */

/* False with the reply filled. */
static bool make(struct bh_core *core, const struct token *like, struct bh_api_reply *reply)
{
	char secret[TOKEN_TEXT];
	struct token *t = bh_calloc(1, sizeof(*t));
	struct bh_error err = { 0 };

	*t = *like;
	t->created = bh_time_now();
	if (!make_secret(secret) || !hash(secret, t->hash)) {
		free(t);
		bh_api_fail(reply, 500, NULL, NULL, "there are no random numbers to be had");
		return false;
	}
	bh_map_put_text(core->tokens, t->hash, t);
	save(core, t);
	if (bh_core_store_flush(core, &err) != 0) {
		bh_map_remove_text(core->tokens, t->hash);
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
		return false;
	}
	reply->json = cJSON_CreateObject();
	cJSON_AddStringToObject(reply->json, "name", t->name);
	cJSON_AddStringToObject(reply->json, "role", bh_api_role_name(t->role));
	bh_core_add_time(reply->json, "expires", t->expires);
	cJSON_AddStringToObject(reply->json, "token", secret);
	explicit_bzero(secret, sizeof(secret));
	return true;
}

static bool read_role(const struct bh_api_request *request, uint8_t *role,
		      struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "role");

	*role = BH_ROLE_VIEWER;
	if (text != NULL && strcmp(text, bh_api_role_name(BH_ROLE_OPERATOR)) == 0)
		*role = BH_ROLE_OPERATOR;
	else if (text != NULL && strcmp(text, bh_api_role_name(BH_ROLE_VIEWER)) != 0) {
		bh_api_fail(reply, 400, "role", "viewer or operator", "%.60s is no role", text);
		return false;
	}
	return true;
}

static bool read_expiry(const struct bh_api_request *request, int64_t *expires,
			struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "expires");
	int64_t after;

	*expires = 0;
	if (text == NULL)
		return true;
	if (!bh_duration_parse(text, &after) || after < 60 * BH_SECOND) {
		bh_api_fail(reply, 400, "expires", "a duration of 1m at least: 12h, 30d",
			    "expires: found \"%.60s\"", text);
		return false;
	}
	*expires = bh_time_now() + after;
	return true;
}

static bool read_name(const struct bh_api_request *request, char *out, struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "name");

	if (text == NULL || *text == '\0' || strlen(text) > 64 ||
	    text[strspn(text, NAME_CHARACTERS)] != '\0') {
		bh_api_fail(reply, 400, "name", "letters, digits and . _ @ / -, at most 64",
			    text == NULL ? "a token needs a name" : "that is no name for a token");
		return false;
	}
	bh_copy_text(out, BH_API_NAME, text);
	return true;
}

static bool has_room(struct bh_core *core, struct bh_api_reply *reply)
{
	drop_those_that_are_over(core);
	if (bh_map_count(core->tokens) < MOST_TOKENS)
		return true;
	bh_api_fail(reply, 409, NULL, "bulkhead token remove NAME", "there are %d tokens already",
		    MOST_TOKENS);
	return false;
}

void bh_core_handle_token_add(void *user, const struct bh_api_request *request,
			      struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct token t = { 0 };

	if (!read_name(request, t.name, reply) || !read_role(request, &t.role, reply) ||
	    !read_expiry(request, &t.expires, reply) || !has_room(core, reply))
		return;
	if (find(core, t.name) != NULL) {
		bh_api_fail(reply, 409, "name", "bulkhead token remove NAME ends that one",
			    "there is a token %s", t.name);
		return;
	}
	bh_copy_text(t.author, sizeof(t.author), request->author);
	if (make(core, &t, reply))
		bh_core_event(core, "access", "token %s (%s) was made by %s", t.name,
			      bh_api_role_name(t.role), t.author);
}

/* "USER/1", …; who begins one too many ends his oldest. */
static void name_session(struct bh_core *core, const char *author, char name[BH_API_NAME])
{
	char oldest[BH_API_NAME] = "";
	int64_t since = INT64_MAX;

	for (unsigned number = 1; number <= SESSIONS_OF_ONE; number++) {
		snprintf(name, BH_API_NAME, "%.40s/%u", author, number);
		const struct token *t = find(core, name);
		if (t == NULL)
			return;
		if (t->created < since) {
			since = t->created;
			bh_copy_text(oldest, sizeof(oldest), name);
		}
	}
	drop(core, find(core, oldest));
	bh_copy_text(name, BH_API_NAME, oldest);
}

/* Where a browser's words may be passed on to; NULL: nowhere. */
static const char *web_socket(const struct bh_core *core, struct bh_web_place *place)
{
	const struct bh_config *c = &core->config;

	for (uint32_t i = 0; i < c->web_listen.count; i++)
		if (bh_web_place_parse(c->web_listen.items[i], c->run_directory, place) &&
		    place->address.ss_family == AF_UNIX)
			return ((const struct sockaddr_un *)(const void *)&place->address)
				->sun_path;
	return NULL;
}

/* For the browser of whoever is known by the socket, with no more rights than he has. */
void bh_core_handle_session(void *user, const struct bh_api_request *request,
			    struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct token t = { .role = request->operator_role ? BH_ROLE_OPERATOR : BH_ROLE_VIEWER,
			   .expires = bh_time_now() + SESSION };
	struct bh_web_place place;

	if (request->via != BH_VIA_SOCKET) {
		bh_api_fail(reply, 403, NULL, "on the daemon's host: bulkhead ui",
			    "a session begins at api.socket alone");
		return;
	}
	if (!has_room(core, reply))
		return;
	name_session(core, request->author, t.name);
	bh_copy_text(t.author, sizeof(t.author), request->author);
	if (!make(core, &t, reply))
		return;
	bh_core_add_text(reply->json, "socket", web_socket(core, &place));
	bh_core_changed(core, request, 200);
}

void bh_core_handle_token_remove(void *user, const struct bh_api_request *request,
				 struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	const char *name = bh_api_query(request, "name");
	struct token *t = name != NULL ? find(core, name) : NULL;
	struct bh_error err = { 0 };

	if (t == NULL) {
		bh_api_fail(reply, 404, "name", "bulkhead token list", "there is no token %.64s",
			    name != NULL ? name : "");
		return;
	}
	bh_core_event(core, "access", "token %s was ended by %s", t->name, request->author);
	drop(core, t);
	if (bh_core_store_flush(core, &err) != 0)
		bh_api_fail(reply, 500, "store",
			    "it is not valid any more, and may be again once the daemon restarts",
			    "%s", err.text);
	else
		reply->json = cJSON_CreateObject();
}

static int by_name(const void *a, const void *b)
{
	const struct token *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void bh_core_handle_tokens(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	struct bh_core *core = user;

	(void)request;
	drop_those_that_are_over(core);
	const struct token **all =
		bh_calloc(bh_map_count(core->tokens) + 1, sizeof(struct token *));
	const struct token *t;
	size_t count = 0;

	for (size_t position = 0; (t = bh_map_next(core->tokens, &position)) != NULL;)
		all[count++] = t;
	qsort(all, count, sizeof(struct token *), by_name);
	reply->json = cJSON_CreateObject();
	cJSON *rows = cJSON_AddArrayToObject(reply->json, "tokens");
	for (size_t i = 0; i < count; i++) {
		cJSON *row = cJSON_CreateObject();

		cJSON_AddStringToObject(row, "name", all[i]->name);
		cJSON_AddStringToObject(row, "role", bh_api_role_name(all[i]->role));
		bh_core_add_time(row, "created", all[i]->created);
		bh_core_add_time(row, "expires", all[i]->expires);
		bh_core_add_time(row, "used", all[i]->used);
		cJSON_AddStringToObject(row, "author", all[i]->author);
		cJSON_AddItemToArray(rows, row);
	}
	free(all);
}

/* --- what was changed ------------------------------------------------------------------------- */

/* What needs the operator's role may only read all the same. */
static bool is_reading(const struct bh_api_request *request)
{
	return strcmp(request->method, "GET") == 0;
}

/* To others the word means nothing, and they change what they change. */
static bool is_trial_run(const struct bh_api_request *request)
{
	static const char *const paths[] = { "/v1/policy/apply", "/v1/policy/rollback",
					     "/v1/mode" };
	bool knows = false;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		knows = knows || strcmp(request->path, paths[i]) == 0;
	return knows && bh_api_query(request, "dry_run") != NULL;
}

/* A hook asks again and again until its container's rules stand; nothing of that is a change. */
static bool is_hook(const struct bh_api_request *request)
{
	return strcmp(request->path, "/v1/hook") == 0;
}

void bh_core_changed(void *user, const struct bh_api_request *request, unsigned status)
{
	struct bh_core *core = user;
	struct bh_error err = { 0 };

	if (is_reading(request) || is_trial_run(request) || is_hook(request))
		return;
	char *query = bh_api_query_text(request);
	const struct bh_stored_change change = { .time = bh_time_now(),
						 .who = request->author,
						 .via = bh_api_via_name(request->via),
						 .method = request->method,
						 .path = request->path,
						 .query = query,
						 .status = status };
	bh_core_store_write(core);
	if (bh_store_add_change(core->store, &change, KEEP_CHANGES, &err) != 0)
		bh_core_store_failed(core, &err);
	free(query);
}

static void add_change(void *user, const struct bh_stored_change *change)
{
	cJSON *row = cJSON_CreateObject();

	cJSON_AddNumberToObject(row, "number", (double)change->number);
	bh_core_add_time(row, "time", change->time);
	cJSON_AddStringToObject(row, "who", change->who);
	cJSON_AddStringToObject(row, "via", change->via);
	cJSON_AddStringToObject(row, "method", change->method);
	cJSON_AddStringToObject(row, "path", change->path);
	cJSON_AddStringToObject(row, "query", change->query);
	cJSON_AddNumberToObject(row, "status", change->status);
	cJSON_AddItemToArray(user, row);
}

/* Where there may be more before them, which is asked for by the oldest one's number. */
static void add_next(cJSON *json, const cJSON *rows, int64_t limit)
{
	int count = cJSON_GetArraySize(rows);

	if (count > 0 && count == limit)
		cJSON_AddNumberToObject(
			json, "next",
			cJSON_GetObjectItem(cJSON_GetArrayItem(rows, count - 1), "number")
				->valuedouble);
	else
		cJSON_AddNullToObject(json, "next");
}

void bh_core_handle_audit(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	int64_t limit, before;
	struct bh_error err = { 0 };

	if (!bh_core_number_query(request, "limit", 100, &limit, reply) ||
	    !bh_core_number_query(request, "before", 0, &before, reply))
		return;
	limit = limit < 1 ? 1 : limit > MOST_CHANGES ? MOST_CHANGES : limit;
	reply->json = cJSON_CreateObject();
	cJSON *rows = cJSON_AddArrayToObject(reply->json, "changes");
	if (bh_store_changes(core->store, before, (size_t)limit, add_change, rows, &err) != 0)
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
	else
		add_next(reply->json, rows, limit);
}
