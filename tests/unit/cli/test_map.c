/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "map_print.h"
#include "printed.h"

/* Names as an intruder might choose them. */
#define HOSTILE                                                                                    \
	"{\"nodes\":[{\"id\":\"a\\\"b\",\"kind\":\"workload\",\"mode\":\"learn\"},"                \
	"{\"id\":\"a\\\\\",\"kind\":\"world\"},{\"id\":\"x\\ny]\",\"kind\":\"workload\"},"         \
	"{\"id\":\"`<b>#35;&\",\"kind\":\"address\"}],"                                            \
	"\"edges\":[{\"src\":\"a\\\"b\",\"dst\":\"a\\\\\",\"proto\":\"tcp\",\"port\":443,"         \
	"\"connections\":20000,\"denied\":0},"                                                     \
	"{\"src\":\"x\\ny]\",\"dst\":\"`<b>#35;&\",\"proto\":\"icmp\",\"port\":2048,"              \
	"\"connections\":0,\"denied\":3}]}"

static char *print(const char *json, const char *format)
{
	struct bh_call call = { .format = format };
	cJSON *map = bh_answer_parse(json);

	assert_non_null(map);
	catch_output(stdout);
	bh_map_print(&call, map);
	cJSON_Delete(map);
	return caught_output();
}

static void assert_prints(const char *json, const char *format, const char *expected)
{
	char *text = print(json, format);

	assert_string_equal(text, expected);
	free(text);
}

static void dot_of_hostile_names(void **state)
{
	(void)state;
	assert_prints(HOSTILE, "dot",
		      "digraph bulkhead {\n  rankdir=LR;\n  node [shape=box];\n"
		      "  subgraph cluster_0 {\n    label=\"outside\";\n"
		      "    \"a\\\\\" [style=dashed];\n"
		      "    \"`<b>#35;&\" [style=dashed];\n  }\n"
		      "  subgraph cluster_1 {\n    label=\"workloads\";\n"
		      "    \"a\\\"b\" [style=solid];\n"
		      "    \"x?y]\" [style=solid];\n  }\n"
		      "  \"a\\\"b\" -> \"a\\\\\" [label=\"443/tcp · 20.0 k\"];\n"
		      "  \"x?y]\" -> \"`<b>#35;&\" [label=\"icmp/8:0 · 3 denied\", color=red, "
		      "fontcolor=red, style=dashed];\n"
		      "}\n");
}

static void mermaid_of_hostile_names(void **state)
{
	(void)state;
	assert_prints(HOSTILE, "mermaid",
		      "flowchart LR\n"
		      "  subgraph g0[\"outside\"]\n"
		      "    n0([\"a\\\"])\n"
		      "    n1([\"#96;#60;b#62;#35;35;#38;\"])\n  end\n"
		      "  subgraph g1[\"workloads\"]\n"
		      "    n2[\"a#34;b\"]\n"
		      "    n3[\"x?y]\"]\n  end\n"
		      "  n2 -->|\"443/tcp · 20.0 k\"| n0\n"
		      "  n3 -.->|\"icmp/8:0 · 3 denied\"| n1\n"
		      "  linkStyle 1 stroke:#c00,color:#c00\n");
}

static void csv_of_hostile_names(void **state)
{
	(void)state;
	assert_prints(HOSTILE, "csv",
		      "src,src_group,dst,dst_group,proto,port,connections,answered,denied,bytes,"
		      "last\r\n"
		      "\"a\"\"b\",workloads,a\\,outside,tcp,443,20000,,0,,\r\n"
		      "x?y],workloads,`<b>#35;&,outside,icmp,2048,0,,3,,\r\n");
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("%s is not in %s", part, text);
}

static void xml_of_hostile_names(void **state)
{
	static const char *const formats[] = { "graphml", "svg" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *text = print(HOSTILE, formats[i]);

		assert_has(text, "`&lt;b&gt;#35;&amp;");
		assert_has(text, "a&quot;b");
		assert_has(text, "x?y]");
		assert_null(strstr(text, "<b>"));
		free(text);
	}
	/* What no XML can hold. */
	char *text =
		print("{\"nodes\":[{\"id\":\"a\xef\xbf\xbe\xef\xbf\xbfz\",\"kind\":\"host\"}]}",
		      "graphml");
	assert_has(text, ">a??z<");
	free(text);
}

static void graphml_has_groups_and_counts(void **state)
{
	char *text;

	(void)state;
	text = print(
		"{\"nodes\":[{\"id\":\"compose:shop/web\",\"kind\":\"workload\",\"mode\":\"learn\","
		"\"instances\":2},{\"id\":\"web\",\"kind\":\"workload\",\"group\":\"mine\"}],"
		"\"edges\":[{\"src\":\"compose:shop/web\",\"dst\":\"web\",\"proto\":\"tcp\","
		"\"port\":80,\"connections\":7,\"denied\":0,\"bytes\":null,\"last\":5.5}]}",
		"graphml");
	assert_has(text, "<data key=\"node.label\">compose:shop</data>");
	assert_has(text, "<data key=\"node.label\">mine</data>");
	assert_has(text, "<data key=\"node.instances\">2</data>");
	assert_has(text, "<edge id=\"e0\" source=\"n0\" target=\"n1\">\n"
			 "      <data key=\"edge.proto\">tcp</data>\n"
			 "      <data key=\"edge.port\">80</data>\n"
			 "      <data key=\"edge.connections\">7</data>\n"
			 "      <data key=\"edge.denied\">0</data>\n"
			 "      <data key=\"edge.last\">5.500000</data>\n    </edge>");
	free(text);
}

