/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "address.h"
#include "peer.h"
#include "protocol.h"
#include "timefmt.h"
#include "utf8.h"

static void put_character(struct bh_buffer *out, const char *text, size_t length)
{
	unsigned char c = (unsigned char)*text;

	if (length == 0)
		bh_buffer_puts(out, "\xef\xbf\xbd");
	else if (c == '"' || c == '\\')
		bh_buffer_printf(out, "\\%c", c);
	else if (c < 0x20 || c == 0x7f)
		bh_buffer_printf(out, "\\u%04x", c);
	else
		bh_buffer_append(out, text, length);
}

static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Most texts are plain as a whole. */
static const char *put_plain(struct bh_buffer *out, const char *text)
{
	const char *start = text;

	while (is_plain(*text))
		text++;
	bh_buffer_append(out, start, (size_t)(text - start));
	return text;
}

void bh_json_string(struct bh_buffer *out, const char *text)
{
	bh_buffer_puts(out, "\"");
	text = put_plain(out, text);
	const char *end = text + strlen(text);
	while (text < end) {
		size_t length = bh_utf8_length(text, (size_t)(end - text));

		put_character(out, text, length);
		text += length > 0 ? length : 1;
	}
	bh_buffer_puts(out, "\"");
}

/* Millions of flows are written through these. before: a literal – the comma, the key and its colon
 * – whose length inlining makes known, so that it costs a few stores. */
#define INLINE static inline __attribute__((always_inline))

INLINE void put_text(struct bh_buffer *out, const char *before, const char *text)
{
	bh_buffer_puts(out, before);
	if (text != NULL)
		bh_json_string(out, text);
	else
		bh_buffer_puts(out, "null");
}

/* A text that is known to need no escapes. */
INLINE void put_word(struct bh_buffer *out, const char *before, const char *word)
{
	bh_buffer_puts(out, before);
	bh_buffer_puts(out, word);
	bh_buffer_puts(out, "\"");
}

INLINE void put_number(struct bh_buffer *out, const char *before, uint64_t number)
{
	bh_buffer_puts(out, before);
	bh_buffer_number(out, number);
}

/* A flow of one packet has one time. */
INLINE void put_times(struct bh_buffer *out, const struct bh_flow *flow)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT];

	bh_time_seconds(flow->first, first);
	bh_buffer_puts(out, "{\"first\":");
	bh_buffer_puts(out, first);
	bh_buffer_puts(out, ",\"last\":");
	bh_buffer_puts(out, flow->last == flow->first ? first : bh_time_seconds(flow->last, last));
}

INLINE void put_end(struct bh_buffer *out, const char *before, const struct bh_addr *addr,
		    uint16_t port, const char *workload)
{
	char text[BH_ADDR_TEXT];

	put_word(out, before, bh_addr_format(addr, text));
	put_number(out, ",\"port\":", port);
	put_text(out, ",\"workload\":", workload);
}

/* Only where packets and segments differ. */
static void put_segments(struct bh_buffer *out, uint64_t estimate)
{
	if (estimate != 0)
		put_number(out, ",\"estimated_segments\":", estimate);
}

INLINE void put_via(struct bh_buffer *out, const struct bh_flow_key *via, bool proxied)
{
	char text[BH_ADDR_TEXT];

	if (via == NULL) {
		bh_buffer_puts(out, ",\"via\":null");
		return;
	}
	put_word(out, ",\"via\":{\"ip\":\"", bh_addr_format(&via->dst, text));
	put_number(out, ",\"port\":", via->dport);
	bh_buffer_puts(out, proxied ? ",\"proxy\":true}" : "}");
}

/* Where the sender's side was not seen, what arrived is all there is to count; where the receiver's
 * was not, nobody knows what arrived. receiver_watched: nothing seen there means nothing came. */
INLINE void put_half(struct bh_buffer *out, const char *before, const struct bh_flow_half *half,
		     const struct bh_flow_segments *segments, bool receiver_watched)
{
	bool receiver_alone = half->sent.packets == 0 && half->delivered.packets > 0;
	const struct bh_tally *sent = receiver_alone ? &half->delivered : &half->sent;

	put_number(out, before, sent->packets);
	put_number(out, ",\"bytes\":", sent->bytes);
	if (receiver_alone || (half->delivered.packets == 0 && !receiver_watched)) {
		bh_buffer_puts(out, ",\"delivered_packets\":null,\"delivered_bytes\":null");
	} else {
		put_number(out, ",\"delivered_packets\":", half->delivered.packets);
		put_number(out, ",\"delivered_bytes\":", half->delivered.bytes);
	}
	put_segments(out, receiver_alone ? segments->delivered : segments->sent);
}

/* A verdict says that core knows the sides apart; a file's reader does not. The responder of a flow
 * that never reached it was still watched where the verdict says so. */
static void put_halves(struct bh_buffer *out, const struct bh_flow *flow, uint8_t verdict)
{
	bool judged = verdict != BH_FLOW_VERDICT_UNKNOWN;
	bool stopped = verdict == BH_FLOW_UNDELIVERED || verdict == BH_FLOW_DENIED;

	put_half(out, "},\"tx\":{\"packets\":", &flow->tx, &flow->tx_segments,
		 stopped || (judged && flow->dst_ifindex != 0));
	put_half(out, "},\"rx\":{\"packets\":", &flow->rx, &flow->rx_segments,
		 judged && flow->src_ifindex != 0);
}

