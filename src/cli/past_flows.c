/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "past_flows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "grow.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#define PAGE 5000 /* flows of one answer */

/* A page's text, in pieces. */
struct page {
	const char *text;
	jsmntok_t *tokens;
	int count;
};

static bool cut(const char *text, struct page *out)
{
	size_t length = strlen(text);
	jsmn_parser parser;

	jsmn_init(&parser);
	int count = jsmn_parse(&parser, text, length, NULL, 0);
	if (count <= 0)
		return false;
	*out = (struct page) { text, bh_calloc((size_t)count, sizeof(jsmntok_t)), count };
	jsmn_init(&parser);
	jsmn_parse(&parser, text, length, out->tokens, (unsigned)count);
	return true;
}

/* What follows a value, with all that is in it. */
static int after(const struct page *page, int token)
{
	int end = page->tokens[token].end;

	while (token < page->count && page->tokens[token].start < end)
		token++;
	return token;
}

static char *copy(const struct page *page, int token)
{
	const jsmntok_t *t = &page->tokens[token];

	return strndup(page->text + t->start, (size_t)(t->end - t->start));
}

/* The newest comes last in an array, and first here. */
static void take_flows(struct bh_past_flows *past, const struct page *page, int array)
{
	size_t count = (size_t)page->tokens[array].size;
	int at = array + 1;

	past->lines =
		bh_grow(past->lines, &past->capacity, past->count + count, sizeof(*past->lines));
	for (size_t i = count; i > 0; i--, at = after(page, at))
		past->lines[past->count + i - 1] = copy(page, at);
	past->count += count;
}

static void take_array(struct bh_past_flows *past, const struct page *page, const char *name)
{
	for (int at = 1; at + 1 < page->count; at = after(page, at + 1)) {
		const jsmntok_t *key = &page->tokens[at];

		if (strlen(name) == (size_t)(key->end - key->start) &&
		    strncmp(page->text + key->start, name, strlen(name)) == 0 &&
		    page->tokens[at + 1].type == JSMN_ARRAY)
			take_flows(past, page, at + 1);
	}
}

/* The lines as they came: a number that is read and written again is not always the same text. */
static bool take_page(struct bh_past_flows *past, const char *text, int64_t *next)
{
	cJSON *answer = bh_answer_parse(text);
	bool good = cJSON_IsObject(answer) && cJSON_IsArray(bh_get(answer, "flows"));
	struct page page = { 0 };

	if (good && cut(text, &page)) {
		take_array(past, &page, "live");
		take_array(past, &page, "flows");
	}
	free(page.tokens);
	*next = (int64_t)bh_number(answer, "next");
	if (past->range == NULL)
		past->range = cJSON_DetachItemFromObject(answer, "range");
	cJSON_Delete(answer);
	return good;
}

/* What goes on is asked for with the first page alone. */
static int read_page(const struct bh_call *call, const struct bh_request *like, size_t limit,
		     int64_t *next, struct bh_past_flows *past)
{
	struct bh_request request = { .path = like->path };
	struct bh_buffer text = { 0 };
	char number[24];

	bh_buffer_puts(&request.query, like->query.data);
	snprintf(number, sizeof(number), "%zu", limit);
	bh_request_add(&request, "limit", number);
	snprintf(number, sizeof(number), "%" PRId64, *next);
	bh_request_add(&request, *next == 0 ? "live" : "before", *next == 0 ? "1" : number);
	int result = bh_client_text(call, &request, &text);
	if (result == BH_EXIT_DONE && !take_page(past, text.data, next))
		result = bh_complain(BH_EXIT_UNREACHABLE,
				     "what answers at %s is not bulkhead's daemon: no flows came",
				     call->socket);
	bh_buffer_free(&text);
	return result;
}

int bh_past_flows_read(const struct bh_call *call, const struct bh_request *request, size_t most,
		       struct bh_past_flows *out)
{
	int64_t next = 0;
	int result;

	*out = (struct bh_past_flows) { 0 };
	do {
		size_t room = most - out->count;

		result = read_page(call, request, room < PAGE ? room : PAGE, &next, out);
	} while (result == BH_EXIT_DONE && next != 0 && out->count < most);
	for (; out->count > most; out->count--)
		free(out->lines[out->count - 1]);
	return result;
}

void bh_past_flows_free(struct bh_past_flows *past)
{
	for (size_t i = 0; i < past->count; i++)
		free(past->lines[i]);
	free(past->lines);
	cJSON_Delete(past->range);
}
