/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of who talks to whom: as a tree for people, as DOT and Mermaid for pictures. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "map_print.h"
#include "table.h"

static bool is_denied(const cJSON *edge)
{
	return bh_number(edge, "denied") > 0;
}

static const char *edge_port(const cJSON *edge, char out[BH_PORT_TEXT])
{
	return bh_answer_port(edge, bh_number(edge, "port"), out);
}

/* A string of DOT; two names never become one. */
static void put_dot(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
		printf("%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	putchar('"');
}

/* A label of Mermaid, which knows HTML, entities ("#35;"), and Markdown between backticks. */
static void put_mermaid(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (strchr("\"#<>&`", *text) != NULL)
			printf("#%d;", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void print_dot(const cJSON *map)
{
	const cJSON *node, *edge;
	char port[BH_PORT_TEXT];

	printf("digraph bulkhead {\n  rankdir=LR;\n  node [shape=box];\n");
	cJSON_ArrayForEach (node, bh_get(map, "nodes")) {
		printf("  ");
		put_dot(bh_word(node, "id"));
		printf(" [style=%s];\n",
		       strcmp(bh_word(node, "kind"), "workload") == 0 ? "solid" : "dashed");
	}
	cJSON_ArrayForEach (edge, bh_get(map, "edges")) {
		printf("  ");
		put_dot(bh_word(edge, "src"));
		printf(" -> ");
		put_dot(bh_word(edge, "dst"));
		printf(" [label=\"%s\"%s];\n", edge_port(edge, port),
		       is_denied(edge) ? ", color=red" : "");
	}
	printf("}\n");
}

/* Its place in the list of nodes, as Mermaid's names are made of it. */
static size_t node_number(const cJSON *nodes, const char *id)
{
	const cJSON *node;
	size_t number = 0;

	cJSON_ArrayForEach (node, nodes) {
		if (strcmp(bh_word(node, "id"), id) == 0)
			break;
		number++;
	}
	return number;
}

static void print_mermaid(const cJSON *map)
{
	const cJSON *node, *edge, *nodes = bh_get(map, "nodes");
	char port[BH_PORT_TEXT];
	size_t number = 0;

	printf("flowchart LR\n");
	cJSON_ArrayForEach (node, nodes) {
		printf("  n%zu[", number++);
		put_mermaid(bh_word(node, "id"));
		printf("]\n");
	}
	cJSON_ArrayForEach (edge, bh_get(map, "edges"))
		printf("  n%zu %s|\"%s\"| n%zu\n", node_number(nodes, bh_word(edge, "src")),
		       is_denied(edge) ? "-.->" : "-->", edge_port(edge, port),
		       node_number(nodes, bh_word(edge, "dst")));
}

static void print_branch(const cJSON *edge, bool color)
{
	enum bh_color shade = is_denied(edge) ? BH_RED : BH_PLAIN;
	double connections = bh_number(edge, "connections"), denied = bh_number(edge, "denied");
	char port[BH_PORT_TEXT], count[16];

	printf("%s  → %s  %s", bh_color_on(shade, color), bh_word(edge, "dst"),
	       edge_port(edge, port));
	if (connections > 0 || denied == 0)
		printf("  %s", bh_human(connections, count));
	if (denied > 0)
		printf("  %s refused", bh_human(denied, count));
	printf("%s\n", bh_color_off(shade, color));
}

/* Each node once, and below it whom it talks to. */
static void print_tree(const cJSON *map, bool color)
{
	const cJSON *node, *edge;

	cJSON_ArrayForEach (node, bh_get(map, "nodes")) {
		const char *id = bh_word(node, "id"), *mode = bh_text(node, "mode");
		char text[BH_MODE_TEXT];

		printf("%s%s%s%s\n", id, mode != NULL ? "  (" : "",
		       mode != NULL ? bh_mode_text(mode, bh_get(node, "share"), text) : "",
		       mode != NULL ? ")" : "");
		cJSON_ArrayForEach (edge, bh_get(map, "edges"))
			if (strcmp(bh_word(edge, "src"), id) == 0)
				print_branch(edge, color);
	}
	if (cJSON_GetArraySize(bh_get(map, "nodes")) == 0)
		printf("Nobody is known yet.\n");
}

void bh_map_print(const struct bh_call *call, const cJSON *map)
{
	if (strcmp(call->format, "dot") == 0)
		print_dot(map);
	else if (strcmp(call->format, "mermaid") == 0)
		print_mermaid(map);
	else
		print_tree(map, call->color);
}

int bh_map_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = bh_map_print };
	struct bh_request request = { .path = "/v1/map" };

	return bh_client_show(call, &request, &view);
}
