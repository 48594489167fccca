/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: those that are known, those that are over, and as they are reported. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_traffic.h"
#include "flow_filter.h"
#include "flow_read.h"
#include "grow.h"
#include "ruleset.h"
#include "timefmt.h"

#define MOST_LOOKED_AT 20000 /* flows that are over, for one answer */

struct flow_filter {
	char workload[256];
	char verdict[BH_JSON_WORD];
	struct bh_flow_filter *filter; /* NULL: none; owned */
};

static bool is_verdict(const char *word)
{
	for (size_t i = 0; i < BH_JSON_VERDICTS; i++)
		if (strcmp(bh_json_verdicts[i], word) == 0)
			return true;
	return false;
}

/* False with the reply filled: the text is no filter. */
static bool parse_filter(const char *text, struct flow_filter *filter, struct bh_api_reply *reply)
{
	struct bh_error err = { 0 };
	size_t position;

	filter->filter = text != NULL ? bh_flow_filter_parse(text, &position, &err) : NULL;
	if (text != NULL && filter->filter == NULL)
		bh_api_fail(reply, 400, "filter", "docs/filters.md has the language",
			    "the filter, %s", err.text);
	return text == NULL || filter->filter != NULL;
}

/* False with the reply filled: no flow can have such a verdict, or that is no filter. */
static bool read_filter(const struct bh_api_request *request, struct flow_filter *filter,
			struct bh_api_reply *reply)
{
	const char *workload = bh_api_query(request, "workload");
	const char *verdict = bh_api_query(request, "verdict");

	if (verdict != NULL && !is_verdict(verdict)) {
		bh_api_fail(reply, 400, "verdict", "delivered, undelivered, denied or unknown",
			    "%s is no verdict", verdict);
		return false;
	}
	bh_copy_text(filter->workload, sizeof(filter->workload), workload != NULL ? workload : "");
	bh_copy_text(filter->verdict, sizeof(filter->verdict), verdict != NULL ? verdict : "");
	return parse_filter(bh_api_query(request, "filter"), filter, reply);
}

static bool is_meant(const struct bh_core *core, const struct bh_flow_filter *filter,
		     const struct bh_live_flow *live)
{
	struct bh_flow_view view;

	bh_core_flow_view(core, live, &view);
	return bh_flow_filter_matches(filter, &view.flow, &view.names);
}

static bool passes(const struct bh_core *core, const struct flow_filter *filter,
		   const struct bh_live_flow *live)
{
	if (!bh_core_flow_is_shown(live))
		return false;
	const struct bh_live_flow *end = bh_core_proxied_end(live);
	if (filter->workload[0] != '\0' && strcmp(filter->workload, live->src->name) != 0 &&
	    strcmp(filter->workload, end->dst->name) != 0)
		return false;
	if (filter->verdict[0] != '\0' &&
	    strcmp(filter->verdict, bh_json_verdicts[bh_core_flow_verdict(core, end)]) != 0)
		return false;
	return filter->filter == NULL || is_meant(core, filter->filter, live);
}

struct bh_flow_stream {
	struct bh_core *core;
	struct bh_flow_stream *next; /* of core's */
	struct flow_filter filter;
	uint64_t sequence; /* reports up to here were told */
	uint64_t missed;   /* … of later ones, so many are forgotten already */
};

void bh_core_flow_streams_forget(struct bh_core *core, const struct bh_live_flow *live)
{
	for (struct bh_flow_stream *s = core->flow_streams; s != NULL; s = s->next)
		s->missed += live->sequence > s->sequence;
}

/* Every report since the last call, in the order in which they came. */
static void stream_flows(void *state, struct bh_buffer *out)
{
	struct bh_flow_stream *s = state;
	uint64_t newest = s->sequence;

	if (s->missed > 0)
		bh_buffer_printf(out, "{\"gap\":%" PRIu64 "}\n", s->missed);
	s->missed = 0;
	for (const struct bh_live_flow *live = s->core->oldest; live != NULL; live = live->newer) {
		if (live->sequence <= s->sequence)
			continue;
		if (live->sequence > newest)
			newest = live->sequence;
		if (!passes(s->core, &s->filter, live))
			continue;
		bh_core_flow_json(s->core, live, out);
		bh_buffer_puts(out, "\n");
	}
	s->sequence = newest;
}

static void free_stream(void *state)
{
	struct bh_flow_stream *stream = state, **at = &stream->core->flow_streams;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	bh_flow_filter_free(stream->filter.filter);
	free(stream);
}

/* The filter becomes the stream's. */
static void follow_flows(struct bh_core *core, const struct flow_filter *filter,
			 struct bh_api_reply *reply)
{
	struct bh_flow_stream *stream = bh_calloc(1, sizeof(*stream));

	stream->core = core;
	stream->sequence = core->flow_sequence;
	stream->filter = *filter;
	stream->next = core->flow_streams;
	core->flow_streams = stream;
	reply->stream = stream_flows;
	reply->stream_kind = "flow";
	reply->stream_state = stream;
	reply->stream_free = free_stream;
}

