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
	int64_t since, until;	       /* of the last packet */
	bool unrecorded;	       /* those alone that the store does not have */
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
		bh_api_fail(reply, 400, "filter",
			    "bulkhead-filter(7) has the language (docs/filters.md)",
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
	filter->since = 0;
	filter->until = INT64_MAX;
	filter->unrecorded = false;
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
	if (!bh_core_flow_is_shown(live) || live->flow.last < filter->since ||
	    live->flow.last > filter->until || (filter->unrecorded && live->kept))
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

/* The newest of those that are remembered, the newest last; how many. */
static int64_t write_flows(const struct bh_core *core, const struct flow_filter *filter,
			   int64_t limit, bool lines, struct bh_buffer *out)
{
	const struct bh_live_flow *live = core->newest, *first = NULL;
	int64_t found = 0, written = 0;

	for (; live != NULL && found < limit; live = live->older) {
		if (!passes(core, filter, live))
			continue;
		first = live;
		found++;
	}
	for (live = first; live != NULL; live = live->newer) {
		if (!passes(core, filter, live))
			continue;
		if (written++ > 0)
			bh_buffer_puts(out, lines ? "\n" : ",\n");
		bh_core_flow_json(core, live, out);
	}
	return found;
}

static void list_flows(const struct bh_core *core, const struct bh_api_request *request,
		       const struct flow_filter *filter, struct bh_api_reply *reply)
{
	bool lines = bh_core_wants_lines(request);
	struct bh_buffer text = { 0 };
	int64_t limit;

	if (!bh_core_number_query(request, "limit", 1000, &limit, reply))
		return;
	bh_buffer_puts(&text, lines ? "" : "{\"flows\":[\n");
	int64_t found = write_flows(core, filter, limit, lines, &text);
	if (found == 0 && filter->workload[0] != '\0' &&
	    !bh_core_name_is_known(core, filter->workload)) {
		bh_core_unknown_workload(core, filter->workload, "workload", reply);
		bh_buffer_free(&text);
		return;
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

static void say_why(const struct bh_core *core, cJSON *json, const struct flow_filter *asked,
		    const struct bh_traffic_range *range)
{
	char text[256] = "";

	if (core->config.keep_flows == 0)
		snprintf(text, sizeof(text),
			 "flows that are over are not recorded: history.flows "
			 "is 0");
	else if (asked->since != 0 && asked->since < range->known_since)
		snprintf(text, sizeof(text), "it begins before the oldest flow that is recorded");
	else if (range->unwatched > BH_GAP_WORTH_A_WORD)
		snprintf(text, sizeof(text), "for %lld minutes of it nobody watched",
			 (long long)(range->unwatched / (60 * BH_SECOND)));
	else if (range->left_out > 0)
		snprintf(text, sizeof(text),
			 "since the start %llu flows came too fast to be recorded",
			 (unsigned long long)range->left_out);
	cJSON_AddBoolToObject(json, "complete", text[0] == '\0');
	bh_core_add_text(json, "why", text);
}

/* Of what is known of it: before, nobody can have watched. */
static int find_range(struct bh_core *core, const struct flow_filter *asked,
		      struct bh_traffic_range *range, struct bh_error *err)
{
	int64_t now = bh_time_now();

	*range = (struct bh_traffic_range) { .until = asked->until < now ? asked->until : now,
					     .left_out = bh_core_flows_left_out(core) };
	if (bh_store_flows_since(core->store, &range->known_since, err) != 0)
		return -1;
	int64_t known_since = range->known_since != 0 ? range->known_since : core->started;
	range->since = asked->since > known_since ? asked->since : known_since;
	if (range->since >= range->until)
		return 0;
	return bh_core_traffic_count_unwatched(core, range, err);
}

static void write_range(const struct bh_core *core, const struct flow_filter *asked,
			const struct bh_traffic_range *range, struct bh_buffer *out)
{
	cJSON *json = cJSON_CreateObject();

	bh_core_add_time(json, "since", asked->since);
	bh_core_add_time(json, "until", range->until);
	bh_core_add_time(json, "known_since", range->known_since);
	say_why(core, json, asked, range);
	char *text = cJSON_PrintUnformatted(json);
	bh_buffer_printf(out, "\"range\":%s", text);
	free(text);
	cJSON_Delete(json);
}

static void end_past(const struct bh_core *core, const struct past *p,
		     const struct bh_traffic_range *range, struct bh_buffer *out)
{
	char since[BH_TIME_TEXT], next[24];
	bool more = p->found == p->limit || p->looked == MOST_LOOKED_AT;

	snprintf(next, sizeof(next), "%" PRId64, p->last);
	bh_buffer_printf(out, "\"next\":%s,\"known_since\":%s,\"left_out\":%" PRIu64 ",",
			 more ? next : "null",
			 range->known_since != 0 ? bh_time_seconds(range->known_since, since)
						 : "null",
			 range->left_out);
	write_range(core, p->filter, range, out);
	bh_buffer_puts(out, "}");
}

/* Those that are not over, or not recorded yet, are told of at the same moment as those that are:
 * none is among both, or among neither. */
static void write_unrecorded(const struct bh_core *core, const struct past *p, bool lines,
			     struct bh_buffer *out)
{
	struct flow_filter unrecorded = *p->filter;

	unrecorded.unrecorded = true;
	bh_buffer_puts(out, lines ? "" : "\"live\":[\n");
	if (write_flows(core, &unrecorded, p->limit, lines, out) > 0 && lines)
		bh_buffer_puts(out, "\n");
	bh_buffer_puts(out, lines ? "" : "],");
}

static bool read_past(const struct bh_api_request *request, struct flow_filter *filter,
		      struct past *p, int64_t *before, struct bh_api_reply *reply)
{
	if (!bh_core_number_query(request, "limit", 1000, &p->limit, reply) ||
	    !bh_core_number_query(request, "before", 0, before, reply) ||
	    !bh_core_time_query(request, "since", 0, &filter->since, reply) ||
	    !bh_core_time_query(request, "until", INT64_MAX, &filter->until, reply))
		return false;
	p->limit = p->limit < 1 ? 1 : p->limit > MOST_LOOKED_AT ? MOST_LOOKED_AT : p->limit;
	if (filter->since < filter->until)
		return true;
	bh_api_fail(reply, 400, "since", NULL, "since is not before until");
	return false;
}

/* A filter may look at very many before it finds what it is for: then it is gone on with from where
 * it was, and what else is to be done meanwhile does not wait. */
static void list_past(struct bh_core *core, const struct bh_api_request *request,
		      struct flow_filter *filter, struct bh_api_reply *reply)
{
	bool lines = bh_core_wants_lines(request);
	struct bh_buffer found = { 0 }, text = { 0 };
	struct past p = { .filter = filter, .lines = &found };
	struct bh_traffic_range range;
	struct bh_error err = { 0 };
	int64_t before;

	if (!read_past(request, filter, &p, &before, reply))
		return;
	bh_core_traffic_keep_now(core);
	if (bh_store_flows(core->store, before, filter->since, filter->until, MOST_LOOKED_AT,
			   take_past, &p, &err) != 0 ||
	    find_range(core, filter, &range, &err) != 0) {
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
		bh_buffer_free(&found);
		return;
	}
	bh_buffer_puts(&text, lines ? "" : "{\"flows\":[\n");
	write_past(&p, lines, &text);
	bh_buffer_puts(&text, !lines ? "]," : p.found > 0 ? "\n" : "");
	if (bh_api_query(request, "live") != NULL)
		write_unrecorded(core, &p, lines, &text);
	if (!lines)
		end_past(core, &p, &range, &text);
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
