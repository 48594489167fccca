/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_ipfix.h"

#include <stdlib.h>

#include "core_export_link.h"
#include "grow.h"
#include "ipfix.h"
#include "timefmt.h"

#define STATISTICS_EVERY (60 * BH_SECOND)

struct collector {
	struct bh_core *core;
	struct bh_export_link *link;
	struct bh_ipfix_settings settings;
	struct bh_ipfix_session session;
	struct bh_export_queue queue;
	int64_t statistics_due; /* monotonic */
};

struct bh_ipfix_exporter {
	size_t count;
	struct collector collectors[];
};

static void begin_session(void *user)
{
	((struct collector *)user)->session = (struct bh_ipfix_session) { 0 };
}

/* What is told of the exporter itself goes before flows, once they are all told what it means. */
static bool next_statistics(struct collector *c, int64_t now, uint32_t export_time,
			    struct bh_buffer *out)
{
	if (now < c->statistics_due ||
	    !bh_ipfix_statistics(&c->settings, &c->session, bh_export_link_totals(c->link),
				 c->core->losses.totals[BH_LOSS_PACKETS], export_time, out))
		return false;
	c->statistics_due = now + STATISTICS_EVERY;
	return true;
}

static bool next_message(void *user, struct bh_buffer *out, struct bh_export_sum *sum)
{
	struct collector *c = user;
	int64_t now = bh_time_monotonic();
	uint32_t export_time = (uint32_t)(bh_time_now() / BH_SECOND);

	*sum = (struct bh_export_sum) { 0 };
	return next_statistics(c, now, export_time, out) ||
	       bh_ipfix_next_message(&c->settings, &c->session, &c->queue, now, export_time, out,
				     sum);
}

static size_t count_waiting(const void *user)
{
	return ((const struct collector *)user)->queue.count;
}

void bh_ipfix_exporter_add(struct bh_ipfix_exporter *x, const struct bh_export_flow *flow)
{
	for (size_t i = 0; i < x->count; i++) {
		struct collector *c = &x->collectors[i];
		struct bh_export_sum lost = { 0 };

		bh_ipfix_add(&c->settings, &c->queue, flow, &lost);
		if (lost.records > 0)
			bh_export_link_lose(c->link, &lost);
	}
}

void bh_ipfix_exporter_tick(struct bh_ipfix_exporter *x, int64_t now)
{
	for (size_t i = 0; i < x->count; i++)
		bh_export_link_tick(x->collectors[i].link, now);
}

void bh_ipfix_exporter_json(const struct bh_ipfix_exporter *x, cJSON *list)
{
	for (size_t i = 0; i < x->count; i++)
		cJSON_AddItemToArray(list, bh_export_link_json(x->collectors[i].link));
}

void bh_ipfix_exporter_say(const struct bh_ipfix_exporter *x, cJSON *list)
{
	for (size_t i = 0; i < x->count; i++)
		bh_export_link_say(x->collectors[i].link, list);
}

static void start(struct collector *c, struct bh_core *core, const struct bh_config_collector *to)
{
	const struct bh_config_ipfix *ipfix = &core->config.exports.ipfix;
	struct bh_export_link_user user = { .kind = "ipfix",
					    .loss = BH_LOSS_IPFIX,
					    .what = "flows",
					    .user = c,
					    .begin = begin_session,
					    .next = next_message,
					    .waiting = count_waiting };

	c->core = core;
	c->settings = (struct bh_ipfix_settings) {
		.domain = (uint32_t)ipfix->domain,
		.enterprise = (uint32_t)ipfix->enterprise,
		.message_size = (size_t)ipfix->message_size,
		.one_way = !ipfix->biflows,
		.datagrams = to->transport == BH_TRANSPORT_UDP,
		.template_interval = ipfix->template_interval,
		.template_messages = (uint32_t)ipfix->template_messages,
	};
	c->queue.limit = (size_t)ipfix->queue;
	c->statistics_due = bh_time_monotonic() + STATISTICS_EVERY;
	c->link = bh_export_link_new(core, to, &user);
}

struct bh_ipfix_exporter *bh_ipfix_exporter_new(struct bh_core *core)
{
	const struct bh_config_ipfix *config = &core->config.exports.ipfix;
	size_t count = config->collector_count;
	struct bh_ipfix_exporter *x = bh_calloc(1, sizeof(*x) + count * sizeof(struct collector));

	x->count = count;
	for (size_t i = 0; i < count; i++)
		start(&x->collectors[i], core, &config->collectors[i]);
	return x;
}

void bh_ipfix_exporter_last_words(struct bh_ipfix_exporter *x)
{
	for (size_t i = 0; i < x->count; i++) {
		x->collectors[i].statistics_due = 0;
		bh_export_link_pump(x->collectors[i].link);
	}
}

bool bh_ipfix_exporter_is_done(const struct bh_ipfix_exporter *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (!bh_export_link_is_done(x->collectors[i].link))
			return false;
	return true;
}

void bh_ipfix_exporter_free(struct bh_ipfix_exporter *x)
{
	for (size_t i = 0; i < x->count; i++) {
		bh_export_link_free(x->collectors[i].link);
		bh_export_queue_free(&x->collectors[i].queue);
	}
	free(x);
}
