/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "kubernetes.h"
#include "kubernetes_export.h"
#include "selector.h"

#define HEAD                                                                                       \
	"bulkhead-policy: 1\n"                                                                     \
	"workloads:\n"                                                                             \
	"  web: {io.kubernetes.pod.namespace: shop, app: web}\n"                                   \
	"  db: {io.kubernetes.pod.namespace: shop, app: db}\n"                                     \
	"  out: {app: out}\n"                                                                      \
	"rules:\n"

static struct bh_policy *parse(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "p", &err);

	if (policy == NULL)
		fail_msg("%s", err.text);
	return policy;
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	while ((text = strstr(text, what)) != NULL) {
		found++;
		text += strlen(what);
	}
	return found;
}

/* --- selectors -------------------------------------------------------------------------------- */

static void a_selector_puts_together_what_is_asked(void **state)
{
	struct bh_selector a = { 0 }, b = { 0 };

	(void)state;
	bh_selector_ask_value(&a, "app", BH_LABEL_IN, "web");
	bh_selector_ask_value(&a, "tier", BH_LABEL_EXISTS, NULL);
	bh_selector_ask_value(&a, "app", BH_LABEL_NOT_IN, "db");
	assert_int_equal(a.count, 3);
	assert_string_equal(a.items[1].key, "app"); /* beside the other one */
	assert_false(bh_selector_is_empty(&a));
	bh_selector_ask_value(&b, "app", BH_LABEL_IN, "db");
	assert_true(bh_selectors_clash(&a, &b));
	assert_true(bh_selectors_clash(&b, &a));
	bh_selector_ask_all(&b, &a);
	assert_true(bh_selector_is_empty(&b));
	assert_null(bh_selector_find(&a, "app", BH_LABEL_EXISTS));
	bh_selector_free(&a);
	bh_selector_free(&b);
	assert_int_equal(a.count, 0);
}

