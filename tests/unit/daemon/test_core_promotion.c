/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may be treated more strictly, who is treated less after a deploy, and what people decide. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../learn/contact.h"
#include "core_fixture.h"
#include "core_promotion.h"
#include "core_share.h"
#include "grow.h"

#define DAY BH_DAY

static const struct bh_peer web = { BH_PEER_WORKLOAD, "netns:web" },
			    db = { BH_PEER_WORKLOAD, "netns:db" };

/* What was proposed, and what a person wrote. */
static const char learned[] = "bulkhead-policy: 1\n"
			      "workloads:\n"
			      "  web: {bulkhead.workload: \"netns:web\"}\n"
			      "  db: {bulkhead.workload: \"netns:db\"}\n"
			      "rules:\n"
			      "  - {from: web, to: db, ports: [80/tcp], edges: [00ab00000001]}\n";
static const char written[] = "bulkhead-policy: 1\n"
			      "workloads:\n"
			      "  web: {bulkhead.workload: \"netns:web\"}\n"
			      "  db: {bulkhead.workload: \"netns:db\"}\n"
			      "rules:\n"
			      "  - {from: web, to: db, ports: [80/tcp]}\n";

static const char both[] = "bulkhead-policy: 1\n"
			   "workloads:\n"
			   "  web: {bulkhead.workload: \"netns:web\"}\n"
			   "  db: {bulkhead.workload: \"netns:db\"}\n"
			   "rules:\n"
			   "  - {from: web, to: db, ports: [80/tcp], edges: [00ab00000001]}\n"
			   "  - {from: db, to: web, ports: [80/tcp]}\n"
			   "  - {from: web, to: db, ports: [70-90/tcp]}\n";

static int make(void **state)
{
	const struct bh_ledger_config ledger = { .window = DAY,
						 .max_edges = 100,
						 .max_opposed = 100,
						 .max_contacts = 100,
						 .watched = true };
	struct bh_core *core = core_fixture_with_rules(0);

	bh_ledger_free(core->ledger);
	core->ledger = bh_ledger_new(&ledger);
	core->config.window = DAY;
	core->scanned = true;
	core->capture_state = (struct bh_msg_capture_state) { .workers = 1, .running = 1 };
	core_fixture_world(core);
	*state = core;
	return 0;
}

static int unmake(void **state)
{
	core_fixture_free_with_rules(*state);
	return 0;
}

static void apply(struct bh_core *core, const char *text)
{
	struct bh_error err = { 0 };
	size_t changes;

	if (bh_core_policy_apply(core, text, "policy.yaml", "ann", "", &changes, &err) != 0)
		fail_msg("%s", err.text);
}

static void see(struct bh_core *core, uint16_t port, int64_t time, bool denied)
{
	struct bh_contact c = contact_of(&web, &db, port, time);

	c.answered = c.teaches = !denied;
	c.denied = denied;
	bh_ledger_observe(core->ledger, &c);
}

/* So many days of watching, an edge each hour. */
static int64_t pass(struct bh_core *core, int64_t from, int days)
{
	for (int i = 0; i < days * 24; i++) {
		from += DAY / 24;
		bh_core_learning_tick(core, from, from);
		see(core, 80, from, false);
		bh_core_promotion_tick(core, from, from);
	}
	return from;
}

static int check(const struct bh_core *core, const char *workload, uint8_t mode,
		 struct bh_error *err)
{
	struct bh_readiness *r = bh_core_readiness(core);
	int result = bh_core_promotion_check(core, r, workload, mode, NULL, err);

	bh_readiness_free(r);
	return result;
}

static void set(struct bh_core *core, uint8_t mode)
{
	struct bh_error err = { 0 };

	if (bh_core_set_mode(core, "netns:web", mode, NULL, "ann", &err) != 0)
		fail_msg("%s", err.text);
}

