/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded flows against a policy, without a daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "findings.h"
#include "recorded.h"
#include "timefmt.h"

struct replay {
	struct bh_policy *policy;
	struct bh_findings *findings;
};

static void judge(struct replay *r, const struct bh_recorded_flow *flow,
		  const struct bh_question *question)
{
	struct bh_answer answer;

	bh_policy_evaluate(r->policy, question, &answer);
	bh_findings_add(r->findings, question, &answer, flow->count, flow->last);
}

static void judge_flow(struct replay *r, const struct bh_recorded_flow *flow)
{
	judge(r, flow, &flow->question);
	if (flow->proxied)
		judge(r, flow, &flow->onward);
}

static bool replay_line(void *user, const char *line, size_t number, struct bh_error *err)
{
	struct bh_recorded_flow flow;

	(void)number;
	if (!bh_recorded_flow_parse(line, &flow, err))
		return false;
	if (!flow.deploy)
		judge_flow(user, &flow);
	return true;
}

static struct bh_policy *read_policy(const char *path, int *result)
{
	struct bh_policy *policy = NULL;
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };

	*result = BH_EXIT_UNREACHABLE;
	if (bh_read_file(path, &text)) {
		policy = bh_policy_parse(text.data, text.length, path, &err);
		if (policy == NULL)
			*result = bh_complain(BH_EXIT_NO, "%s", err.text);
		else
			bh_policy_set_time(policy, bh_time_now());
	}
	bh_buffer_free(&text);
	return policy;
}

static int replay(struct bh_policy *policy, const char *file, const struct bh_call *call)
{
	struct replay r = { policy, bh_findings_new() };
	int result = bh_recorded_each(file, replay_line, &r);

	if (result == BH_EXIT_DONE)
		result = bh_findings_print(r.findings, call, bh_call_option(call, "policy"), file);
	bh_findings_free(r.findings);
	return result;
}

int bh_replay_run(const struct bh_call *call)
{
	const char *path = bh_call_option(call, "policy"), *file = bh_call_option(call, "flows");
	int result;

	if (path == NULL || file == NULL || call->argument_count > 0)
		return bh_complain(BH_EXIT_USAGE,
				   "without a daemon, policy check takes --policy FILE and "
				   "--flows JSONL, both, and no further file");
	struct bh_policy *policy = read_policy(path, &result);
	if (policy == NULL)
		return result;
	result = replay(policy, file, call);
	bh_policy_free(policy);
	return result;
}