/* Circles, a node that calls itself, ends that are in no list: each node and each line once. */
static void a_picture_of_circles(void **state)
{
	char *text;
	size_t boxes = 0, lines = 0;

	(void)state;
	text = print("{\"nodes\":[{\"id\":\"a\",\"kind\":\"workload\"},{\"id\":\"a\"}],\"edges\":["
		     "{\"src\":\"a\",\"dst\":\"b\",\"proto\":\"tcp\",\"port\":1},"
		     "{\"src\":\"b\",\"dst\":\"c\",\"proto\":\"tcp\",\"port\":1},"
		     "{\"src\":\"c\",\"dst\":\"a\",\"proto\":\"tcp\",\"port\":1},"
		     "{\"src\":\"a\",\"dst\":\"b\",\"proto\":\"tcp\",\"port\":2,\"denied\":1},"
		     "{\"src\":\"c\",\"dst\":\"c\",\"proto\":\"tcp\",\"port\":1}]}",
		     "svg");
	for (const char *at = text; (at = strstr(at, "<rect class=\"box")) != NULL; at++)
		boxes++;
	for (const char *at = text; (at = strstr(at, "<path class=\"line")) != NULL; at++)
		lines++;
	assert_int_equal(boxes, 3);
	assert_int_equal(lines, 4);
	assert_has(text, ">2/tcp · 1 denied +1<");
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	free(text);
}

/* The heaviest first, what is denied before it; a workload that is silent has its line, an address
 * that is only called has none. */
static void a_tree_for_people(void **state)
{
	static const char answer[] =
		"{\"nodes\":[{\"id\":\"k8s:prod/deploy/"
		"api\",\"kind\":\"workload\",\"mode\":\"learn\"},"
		"{\"id\":\"compose:shop/db\",\"kind\":\"workload\"},"
		"{\"id\":\"compose:shop/web\",\"kind\":\"workload\",\"instances\":2},"
		"{\"id\":\"10.0.0.9\",\"kind\":\"address\"}],\"edges\":["
		"{\"src\":\"compose:shop/web\",\"dst\":\"10.0.0.9\",\"proto\":\"tcp\",\"port\":443,"
		"\"connections\":5,\"bytes\":10},"
		"{\"src\":\"compose:shop/web\",\"dst\":\"compose:shop/db\",\"proto\":\"tcp\","
		"\"port\":5432,\"connections\":20000,\"bytes\":20},"
		"{\"src\":\"compose:shop/web\",\"dst\":\"compose:shop/db\",\"proto\":\"tcp\","
		"\"port\":22,\"connections\":0,\"denied\":3,\"bytes\":null}]}";

	(void)state;
	assert_prints(answer, "table",
		      "WHO                             PORT      CONNECTIONS  DENIED  BYTES  LAST\n"
		      "compose:shop\n"
		      "  compose:shop/web  ×2\n"
		      "    ✗ compose:shop/db           22/tcp              0       3      ?     -\n"
		      "    → compose:shop/db           5432/tcp       20.0 k             20     -\n"
		      "    → 10.0.0.9                  443/tcp             5             10     -\n"
		      "  compose:shop/db\n"
		      "k8s:prod\n"
		      "  k8s:prod/deploy/api  (learn)\n");
}

/* In the end every string is closed, whatever the name. */
static void strings_of_dot_are_closed(void **state)
{
	static const char *const names[] = { "\\\\", "\\\"", "\\\\\\\"", "\\\"\\\\", "" };
	char json[200];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool inside = false;

		snprintf(json, sizeof(json), "{\"nodes\":[{\"id\":\"%s\",\"kind\":\"host\"}]}",
			 names[i]);
		char *text = print(json, "dot");
		for (const char *c = text; *c != '\0'; c++) {
			if (inside && *c == '\\' && c[1] != '\0')
				c++;
			else if (*c == '"')
				inside = !inside;
			else
				assert_false(inside && *c == '\n');
		}
		assert_false(inside);
		free(text);
	}
}

static void answers_of_another_shape(void **state)
{
	(void)state;
	assert_prints("{}", "dot", "digraph bulkhead {\n  rankdir=LR;\n  node [shape=box];\n}\n");
	assert_prints("{\"nodes\":5,\"edges\":\"x\"}", "mermaid", "flowchart LR\n");
	assert_prints("{\"nodes\":[]}", "table", "Nobody is known yet.\n");
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dot_of_hostile_names),
		cmocka_unit_test(mermaid_of_hostile_names),
		cmocka_unit_test(csv_of_hostile_names),
		cmocka_unit_test(xml_of_hostile_names),
		cmocka_unit_test(graphml_has_groups_and_counts),
		cmocka_unit_test(a_picture_of_circles),
		cmocka_unit_test(a_tree_for_people),
		cmocka_unit_test(strings_of_dot_are_closed),
		cmocka_unit_test(answers_of_another_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
