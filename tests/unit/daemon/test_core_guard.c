/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard finds in the ledger, and what it leaves. */
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
#include "core_guard.h"
#include "core_share.h"
#include "grow.h"

#define DAY BH_DAY

static const struct bh_peer web = { BH_PEER_WORKLOAD, "netns:web" },
			    db = { BH_PEER_WORKLOAD, "netns:db" },
			    names = { BH_PEER_ADDRESS, "198.51.100.53" },
			    host = { BH_PEER_HOST, "host" },
			    proxy = { BH_PEER_MASKED, "docker-proxy of host:8080" };

#define HEAD                                                                                       \
	"bulkhead-policy: 1\n"                                                                     \
	"workloads:\n"                                                                             \
	"  web: {bulkhead.workload: \"netns:web\"}\n"                                              \
	"  db: {bulkhead.workload: \"netns:db\"}\n"                                                \
	"rules:\n"                                                                                 \
	"  - {from: web, to: db, ports: [80/tcp]}\n"

static int make(void **state)
{
	const struct bh_ledger_config ledger = {
		.window = DAY, .max_edges = 100, .max_opposed = 100, .max_contacts = 100
	};
	struct bh_core *core = core_fixture_with_rules(0);

	bh_ledger_free(core->ledger);
	core->ledger = bh_ledger_new(&ledger);
	core->config.window = DAY;
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

static void set(struct bh_core *core, const char *workload, uint8_t mode)
{
	struct bh_error err = { 0 };

	if (bh_core_set_mode(core, workload, mode, NULL, "ann", &err) != 0)
		fail_msg("%s", err.text);
}

static void see(struct bh_core *core, const struct bh_contact *like, int times)
{
	for (int i = 0; i < times; i++)
		bh_ledger_observe(core->ledger, like);
}

static struct bh_contact asks(int64_t time)
{
	struct bh_contact c = contact_of(&web, &names, 53, time);

	c.proto = IPPROTO_UDP;
	return c;
}

/* "": nothing. */
static const char *found(struct bh_core *core, const char *workload, uint8_t mode)
{
	static struct bh_error err;

	err = (struct bh_error) { 0 };
	int result = bh_core_guard_mode(core, workload, mode, &err);
	assert_int_equal(result, err.text[0] != '\0' ? -EBUSY : 0);
	return err.text;
}

static void name_servers(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();
	const struct bh_contact c = asks(now - DAY);

	see(core, &c, 1);
	assert_string_equal(found(core, "netns:web", BH_ENFORCE), ""); /* there is no policy */
	apply(core, HEAD);
	assert_non_null(strstr(found(core, "netns:web", BH_ENFORCE),
			       "dns: netns:web → 198.51.100.53 53/udp"));
	assert_non_null(strstr(found(core, "netns:web", BH_STAGE1), "dns: "));
	assert_string_equal(found(core, "netns:web", BH_AUDIT), "");
	assert_string_equal(found(core, "netns:db", BH_ENFORCE), "");
	set(core, "netns:web", BH_ENFORCE);
	assert_string_equal(found(core, "netns:web", BH_ENFORCE), ""); /* refused already */
	set(core, "netns:web", BH_AUDIT);
	apply(core, HEAD "  - {from: web, to: 198.51.100.53, ports: [53/udp]}\n");
	assert_string_equal(found(core, "netns:web", BH_ENFORCE), "");
}

/* The first replica is told of, and so is each that follows when the share is given up. */
static void name_servers_of_a_share(void **state)
{
	struct bh_core *core = *state;
	const struct bh_share one = { .value = 1, .rest = BH_AUDIT };
	const struct bh_api_request request = { .author = "ann" };
	const struct bh_contact c = asks(bh_time_now() - DAY);
	struct bh_map *modes = bh_map_new(NULL);
	const struct bh_treatment then = { modes, bh_shares_copy(core->shares) };
	struct bh_api_reply reply = { 0 };
	struct bh_error err = { 0 };
	uint8_t enforce = BH_ENFORCE;

	see(core, &c, 1);
	apply(core, HEAD);
	set(core, "netns:web", BH_AUDIT);
	bh_map_put_text(modes, "netns:web", &enforce);
	bh_shares_set(then.shares, "netns:web", &one);
	cJSON *guard = bh_core_guard(core, &request, core->policy, &then, &reply);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(guard, "findings")), 1);
	cJSON_Delete(guard);
	assert_int_equal(bh_core_set_mode(core, "netns:web", BH_ENFORCE, &one, "ann", &err), 0);
	guard = bh_core_guard(core, &request, core->policy, NULL, &reply);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(guard, "findings")), 0);
	cJSON_Delete(guard);
	assert_non_null(strstr(found(core, "netns:web", BH_ENFORCE), "dns: "));
	const struct bh_share two = { .value = 2, .rest = BH_AUDIT };
	bh_shares_set(then.shares, "netns:web", &two);
	guard = bh_core_guard(core, &request, core->policy, &then, &reply);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(guard, "findings")), 1);
	cJSON_Delete(guard);
	bh_shares_set(then.shares, "netns:web", &one);
	guard = bh_core_guard(core, &request, core->policy, &then, &reply);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(guard, "findings")), 0);
	cJSON_Delete(guard);
	bh_map_free(modes);
	bh_shares_free(then.shares);
}

