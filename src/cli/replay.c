/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded flows against a policy, without a daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "json.h"
#include "protocol.h"
#include "recorded.h"
#include "table.h"

struct replay {
	const struct bh_call *call;
	struct bh_policy *policy;
	const char *file;
	size_t flows, allowed, blocked, uncertain;
};

static void print_json(const struct bh_question *q, const char *verdict, const char *reason)
{
	struct bh_buffer line = { 0 };
	char proto[BH_PROTOCOL_TEXT];

	bh_buffer_puts(&line, "{\"src\":");
	bh_json_string(&line, q->src.peer->name);
	bh_buffer_puts(&line, ",\"dst\":");
	bh_json_string(&line, q->dst.peer->name);
	bh_buffer_printf(&line, ",\"proto\":\"%s\",\"port\":%u,\"verdict\":\"%s\",\"reason\":",
			 bh_protocol_format(q->proto, proto), q->port, verdict);
	bh_json_string(&line, reason);
	printf("%s}\n", line.data);
	bh_buffer_free(&line);
}

static void print_text(const struct bh_question *q, const char *verdict, char *reason, bool color)
{
	enum bh_color shade = strcmp(verdict, "deny") == 0 ? BH_RED : BH_YELLOW;
	struct bh_peer src = *q->src.peer, dst = *q->dst.peer;
	char port[BH_PORT_TEXT];

	bh_harmless(src.name, "");
	bh_harmless(dst.name, "");
	bh_harmless(reason, "");
	printf("%s%-9s%s  %s → %s  %s: %s\n", bh_color_on(shade, color), verdict,
	       bh_color_off(shade, color), src.name, dst.name,
	       bh_port_format(q->proto, q->port, port), reason);
}

static void judge(struct replay *r, const struct bh_question *question)
{
	struct bh_answer answer;

	bh_policy_evaluate(r->policy, question, &answer);
	r->flows++;
	r->allowed += answer.verdict == BH_ALLOW;
	r->blocked += answer.verdict == BH_DENY;
	r->uncertain += answer.verdict == BH_UNCERTAIN;
	if (answer.verdict == BH_ALLOW)
		return;
	const char *verdict = answer.verdict == BH_DENY ? "deny" : "uncertain";
	if (r->call->json)
		print_json(question, verdict, answer.reason);
	else
		print_text(question, verdict, answer.reason, r->call->color);
}

static void judge_flow(struct replay *r, const struct bh_recorded_flow *flow)
{
	judge(r, &flow->question);
	if (flow->proxied)
		judge(r, &flow->onward);
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
	}
	bh_buffer_free(&text);
	return policy;
}

static int replay_file(struct replay *r)
{
	int result = bh_recorded_each(r->file, replay_line, r);

	if (result == BH_EXIT_DONE && !r->call->json)
		printf("%zu flows: %zu allowed, %zu would be refused, %zu uncertain\n", r->flows,
		       r->allowed, r->blocked, r->uncertain);
	return result == BH_EXIT_DONE && r->blocked > 0 ? BH_EXIT_NO : result;
}

int bh_replay_run(const struct bh_call *call)
{
	const char *policy = bh_call_option(call, "policy");
	struct replay r = { .call = call, .file = bh_call_option(call, "flows") };
	int result;

	if (policy == NULL || r.file == NULL || call->argument_count > 0)
		return bh_complain(BH_EXIT_USAGE,
				   "without a daemon, policy check takes --policy FILE and "
				   "--flows JSONL, both, and no further file");
	r.policy = read_policy(policy, &result);
	if (r.policy == NULL)
		return result;
	result = replay_file(&r);
	bh_policy_free(r.policy);
	return result;
}
