/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nftables did to packets, on demand: the steps that the kernel process reports become
 * packets, and the drops among them are summed up by what dropped. */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "cursor.h"
#include "foreign.h"
#include "grow.h"
#include "model.h"
#include "protocol.h"
#include "query.h"
#include "ruleset.h"
#include "timefmt.h"

#define MOST_PACKETS 500
#define MOST_STEPS 32 /* of one packet */
#define MOST_DROPS 64
#define SLACK (5 * BH_SECOND) /* the kernel process answers late, or died */
#define BULKHEAD_TABLE "bulkhead"

struct packet {
	uint32_t id;
	bool known; /* its addresses are: */
	struct bh_addr src, dst;
	uint8_t proto;
	uint16_t sport, dport;
	bool dropped;
	uint32_t step_count; /* those that decided something, the first of them kept */
	struct bh_trace_step steps[MOST_STEPS];
};

struct drop {
	struct bh_trace_step step;
	uint64_t packets;
	struct bh_trace_rule rule;
	bool rule_known;
};

struct bh_core_trace {
	bool running;
	int64_t started, until; /* µs */
	char src[256], dst[256], port[64];
	bool left_off; /* more addresses than a trace takes */
	struct packet *packets;
	size_t packet_count, packet_capacity;
	uint64_t unkept; /* packets beyond */
	struct drop drops[MOST_DROPS];
	size_t drop_count;
	struct bh_msg_trace_end end;
};

/* --- packets ---------------------------------------------------------------------------------- */

static void read_ports(struct packet *packet, const struct bh_trace_step *step)
{
	struct bh_cursor c = bh_cursor_over(step->transport, step->transport_length);

	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP &&
	    packet->proto != IPPROTO_SCTP)
		return;
	if (!bh_cursor_u16(&c, &packet->sport) || !bh_cursor_u16(&c, &packet->dport))
		packet->sport = packet->dport = 0;
}

static bool read_addresses(struct packet *packet, struct bh_cursor *c, uint8_t family,
			   size_t length)
{
	packet->src = packet->dst = (struct bh_addr) { .family = family };
	return bh_cursor_bytes(c, packet->src.bytes, length) &&
	       bh_cursor_bytes(c, packet->dst.bytes, length);
}

/* Of IPv6 the first header names the protocol, unless an extension stands before it. */
static void read_packet(struct packet *packet, const struct bh_trace_step *step)
{
	struct bh_cursor c = bh_cursor_over(step->network, step->network_length);
	uint8_t first;

	if (!bh_cursor_u8(&c, &first))
		return;
	if (first >> 4 == 4)
		packet->known = bh_cursor_skip(&c, 8) && bh_cursor_u8(&c, &packet->proto) &&
				bh_cursor_skip(&c, 2) && read_addresses(packet, &c, BH_IPV4, 4);
	else if (first >> 4 == 6)
		packet->known = bh_cursor_skip(&c, 5) && bh_cursor_u8(&c, &packet->proto) &&
				bh_cursor_skip(&c, 1) && read_addresses(packet, &c, BH_IPV6, 16);
	if (packet->known)
		read_ports(packet, step);
}

/* The id comes again with later packets. */
static bool continues(const struct packet *packet, const struct bh_trace_step *step)
{
	struct packet other = { 0 };

	if (packet->id != step->id || packet->dropped)
		return false;
	read_packet(&other, step);
	return !other.known || !packet->known ||
	       (bh_addr_equal(&other.src, &packet->src) &&
		bh_addr_equal(&other.dst, &packet->dst) && other.sport == packet->sport &&
		other.dport == packet->dport);
}

/* NULL: there are too many. */
static struct packet *packet_of(struct bh_core_trace *trace, const struct bh_trace_step *step)
{
	for (size_t i = trace->packet_count; i > 0; i--)
		if (continues(&trace->packets[i - 1], step))
			return &trace->packets[i - 1];
	if (trace->packet_count == MOST_PACKETS)
		return NULL;
	trace->packets = bh_grow(trace->packets, &trace->packet_capacity, trace->packet_count + 1,
				 sizeof(*trace->packets));
	struct packet *packet = &trace->packets[trace->packet_count++];
	*packet = (struct packet) { .id = step->id };
	return packet;
}

