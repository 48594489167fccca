/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "policy.h"
#include "timefmt.h"

#define DOCUMENT(rules) "bulkhead-policy: 1\nworkloads:\n  web: {app: web}\nrules:\n" rules

static struct bh_policy *parse(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "test.yaml", &err);

	if (policy == NULL)
		fail_msg("%s\n%s", err.text, text);
	return policy;
}

static char *read_file(const char *folder, const char *name)
{
	struct bh_buffer text = { 0 };
	char path[512], bytes[4096];
	size_t count;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	while ((count = fread(bytes, 1, sizeof(bytes), file)) > 0)
		bh_buffer_append(&text, bytes, count);
	fclose(file);
	return bh_buffer_steal(&text);
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void assert_same_peer(struct bh_policy_peer a, struct bh_policy_peer b)
{
	assert_true(same_text(a.name, b.name));
	a.name = b.name = NULL;
	assert_int_equal(a.except != NULL, b.except != NULL);
	if (a.except != NULL) {
		assert_int_equal(a.except->count, b.except->count);
		assert_memory_equal(a.except->items, b.except->items,
				    a.except->count * sizeof(a.except->items[0]));
	}
	a.except = b.except = NULL;
	assert_memory_equal(&a, &b, sizeof(a));
}

static void assert_same_peers(const struct bh_policy_peers *a, const struct bh_policy_peers *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_same_peer(a->items[i], b->items[i]);
}

static void assert_same_rule(const struct bh_policy_rule *a, const struct bh_policy_rule *b)
{
	assert_same_peers(&a->from, &b->from);
	assert_same_peers(&a->to, &b->to);
	assert_int_equal(a->port_count, b->port_count);
	for (size_t i = 0; i < a->port_count; i++) {
		assert_int_equal(a->ports[i].proto, b->ports[i].proto);
		assert_int_equal(a->ports[i].first, b->ports[i].first);
		assert_int_equal(a->ports[i].last, b->ports[i].last);
		assert_true(same_text(a->ports[i].name, b->ports[i].name));
	}
	assert_int_equal(a->edge_count, b->edge_count);
	if (a->edge_count > 0)
		assert_memory_equal(a->edges, b->edges, a->edge_count * sizeof(*a->edges));
	assert_true(same_text(a->comment, b->comment));
}

static void assert_same_workload(const struct bh_policy_workload *a,
				 const struct bh_policy_workload *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->label_count, b->label_count);
	for (size_t i = 0; i < a->label_count; i++) {
		assert_string_equal(a->labels[i].key, b->labels[i].key);
		assert_int_equal(a->labels[i].test, b->labels[i].test);
		assert_int_equal(a->labels[i].value_count, b->labels[i].value_count);
		for (size_t j = 0; j < a->labels[i].value_count; j++)
			assert_string_equal(a->labels[i].values[j], b->labels[i].values[j]);
	}
}

static void assert_same_policy(const struct bh_policy *a, const struct bh_policy *b)
{
	assert_int_equal(a->deny, b->deny);
	assert_true(same_text(a->header, b->header));
	assert_int_equal(a->workload_count, b->workload_count);
	assert_int_equal(a->rule_count, b->rule_count);
	for (size_t i = 0; i < a->workload_count; i++)
		assert_same_workload(&a->workloads[i], &b->workloads[i]);
	assert_int_equal(a->group_count, b->group_count);
	for (size_t i = 0; i < a->group_count; i++) {
		assert_string_equal(a->groups[i].name, b->groups[i].name);
		assert_same_peers(&a->groups[i].peers, &b->groups[i].peers);
	}
	for (size_t i = 0; i < a->rule_count; i++)
		assert_same_rule(&a->rules[i], &b->rules[i]);
}

/* As JSON it is the same policy, its comments aside. */
static void assert_same_as_json(const struct bh_policy *policy)
{
	char *text = bh_policy_print_json(policy), left[65], right[65];
	struct bh_policy *again = parse(text);

	bh_policy_revision(policy, left);
	bh_policy_revision(again, right);
	assert_string_equal(left, right);
	bh_policy_free(again);
	free(text);
}

/* parse(print(p)) is p, and prints the same bytes. The caller frees the text. */
static char *assert_round_trip(const struct bh_policy *policy)
{
	char *text = bh_policy_print(policy);
	struct bh_policy *again = parse(text);
	char *text_again = bh_policy_print(again);

	assert_same_policy(policy, again);
	assert_string_equal(text, text_again);
	assert_same_as_json(policy);
	bh_policy_free(again);
	free(text_again);
	return text;
}

/* --- broken policies -------------------------------------------------------------------------- */

static int is_yaml(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".yaml") == 0;
}

/* Whether the message is the expected one, to the letter. */
static bool check_broken(const char *name)
{
	struct bh_error err = { 0 };
	char expected_name[300];

	snprintf(expected_name, sizeof(expected_name), "%.*s.txt", (int)strlen(name) - 5, name);
	char *text = read_file(BROKEN, name), *expected = read_file(BROKEN, expected_name);
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), name, &err);

	if (policy != NULL)
		fail_msg("%s is taken for a policy", name);
	assert_int_equal(err.code, -EINVAL);
	expected[strcspn(expected, "\n")] = '\0';
	bool same = strcmp(err.text, expected) == 0;
	if (!same)
		print_error("%s\ninstead of\n%s\n", err.text, expected);
	free(text);
	free(expected);
	return same;
}

