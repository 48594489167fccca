/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The direction of a flow is what permissions are made of, so it is never guessed. A SYN says who
 * opens a connection, an ICMP request who asks. A SYN+ACK or a reply says it of its receiver – but
 * where the receiver is watched and was not seen to ask, it says nothing: anyone can send an answer
 * to a question that nobody asked. Protocols that say nothing at all (UDP and the rest) are opened
 * by their first packet only once the watcher has watched for longer than such a flow may be silent
 * and still be the same flow.
 *
 * Most packets change nothing here, and then nothing is written: a flag that is read while another
 * one of its word is on its way to memory keeps the processor waiting.
 */
#include "flow_state.h"

static bool has(const struct bh_packet *p, uint8_t flag)
{
	return p->proto == IPPROTO_TCP && (p->tcp_flags & flag) != 0;
}

static bool is_syn(const struct bh_packet *p)
{
	return has(p, BH_TCP_SYN) && !has(p, BH_TCP_ACK);
}

static bool is_syn_ack(const struct bh_packet *p)
{
	return has(p, BH_TCP_SYN) && has(p, BH_TCP_ACK);
}

/* Whether the packet says by itself that its sender opens (asks), or that its receiver did. */
static bool is_question(const struct bh_packet *p)
{
	return is_syn(p) || (bh_is_icmp(p->proto) && !p->icmp_reply);
}

static bool is_answer(const struct bh_packet *p)
{
	return is_syn_ack(p) || p->icmp_reply;
}

/* An answer's receiver is who asked. A reset that its sender never sent is a firewall's: it goes to
 * whom that refused, whose own packet may have had another tuple still. */
static bool is_for_opener(const struct bh_packet *p, const struct bh_flow_watch *watch)
{
	return is_answer(p) || (has(p, BH_TCP_RST) && !watch->from_sender);
}

static bool opener_is_known(const struct bh_packet *p, const struct bh_flow_watch *watch)
{
	if (is_question(p))
		return true;
	if (is_answer(p))
		return !watch->would_know;
	return p->proto != IPPROTO_TCP && watch->from_start;
}

void bh_flow_orient(struct bh_flow_entry *flow, const struct bh_packet *p, bool backward,
		    const struct bh_flow_watch *watch)
{
	flow->direction = opener_is_known(p, watch) ? BH_DIRECTION_SYN : BH_DIRECTION_UNKNOWN;
	flow->initiator_is_high = backward != is_for_opener(p, watch);
	flow->isn_known = is_syn(p) || is_syn_ack(p);
	flow->isn = is_syn(p) ? p->tcp_seq : p->tcp_ack - 1;
}

bool bh_flow_is_reopened(const struct bh_flow_entry *flow, const struct bh_packet *p, bool forward)
{
	if (!is_syn(p) || (forward && flow->isn_known && p->tcp_seq == flow->isn))
		return false; /* the same SYN: sent again, or late */
	/* A SYN that meets ours on the way opens the same connection (RFC 9293, 3.5). */
	return forward || flow->state != BH_FLOW_ATTEMPTED;
}

static void reset(struct bh_flow_entry *flow, bool forward, bool from_sender)
{
	if (!from_sender)
		return;
	if (flow->answered)
		flow->state = BH_FLOW_CLOSED;
	else if (!forward)
		flow->state = BH_FLOW_REFUSED;
}

static void answer(struct bh_flow_entry *flow, enum bh_flow_state state)
{
	if (!flow->answered)
		flow->answered = true;
	if (flow->state == BH_FLOW_ATTEMPTED || flow->state == BH_FLOW_REFUSED)
		flow->state = (uint8_t)state;
}

static void advance_forward(struct bh_flow_entry *flow, const struct bh_packet *p)
{
	if (has(p, BH_TCP_SYN))
		return;
	if (!flow->past_syn)
		flow->past_syn = true;
	if (flow->state == BH_FLOW_ANSWERED)
		flow->state = BH_FLOW_ESTABLISHED;
}

static void advance_back(struct bh_flow_entry *flow, const struct bh_packet *p)
{
	if (is_syn_ack(p))
		answer(flow, BH_FLOW_ANSWERED);
	/* A bare ACK on a SYN says that an older connection is in the way (RFC 5961), no more. */
	else if (!has(p, BH_TCP_SYN) && (!flow->isn_known || flow->past_syn || p->tcp_payload > 0))
		answer(flow, BH_FLOW_ESTABLISHED);
}

static void finish(struct bh_flow_entry *flow, bool forward)
{
	if (forward)
		flow->fin_tx = true;
	else
		flow->fin_rx = true;
}

static void advance_tcp(struct bh_flow_entry *flow, const struct bh_packet *p, bool forward,
			bool from_sender)
{
	if (has(p, BH_TCP_RST)) {
		reset(flow, forward, from_sender);
		return;
	}
	if (forward)
		advance_forward(flow, p);
	else
		advance_back(flow, p);
	if (flow->state == BH_FLOW_ESTABLISHED && !flow->established)
		flow->established = true;
	if (has(p, BH_TCP_FIN))
		finish(flow, forward);
	if (flow->fin_tx && flow->fin_rx && flow->answered)
		flow->state = BH_FLOW_CLOSED;
}

void bh_flow_advance(struct bh_flow_entry *flow, const struct bh_packet *p, bool forward,
		     bool from_sender)
{
	/* The question came to light after its answer. */
	if (forward && from_sender && flow->direction == BH_DIRECTION_UNKNOWN && is_question(p))
		flow->direction = BH_DIRECTION_SYN;
	if (p->proto == IPPROTO_TCP)
		advance_tcp(flow, p, forward, from_sender);
	else if (!forward)
		answer(flow, BH_FLOW_ANSWERED);
}
