/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who talks to whom, and what happened: flows, edges, events. Flows and events are lines, which can
 * be followed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "columns.h"
#include "command.h"
#include "learned_view.h"
#include "past_flows.h"
#include "said_filter.h"
#include "table.h"

static bool is_csv(const struct bh_call *call)
{
	return strcmp(call->format, "csv") == 0;
}

/* Lines that were dropped have no row: standard error tells of them. */
static void print_row(const struct bh_csv_column *columns, const cJSON *object)
{
	const cJSON *gap = bh_get(object, "gap");

	if (cJSON_IsNumber(gap))
		bh_complain(0, "%.0f lines are missing here: they came faster than they were read",
			    gap->valuedouble);
	else
		bh_csv_row(columns, object);
}

/* Where a reader was too slow, the daemon says how many lines it dropped. */
static bool print_gap(const struct bh_call *call, const cJSON *line)
{
	const cJSON *gap = bh_get(line, "gap");

	if (!cJSON_IsNumber(gap))
		return false;
	printf("%s… %.0f lines are missing here: they came faster than they were read%s\n",
	       bh_color_on(BH_YELLOW, call->color), gap->valuedouble,
	       bh_color_off(BH_YELLOW, call->color));
	return true;
}

/* --- flows ------------------------------------------------------------------------------------ */

struct flow_printer {
	const struct bh_call *call;
	struct bh_table *table; /* NULL: each line at once */
};

#define FLOW_COLUMNS 8

struct flow_row {
	const char *cells[FLOW_COLUMNS];
	char time[BH_TIME_TEXT], port[BH_PORT_TEXT], bytes[16], dst[BH_NAMED_TEXT];
};

static const char *end_name(const cJSON *end)
{
	const char *workload = bh_text(end, "workload");

	return workload != NULL ? workload : bh_word(end, "ip");
}

static const char *destination(const cJSON *flow, const cJSON *dst, char out[BH_NAMED_TEXT])
{
	const char *dns = bh_text(flow, "dns"), *sni = bh_text(flow, "sni");

	if (bh_text(dst, "workload") != NULL || (dns == NULL && sni == NULL))
		return end_name(dst);
	return dns != NULL ? bh_named_format(dns, bh_word(dst, "ip"), out)
			   : bh_claimed_format(sni, bh_word(dst, "ip"), out);
}

static enum bh_color verdict_color(const char *verdict)
{
	return strcmp(verdict, "denied") == 0	     ? BH_RED
	       : strcmp(verdict, "undelivered") == 0 ? BH_YELLOW
						     : BH_PLAIN;
}

/* counted: what has its bytes, or says that they are not known. */
static const char *bytes_cell(const cJSON *counted, double bytes, char out[16])
{
	return cJSON_IsNull(bh_get(counted, "bytes")) ? "?" : bh_human(bytes, out);
}

static void fill_flow_row(const cJSON *flow, struct flow_row *row)
{
	const cJSON *dst = bh_get(flow, "dst"), *tx = bh_get(flow, "tx");
	double bytes = bh_number(tx, "bytes") + bh_number(bh_get(flow, "rx"), "bytes");

	row->cells[0] = bh_clock(bh_number(flow, "last"), row->time);
	row->cells[1] = end_name(bh_get(flow, "src"));
	row->cells[2] = destination(flow, dst, row->dst);
	row->cells[3] = bh_answer_port(flow, bh_number(dst, "port"), row->port);
	row->cells[4] = bh_word(flow, "state");
	row->cells[5] = bh_word(flow, "verdict");
	row->cells[6] = bh_word(flow, "direction");
	row->cells[7] = bytes_cell(tx, bytes, row->bytes);
}