static bool same_place(const struct bh_trace_step *a, const struct bh_trace_step *b)
{
	return a->family == b->family && a->kind == b->kind && a->handle == b->handle &&
	       strcmp(a->table, b->table) == 0 && strcmp(a->chain, b->chain) == 0;
}

static void count_drop(struct bh_core_trace *trace, const struct bh_trace_step *step)
{
	for (size_t i = 0; i < trace->drop_count; i++)
		if (same_place(&trace->drops[i].step, step)) {
			trace->drops[i].packets++;
			return;
		}
	if (trace->drop_count < MOST_DROPS)
		trace->drops[trace->drop_count++] = (struct drop) { .step = *step, .packets = 1 };
}

void bh_core_trace_step(struct bh_core *core, const struct bh_trace_step *step)
{
	struct bh_core_trace *trace = core->trace;

	if (trace == NULL || !trace->running)
		return;
	if (step->verdict == NF_DROP)
		count_drop(trace, step);
	struct packet *packet = packet_of(trace, step);
	if (packet == NULL) {
		trace->unkept += step->verdict == NF_DROP;
		return;
	}
	if (!packet->known)
		read_packet(packet, step);
	packet->dropped = step->verdict == NF_DROP;
	if (step->verdict != NFT_CONTINUE && packet->step_count < MOST_STEPS)
		packet->steps[packet->step_count++] = *step;
}

/* Told before the first step that it dropped: there its packets are counted. */
void bh_core_trace_rule(struct bh_core *core, const struct bh_trace_rule *rule)
{
	struct bh_core_trace *trace = core->trace;

	if (trace == NULL || !trace->running || trace->drop_count == MOST_DROPS)
		return;
	struct drop *drop = &trace->drops[trace->drop_count++];
	*drop = (struct drop) { .rule = *rule, .rule_known = true };
	drop->step.family = rule->family;
	drop->step.kind = BH_TRACE_RULE;
	drop->step.handle = rule->handle;
	memcpy(drop->step.table, rule->table, sizeof(drop->step.table));
	memcpy(drop->step.chain, rule->chain, sizeof(drop->step.chain));
}

void bh_core_trace_end(struct bh_core *core, const struct bh_msg_trace_end *end)
{
	if (core->trace == NULL || !core->trace->running)
		return;
	core->trace->running = false;
	core->trace->end = *end;
}

/* --- whose it is ------------------------------------------------------------------------------ */

static bool is_ours(const struct bh_trace_step *step)
{
	return strcmp(step->table, BULKHEAD_TABLE) == 0 &&
	       (step->family == NFPROTO_INET || step->family == NFPROTO_BRIDGE);
}

/* The workload that one of our chains is of, by the hash in its name; NULL: it is everybody's. */
static const struct bh_chain *chain_of(const struct bh_core *core, const struct bh_trace_step *step)
{
	for (size_t i = 0; core->rules != NULL && i < core->rules->chain_count; i++) {
		const struct bh_chain *chain = &core->rules->chains[i];
		const char *at = strstr(step->chain, chain->hash);
		char side = chain->side == BH_EGRESS ? 'e' : 'i';

		if (at != NULL && step->chain[0] == side)
			return chain;
	}
	return NULL;
}

