/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "buffer.h"
#include "top_state.h"

/* What a report of a flow says; the rest is of every report here. */
struct report {
	const char *src, *dst; /* workloads; NULL: none */
	unsigned sport, dport;
	double first, last, bytes;
	const char *verdict;
	bool turned, unnamed, uncounted;
};

static void take(struct bh_top_model *model, const struct report *r)
{
	char src[200], dst[200], json[1000], bytes[32] = "null";

	snprintf(src, sizeof(src), "{\"ip\":\"10.0.0.1\",\"port\":%u,\"workload\":%s%s%s%s}",
		 r->sport, r->src != NULL ? "\"" : "", r->src != NULL ? r->src : "null",
		 r->src != NULL ? "\"" : "", r->unnamed ? ",\"why\":\"unheld\"" : "");
	snprintf(dst, sizeof(dst), "{\"ip\":\"fd00::2\",\"port\":%u,\"workload\":%s%s%s}", r->dport,
		 r->dst != NULL ? "\"" : "", r->dst != NULL ? r->dst : "null",
		 r->dst != NULL ? "\"" : "");
	if (!r->uncounted)
		snprintf(bytes, sizeof(bytes), "%.0f", r->bytes);
	snprintf(json, sizeof(json),
		 "{\"first\":%f,\"last\":%f,\"proto\":\"tcp\",\"src\":%s,\"dst\":%s,"
		 "\"tx\":{\"packets\":1,\"bytes\":%s},\"rx\":{\"packets\":1,\"bytes\":0},"
		 "\"state\":\"established\",\"direction\":\"%s\",\"dns\":%s,\"tunnel\":null,"
		 "\"verdict\":\"%s\",\"verdict_back\":\"unknown\",\"lossy\":false}",
		 r->first, r->last, r->turned ? dst : src, r->turned ? src : dst, bytes,
		 r->turned ? "unknown" : "syn", r->dst == NULL ? "\"pay.example\"" : "null",
		 r->verdict != NULL ? r->verdict : "delivered");
	cJSON *line = bh_answer_parse(json);
	assert_non_null(line);
	bh_top_model_take(model, line);
	cJSON_Delete(line);
}

static void take_text(struct bh_top_model *model, const char *json)
{
	cJSON *line = bh_answer_parse(json);

	bh_top_model_take(model, line);
	cJSON_Delete(line);
}

static struct bh_top_model *begun(void)
{
	struct bh_top_model *model = bh_top_model_new();
	cJSON *answer = bh_answer_parse(
		"{\"rows\":[{\"workload\":\"web\",\"mode\":\"enforce\",\"instances\":[{},{}]},"
		"{\"workload\":\"db\",\"mode\":\"learn\",\"instances\":[{}]},"
		"{\"workload\":\"idle\",\"mode\":\"learn\",\"instances\":[]},7,{\"workload\":null}]"
		"}");

	bh_top_model_begin(model, 1000);
	bh_top_model_workloads(model, answer);
	cJSON_Delete(answer);
	return model;
}

static const struct bh_top_edge *only_edge(const struct bh_top_model *model)
{
	size_t count;
	const struct bh_top_edge **edges = bh_top_model_edges(model, &count), *edge = edges[0];

	free(edges);
	assert_int_equal(count, 1);
	return edge;
}

static const struct report first_report = { .src = "web",
					    .dst = "db",
					    .sport = 40000,
					    .dport = 5432,
					    .first = 1001,
					    .last = 1001,
					    .bytes = 100 };

/* --- the model -------------------------------------------------------------------------------- */

static void rates_are_of_what_came_since(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;

	(void)state;
	take(model, &r);
	r.bytes = 500;
	r.last = 1003;
	take(model, &r);
	bh_top_model_tick(model, 2);
	const struct bh_top_edge *edge = only_edge(model);
	assert_string_equal(edge->src, "web");
	assert_string_equal(edge->dst, "db");
	assert_string_equal(edge->port, "5432/tcp");
	assert_float_equal(edge->rates.connections, 0.5, 1e-9);
	assert_float_equal(edge->rates.bytes, 250, 1e-9);
	assert_float_equal(bh_top_model_rates(model).bytes, 250, 1e-9);

	r.bytes = 700;
	take(model, &r);
	r.sport = 40001;
	r.first = r.last = 1004;
	r.bytes = 10;
	take(model, &r);
	bh_top_model_tick(model, 0.5);
	edge = only_edge(model);
	assert_float_equal(edge->rates.connections, 2, 1e-9);
	assert_float_equal(edge->rates.bytes, 420, 1e-9);
	assert_float_equal(edge->sums.connections, 2, 1e-9);
	assert_float_equal(edge->sums.bytes, 710, 1e-9);

	bh_top_model_tick(model, 1);
	edge = only_edge(model);
	assert_float_equal(edge->rates.bytes, 0, 1e-9);
	assert_float_equal(edge->sums.bytes, 710, 1e-9);
	bh_top_model_free(model);
}

