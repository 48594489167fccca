/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The number that stands for what is in the tables, and the file that keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "rulesets.h"

static uint64_t after(struct bh_nft_state *have, struct bh_nft_state *want)
{
	struct bh_diff diff;

	bh_nft_diff(have, want, &diff);
	uint64_t digest = bh_digest_after(bh_digest_state(have), have, want, &diff);
	bh_diff_free(&diff);
	return digest;
}

static void test_transactions_lead_from_one_to_the_other(void **state)
{
	struct bh_ruleset *more = two_workloads(BH_ENFORCE);

	(void)state;
	add_permit(&more->chains[0], BH_PERMIT_PREFIX, IPPROTO_TCP, 80, 90, "192.0.2.0/24");
	struct bh_nft_state *states[] = { bh_nft_state_new(), desire(two_workloads(BH_AUDIT)),
					  desire(two_workloads(BH_ENFORCE)), desire(more) };
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 4; j++) {
			assert_true(after(states[i], states[j]) == bh_digest_state(states[j]));
			assert_true((bh_digest_state(states[i]) == bh_digest_state(states[j])) ==
				    (i == j));
		}
	for (size_t i = 0; i < 4; i++)
		bh_nft_state_free(states[i]);
}

/* A table that cannot be converted goes, and comes anew. */
static void test_a_table_made_anew(void **state)
{
	struct bh_nft_state *have = desire(two_workloads(BH_ENFORCE)),
			    *want = desire(two_workloads(BH_ENFORCE));

	(void)state;
	have->tables[0].flags = 1; /* dormant */
	assert_true(after(have, want) == bh_digest_state(want));
	bh_nft_table_set(&have->tables[0], "managed")->catchall = true;
	assert_true(bh_digest_state(have) != bh_digest_state(want));
	assert_true(after(have, want) == bh_digest_state(want));
	bh_nft_state_free(have);
	bh_nft_state_free(want);
}

static void test_the_file(void **state)
{
	char path[] = "/tmp/bh-digest-XXXXXX";
	const uint64_t digests[2] = { 1, UINT64_MAX };
	uint64_t got[2];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bh_digest_write(path, digests, NULL), 0);
	assert_int_equal(bh_digest_read(path, got, NULL), 0);
	assert_memory_equal(got, digests, sizeof(got));
	assert_int_equal(ftruncate(fd, 0), 0);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs("2 00 11\n", file);
	fclose(file);
	assert_int_equal(bh_digest_read(path, got, NULL), -EINVAL);
	unlink(path);
	close(fd);
	assert_int_equal(bh_digest_read(path, got, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transactions_lead_from_one_to_the_other),
		cmocka_unit_test(test_a_table_made_anew),
		cmocka_unit_test(test_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
