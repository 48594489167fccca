/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recorded.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "error.h"
#include "grow.h"
#include "protocol.h"

#define PROJECT "com.docker.compose.project"
#define SERVICE "com.docker.compose.service"
#define COMPOSE "compose:"

/* The labels that a workload of this name has; Compose's are in the name. The answer to PROJECT
 * holds until the next one. */
static const char *name_label(const void *labels, const char *key)
{
	static char project[BH_PEER_NAME];
	const char *name = labels, *slash = strchr(name, '/');

	if (strcmp(key, "bulkhead.workload") == 0)
		return name;
	if (strncmp(name, COMPOSE, strlen(COMPOSE)) != 0 || slash == NULL)
		return NULL;
	if (strcmp(key, SERVICE) == 0)
		return slash + 1;
	if (strcmp(key, PROJECT) != 0)
		return NULL;
	name += strlen(COMPOSE);
	snprintf(project, sizeof(project), "%.*s", (int)(slash - name), name);
	return project;
}

static const char *text_of(const cJSON *json, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
}

/* A text or null, or nothing at all; false where it is something else. */
static bool read_optional(const cJSON *json, const char *key, const char **text)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	*text = cJSON_GetStringValue(item);
	return item == NULL || cJSON_IsNull(item) || *text != NULL;
}

static uint8_t kind_of(const char *workload, const struct bh_addr *addr)
{
	if (workload != NULL)
		return strcmp(workload, "host") == 0	 ? BH_PEER_HOST
		       : strcmp(workload, "world") == 0	 ? BH_PEER_WORLD
		       : strcmp(workload, "masked") == 0 ? BH_PEER_MASKED
							 : BH_PEER_WORKLOAD;
	return bh_addr_is_metadata(addr)    ? BH_PEER_METADATA
	       : bh_addr_is_multicast(addr) ? BH_PEER_MULTICAST
	       : bh_addr_is_private(addr)   ? BH_PEER_UNRESOLVED
					    : BH_PEER_ADDRESS;
}

static bool read_port(const cJSON *end, uint16_t *port)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(end, "port");

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= UINT16_MAX))
		return false;
	*port = (uint16_t)item->valuedouble;
	return *port == item->valuedouble;
}

static bool read_end(const cJSON *flow, const char *key, struct bh_peer *peer,
		     struct bh_subject *subject, uint16_t *port, struct bh_error *err)
{
	const cJSON *end = cJSON_GetObjectItemCaseSensitive(flow, key);
	const char *ip = text_of(end, "ip"), *workload;

	*subject = (struct bh_subject) {
		.peer = peer, .labels = peer->name, .label = name_label, .mode = BH_ENFORCE
	};
	if (ip == NULL || !bh_addr_parse(ip, &subject->addr)) {
		bh_error_set(err, -EINVAL, "%s.ip: an address expected", key);
		return false;
	}
	if (!read_port(end, port)) {
		bh_error_set(err, -EINVAL, "%s.port: a number from 0 to 65535 expected", key);
		return false;
	}
	if (!read_optional(end, "workload", &workload)) {
		bh_error_set(err, -EINVAL, "%s.workload: a name, or null, expected", key);
		return false;
	}
	peer->kind = kind_of(workload, &subject->addr);
	bh_copy_text(peer->name, sizeof(peer->name), workload != NULL ? workload : ip);
	return true;
}

static bool read_proxy(const cJSON *json, struct bh_recorded_flow *out, struct bh_error *err)
{
	const cJSON *via = cJSON_GetObjectItemCaseSensitive(json, "via");
	struct bh_question *q = &out->question;

	out->proxied = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(via, "proxy"));
	if (!out->proxied)
		return true;
	out->onward = *q;
	if (!read_end(json, "via", &out->proxy, &q->dst, &q->port, err))
		return false;
	out->proxy.kind = BH_PEER_HOST;
	bh_copy_text(out->proxy.name, sizeof(out->proxy.name), "host");
	out->onward.src = q->dst;
	return true;
}

static bool read_flow(const cJSON *json, struct bh_recorded_flow *out, struct bh_error *err)
{
	struct bh_question *q = &out->question;
	const char *proto = text_of(json, "proto"), *direction;

	if (!cJSON_IsObject(json)) {
		bh_error_set(err, -EINVAL, "a JSON object expected");
		return false;
	}
	if (proto == NULL || !bh_protocol_parse(proto, &q->proto)) {
		bh_error_set(err, -EINVAL, "proto: a protocol such as tcp expected");
		return false;
	}
	if (!read_optional(json, "direction", &direction)) {
		bh_error_set(err, -EINVAL, "direction: a word such as syn expected");
		return false;
	}
	q->direction_unknown = direction != NULL && strcmp(direction, "unknown") == 0;
	return read_end(json, "src", &out->src, &q->src, &q->source_port, err) &&
	       read_end(json, "dst", &out->dst, &q->dst, &q->port, err) &&
	       read_proxy(json, out, err);
}

bool bh_recorded_flow_parse(const char *line, struct bh_recorded_flow *out, struct bh_error *err)
{
	cJSON *json = cJSON_ParseWithOpts(line, NULL, true);

	*out = (struct bh_recorded_flow) { 0 };
	bool ok = read_flow(json, out, err);
	cJSON_Delete(json);
	return ok;
}
