/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "protocol.h"
#include "timefmt.h"

#define MOST_EXACT 9007199254740992.0 /* 2^53 */

static const cJSON *get(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

static const char *text(const cJSON *json, const char *key)
{
	return cJSON_GetStringValue(get(json, key));
}

static bool is_true(const cJSON *json, const char *key)
{
	return cJSON_IsTrue(get(json, key));
}

/* 0 where there is none, or one that no count can be. */
static double count(const cJSON *json, const char *key)
{
	const cJSON *item = get(json, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble <= MOST_EXACT
		       ? item->valuedouble
		       : 0;
}

static int64_t time_at(const cJSON *json, const char *key)
{
	double seconds = count(json, key);

	return seconds < 1e11 ? (int64_t)llround(seconds * (double)BH_SECOND) : 0;
}

static uint8_t word(const cJSON *json, const char *key, const char (*words)[BH_JSON_WORD],
		    size_t words_count, uint8_t otherwise)
{
	const char *value = text(json, key);

	for (size_t i = 0; value != NULL && i < words_count; i++)
		if (strcmp(value, words[i]) == 0)
			return (uint8_t)i;
	return otherwise;
}

static bool read_end(const cJSON *end, struct bh_addr *addr, uint16_t *port)
{
	const char *ip = text(end, "ip");
	double number = count(end, "port");

	*port = number <= UINT16_MAX ? (uint16_t)number : 0;
	return ip != NULL && bh_addr_parse(ip, addr);
}

static struct bh_tally tally(const cJSON *half, const char *packets, const char *bytes)
{
	return (struct bh_tally) { .packets = (uint64_t)count(half, packets),
				   .bytes = (uint64_t)count(half, bytes) };
}

static struct bh_flow_half half(const cJSON *json)
{
	return (struct bh_flow_half) { .sent = tally(json, "packets", "bytes"),
				       .delivered = tally(json, "delivered_packets",
							  "delivered_bytes") };
}

static uint64_t replica(const cJSON *end)
{
	const char *hash = text(end, "replica");

	return hash != NULL ? strtoull(hash, NULL, 16) : 0;
}

static void read_names(struct bh_flow_read *r)
{
	const cJSON *src = get(r->tree, "src"), *dst = get(r->tree, "dst");
	const cJSON *via = get(r->tree, "via"), *counter = get(r->tree, "counted_by");
	const char *by = cJSON_GetStringValue(counter);

	r->names = (struct bh_flow_names) {
		.src_why = text(src, "why"),
		.dst_why = text(dst, "why"),
		.dst_container = text(dst, "container"),
		.src_workload = text(src, "workload"),
		.src_replica = replica(src),
		.dst_workload = text(dst, "workload"),
		.dns = text(r->tree, "dns"),
		.sni = text(r->tree, "sni"),
		.via = cJSON_IsObject(via) && read_end(via, &r->via.dst, &r->via.dport) ? &r->via
											: NULL,
		.proxied = is_true(via, "proxy"),
		.masked = text(r->tree, "masked"),
		.verdict = word(r->tree, "verdict", bh_json_verdicts, BH_JSON_VERDICTS, 0),
		.verdict_back =
			word(r->tree, "verdict_back", bh_json_verdicts, BH_JSON_VERDICTS, 0),
		.uncounted = by == NULL || strcmp(by, "capture") != 0,
	};
	if (by != NULL && r->names.uncounted)
		r->names.tracked = r->tracked;
}

static bool read_flow(struct bh_flow_read *r)
{
	const char *proto = text(r->tree, "proto"), *tunnel = text(r->tree, "tunnel");
	const cJSON *error = get(r->tree, "icmp_error");
	struct bh_flow *f = &r->flow;

	if (proto == NULL || !bh_protocol_parse(proto, &f->key.proto) ||
	    !read_end(get(r->tree, "src"), &f->key.src, &f->key.sport) ||
	    !read_end(get(r->tree, "dst"), &f->key.dst, &f->key.dport))
		return false;
	f->first = time_at(r->tree, "first");
	f->last = time_at(r->tree, "last");
	f->tx = half(get(r->tree, "tx"));
	f->rx = half(get(r->tree, "rx"));
	r->tracked[0] = f->tx.sent;
	r->tracked[1] = f->rx.sent;
	f->state = word(r->tree, "state", bh_json_states, BH_JSON_STATES, 0);
	f->direction = word(r->tree, "direction", bh_json_directions, BH_JSON_DIRECTIONS, 0);
	f->icmp_error =
		(struct bh_icmp_error) { .count = (uint32_t)fmin(count(error, "count"), UINT32_MAX),
					 .type = (uint8_t)fmin(count(error, "type"), 255),
					 .code = (uint8_t)fmin(count(error, "code"), 255) };
	f->lossy = is_true(r->tree, "lossy");
	f->final = true;
	bh_copy_text(f->tunnel, sizeof(f->tunnel), tunnel != NULL ? tunnel : "");
	return true;
}

bool bh_flow_read(const char *json, struct bh_flow_read *out)
{
	*out = (struct bh_flow_read) { .tree = cJSON_Parse(json) };
	if (!cJSON_IsObject(out->tree) || !read_flow(out)) {
		bh_flow_read_clear(out);
		return false;
	}
	read_names(out);
	return true;
}

void bh_flow_read_clear(struct bh_flow_read *read)
{
	cJSON_Delete(read->tree);
	read->tree = NULL;
}
