/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a schedule may keep one waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cron.h"

static void schedules_are_read(void **state)
{
	static const struct {
		const char *text;
		double days; /* 0: it is none */
	} cases[] = {
		{ "30 2 * * *", 1 },
		{ "*/5 * * * *", 1 },
		{ "0 30 2 * * *", 1 }, /* with seconds */
		{ "0 3 * * 0", 7 },
		{ "0 3 * * mon-fri", 7 },
		{ "0 4 1 * *", 31 },
		{ "0 4 */10 * *", 31 },
		{ "0 4 ? * 6#2", 98 },
		{ "0 4 1,15 * *", 31 },
		{ "0 4 13 * 5", 7 },
		{ "0 4 1 1 *", 366 },
		{ "0 4 * 6-8 *", 366 },
		{ "  0\t3  * * 0 ", 7 },
		{ "0 3 1 */3 *", 93 },
		{ "0 3 1 */6 *", 186 },
		{ "0 3 1 */12 *", 366 },
		{ "0 0 0 ? * 5L", 35 },
		{ "0 3 * * */2", 7 },
		{ "0 3 29 2 *", 2928 },
		{ "0 3 31 * *", 62 },
		{ "0 3 1,31 * *", 31 },
		{ "0 3 L * ?", 31 },
		{ "0 3 */2 * 1", 31 },
		{ "CRON_TZ=Europe/Rome 0 3 * * *", 1 },
		{ "TZ=UTC @weekly", 7 },
		{ "CRON_TZ=", 0 },
		{ "0 3 ? * FRIL", 35 },
		{ "0 9 1-7 * */7", 35 },
		{ "0 3 */10 * 1", 366 },
		{ "0 3 31/2 * *", 62 },
		{ "0 3 * */1 *", 1 },
		{ "0 3 * * */1", 1 },
		{ "@weekly", 7 },
		{ "@monthly", 31 },
		{ "@yearly", 366 },
		{ "@daily", 1 },
		{ "@every 12h", 0.5 },
		{ "@every 1h30m", 0.0625 },
		{ "@every", 0 },
		{ "@every 5", 0 },
		{ "@every 5d", 0 },
		{ "@every 5h!", 0 },
		{ "@fortnightly", 0 },
		{ "", 0 },
		{ "daily", 0 },
		{ "1 2 3 4", 0 },
		{ "1 2 3 4 5 6 7", 0 },
		{ "a; rm b c d", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double days = 0;
		bool read = bh_cron_days(cases[i].text, &days);

		if (read != (cases[i].days > 0) || (read && days != cases[i].days))
			fail_msg("%s: %d, %g", cases[i].text, read, days);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