static void broken_policies_say_what_and_where(void **state)
{
	struct dirent **files;
	int count = scandir(BROKEN, &files, is_yaml, alphasort), wrong = 0;

	(void)state;
	for (int i = 0; i < count; i++) {
		wrong += !check_broken(files[i]->d_name);
		free(files[i]);
	}
	free(files);
	assert_int_equal(wrong, 0);
	assert_true(count >= 30);
}

static void syntax_errors_have_a_place(void **state)
{
	static const char *const texts[] = {
		"bulkhead-policy: [",	   "a: b: c",	   "\"a", "a:\n\t- b",
		"{\"bulkhead-policy\": 1", "\xff\xfe\x01", "*x"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bh_error err = { 0 };
		int line = 0, column = 0;

		assert_null(bh_policy_parse(texts[i], strlen(texts[i]), "t", &err));
		assert_int_equal(err.code, -EINVAL);
		if (sscanf(err.text, "t:%d:%d: ", &line, &column) != 2 || line < 1 || column < 1)
			fail_msg("no place in: %s", err.text);
	}
}

static void nul_bytes_and_huge_files_are_refused(void **state)
{
	static const char nul[] = "bulkhead-policy: 1\0\n";
	struct bh_error err = { 0 };
	size_t huge = (8u << 20) + 1;

	(void)state;
	assert_null(bh_policy_parse(nul, sizeof(nul) - 1, "t", &err));
	assert_string_equal(err.text, "t: found a NUL byte, expected text");
	char *text = malloc(huge);
	assert_non_null(text);
	memset(text, '\n', huge);
	assert_null(bh_policy_parse(text, huge, "t", &err));
	assert_int_equal(err.code, -E2BIG);
	assert_string_equal(err.text, "t: found 8388609 bytes, expected at most 8 MiB");
	free(text);
}

/* A file of many items ends with a message, after a time and with memory that its size bounds. */
static void many_items_are_refused(void **state)
{
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };

	(void)state;
	for (int i = 0; i < 600000; i++)
		bh_buffer_printf(&text, "k%d: 1\n", i);
	assert_null(bh_policy_parse(text.data, text.length, "t", &err));
	assert_string_equal(err.text, "t:250000:10: too many items");
	bh_buffer_free(&text);
}

/* --- good policies ---------------------------------------------------------------------------- */

static void every_part_is_read(void **state)
{
	static const char text[] = "# the shop\n"
				   "bulkhead-policy: 1\n"
				   "deny: drop\n"
				   "workloads:\n"
				   "  web: {app: web, tier: '1'}\n"
				   "  api: {app: api}\n"
				   "rules:\n"
				   "  # seen daily\n"
				   "  - {from: web, to: api, ports: [8080/tcp, 8000-8100/udp]}\n"
				   "  - from: world\n"
				   "    to: web\n"
				   "    ports: [443/tcp]\n"
				   "  - from: api\n"
				   "    to: 203.0.113.7\n"
				   "    ports: [icmp/8, gre, 132]\n";
	struct bh_policy *p;
	struct bh_error err = { 0 };

	(void)state;
	/* SCTP has ports: its number alone says too little. */
	assert_null(bh_policy_parse(text, strlen(text), "test.yaml", &err));
	char *fixed = bh_strdup(text);
	memcpy(strstr(fixed, "132"), "50 ", 3);
	p = parse(fixed);
	free(fixed);
	assert_string_equal(p->header, "the shop");
	assert_int_equal(p->deny, BH_DROP);
	assert_int_equal(p->workload_count, 2);
	assert_string_equal(p->workloads[0].labels[1].key, "tier");
	assert_string_equal(p->workloads[0].labels[1].values[0], "1");
	assert_int_equal(p->rule_count, 3);
	assert_string_equal(p->rules[0].comment, "seen daily");
	assert_int_equal(p->rules[0].line, 9);
	assert_int_equal(p->rules[0].from.items[0].workload, 0);
	assert_int_equal(p->rules[0].to.items[0].workload, 1);
	assert_int_equal(p->rules[0].ports[1].proto, IPPROTO_UDP);
	assert_int_equal(p->rules[0].ports[1].first, 8000);
	assert_int_equal(p->rules[0].ports[1].last, 8100);
	assert_null(p->rules[1].comment);
	assert_int_equal(p->rules[1].from.items[0].kind, BH_POLICY_WORLD);
	assert_int_equal(p->rules[2].to.items[0].kind, BH_POLICY_PREFIX);
	assert_int_equal(p->rules[2].to.items[0].prefix.length, 32);
	assert_int_equal(p->rules[2].ports[0].first, 8);
	assert_int_equal(p->rules[2].ports[1].proto, IPPROTO_GRE);
	assert_int_equal(p->rules[2].ports[2].proto, IPPROTO_ESP);
	free(assert_round_trip(p));
	bh_policy_free(p);
}