/* Who writes such tables and chains. */
static const char *author_of(const struct bh_trace_step *step)
{
	static const struct {
		const char *start, *who;
	} authors[] = {
		{ "DOCKER", "Docker" },		{ "ufw", "ufw" },
		{ "KUBE-", "kube-proxy" },	{ "CNI-", "a CNI plugin" },
		{ "cali-", "Calico" },		{ "CILIUM", "Cilium" },
		{ "LIBVIRT", "libvirt" },	{ "NETAVARK", "Podman's netavark" },
		{ "firewalld", "firewalld" },	{ "netavark", "Podman's netavark" },
		{ "kube-proxy", "kube-proxy" }, { "fail2ban", "fail2ban" },
		{ "f2b-", "fail2ban" },
	};

	for (size_t i = 0; i < sizeof(authors) / sizeof(authors[0]); i++)
		if (strncmp(step->chain, authors[i].start, strlen(authors[i].start)) == 0 ||
		    strncmp(step->table, authors[i].start, strlen(authors[i].start)) == 0)
			return authors[i].who;
	if (step->kind == BH_TRACE_POLICY && strcmp(step->table, "filter") == 0 &&
	    strcmp(step->chain, "FORWARD") == 0)
		return "iptables; Docker sets this policy";
	return NULL;
}

/* "table ip filter chain FORWARD policy drop (Docker)" */
static void describe_place(const struct bh_core *core, const struct bh_trace_step *step,
			   struct bh_buffer *out)
{
	const struct bh_foreign_chain family = { .family = step->family };
	const struct bh_chain *chain = is_ours(step) ? chain_of(core, step) : NULL;
	const char *author = author_of(step);