static void what_was_counted_before_the_watch_is_nobodys(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;

	(void)state;
	r.first = 900;
	r.bytes = 1000000;
	take(model, &r);
	r.bytes = 1000300;
	take(model, &r);
	bh_top_model_tick(model, 1);
	assert_float_equal(only_edge(model)->sums.connections, 0, 1e-9);
	assert_float_equal(only_edge(model)->sums.bytes, 300, 1e-9);

	/* The daemon went, and is back: what it says of the same flow is where counting starts. */
	bh_top_model_begin(model, 1010);
	r.bytes = 5000000;
	take(model, &r);
	r.bytes = 5000007;
	take(model, &r);
	bh_top_model_tick(model, 1);
	assert_float_equal(only_edge(model)->rates.bytes, 7, 1e-9);
	bh_top_model_free(model);
}

static void a_flow_is_the_same_whoever_opened_it(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;
	size_t count;

	(void)state;
	r.turned = true;
	take(model, &r);
	bh_top_model_tick(model, 1);
	assert_float_equal(bh_top_model_unknown(model).undirected, 1, 1e-9);
	r.turned = false;
	r.bytes = 150;
	take(model, &r);
	bh_top_model_tick(model, 1);
	assert_float_equal(bh_top_model_rates(model).connections, 0, 1e-9);
	assert_float_equal(bh_top_model_rates(model).bytes, 50, 1e-9);
	const struct bh_top_flow **flows =
		bh_top_model_flows(model, "web", "db", "5432/tcp", &count);
	assert_int_equal(count, 1);
	assert_string_equal(flows[0]->src, "10.0.0.1:40000");
	assert_string_equal(flows[0]->dst, "[fd00::2]:5432");
	free(flows);
	bh_top_model_free(model);
}

static void a_denial_counts_once_a_flow(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;

	(void)state;
	take(model, &r);
	r.verdict = "denied";
	take(model, &r);
	take(model, &r);
	r.sport = 40001;
	take(model, &r);
	r.sport = 40002;
	r.first = 900; /* it was denied before */
	take(model, &r);
	bh_top_model_tick(model, 1);
	assert_float_equal(only_edge(model)->sums.denied, 2, 1e-9);
	bh_top_model_free(model);
}

static void what_is_not_known_is_told(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;

	(void)state;
	r.dst = NULL;
	r.unnamed = true;
	r.uncounted = true;
	take(model, &r);
	take_text(model, "{\"gap\":12}");
	take_text(model, "[]");
	take_text(model, "{\"src\":5,\"dst\":{}}");
	take_text(model, "no JSON");
	bh_top_model_tick(model, 1);
	struct bh_top_unknown u = bh_top_model_unknown(model);
	assert_float_equal(u.missed, 12, 1e-9);
	assert_float_equal(u.unnamed, 1, 1e-9);
	assert_float_equal(u.uncounted, 1, 1e-9);
	assert_string_equal(only_edge(model)->dst, "dns:pay.example");
	assert_true(only_edge(model)->uncounted);

	bh_top_model_tick(model, 1);
	u = bh_top_model_unknown(model);
	assert_float_equal(u.missed, 12, 1e-9); /* since the watch began */
	assert_float_equal(u.unnamed, 0, 1e-9);
	bh_top_model_free(model);
}

static void what_is_quiet_goes(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;
	size_t count;

	(void)state;
	take(model, &r);
	bh_top_model_tick(model, 1);
	r = (struct report) {
		.src = "idle", .dst = "web", .sport = 1, .dport = 2, .first = 1400, .last = 1400
	};
	take(model, &r);
	bh_top_model_tick(model, 1);
	assert_string_equal(only_edge(model)->src, "idle");

	/* It is back: that it was met is forgotten, and it is no new connection. */
	r = first_report;
	r.last = 1401;
	take(model, &r);
	bh_top_model_tick(model, 1);
	const struct bh_top_edge **edges = bh_top_model_edges(model, &count);
	assert_int_equal(count, 2);
	assert_float_equal(bh_top_model_rates(model).connections, 0, 1e-9);
	free(edges);
	bh_top_model_free(model);
}

