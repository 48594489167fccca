/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LXD and Incus: instances of several projects, their settings, what changes and what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "address.h"
#include "runtime_fixture.h"
#include "timefmt.h"

#define LIST(instances) "{\"type\":\"sync\",\"status_code\":200,\"metadata\":[" instances "]}"
#define WEB                                                                                        \
	"{\"name\":\"web\",\"project\":\"default\",\"status\":\"Running\",\"type\":\"container\"," \
	"\"config\":{\"user.tier\":\"of the instance alone\"},"                                    \
	"\"expanded_config\":{\"user.bulkhead.workload\":\"shop\",\"user.tier\":\"front\","        \
	"\"volatile.eth0.hwaddr\":\"00:16:3e:00:00:01\",\"volatile.hwaddr\":\"x\",\"odd\":7}}"
#define OTHER "{\"name\":\"web\",\"project\":\"lab\",\"status\":\"Stopped\",\"type\":\"container\"}"
#define MACHINE "{\"name\":\"vm\",\"project\":\"default\",\"type\":\"virtual-machine\"}"

static void test_instances(void **state)
{
	struct runtime_host h;
	struct bh_mac mac;

	(void)state;
	runtime_start(&h, &bh_lxd_ops);
	runtime_reply(&h, BH_QUERY_CONTAINERS,
		      LIST(WEB "," OTHER "," MACHINE ",7,{\"name\":null},{\"name\":\"\"}"));
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(h.stated, 2);
	const struct bh_container *web = runtime_stated(&h, "web");
	assert_int_equal(web->runtime, BH_RUNTIME_LXD);
	assert_true(web->running);
	assert_string_equal(bh_container_label(web, "bulkhead.workload"), "shop");
	assert_string_equal(bh_container_label(web, "tier"), "front");
	assert_int_equal(web->net_count, 1);
	assert_string_equal(web->nets[0].name, "eth0");
	assert_true(bh_mac_parse("00:16:3e:00:00:01", &mac));
	assert_memory_equal(&web->nets[0].mac, &mac, sizeof(mac));
	assert_false(runtime_stated(&h, "lab_web")->running);
	/* The same again is no news; what is not listed any more is gone. */
	h.ops->tick(h.back_end, 3 * BH_SECOND);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LIST(WEB));
	assert_int_equal(h.stated, 2);
	assert_null(runtime_stated(&h, "lab_web"));
	assert_non_null(runtime_stated(&h, "web"));
	/* Paused, it is there still. */
	h.ops->tick(h.back_end, 6 * BH_SECOND);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LIST("{\"name\":\"web\",\"status\":\"Frozen\"}"));
	assert_int_equal(h.stated, 3);
	assert_true(runtime_stated(&h, "web")->running);
	runtime_stop(&h);
}

static void test_failures(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_incus_ops);
	uint32_t first = h.count;
	h.ops->end(h.back_end, first, -ENOENT, 0);
	assert_int_equal(h.state, BH_RUNTIME_ABSENT);
	h.ops->tick(h.back_end, BH_SECOND);
	assert_int_equal(h.count, first);
	h.ops->tick(h.back_end, 2 * BH_SECOND);
	assert_int_not_equal(h.count, first);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LIST(WEB));
	assert_int_equal(runtime_stated(&h, "web")->runtime, BH_RUNTIME_INCUS);
	static const char *const bad[] = { "", "[]", "{\"metadata\":{}}", "{\"metadata\":[" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		h.ops->tick(h.back_end, (int64_t)(10 + i * 3) * BH_SECOND);
		runtime_reply(&h, BH_QUERY_CONTAINERS, bad[i]);
		assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
		assert_non_null(runtime_stated(&h, "web")); /* it lives on while nobody tells */
	}
	h.ops->tick(h.back_end, 100 * BH_SECOND);
	h.ops->data(h.back_end, h.count, "nonsense\r\n\r\n", 12, 1);
	h.ops->end(h.back_end, h.count, 0, 1);
	assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
	/* One that hangs is told of, and not asked twice at a time. */
	h.ops->tick(h.back_end, 200 * BH_SECOND);
	uint32_t last = h.count;
	h.ops->tick(h.back_end, 220 * BH_SECOND);
	assert_int_equal(h.count, last);
	runtime_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
