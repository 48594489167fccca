/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map for programs that lay it out: DOT, Mermaid, GraphML. A group is a cluster, a subgraph, a
 * graph within a node; what is denied is red. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "map_print.h"
#include "utf8.h"

static bool is_workload(const struct bh_map_node *node)
{
	return strcmp(node->kind, "workload") == 0;
}

/* --- DOT -------------------------------------------------------------------------------------- */

/* A string of DOT; two names never become one. */
static void put_dot(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
		printf("%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	putchar('"');
}

static void dot_group(const struct bh_map_model *m, size_t number)
{
	const struct bh_map_group *group = &m->groups[number];

	printf("  subgraph cluster_%zu {\n    label=", number);
	put_dot(group->name);
	printf(";\n");
	for (size_t i = group->first; i < group->end; i++) {
		printf("    ");
		put_dot(m->nodes[i].id);
		printf(" [style=%s];\n", is_workload(&m->nodes[i]) ? "solid" : "dashed");
	}
	printf("  }\n");
}

void bh_map_print_dot(const struct bh_map_model *m)
{
	char label[BH_MAP_LABEL];

	printf("digraph bulkhead {\n  rankdir=LR;\n  node [shape=box];\n");
	for (size_t i = 0; i < m->group_count; i++)
		dot_group(m, i);
	for (size_t i = 0; i < m->edge_count; i++) {
		const struct bh_map_edge *edge = &m->edges[i];

		printf("  ");
		put_dot(m->nodes[edge->src].id);
		printf(" -> ");
		put_dot(m->nodes[edge->dst].id);
		printf(" [label=");
		put_dot(bh_map_edge_label(edge, label));
		printf("%s];\n",
		       edge->denied > 0 ? ", color=red, fontcolor=red, style=dashed" : "");
	}
	printf("}\n");
}

/* --- Mermaid ---------------------------------------------------------------------------------- */

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

static void mermaid_group(const struct bh_map_model *m, size_t number)
{
	const struct bh_map_group *group = &m->groups[number];

	printf("  subgraph g%zu[", number);
	put_mermaid(group->name);
	printf("]\n");
	for (size_t i = group->first; i < group->end; i++) {
		bool workload = is_workload(&m->nodes[i]);

		printf("    n%zu%s", i, workload ? "[" : "([");
		put_mermaid(m->nodes[i].id);
		printf("%s\n", workload ? "]" : "])");
	}
	printf("  end\n");
}

void bh_map_print_mermaid(const struct bh_map_model *m)
{
	char label[BH_MAP_LABEL];

	printf("flowchart LR\n");
	for (size_t i = 0; i < m->group_count; i++)
		mermaid_group(m, i);
	for (size_t i = 0; i < m->edge_count; i++) {
		const struct bh_map_edge *edge = &m->edges[i];

		printf("  n%zu %s|", edge->src, edge->denied > 0 ? "-.->" : "-->");
		put_mermaid(bh_map_edge_label(edge, label));
		printf("| n%zu\n", edge->dst);
	}
	for (size_t i = 0; i < m->edge_count; i++)
		if (m->edges[i].denied > 0)
			printf("  linkStyle %zu stroke:#c00,color:#c00\n", i);
}

/* --- GraphML ---------------------------------------------------------------------------------- */

/* XML 1.0 has no way to write most control characters, and none for U+FFFE and U+FFFF. */
static bool is_of_xml(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c != 0xfffe && c != 0xffff);
}

static const char *entity(uint32_t c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void bh_map_put_xml(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t c = 0;
		size_t bytes = bh_utf8_decode(text, left, &c);
		const char *instead = bytes == 0 || !is_of_xml(c) ? "?" : entity(c);

		bytes = bytes > 0 ? bytes : 1;
		if (instead != NULL)
			fputs(instead, stdout);
		else
			fwrite(text, 1, bytes, stdout);
		text += bytes;
		left -= bytes;
	}
}

struct attribute {
	const char *name, *type;
};

static const struct attribute of_nodes[] = {
	{ "label", "string" }, { "kind", "string" }, { "mode", "string" }, { "instances", "long" }
};
static const struct attribute of_edges[] = { { "proto", "string" },	{ "port", "int" },
					     { "connections", "long" }, { "answered", "long" },
					     { "denied", "long" },	{ "bytes", "long" },
					     { "last", "double" } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void graphml_keys(const char *domain, const struct attribute *attributes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("  <key id=\"%s.%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n",
		       domain, attributes[i].name, domain, attributes[i].name, attributes[i].type);
}

static void graphml_text(const char *indent, const char *key, const char *text)
{
	printf("%s<data key=\"%s\">", indent, key);
	bh_map_put_xml(text);
	printf("</data>\n");
}

/* What is null, or not there, is left out. */
static void graphml_data(const char *indent, const char *domain, const struct attribute *attribute,
			 const cJSON *value)
{
	char key[40];

	snprintf(key, sizeof(key), "%s.%s", domain, attribute->name);
	if (cJSON_IsString(value) && strcmp(attribute->type, "string") == 0)
		graphml_text(indent, key, value->valuestring);
	else if (cJSON_IsNumber(value) && strcmp(attribute->type, "string") != 0)
		printf("%s<data key=\"%s\">%.*f</data>\n", indent, key,
		       strcmp(attribute->type, "double") == 0 ? 6 : 0, value->valuedouble);
}

static void graphml_node(const struct bh_map_model *m, size_t number)
{
	const struct bh_map_node *node = &m->nodes[number];

	printf("      <node id=\"n%zu\">\n", number);
	graphml_text("        ", "node.label", node->id);
	for (size_t i = 1; i < COUNT(of_nodes); i++)
		graphml_data("        ", "node", &of_nodes[i],
			     bh_get(node->json, of_nodes[i].name));
	printf("      </node>\n");
}

static void graphml_group(const struct bh_map_model *m, size_t number)
{
	printf("    <node id=\"g%zu\">\n", number);
	graphml_text("      ", "node.label", m->groups[number].name);
	printf("      <data key=\"node.kind\">group</data>\n"
	       "      <graph id=\"g%zu:\" edgedefault=\"directed\">\n",
	       number);
	for (size_t i = m->groups[number].first; i < m->groups[number].end; i++)
		graphml_node(m, i);
	printf("      </graph>\n    </node>\n");
}

static void graphml_edge(const struct bh_map_edge *edge, size_t number)
{
	printf("    <edge id=\"e%zu\" source=\"n%zu\" target=\"n%zu\">\n", number, edge->src,
	       edge->dst);
	for (size_t i = 0; i < COUNT(of_edges); i++)
		graphml_data("      ", "edge", &of_edges[i], bh_get(edge->json, of_edges[i].name));
	printf("    </edge>\n");
}

void bh_map_print_graphml(const struct bh_map_model *m)
{
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
	graphml_keys("node", of_nodes, COUNT(of_nodes));
	graphml_keys("edge", of_edges, COUNT(of_edges));
	printf("  <graph id=\"bulkhead\" edgedefault=\"directed\">\n");
	for (size_t i = 0; i < m->group_count; i++)
		graphml_group(m, i);
	for (size_t i = 0; i < m->edge_count; i++)
		graphml_edge(&m->edges[i], i);
	printf("  </graph>\n</graphml>\n");
}