static void room_is_bounded(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;
	size_t count;

	(void)state;
	for (unsigned i = 0; i < BH_TOP_FLOWS + 100; i++) {
		r.sport = i % 60000;
		r.first = 1001 + i / 60000;
		r.last = 1001 + i / 1000.0;
		take(model, &r);
	}
	free(bh_top_model_flows(model, "web", "db", "5432/tcp", &count));
	assert_int_equal(count, BH_TOP_FLOWS);
	for (unsigned i = 0; i < BH_TOP_EDGES + 5; i++) {
		r.dport = i;
		take(model, &r);
	}
	bh_top_model_tick(model, 1);
	free(bh_top_model_edges(model, &count));
	assert_int_equal(count, BH_TOP_EDGES);
	assert_float_equal(bh_top_model_unknown(model).left_out, 5, 1e-9);
	bh_top_model_free(model);
}

static void workloads_sum_up_their_edges(void **state)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;
	size_t count;

	(void)state;
	take(model, &r);
	r.src = "world";
	r.dst = "web";
	r.dport = 80;
	take(model, &r);
	r.src = r.dst = "db";
	r.sport++;
	r.verdict = "denied";
	take(model, &r);
	bh_top_model_tick(model, 1);
	const struct bh_top_workload **list = bh_top_model_list(model, &count);
	assert_int_equal(count, 3); /* the world is none */
	for (size_t i = 0; i < count; i++) {
		bool web = strcmp(list[i]->name, "web") == 0, db = strcmp(list[i]->name, "db") == 0;

		assert_float_equal(list[i]->out.connections, web || db, 1e-9);
		assert_float_equal(list[i]->in.connections, web || db, 1e-9);
		assert_float_equal(list[i]->in.bytes + list[i]->out.bytes, web || db ? 200 : 0,
				   1e-9);
		assert_float_equal(list[i]->peers, web || db ? 2 : 0, 1e-9);
		assert_float_equal(list[i]->denied, db, 1e-9);
		assert_string_equal(list[i]->mode, web ? "enforce" : "learn");
		assert_float_equal(list[i]->instances, web ? 2 : db ? 1 : 0, 1e-9);
	}
	free(list);
	bh_top_model_free(model);
}

/* --- views ------------------------------------------------------------------------------------ */

/* Three edges: web → db (much, nothing denied), web → api (denied), idle → db (not counted). */
static struct bh_top_model *three_edges(void)
{
	struct bh_top_model *model = begun();
	struct report r = first_report;

	r.bytes = 90000;
	take(model, &r);
	r.dst = "api";
	r.dport = 80;
	r.bytes = 40;
	r.verdict = "denied";
	take(model, &r);
	r.src = "idle";
	r.dst = "db";
	r.sport++;
	r.verdict = NULL;
	r.uncounted = true;
	take(model, &r);
	bh_top_model_tick(model, 1);
	return model;
}

static void assert_order(const struct bh_top_view *view, struct bh_top_model *model,
			 const char *expected)
{
	struct bh_top_rows rows = bh_top_view_rows(view, model);
	struct bh_buffer text = { 0 };

	for (size_t i = 0; i < rows.count; i++)
		bh_buffer_printf(&text, "%s%s→%s", i > 0 ? " " : "", rows.items[i].texts[0],
				 rows.items[i].texts[1]);
	assert_string_equal(text.data != NULL ? text.data : "", expected);
	bh_buffer_free(&text);
	bh_top_rows_free(&rows);
}

static void rows_are_sorted(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_view view = bh_top_view_of(BH_TOP_EDGES_VIEW);

	(void)state;
	assert_true(bh_top_column_find(view.kind, "bytes_per_second", &view.sort));
	assert_order(&view, model, "web→db web→api idle→db"); /* not known is last */
	view.denied_first = true;
	assert_order(&view, model, "web→api web→db idle→db");
	view.denied_first = false;
	view.reversed = true;
	assert_order(&view, model, "idle→db web→api web→db");
	assert_true(bh_top_column_find(view.kind, "dst", &view.sort));
	view.reversed = false;
	assert_order(&view, model, "web→api idle→db web→db");
	snprintf(view.workload, sizeof(view.workload), "idle");
	assert_order(&view, model, "idle→db");
	assert_false(bh_top_column_find(view.kind, "bites", &view.sort));
	view = bh_top_view_of(BH_TOP_DENIALS_VIEW);
	assert_order(&view, model, "web→api");
	bh_top_model_free(model);
}

