/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log_names.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "timefmt.h"

#define ECS_VERSION "8.11.0"
#define MOST_SECONDS 1e11 /* whose µs an int64_t holds, with room */

void bh_log_put_json(struct bh_buffer *out, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	bh_buffer_puts(out, text);
	free(text);
	cJSON_Delete(json);
}

static bool is_flow(const struct bh_log_record *record)
{
	return strcmp(record->kind, BH_LOG_KIND_FLOW) == 0;
}

/* Members of members by their names in turn; NULL: it has none, or null. */
static const cJSON *at(const cJSON *object, const char *key, const char *inner)
{
	const cJSON *item = cJSON_GetObjectItem(object, key);

	if (inner != NULL)
		item = cJSON_GetObjectItem(item, inner);
	return item == NULL || cJSON_IsNull(item) ? NULL : item;
}

static const char *word(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(at(object, key, NULL));

	return text != NULL ? text : "";
}

static bool is(const cJSON *object, const char *key, const char *value)
{
	return strcmp(word(object, key), value) == 0;
}

/* A copy under another name, if there is something. */
static void copy(cJSON *to, const char *name, const cJSON *item)
{
	if (item != NULL)
		cJSON_AddItemToObject(to, name, cJSON_Duplicate(item, true));
}

static void add_time(cJSON *to, const char *name, int64_t time)
{
	char text[BH_TIME_TEXT];

	cJSON_AddStringToObject(to, name, bh_time_format(time, text));
}

static int64_t time_at(const cJSON *object, const char *key)
{
	double seconds = cJSON_GetNumberValue(at(object, key, NULL));

	return seconds > 0 && seconds < MOST_SECONDS ? (int64_t)llround(seconds * 1e6) : 0;
}

/* Packets or bytes of both ways; NULL where they were not counted. */
static cJSON *sum_of(const cJSON *json, const char *what)
{
	const cJSON *there = at(json, "tx", what), *back = at(json, "rx", what);

	return there != NULL && back != NULL
		       ? cJSON_CreateNumber(there->valuedouble + back->valuedouble)
		       : NULL;
}

static const char *family_of(const cJSON *json)
{
	const char *address = cJSON_GetStringValue(at(json, "src", "ip"));

	if (address == NULL)
		return NULL;
	return strchr(address, ':') != NULL ? "ipv6" : "ipv4";
}

static bool has_ports(const cJSON *json)
{
	return is(json, "proto", "tcp") || is(json, "proto", "udp") || is(json, "proto", "sctp") ||
	       is(json, "proto", "udplite") || is(json, "proto", "dccp");
}

/* --- Elastic ---------------------------------------------------------------------------------- */

static cJSON *texts(const char *const *words, size_t count)
{
	return cJSON_CreateStringArray(words, (int)count);
}

static void ecs_end(cJSON *to, const char *name, const cJSON *json, const char *end,
		    const char *half)
{
	cJSON *object;

	if (at(json, end, "ip") == NULL)
		return;
	object = cJSON_AddObjectToObject(to, name);
	copy(object, "ip", at(json, end, "ip"));
	copy(object, "address", at(json, end, "ip"));
	if (has_ports(json))
		copy(object, "port", at(json, end, "port"));
	copy(object, "packets", at(json, half, "packets"));
	copy(object, "bytes", at(json, half, "bytes"));
	if (strcmp(end, "dst") == 0)
		copy(object, "domain", at(json, "dns", NULL));
}

static void ecs_network(cJSON *to, const cJSON *json)
{
	cJSON *network, *sum;

	if (at(json, "proto", NULL) == NULL)
		return;
	network = cJSON_AddObjectToObject(to, "network");
	copy(network, "transport", at(json, "proto", NULL));
	if (family_of(json) != NULL)
		cJSON_AddStringToObject(network, "type", family_of(json));
	sum = sum_of(json, "packets");
	if (sum != NULL)
		cJSON_AddItemToObject(network, "packets", sum);
	sum = sum_of(json, "bytes");
	if (sum != NULL)
		cJSON_AddItemToObject(network, "bytes", sum);
}

static const char *outcome_of(const struct bh_log_record *record)
{
	const cJSON *json = record->json;

	if (!is_flow(record))
		return "unknown";
	if (is(json, "verdict", "unknown"))
		return "unknown";
	return is(json, "verdict", "delivered") && !is(json, "state", "refused") ? "success"
										 : "failure";
}