#define TWO_WORKLOADS                                                                              \
	"bulkhead-policy: 1\ndeny: reject\nworkloads:\n  web:\n    app: web\n  api:\n    app: "    \
	"api\n"                                                                                    \
	"rules:\n"

static void ends_may_be_lists(void **state)
{
	static const char text[] = TWO_WORKLOADS "  - from: [web, api]\n"
						 "    to: [world, \"::/0\", 10.0.0.0/8]\n"
						 "    ports: [443/tcp]\n";
	static const char one[] = TWO_WORKLOADS "  - from: [web]\n"
						"    to:\n      - world\n"
						"    ports: [443/tcp]\n";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p);

	(void)state;
	assert_string_equal(printed, text);
	assert_int_equal(p->rules[0].from.count, 2);
	assert_int_equal(p->rules[0].from.items[1].workload, 1);
	assert_int_equal(p->rules[0].to.count, 3);
	assert_int_equal(p->rules[0].to.items[0].kind, BH_POLICY_WORLD);
	assert_int_equal(p->rules[0].to.items[2].prefix.length, 8);
	bh_policy_free(p);
	free(printed);
	p = parse(one);
	printed = assert_round_trip(p);
	assert_non_null(strstr(printed, "  - from: web\n    to: world\n"));
	bh_policy_free(p);
	free(printed);
}

static void labels_are_asked_in_several_ways(void **state)
{
	static const char text[] =
		"bulkhead-policy: 1\ndeny: reject\nworkloads:\n  front:\n    app: web\n"
		"    tier: {in: [front, edge], not: old}\n    canary: {exists: false}\n"
		"    owner: {exists: true, not: [\"\", nobody]}\n    zone: {not: b}\nrules: []\n";
	static const char same[] = "{bulkhead-policy: 1, workloads: {a: {app: {in: web}, "
				   "b: {in: [c]}}}, rules: []}";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), *json = bh_policy_print_json(p);

	(void)state;
	assert_string_equal(printed, text);
	assert_non_null(strstr(json, "\"front\": {\"app\": \"web\", \"tier\": {\"in\": "
				     "[\"front\", \"edge\"], \"not\": \"old\"}, \"canary\": "
				     "{\"exists\": false}, "));
	assert_int_equal(p->workloads[0].label_count, 7);
	bh_policy_free(p);
	free(printed);
	free(json);
	p = parse(same);
	printed = assert_round_trip(p);
	assert_non_null(strstr(printed, "  a:\n    app: web\n    b: c\n"));
	bh_policy_free(p);
	free(printed);
}

/* As in Kubernetes, none of the values has also who does not have the label. */
static void labels_hold_or_do_not(void **state)
{
	static const struct {
		const char *test;
		bool unset, empty, a, b;
	} cases[] = {
		{ "a", false, false, true, false },
		{ "{in: [a, b]}", false, false, true, true },
		{ "{in: \"\"}", false, true, false, false },
		{ "{not: a}", true, true, false, true },
		{ "{not: [a, b]}", true, true, false, false },
		{ "{exists: true}", false, true, true, true },
		{ "{exists: false}", true, false, false, false },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "{bulkhead-policy: 1, workloads: {w: {k: %s}}, rules: []}", cases[i].test);
		struct bh_policy *p = parse(text);
		const struct bh_policy_label *label = &p->workloads[0].labels[0];

		assert_int_equal(bh_policy_label_holds(label, NULL), cases[i].unset);
		assert_int_equal(bh_policy_label_holds(label, ""), cases[i].empty);
		assert_int_equal(bh_policy_label_holds(label, "a"), cases[i].a);
		assert_int_equal(bh_policy_label_holds(label, "b"), cases[i].b);
		bh_policy_free(p);
	}
}

static void groups_are_written_and_their_members_meant(void **state)
{
	static const char text[] =
		"bulkhead-policy: 1\ndeny: reject\nworkloads:\n  web:\n    app: web\n"
		"  api:\n    app: api\n"
		"groups:\n  all: [web, api]\n  office: [192.0.2.0/24, host]\n"
		"  both: [all, web]\n"
		"rules:\n  - from: office\n    to: all\n    ports: [22/tcp]\n"
		"  - from: [web, both]\n    to: [world, office]\n    ports: [443/tcp]\n";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), line[200];
	const struct bh_policy_peers *from = &p->rules[1].from, *to = &p->rules[1].to;

	(void)state;
	assert_string_equal(printed, text);
	assert_int_equal(from->count, 4); /* web, web, api, web */
	assert_int_equal(from->items[2].workload, 1);
	assert_int_equal(to->count, 3);
	assert_int_equal(to->items[2].kind, BH_POLICY_HOST);
	bh_policy_rule_text(p, 1, line, sizeof(line));
	assert_string_equal(line, "web, both → world, office  443/tcp");
	bh_policy_free(p);
	free(printed);
}

