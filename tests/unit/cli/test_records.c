/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "printed.h"
#include "records.h"

#define LINES 500

/* As many threads, and as many bytes at once. */
static const struct bh_records_config ways[] = {
	{ 1, 1 << 20 }, { 1, 1 }, { 1, 700 }, { 2, 64 }, { 4, 1000 }, { 8, 1 }, { 8, 1 << 20 },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void put_flow(FILE *file, int time, int service)
{
	fprintf(file,
		"{\"first\":%d,\"last\":%d,\"proto\":\"tcp\",\"src\":{\"ip\":\"10.0.0.1\","
		"\"port\":1,\"workload\":\"s%d\"},\"dst\":{\"ip\":\"10.0.0.2\",\"port\":80,"
		"\"workload\":\"%0*d\"},\"state\":\"closed\",\"direction\":\"syn\"}",
		time, time + 1, service, service % 50 + 1, service);
}

static FILE *make(char *path)
{
	FILE *file = fdopen(mkstemp(path), "w");

	assert_non_null(file);
	return file;
}

/* Lines of every length, some of them empty, and none behind the last. */
static void write_lines(FILE *file, bool in_order)
{
	for (int i = 0; i < LINES; i++) {
		put_flow(file, in_order ? i / 3 : i * 37 % 100, i);
		fputs(i % 11 == 0 ? "\n\n" : i < LINES - 1 ? "\n" : "", file);
	}
	fclose(file);
}

static void read_everything(const char *path, bool in_order)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct bh_records r;
		int64_t time = INT64_MIN;
		size_t line = 0;

		assert_int_equal(bh_records_read(path, &ways[way], &r), BH_EXIT_DONE);
		assert_int_equal(r.count, LINES);
		for (size_t i = 0; i < r.count; i++) {
			const struct bh_record *one = &r.items[i];
			int service = atoi(one->src->name + 1);

			assert_true(one->first > time || (one->first == time && one->line > line));
			assert_int_equal(one->first / 1000000,
					 in_order ? service / 3 : service * 37 % 100);
			assert_int_equal(one->line, service + 1 + (service + 10) / 11);
			assert_int_equal(atoi(one->dst->name), service);
			time = one->first;
			line = one->line;
		}
		bh_records_free(&r);
	}
}

static void however_it_is_read_it_is_the_same(void **state)
{
	(void)state;
	for (int in_order = 0; in_order < 2; in_order++) {
		char path[] = "/tmp/bulkhead-records-XXXXXX";

		write_lines(make(path), in_order);
		read_everything(path, in_order);
		unlink(path);
	}
}

static void assert_refused(const char *path, const struct bh_records_config *config,
			   const char *wanted)
{
	struct bh_records r;

	catch_output(stderr);
	int result = bh_records_read(path, config, &r);
	char *said = caught_output();
	assert_int_equal(result, BH_EXIT_UNREACHABLE);
	if (strncmp(said, wanted, strlen(wanted)) != 0)
		fail_msg("%s", said);
	free(said);
	bh_records_free(&r);
}

/* Whoever comes to it first: what is complained about is the first line that is no flow. */
static void the_first_that_is_wrong_is_named(void **state)
{
	char path[] = "/tmp/bulkhead-records-XXXXXX", wanted[128];
	FILE *file = make(path);

	(void)state;
	for (int i = 0; i < LINES; i++) {
		if (i == 300 || i == 301 || i == 400)
			fprintf(file, "{\"broken\":%d", i);
		else
			put_flow(file, i, i);
		fputs("\n", file);
	}
	fclose(file);
	snprintf(wanted, sizeof(wanted), "bulkhead: %s:301: a JSON object expected", path);
	for (size_t way = 0; way < WAYS; way++)
		for (int again = 0; again < 20; again++)
			assert_refused(path, &ways[way], wanted);
	unlink(path);
}

/* Who begins with a line that is wrong is done long before who ends with one. */
static void the_first_is_named_though_a_later_one_is_found_before(void **state)
{
	char path[] = "/tmp/bulkhead-records-XXXXXX", wanted[128];
	struct bh_records_config config = { .threads = 2 };
	FILE *file = make(path);

	(void)state;
	for (int i = 1; i < LINES; i++) {
		put_flow(file, i, i);
		fputs("\n", file);
	}
	fputs("broken\n", file);
	config.block = (size_t)ftell(file);
	fputs("broken\n", file);
	fclose(file);
	snprintf(wanted, sizeof(wanted), "bulkhead: %s:%d: a JSON object expected", path, LINES);
	for (int again = 0; again < 50; again++)
		assert_refused(path, &config, wanted);
	unlink(path);
}

static void nothing_is_nothing(void **state)
{
	char path[] = "/tmp/bulkhead-records-XXXXXX";
	struct bh_records r;

	(void)state;
	fclose(make(path));
	assert_int_equal(bh_records_read(path, &ways[4], &r), BH_EXIT_DONE);
	assert_int_equal(r.count, 0);
	bh_records_free(&r);
	unlink(path);
	assert_int_equal(bh_records_read(path, &ways[4], &r), BH_EXIT_UNREACHABLE);
	bh_records_free(&r);
	/* A folder can be opened, and not be read. */
	assert_int_equal(bh_records_read("/tmp", &ways[4], &r), BH_EXIT_UNREACHABLE);
	bh_records_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(however_it_is_read_it_is_the_same),
		cmocka_unit_test(the_first_that_is_wrong_is_named),
		cmocka_unit_test(the_first_is_named_though_a_later_one_is_found_before),
		cmocka_unit_test(nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
