/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "../../unit/cli/lines.h"
#include "recorded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POLICY                                                                                     \
	"bulkhead-policy: 1\nworkloads:\n"                                                         \
	"  web: {com.docker.compose.project: shop, com.docker.compose.service: web}\n"             \
	"  db: {bulkhead.workload: 'netns:db'}\n"                                                  \
	"rules:\n  - {from: web, to: db, ports: [5432/tcp]}\n"                                     \
	"  - {from: world, to: web, ports: [443/tcp, icmp/8]}\n"                                   \
	"  - {from: web, to: dns:pay.example, ports: [443/tcp]}\n"                                 \
	"  - {from: web, to: dns:*.cdn.example, ports: [443/tcp]}\n"

/* What can be learned from a line is a flow in its time, or a deploy. */
static void teach(const char *line)
{
	struct bh_recorded_evidence evidence;
	struct bh_error err = { 0 };

	if (!bh_recorded_evidence_parse(line, &evidence, &err)) {
		if (err.text[0] == '\0')
			abort();
		return;
	}
	if (!evidence.flow.deploy &&
	    (evidence.flow.last < evidence.first || evidence.flow.dst.name[0] == '\0' ||
	     evidence.direction > BH_DIRECTION_LISTENER))
		abort();
}

/* It means what it means to cJSON. */
static void take_apart(const char *text)
{
	static struct bh_line line, tree;

	bh_line_read(text, &line);
	bh_line_read_tree(text, &tree);
	if (!is_same_line(&line, &tree))
		abort();
	bh_line_clear(&line);
	bh_line_clear(&tree);
}

/* Any bytes are a line of recorded flows, or an error with a text. A flow is a question that the
 * policy answers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_policy *policy;
	struct bh_recorded_flow flow;
	struct bh_error err = { 0 };
	struct bh_answer answer;
	char *line = malloc(size + 1);

	if (policy == NULL)
		policy = bh_policy_parse(POLICY, strlen(POLICY), "fuzz", &err);
	if (line == NULL || policy == NULL)
		abort();
	memcpy(line, data, size);
	line[size] = '\0';
	bool is_line = bh_recorded_flow_parse(line, &flow, &err);
	if (is_line && !flow.deploy) {
		bh_policy_evaluate(policy, &flow.question, &answer);
		if (answer.reason[0] == '\0' || flow.question.src.addr.family == BH_NO_FAMILY ||
		    flow.question.dst.addr.family == BH_NO_FAMILY)
			abort();
		if (flow.proxied)
			bh_policy_evaluate(policy, &flow.onward, &answer);
	} else if (!is_line && err.text[0] == '\0') {
		abort();
	}
	teach(line);
	take_apart(line);
	free(line);
	return 0;
}