	bh_buffer_printf(out, "table %s %s chain %s", bh_foreign_family(&family), step->table,
			 step->chain);
	if (step->kind == BH_TRACE_POLICY)
		bh_buffer_puts(out, " policy drop");
	else if (step->handle != 0)
		bh_buffer_printf(out, " rule %llu", (unsigned long long)step->handle);
	if (chain != NULL)
		bh_buffer_printf(out, " (bulkhead: %s of %s)", bh_side_name(chain->side),
				 chain->workload);
	else if (is_ours(step))
		bh_buffer_puts(out, " (bulkhead)");
	else if (author != NULL)
		bh_buffer_printf(out, " (%s)", author);
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *verdict_name(const struct bh_trace_step *step)
{
	switch (step->verdict) {
	case NF_DROP:
		return "drop";
	case NF_ACCEPT:
		return "accept";
	case NF_STOLEN:
		return "stolen";
	case NF_QUEUE:
		return "queue";
	case NFT_JUMP:
		return "jump";
	case NFT_GOTO:
		return "goto";
	case NFT_RETURN:
		return "return";
	}
	return "continue";
}

static void add_place(const struct bh_trace_step *step, cJSON *json)
{
	const struct bh_foreign_chain family = { .family = step->family };

	cJSON_AddStringToObject(json, "family", bh_foreign_family(&family));
	cJSON_AddStringToObject(json, "table", step->table);
	cJSON_AddStringToObject(json, "chain", step->chain);
	if (step->kind == BH_TRACE_RULE && step->handle != 0)
		cJSON_AddNumberToObject(json, "handle", (double)step->handle);
	else
		cJSON_AddNullToObject(json, "handle");
	cJSON_AddBoolToObject(json, "policy", step->kind == BH_TRACE_POLICY);
}

static cJSON *drop_json(const struct bh_core *core, const struct drop *drop)
{
	cJSON *json = cJSON_CreateObject();
	const struct bh_chain *chain = is_ours(&drop->step) ? chain_of(core, &drop->step) : NULL;
	struct bh_buffer text = { 0 };

	add_place(&drop->step, json);
	cJSON_AddBoolToObject(json, "ours", is_ours(&drop->step));
	bh_core_add_text(json, "workload", chain != NULL ? chain->workload : NULL);
	bh_core_add_text(json, "side", chain != NULL ? bh_side_name(chain->side) : NULL);
	bh_core_add_text(json, "author",
			 is_ours(&drop->step) ? "bulkhead" : author_of(&drop->step));
	bh_core_add_text(json, "rule", drop->rule_known ? drop->rule.text : NULL);
	bh_core_add_text(json, "comment", drop->rule_known ? drop->rule.comment : NULL);
	cJSON_AddNumberToObject(json, "packets", (double)drop->packets);
	describe_place(core, &drop->step, &text);
	cJSON_AddStringToObject(json, "text", text.data);
	bh_buffer_free(&text);
	return json;
}

static cJSON *end_json(const struct bh_core *core, const struct bh_addr *addr, uint16_t port)
{
	cJSON *json = cJSON_CreateObject();
	char text[BH_ADDR_TEXT];

	cJSON_AddStringToObject(json, "ip", bh_addr_format(addr, text));
	cJSON_AddNumberToObject(json, "port", port);
	bh_core_add_text(json, "workload", bh_core_owner(core, addr, bh_time_now(), NULL));
	return json;
}

static cJSON *packet_json(const struct bh_core *core, const struct packet *packet)
{
	cJSON *json = cJSON_CreateObject(), *steps;
	char proto[BH_PROTOCOL_TEXT];

	if (packet->known) {
		cJSON_AddStringToObject(json, "proto", bh_protocol_format(packet->proto, proto));
		cJSON_AddItemToObject(json, "src", end_json(core, &packet->src, packet->sport));
		cJSON_AddItemToObject(json, "dst", end_json(core, &packet->dst, packet->dport));
	}
	cJSON_AddBoolToObject(json, "dropped", packet->dropped);
	steps = cJSON_AddArrayToObject(json, "steps");
	for (uint32_t i = 0; i < packet->step_count; i++) {
		cJSON *step = cJSON_CreateObject();

		add_place(&packet->steps[i], step);
		cJSON_AddStringToObject(step, "verdict", verdict_name(&packet->steps[i]));
		bh_core_add_text(step, "target", packet->steps[i].target);
		cJSON_AddItemToArray(steps, step);
	}
	return json;
}

static void add_result(const struct bh_core *core, const struct bh_core_trace *trace, cJSON *json)
{
	cJSON *drops = cJSON_AddArrayToObject(json, "drops"),
	      *packets = cJSON_AddArrayToObject(json, "packets");
	uint64_t dropped = 0;

	for (size_t i = 0; i < trace->drop_count; i++) {
		if (trace->drops[i].packets == 0)
			continue;
		dropped += trace->drops[i].packets;
		cJSON_AddItemToArray(drops, drop_json(core, &trace->drops[i]));
	}
	for (size_t i = 0; i < trace->packet_count; i++)
		cJSON_AddItemToArray(packets, packet_json(core, &trace->packets[i]));
	cJSON_AddNumberToObject(json, "seen", (double)(trace->packet_count + trace->unkept));
	cJSON_AddNumberToObject(json, "dropped", (double)dropped);
}

static cJSON *trace_json(const struct bh_core *core, const struct bh_core_trace *trace)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddBoolToObject(json, "running", trace->running);
	bh_core_add_text(json, "src", trace->src);
	bh_core_add_text(json, "dst", trace->dst);
	bh_core_add_text(json, "port", trace->port);
	bh_core_add_time(json, "started", trace->started);
	bh_core_add_time(json, "until", trace->until);
	bh_core_add_text(json, "error", trace->end.why);
	cJSON_AddBoolToObject(json, "left_off", trace->left_off);
	cJSON_AddNumberToObject(json, "lost", trace->end.lost);
	cJSON_AddBoolToObject(json, "legacy_iptables", core->foreign.legacy);
	add_result(core, trace, json);
	return json;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void add_address(struct bh_addr list[BH_TRACE_ADDRS], uint32_t *count,
			const struct bh_addr *addr, bool *left_off)
{
	if (*count < BH_TRACE_ADDRS)
		list[(*count)++] = *addr;
	else
		*left_off = true;
}

/* The addresses of a workload's instances, or the one that it is. False with the reply filled. */
static bool find_addresses(const struct bh_core *core, const char *name, const char *where,
			   struct bh_addr list[BH_TRACE_ADDRS], uint32_t *count, bool *left_off,
			   struct bh_api_reply *reply)
{
	const struct bh_instance *instance;
	struct bh_addr addr;

