/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "rulesets.h"

struct pair {
	struct bh_nft_state *have, *want;
	struct bh_diff diff;
};

static struct pair diff_of(struct bh_nft_state *have, struct bh_nft_state *want)
{
	struct pair p = { have, want, { 0 } };

	bh_nft_diff(have, want, &p.diff);
	return p;
}

static void done(struct pair *p)
{
	bh_diff_free(&p->diff);
	bh_nft_state_free(p->have);
	bh_nft_state_free(p->want);
}

static size_t count(const struct bh_diff *diff, enum bh_step_kind kind)
{
	size_t found = 0;

	for (size_t i = 0; i < diff->count; i++)
		found += diff->steps[i].kind == kind;
	return found;
}

static void test_equal_states_need_no_step(void **state)
{
	struct pair p =
		diff_of(desire(two_workloads(BH_ENFORCE)), desire(two_workloads(BH_ENFORCE)));

	(void)state;
	assert_int_equal(p.diff.count, 0);
	assert_int_equal(p.diff.change.elements, 0);
	done(&p);
}

static void test_everything_from_nothing(void **state)
{
	struct pair p = diff_of(bh_nft_state_new(), desire(two_workloads(BH_ENFORCE)));

	(void)state;
	assert_int_equal(count(&p.diff, BH_STEP_ADD_TABLE), 2);
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_TABLE), 0);
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		assert_true(p.want->tables[i].chain_count > 0);
	assert_int_equal(p.diff.change.chains,
			 p.want->tables[0].chain_count + p.want->tables[1].chain_count);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_CHAIN), p.diff.change.chains);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_SET),
			 p.want->tables[0].set_count + p.want->tables[1].set_count);
	done(&p);
}

static void test_nothing_from_everything(void **state)
{
	struct pair p = diff_of(desire(two_workloads(BH_ENFORCE)), desire(bh_ruleset_new()));

	(void)state;
	assert_int_equal(p.diff.count, 2);
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_TABLE), 2);
	done(&p);
}

static void test_steps_are_in_order(void **state)
{
	struct bh_ruleset *other = two_workloads(BH_AUDIT);

	(void)state;
	add_chain(other, "job", BH_EGRESS, BH_AUDIT);
	add_chain(other, "job", BH_INGRESS, BH_AUDIT);
	struct pair p = diff_of(desire(two_workloads(BH_ENFORCE)), desire(other));
	assert_true(p.diff.count > 10);
	for (size_t i = 1; i < p.diff.count; i++)
		assert_true(p.diff.steps[i - 1].kind <= p.diff.steps[i].kind);
	done(&p);
}

static void test_a_new_endpoint_is_elements_only(void **state)
{
	struct bh_ruleset *more = two_workloads(BH_ENFORCE);

	(void)state;
	add_permit(&more->chains[0], BH_PERMIT_PEER, IPPROTO_TCP, 5432, 5432, "10.0.0.3");
	add_binding(more, "br0", "10.0.0.3", 2, 3);
	add_port(more, "vc", true, BH_ENFORCE, "db", "02:00:00:00:00:03", "10.0.0.3");
	struct pair p = diff_of(desire(two_workloads(BH_ENFORCE)), desire(more));
	assert_int_equal(count(&p.diff, BH_STEP_ADD_ELEMENTS), p.diff.count);
	/* Permission; five maps; port thrice; MAC twice; binding, and of ARP; owned, in both
	 * tables. */
	assert_int_equal(p.diff.change.elements, 15);
	assert_int_equal(p.diff.change.chains, 0);
	assert_int_equal(p.diff.change.sets, 0);
	struct pair back = diff_of(p.want, p.have);
	assert_int_equal(count(&back.diff, BH_STEP_DELETE_ELEMENTS), back.diff.count);
	assert_int_equal(back.diff.change.elements, 15);
	bh_diff_free(&back.diff);
	done(&p);
}

static void test_an_address_that_changes_hands(void **state)
{
	struct bh_ruleset *other = two_workloads(BH_ENFORCE);

	(void)state;
	other->bindings[0].egress = 2;
	other->bindings[0].ingress = 3;
	struct pair p = diff_of(desire(two_workloads(BH_ENFORCE)), desire(other));
	/* Out and in again, with the other target, in each of the five maps. */
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_ELEMENTS), 5);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_ELEMENTS), 5);
	assert_int_equal(p.diff.change.elements, 10);
	done(&p);
}

static void test_a_mode_change_rewrites_two_chains(void **state)
{
	struct bh_ruleset *other = two_workloads(BH_ENFORCE);

	(void)state;
	other->chains[0].mode = BH_AUDIT;
	struct pair p = diff_of(desire(two_workloads(BH_ENFORCE)), desire(other));
	assert_int_equal(p.diff.count, 4);
	assert_int_equal(count(&p.diff, BH_STEP_FLUSH_CHAIN), 2);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_RULES), 2);
	assert_int_equal(p.diff.steps[0].chain->name[0], 'e');
	done(&p);
}

