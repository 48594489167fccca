/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "filters.h"

#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <strings.h>

#include "peer.h"
#include "sensitive.h"

#define LATE 3		  /* windows into learning */
#define DEPLOY_EXPLAINS 2 /* windows after it */
#define PROVISIONAL 35	  /* windows */
#define UNUSED 45	  /* windows at least */
#define UNUSED_GAPS 3	  /* as long as its longest gap */
#define NO_CHANCE 100	  /* one in so many that an edge of all replicas shows on one alone */

/* Docker's API, etcd, the kubelet: whoever speaks to them owns what runs there. */
static const uint16_t never_ports[] = { 2375, 2376, 2379, 10250 };

const char *bh_edge_state_name(uint8_t state)
{
	static const char *const names[] = { [BH_EDGE_ACCEPTED] = "accepted",
					     [BH_EDGE_REVIEW] = "review",
					     [BH_EDGE_REJECTED] = "rejected" };

	return state <= BH_EDGE_REJECTED ? names[state] : "?";
}

const char *bh_filter_code(enum bh_filter filter)
{
	static const char *const codes[BH_FILTERS] = {
		[BH_FILTER_UNANSWERED] = "F1",	   [BH_FILTER_SCANNER] = "F2",
		[BH_FILTER_ONE_WINDOW] = "F3",	   [BH_FILTER_ONE_REPLICA] = "F4",
		[BH_FILTER_LATE_SENSITIVE] = "F5", [BH_FILTER_RAW_ADDRESS] = "F6",
		[BH_FILTER_LATE_NAME] = "F6",	   [BH_FILTER_NAME] = "F7",
		[BH_FILTER_NEVER] = "never",	   [BH_FILTER_UNUSED] = "unused",
		[BH_FILTER_OPPOSED] = "denied"
	};

	return filter < BH_FILTERS ? codes[filter] : "?";
}

bool bh_filter_parse(const char *code, uint32_t *bits)
{
	*bits = 0;
	for (enum bh_filter f = 0; f < BH_FILTERS; f++)
		if (strcasecmp(bh_filter_code(f), code) == 0)
			*bits |= UINT32_C(1) << f;
	return *bits != 0;
}