/* --- frames and keys -------------------------------------------------------------------------- */

static void add_line(void *user, enum bh_color color, bool chosen, const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == ' ')
		length--;
	bh_buffer_printf(user, "%s%s%.*s\n", color == BH_RED ? "!" : "", chosen ? "*" : "",
			 (int)length, text);
}

static const char *frame(struct bh_top_state *s, size_t width, size_t height)
{
	static struct bh_buffer text;
	struct bh_top_canvas canvas = {
		.width = width, .height = height, .line = add_line, .user = &text
	};

	bh_buffer_clear(&text);
	bh_top_state_draw(s, &canvas);
	return text.data;
}

static struct bh_top_state state_of(struct bh_top_model *model)
{
	struct bh_top_state s = { .model = model, .depth = 1, .interval = 2, .now = 1003 };

	s.views[0] = bh_top_view_of(BH_TOP_EDGES_VIEW);
	s.views[0].sort = 4;
	return s;
}

static void assert_shows(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void press(struct bh_top_state *s, const char *keys)
{
	for (; *keys != '\0'; keys++)
		assert_int_equal(bh_top_state_key(s, *keys), BH_TOP_NOTHING);
}

static void a_frame_of_edges(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);

	(void)state;
	const char *text = frame(&s, 0, 0);
	assert_shows(text, "every 2s  3 conn/s  90.0 k bytes/s  1 denied/s\n");
	assert_shows(text, "[edges]  workloads  denials\n");
	assert_shows(text,
		     "SOURCE  DESTINATION  PORT      CONN/S  BYTES/S↓  DENIED/S  CONNS   BYTES"
		     "  LAST\n"
		     "web     db           5432/tcp     1.0    90.0 k         0      1  90.0 k"
		     "    2s\n"
		     "!web     api          80/tcp       1.0        40       1.0      1      40"
		     "    2s\n"
		     "idle    db           80/tcp       1.0         ?         0      1       ?"
		     "    2s\n");
	s.ascii = true;
	assert_shows(frame(&s, 0, 0), "BYTES/Sv");
	for (const char *c = frame(&s, 40, 20); *c != '\0'; c++)
		assert_true((unsigned char)*c < 0x80);
	bh_top_model_free(model);
}

static void a_frame_fits_and_scrolls(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);
	size_t lines = 0;

	(void)state;
	for (const char *c = frame(&s, 60, 7); *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 7);
	assert_int_equal(s.page, 2);
	assert_shows(frame(&s, 60, 7), "*web     db");
	assert_int_equal(bh_top_state_key(&s, BH_KEY_END), BH_TOP_NOTHING);
	assert_shows(frame(&s, 60, 7), "*idle    db");
	assert_null(strstr(frame(&s, 60, 7), "5432/tcp"));
	assert_int_equal(bh_top_state_key(&s, BH_KEY_HOME), BH_TOP_NOTHING);
	assert_shows(frame(&s, 60, 7), "*web     db");
	press(&s, "jk");
	assert_shows(frame(&s, 60, 7), "*web     db");
	assert_non_null(frame(&s, 1, 1)); /* no room at all */
	bh_top_model_free(model);
}

static void into_and_back(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);

	(void)state;
	press(&s, "\tn"); /* workloads, by name: db, idle, web */
	assert_shows(frame(&s, 0, 20), "[workloads]");
	press(&s, "j\n");
	assert_shows(frame(&s, 0, 20), "edges of idle");
	press(&s, "\n");
	assert_shows(frame(&s, 0, 20), "flows of idle → db 80/tcp");
	assert_shows(frame(&s, 0, 20), "10.0.0.1:40001  [fd00::2]:80");
	press(&s, "\n"); /* there is nothing behind a flow */
	assert_int_equal(s.depth, 3);
	press(&s, "\033");
	assert_shows(frame(&s, 0, 20), "edges of idle");
	press(&s, "\033\033\033");
	assert_int_equal(s.depth, 1);
	assert_shows(frame(&s, 0, 20), "*idle");
	press(&s, "\t");
	assert_shows(frame(&s, 0, 20), "[denials]");
	press(&s, "\t");
	assert_shows(frame(&s, 0, 20), "[edges]");
	bh_top_state_key(&s, BH_KEY_BACK_TAB);
	assert_shows(frame(&s, 0, 20), "[denials]");
	bh_top_model_free(model);
}