static void print_flow(void *user, char *line)
{
	const struct flow_printer *p = user;
	cJSON *flow = p->call->json ? NULL : bh_answer_parse(line);
	struct flow_row row;

	if (p->call->json) {
		bh_print_document(line, "\n");
	} else if (is_csv(p->call)) {
		print_row(bh_flow_columns, flow);
	} else if (!print_gap(p->call, flow)) {
		fill_flow_row(flow, &row);
		const char **c = row.cells;
		enum bh_color color = verdict_color(c[5]);

		if (p->table != NULL)
			bh_table_row(p->table, color, c);
		else
			printf("%s%s  %s → %s  %s  %s  %s  %s%s\n",
			       bh_color_on(color, p->call->color), c[0], c[1], c[2], c[3], c[4],
			       c[5], c[7], bh_color_off(color, p->call->color));
	}
	cJSON_Delete(flow);
	if (p->table == NULL)
		fflush(stdout);
}

static struct bh_table *new_flow_table(const struct bh_call *call)
{
	static const char *const titles[] = { "TIME",  "SOURCE",  "DESTINATION", "PORT",
					      "STATE", "VERDICT", "OPENED BY",	 "BYTES" };
	struct bh_table *table = bh_table_new(titles, FLOW_COLUMNS, call->color);

	bh_table_numeric(table, 7);
	bh_table_expendable(table, 6);
	bh_table_expendable(table, 7);
	bh_table_expendable(table, 4);
	return table;
}

static int read_capture(const struct bh_call *call, const char *capture,
			const struct bh_flow_filter *filter)
{
	const char *beyond = filter != NULL ? bh_flow_filter_beyond_capture(filter) : NULL;

	if (beyond != NULL)
		return bh_complain(BH_EXIT_USAGE,
				   "flows --read: a filter for a capture file cannot ask for %s, "
				   "which the daemon alone knows",
				   beyond);
	return bh_read_run(call, capture, filter);
}

static void begin_flows(struct flow_printer *printer, bool follow)
{
	if (is_csv(printer->call))
		bh_csv_titles(bh_flow_columns);
	else if (!follow && !printer->call->json)
		printer->table = new_flow_table(printer->call);
}

/* nothing: what is said where there is none. */
static void end_flows(struct flow_printer *printer, int result, const char *nothing)
{
	if (printer->table != NULL)
		bh_table_print(printer->table, result == BH_EXIT_DONE ? nothing : NULL);
}

static void ask_alike(struct bh_request *request, const struct bh_call *call, const char *filter)
{
	bh_request_add(request, "workload", bh_call_option(call, "workload"));
	bh_request_add(request, "verdict", bh_call_option(call, "verdict"));
	bh_request_add(request, "filter", filter);
}

static int ask_for_flows(const struct bh_call *call, bool follow, const char *filter)
{
	struct bh_request request = { .path = "/v1/flows" };
	struct flow_printer printer = { .call = call };

	begin_flows(&printer, follow);
	bh_request_add(&request, follow ? "follow" : "lines", "1");
	bh_request_add(&request, "limit", bh_call_option(call, "limit"));
	ask_alike(&request, call, filter);
	int result = bh_client_lines(call, &request, print_flow, &printer);
	end_flows(&printer, result,
		  filter != NULL ? "No flow is like that." : "No flow has been seen yet.");
	return result;
}

/* Of which part of the time not all is known. */
static void print_incomplete(const struct bh_call *call, const cJSON *range)
{
	double known_since = bh_number(range, "known_since");
	FILE *out = call->json || is_csv(call) ? stderr : stdout;
	char time[BH_TIME_TEXT];

	if (bh_text(range, "why") == NULL)
		return;
	fprintf(out, "%sNot all of that time is known: %s",
		out == stdout ? "\n" : "bulkhead: ", bh_text(range, "why"));
	if (known_since > 0)
		fprintf(out, "; known since %s", bh_clock(known_since, time));
	fputs("\n", out);
}

