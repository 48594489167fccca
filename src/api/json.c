/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "digits.h"
#include "edge_id.h"
#include "peer.h"
#include "protocol.h"
#include "timefmt.h"
#include "utf8.h"

const char bh_json_states[BH_JSON_STATES][BH_JSON_WORD] = { "attempted", "answered", "established",
							    "refused", "closed" };
const char bh_json_directions[BH_JSON_DIRECTIONS][BH_JSON_WORD] = { "unknown", "syn", "conntrack",
								    "listener" };
const char bh_json_verdicts[BH_JSON_VERDICTS][BH_JSON_WORD] = { "unknown", "delivered",
								"undelivered", "denied" };

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

/* --- flows ------------------------------------------------------------------------------------ */

/*
 * Millions of flows are written through these. Room is made at once for all of a flow but the texts
 * that come from outside; each function writes at `at` and answers where it ended, which a register
 * holds. before: a literal – the comma, the key and its colon – whose length inlining makes known,
 * so that it costs a few stores.
 */
#define INLINE static inline __attribute__((always_inline))

/* More than a flow takes whose numbers have all their digits, texts from outside left out. */
#define FLOW_ROOM 2048

#define WORD_ROOM BH_JSON_WORD /* what is copied of a word that we have, whatever its length */

INLINE char *put(char *at, const char *literal)
{
	size_t length = strlen(literal);

	memcpy(at, literal, length);
	return at + length;
}

/* From outside, of any length; makes room anew. */
static char *put_string(struct bh_buffer *out, char *at, const char *text)
{
	out->length = (size_t)(at - out->data);
	bh_json_string(out, text);
	bh_buffer_reserve(out, FLOW_ROOM);
	return out->data + out->length;
}

INLINE char *put_text(struct bh_buffer *out, char *at, const char *before, const char *text)
{
	at = put(at, before);
	return text != NULL ? put_string(out, at, text) : put(at, "null");
}

INLINE char *put_word(char *at, const char *before, const char word[WORD_ROOM])
{
	at = put(at, before);
	memcpy(at, word, WORD_ROOM);
	return put(at + strlen(word), "\"");
}

INLINE char *put_number(char *at, const char *before, uint64_t number)
{
	return bh_put_number(put(at, before), number);
}

/* A flow of one packet has one time. */
INLINE char *put_times(char *at, const struct bh_flow *flow)
{
	char *first = put(at, "{\"first\":"), *end = bh_time_put_seconds(flow->first, first);
	size_t length = (size_t)(end - first);

	at = put(end, ",\"last\":");
	if (flow->last != flow->first)
		return bh_time_put_seconds(flow->last, at);
	memcpy(at, first, length);
	return at + length;
}

INLINE char *put_end(struct bh_buffer *out, char *at, const char *before,
		     const struct bh_addr *addr, uint16_t port, const char *workload,
		     const char *why)
{
	at = bh_addr_put(addr, put(at, before));
	at = put_number(at, "\",\"port\":", port);
	at = put_text(out, at, ",\"workload\":", workload);
	return why != NULL ? put_text(out, at, ",\"why\":", why) : at;
}

static char *put_replica(char *at, uint64_t replica)
{
	at = put(at, ",\"replica\":\"");
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[replica >> shift & 0xf];
	return put(at, "\"");
}

/* Only where packets and segments differ. */
INLINE char *put_segments(char *at, uint64_t estimate)
{
	return estimate != 0 ? put_number(at, ",\"estimated_segments\":", estimate) : at;
}

INLINE char *put_via(char *at, const struct bh_flow_key *via, bool proxied)
{
	if (via == NULL)
		return put(at, ",\"via\":null");
	at = bh_addr_put(&via->dst, put(at, ",\"via\":{\"ip\":\""));
	at = put_number(at, "\",\"port\":", via->dport);
	return put(at, proxied ? ",\"proxy\":true}" : "}");
}

/* Where the sender's side was not seen, what arrived is all there is to count; where the receiver's
 * was not, nobody knows what arrived. receiver_watched: nothing seen there means nothing came. */
INLINE struct bh_flow_told tell_half(const struct bh_flow_half *half,
				     const struct bh_flow_segments *segments, bool receiver_watched)
{
	bool receiver_alone = half->sent.packets == 0 && half->delivered.packets > 0;

	return (struct bh_flow_told) {
		.counted = receiver_alone ? half->delivered : half->sent,
		.segments = receiver_alone ? segments->delivered : segments->sent,
		.delivered = half->delivered,
		.delivered_known =
			!receiver_alone && (half->delivered.packets > 0 || receiver_watched),
	};
}

