/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "grow.h"
#include "printed.h"

#define MOST_CALLED 12

/* Splits at spaces; "_" stands for an empty word. The words live until the next call. */
static int parse(const char *line, struct bh_call *call)
{
	static char *copy;
	char *words[MOST_CALLED + 1] = { NULL }, *rest = NULL;
	int count = 0;

	free(copy);
	copy = bh_strdup(line);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL && count < MOST_CALLED;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = strcmp(word, "_") == 0 ? word + 1 : word;
	*call = (struct bh_call) { .socket = "default", .format = "table", .color = true };
	return bh_call_parse(call, count, words);
}

/* --- wrong calls ------------------------------------------------------------------------------ */

static const struct {
	const char *line, *message;
} wrong[] = {
	{ "", "a command is missing; see: bulkhead help" },
	{ "--no-color", "a command is missing; see: bulkhead help" },
	{ "sttaus", "there is no command sttaus; did you mean status?" },
	{ "frobnicate", "there is no command frobnicate; see: bulkhead help" },
	{ "policy", "policy needs another word; see: bulkhead help policy" },
	{ "policy porpose", "there is no command policy porpose; did you mean policy propose?" },
	{ "policy x", "there is no command policy x; see: bulkhead help policy" },
	{ "polic propose", "there is no command polic; did you mean policy?" },
	{ "status now", "status: one word too many: now; usage: bulkhead status" },
	{ "status _", "status: one word too many: ; usage: bulkhead status" },
	{ "edges a b", "edges: one word too many: b; usage: bulkhead edges [WORKLOAD]" },
	{ "policy apply", "usage: bulkhead policy apply FILE" },
	{ "explain a b c d",
	  "explain: one word too many: d; usage: bulkhead explain [SRC DST PORT[/PROTO]]" },
	{ "mode web", "usage: bulkhead mode WORKLOAD|all learn|audit|stage1|enforce" },
	{ "mode web stop", "mode takes learn, audit, stage1 or enforce, not \"stop\"" },
	{ "mode web enforec",
	  "mode takes learn, audit, stage1 or enforce, not \"enforec\"; did you mean enforce?" },
	{ "lab", "usage: bulkhead lab up|down|attack|report" },
	{ "lab dwon", "lab takes up, down, attack or report, not \"dwon\"; did you mean down?" },
	{ "completion powershell", "completion takes bash or zsh, not \"powershell\"" },
	{ "policy rollback first", "policy rollback takes a number, not \"first\"" },
	{ "flows --limit", "--limit needs a value: N" },
	{ "flows --limit ten", "--limit takes a number, not \"ten\"" },
	{ "flows --limit=", "--limit takes a number, not \"\"" },
	{ "flows --limit --follow", "--limit takes a number, not \"--follow\"" },
	{ "flows --verdict=lost",
	  "--verdict takes delivered, undelivered, denied or unknown, not \"lost\"" },
	{ "flows --folow", "flows does not take --folow; did you mean --follow?" },
	{ "flows --xyzzy", "flows does not take --xyzzy; see: bulkhead help flows" },
	{ "status --follow", "status does not take --follow; see: bulkhead help status" },
	{ "flows --follow=yes", "--follow takes no value" },
	{ "status --no-color=1", "--no-color takes no value" },
	{ "status --socket", "--socket needs a value: PATH" },
	{ "status -x", "status: one word too many: -x; usage: bulkhead status" },
	{ "--limit 3 flows", "--limit does not stand before a command; see: bulkhead help" },
	{ "--format", "--format needs a value: table|json" },
	{ "status --format xml", "--format takes table or json, not \"xml\"" },
	{ "--format dot status", "--format takes table or json, not \"dot\"" },
	{ "map --format=png",
	  "--format takes table, json, dot, mermaid, graphml, csv or svg, not \"png\"" },
	{ "completion bash --format json",
	  "completion takes no --format: it prints no table and no JSON" },
	{ "--format json panic", "panic takes no --format: it prints no table and no JSON" },
	{ "--format json daemon", "daemon takes no option before it; see: bulkhead help daemon" },
	{ "status -- --format", "status: one word too many: --format; usage: bulkhead status" },
	{ "-- status", "-- does not stand before a command; see: bulkhead help" },
};