static void what_was_proposed_needs_its_evidence(void **state)
{
	struct bh_core *core = *state;
	struct bh_error err = { 0 };
	int64_t now = pass(core, bh_time_now() - 30 * DAY, 3);

	apply(core, learned);
	assert_int_equal(check(core, "netns:web", BH_AUDIT, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "netns:web is not ready for audit: "));
	assert_non_null(strstr(err.text, " of 7 windows were watched; not seen yet: "));
	assert_int_equal(check(core, "netns:web", BH_LEARN, &err), 0);
	pass(core, now, 6);
	assert_int_equal(check(core, "netns:web", BH_AUDIT, &err), 0);
	assert_int_equal(check(core, "netns:web", BH_ENFORCE, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "of 14 windows"));
	assert_non_null(strstr(err.text, "not audited yet"));
	/* To go back needs none. */
	set(core, BH_ENFORCE);
	assert_int_equal(check(core, "netns:web", BH_AUDIT, &err), 0);
}

static int check_share(const struct bh_core *core, uint32_t replicas, struct bh_error *err)
{
	const struct bh_share share = { .value = replicas, .rest = BH_AUDIT };
	struct bh_readiness *r = bh_core_readiness(core);
	int result = bh_core_promotion_check(core, r, "netns:web", BH_ENFORCE, &share, err);

	bh_readiness_free(r);
	return result;
}

static void each_wider_share_needs_its_evidence_again(void **state)
{
	const struct bh_share two = { .value = 2, .rest = BH_AUDIT };
	struct bh_core *core = *state;
	struct bh_error err = { 0 };

	pass(core, bh_time_now() - 30 * DAY, 3);
	apply(core, learned);
	assert_int_equal(check_share(core, 1, &err), -EAGAIN);
	if (bh_core_set_mode(core, "netns:web", BH_ENFORCE, &two, "ann", &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(check_share(core, 3, &err), -EAGAIN);
	assert_int_equal(check(core, "netns:web", BH_ENFORCE, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "netns:web is not ready for enforce: "));
	assert_int_equal(check_share(core, 1, &err), 0);
	assert_int_equal(check_share(core, 2, &err), 0);
	set(core, BH_ENFORCE);
	assert_null(bh_core_share(core, "netns:web"));
	assert_int_equal(check_share(core, 3, &err), 0);
}

static void what_a_person_wrote_does_not(void **state)
{
	struct bh_core *core = *state;
	struct bh_error err = { 0 };

	apply(core, written);
	assert_int_equal(check(core, "netns:web", BH_ENFORCE, &err), 0);
}

/* A proposal that found nothing to say of one is no person's word about it. */
static void who_is_named_and_nothing_else_needs_its_evidence(void **state)
{
	static const char unsaid[] = "bulkhead-policy: 1\n"
				     "workloads:\n"
				     "  web: {bulkhead.workload: \"netns:web\"}\n"
				     "  db: {bulkhead.workload: \"netns:db\"}\n"
				     "  cache: {bulkhead.workload: \"netns:cache\"}\n"
				     "rules:\n"
				     "  - {from: cache, to: db, ports: [80/tcp], edges: "
				     "[00ab00000001]}\n";
	struct bh_core *core = *state;
	struct bh_error err = { 0 };

	apply(core, unsaid);
	assert_int_equal(check(core, "netns:web", BH_ENFORCE, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "0 of 14 windows were watched"));
}

/* Modes that were set before it was kept since when, or when it could not be. */
static void who_was_audited_all_along_is(void **state)
{
	struct bh_core *core = *state;
	struct bh_standing standing;
	uint8_t mode;

	apply(core, learned);
	set(core, BH_AUDIT);
	bh_ledger_set_audited(core->ledger, &web, 0);
	bh_core_standing(core, "netns:web", &mode, &standing);
	assert_in_range(standing.audited, bh_time_now() - 60 * BH_SECOND, bh_time_now());
	set(core, BH_LEARN);
	bh_core_standing(core, "netns:web", &mode, &standing);
	assert_int_equal(standing.audited, 0);
}

static void it_is_said_who_is_ready(void **state)
{
	struct bh_core *core = *state;

	apply(core, learned);
	int64_t now = pass(core, bh_time_now() - 30 * DAY, 6);
	assert_int_equal(core_fixture_events(core, "ready"), 0);
	pass(core, now, 4);
	assert_int_equal(core_fixture_events(core, "ready"), 2); /* both, once each */
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_LEARN);
}

static void who_may_alone_is_promoted(void **state)
{
	struct bh_core *core = *state;

	core->config.promotion = BH_PROMOTE_ALONE;
	apply(core, learned);
	pass(core, bh_time_now() - 20 * DAY, 10);
	assert_int_equal(core_fixture_events(core, "ready"), 0);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	assert_int_equal(bh_core_mode(core, "netns:db"), BH_STAGE1);
}

static const char nobody[] = "bulkhead-policy: 1\n"
			     "workloads:\n"
			     "  cache: {bulkhead.workload: \"netns:cache\"}\n"
			     "  db: {bulkhead.workload: \"netns:db\"}\n"
			     "rules:\n"
			     "  - {from: cache, to: db, ports: [80/tcp], edges: [00ab00000001]}\n";

/* Refused is said once, and tried again. */
static void who_could_not_be_promoted_is_later(void **state)
{
	struct bh_core *core = *state;

	core->config.promotion = BH_PROMOTE_ALONE;
	apply(core, nobody);
	int64_t now = pass(core, bh_time_now() - 30 * DAY, 10);
	size_t said = core_fixture_events(core, "mode");
	assert_true(said > 0);
	now = pass(core, now, 2);
	assert_int_equal(core_fixture_events(core, "mode"), said);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_LEARN);
	apply(core, learned);
	pass(core, now, 1);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
}