static void prefixes_may_have_exceptions(void **state)
{
	static const char text[] = TWO_WORKLOADS
		"  - from: web\n"
		"    to: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.3.4/32]}, api]\n"
		"    ports: [443/tcp]\n"
		"  - from: {cidr: \"::/0\", except: [2001:db8::/32]}\n"
		"    to: web\n    ports: [443/tcp]\n";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), line[200];
	const struct bh_policy_peer *peer = &p->rules[0].to.items[0];
	struct bh_addr in, out;

	(void)state;
	assert_string_equal(printed, text);
	assert_true(bh_addr_parse("10.2.3.5", &in) && bh_addr_parse("10.1.255.1", &out));
	assert_true(bh_policy_prefix_holds(peer, &in));
	assert_false(bh_policy_prefix_holds(peer, &out));
	bh_policy_rule_text(p, 0, line, sizeof(line));
	assert_string_equal(line, "web → 10.0.0.0/8 except 10.1.0.0/16, 10.2.3.4/32, api  443/tcp");
	bh_policy_free(p);
	free(printed);
	/* No exception is as if none had been spoken of. */
	p = parse(
		DOCUMENT("  - {from: web, to: {cidr: 10.0.0.0/8, except: []}, ports: [1/tcp]}\n"));
	printed = assert_round_trip(p);
	assert_non_null(strstr(printed, "    to: 10.0.0.0/8\n"));
	bh_policy_free(p);
	free(printed);
}

static void rules_have_ranks_and_ends(void **state)
{
	static const char text[] = TWO_WORKLOADS
		"  - from: web\n    to: api\n    ports: [any]\n    action: deny\n    tier: "
		"platform\n"
		"    side: ingress\n    edges: [00ab00000001]\n"
		"  - from: world\n    to: web\n    ports: [443/tcp, any]\n    tier: platform\n"
		"  - from: web\n    to: world\n    ports: [25/tcp]\n    action: deny\n"
		"    side: egress\n";
	static const char said[] = DOCUMENT(
		"  - {from: web, to: host, ports: [1/tcp], action: allow, tier: application}\n");
	static const uint8_t ranks[] = { BH_RANK_PLATFORM_DENY, BH_RANK_PLATFORM_ALLOW,
					 BH_RANK_DENY };
	static const uint8_t ends[] = { BH_AT_INGRESS, BH_AT_BOTH, BH_AT_EGRESS };
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), line[200];

	(void)state;
	assert_string_equal(printed, text);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(p->rules[i].rank, ranks[i]);
		assert_int_equal(p->rules[i].ends, ends[i]);
	}
	assert_int_equal(p->top_rank, BH_RANK_PLATFORM_DENY);
	bh_policy_rule_text(p, 0, line, sizeof(line));
	assert_string_equal(line, "platform deny web → api  any  at ingress");
	bh_policy_free(p);
	free(printed);
	/* What goes without saying is not said. */
	p = parse(said);
	printed = assert_round_trip(p);
	assert_null(strstr(printed, "action"));
	assert_null(strstr(printed, "tier"));
	bh_policy_free(p);
	free(printed);
}

static void defaults_are_kept(void **state)
{
	static const char text[] =
		"bulkhead-policy: 1\ndeny: drop\nposture: closed\nworkloads:\n  web:\n    app: "
		"web\n"
		"  api:\n    app: api\n  db:\n    app: db\n"
		"defaults:\n  egress: allow\n  ingress: deny\n  workloads:\n"
		"    web: {egress: deny, ingress: allow}\n    db: {egress: deny}\nrules: []\n";
	static const char one[] =
		"{bulkhead-policy: 1, workloads: {a: {a: b}}, defaults: {workloads: "
		"{a: {ingress: allow}}}, rules: []}";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p);

	(void)state;
	assert_string_equal(printed, text);
	assert_true(p->says_posture && p->posture == BH_POSTURE_CLOSED);
	assert_int_equal(p->defaults[BH_EGRESS], BH_DEFAULT_ALLOW);
	assert_int_equal(p->defaults[BH_INGRESS], BH_DEFAULT_DENY);
	assert_int_equal(p->workloads[0].defaults[BH_INGRESS], BH_DEFAULT_ALLOW);
	assert_int_equal(p->workloads[1].defaults[BH_EGRESS], BH_DEFAULT_UNSAID);
	assert_int_equal(p->workloads[2].defaults[BH_EGRESS], BH_DEFAULT_DENY);
	bh_policy_free(p);
	free(printed);
	p = parse(one);
	printed = assert_round_trip(p);
	assert_non_null(strstr(printed, "defaults:\n  workloads:\n    a: {ingress: allow}\n"));
	bh_policy_free(p);
	free(printed);
}