/* A verdict says that core knows the sides apart; a file's reader does not. The responder of a flow
 * that never reached it was still watched where the verdict says so. */
INLINE void tell_halves(const struct bh_flow *flow, uint8_t verdict, struct bh_flow_told told[2])
{
	bool judged = verdict != BH_FLOW_VERDICT_UNKNOWN;
	bool stopped = verdict == BH_FLOW_UNDELIVERED || verdict == BH_FLOW_DENIED;

	told[0] = tell_half(&flow->tx, &flow->tx_segments,
			    stopped || (judged && flow->dst_ifindex != 0));
	told[1] = tell_half(&flow->rx, &flow->rx_segments, judged && flow->src_ifindex != 0);
}

void bh_flow_tell(const struct bh_flow *flow, uint8_t verdict, struct bh_flow_told told[2])
{
	tell_halves(flow, verdict, told);
}

INLINE char *put_half(char *at, const char *before, const struct bh_flow_told *told)
{
	at = put_number(at, before, told->counted.packets);
	at = put_number(at, ",\"bytes\":", told->counted.bytes);
	if (!told->delivered_known) {
		at = put(at, ",\"delivered_packets\":null,\"delivered_bytes\":null");
	} else {
		at = put_number(at, ",\"delivered_packets\":", told->delivered.packets);
		at = put_number(at, ",\"delivered_bytes\":", told->delivered.bytes);
	}
	return put_segments(at, told->segments);
}

static char *put_halves(char *at, const struct bh_flow *flow, uint8_t verdict)
{
	struct bh_flow_told told[2];

	tell_halves(flow, verdict, told);
	at = put_half(at, "},\"tx\":{\"packets\":", &told[0]);
	return put_half(at, "},\"rx\":{\"packets\":", &told[1]);
}

static char *put_icmp_error(struct bh_buffer *out, char *at, const struct bh_flow *flow)
{
	const struct bh_icmp_error *e = &flow->icmp_error;
	uint8_t proto = flow->key.src.family == BH_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	if (e->count == 0)
		return put(at, ",\"icmp_error\":null");
	at = put_number(at, ",\"icmp_error\":{\"type\":", e->type);
	at = put_number(at, ",\"code\":", e->code);
	at = put_number(at, ",\"count\":", e->count);
	at = put_text(out, at, ",\"what\":", bh_icmp_error_name(proto, e->type, e->code));
	return put(at, "}");
}

/* tracked: what connection tracking, which knows nothing of delivery, counted there and back; NULL:
 * nothing. */
static char *put_tracked(char *at, const struct bh_tally *tracked)
{
	static const char *const ways[] = { "},\"tx\":{", "},\"rx\":{" };

	for (int i = 0; i < 2; i++) {
		at = put(at, ways[i]);
		if (tracked != NULL) {
			at = put_number(at, "\"packets\":", tracked[i].packets);
			at = put_number(at, ",\"bytes\":", tracked[i].bytes);
		} else {
			at = put(at, "\"packets\":null,\"bytes\":null");
		}
		at = put(at, ",\"delivered_packets\":null,\"delivered_bytes\":null");
	}
	return at;
}

static char *put_counter(char *at, const struct bh_flow_names *names)
{
	if (!names->uncounted)
		return put(at, ",\"counted_by\":\"capture\"}");
	return put(at, names->tracked != NULL ? ",\"counted_by\":\"conntrack\"}"
					      : ",\"counted_by\":null}");
}

/* A word for a number that may come from elsewhere. */
#define WORD(words, number)                                                                        \
	((number) < sizeof(words) / sizeof((words)[0]) ? (words)[number] : (words)[0])

const char *bh_flow_verdict_name(uint8_t verdict)
{
	return WORD(bh_json_verdicts, verdict);
}