/* Nobody is there to say that it is meant. */
static void who_would_lose_its_name_server_stays(void **state)
{
	static const struct bh_peer names = { BH_PEER_ADDRESS, "198.51.100.53" };
	const struct bh_edge asked = {
		.src = &web, .dst = &names, .proto = IPPROTO_TCP, .port = 53
	};
	struct bh_core *core = *state;
	int64_t now = bh_time_now() - 20 * DAY;
	const struct bh_decision accepted = { .accepted = true, .time = now };

	core->config.promotion = BH_PROMOTE_ALONE;
	apply(core, learned);
	bh_ledger_decide(core->ledger, &asked, &accepted); /* and nobody wrote the rule */
	for (int day = 0; day < 12; day++) {
		const struct bh_contact c = contact_of(&web, &names, 53, now);

		bh_ledger_observe(core->ledger, &c);
		now = pass(core, now, 1);
	}
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_AUDIT);
	assert_int_equal(core_fixture_told(core,
					   "netns:web cannot be put into stage1: it would cut "
					   "off what has to go on and works now: dns: "),
			 1);
}

static void deploy(struct bh_core *core, int64_t time)
{
	bh_ledger_deployed(core->ledger, &web, time);
	bh_core_promotion_deployed(core, "netns:web", time);
}

static void after_a_deploy_it_is_stage_1_for_two_windows(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();

	apply(core, learned);
	pass(core, now - DAY, 1);
	set(core, BH_ENFORCE);
	/* A deploy from before says nothing. */
	deploy(core, now - DAY / 2);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
	now += DAY;
	deploy(core, now);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	assert_int_equal(bh_core_mode_set(core, "netns:web"), BH_ENFORCE);
	bh_core_promotion_tick(core, now + 2 * DAY - 1, now + 2 * DAY - 1);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	bh_core_promotion_tick(core, now + 2 * DAY, now + 3 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
	/* As long as something waits that it was denied since. */
	now += 10 * DAY;
	deploy(core, now);
	see(core, 81, now + DAY, true);
	bh_core_promotion_tick(core, now + 5 * DAY, now + 5 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 81 };
	struct bh_decision no = { .accepted = false, .opposed = true, .time = now };
	bh_ledger_decide(core->ledger, &like, &no);
	bh_core_promotion_tick(core, now + 6 * DAY, now + 6 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
}

/* What it tries later does not keep it there; nor does a restart let it go. */
static void what_waits_is_of_the_two_windows(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now() + DAY;
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 82 };
	struct bh_decision no = { .accepted = false, .opposed = true, .time = now };

	apply(core, learned);
	pass(core, now - 2 * DAY, 1);
	set(core, BH_ENFORCE);
	see(core, 81, now, true);
	deploy(core, now + DAY / 2);
	see(core, 82, now + DAY, true);
	bh_core_promotion_look(core, now + DAY);
	assert_int_equal(bh_core_relaxed_for_review(core), 0); /* the windows are not over */
	bh_core_promotion_tick(core, now + 5 * DAY, now + 5 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	bh_core_treated(core, "netns:web", bh_time_now()); /* as the modes are loaded */
	core->promotion_due = 0;
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
	bh_core_promotion_look(core, now + 5 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	bh_core_promotion_tick(core, now + 6 * DAY, now + 6 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_STAGE1);
	assert_int_equal(bh_core_relaxed_for_review(core), 1);
	see(core, 81, now + 6 * DAY, true);
	see(core, 83, now + 6 * DAY, true);
	bh_ledger_decide(core->ledger, &like, &no);
	bh_core_promotion_tick(core, now + 7 * DAY, now + 7 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
	assert_int_equal(bh_core_relaxed_for_review(core), 0);
	/* Once it is over it is. */
	no.expires = no.time;
	bh_ledger_decide(core->ledger, &like, &no);
	bh_core_promotion_tick(core, now + 8 * DAY, now + 8 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
}

static void a_person_may_not_want_that(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();

	core->config.deploy_audit = false;
	apply(core, learned);
	set(core, BH_ENFORCE);
	deploy(core, now + DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
	core->config.deploy_audit = true;
	apply(core, written);
	deploy(core, now + 2 * DAY);
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_ENFORCE);
}

static void decide(struct bh_core *core, uint16_t port, bool accepted, bool opposed, int64_t time)
{
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = port };
	struct bh_decision d = { .accepted = accepted, .opposed = opposed, .time = time };

	bh_ledger_decide(core->ledger, &like, &d);
}

static void who_was_denied_too_much_is_audited_again(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();

	apply(core, learned);
	set(core, BH_STAGE1);
	decide(core, 1, true, true, now - 8 * DAY); /* long ago */
	decide(core, 2, true, true, now - 6 * DAY);
	decide(core, 3, true, true, now);
	decide(core, 4, true, false, now); /* was not denied */
	decide(core, 5, false, true, now); /* rightly denied */
	assert_false(bh_core_demote(core, "netns:web", now));
	decide(core, 6, true, true, now);
	assert_true(bh_core_demote(core, "netns:web", now));
	assert_int_equal(bh_core_mode(core, "netns:web"), BH_AUDIT);
	assert_false(bh_core_demote(core, "netns:web", now));
}

static void what_expires_is_said(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 80 };
	struct bh_decision d = { .accepted = true, .time = now, .expires = now + DAY };

	bh_ledger_decide(core->ledger, &like, &d);
	bh_core_promotion_tick(core, now, now);
	bh_core_promotion_tick(core, now + DAY / 2, now + DAY / 2);
	assert_int_equal(core_fixture_events(core, "review"), 0);
	bh_core_promotion_tick(core, now + 2 * DAY, now + 2 * DAY);
	bh_core_promotion_tick(core, now + 3 * DAY, now + 3 * DAY);
	assert_int_equal(core_fixture_events(core, "review"), 1);
}

static void what_expired_meanwhile_is_said(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 80 };
	struct bh_decision d = { .accepted = true, .time = now, .expires = now + DAY };

	bh_ledger_watch(core->ledger, now, 0);
	bh_ledger_decide(core->ledger, &like, &d);
	bh_core_promotion_load(core);
	bh_core_promotion_tick(core, now + 2 * DAY, now + 2 * DAY);
	assert_int_equal(core_fixture_events(core, "review"), 1);
}

/* What it was denied is no obstacle any more, but that it was, yesterday, is no quiet week. */
static void what_is_allowed_now_was_not_quiet(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();

	bh_ledger_set_audited(core->ledger, &web, now - 20 * DAY);
	see(core, 80, now - DAY, true);
	apply(core, learned);
	assert_int_equal(bh_ledger_count(core->ledger, BH_OPPOSED), 0);
	assert_int_equal(bh_ledger_audited(core->ledger, &web), now - DAY);
	assert_int_equal(bh_ledger_audited(core->ledger, &db), 0);
}

static void what_a_new_policy_allows_was_not_denied(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();

	see(core, 80, now, true);
	see(core, 81, now, true);
	assert_int_equal(bh_ledger_count(core->ledger, BH_OPPOSED), 2);
	apply(core, learned);
	assert_int_equal(bh_ledger_count(core->ledger, BH_OPPOSED), 1);
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 81 }, e;
	assert_true(bh_ledger_find(core->ledger, BH_OPPOSED, &like, &e));
}

static void a_persons_rule_is_that_persons_word(void **state)
{
	struct bh_core *core = *state;
	struct bh_filter_config filters = bh_core_filters(core);
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 80 }, e;

	see(core, 80, bh_time_now(), false);
	assert_true(bh_ledger_find(core->ledger, BH_EDGES, &like, &e));
	assert_int_equal(bh_judge(core->ledger, &filters, BH_EDGES, &e).state, BH_EDGE_REVIEW);
	apply(core, learned);
	filters = bh_core_filters(core);
	assert_int_equal(bh_judge(core->ledger, &filters, BH_EDGES, &e).state, BH_EDGE_REVIEW);
	apply(core, written);
	filters = bh_core_filters(core);
	assert_int_equal(bh_judge(core->ledger, &filters, BH_EDGES, &e).state, BH_EDGE_ACCEPTED);
	/* Wherever it stands. */
	apply(core, both);
	filters = bh_core_filters(core);
	assert_int_equal(bh_judge(core->ledger, &filters, BH_EDGES, &e).state, BH_EDGE_ACCEPTED);
}