static void put_icmp_error(struct bh_buffer *out, const struct bh_flow *flow)
{
	const struct bh_icmp_error *e = &flow->icmp_error;
	uint8_t proto = flow->key.src.family == BH_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	put_number(out, ",\"icmp_error\":{\"type\":", e->type);
	put_number(out, ",\"code\":", e->code);
	put_number(out, ",\"count\":", e->count);
	put_text(out, ",\"what\":", bh_icmp_error_name(proto, e->type, e->code));
	bh_buffer_puts(out, "}");
}

static void put_no_counts(struct bh_buffer *out)
{
	static const char *const ways[] = { "},\"tx\":{", "},\"rx\":{" };

	for (int i = 0; i < 2; i++) {
		bh_buffer_puts(out, ways[i]);
		bh_buffer_puts(out, "\"packets\":null,\"bytes\":null,"
				    "\"delivered_packets\":null,\"delivered_bytes\":null");
	}
}

/* A word for a number that may come from elsewhere. */
#define WORD(words, number)                                                                        \
	((number) < sizeof(words) / sizeof((words)[0]) ? (words)[number] : (words)[0])

void bh_json_flow(struct bh_buffer *out, const struct bh_flow *flow,
		  const struct bh_flow_names *names)
{
	static const char *const states[] = { "attempted", "answered", "established", "refused",
					      "closed" };
	static const char *const directions[] = { "unknown", "syn", "conntrack", "listener" };
	static const char *const verdicts[] = { "unknown", "delivered", "undelivered", "denied" };
	char proto[BH_PROTOCOL_TEXT];

	put_times(out, flow);
	put_word(out, ",\"proto\":\"", bh_protocol_format(flow->key.proto, proto));
	put_end(out, ",\"src\":{\"ip\":\"", &flow->key.src, flow->key.sport, names->src_workload);
	put_end(out, "},\"dst\":{\"ip\":\"", &flow->key.dst, flow->key.dport, names->dst_workload);
	if (names->uncounted)
		put_no_counts(out);
	else
		put_halves(out, flow, names->verdict);
	put_word(out, "},\"state\":\"", WORD(states, flow->state));
	put_word(out, ",\"direction\":\"", WORD(directions, flow->direction));
	put_text(out, ",\"dns\":", names->dns);
	put_text(out, ",\"sni\":", names->sni);
	put_via(out, names->via, names->proxied);
	put_text(out, ",\"masked\":", names->masked);
	put_text(out, ",\"tunnel\":", flow->tunnel[0] != '\0' ? flow->tunnel : NULL);
	if (flow->icmp_error.count > 0) {
		put_icmp_error(out, flow);
		put_word(out, ",\"verdict\":\"", WORD(verdicts, names->verdict));
	} else
		put_word(out, ",\"icmp_error\":null,\"verdict\":\"",
			 WORD(verdicts, names->verdict));
	put_word(out, ",\"verdict_back\":\"", WORD(verdicts, names->verdict_back));
	bh_buffer_puts(out, flow->lossy || names->lossy ? ",\"lossy\":true}" : ",\"lossy\":false}");
}

static void put_names(struct bh_buffer *out, const char *before, const struct bh_edge_names *names,
		      enum bh_calling how)
{
	bh_buffer_puts(out, before);
	for (size_t i = 0; i < names->counts[how]; i++)
		put_text(out, i > 0 ? "," : "", names->names[how][i]);
	bh_buffer_puts(out, "]");
}

void bh_json_edge(struct bh_buffer *out, const struct bh_edge *edge, unsigned replicas,
		  const struct bh_edge_names *names, const struct bh_edge_clients *clients)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT], proto[BH_PROTOCOL_TEXT];

	bool masked = edge->src.kind == BH_PEER_MASKED;

	put_text(out, "{\"src\":", bh_peer_text(&edge->src));
	put_text(out, ",\"dst\":", edge->dst.name);
	bh_buffer_printf(out,
			 ",\"proto\":\"%s\",\"port\":%u,\"first\":%s,\"last\":%s,"
			 "\"connections\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"bytes\":%" PRIu64
			 ",\"replicas\":%u,\"windows\":%" PRIu32 ",\"lossy\":%s",
			 bh_protocol_format(edge->proto, proto), edge->port,
			 bh_time_seconds(edge->first, first), bh_time_seconds(edge->last, last),
			 edge->connections, edge->answered, edge->bytes, replicas, edge->windows,
			 edge->lossy ? "true" : "false");
	put_names(out, ",\"dns\":[", names, BH_CALLED_BY_DNS);
	put_names(out, ",\"sni\":[", names, BH_CALLED_BY_CLAIM);
	put_text(out, ",\"masked\":", masked ? edge->src.name : NULL);
	bh_buffer_puts(out, ",\"clients\":[");
	for (size_t i = 0; i < clients->count; i++)
		put_text(out, i > 0 ? "," : "", clients->names[i]);
	bh_buffer_puts(out, "]}");
}
