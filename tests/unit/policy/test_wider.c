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

#include "grow.h"
#include "peer.h"
#include "wider.h"

#define MOST 400

struct ledger {
	struct bh_peer peers[MOST][2];
	struct bh_edge edges[MOST];
	size_t count;
};

/* to: "dns:NAME" or an address. */
static void learned(struct ledger *l, const char *from, const char *to, uint8_t proto,
		    uint16_t port)
{
	struct bh_peer *ends = l->peers[l->count];

	ends[0] = (struct bh_peer) { .kind = BH_PEER_WORKLOAD };
	bh_copy_text(ends[0].name, sizeof(ends[0].name), from);
	ends[1] = (struct bh_peer) { .kind = BH_PEER_ADDRESS };
	bh_copy_text(ends[1].name, sizeof(ends[1].name), to);
	if (strncmp(to, "dns:", 4) == 0)
		assert_true(bh_peer_by_dns(to + 4, &ends[1]));
	l->edges[l->count++] = (struct bh_edge) { .src = &ends[0],
						  .dst = &ends[1],
						  .proto = proto,
						  .port = port,
						  .connections = 1,
						  .answered = 1 };
}

/* One a name or address, parted by spaces. */
static struct ledger *ledger_of(const char *from, uint16_t port, const char *destinations)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));
	char *text = bh_strdup(destinations), *rest = text, *word;

	while ((word = strsep(&rest, " ")) != NULL)
		learned(l, from, word, IPPROTO_TCP, port);
	free(text);
	return l;
}

static void assert_says(const struct ledger *l, const char *expected)
{
	struct bh_buffer out = { 0 };

	bh_buffer_puts(&out, "");
	bh_propose_wider(l->edges, l->count, &out);
	assert_string_equal(out.data, expected);
	bh_buffer_free(&out);
}

static void assert_of(const char *destinations, const char *expected)
{
	struct ledger *l = ledger_of("web", 443, destinations);

	assert_says(l, expected);
	free(l);
}

#define WILDCARD(names, domain)                                                                    \
	"\nCould be wider: web opens 443/tcp to " names " names below " domain                     \
	", each by a rule.\n  'to: dns:*." domain                                                  \
	"' would stand for them, and let it open that to every other name below " domain "."
#define PREFIX(count, prefix, others)                                                              \
	"\nCould be wider: web opens 443/tcp to " count " addresses of " prefix                    \
	", each by a rule.\n  'to: " prefix                                                        \
	"' would stand for them, and let it open that to " others "."

static void five_names_of_one_owner_may_be_a_wildcard(void **state)
{
	(void)state;
	assert_of("dns:a.pay.com dns:b.pay.com dns:c.pay.com dns:d.x.pay.com", "");
	/* The owner's own name is not below it. */
	assert_of("dns:a.pay.com dns:b.pay.com dns:c.pay.com dns:d.x.pay.com dns:pay.com", "");
	assert_of("dns:a.pay.com dns:b.pay.com dns:c.pay.com dns:d.x.pay.com dns:e.pay.com",
		  WILDCARD("5", "pay.com"));
	assert_of("dns:a.pay.co.uk dns:b.pay.co.uk dns:c.pay.co.uk dns:d.pay.co.uk dns:e.pay.co.uk "
		  "dns:f.pay.co.uk",
		  WILDCARD("6", "pay.co.uk"));
}

static void what_strangers_share_is_no_owner(void **state)
{
	(void)state;
	assert_of("dns:a.com dns:b.com dns:c.com dns:d.com dns:e.com", "");
	assert_of("dns:a.co.uk dns:b.co.uk dns:c.co.uk dns:d.co.uk dns:e.co.uk", "");
	assert_of("dns:a.github.io dns:b.github.io dns:c.github.io dns:d.github.io dns:e.github.io",
		  "");
	assert_of("dns:a.cloudfront.net dns:b.cloudfront.net dns:c.cloudfront.net "
		  "dns:d.cloudfront.net dns:e.cloudfront.net",
		  "");
	assert_of("dns:a.me.github.io dns:b.me.github.io dns:c.me.github.io dns:d.me.github.io "
		  "dns:e.me.github.io",
		  WILDCARD("5", "me.github.io"));
}