static void ports_may_have_names_and_prefixes_containers(void **state)
{
	static const char text[] = TWO_WORKLOADS
		"  - from: {cidr: 10.0.0.0/8, containers: true}\n"
		"    to: web\n    ports: [http/tcp, 80-90/tcp, web-8080/udp, a/sctp]\n"
		"  - from: web\n    to: {cidr: 10.0.0.0/8, except: [10.1.0.0/16], containers: "
		"true}\n"
		"    ports: [443/tcp]\n";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), line[200];

	(void)state;
	assert_string_equal(printed, text);
	assert_true(p->rules[0].from.items[0].containers);
	assert_string_equal(p->rules[0].ports[0].name, "http/tcp");
	assert_null(p->rules[0].ports[1].name);
	bh_policy_rule_text(p, 1, line, sizeof(line));
	assert_string_equal(line,
			    "web → 10.0.0.0/8 except 10.1.0.0/16 and containers there  443/tcp");
	bh_policy_free(p);
	free(printed);
	p = parse(DOCUMENT(
		"  - {from: web, to: {cidr: 10.0.0.0/8, containers: false}, ports: [1/tcp]}\n"));
	printed = assert_round_trip(p);
	assert_non_null(strstr(printed, "    to: 10.0.0.0/8\n"));
	bh_policy_free(p);
	free(printed);
}

static void rules_end_and_have_comments(void **state)
{
	static const char text[] = TWO_WORKLOADS
		"  - from: web\n    to: api\n    ports: [22/tcp]\n    expires: 2026-12-31\n"
		"    comment: \"ticket 12: until the move\"\n"
		"  - from: api\n    to: web\n    ports: [22/tcp]\n"
		"    expires: 2026-12-31T18:30:00.250Z\n    comment: why not\n";
	static const char same[] = DOCUMENT(
		"  - {from: web, to: host, ports: [1/tcp], expires: "
		"\"2027-01-01T01:00:00+01:00\", comment: \"a\\nb\"}\n"
		"  - {from: web, to: host, ports: [2/tcp], expires: 2026-12-31T18:00:00Z}\n");
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), line[200], with[65], without[65];

	(void)state;
	assert_string_equal(printed, text);
	assert_int_equal(p->rules[0].expires, INT64_C(1798761600) * BH_SECOND);
	bh_policy_rule_text(p, 0, line, sizeof(line));
	assert_string_equal(line, "web → api  22/tcp  until 2026-12-31");
	/* Comments are no part of what it says. */
	bh_policy_revision(p, with);
	bh_policy_set_note(p, 0, "another");
	bh_policy_revision(p, without);
	assert_string_equal(with, without);
	/* Over at that time, and not before. */
	assert_int_equal(bh_policy_set_time(p, p->rules[1].expires - 1), p->rules[1].expires);
	assert_false(p->rules[0].over || p->rules[1].over);
	assert_int_equal(bh_policy_set_time(p, p->rules[1].expires), p->rules[0].expires);
	assert_true(!p->rules[0].over && p->rules[1].over);
	assert_int_equal(bh_policy_set_time(p, p->rules[0].expires), INT64_MAX);
	bh_policy_free(p);
	free(printed);
	p = parse(same);
	printed = assert_round_trip(p);
	assert_non_null(strstr(printed, "    expires: 2026-12-31\n    comment: \"a\\x0ab\"\n"));
	assert_non_null(strstr(printed, "    expires: 2026-12-31T18:00:00Z\n"));
	bh_policy_free(p);
	free(printed);
}

/* Quotes for those that would be numbers elsewhere. */
static void rules_keep_their_edges(void **state)
{
	static const char text[] =
		TWO_WORKLOADS "  - from: web\n    to: api\n    ports: [1/tcp]\n"
			      "    edges: [00ab00000001, \"123456789012\", \"1e3456789012\", "
			      "1e345678901e, e12345678901,\n      1ea345678901]\n";
	struct bh_policy *p = parse(text);
	char *printed = assert_round_trip(p), *json = bh_policy_print_json(p);
	static const char last[] = "\"ports\": [\"1/tcp\"], \"edges\": [\"00ab00000001\", "
				   "\"123456789012\", \"1e3456789012\", \"1e345678901e\", "
				   "\"e12345678901\", \"1ea345678901\"]}\n\t]\n}\n";

	(void)state;
	assert_string_equal(printed, text);
	assert_int_equal(p->rules[0].edge_count, 6);
	assert_int_equal(p->rules[0].edges[0], 0x00ab00000001);
	assert_string_equal(json + strlen(json) - strlen(last), last);
	bh_policy_free(p);
	free(printed);
	free(json);
	p = parse(DOCUMENT("  - {from: web, to: host, ports: [1/tcp], edges: []}\n"));
	printed = assert_round_trip(p);
	assert_null(strstr(printed, "edges"));
	bh_policy_free(p);
	free(printed);
}

/* A list that is too long for a line goes on in the next ones. */
static void long_lists_are_folded(void **state)
{
	struct bh_policy *policy = bh_policy_new();
	struct bh_policy_peer host = { .kind = BH_POLICY_HOST };
	char name[64];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		struct bh_policy_peer peer = { .workload = i };

		snprintf(name, sizeof(name), "compose:a-large-shop/worker%zu", i);
		bh_policy_add_label(policy, bh_policy_add_workload(policy, name), "name", name);
		if (i == 0)
			bh_policy_add_rule(policy, &peer, &host, "for all");
		else
			bh_policy_add_from(policy, 0, &peer);
	}
	bh_policy_add_port(policy, 0, IPPROTO_TCP, 1, 1);
	char *text = assert_round_trip(policy);
	for (const char *line = text; line != NULL; line = strchr(line + 1, '\n'))
		assert_true(strcspn(line + 1, "\n") <= 130);
	free(text);
	bh_policy_free(policy);
}

