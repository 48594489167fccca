/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that look: status, coverage, workloads, flows, edges, map, events. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "command.h"
#include "grow.h"
#include "protocol.h"
#include "table.h"

/* --- JSON access ------------------------------------------------------------------------------ */

static const cJSON *get(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

static const char *text_of(const cJSON *json, const char *key)
{
	return cJSON_GetStringValue(get(json, key));
}

static double number_of(const cJSON *json, const char *key)
{
	const cJSON *item = get(json, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Local time of day, and the date where it is not today's. out: at least 24 bytes. */
static char *clock_text(double seconds, char *out)
{
	time_t when = (time_t)seconds, now = time(NULL);
	struct tm then, today;

	localtime_r(&when, &then);
	localtime_r(&now, &today);
	bool same = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
	if (seconds <= 0 || strftime(out, 24, same ? "%H:%M:%S" : "%F %H:%M", &then) == 0)
		snprintf(out, 24, "-");
	return out;
}

/* "2 h 5 min". out: at least 24 bytes. */
static char *age_text(double seconds, char *out)
{
	if (seconds < 120)
		snprintf(out, 24, "%.0f s", seconds);
	else if (seconds < 7200)
		snprintf(out, 24, "%.0f min", seconds / 60);
	else if (seconds < 2 * 86400)
		snprintf(out, 24, "%.0f h", seconds / 3600);
	else
		snprintf(out, 24, "%.0f days", seconds / 86400);
	return out;
}

/* --- status ----------------------------------------------------------------------------------- */

static void print_runtimes(const cJSON *identity)
{
	const cJSON *runtime;

	cJSON_ArrayForEach (runtime, get(identity, "runtimes"))
		printf(", %s %s", text_of(runtime, "name"), text_of(runtime, "state"));
}

static void print_enforcement(const cJSON *enforcement, bool color)
{
	const char *state = text_of(enforcement, "state"), *why = text_of(enforcement, "why");
	enum bh_color shade = strcmp(state, "active") == 0   ? BH_GREEN
			      : strcmp(state, "failed") == 0 ? BH_RED
							     : BH_PLAIN;

	printf("enforcement  %s%s%s", bh_color_on(shade, color), state, bh_color_off(shade, color));
	if (cJSON_IsNumber(get(enforcement, "number")))
		printf(", policy revision %.0f (%.12s)", number_of(enforcement, "number"),
		       text_of(enforcement, "revision"));
	else
		printf(", no policy yet");
	printf("%s%s\n", why != NULL ? ": " : "", why != NULL ? why : "");
}

static void print_unknown(const cJSON *unknown, bool color)
{
	const cJSON *line;

	printf("\nWhat bulkhead does not know:\n");
	cJSON_ArrayForEach (line, unknown)
		printf("%s  • %s%s\n", bh_color_on(BH_YELLOW, color), cJSON_GetStringValue(line),
		       bh_color_off(BH_YELLOW, color));
	if (cJSON_GetArraySize(unknown) == 0)
		printf("  nothing that it is aware of\n");
}

int bh_status_run(const struct bh_call *call)
{
	cJSON *json;
	char age[24], packets[16], dropped[16];
	int result = bh_client_json(call, "GET", "/v1/status", NULL, NULL, &json);

	if (json == NULL)
		return result;
	const cJSON *capture = get(json, "capture"), *identity = get(json, "identity");
	const cJSON *learning = get(json, "learning"), *modes = get(json, "modes");
	printf("bulkhead %s on %s, up %s\n\n", text_of(json, "version"), text_of(json, "host"),
	       age_text((double)time(NULL) - number_of(json, "started"), age));
	printf("capture      %s, %s packets, %s lost, %.0f flows alive\n",
	       text_of(capture, "state"), bh_human(number_of(capture, "packets"), packets),
	       bh_human(number_of(capture, "dropped"), dropped), number_of(capture, "flows"));
	printf("identity     %.0f endpoints, %.0f unidentified", number_of(identity, "endpoints"),
	       number_of(identity, "unidentified"));
	print_runtimes(identity);
	printf("\nlearning     %.0f edges, windows of %s\n", number_of(learning, "edges"),
	       age_text(number_of(learning, "window_seconds"), age));
	printf("modes        %.0f learn, %.0f audit, %.0f enforce\n", number_of(modes, "learn"),
	       number_of(modes, "audit"), number_of(modes, "enforce"));
	print_enforcement(get(json, "enforcement"), call->color);
	print_unknown(get(json, "unknown"), call->color);
	cJSON_Delete(json);
	return result;
}

/* --- coverage and workloads ------------------------------------------------------------------- */

int bh_coverage_run(const struct bh_call *call)
{
	static const char *const titles[] = { "NAME", "WORKLOAD", "RUNTIME", "COVERAGE", "WHY" };
	const cJSON *row;
	cJSON *json;
	int result = bh_client_json(call, "GET", "/v1/coverage", NULL, NULL, &json);

	if (json == NULL)
		return result;
	struct bh_table *table = bh_table_new(titles, 5, call->color);
	cJSON_ArrayForEach (row, get(json, "rows")) {
		const char *coverage = text_of(row, "coverage");
		const char *cells[] = { text_of(row, "name"), text_of(row, "workload"),
					text_of(row, "runtime"), coverage, text_of(row, "why") };

		bh_table_row(table,
			     strcmp(coverage, "neither") == 0	   ? BH_RED
			     : strcmp(coverage, "observable") == 0 ? BH_YELLOW
								   : BH_PLAIN,
			     cells);
	}
	bh_table_print(table, "No container and no named namespace is known.");
	cJSON_Delete(json);
	return result;
}

static void join_addresses(const cJSON *addresses, struct bh_buffer *out)
{
	const cJSON *address;

	bh_buffer_clear(out);
	cJSON_ArrayForEach (address, addresses)
		bh_buffer_printf(out, "%s%s", out->length > 0 ? " " : "",
				 cJSON_GetStringValue(address));
	bh_buffer_append(out, "", 0);
}

int bh_workloads_run(const struct bh_call *call)
{
	static const char *const titles[] = { "WORKLOAD",  "MODE",	"INSTANCE",
					      "INTERFACE", "ADDRESSES", "GROUPED BY" };
	struct bh_buffer addresses = { 0 };
	const cJSON *row, *instance;
	cJSON *json;
	int result = bh_client_json(call, "GET", "/v1/workloads", NULL, NULL, &json);

	if (json == NULL)
		return result;
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	cJSON_ArrayForEach (row, get(json, "rows")) {
		const char *workload = text_of(row, "workload"), *mode = text_of(row, "mode");

		cJSON_ArrayForEach (instance, get(row, "instances")) {
			join_addresses(get(instance, "addresses"), &addresses);
			const char *cells[] = { workload != NULL ? workload : "(unidentified)",
						mode,
						text_of(instance, "name"),
						text_of(instance, "ifname"),
						addresses.data,
						text_of(row, "why") };

			bh_table_row(table, workload != NULL ? BH_PLAIN : BH_YELLOW, cells);
		}
	}
	bh_table_print(table, "No endpoint is known: no veth of this host leads to a container.");
	bh_buffer_free(&addresses);
	cJSON_Delete(json);
	return result;
}

/* --- flows ------------------------------------------------------------------------------------ */

static const char *const flow_titles[] = { "TIME",  "SOURCE",  "DESTINATION", "PORT",
					   "STATE", "VERDICT", "OPENED BY",   "BYTES" };

/* "compose:shop/web", else the address. */
static const char *end_name(const cJSON *end)
{
	const char *workload = text_of(end, "workload");

	return workload != NULL ? workload : text_of(end, "ip");
}

static const char *port_text(const cJSON *flow, double port, char out[BH_PORT_TEXT])
{
	uint8_t proto;
	const char *name = text_of(flow, "proto");

	if (name == NULL || !bh_protocol_parse(name, &proto))
		return "-";
	return bh_port_format(proto, (uint16_t)port, out);
}

static enum bh_color verdict_color(const char *verdict)
{
	return strcmp(verdict, "denied") == 0	     ? BH_RED
	       : strcmp(verdict, "undelivered") == 0 ? BH_YELLOW
						     : BH_PLAIN;
}

static void flow_cells(const cJSON *flow, const char *cells[8], char room[3][BH_PORT_TEXT])
{
	const cJSON *dst = get(flow, "dst");
	double bytes = number_of(get(flow, "tx"), "bytes") + number_of(get(flow, "rx"), "bytes");

	cells[0] = clock_text(number_of(flow, "last"), room[0]);
	cells[1] = end_name(get(flow, "src"));
	cells[2] = end_name(dst);
	cells[3] = port_text(flow, number_of(dst, "port"), room[1]);
	cells[4] = text_of(flow, "state");
	cells[5] = text_of(flow, "verdict");
	cells[6] = text_of(flow, "direction");
	cells[7] = bh_human(bytes, room[2]);
}

static void print_flow_line(void *user, const char *line)
{
	const struct bh_call *call = user;
	char room[3][BH_PORT_TEXT];
	const char *c[8];
	cJSON *flow = call->json ? NULL : cJSON_Parse(line);

	if (flow == NULL) {
		printf("%s\n", line);
	} else {
		flow_cells(flow, c, room);
		enum bh_color color = verdict_color(c[5]);
		printf("%s%s  %s → %s  %s  %s  %s  %s%s\n", bh_color_on(color, call->color), c[0],
		       c[1], c[2], c[3], c[4], c[5], c[7], bh_color_off(color, call->color));
	}
	cJSON_Delete(flow);
	fflush(stdout);
}

static void add_flow_row(struct bh_table *table, const char *line)
{
	char room[3][BH_PORT_TEXT];
	const char *cells[8];
	cJSON *flow = cJSON_Parse(line);

	if (flow == NULL)
		return;
	flow_cells(flow, cells, room);
	bh_table_row(table, verdict_color(cells[5]), cells);
	cJSON_Delete(flow);
}

/* Splits a text of JSON lines, in place. */
static char *next_line(char **text)
{
	char *line = *text, *newline = strchr(line, '\n');

	if (*line == '\0')
		return NULL;
	if (newline != NULL)
		*newline = '\0';
	*text = newline != NULL ? newline + 1 : line + strlen(line);
	return line;
}

static int list_flows(const struct bh_call *call, const struct bh_query *query)
{
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, "GET", "/v1/flows", query, NULL, &text);
	char *at = text.data, *line;

	if (result == BH_EXIT_DONE && call->json) {
		fputs(text.data, stdout);
	} else if (result == BH_EXIT_DONE) {
		struct bh_table *table = bh_table_new(flow_titles, 8, call->color);

		bh_table_numeric(table, 7);
		while ((line = next_line(&at)) != NULL)
			add_flow_row(table, line);
		bh_table_print(table, "No flow has been seen yet.");
	}
	bh_buffer_free(&text);
	return result;
}

int bh_flows_run(const struct bh_call *call)
{
	const char *capture = bh_call_option(call, "read");
	struct bh_query query = { 0 };
	int result;

	if (capture != NULL)
		return bh_read_capture(call, capture);
	bh_query_add(&query, "workload", bh_call_option(call, "workload"));
	bh_query_add(&query, "verdict", bh_call_option(call, "verdict"));
	if (bh_call_option(call, "follow") != NULL) {
		bh_query_add(&query, "follow", "1");
		result = bh_client_follow(call, "/v1/flows", &query, print_flow_line,
					  (void *)(uintptr_t)call);
	} else {
		bh_query_add(&query, "lines", "1");
		bh_query_add(&query, "limit", bh_call_option(call, "limit"));
		result = list_flows(call, &query);
	}
	bh_buffer_free(&query.text);
	return result;
}

/* --- edges ------------------------------------------------------------------------------------ */

static void add_edge_row(struct bh_table *table, const cJSON *edge)
{
	char port[BH_PORT_TEXT], numbers[5][16], last[24];
	const char *cells[] = { text_of(edge, "src"),
				text_of(edge, "dst"),
				port_text(edge, number_of(edge, "port"), port),
				clock_text(number_of(edge, "last"), last),
				bh_human(number_of(edge, "connections"), numbers[0]),
				bh_human(number_of(edge, "answered"), numbers[1]),
				bh_human(number_of(edge, "windows"), numbers[2]),
				bh_human(number_of(edge, "replicas"), numbers[3]),
				bh_human(number_of(edge, "bytes"), numbers[4]) };

	bh_table_row(table, cJSON_IsTrue(get(edge, "lossy")) ? BH_YELLOW : BH_PLAIN, cells);
}

static void print_unlearned(const cJSON *unlearned)
{
	const cJSON *reason;
	bool any = false;

	cJSON_ArrayForEach (reason, unlearned) {
		if (reason->valuedouble == 0)
			continue;
		printf("%s %.0f %s", any ? "," : "\nNot learned:", reason->valuedouble,
		       reason->string);
		any = true;
	}
	if (any)
		printf("\n");
}

int bh_edges_run(const struct bh_call *call)
{
	static const char *const titles[] = { "SOURCE", "DESTINATION", "PORT", "LAST", "CONNS",
					      "ANSW",	"WIN",	       "REPL", "BYTES" };
	struct bh_query query = { 0 };
	const cJSON *edge;
	cJSON *json;

	bh_query_add(&query, "workload", call->argument_count > 0 ? call->arguments[0] : NULL);
	int result = bh_client_json(call, "GET", "/v1/edges", &query, NULL, &json);
	bh_buffer_free(&query.text);
	if (json == NULL)
		return result;
	struct bh_table *table = bh_table_new(titles, 9, call->color);
	bh_table_numeric(table, 4);
	cJSON_ArrayForEach (edge, get(json, "edges"))
		add_edge_row(table, edge);
	bh_table_print(table, "Nothing has been learned yet.");
	print_unlearned(get(json, "unlearned"));
	cJSON_Delete(json);
	return result;
}

/* --- map -------------------------------------------------------------------------------------- */

/* Quotes for DOT and Mermaid alike; neither takes a quote inside. */
static void put_quoted(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
		putchar(*text == '"' || *text == '\\' || (unsigned char)*text < 0x20 ? '_' : *text);
	putchar('"');
}

static void map_dot(const cJSON *json)
{
	const cJSON *node, *edge;
	char port[BH_PORT_TEXT];

	printf("digraph bulkhead {\n  rankdir=LR;\n  node [shape=box];\n");
	cJSON_ArrayForEach (node, get(json, "nodes")) {
		printf("  ");
		put_quoted(text_of(node, "id"));
		printf(" [style=%s];\n",
		       strcmp(text_of(node, "kind"), "workload") == 0 ? "solid" : "dashed");
	}
	cJSON_ArrayForEach (edge, get(json, "edges")) {
		printf("  ");
		put_quoted(text_of(edge, "src"));
		printf(" -> ");
		put_quoted(text_of(edge, "dst"));
		printf(" [label=\"%s\"%s];\n", port_text(edge, number_of(edge, "port"), port),
		       number_of(edge, "denied") > 0 ? ", color=red" : "");
	}
	printf("}\n");
}

static size_t node_number(const cJSON *nodes, const char *id)
{
	const cJSON *node;
	size_t number = 0;

	cJSON_ArrayForEach (node, nodes) {
		if (strcmp(text_of(node, "id"), id) == 0)
			break;
		number++;
	}
	return number;
}

static void map_mermaid(const cJSON *json)
{
	const cJSON *node, *edge, *nodes = get(json, "nodes");
	char port[BH_PORT_TEXT];
	size_t number = 0;

	printf("flowchart LR\n");
	cJSON_ArrayForEach (node, nodes) {
		printf("  n%zu[", number++);
		put_quoted(text_of(node, "id"));
		printf("]\n");
	}
	cJSON_ArrayForEach (edge, get(json, "edges"))
		printf("  n%zu %s|\"%s\"| n%zu\n", node_number(nodes, text_of(edge, "src")),
		       number_of(edge, "denied") > 0 ? "-.->" : "-->",
		       port_text(edge, number_of(edge, "port"), port),
		       node_number(nodes, text_of(edge, "dst")));
}

/* Each source once, and below it whom it talks to. */
static void map_tree(const cJSON *json, bool color)
{
	const cJSON *node, *edge;
	char port[BH_PORT_TEXT], count[16];

	cJSON_ArrayForEach (node, get(json, "nodes")) {
		const char *id = text_of(node, "id"), *mode = text_of(node, "mode");

		printf("%s%s%s%s\n", id, mode != NULL ? "  (" : "", mode != NULL ? mode : "",
		       mode != NULL ? ")" : "");
		cJSON_ArrayForEach (edge, get(json, "edges")) {
			bool denied = number_of(edge, "denied") > 0;

			if (strcmp(text_of(edge, "src"), id) != 0)
				continue;
			printf("%s  → %s  %s  %s%s%s\n",
			       bh_color_on(denied ? BH_RED : BH_PLAIN, color), text_of(edge, "dst"),
			       port_text(edge, number_of(edge, "port"), port),
			       bh_human(number_of(edge, denied ? "denied" : "connections"), count),
			       denied ? " refused" : "",
			       bh_color_off(denied ? BH_RED : BH_PLAIN, color));
		}
	}
}

int bh_map_run(const struct bh_call *call)
{
	const char *as = call->format;
	cJSON *json;
	int result = bh_client_json(call, "GET", "/v1/map", NULL, NULL, &json);

	if (json == NULL)
		return result;
	if (strcmp(as, "dot") == 0)
		map_dot(json);
	else if (strcmp(as, "mermaid") == 0)
		map_mermaid(json);
	else
		map_tree(json, call->color);
	cJSON_Delete(json);
	return result;
}

/* --- events ----------------------------------------------------------------------------------- */

static enum bh_color event_color(const char *kind)
{
	static const char *const red[] = { "denied", "spoof", "leak" };
	static const char *const yellow[] = { "would-deny", "loss", "unclaimed", "capture" };

	for (size_t i = 0; i < sizeof(red) / sizeof(red[0]); i++)
		if (strcmp(kind, red[i]) == 0)
			return BH_RED;
	for (size_t i = 0; i < sizeof(yellow) / sizeof(yellow[0]); i++)
		if (strcmp(kind, yellow[i]) == 0)
			return BH_YELLOW;
	return BH_PLAIN;
}

static void print_event_line(void *user, const char *line)
{
	const struct bh_call *call = user;
	cJSON *event = call->json ? NULL : cJSON_Parse(line);
	const char *kind = text_of(event, "kind"), *text = text_of(event, "text");
	char when[24];

	if (kind == NULL || text == NULL) {
		printf("%s\n", line);
	} else {
		enum bh_color color = event_color(kind);

		printf("%s  %s%-13s%s  %s\n", clock_text(number_of(event, "time"), when),
		       bh_color_on(color, call->color), kind, bh_color_off(color, call->color),
		       text);
	}
	cJSON_Delete(event);
	fflush(stdout);
}

int bh_events_run(const struct bh_call *call)
{
	const char *limit = bh_call_option(call, "limit");
	struct bh_query query = { 0 };
	struct bh_buffer text = { 0 };
	int result;

	if (bh_call_option(call, "follow") != NULL) {
		bh_query_add(&query, "follow", "1");
		result = bh_client_follow(call, "/v1/events", &query, print_event_line,
					  (void *)(uintptr_t)call);
	} else {
		bh_query_add(&query, "lines", "1");
		bh_query_add(&query, "limit", limit != NULL ? limit : "100");
		result = bh_client_text(call, "GET", "/v1/events", &query, NULL, &text);
		char *at = text.data, *line;
		while (result == BH_EXIT_DONE && (line = next_line(&at)) != NULL)
			print_event_line((void *)(uintptr_t)call, line);
	}
	bh_buffer_free(&query.text);
	bh_buffer_free(&text);
	return result;
}
