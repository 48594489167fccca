/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "hook_state.h"

static int read_text(const char *text, struct bh_hook_state *state)
{
	struct bh_error err = { 0 };
	int result = bh_hook_state_read(text, strlen(text), state, &err);

	assert_true((result == 0) == (err.text[0] == '\0'));
	return result;
}

static void what_runtimes_write_is_read(void **test)
{
	struct bh_hook_state state;

	(void)test;
	assert_int_equal(
		read_text("{\"ociVersion\":\"1.0.2-dev\",\"id\":\"c1\",\"status\":\"creating\","
			  "\"pid\":4422,\"bundle\":\"/run/b\",\"annotations\":{\"id\":\"other\","
			  "\"pid\":\"1\"}}",
			  &state),
		0);
	assert_string_equal(state.id, "c1");
	assert_int_equal(state.pid, 4422);
	assert_int_equal(read_text("{\"pid\":2147483647,\"id\":\"x\"}", &state), 0);
	assert_int_equal(state.pid, INT32_MAX);
}

#define DIGITS "0123456789abcdef"
#define TOO_LONG "{\"pid\":1,\"id\":\"" DIGITS DIGITS DIGITS DIGITS "x\"}"

static void anything_else_is_refused(void **test)
{
	static const char *const texts[] = {
		"",
		"null",
		"[{\"id\":\"x\",\"pid\":1}]",
		"{\"id\":\"x\",\"pid\":1",
		"{\"id\":\"x\"}",
		"{\"pid\":1}",
		"{\"id\":\"\",\"pid\":1}",
		"{\"id\":\"a b\",\"pid\":1}",
		"{\"id\":\"a\\u001bb\",\"pid\":1}",
		"{\"id\":\"\xc3\xa4\",\"pid\":1}",
		"{\"id\":1,\"pid\":1}",
		"{\"id\":\"x\",\"pid\":0}",
		"{\"id\":\"x\",\"pid\":-4}",
		"{\"id\":\"x\",\"pid\":2147483648}",
		"{\"id\":\"x\",\"pid\":1e400}",
		"{\"id\":\"x\",\"pid\":\"1\"}",
		TOO_LONG,
	};
	struct bh_hook_state state;

	(void)test;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(read_text(texts[i], &state), -EINVAL);
}

static size_t find(size_t count, const char *const *words)
{
	/* A runtime's words are main()'s, without const; they are left alone. */
	return bh_hook_command(count, (char *const *)(uintptr_t)words);
}

#define WORDS(...) ((const char *const[]) { __VA_ARGS__ })
#define COMMAND(...) find(sizeof(WORDS(__VA_ARGS__)) / sizeof(char *), WORDS(__VA_ARGS__))

static void a_runtimes_command_is_found_behind_its_options(void **test)
{
	(void)test;
	assert_int_equal(COMMAND("start", "c1"), 0);
	assert_int_equal(COMMAND("--root", "start", "--log-format", "json", "start", "c1"), 4);
	assert_int_equal(COMMAND("--root=/r", "--debug", "--systemd-cgroup", "start", "c1"), 3);
	assert_int_equal(COMMAND("--version"), 1);
	assert_true(COMMAND("--root") >= 1);
	assert_int_equal(bh_hook_command(0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_runtimes_write_is_read),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_runtimes_command_is_found_behind_its_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