/* workloads many workloads, and a rule from all of them to all of them. */
static char *product(size_t workloads)
{
	struct bh_buffer text = { 0 }, names = { 0 };

	bh_buffer_puts(&text, "bulkhead-policy: 1\nworkloads:\n");
	for (size_t i = 0; i < workloads; i++) {
		bh_buffer_printf(&text, "  w%zu: {app: w%zu}\n", i, i);
		bh_buffer_printf(&names, "%sw%zu", i > 0 ? ", " : "", i);
	}
	bh_buffer_printf(&text, "rules:\n  - {from: [%s], to: [%s], ports: [1/tcp]}\n", names.data,
			 names.data);
	bh_buffer_free(&names);
	return bh_buffer_steal(&text);
}

static void lists_do_not_multiply_without_end(void **state)
{
	struct bh_error err = { 0 };
	char *most = product(1000), *more = product(1001);

	(void)state;
	bh_policy_free(parse(most));
	assert_null(bh_policy_parse(more, strlen(more), "t", &err));
	assert_string_equal(err.text,
			    "t:1005:5: found a rule by which the policy allows 1002001 "
			    "combinations of source, destination and port, expected at most "
			    "1000000");
	free(most);
	free(more);
}

static void examples_are_valid_and_alike_in_yaml_and_json(void **state)
{
	static const char *const names[] = { "shop.yaml", "shop.json", "guardrails.yaml" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = read_file(EXAMPLES, names[i]);
		struct bh_policy *policy = parse(text);

		free(assert_round_trip(policy));
		assert_true(policy->rule_count >= 2);
		bh_policy_free(policy);
		free(text);
	}
}

static void printed_form_is_stable(void **state)
{
	static const char text[] = "# header\n"
				   "bulkhead-policy: 1\n"
				   "deny: reject\n"
				   "workloads:\n"
				   "  compose:shop/web:\n"
				   "    com.docker.compose.project: shop\n"
				   "    com.docker.compose.service: web\n"
				   "rules:\n"
				   "  # 214 connections\n"
				   "  - from: world\n"
				   "    to: compose:shop/web\n"
				   "    ports: [80/tcp, 443/tcp]\n"
				   "  - from: compose:shop/web\n"
				   "    to: 10.0.0.0/8\n"
				   "    ports: [8000-8100/tcp, icmp/8, gre]\n";
	struct bh_policy *policy = parse(text);
	char *printed = bh_policy_print(policy);

	(void)state;
	assert_string_equal(printed, text);
	free(printed);
	bh_policy_free(policy);
}

static const char *const comments[][2] = {
	{ "  - from: web\n", NULL },
	{ "  # one\n  - from: web\n", "one" },
	{ "  # one\n  # two\n  - from: web\n", "one\ntwo" },
	{ "  # one\n\n\n  #   two\n\n  - from: web\n", "one\n\n  two" },
	{ "  #\n  # one\n  #\n  - from: web\n", "\none\n" },
	{ "  #\n  - from: web\n", "" },
	{ "  #one\r\n  # two\r\n  - from: web\n", "one\ntwo" },
	{ "# one\r# two\r  - from: web\n", "one\ntwo" },
	{ "  #\tone\n  - from: web\n", "\tone" },
	{ "  -\n    # inside\n    from: web\n", "inside" },
	{ "  - from: web # behind\n", NULL },
};

static void comments_above_rules_are_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]); i++) {
		char text[300];

		snprintf(text, sizeof(text), DOCUMENT("%s    to: world\n    ports: [1/tcp]\n"),
			 comments[i][0]);
		struct bh_policy *policy = parse(text);
		if (!same_text(policy->rules[0].comment, comments[i][1]))
			fail_msg("%s gave \"%s\"", comments[i][0], policy->rules[0].comment);
		free(assert_round_trip(policy));
		bh_policy_free(policy);
	}
}

static void header_is_kept(void **state)
{
	struct bh_policy *policy = parse("\n# a\n\n# b\n" DOCUMENT("  []\n"));
	char *text = assert_round_trip(policy);

	(void)state;
	assert_string_equal(policy->header, "a\n\nb");
	assert_int_equal(strncmp(text, "# a\n#\n# b\nbulkhead-policy: 1\n", 29), 0);
	free(text);
	bh_policy_free(policy);
}

