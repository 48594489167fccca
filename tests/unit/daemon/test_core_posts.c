/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What waits for a webhook or an OTLP receiver that is away is bounded, and what is lost is
 * counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_export.h"
#include "core_fixture.h"
#include "grow.h"

#define EVENTS 10000
#define BYTES 1000
#define HOOK_QUEUE (4 << 20)
#define LOG_QUEUE (8 << 20)

/* Nobody listens at port 1 of this host. */
static int set_up(void **state)
{
	struct bh_core *core = core_fixture_with_rules(BH_SECOND);
	struct bh_config_exports *exports = &core->config.exports;

	exports->webhooks.count = 1;
	exports->webhooks.items[0].log.events = true;
	exports->otlp.log.events = true;
	bh_copy_text(exports->webhooks.items[0].url, BH_CONFIG_TEXT, "http://127.0.0.1:1/hook");
	bh_copy_text(exports->otlp.url, BH_CONFIG_TEXT, "http://127.0.0.1:1");
	bh_core_exports_start(core);
	*state = core;
	return 0;
}

static int tear_down(void **state)
{
	bh_core_exports_end(*state);
	core_fixture_free_with_rules(*state);
	return 0;
}

static void tell(struct bh_core *core)
{
	char line[BYTES];

	memset(line, 'x', sizeof(line));
	memcpy(line, "{\"text\":\"", 9);
	memcpy(line + sizeof(line) - 3, "\"}", 3);
	bh_core_export_event(core, "leak", CORE_FIXTURE_NOW, line);
}

static double number_of(const struct bh_core *core, int export, const char *key)
{
	cJSON *list = bh_core_exports_json(core);
	double number =
		cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, export), key));

	cJSON_Delete(list);
	return number;
}

static void is_bounded(const struct bh_core *core, int export, size_t limit)
{
	double waiting = number_of(core, export, "waiting"), lost = number_of(core, export, "lost");

	assert_int_equal((int)(waiting + lost), EVENTS);
	assert_true(waiting > 0 && lost > 0);
	assert_true(waiting * BYTES <= (double)limit + BYTES);
	assert_int_equal((int)number_of(core, export, "sent"), 0);
}

static void what_waits_is_bounded(void **state)
{
	struct bh_core *core = *state;

	for (int i = 0; i < EVENTS; i++)
		tell(core);
	for (int i = 0; i < 50; i++)
		uv_run(&core->loop, UV_RUN_NOWAIT);
	is_bounded(core, 0, HOOK_QUEUE);
	is_bounded(core, 1, LOG_QUEUE);
	assert_int_equal(core->losses.totals[BH_LOSS_LOGS],
			 (int)(number_of(core, 0, "lost") + number_of(core, 1, "lost")));
}

static void whoever_is_away_is_named(void **state)
{
	struct bh_core *core = *state;
	cJSON *list = cJSON_CreateArray();

	tell(core);
	for (int i = 0; i < 2000 && cJSON_GetArraySize(list) == 0; i++) {
		uv_run(&core->loop, UV_RUN_NOWAIT);
		bh_core_exports_say(core, list);
	}
	const char *said = cJSON_GetStringValue(cJSON_GetArrayItem(list, 0));
	assert_non_null(said);
	assert_non_null(strstr(said, "events do not reach http://127.0.0.1:1 (Failed to connect"));
	assert_non_null(strstr(said, "1 wait for it, 0 are lost"));
	cJSON_Delete(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_waits_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whoever_is_away_is_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