static void declare(struct bh_core *core, const char *label, const char *text)
{
	struct bh_container *c = bh_container_new();

	memset(c->id, 'a', 64);
	bh_copy_text(c->name, sizeof(c->name), "db");
	bh_copy_text(c->netns_path, sizeof(c->netns_path), "/run/netns/db");
	bh_container_add_label(c, label, text);
	bh_container_add_label(c, "bulkhead.workload", "backup");
	bh_model_container(core->model, c, bh_time_now());
	bh_container_free(c);
}

static void declared_schedules_are_waited_for(void **state)
{
	struct bh_core *core = *state;
	cJSON *list = cJSON_CreateArray();

	declare(core, "ofelia.job-exec.dump.schedule", "0 3 * * 0");
	assert_int_equal(bh_core_schedule(core, "label:backup"), 7 * DAY);
	assert_int_equal(bh_core_schedule(core, "netns:web"), 0);
	pass(core, bh_time_now() - 30 * DAY, 3);
	bh_core_schedules_json(core, list);
	assert_int_equal(cJSON_GetArraySize(list), 1);
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "text")),
		"0 3 * * 0");
	cJSON_Delete(list);
	/* As soon as it can have been seen twice it is nothing to speak of. */
	pass(core, bh_time_now() - 27 * DAY, 15);
	list = cJSON_CreateArray();
	bh_core_schedules_json(core, list);
	assert_int_equal(cJSON_GetArraySize(list), 0);
	cJSON_Delete(list);
}