static void ecs_flow_event(cJSON *event, const cJSON *json)
{
	static const char *const category[] = { "network" };
	const char *const denied[] = { "connection", "end", "denied" };
	const char *const allowed[] = { "connection", "end", "allowed" };
	int64_t first = time_at(json, "first"), last = time_at(json, "last");

	cJSON_AddStringToObject(event, "kind", "event");
	cJSON_AddItemToObject(event, "category", texts(category, 1));
	if (is(json, "verdict", "denied"))
		cJSON_AddItemToObject(event, "type", texts(denied, 3));
	else
		cJSON_AddItemToObject(event, "type",
				      texts(allowed, is(json, "verdict", "delivered") ? 3 : 2));
	cJSON_AddStringToObject(event, "action", "network_flow");
	add_time(event, "start", first);
	add_time(event, "end", last);
	cJSON_AddNumberToObject(event, "duration", (double)(last - first) * 1000);
}

/* What kinds of events are in Elastic's words. */
static const struct {
	const char *kind, *event, *category, *type;
} ecs_kinds[] = {
	{ "leak", "alert", "intrusion_detection", "allowed" },
	{ "spoof", "alert", "intrusion_detection", "info" },
	{ "address-conflict", "alert", "intrusion_detection", "info" },
	{ "unknown-address", "alert", "intrusion_detection", "info" },
	{ "tampering", "alert", "configuration", "change" },
	{ "denied", "event", "network", "denied" },
	{ "would-deny", "event", "network", "allowed" },
	{ "undelivered", "event", "network", "info" },
	{ "cut", "event", "network", "end" },
	{ "policy", "event", "configuration", "change" },
	{ "mode", "event", "configuration", "change" },
	{ "enforcement", "state", "configuration", "info" },
	{ "endpoint-up", "state", "host", "start" },
	{ "endpoint-down", "state", "host", "end" },
};

static void ecs_own_event(cJSON *event, const struct bh_log_record *record)
{
	const char *kind = "event", *category = "host", *type = "info";

	for (size_t i = 0; i < sizeof(ecs_kinds) / sizeof(ecs_kinds[0]); i++) {
		if (strcmp(ecs_kinds[i].kind, record->kind) != 0)
			continue;
		kind = ecs_kinds[i].event;
		category = ecs_kinds[i].category;
		type = ecs_kinds[i].type;
	}
	cJSON_AddStringToObject(event, "kind", kind);
	cJSON_AddItemToObject(event, "category", texts(&category, 1));
	cJSON_AddItemToObject(event, "type", texts(&type, 1));
	cJSON_AddStringToObject(event, "action", record->kind);
}

static void ecs_event(cJSON *to, const struct bh_log_record *record)
{
	cJSON *event = cJSON_AddObjectToObject(to, "event");

	if (is_flow(record))
		ecs_flow_event(event, record->json);
	else
		ecs_own_event(event, record);
	cJSON_AddStringToObject(event, "outcome", outcome_of(record));
	cJSON_AddStringToObject(event, "module", "bulkhead");
	cJSON_AddStringToObject(event, "dataset",
				is_flow(record) ? "bulkhead.flow" : "bulkhead.event");
	cJSON_AddNumberToObject(event, "severity", bh_log_severity(record));
}

static void ecs_container(cJSON *to, const cJSON *json)
{
	cJSON *container;

	if (at(json, "dst", "container") == NULL)
		return;
	container = cJSON_AddObjectToObject(to, "container");
	copy(container, "name", at(json, "dst", "container"));
}

static void ecs_observer(cJSON *to, const struct bh_log_record *record)
{
	cJSON *observer = cJSON_AddObjectToObject(to, "observer");

	cJSON_AddStringToObject(observer, "vendor", "bulkhead");
	cJSON_AddStringToObject(observer, "product", "bulkhead");
	cJSON_AddStringToObject(observer, "type", "firewall");
	cJSON_AddStringToObject(observer, "version", BULKHEAD_VERSION);
	cJSON_AddStringToObject(observer, "hostname", record->host);
}

static void ecs_rule(cJSON *to, const cJSON *json)
{
	const cJSON *reason = at(json, "reason", NULL);

	if (!cJSON_IsString(reason))
		return;
	cJSON *rule = cJSON_AddObjectToObject(to, "rule");
	copy(rule, "description", reason);
	copy(rule, "version", at(json, "revision", NULL));
}

static void ecs_tls(cJSON *to, const cJSON *json)
{
	if (at(json, "sni", NULL) == NULL)
		return;
	copy(cJSON_AddObjectToObject(cJSON_AddObjectToObject(to, "tls"), "client"), "server_name",
	     at(json, "sni", NULL));
}

