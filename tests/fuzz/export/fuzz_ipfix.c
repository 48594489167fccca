/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "ipfix.h"
#include "ipfix_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXTS 12
#define TEXT_ROOM 600

static void read_text(struct bh_cursor *c, char out[TEXT_ROOM])
{
	uint16_t length = 0;

	bh_cursor_u16(c, &length);
	length %= TEXT_ROOM;
	if (length > c->left)
		length = (uint16_t)c->left;
	bh_cursor_bytes(c, out, length);
	out[length] = '\0';
}

/* Whatever bytes make a flow of; false: there are no more. */
static bool read_flow(struct bh_cursor *c, struct bh_export_flow *flow,
		      char texts[TEXTS][TEXT_ROOM])
{
	const char **places[TEXTS] = { &flow->src_workload,  &flow->dst_workload,
				       &flow->src_container, &flow->dst_container,
				       &flow->verdict_word,  &flow->verdict_back_word,
				       &flow->direction,     &flow->state,
				       &flow->dns,	     &flow->sni,
				       &flow->tunnel,	     &flow->via };
	uint8_t bits, proto, reason;

	memset(flow, 0, sizeof(*flow));
	if (!bh_cursor_u8(c, &bits) || !bh_cursor_u8(c, &proto) || !bh_cursor_u8(c, &reason))
		return false;
	flow->key.src.family = flow->key.dst.family = (bits & 1) != 0 ? BH_IPV6 : BH_IPV4;
	flow->key.proto = proto;
	flow->counted = (bits & 2) != 0;
	flow->tx.delivered_known = (bits & 4) != 0;
	flow->rx.delivered_known = (bits & 8) != 0;
	flow->begins = (bits & 16) != 0;
	flow->lossy = (bits & 32) != 0;
	flow->rx.counted.packets = bits;
	flow->reason = reason % 5 + 1;
	flow->verdict = reason % BH_FLOW_VERDICTS;
	flow->verdict_back = bits % BH_FLOW_VERDICTS;
	for (size_t i = 0; i < TEXTS; i++) {
		read_text(c, texts[i]);
		*places[i] = texts[i];
	}
	return true;
}

static void count_flows(void *user, uint16_t id, const struct reader_template *template,
			const uint8_t *const *values, const size_t *lengths)
{
	(void)id;
	(void)values;
	(void)lengths;
	*(uint64_t *)user += template->scopes == 0;
}

/* Whatever names and numbers flows have, every message is sound, within its size, and each record
 * is in one of them or counted as lost. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char texts[TEXTS][TEXT_ROOM];
	static struct reader reader;
	struct bh_cursor c = bh_cursor_over(data, size);
	struct bh_export_queue queue = { .limit = 16384 };
	struct bh_ipfix_session session = { 0 };
	struct bh_export_sum lost = { 0 }, sent = { 0 }, sum;
	struct bh_buffer message = { 0 };
	struct bh_export_flow flow;
	uint64_t added = 0, seen = 0;
	uint8_t bits = 0;

	bh_cursor_u8(&c, &bits);
	struct bh_ipfix_settings settings = {
		.enterprise = 32473,
		.message_size = BH_IPFIX_LEAST_MESSAGE + (bits & 0xf0u) * 8,
		.one_way = (bits & 1) != 0,
		.datagrams = (bits & 2) != 0,
		.template_interval = 1000,
		.template_messages = 20, /* an introduction takes a few */
	};
	memset(&reader, 0, sizeof(reader));
	reader.record = count_flows;
	reader.user = &seen;
	while (read_flow(&c, &flow, texts)) {
		bh_ipfix_add(&settings, &queue, &flow, &lost);
		added += settings.one_way && flow.rx.counted.packets > 0 ? 2 : 1;
	}
	while (bh_ipfix_next_message(&settings, &session, &queue, 1, 1, &message, &sum)) {
		if (message.length > settings.message_size)
			abort();
		reader_take(&reader, message.data, message.length);
		bh_export_sum_add(&sent, &sum);
	}
	if (seen != sent.records || sent.records + lost.records != added || queue.count != 0)
		abort();
	bh_export_queue_free(&queue);
	bh_buffer_free(&message);
	return 0;
}
