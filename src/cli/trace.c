/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor --trace: what nftables does to packets, as they pass. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "table.h"

#define PAUSE_MS 200
#define SHOWN 20 /* packets */

static const char *const path = "/v1/trace";

/* "10.0.0.1:4000 (compose:shop/web)" */
static void print_end(const cJSON *end, char *out, size_t size)
{
	const char *workload = bh_text(end, "workload"), *ip = bh_word(end, "ip");
	const char *form = strchr(ip, ':') != NULL ? "[%s]:%.0f%s%s%s" : "%s:%.0f%s%s%s";

	snprintf(out, size, form, ip, bh_number(end, "port"), workload != NULL ? " (" : "",
		 workload != NULL ? workload : "", workload != NULL ? ")" : "");
}

/* The way of a packet in short: "inet bulkhead/forward → inet bulkhead/e_… → ip filter/FORWARD". */
static void print_way(const cJSON *packet, struct bh_buffer *out)
{
	const cJSON *step;
	char last[256] = "", place[256];

	bh_buffer_clear(out);
	bh_buffer_puts(out, "");
	cJSON_ArrayForEach (step, bh_get(packet, "steps")) {
		snprintf(place, sizeof(place), "%s %s/%s", bh_word(step, "family"),
			 bh_word(step, "table"), bh_word(step, "chain"));
		if (strcmp(place, last) != 0)
			bh_buffer_printf(out, "%s%s", out->length > 0 ? " → " : "", place);
		memcpy(last, place, sizeof(last));
	}
}

static void print_packets(const struct bh_call *call, const cJSON *packets)
{
	static const char *const titles[] = { "FROM", "TO", "PROTO", "RESULT", "BY WAY OF" };
	struct bh_table *table = bh_table_new(titles, 5, call->color);
	struct bh_buffer way = { 0 };
	const cJSON *packet;
	int shown = 0;

	cJSON_ArrayForEach (packet, packets) {
		bool dropped = cJSON_IsTrue(bh_get(packet, "dropped"));
		char src[320], dst[320];

		if (shown++ == SHOWN)
			break;
		print_end(bh_get(packet, "src"), src, sizeof(src));
		print_end(bh_get(packet, "dst"), dst, sizeof(dst));
		print_way(packet, &way);
		const char *cells[] = { src, dst, bh_text(packet, "proto"),
					dropped ? "dropped" : "not dropped", way.data };
		bh_table_row(table, dropped ? BH_YELLOW : BH_PLAIN, cells);
	}
	bh_buffer_free(&way);
	bh_table_print(table, NULL);
	if (cJSON_GetArraySize(packets) > SHOWN)
		printf("%d more are in --format json.\n", cJSON_GetArraySize(packets) - SHOWN);
}

static void print_drops(const struct bh_call *call, const cJSON *answer)
{
	const cJSON *drop;

	printf("\n%.0f packet%s seen, %.0f dropped by nftables\n", bh_number(answer, "seen"),
	       bh_number(answer, "seen") == 1 ? "" : "s", bh_number(answer, "dropped"));
	cJSON_ArrayForEach (drop, bh_get(answer, "drops")) {
		const char *rule = bh_text(drop, "rule"), *comment = bh_text(drop, "comment");

		printf("%s  • dropped by %s: %.0f packet%s%s\n", bh_color_on(BH_RED, call->color),
		       bh_word(drop, "text"), bh_number(drop, "packets"),
		       bh_number(drop, "packets") == 1 ? "" : "s",
		       bh_color_off(BH_RED, call->color));
		if (comment != NULL)
			printf("      its comment: %s\n", comment);
		if (rule != NULL && !cJSON_IsTrue(bh_get(drop, "ours")))
			printf("      %s\n", rule);
	}
}

static void print_trace(const struct bh_call *call, const cJSON *answer)
{
	if (bh_text(answer, "error") != NULL)
		printf("The trace failed: %s\n", bh_text(answer, "error"));
	else if (bh_number(answer, "seen") == 0)
		printf("No such packet was seen by nftables. Nobody sent one, or it does not come "
		       "by nftables' hooks:\nframes within a bridge pass the bridge family alone "
		       "unless the bridge hands them over.\n");
	if (bh_number(answer, "seen") > 0) {
		print_packets(call, bh_get(answer, "packets"));
		print_drops(call, answer);
	}
	if (bh_number(answer, "lost") > 0)
		printf("There was more than could be read.\n");
	if (cJSON_IsTrue(bh_get(answer, "left_off")))
		printf("Of the addresses of SRC or DST only the first 32 were watched.\n");
	if (cJSON_IsTrue(bh_get(answer, "legacy_iptables")))
		printf("Legacy iptables has tables, too; what they drop cannot be seen here.\n");
}

static int judge_trace(const cJSON *answer)
{
	if (bh_text(answer, "error") != NULL)
		return BH_EXIT_UNREACHABLE;
	return bh_number(answer, "seen") > 0 && bh_number(answer, "dropped") == 0 ? BH_EXIT_DONE
										  : BH_EXIT_NO;
}

static int start(const struct bh_call *call)
{
	struct bh_request request = { .method = "POST", .path = path };
	struct bh_buffer ignored = { 0 };

	bh_request_add(&request, "src", call->arguments[0]);
	bh_request_add(&request, "dst", call->arguments[1]);
	bh_request_add(&request, "port", call->arguments[2]);
	bh_request_add(&request, "for", bh_call_option(call, "for"));
	int result = bh_client_text(call, &request, &ignored);
	bh_buffer_free(&ignored);
	return result;
}

/* *running: whether it goes on. */
static int look(const struct bh_call *call, bool *running)
{
	struct bh_request request = { .path = path };
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, &request, &text);

	if (result == BH_EXIT_DONE) {
		cJSON *answer = bh_answer_parse(text.data);

		*running = cJSON_IsTrue(bh_get(answer, "running"));
		cJSON_Delete(answer);
	}
	bh_buffer_free(&text);
	return result;
}

int bh_trace_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_trace, .judge = judge_trace };
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	struct bh_request request = { .path = path };
	bool running = true;

	if (call->argument_count == 1)
		return bh_complain(BH_EXIT_USAGE, "--trace takes SRC and DST, or neither");
	int result = start(call);
	while (result == BH_EXIT_DONE && running) {
		nanosleep(&pause, NULL);
		result = look(call, &running);
	}
	return result == BH_EXIT_DONE ? bh_client_show(call, &request, &view) : result;
}