cJSON *bh_log_as_ecs(const struct bh_log_record *record)
{
	const cJSON *json = record->json;
	struct bh_buffer text = { 0 };
	cJSON *to = cJSON_CreateObject();

	add_time(to, "@timestamp", record->time);
	bh_log_text(&text, record);
	bh_buffer_append(&text, "", 0);
	cJSON_AddStringToObject(to, "message", text.data);
	bh_buffer_free(&text);
	cJSON_AddStringToObject(cJSON_AddObjectToObject(to, "ecs"), "version", ECS_VERSION);
	ecs_event(to, record);
	ecs_end(to, "source", json, "src", "tx");
	ecs_end(to, "destination", json, "dst", "rx");
	ecs_network(to, json);
	ecs_container(to, json);
	ecs_rule(to, json);
	ecs_tls(to, json);
	ecs_observer(to, record);
	cJSON_AddItemToObject(to, "bulkhead", cJSON_Duplicate(json, true));
	return to;
}

/* --- OpenTelemetry ---------------------------------------------------------------------------- */

static void otel_end(cJSON *to, const cJSON *json, const char *end, const char *address,
		     const char *port, const char *workload)
{
	copy(to, address, at(json, end, "ip"));
	if (has_ports(json))
		copy(to, port, at(json, end, "port"));
	copy(to, workload, at(json, end, "workload"));
}

/* The rest under its own names, objects flattened. */
static void otel_rest(cJSON *to, const cJSON *json)
{
	static const char *const taken[] = { "src",  "dst",  "proto", "text",
					     "kind", "time", "dns",   "sni" };
	struct bh_buffer name = { 0 };
	const cJSON *item, *inner;

	cJSON_ArrayForEach (item, json) {
		bool known = cJSON_IsNull(item);

		for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
			known = known || strcmp(item->string, taken[i]) == 0;
		if (known)
			continue;
		bh_buffer_clear(&name);
		bh_buffer_printf(&name, "bulkhead.%s", item->string);
		if (!cJSON_IsObject(item)) {
			copy(to, name.data, item);
			continue;
		}
		cJSON_ArrayForEach (inner, item) {
			bh_buffer_clear(&name);
			bh_buffer_printf(&name, "bulkhead.%s.%s", item->string, inner->string);
			if (!cJSON_IsNull(inner))
				copy(to, name.data, inner);
		}
	}
	bh_buffer_free(&name);
}

/* opentelemetry.io/docs/specs/otel/logs/data-model: INFO is 9, and each of syslog's a place in its
 * own range. */
static void otel_severity(cJSON *to, unsigned severity)
{
	static const struct {
		const char *text;
		int number;
	} severities[] = { { "FATAL", 21 }, { "ERROR3", 19 }, { "ERROR2", 18 }, { "ERROR", 17 },
			   { "WARN", 13 },  { "INFO2", 10 },  { "INFO", 9 } };

	cJSON_AddStringToObject(to, "severityText", severities[severity].text);
	cJSON_AddNumberToObject(to, "severityNumber", severities[severity].number);
}

cJSON *bh_log_as_otel(const struct bh_log_record *record)
{
	const cJSON *json = record->json;
	struct bh_buffer text = { 0 };
	cJSON *to = cJSON_CreateObject(), *attributes, *resource;

	add_time(to, "timestamp", record->time);
	otel_severity(to, bh_log_severity(record));
	bh_log_text(&text, record);
	bh_buffer_append(&text, "", 0);
	cJSON_AddStringToObject(to, "body", text.data);
	bh_buffer_free(&text);
	resource = cJSON_AddObjectToObject(to, "resource");
	cJSON_AddStringToObject(resource, "service.name", "bulkhead");
	cJSON_AddStringToObject(resource, "service.version", BULKHEAD_VERSION);
	cJSON_AddStringToObject(resource, "host.name", record->host);
	attributes = cJSON_AddObjectToObject(to, "attributes");
	bh_buffer_printf(&text, "bulkhead.%s", record->kind);
	cJSON_AddStringToObject(attributes, "event.name", text.data);
	bh_buffer_free(&text);
	otel_end(attributes, json, "src", "source.address", "source.port",
		 "bulkhead.source.workload");
	otel_end(attributes, json, "dst", "destination.address", "destination.port",
		 "bulkhead.destination.workload");
	copy(attributes, "network.transport", at(json, "proto", NULL));
	if (family_of(json) != NULL)
		cJSON_AddStringToObject(attributes, "network.type", family_of(json));
	copy(attributes, "container.name", at(json, "dst", "container"));
	copy(attributes, "dns.question.name", at(json, "dns", NULL));
	copy(attributes, "tls.client.server_name", at(json, "sni", NULL));
	otel_rest(attributes, json);
	return to;
}
