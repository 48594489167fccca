/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "answer.h"
#include "grow.h"
#include "kubernetes.h"
#include "map.h"
#include "protocol.h"

#define MOST_IPS 16

struct endpoint {
	const cJSON *json;
	struct bh_peer peer;
	struct bh_addr ips[MOST_IPS];
	size_t ip_count;
	/* As text: what label() answers with. */
	char port[8];
};

struct bh_probe_endpoints {
	cJSON *json;
	struct endpoint *items;
	size_t count;
	struct bh_map *by_id, *by_ip;
};

/* --- endpoints -------------------------------------------------------------------------------- */

static bool has_protocol(const cJSON *port, const char *wanted)
{
	const char *protocol = bh_text(port, "protocol");

	return strcasecmp(protocol != NULL ? protocol : "TCP", wanted) == 0;
}

/* "http/tcp" */
static const char *port_named(struct endpoint *e, const char *name)
{
	const cJSON *port;
	const char *slash = strchr(name, '/');

	cJSON_ArrayForEach (port, bh_get(e->json, "ports")) {
		const char *called = bh_text(port, "name");
		const cJSON *number = bh_get(port, "port");

		if (called == NULL || slash == NULL || !cJSON_IsNumber(number) ||
		    strlen(called) != (size_t)(slash - name) ||
		    strncmp(called, name, strlen(called)) != 0 || !has_protocol(port, slash + 1))
			continue;
		snprintf(e->port, sizeof(e->port), "%u", (unsigned)(uint16_t)number->valuedouble);
		return e->port;
	}
	return NULL;
}

static const char *label(const void *labels, const char *key)
{
	struct endpoint *e = (struct endpoint *)(uintptr_t)labels;
	size_t port = strlen(BH_PORT_LABEL), namespace = strlen(BH_NAMESPACE_LABEL);

	if (strcmp(key, "bulkhead.workload") == 0)
		return e->peer.name;
	if (strcmp(key, "bulkhead.instance") == 0)
		return bh_text(e->json, "id");
	if (strcmp(key, BH_NAMESPACE_KNOWN) == 0)
		return bh_text(e->json, "namespace") != NULL ? "known" : NULL;
	if (strcmp(key, BH_NAMESPACE) == 0 && bh_text(e->json, "namespace") != NULL)
		return bh_text(e->json, "namespace");
	if (strncmp(key, BH_PORT_LABEL, port) == 0)
		return port_named(e, key + port);
	if (strncmp(key, BH_NAMESPACE_LABEL, namespace) == 0)
		return bh_text(bh_get(e->json, "namespace_labels"), key + namespace);
	return bh_text(bh_get(e->json, "labels"), key);
}

struct reader {
	const char *file;
	struct bh_error *err;
	size_t number; /* of the endpoint, from 1 */
};

static int refuse(const struct reader *r, const char *key, const char *expected)
{
	return bh_error_set(r->err, -EINVAL, "%s: endpoint %zu: %s: expected %s", r->file,
			    r->number, key, expected);
}

static int check_labels(const struct reader *r, const cJSON *object, const char *key)
{
	const cJSON *labels = bh_get(object, key), *item;

	if (labels != NULL && !cJSON_IsObject(labels))
		return refuse(r, key, "an object of texts");
	cJSON_ArrayForEach (item, labels)
		if (!cJSON_IsString(item))
			return refuse(r, key, "an object of texts");
	return 0;
}

static int check_ports(const struct reader *r, const cJSON *object)
{
	static const char expected[] =
		"a list of {\"name\", \"port\" (1 to 65535), \"protocol\" (TCP, UDP or SCTP)}";
	const cJSON *ports = bh_get(object, "ports"), *port;

	if (ports != NULL && !cJSON_IsArray(ports))
		return refuse(r, "ports", expected);
	cJSON_ArrayForEach (port, ports) {
		const cJSON *number = bh_get(port, "port");

		if (!cJSON_IsNumber(number) || number->valuedouble < 1 ||
		    number->valuedouble > 65535 ||
		    !(has_protocol(port, "TCP") || has_protocol(port, "UDP") ||
		      has_protocol(port, "SCTP")))
			return refuse(r, "ports", expected);
	}
	return 0;
}

static int read_ips(const struct reader *r, struct bh_probe_endpoints *all, struct endpoint *e)
{
	const cJSON *ips = bh_get(e->json, "ips"), *ip;

	if (ips != NULL && !cJSON_IsArray(ips))
		return refuse(r, "ips", "a list of addresses");
	cJSON_ArrayForEach (ip, ips) {
		struct bh_addr *addr = &e->ips[e->ip_count];

		if (e->ip_count == MOST_IPS)
			return refuse(r, "ips", "at most 16 addresses");
		if (!cJSON_IsString(ip) || !bh_addr_parse(ip->valuestring, addr))
			return refuse(r, "ips", "addresses such as 10.0.0.1 or fd00::1");
		if (bh_map_get(all->by_ip, addr, sizeof(*addr)) != NULL)
			return refuse(r, "ips", "addresses that no other endpoint has");
		bh_map_put(all->by_ip, addr, sizeof(*addr), e);
		e->ip_count++;
	}
	return 0;
}