/* What no other label can make up for. */
static void contradictions_select_nobody(void **state)
{
	static const struct {
		uint8_t first, second;
		const char *left, *right;
		bool empty;
	} cases[] = {
		{ BH_LABEL_IN, BH_LABEL_ABSENT, "a", NULL, true },
		{ BH_LABEL_IN, BH_LABEL_EXISTS, "a", NULL, false },
		{ BH_LABEL_IN, BH_LABEL_NOT_IN, "a", "a", true },
		{ BH_LABEL_IN, BH_LABEL_NOT_IN, "a", "b", false },
		{ BH_LABEL_EXISTS, BH_LABEL_ABSENT, NULL, NULL, true },
		{ BH_LABEL_EXISTS, BH_LABEL_NOT_IN, NULL, "a", false },
		{ BH_LABEL_ABSENT, BH_LABEL_NOT_IN, NULL, "a", false },
		{ BH_LABEL_IN, BH_LABEL_IN, "a", "b", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_selector s = { 0 };

		bh_selector_ask_value(&s, "k", cases[i].first, cases[i].left);
		bh_selector_ask_value(&s, "k", cases[i].second, cases[i].right);
		if (bh_selector_is_empty(&s) != cases[i].empty)
			fail_msg("case %zu", i);
		bh_selector_free(&s);
	}
}

/* --- exports ---------------------------------------------------------------------------------- */

static void a_rule_says_its_line(void **state)
{
	struct bh_policy *policy = parse(HEAD "  - {from: web, to: db, ports: [5432/tcp]}\n"
					      "\n"
					      "  - {from: web, to: world, ports: [80/tcp]}\n");
	struct bh_kubernetes_export *e = bh_kubernetes_export_new(policy);
	struct bh_kubernetes_unsaid unsaid;
	char *text;

	(void)state;
	assert_int_equal(bh_kubernetes_export_unsaid_count(e), 1);
	unsaid = bh_kubernetes_export_unsaid(e, 0);
	assert_int_equal(unsaid.rule, 1);
	assert_int_equal(unsaid.line, 9);
	text = bh_kubernetes_unsaid_text(&unsaid, "x.yaml");
	assert_int_equal(strncmp(text, "x.yaml:9: rule 2: world: ", 25), 0);
	free(text);
	text = bh_kubernetes_unsaid_text(&unsaid, NULL);
	assert_int_equal(strncmp(text, "rule 2: world: ", 15), 0);
	free(text);
	assert_true(bh_kubernetes_export_errs_safely(e));
	bh_kubernetes_export_free(e);
	bh_policy_free(policy);
}

static void rules_that_are_over_say_nothing(void **state)
{
	struct bh_policy *policy =
		parse(HEAD "  - {from: web, to: db, ports: [5432/tcp], expires: 2026-01-01}\n");
	struct bh_kubernetes_export *e = bh_kubernetes_export_new(policy);

	(void)state;
	assert_int_equal(bh_kubernetes_export_unsaid_count(e), 1);
	bh_kubernetes_export_free(e);
	bh_policy_set_time(policy, BH_LATEST_EXPIRY);
	e = bh_kubernetes_export_new(policy);
	assert_int_equal(bh_kubernetes_export_unsaid_count(e), 0);
	assert_int_equal(bh_kubernetes_export_objects(e), 1); /* the namespace is closed */
	bh_kubernetes_export_free(e);
	bh_policy_free(policy);
}

/* Nothing that could not be said is an empty list, which would be everybody, or every port. */
static void what_is_left_out_leaves_no_empty_list(void **state)
{
	struct bh_policy *policy =
		parse(HEAD "  - {from: web, to: [world, host], ports: [80/tcp]}\n"
			   "  - {from: web, to: db, ports: [icmp/8, gre]}\n"
			   "  - {from: out, to: db, ports: [80/tcp]}\n");
	struct bh_kubernetes_export *e = bh_kubernetes_export_new(policy);
	char *text = bh_kubernetes_export_print(e, NULL);

	(void)state;
	assert_int_equal(count(text, "kind: NetworkPolicy"), 2); /* closed, and what out sends */
	assert_int_equal(count(text, "ingress:"), 0);
	assert_int_equal(count(text, "egress:"), 1);
	assert_int_equal(count(text, "- {}"), 0);
	assert_int_equal(count(text, "[]"), 0);
	free(text);
	bh_kubernetes_export_free(e);
	bh_policy_free(policy);
}

/* 317 workloads that may be any of 317 closed ones would need more than 100,000 objects. */
static void too_many_objects_are_refused(void **state)
{
	struct bh_buffer text = { 0 };

	(void)state;
	bh_buffer_puts(&text, "bulkhead-policy: 1\nworkloads:\n");
	for (int i = 0; i < 317; i++)
		bh_buffer_printf(&text,
				 "  c%d: {io.kubernetes.pod.namespace: n, c%d: a}\n"
				 "  w%d: {w%d: a}\n",
				 i, i, i, i);
	bh_buffer_puts(&text, "defaults:\n  egress: allow\n  ingress: allow\n  workloads:\n");
	for (int i = 0; i < 317; i++)
		bh_buffer_printf(&text, "    c%d: {ingress: deny}\n", i);
	bh_buffer_puts(&text, "rules:\n  - from: c0\n    ports: [1/tcp]\n    to: [w0");
	for (int i = 1; i < 317; i++)
		bh_buffer_printf(&text, ", w%d", i);
	bh_buffer_puts(&text, "]\n");
	struct bh_policy *policy = parse(text.data);
	struct bh_kubernetes_export *e = bh_kubernetes_export_new(policy);
	assert_int_equal(bh_kubernetes_export_unsaid_count(e), 1);
	assert_int_equal(bh_kubernetes_export_unsaid(e, 0).rule, -1);
	assert_false(bh_kubernetes_export_errs_safely(e));
	bh_kubernetes_export_free(e);
	bh_policy_free(policy);
	bh_buffer_free(&text);
}

static char *export_json(const struct bh_policy *policy)
{
	struct bh_kubernetes_export *e = bh_kubernetes_export_new(policy);
	char *text = bh_kubernetes_export_print_json(e);

	assert_int_equal(bh_kubernetes_export_unsaid_count(e), 0);
	bh_kubernetes_export_free(e);
	return text;
}

static char *export_again(const char *text)
{
	struct bh_kubernetes_import *import = bh_kubernetes_import_new();
	struct bh_error err = { 0 };

	if (bh_kubernetes_import_add(import, text, strlen(text), "e", &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(bh_kubernetes_import_objects(import), 2);
	char *again = export_json(bh_kubernetes_import_policy(import));
	bh_kubernetes_import_free(import);
	return again;
}

/* Once they have the names that an import gives, the very same bytes. */
static void an_export_is_imported_and_exported_the_same(void **state)
{
	struct bh_policy *policy = parse(
		"bulkhead-policy: 1\n"
		"workloads:\n"
		"  web: {io.kubernetes.pod.namespace: {in: [b, a]},\n"
		"        app: {exists: true, not: [\"\", \"1\"]}}\n"
		"  all: {bulkhead.workload: {exists: true}}\n"
		"defaults: {egress: allow, ingress: allow, workloads: {web: {ingress: deny}}}\n"
		"rules:\n"
		"  - {from: [all, world], to: web, ports: [any], side: ingress}\n"
		"  - {from: {cidr: \"::/0\", except: [\"fd00::/8\"], containers: true}, to: web,\n"
		"     ports: [http/tcp, 1-65535/sctp, 5-9/udp]}\n");
	char *first = export_json(policy), *second = export_again(first);
	char *third = export_again(second);

	(void)state;
	assert_string_equal(second, third);
	assert_int_equal(count(first, "\"fd00::/8\""), 2);
	assert_int_equal(count(second, "\"fd00::/8\""), 2);
	free(first);
	free(second);
	free(third);
	bh_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selector_puts_together_what_is_asked),
		cmocka_unit_test(contradictions_select_nobody),
		cmocka_unit_test(a_rule_says_its_line),
		cmocka_unit_test(rules_that_are_over_say_nothing),
		cmocka_unit_test(what_is_left_out_leaves_no_empty_list),
		cmocka_unit_test(too_many_objects_are_refused),
		cmocka_unit_test(an_export_is_imported_and_exported_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
