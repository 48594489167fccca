/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines that set something, and what LXC's and nspawn's back ends make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime_fixture.h"
#include "settings.h"

static void test_lines(void **state)
{
	static const char text[] = "# a = comment\n\n  key =  two words \r\nno setting\n=nothing\n"
				   "other=x=y\nlast=";
	struct bh_setting setting;
	size_t position = 0, length = strlen(text);

	(void)state;
	assert_true(bh_settings_next(text, length, &position, &setting));
	assert_true(bh_setting_is(&setting, "key"));
	assert_false(bh_setting_is(&setting, "ke"));
	assert_true(bh_setting_has(&setting, "two words"));
	assert_true(bh_settings_next(text, length, &position, &setting));
	assert_true(bh_setting_is(&setting, "other"));
	assert_true(bh_setting_has(&setting, "x=y"));
	assert_true(bh_settings_next(text, length, &position, &setting));
	assert_true(bh_setting_is(&setting, "last"));
	assert_true(bh_setting_has(&setting, ""));
	assert_false(bh_settings_next(text, length, &position, &setting));
	position = 0;
	assert_false(bh_settings_next(text, 0, &position, &setting));
}

static void test_lxc(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_lxc_ops);
	runtime_tell(&h, BH_FILE_IS, "/var/lib/lxc/web-1/config",
		     "lxc.net.0.type = veth\nlxc.environment = A=b\n"
		     "lxc.environment = bulkhead.workload=web\n",
		     0);
	runtime_tell(&h, BH_FILE_IS, "/var/lib/lxc/hosted/config", "lxc.net.0.type=none\n", 0);
	runtime_tell(&h, BH_FILE_IS, "config", "lxc.net.0.type=none\n", 0);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 1);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(h.stated, 2);
	assert_string_equal(bh_container_label(runtime_stated(&h, "web-1"), "bulkhead.workload"),
			    "web");
	assert_string_equal(runtime_stated(&h, "web-1")->name, "web-1");
	assert_int_equal(runtime_stated(&h, "web-1")->runtime, BH_RUNTIME_LXC);
	assert_string_equal(runtime_stated(&h, "hosted")->network_mode, "host");
	runtime_tell(&h, BH_FILE_GONE, "/var/lib/lxc/web-1", NULL, 0);
	assert_null(runtime_stated(&h, "web-1"));
	assert_non_null(runtime_stated(&h, "hosted"));
	runtime_stop(&h);
}

static void test_nspawn(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_nspawn_ops);
	runtime_tell(&h, BH_FILE_IS, "/run/systemd/machines/m1",
		     "# This is private data.\nNAME=m1\nCLASS=container\nLEADER=4711\n", 0);
	runtime_tell(&h, BH_FILE_IS, "/run/systemd/machines/vm", "NAME=vm\nCLASS=vm\nLEADER=4712\n",
		     0);
	runtime_tell(&h, BH_FILE_IS, "/run/systemd/machines/odd",
		     "CLASS=container\nLEADER=99999999999999999999\n", 0);
	assert_int_equal(h.stated, 2);
	assert_int_equal(runtime_stated(&h, "m1")->pid, 4711);
	assert_int_equal(runtime_stated(&h, "odd")->pid, 0);
	assert_null(runtime_stated(&h, "vm"));
	runtime_tell(&h, BH_FILE_GONE, "/run/systemd/machines/m1", NULL, 0);
	assert_null(runtime_stated(&h, "m1"));
	runtime_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lxc),
		cmocka_unit_test(test_nspawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
