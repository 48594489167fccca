/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "port.h"
#include "propose.h"

#define DNS 53
#define DNS_OVER_TLS 853 /* and over QUIC */

const char *bh_vital_name(enum bh_vital vital)
{
	static const char *const names[BH_VITALS] = {
		[BH_VITAL_SESSION] = "session",
		[BH_VITAL_DNS] = "dns",
		[BH_VITAL_HEALTH] = "health-check",
		[BH_VITAL_MASKED] = "masked-client",
	};

	return names[vital];
}

static bool asks_for_names(const struct bh_edge *e)
{
	return e->src->kind == BH_PEER_WORKLOAD &&
	       (e->proto == IPPROTO_UDP || e->proto == IPPROTO_TCP) &&
	       (e->port == DNS || e->port == DNS_OVER_TLS);
}

enum bh_vital bh_vital_of(const struct bh_edge *edge)
{
	if (edge->answered == 0)
		return BH_VITAL_NONE;
	if (asks_for_names(edge))
		return BH_VITAL_DNS;
	if (edge->dst->kind != BH_PEER_WORKLOAD)
		return BH_VITAL_NONE;
	if (edge->src->kind == BH_PEER_MASKED)
		return BH_VITAL_MASKED;
	return edge->src->kind == BH_PEER_HOST && edge->answered >= BH_RECURS ? BH_VITAL_HEALTH
									      : BH_VITAL_NONE;
}

const struct bh_peer *bh_vital_owner(const struct bh_edge *edge, enum bh_vital vital)
{
	return vital == BH_VITAL_DNS ? edge->src : edge->dst;
}

static bool is_refused(const struct bh_guard_view *view, const struct bh_question *question,
		       struct bh_answer *answer)
{
	struct bh_question seen = *question;

	if (view->policy == NULL)
		return false;
	seen.src.mode = view->modes[BH_EGRESS];
	seen.dst.mode = view->modes[BH_INGRESS];
	bh_policy_evaluate(view->policy, &seen, answer);
	return answer->blocked;
}

bool bh_guard_cuts(const struct bh_guard_view *before, const struct bh_guard_view *after,
		   const struct bh_question *question, struct bh_answer *answer)
{
	struct bh_answer was;

	return is_refused(after, question, answer) && answer->verdict == BH_DENY &&
	       !is_refused(before, question, &was);
}

/* --- what a person may add -------------------------------------------------------------------- */

/* As a rule is to speak of an end: of a client outside by his address, where that is known. */
static struct bh_peer spoken_of(const struct bh_subject *subject)
{
	struct bh_peer peer = *subject->peer;

	if (peer.kind == BH_PEER_MASKED)
		return (struct bh_peer) { .kind = BH_PEER_HOST, .name = "host" };
	if (peer.kind == BH_PEER_WORLD && subject->addr.family != BH_NO_FAMILY) {
		peer.kind = BH_PEER_ADDRESS;
		bh_addr_format(&subject->addr, peer.name);
	}
	return peer;
}

static bool can_be_named(const struct bh_peer *peer)
{
	return peer->kind != BH_PEER_UNRESOLVED && peer->kind != BH_PEER_DEPARTED;
}

static bool has_entry(const struct bh_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->workload_count; i++)
		if (strcmp(policy->workloads[i].name, name) == 0)
			return true;
	return false;
}

/* The workload's own name, or one that the policy does not use for somebody else. */
static void name_entry(const struct bh_policy *policy, const char *workload, char *out, size_t size)
{
	snprintf(out, size, "%s", workload);
	for (unsigned number = 2; has_entry(policy, out); number++)
		snprintf(out, size, "%.230s-%u", workload, number);
}

/* A block of YAML as one line: what is behind its head, in braces. between: what stands between two
 * of its lines. */
static char *one_line(const char *head, const char *block, const char *between)
{
	struct bh_buffer out = { 0 };
	const char *next;

	bh_buffer_printf(&out, "%s{", head);
	for (; (next = strstr(block, between)) != NULL; block = next + strlen(between)) {
		bh_buffer_append(&out, block, (size_t)(next - block));
		bh_buffer_puts(&out, ", ");
	}
	bh_buffer_append(&out, block, strcspn(block, "\n"));
	bh_buffer_puts(&out, "}");
	return bh_buffer_steal(&out);
}