static void sorting_goes_round(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);

	(void)state;
	press(&s, ">");
	assert_shows(frame(&s, 0, 0), "DENIED/S↓");
	press(&s, "r");
	assert_shows(frame(&s, 0, 0), "DENIED/S↑");
	press(&s, "l>");
	assert_shows(frame(&s, 0, 0), "SOURCE↑");
	press(&s, "<");
	assert_shows(frame(&s, 0, 0), "LAST↓");
	press(&s, "D");
	assert_shows(frame(&s, 0, 0), "denied first");
	bh_top_model_free(model);
}

static void a_filter_is_typed(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);

	(void)state;
	press(&s, "/srk web\n");
	assert_shows(frame(&s, 0, 20),
		     "/srk web_   character 1: there is no word srk; did you mean "
		     "src?");
	for (size_t i = 0; i < strlen("rk web"); i++)
		bh_top_state_key(&s, BH_KEY_BACKSPACE);
	press(&s, "rc q");
	bh_top_state_key(&s, 0xe4);
	bh_top_state_key(&s, 0x20ac);
	bh_top_state_key(&s, 0x1f600);
	bh_top_state_key(&s, BH_KEY_BACKSPACE);
	assert_int_equal(bh_top_state_key(&s, '\n'), BH_TOP_FILTER);
	assert_string_equal(s.filter, "src qä€");
	assert_shows(frame(&s, 0, 20), "filter: src qä€");
	press(&s, "/\n"); /* the same is no other one */
	press(&s, "/x\033");
	assert_string_equal(s.filter, "src qä€");
	press(&s, "/\025  ");
	assert_int_equal(bh_top_state_key(&s, '\n'), BH_TOP_FILTER);
	assert_string_equal(s.filter, "");
	bh_top_model_free(model);
}

static void other_keys(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);

	(void)state;
	assert_int_equal(bh_top_state_key(&s, ' '), BH_TOP_FREEZE);
	assert_shows(frame(&s, 0, 20), "FROZEN");
	press(&s, "?");
	assert_shows(frame(&s, 0, 20), "Any key goes back");
	press(&s, "j");
	assert_null(strstr(frame(&s, 0, 20), "Any key"));
	assert_int_equal(bh_top_state_key(&s, 0), BH_TOP_NOTHING);
	assert_int_equal(bh_top_state_key(&s, 'q'), BH_TOP_QUIT);
	snprintf(s.away, sizeof(s.away), "it sleeps");
	snprintf(s.unknown, sizeof(s.unknown), "all sorts");
	assert_shows(frame(&s, 0, 0),
		     "!the daemon is away (it sleeps): asking again; reports: 1 without "
		     "counts; all sorts\n");
	bh_top_model_free(model);
}

static void frames_as_json(void **state)
{
	struct bh_top_model *model = three_edges();
	struct bh_top_state s = state_of(model);
	struct bh_buffer text = { 0 };

	(void)state;
	bh_top_state_json(&s, 1, &text);
	cJSON *json = cJSON_Parse(text.data);
	assert_non_null(json);
	const cJSON *edges = bh_get(json, "edges");
	assert_int_equal(cJSON_GetArraySize(edges), 3);
	assert_string_equal(bh_text(cJSON_GetArrayItem(edges, 0), "dst"), "db");
	assert_float_equal(bh_number(cJSON_GetArrayItem(edges, 0), "bytes_per_second"), 90000,
			   1e-6);
	assert_true(cJSON_IsNull(bh_get(cJSON_GetArrayItem(edges, 2), "bytes")));
	assert_true(cJSON_IsNull(bh_get(json, "away")));
	assert_float_equal(bh_number(json, "denied_per_second"), 1, 1e-6);
	cJSON_Delete(json);
	bh_buffer_free(&text);
	bh_top_model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_of_what_came_since),
		cmocka_unit_test(what_was_counted_before_the_watch_is_nobodys),
		cmocka_unit_test(a_flow_is_the_same_whoever_opened_it),
		cmocka_unit_test(a_denial_counts_once_a_flow),
		cmocka_unit_test(what_is_not_known_is_told),
		cmocka_unit_test(what_is_quiet_goes),
		cmocka_unit_test(room_is_bounded),
		cmocka_unit_test(workloads_sum_up_their_edges),
		cmocka_unit_test(rows_are_sorted),
		cmocka_unit_test(a_frame_of_edges),
		cmocka_unit_test(a_frame_fits_and_scrolls),
		cmocka_unit_test(into_and_back),
		cmocka_unit_test(sorting_goes_round),
		cmocka_unit_test(a_filter_is_typed),
		cmocka_unit_test(other_keys),
		cmocka_unit_test(frames_as_json),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
