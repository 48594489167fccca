/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the elements of a workload's sets stand for is read from them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "desired_parts.h"
#include "rulesets.h"
#include "uses.h"

static void put_use(struct bh_buffer *out, const struct bh_use *use)
{
	static const char *const kinds[] = { "peer", "net", "outside", "host", "world" };
	char first[BH_ADDR_TEXT] = "-", last[BH_ADDR_TEXT] = "-";

	if (use->first.family != BH_NO_FAMILY) {
		bh_addr_format(&use->first, first);
		bh_addr_format(&use->last, last);
	}
	bh_buffer_printf(out, "%s %u %s %s %s %u %u-%u\n", use->side == BH_EGRESS ? "e" : "i",
			 use->rank, kinds[use->kind], first, last, use->proto, use->port_first,
			 use->port_last);
}

/* All that the counted sets hold, but every protocol by itself; each set is readable, and no other
 * is. */
static void put_uses(struct bh_buffer *out, const struct bh_nft_state *state, const char *hash)
{
	const struct bh_nft_table *table = &state->tables[0];

	for (size_t i = 0; i < table->set_count; i++) {
		const struct bh_nft_set *set = table->sets[i];
		struct bh_permits_place place;
		struct bh_use use;

		assert_int_equal(bh_uses_can_read(set), set->counter);
		assert_int_equal(bh_permits_recognise(set->name, &place), set->counter);
		for (size_t j = 0; set->counter && j < set->count && set->count < 256; j++) {
			const uint8_t *record = bh_nft_set_record(set, j);

			bh_permits_read(&place, record,
					set->interval ? bh_nft_record_end(set, record) : record,
					&use);
			assert_string_equal(use.hash, hash);
			put_use(out, &use);
		}
	}
}

static void elements_say_what_was_permitted(void **state)
{
	struct bh_ruleset *rules = bh_ruleset_new();
	struct bh_chain *chain = add_chain(rules, "web", BH_EGRESS, BH_ENFORCE);
	struct bh_buffer out = { 0 };
	char hash[BH_CHAIN_HASH];

	(void)state;
	bh_chain_hash("web", hash);
	add_permit(chain, BH_PERMIT_PEER, IPPROTO_TCP, 5432, 5432, "10.0.0.2");
	add_permit(chain, BH_PERMIT_PEER, IPPROTO_UDP, 53, 53, "fd00::2");
	add_permit(chain, BH_PERMIT_PEER, IPPROTO_ICMP, 8, 8, "10.0.0.3");
	add_permit(chain, BH_PERMIT_PEER, IPPROTO_TCP, 1, 9, "10.0.0.4");
	add_permit(chain, BH_PERMIT_PREFIX, IPPROTO_TCP, 443, 443, "10.1.0.0/16");
	add_permit(chain, BH_PERMIT_PREFIX, BH_ANY_PROTOCOL, 0, 0, "fd01::/64");
	add_permit(chain, BH_PERMIT_HOST, IPPROTO_UDP, 53, 53, NULL);
	add_permit(chain, BH_PERMIT_WORLD, IPPROTO_ICMPV6, 128, 128, NULL);
	add_permit(chain, BH_PERMIT_OUTSIDE, IPPROTO_TCP, 22, 22, "192.0.2.0/24");
	chain->permits[chain->permit_count - 1].rank = BH_RANK_PLATFORM_DENY;
	add_permit(chain, BH_PERMIT_WORLD, 47, 0, 0, NULL);
	chain->permits[chain->permit_count - 1].rank = BH_RANK_PLATFORM_ALLOW;
	add_chain(rules, "web", BH_INGRESS, BH_ENFORCE);
	struct bh_nft_state *want = desire(rules);
	put_uses(&out, want, hash);
	assert_string_equal(out.data, "e 3 outside 192.0.2.0 192.0.2.255 6 22-22\n"
				      "e 2 world - - 47 0-0\n"
				      "e 0 net 10.0.0.2 10.0.0.2 6 5432-5432\n"
				      "e 0 net fd00::2 fd00::2 17 53-53\n"
				      "e 0 net 10.0.0.3 10.0.0.3 1 8-8\n"
				      "e 0 net 10.0.0.4 10.0.0.4 6 1-9\n"
				      "e 0 net 10.1.0.0 10.1.255.255 6 443-443\n"
				      "e 0 net fd01:: fd01::ffff:ffff:ffff:ffff 255 0-0\n"
				      "e 0 host - - 17 53-53\n"
				      "e 0 world - - 58 128-128\n");
	bh_buffer_free(&out);
	bh_nft_state_free(want);
}

static void what_is_called_otherwise_holds_no_permissions(void **state)
{
	static const char *const names[] = { "managed",
					     "egress4",
					     "e_0123456789abcdef",
					     "e_0123456789abcde_4",
					     "e_0123456789abcdef_4x",
					     "x_0123456789abcdef_4",
					     "eh_0123456789abcdef_4",
					     "e_0123456789abcdef_ports",
					     "e_0123456789abcdef_pd_",
					     "" };
	struct bh_permits_place place;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(bh_permits_recognise(names[i], &place));
	assert_true(bh_permits_recognise("eh_0123456789abcdef_ports", &place));
	assert_true(bh_permits_recognise("i_0123456789abcdef_pd_4_net_any", &place));
	assert_int_equal(place.use.rank, BH_RANK_PLATFORM_DENY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_say_what_was_permitted),
		cmocka_unit_test(what_is_called_otherwise_holds_no_permissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