static void one_that_it_has_not_asked_for_a_week(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();
	struct bh_contact c = asks(now - 60 * DAY),
			  later = contact_of(&web, &db, 80, now - 54 * DAY);

	apply(core, HEAD);
	see(core, &c, 1);
	see(core, &later, 1);
	/* It did nothing since: it may be that it runs once a quarter. */
	assert_non_null(strstr(found(core, "netns:web", BH_ENFORCE), "dns: "));
	later.time = now - 52 * DAY;
	see(core, &later, 1);
	assert_string_equal(found(core, "netns:web", BH_ENFORCE), "");
}

static void what_a_person_rejected(void **state)
{
	struct bh_core *core = *state;
	int64_t now = bh_time_now();
	const struct bh_contact c = asks(now);
	const struct bh_edge like = {
		.src = &web, .dst = &names, .proto = IPPROTO_UDP, .port = 53
	};
	struct bh_decision decision = { .time = now };

	apply(core, HEAD);
	see(core, &c, 1);
	bh_ledger_decide(core->ledger, &like, &decision);
	assert_string_equal(found(core, "netns:web", BH_ENFORCE), "");
	decision.expires = now - 1;
	bh_ledger_decide(core->ledger, &like, &decision);
	assert_non_null(strstr(found(core, "netns:web", BH_ENFORCE), "dns: "));
}

static void what_audit_let_pass(void **state)
{
	struct bh_core *core = *state;
	struct bh_contact c = asks(bh_time_now());

	apply(core, HEAD);
	set(core, "netns:web", BH_AUDIT);
	c.denied = true;
	c.answered = c.teaches = false;
	see(core, &c, 1);
	assert_string_equal(found(core, "netns:web", BH_ENFORCE), "");
	c.answered = true;
	see(core, &c, 1);
	assert_non_null(strstr(found(core, "netns:web", BH_ENFORCE), "dns: "));
}

static void this_host_comes_again(void **state)
{
	struct bh_core *core = *state;
	const struct bh_contact checks = contact_of(&host, &db, 8080, bh_time_now()),
				comes = contact_of(&proxy, &db, 8081, bh_time_now());

	apply(core, HEAD);
	see(core, &checks, 2);
	assert_string_equal(found(core, "netns:db", BH_ENFORCE), "");
	see(core, &checks, 1);
	assert_non_null(strstr(found(core, "netns:db", BH_ENFORCE),
			       "health-check: host → netns:db 8080/tcp"));
	see(core, &comes, 1);
	assert_non_null(strstr(found(core, "netns:db", BH_ENFORCE),
			       "masked-client: masked → netns:db 8081/tcp"));
	apply(core, HEAD "  - {from: host, to: db, ports: [8080-8081/tcp]}\n");
	assert_string_equal(found(core, "netns:db", BH_ENFORCE), "");
}

/* Without anybody's session: the reply says that nobody sees it. */
static void the_whole_answer(void **state)
{
	struct bh_core *core = *state;
	const struct bh_api_request request = { .author = "ann" };
	const struct bh_contact c = asks(bh_time_now());
	struct bh_api_reply reply = { 0 };
	char why[BH_GUARD_WHY];

	apply(core, HEAD);
	see(core, &c, 1);
	cJSON *guard = bh_core_guard(core, &request, core->policy, NULL, &reply);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(guard, "session"))); /* nobody refuses */
	assert_true(bh_core_guard_lets(guard, &reply));
	cJSON_Delete(guard);
	set(core, "netns:db", BH_ENFORCE);
	struct bh_map *modes = bh_map_new(NULL);
	uint8_t enforce = BH_ENFORCE;
	bh_map_put_text(modes, "netns:web", &enforce);
	const struct bh_treatment then = { modes, core->shares };
	guard = bh_core_guard(core, &request, core->policy, &then, &reply);
	const cJSON *session = cJSON_GetObjectItem(guard, "session");
	assert_string_equal(cJSON_GetObjectItem(session, "state")->valuestring, "unknown");
	assert_string_equal(bh_core_guard_why(guard, "it is late", why), "it is late");
	assert_false(bh_core_guard_lets(guard, &reply));
	assert_int_equal(reply.status, 409);
	assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(reply.json, "error"), "guard"));
	cJSON_Delete(reply.json);
	/* As if it had been overridden. */
	cJSON_ReplaceItemInObject(guard, "refused", cJSON_CreateFalse());
	cJSON_ReplaceItemInObject(guard, "overridden", cJSON_CreateTrue());
	assert_true(bh_core_guard_lets(guard, &reply));
	assert_string_equal(bh_core_guard_why(guard, "it is late", why),
			    "it is late; anyway, though it cuts off dns: netns:web → "
			    "198.51.100.53 53/udp");
	cJSON_Delete(guard);
	bh_map_free(modes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(name_servers, make, unmake),
		cmocka_unit_test_setup_teardown(name_servers_of_a_share, make, unmake),
		cmocka_unit_test_setup_teardown(one_that_it_has_not_asked_for_a_week, make, unmake),
		cmocka_unit_test_setup_teardown(what_a_person_rejected, make, unmake),
		cmocka_unit_test_setup_teardown(what_audit_let_pass, make, unmake),
		cmocka_unit_test_setup_teardown(this_host_comes_again, make, unmake),
		cmocka_unit_test_setup_teardown(the_whole_answer, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