static int ask_for_past(const struct bh_call *call, const char *filter)
{
	const char *limit = bh_call_option(call, "limit");
	struct bh_request request = { .path = "/v1/flows" };
	struct flow_printer printer = { .call = call };
	struct bh_past_flows past;

	bh_request_add(&request, "history", "1");
	bh_request_add(&request, "since", bh_call_option(call, "since"));
	bh_request_add(&request, "until", bh_call_option(call, "until"));
	ask_alike(&request, call, filter);
	int result = bh_past_flows_read(call, &request,
					limit != NULL ? strtoul(limit, NULL, 10) : SIZE_MAX, &past);
	if (result == BH_EXIT_DONE) {
		begin_flows(&printer, false);
		for (size_t i = past.count; i > 0; i--)
			print_flow(&printer, past.lines[i - 1]);
		end_flows(&printer, result,
			  filter != NULL ? "No flow of that time is like that."
					 : "No flow of that time is known.");
		print_incomplete(call, past.range);
	}
	bh_buffer_free(&request.query);
	bh_past_flows_free(&past);
	return result;
}

static bool is_past(const struct bh_call *call)
{
	return bh_call_option(call, "since") != NULL || bh_call_option(call, "until") != NULL;
}

static int check_flow_options(const struct bh_call *call)
{
	bool follow = bh_call_option(call, "follow") != NULL,
	     limit = bh_call_option(call, "limit") != NULL;

	if (bh_call_option(call, "read") != NULL &&
	    (follow || limit || is_past(call) || bh_call_option(call, "workload") != NULL ||
	     bh_call_option(call, "verdict") != NULL))
		return bh_complain(BH_EXIT_USAGE,
				   "flows --read takes a filter and no other option: a capture "
				   "file knows no workloads, and is printed whole");
	if (follow && limit)
		return bh_complain(BH_EXIT_USAGE, "flows takes --follow or --limit, not both");
	if (follow && is_past(call))
		return bh_complain(BH_EXIT_USAGE,
				   "flows takes --follow or a time that has passed, not both");
	return BH_EXIT_DONE;
}

int bh_flows_run(const struct bh_call *call)
{
	const char *capture = bh_call_option(call, "read");
	struct bh_said_filter said = { 0 };
	int result = check_flow_options(call);

	if (result == BH_EXIT_DONE)
		result = bh_said_filter_read(call, &said);
	if (result == BH_EXIT_DONE && capture != NULL)
		result = read_capture(call, capture, said.filter);
	else if (result == BH_EXIT_DONE && is_past(call))
		result = ask_for_past(call, said.text);
	else if (result == BH_EXIT_DONE)
		result = ask_for_flows(call, bh_call_option(call, "follow") != NULL, said.text);
	bh_said_filter_free(&said);
	return result;
}

/* --- edges ------------------------------------------------------------------------------------ */

/* The first name, and whether there are more. */
static const char *first_name(const cJSON *names, char out[BH_NAMED_TEXT])
{
	const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(names, 0));

	if (first == NULL || cJSON_GetArraySize(names) == 1)
		return first;
	snprintf(out, BH_NAMED_TEXT, "%.200s, …", first);
	return out;
}

static const char *edge_destination(const cJSON *edge, char out[BH_NAMED_TEXT])
{
	char one[BH_NAMED_TEXT], another[BH_NAMED_TEXT];
	const char *dst = bh_word(edge, "dst"), *dns = first_name(bh_get(edge, "dns"), one),
		   *sni = first_name(bh_get(edge, "sni"), another);

	if (dns == NULL && sni == NULL)
		return dst;
	return dns != NULL ? bh_named_format(dns, dst, out) : bh_claimed_format(sni, dst, out);
}

static void add_edge_row(struct bh_table *table, const cJSON *edge)
{
	char dst[BH_NAMED_TEXT], port[BH_PORT_TEXT], numbers[5][16], last[BH_TIME_TEXT];
	const char *cells[] = { bh_text(edge, "src"),
				edge_destination(edge, dst),
				bh_answer_port(edge, bh_number(edge, "port"), port),
				bh_clock(bh_number(edge, "last"), last),
				bh_human(bh_number(edge, "connections"), numbers[0]),
				bh_human(bh_number(edge, "answered"), numbers[1]),
				bh_human(bh_number(edge, "windows"), numbers[2]),
				bh_human(bh_number(edge, "replicas"), numbers[3]),
				bytes_cell(edge, bh_number(edge, "bytes"), numbers[4]) };

	bh_table_row(table, cJSON_IsTrue(bh_get(edge, "lossy")) ? BH_YELLOW : BH_PLAIN, cells);
}