/* What is behind these words in the policy as it is printed, which puts it into the language as
 * anything else. */
static char *printed_behind(const struct bh_policy *policy, const char *words)
{
	char *text = bh_policy_print(policy), *at = strstr(text, words),
	     *out = bh_strdup(at != NULL ? at + strlen(words) : "");

	free(text);
	return out;
}

static size_t add_entry(struct bh_policy *to, const char *name, const char *workload)
{
	size_t entry = bh_policy_add_workload(to, name);

	bh_policy_add_label(to, entry, "bulkhead.workload", workload);
	return entry;
}

/* "web: {bulkhead.workload: netns:web}" */
static char *entry_line(const char *name, const char *workload)
{
	struct bh_policy *draft = bh_policy_new();

	add_entry(draft, name, workload);
	char *block = printed_behind(draft, "\nworkloads:\n  "), *labels = strstr(block, ":\n    ");
	if (labels != NULL) {
		memcpy(labels, ": ", sizeof(": "));
		labels += sizeof(":\n    ") - 1;
	}
	char *line = one_line(block, labels != NULL ? labels : "", "\n    ");
	free(block);
	bh_policy_free(draft);
	return line;
}

static struct bh_policy_peer draft_end(struct bh_policy *draft, const struct bh_policy *policy,
				       const struct bh_peer *peer, size_t entry, char **line)
{
	char name[BH_PEER_NAME];

	if (peer->kind != BH_PEER_WORKLOAD)
		return bh_propose_peer(draft, peer, 0, false);
	if (entry != BH_NO_ENTRY) {
		bh_copy_text(name, sizeof(name), policy->workloads[entry].name);
	} else {
		name_entry(policy, peer->name, name, sizeof(name));
		*line = entry_line(name, peer->name);
	}
	return bh_propose_peer(draft, peer, add_entry(draft, name, peer->name), false);
}

/* "- {from: web, to: 192.0.2.53, ports: [53/udp]}" */
static void write_remedy(const struct bh_policy *policy, const struct bh_question *question,
			 uint8_t rank, const size_t entries[2], struct bh_remedy *remedy)
{
	struct bh_policy *draft = bh_policy_new();
	struct bh_peer src = spoken_of(&question->src), dst = spoken_of(&question->dst);
	struct bh_policy_peer from = draft_end(draft, policy, &src, entries[BH_EGRESS],
					       &remedy->entries[BH_EGRESS]),
			      to = draft_end(draft, policy, &dst, entries[BH_INGRESS],
					     &remedy->entries[BH_INGRESS]);
	uint16_t port = bh_policy_port_number(question->proto, question->port);
	size_t rule = bh_policy_add_rule(draft, &from, &to, NULL);

	bh_policy_add_port(draft, rule, question->proto, port, port);
	bh_policy_set_rank(draft, rule, rank);
	char *block = printed_behind(draft, "\nrules:\n  - ");
	remedy->rule = one_line("- ", block, "\n    ");
	free(block);
	bh_policy_free(draft);
}

void bh_guard_remedy(const struct bh_policy *policy, const struct bh_question *question,
		     const struct bh_answer *answer, const size_t entries[2],
		     struct bh_remedy *remedy)
{
	uint8_t denied = answer->rule >= 0 ? policy->rules[answer->rule].rank : BH_RANK_ALLOW;

	*remedy = (struct bh_remedy) { 0 };
	if (denied != BH_RANK_PLATFORM_DENY && can_be_named(question->src.peer) &&
	    can_be_named(question->dst.peer))
		write_remedy(policy, question,
			     denied == BH_RANK_DENY ? BH_RANK_PLATFORM_ALLOW : BH_RANK_ALLOW,
			     entries, remedy);
}

void bh_remedy_free(struct bh_remedy *remedy)
{
	free(remedy->rule);
	free(remedy->entries[BH_EGRESS]);
	free(remedy->entries[BH_INGRESS]);
}