static void wrong_calls_are_refused_in_words(void **state)
{
	char expected[300];
	struct bh_call call;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		catch_output(stderr);
		int result = parse(wrong[i].line, &call);
		char *said = caught_output();

		snprintf(expected, sizeof(expected), "bulkhead: %s\n", wrong[i].message);
		if (result != BH_EXIT_USAGE || strcmp(said, expected) != 0)
			fail_msg("bulkhead %s\nsays (%d):  %sexpected: %s", wrong[i].line, result,
				 said, expected);
		free(said);
	}
}

static void a_terminal_obeys_no_complaint(void **state)
{
	struct bh_call call;

	(void)state;
	catch_output(stderr);
	assert_int_equal(parse("\033[2J\xe2\x80\xae", &call), BH_EXIT_USAGE);
	char *said = caught_output();
	assert_string_equal(said, "bulkhead: there is no command ?[2J?; see: bulkhead help\n");
	free(said);
}

/* --- right calls ------------------------------------------------------------------------------ */

static void parse_right(const char *line, struct bh_call *call)
{
	if (parse(line, call) != 0)
		fail_msg("bulkhead %s is refused", line);
}

static void options_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"--socket /s --format json --no-color edges web",
		"edges --socket=/s web --format=json --no-color",
		"edges web --no-color --socket /s --format json",
		"--format table edges --format json --no-color --socket /s -- web",
	};
	struct bh_call call;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		parse_right(lines[i], &call);
		assert_string_equal(call.command->name, "edges");
		assert_string_equal(call.socket, "/s");
		assert_string_equal(call.format, "json");
		assert_true(call.json);
		assert_false(call.color);
		assert_int_equal(call.argument_count, 1);
		assert_string_equal(call.arguments[0], "web");
	}
}

static void the_last_word_about_a_format_counts(void **state)
{
	struct bh_call call;

	(void)state;
	parse_right("--format json status --format table", &call);
	assert_false(call.json);
	parse_right("--format dot map", &call);
	assert_string_equal(call.format, "dot");
}

static void values_as_they_are(void **state)
{
	struct bh_call call;

	(void)state;
	parse_right("policy apply --why=a=b=c file", &call);
	assert_string_equal(bh_call_option(&call, "why"), "a=b=c");
	assert_string_equal(call.arguments[0], "file");
	parse_right("policy apply --why= file", &call);
	assert_string_equal(bh_call_option(&call, "why"), "");
	parse_right("policy apply -", &call);
	assert_string_equal(call.arguments[0], "-");
	parse_right("policy apply -- --why", &call);
	assert_string_equal(call.arguments[0], "--why");
	assert_null(bh_call_option(&call, "why"));
	parse_right("flows --follow", &call);
	assert_string_equal(bh_call_option(&call, "follow"), "");
	assert_null(bh_call_option(&call, "limit"));
	assert_null(bh_call_option(&call, "no such option"));
}

static void defaults(void **state)
{
	struct bh_call call;

	(void)state;
	parse_right("edges", &call);
	assert_string_equal(call.socket, "default");
	assert_string_equal(call.format, "table");
	assert_false(call.json);
	assert_true(call.color);
	assert_int_equal(call.argument_count, 0);
}

/* A command that reads its own words gets all of them. */
static void raw_words(void **state)
{
	struct bh_call call;

	(void)state;
	parse_right("daemon --config x --foreground", &call);
	assert_int_equal(call.argc, 4);
	assert_string_equal(call.argv[0], "daemon");
	assert_string_equal(call.argv[3], "--foreground");
}

/* --- the table itself ------------------------------------------------------------------------- */

static void every_command_explains_itself(void **state)
{
	(void)state;
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		const char *needed[] = { c->arguments, c->help, c->example };

		for (size_t i = 0; i < 3; i++)
			if (needed[i] == NULL)
				fail_msg("%s lacks a text", c->name);
		if (strstr(c->example, c->name) == NULL)
			fail_msg("the example of %s shows something else: %s", c->name, c->example);
		assert_non_null(c->run);
		assert_true(c->least <= c->most && c->most <= BH_MOST_ARGUMENTS);
		/* The last one ends the list. */
		assert_null(c->options[BH_MOST_OPTIONS - 1].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_calls_are_refused_in_words),
		cmocka_unit_test(a_terminal_obeys_no_complaint),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(the_last_word_about_a_format_counts),
		cmocka_unit_test(values_as_they_are),
		cmocka_unit_test(defaults),
		cmocka_unit_test(raw_words),
		cmocka_unit_test(every_command_explains_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