static void list_flows(const struct bh_core *core, const struct bh_api_request *request,
		       const struct flow_filter *filter, struct bh_api_reply *reply)
{
	int64_t limit, found = 0;
	const struct bh_live_flow *live = core->newest, *first = NULL;
	struct bh_buffer text = { 0 };

	if (!bh_core_number_query(request, "limit", 1000, &limit, reply))
		return;
	for (; live != NULL && found < limit; live = live->older) {
		if (!passes(core, filter, live))
			continue;
		first = live;
		found++;
	}
	if (found == 0 && filter->workload[0] != '\0' &&
	    !bh_core_name_is_known(core, filter->workload)) {
		bh_core_unknown_workload(core, filter->workload, "workload", reply);
		return;
	}
	bool lines = bh_core_wants_lines(request);
	bh_buffer_puts(&text, lines ? "" : "{\"flows\":[\n");
	for (live = first, found = 0; live != NULL; live = live->newer) {
		if (!passes(core, filter, live))
			continue;
		if (found++ > 0)
			bh_buffer_puts(&text, lines ? "\n" : ",\n");
		bh_core_flow_json(core, live, &text);
	}
	bh_buffer_puts(&text, lines ? (found > 0 ? "\n" : "") : "]}");
	bh_core_reply_raw(reply, &text, lines);
}

/* --- flows that are over ---------------------------------------------------------------------- */

struct past {
	const struct flow_filter *filter;
	struct bh_buffer *lines; /* newest first, NUL behind each */
	int64_t limit, found;
	int64_t last; /* number of the last that was looked at */
	size_t looked;
};

static bool is_past_meant(const struct flow_filter *filter, const struct bh_flow_read *read)
{
	const char *src = read->names.src_workload, *dst = read->names.dst_workload;

	if (filter->workload[0] != '\0' && (src == NULL || strcmp(src, filter->workload) != 0) &&
	    (dst == NULL || strcmp(dst, filter->workload) != 0))
		return false;
	if (filter->verdict[0] != '\0' &&
	    strcmp(bh_json_verdicts[read->names.verdict], filter->verdict) != 0)
		return false;
	return filter->filter == NULL ||
	       bh_flow_filter_matches(filter->filter, &read->flow, &read->names);
}

static bool take_past(void *user, int64_t number, const char *flow)
{
	struct past *p = user;
	struct bh_flow_read read;

	p->looked++;
	p->last = number;
	if (!bh_flow_read(flow, &read))
		return true;
	if (is_past_meant(p->filter, &read)) {
		bh_buffer_printf(p->lines, "{\"number\":%" PRId64 ",%s", number, flow + 1);
		bh_buffer_append(p->lines, "", 1);
		p->found++;
	}
	bh_flow_read_clear(&read);
	return p->found < p->limit;
}

/* Newest last, as they are shown everywhere. */
static void write_past(const struct past *p, bool lines, struct bh_buffer *out)
{
	const char **starts = bh_calloc((size_t)p->found + 1, sizeof(char *));
	const char *at = p->lines->data;

	for (int64_t i = 0; i < p->found; i++, at += strlen(at) + 1)
		starts[i] = at;
	for (int64_t i = p->found - 1; i >= 0; i--)
		bh_buffer_printf(out, "%s%s", starts[i], i > 0 ? lines ? "\n" : ",\n" : "");
	free(starts);
}

static void end_past(const struct bh_core *core, const struct past *p, int64_t known_since,
		     struct bh_buffer *out)
{
	char since[BH_TIME_TEXT], next[24];
	bool more = p->found == p->limit || p->looked == MOST_LOOKED_AT;

	snprintf(next, sizeof(next), "%" PRId64, p->last);
	bh_buffer_printf(out, "],\"next\":%s,\"known_since\":%s,\"left_out\":%" PRIu64 "}",
			 more ? next : "null",
			 known_since != 0 ? bh_time_seconds(known_since, since) : "null",
			 bh_core_flows_left_out(core));
}

/* A filter may look at very many before it finds what it is for: then it is gone on with from where
 * it was, and what else is to be done meanwhile does not wait. */
static void list_past(struct bh_core *core, const struct bh_api_request *request,
		      const struct flow_filter *filter, struct bh_api_reply *reply)
{
	bool lines = bh_core_wants_lines(request);
	struct bh_buffer found = { 0 }, text = { 0 };
	struct past p = { .filter = filter, .lines = &found };
	int64_t before, since, until, known_since;
	struct bh_error err = { 0 };

	if (!bh_core_number_query(request, "limit", 1000, &p.limit, reply) ||
	    !bh_core_number_query(request, "before", 0, &before, reply) ||
	    !bh_core_time_query(request, "since", 0, &since, reply) ||
	    !bh_core_time_query(request, "until", INT64_MAX, &until, reply))
		return;
	p.limit = p.limit < 1 ? 1 : p.limit > MOST_LOOKED_AT ? MOST_LOOKED_AT : p.limit;
	bh_core_traffic_keep_now(core);
	if (bh_store_flows(core->store, before, since, until, MOST_LOOKED_AT, take_past, &p,
			   &err) != 0 ||
	    bh_store_flows_since(core->store, &known_since, &err) != 0) {
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
		bh_buffer_free(&found);
		return;
	}
	bh_buffer_puts(&text, lines ? "" : "{\"flows\":[\n");
	write_past(&p, lines, &text);
	if (lines)
		bh_buffer_puts(&text, p.found > 0 ? "\n" : "");
	else
		end_past(core, &p, known_since, &text);
	bh_core_reply_raw(reply, &text, lines);
	bh_buffer_free(&found);
}

void bh_core_handle_flows(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct flow_filter filter;

	if (!read_filter(request, &filter, reply))
		return;
	if (bh_core_is_following(request)) {
		follow_flows(core, &filter, reply);
		return;
	}
	if (bh_api_query(request, "history") != NULL)
		list_past(core, request, &filter, reply);
	else
		list_flows(core, request, &filter, reply);
	bh_flow_filter_free(filter.filter);
}