static bool is_among(uint16_t port, const uint16_t *ports, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static bool has_port(const struct bh_edge *e)
{
	return e->proto == IPPROTO_TCP || e->proto == IPPROTO_UDP;
}

static bool is_sensitive(const struct bh_filter_config *config, const struct bh_edge *edge)
{
	return bh_is_sensitive(config->sensitive, edge->proto, edge->port);
}

bool bh_is_urgent(const struct bh_filter_config *config, const struct bh_edge *edge)
{
	return is_sensitive(config, edge) || bh_peer_is_outside(edge->src) ||
	       bh_peer_is_outside(edge->dst);
}

static bool never_by_itself(const struct bh_edge *e)
{
	return e->dst->kind == BH_PEER_METADATA ||
	       (has_port(e) &&
		is_among(e->port, never_ports, sizeof(never_ports) / sizeof(uint16_t)));
}

/* Whether the version that runs since then was new when the edge was. */
static bool is_explained(const struct bh_owner *o, const struct bh_edge *e, int64_t window)
{
	for (size_t i = 0; i < BH_DEPLOYS; i++)
		if (o->deploys[i] != 0 && e->first >= o->deploys[i] &&
		    e->first - o->deploys[i] <= DEPLOY_EXPLAINS * window)
			return true;
	return false;
}

static bool is_late(const struct bh_owner *o, const struct bh_edge *e, int64_t window)
{
	return e->first - o->first > LATE * window && !is_explained(o, e, window);
}

/* Were it a habit of each of them, so many hours of one alone would be no more likely than that. */
static bool is_one_replicas(const struct bh_owner *o, const struct bh_edge *e)
{
	return !o->job && o->replicas >= 2 && bh_edge_replicas(e) == 1 &&
	       ((double)e->shared_hours - 1) * log(o->replicas) > log(NO_CHANCE);
}

static bool is_unused(const struct bh_ledger *l, const struct bh_edge *e)
{
	int64_t gap = bh_ledger_window_of(l, bh_ledger_now(l)) - e->last_window;

	return gap > UNUSED && gap > UNUSED_GAPS * (int64_t)e->longest_gap;
}

static uint32_t bit(enum bh_filter filter, bool applies)
{
	return applies ? UINT32_C(1) << filter : 0;
}

static uint32_t reasons(const struct bh_ledger *l, const struct bh_filter_config *config,
			const struct bh_owner *o, const struct bh_edge *e)
{
	bool late = is_late(o, e, bh_ledger_config(l)->window);
	bool named = e->dst->kind == BH_PEER_DNS;

	return bit(BH_FILTER_SCANNER, e->held) |
	       bit(BH_FILTER_ONE_WINDOW, bh_ledger_seen(l, e) < 2) |
	       bit(BH_FILTER_ONE_REPLICA, is_one_replicas(o, e)) |
	       bit(BH_FILTER_LATE_SENSITIVE, late && is_sensitive(config, e)) |
	       bit(BH_FILTER_RAW_ADDRESS, e->dst->kind == BH_PEER_ADDRESS) |
	       bit(BH_FILTER_LATE_NAME, late && named && bh_ledger_users(l, e->dst) == 1) |
	       bit(BH_FILTER_NAME, named) | bit(BH_FILTER_NEVER, never_by_itself(e)) |
	       bit(BH_FILTER_UNUSED, is_unused(l, e));
}

int64_t bh_provisional_until(const struct bh_ledger *l, const struct bh_edge *e)
{
	return e->first + PROVISIONAL * bh_ledger_config(l)->window;
}

static bool is_provisional(const struct bh_ledger *l, const struct bh_filter_config *config,
			   const struct bh_edge *e, uint32_t why)
{
	return why == bit(BH_FILTER_ONE_WINDOW, true) && !bh_is_urgent(config, e) &&
	       bh_ledger_now(l) <= bh_provisional_until(l, e);
}

static struct bh_judgement judge_by_filters(const struct bh_ledger *l,
					    const struct bh_filter_config *config,
					    enum bh_ledger_list list, const struct bh_edge *edge)
{
	if (list == BH_ATTEMPTS)
		return (struct bh_judgement) { edge->heard ? BH_EDGE_REVIEW : BH_EDGE_REJECTED,
					       bit(BH_FILTER_UNANSWERED, true) };
	if (list == BH_OPPOSED)
		return (struct bh_judgement) { BH_EDGE_REVIEW, bit(BH_FILTER_OPPOSED, true) };
	struct bh_owner owner = bh_ledger_owner(l, edge);
	uint32_t why = reasons(l, config, &owner, edge) & ~config->off;
	return (struct bh_judgement) { .state = why != 0 ? BH_EDGE_REVIEW : BH_EDGE_ACCEPTED,
				       .reasons = why,
				       .provisional = is_provisional(l, config, edge, why) };
}

/* Decided before it came to be unused. */
static bool is_older(const struct bh_ledger *l, const struct bh_edge *e,
		     const struct bh_decision *decision)
{
	return decision->time - e->last <= UNUSED * bh_ledger_config(l)->window;
}

struct bh_judgement bh_judge(const struct bh_ledger *l, const struct bh_filter_config *config,
			     enum bh_ledger_list list, const struct bh_edge *edge)
{
	struct bh_judgement judged = judge_by_filters(l, config, list, edge);
	const struct bh_decision *decision = bh_ledger_decision(l, edge);

	if (!bh_decision_holds(decision, bh_ledger_now(l)) ||
	    (list == BH_EDGES && is_unused(l, edge) && is_older(l, edge, decision))) {
		judged.ruled = list == BH_EDGES && judged.state == BH_EDGE_REVIEW &&
			       config->ruled != NULL && config->ruled(config->user, edge);
		if (judged.ruled) {
			judged.state = BH_EDGE_ACCEPTED;
			judged.provisional = false;
		}
		return judged;
	}
	judged.decision = decision;
	judged.state = decision->accepted ? BH_EDGE_ACCEPTED : BH_EDGE_REJECTED;
	judged.provisional = false;
	return judged;
}

bool bh_is_allowed(const struct bh_judgement *judgement)
{
	return judgement->state == BH_EDGE_ACCEPTED || judgement->provisional;
}

/* --- in words --------------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void explain_late(const struct bh_ledger *l, const struct bh_edge *e, const char *what,
			 struct bh_buffer *out)
{
	struct bh_owner owner = bh_ledger_owner(l, e);

	bh_buffer_printf(out,
			 "%s, first seen %.1f windows after learning began, and no deploy "
			 "explains it",
			 what,
			 (double)(e->first - owner.first) / (double)bh_ledger_config(l)->window);
}

/* A connection counts when it has ended. */
static void explain_opposed(const struct bh_edge *e, struct bh_buffer *out)
{
	bh_buffer_puts(out, "the active policy does not allow it: ");
	if (e->connections == 0)
		bh_buffer_puts(out, "the first attempt has not ended yet");
	else
		bh_buffer_printf(out, "tried %" PRIu64 " time%s, in %" PRIu32 " window%s",
				 e->connections, plural(e->connections), e->windows,
				 plural(e->windows));
}

void bh_filter_explain(const struct bh_ledger *l, const struct bh_edge *e, enum bh_filter filter,
		       struct bh_buffer *out)
{
	switch (filter) {
	case BH_FILTER_UNANSWERED:
		bh_buffer_printf(out,
				 e->heard ? "sent %" PRIu64 " time%s to somebody who listens, and "
					    "never answered: it may be meant to go one way"
					  : "tried %" PRIu64 " time%s, and never answered",
				 e->connections, plural(e->connections));
		break;
	case BH_FILTER_SCANNER:
		bh_buffer_puts(out, "found while its source tried other destinations in vain, as a "
				    "scanner does");
		break;
	case BH_FILTER_ONE_WINDOW:
		bh_buffer_puts(out, "seen in one window only");
		break;
	case BH_FILTER_ONE_REPLICA:
		bh_buffer_printf(out,
				 "in all of its %" PRIu32 " hours only one of %u replicas did it",
				 e->shared_hours, bh_ledger_owner(l, e).replicas);
		break;
	case BH_FILTER_LATE_SENSITIVE:
		explain_late(l, e, "a sensitive port", out);
		break;
	case BH_FILTER_RAW_ADDRESS:
		bh_buffer_puts(out, "an address outside that nobody asked a name for");
		break;
	case BH_FILTER_LATE_NAME:
		explain_late(l, e, "a name outside that nobody else uses", out);
		break;
	case BH_FILTER_NAME:
		bh_buffer_puts(out,
			       "a name outside: only a person can say whether it belongs here");
		break;
	case BH_FILTER_UNUSED:
		bh_buffer_printf(
			out, "not seen for %" PRId64 " windows; its longest gap was %" PRIu32,
			bh_ledger_window_of(l, bh_ledger_now(l)) - e->last_window, e->longest_gap);
		break;
	case BH_FILTER_OPPOSED:
		explain_opposed(e, out);
		break;
	case BH_FILTER_NEVER:
		bh_buffer_puts(out, "whoever may speak to it can take over what runs here");
		break;
	case BH_FILTERS:
		break;
	}
}