/* Everything about the last endpoint of a workload: ranges, protocols, ports, bindings. */
static struct bh_ruleset *with_job(bool present)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);
	struct bh_chain *egress = add_chain(rules, "job", BH_EGRESS, BH_ENFORCE);

	*bh_chain_add_permit(egress) = (struct bh_permit) {
		.kind = BH_PERMIT_PLACE, .proto = IPPROTO_UDP, .port_first = 1, .port_last = 9
	};
	*bh_chain_add_permit(egress) =
		(struct bh_permit) { .kind = BH_PERMIT_PLACE, .proto = IPPROTO_GRE };
	if (present) {
		add_permit(egress, BH_PERMIT_PEER, IPPROTO_UDP, 1, 9, "10.0.0.3");
		add_permit(egress, BH_PERMIT_PEER, IPPROTO_GRE, 0, 0, "10.0.0.3");
	}
	add_chain(rules, "job", BH_INGRESS, BH_ENFORCE);
	if (present) {
		add_binding(rules, "br0", "10.0.0.3", 4, 5);
		add_port(rules, "vc", true, BH_ENFORCE, "job", "02:00:00:00:00:03", "10.0.0.3");
	}
	return rules;
}

static void test_the_last_endpoint_that_goes_is_elements_only(void **state)
{
	struct pair p = diff_of(desire(with_job(true)), desire(with_job(false)));

	(void)state;
	assert_true(p.diff.count > 0);
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_ELEMENTS), p.diff.count);
	done(&p);
}

static void test_a_workload_that_goes(void **state)
{
	struct bh_ruleset *more = two_workloads(BH_ENFORCE);

	(void)state;
	add_permit(add_chain(more, "job", BH_EGRESS, BH_ENFORCE), BH_PERMIT_WORLD, IPPROTO_TCP, 443,
		   443, NULL);
	add_chain(more, "job", BH_INGRESS, BH_ENFORCE);
	struct pair p = diff_of(desire(more), desire(two_workloads(BH_ENFORCE)));
	/* Four, and two for what its ports may send and receive. */
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_CHAIN), 6);
	assert_int_equal(count(&p.diff, BH_STEP_FLUSH_CHAIN), 6);
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_SET), 5);
	assert_int_equal(p.diff.count, 17);
	done(&p);
}

static void test_an_orphan_is_taken_over(void **state)
{
	struct bh_nft_state *have = desire(two_workloads(BH_ENFORCE));

	(void)state;
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		have->tables[i].flags = BH_NFT_F_PERSIST;
	struct pair p = diff_of(have, desire(two_workloads(BH_ENFORCE)));
	assert_int_equal(p.diff.count, 2);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_TABLE), 2);
	done(&p);
}

static void assert_made_anew(struct bh_nft_state *have)
{
	struct pair p = diff_of(have, desire(two_workloads(BH_ENFORCE)));

	assert_int_equal(p.diff.steps[0].kind, BH_STEP_DELETE_TABLE);
	assert_ptr_equal(p.diff.steps[0].table, &have->tables[0]);
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_TABLE), 1);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_TABLE), 1);
	assert_int_equal(count(&p.diff, BH_STEP_ADD_CHAIN), p.want->tables[0].chain_count);
	assert_int_equal(count(&p.diff, BH_STEP_DELETE_ELEMENTS), 0);
	done(&p);
}

static void test_what_cannot_be_converted_is_made_anew(void **state)
{
	struct bh_nft_state *have = desire(two_workloads(BH_ENFORCE));

	(void)state;
	have->tables[0].flags = 0; /* a plain table */
	assert_made_anew(have);
	have = desire(two_workloads(BH_ENFORCE));
	bh_nft_table_set(&have->tables[0], "managed")->key_type++;
	assert_made_anew(have);
	have = desire(two_workloads(BH_ENFORCE));
	bh_nft_table_set(&have->tables[0], "managed")->catchall = true;
	assert_made_anew(have);
	have = desire(two_workloads(BH_ENFORCE));
	bh_nft_table_chain(&have->tables[0], "forward")->priority = 0;
	assert_made_anew(have);
}

static void test_rules_are_compared_in_order(void **state)
{
	struct bh_nft_state *have = desire(two_workloads(BH_ENFORCE));
	struct bh_nft_chain *chain = bh_nft_table_chain(&have->tables[0], "forward");
	char *first = chain->rules[0].signature;

	(void)state;
	chain->rules[0].signature = chain->rules[1].signature;
	chain->rules[1].signature = first;
	struct pair p = diff_of(have, desire(two_workloads(BH_ENFORCE)));
	assert_int_equal(p.diff.count, 2);
	assert_string_equal(p.diff.steps[0].chain->name, "forward");
	done(&p);
}

static void test_steps_in_words(void **state)
{
	struct pair p = diff_of(bh_nft_state_new(), desire(two_workloads(BH_ENFORCE)));
	char text[256];

	(void)state;
	bh_step_text(&p.diff.steps[0], text, sizeof(text));
	assert_string_equal(text, "table inet bulkhead: making or adopting it");
	bh_step_text(&p.diff.steps[2], text, sizeof(text));
	assert_string_equal(text, "table inet bulkhead: new chain forward");
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_states_need_no_step),
		cmocka_unit_test(test_everything_from_nothing),
		cmocka_unit_test(test_nothing_from_everything),
		cmocka_unit_test(test_steps_are_in_order),
		cmocka_unit_test(test_a_new_endpoint_is_elements_only),
		cmocka_unit_test(test_an_address_that_changes_hands),
		cmocka_unit_test(test_a_mode_change_rewrites_two_chains),
		cmocka_unit_test(test_the_last_endpoint_that_goes_is_elements_only),
		cmocka_unit_test(test_a_workload_that_goes),
		cmocka_unit_test(test_an_orphan_is_taken_over),
		cmocka_unit_test(test_what_cannot_be_converted_is_made_anew),
		cmocka_unit_test(test_rules_are_compared_in_order),
		cmocka_unit_test(test_steps_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