static struct bh_flow open_flow(int64_t time)
{
	struct bh_flow flow = { .id = 1,
				.key = core_fixture_tuple("10.0.1.2", 1000, "10.0.2.3", 81),
				.src_ifindex = 7,
				.dst_ifindex = 8,
				.first = CORE_FIXTURE_NOW,
				.last = time,
				.direction = BH_DIRECTION_SYN,
				.state = BH_FLOW_ESTABLISHED,
				.answered = true,
				.established = true };
	return flow;
}

/* Nor does what stays open come to be a habit by that. */
static void what_was_open_before_the_audit_teaches_no_more(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = open_flow(CORE_FIXTURE_NOW);
	struct bh_edge like = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = 81 }, e;

	apply(core, learned);
	bh_core_flows(core, &flow, 1);
	flow = open_flow(CORE_FIXTURE_NOW + DAY);
	bh_core_flows(core, &flow, 1);
	assert_true(bh_ledger_find(core->ledger, BH_EDGES, &like, &e));
	assert_int_equal(e.windows, 2);
	set(core, BH_AUDIT);
	flow = open_flow(CORE_FIXTURE_NOW + 2 * DAY);
	bh_core_flows(core, &flow, 1);
	assert_true(bh_ledger_find(core->ledger, BH_EDGES, &like, &e));
	assert_int_equal(e.windows, 2);
	assert_true(bh_ledger_find(core->ledger, BH_OPPOSED, &like, &e));
	/* As soon as it is allowed it does. */
	set(core, BH_LEARN);
	flow = open_flow(CORE_FIXTURE_NOW + 2 * DAY + 1);
	bh_core_flows(core, &flow, 1);
	assert_true(bh_ledger_find(core->ledger, BH_EDGES, &like, &e));
	assert_int_equal(e.windows, 3);
}

