/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A revision is named by what it says, not by how it is written: comments, JSON or YAML, quotes,
 * and the edges that a rule came from make no difference; the order of rules does, since answers
 * give a rule's number. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "buffer.h"
#include "policy.h"
#include "port.h"
#include "print.h"

void bh_policy_revision(const struct bh_policy *p, char out[65])
{
	char *text = bh_policy_print_bare(p);
	XXH128_hash_t hash = XXH3_128bits(text, strlen(text));

	snprintf(out, 65, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
	free(text);
}

static void put_labels(struct bh_buffer *out, const struct bh_policy_workload *w)
{
	for (size_t i = 0; i < w->label_count; i++) {
		const struct bh_policy_label *label = &w->labels[i];

		bh_buffer_printf(out, " %s\1%u", label->key, label->test);
		for (size_t j = 0; j < label->value_count; j++)
			bh_buffer_printf(out, "\1%s", label->values[j]);
	}
}

static void put_content(struct bh_buffer *out, const struct bh_policy *p,
			const struct bh_policy_peers *peers)
{
	for (size_t i = 0; i < peers->count; i++) {
		const struct bh_policy_peer *peer = &peers->items[i];

		bh_buffer_printf(out, "\n%u", peer->kind);
		if (peer->kind == BH_POLICY_WORKLOAD)
			put_labels(out, &p->workloads[peer->workload]);
		else
			bh_policy_put_peer(out, p, peer);
	}
}

void bh_policy_rule_id(const struct bh_policy *p, size_t rule, char out[33])
{
	const struct bh_policy_rule *r = &p->rules[rule];
	char port[BH_POLICY_PORT_TEXT];
	struct bh_buffer text = { 0 };

	bh_buffer_printf(&text, "%u %u", r->rank, r->ends);
	put_content(&text, p, &r->from);
	bh_buffer_puts(&text, "\n→");
	put_content(&text, p, &r->to);
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(&text, "\n%s", bh_policy_port_format(&r->ports[i], port));
	XXH128_hash_t hash = XXH3_128bits(text.data, text.length);
	snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
	bh_buffer_free(&text);
}