static int read_endpoint(const struct reader *r, struct bh_probe_endpoints *all, struct endpoint *e)
{
	const char *id = bh_text(e->json, "id"), *workload = bh_text(e->json, "workload");

	if (id == NULL || id[0] == '\0')
		return refuse(r, "id", "a text that no other endpoint has");
	if (bh_map_get_text(all->by_id, id) != NULL)
		return refuse(r, "id", "a text that no other endpoint has");
	bh_map_put_text(all->by_id, id, e);
	e->peer.kind = BH_PEER_WORKLOAD;
	bh_copy_text(e->peer.name, sizeof(e->peer.name), workload != NULL ? workload : id);
	int result = check_labels(r, e->json, "labels");
	if (result == 0)
		result = check_labels(r, e->json, "namespace_labels");
	if (result == 0)
		result = check_ports(r, e->json);
	return result != 0 ? result : read_ips(r, all, e);
}

struct bh_probe_endpoints *bh_probe_endpoints_new(const char *text, size_t length, const char *file,
						  struct bh_error *err)
{
	struct reader r = { .file = file, .err = err };
	struct bh_probe_endpoints *all = bh_calloc(1, sizeof(*all));
	const cJSON *item;

	all->by_id = bh_map_new(NULL);
	all->by_ip = bh_map_new(NULL);
	all->json = cJSON_ParseWithLength(text, length);
	int result =
		cJSON_IsArray(all->json)
			? 0
			: bh_error_set(err, -EINVAL, "%s: expected a JSON list of endpoints", file);
	if (result == 0)
		all->items =
			bh_calloc((size_t)cJSON_GetArraySize(all->json) + 1, sizeof(*all->items));
	cJSON_ArrayForEach (item, all->json) {
		if (result != 0)
			break;
		r.number = all->count + 1;
		all->items[all->count].json = item;
		result = read_endpoint(&r, all, &all->items[all->count++]);
	}
	if (result == 0)
		return all;
	bh_probe_endpoints_free(all);
	return NULL;
}

void bh_probe_endpoints_free(struct bh_probe_endpoints *all)
{
	if (all == NULL)
		return;
	bh_map_free(all->by_id);
	bh_map_free(all->by_ip);
	free(all->items);
	cJSON_Delete(all->json);
	free(all);
}

/* --- probes ----------------------------------------------------------------------------------- */

/* One end: an endpoint, with one of its addresses or all, or something else. */
struct end {
	struct endpoint *endpoint; /* NULL: none */
	struct bh_peer peer;
	struct bh_addr addr; /* of no family: all of the endpoint's, or none */
};

static int read_end(const struct bh_probe_endpoints *all, const cJSON *probe, const char *key,
		    struct end *end, struct bh_error *err)
{
	const char *text = bh_text(probe, key);

	*end = (struct end) { 0 };
	if (text == NULL)
		return bh_error_set(err, -EINVAL,
				    "%s: expected an endpoint's id, an address or host", key);
	end->endpoint = bh_map_get_text(all->by_id, text);
	if (end->endpoint != NULL)
		return 0;
	bh_copy_text(end->peer.name, sizeof(end->peer.name), text);
	end->peer.kind = BH_PEER_HOST;
	if (strcmp(text, "host") == 0)
		return 0;
	if (!bh_addr_parse(text, &end->addr))
		return bh_error_set(err, -EINVAL,
				    "%s: found \"%.60s\", expected an endpoint's id, an address or "
				    "host",
				    key, text);
	end->endpoint = bh_map_get(all->by_ip, &end->addr, sizeof(end->addr));
	end->peer.kind = bh_addr_is_metadata(&end->addr)    ? BH_PEER_METADATA
			 : bh_addr_is_multicast(&end->addr) ? BH_PEER_MULTICAST
							    : BH_PEER_ADDRESS;
	return 0;
}

static int read_port(const cJSON *probe, struct bh_question *q, struct bh_error *err)
{
	const char *protocol = bh_text(probe, "protocol");
	const cJSON *port = bh_get(probe, "port");
	char name[BH_PROTOCOL_TEXT] = "tcp";

	for (size_t i = 0; protocol != NULL && i < sizeof(name); i++) {
		name[i] = (char)tolower((unsigned char)protocol[i]);
		if (protocol[i] == '\0')
			break;
	}
	name[sizeof(name) - 1] = '\0';
	if (!bh_protocol_parse(name, &q->proto))
		return bh_error_set(err, -EINVAL,
				    "protocol: found \"%.40s\", expected one such as "
				    "TCP, UDP, SCTP or ICMP",
				    protocol);
	bool icmp = q->proto == IPPROTO_ICMP || q->proto == IPPROTO_ICMPV6;
	double most = icmp ? 255 : 65535;
	if (!bh_protocol_has_ports(q->proto) && !icmp)
		return 0;
	if (!cJSON_IsNumber(port) || port->valuedouble < 0 || port->valuedouble > most ||
	    port->valuedouble != (double)(uint16_t)port->valuedouble)
		return bh_error_set(err, -EINVAL, "port: expected a number from 0 to %.0f", most);
	q->port = (uint16_t)port->valuedouble;
	if (icmp)
		q->port = (uint16_t)(q->port << 8);
	return 0;
}

