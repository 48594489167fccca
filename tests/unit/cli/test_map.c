/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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
		      "  \"a\\\"b\" [style=solid];\n"
		      "  \"a\\\\\" [style=dashed];\n"
		      "  \"x?y]\" [style=solid];\n"
		      "  \"`<b>#35;&\" [style=dashed];\n"
		      "  \"a\\\"b\" -> \"a\\\\\" [label=\"443/tcp\"];\n"
		      "  \"x?y]\" -> \"`<b>#35;&\" [label=\"icmp/8:0\", color=red];\n"
		      "}\n");
}

static void mermaid_of_hostile_names(void **state)
{
	(void)state;
	assert_prints(HOSTILE, "mermaid",
		      "flowchart LR\n"
		      "  n0[\"a#34;b\"]\n"
		      "  n1[\"a\\\"]\n"
		      "  n2[\"x?y]\"]\n"
		      "  n3[\"#96;#60;b#62;#35;35;#38;\"]\n"
		      "  n0 -->|\"443/tcp\"| n1\n"
		      "  n2 -.->|\"icmp/8:0\"| n3\n");
}

static void a_tree_for_people(void **state)
{
	(void)state;
	assert_prints(HOSTILE, "table",
		      "a\"b  (learn)\n  → a\\  443/tcp  20.0 k\na\\\nx?y]\n"
		      "  → `<b>#35;&  icmp/8:0  3 refused\n`<b>#35;&\n");
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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dot_of_hostile_names),
		cmocka_unit_test(mermaid_of_hostile_names),
		cmocka_unit_test(a_tree_for_people),
		cmocka_unit_test(strings_of_dot_are_closed),
		cmocka_unit_test(answers_of_another_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