static void print_edge_rows(const cJSON *answer)
{
	const cJSON *edge;

	bh_csv_titles(bh_edge_columns);
	cJSON_ArrayForEach (edge, bh_get(answer, "edges"))
		bh_csv_row(bh_edge_columns, edge);
	bh_unlearned_print(bh_get(answer, "unlearned"), stderr);
}

static void print_edge_table(const struct bh_call *call, const cJSON *answer)
{
	static const char *const titles[] = { "SOURCE",	 "DESTINATION", "PORT",
					      "LAST",	 "CONNECTIONS", "ANSWERED",
					      "WINDOWS", "REPLICAS",	"BYTES" };
	struct bh_table *table = bh_table_new(titles, 9, call->color);
	const cJSON *edge;

	bh_table_numeric(table, 4);
	bh_table_expendable(table, 8);
	bh_table_expendable(table, 4);
	bh_table_expendable(table, 7);
	bh_table_expendable(table, 3);
	cJSON_ArrayForEach (edge, bh_get(answer, "edges"))
		add_edge_row(table, edge);
	bh_table_print(table, "Nothing has been learned yet.");
	bh_unlearned_print(bh_get(answer, "unlearned"), stdout);
}

static void print_edges(const struct bh_call *call, const cJSON *answer)
{
	if (is_csv(call))
		print_edge_rows(answer);
	else
		print_edge_table(call, answer);
}

int bh_edges_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_edges };
	struct bh_request request = { .path = "/v1/edges" };

	bh_request_add(&request, "workload", call->arguments[0]);
	return bh_client_show(call, &request, &view);
}

/* --- events ----------------------------------------------------------------------------------- */

static enum bh_color event_color(const char *kind)
{
	static const char *const red[] = { "denied", "spoof", "leak" };
	static const char *const yellow[] = { "would-deny", "undelivered", "loss",
					      "unclaimed",  "capture",	   "store" };

	for (size_t i = 0; i < sizeof(red) / sizeof(red[0]); i++)
		if (strcmp(kind, red[i]) == 0)
			return BH_RED;
	for (size_t i = 0; i < sizeof(yellow) / sizeof(yellow[0]); i++)
		if (strcmp(kind, yellow[i]) == 0)
			return BH_YELLOW;
	return BH_PLAIN;
}

/* The text says who, whom, which port and why: the daemon writes it for people. */
static void print_event(void *user, char *line)
{
	const struct bh_call *call = user;
	cJSON *event = call->json ? NULL : bh_answer_parse(line);
	char when[BH_TIME_TEXT];

	if (call->json) {
		bh_print_document(line, "\n");
	} else if (is_csv(call)) {
		print_row(bh_event_columns, event);
	} else if (!print_gap(call, event)) {
		const char *kind = bh_word(event, "kind");
		enum bh_color color = event_color(kind);

		printf("%s  %s%-13s%s  %s\n", bh_clock(bh_number(event, "time"), when),
		       bh_color_on(color, call->color), kind, bh_color_off(color, call->color),
		       bh_word(event, "text"));
	}
	cJSON_Delete(event);
	fflush(stdout);
}

int bh_events_run(const struct bh_call *call)
{
	const char *limit = bh_call_option(call, "limit");
	bool follow = bh_call_option(call, "follow") != NULL;
	struct bh_request request = { .path = "/v1/events" };

	if (follow && limit != NULL)
		return bh_complain(BH_EXIT_USAGE, "events takes --follow or --limit, not both");
	bh_request_add(&request, follow ? "follow" : "lines", "1");
	if (is_csv(call))
		bh_csv_titles(bh_event_columns);
	if (!follow)
		bh_request_add(&request, "limit", limit != NULL ? limit : "100");
	return bh_client_lines(call, &request, print_event, (void *)(uintptr_t)call);
}