static struct bh_subject subject_of(const struct end *end, const struct bh_addr *addr)
{
	struct bh_subject s = { .peer = end->endpoint != NULL ? &end->endpoint->peer : &end->peer,
				.addr = *addr,
				.mode = BH_ENFORCE };

	if (end->endpoint != NULL) {
		s.labels = end->endpoint;
		s.label = label;
	}
	return s;
}

/* The addresses of a family, or of none, that an end may have; returns how many. */
static size_t addresses_of(const struct end *end, uint8_t family, struct bh_addr out[MOST_IPS])
{
	size_t count = 0;

	if (end->addr.family != BH_NO_FAMILY) {
		out[0] = end->addr;
		return end->addr.family == family;
	}
	for (size_t i = 0; end->endpoint != NULL && i < end->endpoint->ip_count; i++)
		if (end->endpoint->ips[i].family == family)
			out[count++] = end->endpoint->ips[i];
	if (end->endpoint == NULL || end->endpoint->ip_count == 0)
		out[count++] = (struct bh_addr) { 0 };
	return count;
}

struct asking {
	const struct bh_policy *policy;
	const struct end *from, *to;
	struct bh_question question;
	struct bh_probe_answer *answer;
	size_t asked;
};

/* Where answers differ nobody can say which one it will be. */
static void take_answer(struct asking *a, const struct bh_answer *answer)
{
	struct bh_probe_answer *out = a->answer;

	if (a->asked++ == 0) {
		out->verdict = answer->verdict;
		out->rule = answer->rule;
		bh_copy_text(out->reason, sizeof(out->reason), answer->reason);
	} else if (out->verdict != answer->verdict) {
		out->verdict = BH_UNCERTAIN;
		out->rule = -1;
		bh_copy_text(out->reason, sizeof(out->reason),
			     "it depends on which of their addresses they use");
	}
}

static void ask_pair(struct asking *a, const struct bh_addr *from, const struct bh_addr *to)
{
	struct bh_answer answer;

	a->question.src = subject_of(a->from, from);
	a->question.dst = subject_of(a->to, to);
	bh_policy_evaluate(a->policy, &a->question, &answer);
	take_answer(a, &answer);
}

static void ask_family(struct asking *a, uint8_t family)
{
	struct bh_addr from[MOST_IPS], to[MOST_IPS];
	size_t sources = addresses_of(a->from, family, from);
	size_t destinations = addresses_of(a->to, family, to);

	for (size_t i = 0; i < sources; i++)
		for (size_t j = 0; j < destinations; j++)
			ask_pair(a, &from[i], &to[j]);
}

static bool is_unaddressed(const struct end *end)
{
	return end->endpoint != NULL && end->endpoint->ip_count == 0 &&
	       end->addr.family == BH_NO_FAMILY;
}

static void settle(struct asking *a)
{
	struct bh_probe_answer *out = a->answer;

	if (a->asked == 0) {
		out->verdict = BH_UNCERTAIN;
		bh_copy_text(out->reason, sizeof(out->reason),
			     "they have no addresses of one family");
	} else if (a->policy->has_containers &&
		   (is_unaddressed(a->from) || is_unaddressed(a->to))) {
		out->verdict = BH_UNCERTAIN;
		out->rule = -1;
		bh_copy_text(out->reason, sizeof(out->reason),
			     "the rules speak of addresses, and the endpoint has none in the file");
	}
}

int bh_probe_ask(const struct bh_policy *policy, const struct bh_probe_endpoints *endpoints,
		 const cJSON *probe, struct bh_probe_answer *answer, struct bh_error *err)
{
	struct end from, to;
	struct asking a = { .policy = policy, .from = &from, .to = &to, .answer = answer };
	int result = cJSON_IsObject(probe) ? 0 : bh_error_set(err, -EINVAL, "expected an object");

	*answer = (struct bh_probe_answer) { .rule = -1 };
	if (result == 0)
		result = read_end(endpoints, probe, "from", &from, err);
	if (result == 0)
		result = read_end(endpoints, probe, "to", &to, err);
	if (result == 0)
		result = read_port(probe, &a.question, err);
	if (result != 0)
		return result;
	if (from.endpoint != NULL && from.endpoint == to.endpoint) {
		bh_copy_text(answer->reason, sizeof(answer->reason), "nobody is kept from himself");
		return 0;
	}
	ask_family(&a, BH_IPV4);
	/* Without any address one asking says it all. */
	if (!(is_unaddressed(&from) && is_unaddressed(&to)))
		ask_family(&a, BH_IPV6);
	settle(&a);
	return 0;
}