static void ports_and_workloads_are_counted_apart(void **state)
{
	struct ledger *l = ledger_of("web", 443, "dns:a.pay.com dns:b.pay.com dns:c.pay.com");

	(void)state;
	learned(l, "web", "dns:d.pay.com", IPPROTO_TCP, 80);
	learned(l, "web", "dns:e.pay.com", IPPROTO_UDP, 443);
	learned(l, "job", "dns:f.pay.com", IPPROTO_TCP, 443);
	learned(l, "web", "dns:g.pay.com", IPPROTO_TCP, 443);
	learned(l, "web", "dns:g.pay.com", IPPROTO_TCP, 443);
	assert_says(l, "");
	learned(l, "web", "dns:h.pay.com", IPPROTO_TCP, 443);
	l->edges[l->count - 1].answered = 0;
	assert_says(l, "");
	l->edges[l->count - 1].answered = 1;
	assert_says(l, WILDCARD("5", "pay.com"));
	free(l);
}

static void addresses_that_fill_a_prefix_may_be_one(void **state)
{
	(void)state;
	assert_of("198.51.100.1 198.51.100.2", "");
	assert_of("198.51.100.1 198.51.100.60 198.51.100.200", "");
	assert_of("198.51.100.1 198.51.100.2 198.51.100.6",
		  PREFIX("3", "198.51.100.0/29", "5 others"));
	assert_of("198.51.100.1 198.51.100.2 198.51.100.6 198.51.100.9",
		  PREFIX("4", "198.51.100.0/28", "12 others"));
	/* Seven of 32 are too few, four of 16 are not. */
	assert_of("198.51.100.1 198.51.100.5 198.51.100.9 198.51.100.13 198.51.100.17 "
		  "198.51.100.24 198.51.100.31",
		  PREFIX("4", "198.51.100.0/28", "12 others"));
	assert_of("198.51.100.1 198.51.100.2 198.51.100.6 198.51.100.129 198.51.100.130 "
		  "198.51.100.131",
		  PREFIX("3", "198.51.100.0/29", "5 others")
			  PREFIX("3", "198.51.100.128/29", "5 others"));
	/* Never what may be anybody's. */
	assert_of("10.0.0.1 10.0.0.2 10.0.0.3 192.168.0.1 192.168.0.2 192.168.0.3", "");
	assert_of("fd00::1 fd00::2 fd00::3", "");
}

static void a_prefix_is_no_shorter_than_24(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));
	char text[32];

	(void)state;
	for (int i = 0; i < 64; i++) {
		snprintf(text, sizeof(text), "198.51.100.%d", 4 * i);
		learned(l, "web", text, IPPROTO_TCP, 443);
		snprintf(text, sizeof(text), "198.51.101.%d", 4 * i);
		learned(l, "web", text, IPPROTO_TCP, 443);
	}
	assert_says(l, PREFIX("64", "198.51.100.0/24", "192 others")
			       PREFIX("64", "198.51.101.0/24", "192 others"));
	free(l);
}

static void of_ipv6_networks_count(void **state)
{
	(void)state;
	assert_of("2001:db8::1 2001:db8::2", "");
	assert_of("2001:db8::1 2001:db8::2 2001:db8::3:4",
		  PREFIX("3", "2001:db8::/64", "every other address there"));
	assert_of("2001:db8:0:1::1 2001:db8:0:9::1 2001:db8:0:f::1", "");
	assert_of("2001:db8:0:1::1 2001:db8:0:2::1 2001:db8:0:3::1",
		  PREFIX("3", "2001:db8::/61", "every other address there"));
}

static void what_is_said_is_bounded_and_in_order(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l)), *turned = bh_calloc(1, sizeof(*l));
	struct bh_buffer one = { 0 }, other = { 0 };
	char text[64];

	(void)state;
	for (int i = 0; i < 60; i++)
		for (int j = 0; j < 5; j++) {
			snprintf(text, sizeof(text), "dns:%c.owner%02d.com", 'a' + j, i);
			learned(l, "web", text, IPPROTO_TCP, 443);
		}
	for (size_t i = l->count; i-- > 0;)
		learned(turned, "web", l->edges[i].dst->name, IPPROTO_TCP, 443);
	bh_propose_wider(l->edges, l->count, &one);
	bh_propose_wider(turned->edges, turned->count, &other);
	assert_string_equal(one.data, other.data);
	assert_non_null(strstr(one.data, "names below owner49.com"));
	assert_null(strstr(one.data, "names below owner50.com"));
	assert_non_null(strstr(one.data, "\nCould be wider: 10 more like these."));
	bh_buffer_free(&one);
	bh_buffer_free(&other);
	free(l);
	free(turned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_names_of_one_owner_may_be_a_wildcard),
		cmocka_unit_test(what_strangers_share_is_no_owner),
		cmocka_unit_test(ports_and_workloads_are_counted_apart),
		cmocka_unit_test(addresses_that_fill_a_prefix_may_be_one),
		cmocka_unit_test(a_prefix_is_no_shorter_than_24),
		cmocka_unit_test(of_ipv6_networks_count),
		cmocka_unit_test(what_is_said_is_bounded_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
