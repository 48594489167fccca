/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "client.h"
#include "command.h"
#include "json.h"
#include "table.h"

static int report_error(const struct bh_error *err)
{
	return bh_complain(err->code == -EALREADY || err->code == -ENOENT ? BH_EXIT_NO
									  : BH_EXIT_UNREACHABLE,
			   "%s", err->text);
}

static int lab_up(const struct bh_call *call)
{
	struct bh_error err = { 0 };

	if (bh_lab_up(&err) != 0)
		return report_error(&err);
	if (call->json)
		printf("{\"lab\":\"up\",\"namespace\":\"" BH_LAB_HOST "\"}\n");
	else
		printf("The lab is up: a small shop in network namespaces, inside the "
		       "namespace " BH_LAB_HOST
		       ".\nWatch it:  sudo nsenter --net=/run/netns/" BH_LAB_HOST
		       " bulkhead daemon\n");
	return BH_EXIT_DONE;
}

static int lab_down(const struct bh_call *call)
{
	struct bh_error err = { 0 };

	if (bh_lab_down(&err) != 0)
		return report_error(&err);
	if (call->json)
		printf("{\"lab\":\"down\"}\n");
	return BH_EXIT_DONE;
}

static void print_attempt(void *user, const struct bh_lab_attempt *attempt)
{
	const struct bh_call *call = user;
	enum bh_color color = attempt->got_through ? BH_RED : BH_GREEN;
	struct bh_buffer line = { 0 };

	if (!call->json) {
		printf("%s%-12s%s  %s: %s\n", bh_color_on(color, call->color),
		       attempt->got_through ? "GOT THROUGH" : "stopped",
		       bh_color_off(color, call->color), attempt->name, attempt->detail);
	} else {
		bh_buffer_puts(&line, "{\"name\":");
		bh_json_string(&line, attempt->name);
		bh_buffer_printf(&line, ",\"got_through\":%s,\"detail\":",
				 attempt->got_through ? "true" : "false");
		bh_json_string(&line, attempt->detail);
		printf("%s}\n", line.data);
	}
	bh_buffer_free(&line);
	fflush(stdout);
}

static int lab_attack(const struct bh_call *call)
{
	struct bh_error err = { 0 };
	int through = bh_lab_attack(print_attempt, (void *)(uintptr_t)call, &err);

	if (through < 0)
		return report_error(&err);
	if (!call->json)
		printf("\n%d attempts got through\n", through);
	return BH_EXIT_DONE;
}

static void add_activity(void *user, const struct bh_lab_activity *a)
{
	char ok[24], failed[24], cut[24], gap[24];
	const char *cells[] = { a->host, a->name, ok, failed, cut, gap, a->failure };

	snprintf(ok, sizeof(ok), "%" PRIu64, a->ok);
	snprintf(failed, sizeof(failed), "%" PRIu64, a->failed);
	snprintf(cut, sizeof(cut), "%" PRIu64, a->cut);
	snprintf(gap, sizeof(gap), "%.1f s", (double)a->longest_gap / 1e6);
	bh_table_row(user, a->failed > 0 || a->cut > 0 ? BH_YELLOW : BH_PLAIN, cells);
}

static void print_activity_json(void *user, const struct bh_lab_activity *a)
{
	struct bh_buffer line = { 0 };

	(void)user;
	bh_buffer_puts(&line, "{\"host\":");
	bh_json_string(&line, a->host);
	bh_buffer_puts(&line, ",\"name\":");
	bh_json_string(&line, a->name);
	bh_buffer_printf(&line,
			 ",\"ok\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"cut\":%" PRIu64
			 ",\"longest_gap\":%.6f,\"failure\":",
			 a->ok, a->failed, a->cut, (double)a->longest_gap / 1e6);
	bh_json_string(&line, a->failure);
	printf("%s}\n", line.data);
	bh_buffer_free(&line);
}

static int lab_report(const struct bh_call *call)
{
	static const char *const titles[] = { "HOST", "DOES",	     "OK",	    "FAILED",
					      "CUT",  "LONGEST GAP", "LAST FAILURE" };
	struct bh_error err = { 0 };
	struct bh_table *table = call->json ? NULL : bh_table_new(titles, 7, call->color);
	int count = bh_lab_report(call->json ? print_activity_json : add_activity, table, &err);

	if (table != NULL)
		bh_table_print(table, count >= 0 ? "Nothing yet." : NULL);
	return count < 0 ? report_error(&err) : BH_EXIT_DONE;
}

int bh_lab_run(const struct bh_call *call)
{
	static const struct {
		const char *word;
		int (*run)(const struct bh_call *call);
	} verbs[] = { { "up", lab_up },
		      { "down", lab_down },
		      { "attack", lab_attack },
		      { "report", lab_report } };
	const char *verb = call->arguments[0];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].word, verb) == 0)
			return verbs[i].run(call);
	/* The command table lets no other word through. */
	return BH_EXIT_USAGE;
}