void bh_json_flow(struct bh_buffer *out, const struct bh_flow *flow,
		  const struct bh_flow_names *names)
{
	char proto[WORD_ROOM] = "";

	_Static_assert(sizeof(proto) >= BH_PROTOCOL_TEXT, "room for a protocol's name");
	bh_buffer_reserve(out, FLOW_ROOM);
	char *at = put_times(out->data + out->length, flow);
	at = put_word(at, ",\"proto\":\"", bh_protocol_format(flow->key.proto, proto));
	at = put_end(out, at, ",\"src\":{\"ip\":\"", &flow->key.src, flow->key.sport,
		     names->src_workload, names->src_why);
	if (names->src_replica != 0)
		at = put_replica(at, names->src_replica);
	at = put_end(out, at, "},\"dst\":{\"ip\":\"", &flow->key.dst, flow->key.dport,
		     names->dst_workload, names->dst_why);
	if (names->dst_container != NULL)
		at = put_text(out, at, ",\"container\":", names->dst_container);
	at = names->uncounted ? put_tracked(at, names->tracked)
			      : put_halves(at, flow, names->verdict);
	at = put_word(at, "},\"state\":\"", WORD(bh_json_states, flow->state));
	at = put_word(at, ",\"direction\":\"", WORD(bh_json_directions, flow->direction));
	at = put_text(out, at, ",\"dns\":", names->dns);
	at = put_text(out, at, ",\"sni\":", names->sni);
	at = put_via(at, names->via, names->proxied);
	at = put_text(out, at, ",\"masked\":", names->masked);
	at = put_text(out, at, ",\"tunnel\":", flow->tunnel[0] != '\0' ? flow->tunnel : NULL);
	at = put_icmp_error(out, at, flow);
	at = put_word(at, ",\"verdict\":\"", WORD(bh_json_verdicts, names->verdict));
	at = put_word(at, ",\"verdict_back\":\"", WORD(bh_json_verdicts, names->verdict_back));
	at = put(at, flow->lossy || names->lossy ? ",\"lossy\":true" : ",\"lossy\":false");
	at = put_counter(at, names);
	*at = '\0';
	out->length = (size_t)(at - out->data);
}

/* --- edges ------------------------------------------------------------------------------------ */

static void append_text(struct bh_buffer *out, const char *before, const char *text)
{
	bh_buffer_puts(out, before);
	if (text != NULL)
		bh_json_string(out, text);
	else
		bh_buffer_puts(out, "null");
}

static void append_names(struct bh_buffer *out, const char *before,
			 const struct bh_edge_names *names, enum bh_calling how)
{
	bh_buffer_puts(out, before);
	for (size_t i = 0; i < names->counts[how]; i++)
		append_text(out, i > 0 ? "," : "", names->names[how][i]);
	bh_buffer_puts(out, "]");
}

void bh_json_edge(struct bh_buffer *out, const struct bh_edge *edge, unsigned replicas,
		  const struct bh_edge_names *names, const struct bh_edge_clients *clients)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT], proto[BH_PROTOCOL_TEXT];

	char bytes[24] = "null", id[BH_EDGE_ID_TEXT];
	bool masked = edge->src->kind == BH_PEER_MASKED;

	if (edge->bytes != BH_BYTES_UNKNOWN)
		snprintf(bytes, sizeof(bytes), "%" PRIu64, edge->bytes);
	bh_buffer_printf(out, "{\"id\":\"%s\"", bh_edge_id_format(bh_edge_id(edge), id));
	append_text(out, ",\"src\":", bh_peer_text(edge->src));
	append_text(out, ",\"dst\":", edge->dst->name);
	bh_buffer_printf(out,
			 ",\"proto\":\"%s\",\"port\":%u,\"first\":%s,\"last\":%s,"
			 "\"connections\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"bytes\":%s"
			 ",\"replicas\":%u,\"windows\":%" PRIu32 ",\"lossy\":%s",
			 bh_protocol_format(edge->proto, proto), edge->port,
			 bh_time_seconds(edge->first, first), bh_time_seconds(edge->last, last),
			 edge->connections, edge->answered, bytes, replicas, edge->windows,
			 edge->lossy ? "true" : "false");
	append_names(out, ",\"dns\":[", names, BH_CALLED_BY_DNS);
	append_names(out, ",\"sni\":[", names, BH_CALLED_BY_CLAIM);
	append_text(out, ",\"masked\":", masked ? edge->src->name : NULL);
	bh_buffer_puts(out, ",\"clients\":[");
	for (size_t i = 0; i < clients->count; i++)
		append_text(out, i > 0 ? "," : "", clients->names[i]);
	bh_buffer_puts(out, "]}");
}
