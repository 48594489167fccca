/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "bulkhead/error.h"
#include "utf8.h"

static void an_error_says_what_and_where(void **state)
{
	struct bh_error err = { 0 };

	(void)state;
	assert_int_equal(bh_error_set(&err, -ENOENT, "no %s", "file"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "no file");
	assert_int_equal(bh_error_wrap(&err, "policy %d", 3), -ENOENT);
	assert_int_equal(bh_error_wrap(&err, "apply"), -ENOENT);
	assert_string_equal(err.text, "apply: policy 3: no file");
	/* The next one replaces it. */
	bh_error_set(&err, -EIO, "other");
	assert_int_equal(err.code, -EIO);
	assert_string_equal(err.text, "other");
}

static void nobody_has_to_ask_for_one(void **state)
{
	(void)state;
	assert_int_equal(bh_error_set(NULL, -EIO, "x"), -EIO);
	assert_true(bh_error_wrap(NULL, "x") < 0);
}

static bool is_utf8(const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		size_t bytes = bh_utf8_length(text, length);

		if (bytes == 0)
			return false;
		text += bytes;
		length -= bytes;
	}
	return true;
}

/* What does not fit is cut, between two characters: the text goes out as JSON. */
static void what_does_not_fit_is_cut(void **state)
{
	struct bh_error err = { 0 };
	char text[3001] = "";

	(void)state;
	for (size_t i = 0; i < 3000; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	for (int shift = 0; shift < 3; shift++) {
		bh_error_set(&err, -EINVAL, "%.*s%s", shift, "ab", text);
		assert_in_range(strlen(err.text), sizeof(err.text) - 3, sizeof(err.text) - 1);
		assert_true(is_utf8(err.text));
		bh_error_wrap(&err, "context");
		assert_int_equal(memcmp(err.text, "context: ", 9), 0);
		assert_in_range(strlen(err.text), sizeof(err.text) - 3, sizeof(err.text) - 1);
		assert_true(is_utf8(err.text));
		assert_int_equal(bh_error_wrap(&err, "%s", text), -EINVAL);
		assert_in_range(strlen(err.text), sizeof(err.text) - 3, sizeof(err.text) - 1);
		assert_true(is_utf8(err.text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_says_what_and_where),
		cmocka_unit_test(nobody_has_to_ask_for_one),
		cmocka_unit_test(what_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
