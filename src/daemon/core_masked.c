/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container that is reached from its own bridge's gateway is reached by the host – or by anybody
 * for whom the host stands: behind a proxy on the host, or behind a translation that connection
 * tracking has forgotten. A port that a runtime publishes has such a proxy; its second connection
 * is the proxy's own, and nothing in it says for whom. Such a client is no client to be learned; it
 * is masked until a person has decided about it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "proposed_edges.h"

/* The port that the flow leads to, if its container publishes it; NULL: it does not. */
static const struct bh_published *published_as(const struct bh_core *core, const struct bh_flow *f)
{
	const struct bh_instance *i = bh_model_at(core->model, f->dst_ifindex, f->first);
	const struct bh_container *c = i != NULL ? i->container : NULL;

	for (size_t at = 0; c != NULL && at < c->published_count; at++)
		if (c->published[at].port == f->key.dport && c->published[at].proto == f->key.proto)
			return &c->published[at];
	return NULL;
}

static void __attribute__((format(printf, 2, 3)))
set_masked(struct bh_peer *peer, const char *format, ...)
{
	va_list arguments;

	peer->kind = BH_PEER_MASKED;
	va_start(arguments, format);
	vsnprintf(peer->name, sizeof(peer->name), format, arguments);
	va_end(arguments);
}

/* Where nothing is tracked nothing is translated, and there is nothing to forget. */
static bool tracking_forgot(const struct bh_core *core, const struct bh_live_flow *live)
{
	return live->tracking == BH_TRACKING_UNTRACKED && core->tracks;
}

bool bh_core_masked_by_proxy(const struct bh_core *core, const struct bh_live_flow *live)
{
	return live->src->kind == BH_PEER_MASKED && !tracking_forgot(core, live) &&
	       published_as(core, &live->flow) != NULL;
}

void bh_core_mask(const struct bh_core *core, const struct bh_live_flow *live, struct bh_peer *src,
		  const struct bh_peer *dst)
{
	const struct bh_flow *f = &live->flow;

	if (src->kind != BH_PEER_HOST || dst->kind != BH_PEER_WORKLOAD || live->joined != NULL ||
	    !bh_model_is_gateway(core->model, &f->key.src))
		return;
	const struct bh_published *published = published_as(core, f);
	if (tracking_forgot(core, live))
		set_masked(src, "connection tracking knows nothing of it");
	else if (published != NULL)
		set_masked(src, "docker-proxy of host:%u, or the host itself",
			   published->host_port);
}

/* --- what a person has to decide -------------------------------------------------------------- */

struct search {
	const struct bh_core *core;
	const char *workload;
	uint8_t mode; /* that it would be in */
	bool found;
	struct bh_edge edge;
};

static bool would_refuse(const struct search *s, const struct bh_edge *edge)
{
	struct bh_question question = { .proto = edge->proto,
					.port = edge->port,
					.sensitive = &s->core->config.sensitive };
	struct bh_answer answer;

	bh_core_peer_subject(s->core, edge->src, &question.src);
	bh_core_peer_subject(s->core, edge->dst, &question.dst);
	question.dst.mode = s->mode;
	bh_policy_evaluate(s->core->policy, &question, &answer);
	return answer.blocked;
}

static void look_at_edge(void *user, const struct bh_edge *edge)
{
	struct search *s = user;

	if (s->found || edge->src->kind != BH_PEER_MASKED ||
	    strcmp(edge->dst->name, s->workload) != 0 || !would_refuse(s, edge))
		return;
	s->found = true;
	s->edge = *edge;
}

/* What audit only let pass is no edge, but was seen. */
static void look_at_flow(struct search *s, const struct bh_live_flow *live)
{
	struct bh_edge edge = { .src = live->src,
				.dst = live->dst,
				.proto = live->flow.key.proto,
				.port = live->flow.key.dport };

	if (live->flow.answered)
		look_at_edge(s, &edge);
}

bool bh_core_undecided(const struct bh_core *core, const char *workload, uint8_t mode,
		       struct bh_edge *edge)
{
	struct search s = { .core = core, .workload = workload, .mode = mode };

	bh_ledger_each(core->ledger, BH_EDGES, look_at_edge, &s);
	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer)
		look_at_flow(&s, live);
	*edge = s.edge;
	return s.found;
}

static const struct bh_edge_clients *clients(const void *user, const struct bh_edge *edge)
{
	return bh_core_proxy_clients(user, edge);
}

void bh_core_describe_masked(const struct bh_core *core, struct bh_buffer *out)
{
	bh_proposed_edges_undecided(core->ledger, clients, core, out);
}
