/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes are endpoints, a NUL byte and probes, or an error with a text. Every probe has an
 * answer, and a reason. */

static const char rules[] =
	"bulkhead-policy: 1\n"
	"workloads: {a: {app: a}, b: {app: {not: a}, io.kubernetes.pod.namespace: x}}\n"
	"defaults: {egress: allow}\n"
	"rules:\n"
	"  - {from: a, to: b, ports: [http/tcp, 53/udp]}\n"
	"  - {from: {cidr: 10.0.0.0/8, except: [10.1.0.0/16], containers: true}, to: b, ports: "
	"[any],\n"
	"     side: ingress}\n"
	"  - {from: a, to: world, ports: [22/tcp], action: deny, tier: platform}\n";

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static void ask_all(const struct bh_policy *policy, const struct bh_probe_endpoints *endpoints,
		    const cJSON *probes)
{
	const cJSON *probe;

	cJSON_ArrayForEach (probe, probes) {
		struct bh_probe_answer answer;
		struct bh_error err = { 0 };
		int result = bh_probe_ask(policy, endpoints, probe, &answer, &err);

		if (result != 0 && err.text[0] == '\0')
			fail("an error without a text");
		if (result == 0 && (answer.reason[0] == '\0' || answer.verdict > BH_UNCERTAIN ||
				    answer.rule >= (int)policy->rule_count))
			fail("no answer");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_policy *policy;
	const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
	struct bh_error err = { 0 };

	if (policy == NULL)
		policy = bh_policy_parse(rules, strlen(rules), "rules", &err);
	if (policy == NULL)
		fail(err.text);
	if (end == NULL)
		return 0;
	struct bh_probe_endpoints *endpoints =
		bh_probe_endpoints_new((const char *)data, (size_t)(end - data), "f", &err);
	if (endpoints == NULL && strncmp(err.text, "f: ", 3) != 0)
		fail("an error without a place");
	cJSON *probes =
		cJSON_ParseWithLength((const char *)end + 1, size - (size_t)(end - data) - 1);
	if (endpoints != NULL)
		ask_all(policy, endpoints, probes);
	bh_probe_endpoints_free(endpoints);
	cJSON_Delete(probes);
	return 0;
}