/* A comment that comes from a program may hold anything; it stays one comment. */
static void comments_cannot_break_out(void **state)
{
	struct bh_policy *policy = parse(DOCUMENT("  []\n"));
	struct bh_policy_peer web = { 0 }, world = { .kind = BH_POLICY_WORLD };
	size_t rule = bh_policy_add_rule(policy, &web, &world,
					 "a\r  - from: world\xc2\x85"
					 "b\xe2\x80\xa8"
					 "c\x01\xff");

	(void)state;
	bh_policy_add_port(policy, rule, IPPROTO_TCP, 1, 1);
	char *text = bh_policy_print(policy);
	struct bh_policy *again = parse(text);
	assert_int_equal(again->rule_count, 1);
	assert_string_equal(again->rules[0].comment, "a?  - from: world?b?c??");
	bh_policy_free(again);
	bh_policy_free(policy);
	free(text);
}

/* Names and labels come from whoever starts containers. */
static void any_text_survives_printing(void **state)
{
	static const char *const texts[] = {
		"-",
		"- a",
		"?",
		":",
		"a:",
		"a: b",
		"a #b",
		"#a",
		"'a'",
		"\"a\"",
		"a\"b\\c",
		"[a]",
		"{a}",
		"a,b",
		"&a",
		"*a",
		"!a",
		"|",
		">",
		"%a",
		"@a",
		"`a",
		"~",
		"null",
		"true",
		"No",
		"off",
		"1",
		"0x1f",
		"1e3",
		".",
		"...",
		"---",
		"=",
		"<<",
		" a",
		"a ",
		"a\tb",
		"a\nb",
		"\r",
		"\x01",
		"\x7f",
		"é",
		"日本",
		"\xc2\x85",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
		"a\xef\xbf\xbe",
		"\xf0\x9f\x9a\xa2",
		"a/b:c@d",
		"\\n",
		"a\\",
		"+a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bh_policy *policy = bh_policy_new();
		struct bh_policy_peer peer = { 0 }, world = { .kind = BH_POLICY_WORLD };

		bh_policy_add_workload(policy, texts[i]);
		bh_policy_add_label(policy, 0, texts[i], texts[i]);
		bh_policy_add_label(policy, 0, "empty", "");
		bh_policy_add_rule(policy, &peer, &world, texts[i][0] < ' ' ? NULL : "x");
		bh_policy_add_port(policy, 0, IPPROTO_TCP, 1, 65535);
		free(assert_round_trip(policy));
		bh_policy_free(policy);
	}
}

static void as_json(void **state)
{
	struct bh_policy *policy = parse("# about it\nbulkhead-policy: 1\ndeny: drop\nworkloads:\n"
					 "  'a\"b': {k: 'v\\', e: ''}\nrules:\n"
					 "  # evidence\n  - from: 'a\"b'\n    to: world\n"
					 "    ports: [443/tcp, 8000-8100/udp, icmp/8]\n");
	char *text = bh_policy_print_json(policy);

	(void)state;
	assert_string_equal(text,
			    "{\n\t\"bulkhead-policy\": 1,\n\t\"deny\": \"drop\",\n"
			    "\t\"workloads\": {\n"
			    "\t\t\"a\\\"b\": {\"k\": \"v\\\\\", \"e\": \"\"}\n\t},\n"
			    "\t\"rules\": [\n\t\t{\"from\": \"a\\\"b\", \"to\": \"world\", "
			    "\"ports\": [\"443/tcp\", \"8000-8100/udp\", \"icmp/8\"]}\n\t]\n}\n");
	free(text);
	bh_policy_free(policy);
}

static void quotes_in_single_quotes(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\nworkloads:\n"
					 "  a: {k: '''a''b''''c'''}\nrules: []\n");

	(void)state;
	assert_string_equal(policy->workloads[0].labels[0].values[0], "'a'b''c'");
	bh_policy_free(policy);
}

static void longest_names_survive_printing(void **state)
{
	struct bh_policy *policy = bh_policy_new();
	struct bh_policy_peer peer = { 0 }, host = { .kind = BH_POLICY_HOST };
	char name[256];

	(void)state;
	/* Each of them takes six characters in JSON, and YAML knows no key of more than 1024. */
	memset(name, 'n', 255);
	memset(name, 1, 150);
	name[255] = '\0';
	bh_policy_add_workload(policy, name);
	bh_policy_add_label(policy, 0, name, name);
	bh_policy_add_rule(policy, &host, &peer, NULL);
	bh_policy_add_port(policy, 0, IPPROTO_TCP, 1, 1);
	free(assert_round_trip(policy));
	bh_policy_free(policy);
}

/* --- revisions, texts ------------------------------------------------------------------------- */

static void revision_of(const char *text, char out[65])
{
	struct bh_policy *policy = parse(text);

	bh_policy_revision(policy, out);
	assert_int_equal(strlen(out), 32);
	assert_int_equal(strspn(out, "0123456789abcdef"), 32);
	bh_policy_free(policy);
}

