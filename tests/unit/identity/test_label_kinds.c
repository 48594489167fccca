/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "label_kinds.h"

static const struct {
	const char *key;
	bool per_instance, may_group;
} labels[] = {
	{ "pod-template-hash", true, false },
	{ "controller-revision-hash", true, false },
	{ "job-name", true, false },
	{ "batch.kubernetes.io/job-name", true, false },
	{ "controller-uid", true, false },
	{ "statefulset.kubernetes.io/pod-name", true, false },
	{ "topology.kubernetes.io/zone", true, false },
	{ "failure-domain.beta.kubernetes.io/region", true, false },
	{ "io.kubernetes.pod.uid", true, false },
	{ "io.kubernetes.pod.namespace", false, true },
	{ "com.docker.compose.container-number", true, false },
	{ "com.docker.compose.config-hash", true, false },
	{ "com.docker.compose.project", false, true },
	{ "com.docker.compose.project.working_dir", false, false },
	{ "com.docker.compose.service", false, true },
	{ "com.docker.swarm.task", true, false },
	{ "com.docker.swarm.task.id", true, false },
	{ "com.docker.swarm.service.name", false, true },
	{ "org.opencontainers.image.vendor", false, false },
	{ "maintainer", false, false },
	{ "bulkhead.workload", false, false },
	{ "app.kubernetes.io/part-of", false, true },
	{ "tier", false, true },
	{ "job-names", false, true },
	{ "", false, true },
};

static void each_is_of_its_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (bh_label_is_per_instance(labels[i].key) != labels[i].per_instance ||
		    bh_label_may_group(labels[i].key) != labels[i].may_group)
			fail_msg("%s", labels[i].key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_is_of_its_kind) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
