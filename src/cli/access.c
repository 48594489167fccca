/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may call the daemon from elsewhere, and who changed what. */
#include <stdio.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "table.h"

/* --- tokens ----------------------------------------------------------------------------------- */

/* Nothing beside the token goes to standard output: it is meant for a file. */
static void print_token(const struct bh_call *call, const cJSON *answer)
{
	char when[BH_TIME_TEXT];
	double expires = bh_number(answer, "expires");

	(void)call;
	printf("%s\n", bh_word(answer, "token"));
	fflush(stdout);
	fprintf(stderr,
		"This is token %s (%s%s%s). It is told this once; Authorization: Bearer TOKEN "
		"shows "
		"it.\n",
		bh_word(answer, "name"), bh_word(answer, "role"), expires > 0 ? ", until " : "",
		expires > 0 ? bh_clock(expires, when) : "");
}

int bh_token_add_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_token };
	struct bh_request request = { .method = "POST", .path = "/v1/tokens" };

	bh_request_add(&request, "name", call->arguments[0]);
	bh_request_add(&request, "role", bh_call_option(call, "role"));
	bh_request_add(&request, "expires", bh_call_option(call, "expires"));
	return bh_client_show(call, &request, &view);
}

static void print_tokens(const struct bh_call *call, const cJSON *answer)
{
	static const char *const titles[] = { "NAME", "ROLE", "CREATED", "BY", "EXPIRES", "USED" };
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	const cJSON *row;

	bh_table_expendable(table, 2);
	cJSON_ArrayForEach (row, bh_get(answer, "tokens")) {
		char times[3][BH_TIME_TEXT];
		const char *cells[] = { bh_text(row, "name"),
					bh_text(row, "role"),
					bh_clock(bh_number(row, "created"), times[0]),
					bh_text(row, "author"),
					bh_number(row, "expires") > 0
						? bh_clock(bh_number(row, "expires"), times[1])
						: "never",
					bh_clock(bh_number(row, "used"), times[2]) };

		bh_table_row(table, BH_PLAIN, cells);
	}
	bh_table_print(table, "There is no token.");
}

int bh_token_list_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_tokens };
	struct bh_request request = { .path = "/v1/tokens" };

	return bh_client_show(call, &request, &view);
}

static void print_removed(const struct bh_call *call, const cJSON *answer)
{
	(void)answer;
	printf("token %s is not valid any more\n", call->arguments[0]);
}

int bh_token_remove_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_removed };
	struct bh_request request = { .method = "DELETE", .path = "/v1/tokens" };

	bh_request_add(&request, "name", call->arguments[0]);
	return bh_client_show(call, &request, &view);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void print_changes(const struct bh_call *call, const cJSON *answer)
{
	static const char *const titles[] = { "TIME", "WHO", "BY WAY OF", "REQUEST", "STATUS" };
	struct bh_table *table = bh_table_new(titles, 5, call->color);
	const cJSON *rows = bh_get(answer, "changes");

	bh_table_expendable(table, 2);
	for (int i = cJSON_GetArraySize(rows) - 1; i >= 0; i--) {
		const cJSON *row = cJSON_GetArrayItem(rows, i);
		const char *query = bh_text(row, "query");
		double status = bh_number(row, "status");
		char time[BH_TIME_TEXT], request[1024], number[16];
		const char *cells[] = { bh_clock(bh_number(row, "time"), time), bh_text(row, "who"),
					bh_text(row, "via"), request, number };

		snprintf(request, sizeof(request), "%s %s%s%s", bh_word(row, "method"),
			 bh_word(row, "path"), query != NULL && *query != '\0' ? "?" : "",
			 query != NULL ? query : "");
		snprintf(number, sizeof(number), "%.0f", status);
		bh_table_row(table, status >= 400 ? BH_YELLOW : BH_PLAIN, cells);
	}
	bh_table_print(table, "Nothing was changed yet.");
}

int bh_changes_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_changes };
	struct bh_request request = { .path = "/v1/audit" };

	bh_request_add(&request, "limit", bh_call_option(call, "limit"));
	return bh_client_show(call, &request, &view);
}