static void what_passes_for_the_time_being_is_said(void **state)
{
	static const char proposed[] = "bulkhead-policy: 1\n"
				       "workloads:\n"
				       "  web: {bulkhead.workload: \"netns:web\"}\n"
				       "  db: {bulkhead.workload: \"netns:db\"}\n"
				       "rules:\n"
				       "  - {from: web, to: db, ports: [80/tcp, 85/tcp, 5432/tcp], "
				       "edges: "
				       "[00ab00000001]}\n";
	struct bh_core *core = *state;
	int64_t now = bh_time_now() - 60 * DAY;

	see(core, 85, now, false);
	now = pass(core, now, 3);
	apply(core, proposed);
	assert_int_equal(core_fixture_events(core, "review"), 1);
	now = pass(core, now, 31);
	assert_int_equal(core_fixture_events(core, "review"), 1);
	now = pass(core, now, 2);
	assert_int_equal(core_fixture_events(core, "review"), 2);
	/* What waits for another reason passes for no time: it comes to a sensitive port. */
	see(core, 5432, now, false);
	/* Once; and nothing is said where the policy does not allow it. */
	see(core, 86, now, false);
	now = pass(core, now, 36);
	assert_int_equal(core_fixture_events(core, "review"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_proposed_needs_its_evidence),
		TEST(each_wider_share_needs_its_evidence_again),
		TEST(what_a_person_wrote_does_not),
		TEST(who_is_named_and_nothing_else_needs_its_evidence),
		TEST(who_was_audited_all_along_is),
		TEST(it_is_said_who_is_ready),
		TEST(who_may_alone_is_promoted),
		TEST(who_could_not_be_promoted_is_later),
		TEST(who_would_lose_its_name_server_stays),
		TEST(after_a_deploy_it_is_stage_1_for_two_windows),
		TEST(what_waits_is_of_the_two_windows),
		TEST(a_person_may_not_want_that),
		TEST(who_was_denied_too_much_is_audited_again),
		TEST(what_expires_is_said),
		TEST(declared_schedules_are_waited_for),
		TEST(what_expired_meanwhile_is_said),
		TEST(what_is_allowed_now_was_not_quiet),
		TEST(what_a_new_policy_allows_was_not_denied),
		TEST(a_persons_rule_is_that_persons_word),
		TEST(what_was_open_before_the_audit_teaches_no_more),
		TEST(what_passes_for_the_time_being_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