static void revisions_name_what_is_said(void **state)
{
	static const char rule[] = "  - {from: web, to: host, ports: [1/tcp]}\n";
	char a[65], b[65], text[300];

	(void)state;
	snprintf(text, sizeof(text), DOCUMENT("%s"), rule);
	revision_of(text, a);
	snprintf(text, sizeof(text), "# other\n" DOCUMENT("  # words\n%s"), rule);
	revision_of(text, b);
	assert_string_equal(a, b);
	revision_of("{\"rules\": [{\"ports\": [\"1/tcp\"], \"to\": \"host\", \"from\": \"web\"}],"
		    "\"workloads\": {\"web\": {\"app\": \"web\"}}, \"bulkhead-policy\": 1}",
		    b);
	assert_string_equal(a, b);
	revision_of(DOCUMENT("  - {from: web, to: host, ports: [2/tcp]}\n"), b);
	assert_string_not_equal(a, b);
	/* Where a rule came from is no part of what it says. */
	revision_of(DOCUMENT("  - {from: web, to: host, ports: [2/tcp], edges: [00ab00000001]}\n"),
		    a);
	assert_string_equal(a, b);
	/* Answers give a rule's number, so the order is part of it. */
	revision_of(DOCUMENT("  - {from: web, to: host, ports: [1/tcp, 2/tcp]}\n"), a);
	revision_of(DOCUMENT("  - {from: web, to: host, ports: [2/tcp, 1/tcp]}\n"), b);
	assert_string_not_equal(a, b);
}

static void names_are_lower_case_and_kept_once(void **state)
{
	struct bh_policy *p =
		parse(DOCUMENT("  - {from: web, to: dns:Pay.Example, ports: [1/tcp]}\n"
			       "  - {from: web, to: dns:pay.example, ports: [2/tcp]}\n"
			       "  - {from: web, to: \"dns:*.CDN.example\", ports: [3/tcp]}\n"));
	char text[100];

	(void)state;
	assert_ptr_equal(p->rules[0].to.items[0].name, p->rules[1].to.items[0].name);
	bh_policy_rule_text(p, 0, text, sizeof(text));
	assert_string_equal(text, "web → dns:pay.example  1/tcp");
	bh_policy_rule_text(p, 2, text, sizeof(text));
	assert_string_equal(text, "web → dns:*.cdn.example  3/tcp");
	assert_true(bh_policy_speaks_of(p, "pay.example"));
	assert_true(bh_policy_speaks_of(p, "a.b.cdn.example"));
	assert_false(bh_policy_speaks_of(p, "cdn.example"));
	assert_false(bh_policy_speaks_of(p, "a.pay.example"));
	assert_false(bh_policy_speaks_of(p, "example"));
	free(assert_round_trip(p));
	bh_policy_free(p);
}

static void rules_are_one_line(void **state)
{
	struct bh_policy *p =
		parse(DOCUMENT("  - {from: fd00::/8, to: web, ports: [1-2/tcp, icmpv6/128]}\n"));
	char text[100], small[15];

	(void)state;
	bh_policy_rule_text(p, 0, text, sizeof(text));
	assert_string_equal(text, "fd00::/8 → web  1-2/tcp, icmpv6/128");
	/* The arrow takes three bytes; a part of it would be no text. */
	bh_policy_rule_text(p, 0, small, 11);
	assert_string_equal(small, "fd00::/8 ");
	bh_policy_free(p);
	p = parse(DOCUMENT("  - {from: [world, host], to: [web, web], ports: [1/tcp]}\n"));
	bh_policy_rule_text(p, 0, text, sizeof(text));
	assert_string_equal(text, "world, host → web, web  1/tcp");
	bh_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_policies_say_what_and_where),
		cmocka_unit_test(syntax_errors_have_a_place),
		cmocka_unit_test(nul_bytes_and_huge_files_are_refused),
		cmocka_unit_test(many_items_are_refused),
		cmocka_unit_test(every_part_is_read),
		cmocka_unit_test(ends_may_be_lists),
		cmocka_unit_test(labels_are_asked_in_several_ways),
		cmocka_unit_test(labels_hold_or_do_not),
		cmocka_unit_test(groups_are_written_and_their_members_meant),
		cmocka_unit_test(prefixes_may_have_exceptions),
		cmocka_unit_test(rules_have_ranks_and_ends),
		cmocka_unit_test(defaults_are_kept),
		cmocka_unit_test(rules_end_and_have_comments),
		cmocka_unit_test(ports_may_have_names_and_prefixes_containers),
		cmocka_unit_test(rules_keep_their_edges),
		cmocka_unit_test(long_lists_are_folded),
		cmocka_unit_test(lists_do_not_multiply_without_end),
		cmocka_unit_test(examples_are_valid_and_alike_in_yaml_and_json),
		cmocka_unit_test(printed_form_is_stable),
		cmocka_unit_test(comments_above_rules_are_kept),
		cmocka_unit_test(header_is_kept),
		cmocka_unit_test(comments_cannot_break_out),
		cmocka_unit_test(any_text_survives_printing),
		cmocka_unit_test(longest_names_survive_printing),
		cmocka_unit_test(as_json),
		cmocka_unit_test(quotes_in_single_quotes),
		cmocka_unit_test(revisions_name_what_is_said),
		cmocka_unit_test(names_are_lower_case_and_kept_once),
		cmocka_unit_test(rules_are_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