	if (name == NULL)
		return true;
	if (bh_addr_parse(name, &addr)) {
		add_address(list, count, &addr, left_off);
		return true;
	}
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		for (uint8_t i = 0;
		     strcmp(instance->workload, name) == 0 && i < instance->fact.addr_count; i++)
			add_address(list, count, &instance->fact.addrs[i], left_off);
	if (*count == 0)
		bh_core_unknown_workload(core, name, where, reply);
	return *count > 0;
}

static bool read_port(const char *text, struct bh_trace_filter *filter, struct bh_api_reply *reply)
{
	if (text == NULL)
		return true;
	if (!bh_query_port(text, &filter->proto, &filter->port)) {
		bh_api_fail(reply, 400, "port", "such as 5432/tcp, icmp or gre",
			    "a port was expected, not \"%.60s\"", text);
		return false;
	}
	if (filter->proto != IPPROTO_TCP && filter->proto != IPPROTO_UDP &&
	    filter->proto != IPPROTO_SCTP)
		filter->port = 0;
	return true;
}

static bool read_duration(const char *text, int64_t *duration, struct bh_api_reply *reply)
{
	*duration = 10 * BH_SECOND;
	if (text == NULL || (bh_duration_parse(text, duration) && *duration >= BH_SECOND &&
			     *duration <= 600 * BH_SECOND))
		return true;
	bh_api_fail(reply, 400, "for", "such as 10s", "from 1s to 10m, not \"%.60s\"", text);
	return false;
}

static bool is_running(const struct bh_core *core)
{
	return core->trace != NULL && core->trace->running &&
	       bh_time_now() < core->trace->until + SLACK;
}

static void free_trace(struct bh_core_trace *trace)
{
	if (trace == NULL)
		return;
	free(trace->packets);
	free(trace);
}

static void begin(struct bh_core *core, const struct bh_msg_trace_get *get,
		  const struct bh_api_request *request, bool left_off)
{
	const char *src = bh_api_query(request, "src"), *dst = bh_api_query(request, "dst"),
		   *port = bh_api_query(request, "port");

	free_trace(core->trace);
	struct bh_core_trace *trace = core->trace = bh_calloc(1, sizeof(*trace));
	trace->running = true;
	trace->left_off = left_off;
	trace->started = bh_time_now();
	trace->until = trace->started + get->duration;
	bh_copy_text(trace->src, sizeof(trace->src), src != NULL ? src : "");
	bh_copy_text(trace->dst, sizeof(trace->dst), dst != NULL ? dst : "");
	bh_copy_text(trace->port, sizeof(trace->port), port != NULL ? port : "");
}

void bh_core_handle_trace_start(void *user, const struct bh_api_request *request,
				struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_msg_trace_get get = { 0 };
	struct bh_trace_filter *f = &get.filter;
	bool left_off = false;

	if (is_running(core)) {
		bh_api_fail(reply, 409, "trace", "wait until it is over",
			    "somebody else's trace is running");
		return;
	}
	if (!find_addresses(core, bh_api_query(request, "src"), "src", f->src, &f->src_count,
			    &left_off, reply) ||
	    !find_addresses(core, bh_api_query(request, "dst"), "dst", f->dst, &f->dst_count,
			    &left_off, reply) ||
	    !read_port(bh_api_query(request, "port"), f, reply) ||
	    !read_duration(bh_api_query(request, "for"), &get.duration, reply))
		return;
	if (core->kernel == NULL ||
	    bh_channel_send(core->kernel, BH_MSG_TRACE_GET, &get, sizeof(get), NULL, 0, -1) != 0) {
		bh_api_fail(reply, 500, "trace", NULL, "the kernel process does not take it");
		return;
	}
	bh_core_foreign_ask(core); /* whether there is legacy iptables */
	begin(core, &get, request, left_off);
	reply->json = trace_json(core, core->trace);
}

void bh_core_handle_trace(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	struct bh_core *core = user;

	(void)request;
	if (core->trace == NULL) {
		bh_api_fail(reply, 404, "trace", "bulkhead doctor --trace",
			    "nothing was traced yet");
		return;
	}
	if (core->trace->running && !is_running(core)) {
		core->trace->running = false;
		bh_copy_text(core->trace->end.why, sizeof(core->trace->end.why),
			     "the kernel process did not say that it is over");
	}
	reply->json = trace_json(core, core->trace);
}
