/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Docker, through its Engine API (docs.docker.com/engine/api). The event stream is opened first,
 * then everything is listed, so that nothing falls between. An event only says that something may
 * have changed: the container is then looked at again, whatever the event was. `network connect`
 * comes hundreds of milliseconds before the first packet, `start` after it; at `connect` the
 * network itself is asked, which knows name, MAC and addresses already. When the stream ends
 * everything starts over.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "http_reply.h"
#include "map.h"
#include "protocol.h"
#include "runtime.h"
#include "timefmt.h"

#define LIMIT (16u << 20) /* of a listing, and of one event's line */
#define RESYNC (60 * BH_SECOND)
#define RETRY_LEAST (BH_SECOND / 2)
#define RETRY_MOST (10 * BH_SECOND)
#define PATIENCE (10 * BH_SECOND) /* with a listing; an engine that hangs takes connections */

struct request {
	uint32_t id;
	enum bh_runtime_query query;
	char argument[BH_CONTAINER_ID];
	struct bh_http_reply reply;
	int64_t asked;
	bool failed;
	bool again; /* something happened meanwhile: what comes back may be older than that */
};

struct docker {
	struct bh_runtime_host host;
	struct bh_map *requests;   /* by id */
	struct bh_map *containers; /* id → struct bh_container */
	uint32_t events;	   /* the stream's request; 0: none */
	bool connected, stated;
	int64_t retry_at; /* 0: not waiting */
	int64_t retry_after;
	int64_t resync_at;
	int64_t now; /* of the call under way */
};

static void free_request(void *value)
{
	struct request *r = value;

	bh_http_reply_free(&r->reply);
	free(r);
}

static void free_container(void *value)
{
	bh_container_free(value);
}

static uint32_t ask(struct docker *d, enum bh_runtime_query query, const char *argument)
{
	struct request *r = bh_calloc(1, sizeof(*r));

	r->query = query;
	r->reply.limit = LIMIT;
	r->asked = d->now;
	bh_copy_text(r->argument, sizeof(r->argument), argument);
	r->id = d->host.query(d->host.user, BH_RUNTIME_DOCKER, query, argument);
	bh_map_put(d->requests, &r->id, sizeof(r->id), r);
	return r->id;
}

static struct request *outstanding(const struct docker *d, enum bh_runtime_query query,
				   const char *argument)
{
	struct request *r;

	for (size_t position = 0; (r = bh_map_next(d->requests, &position)) != NULL;)
		if (r->query == query && strcmp(r->argument, argument) == 0)
			return r;
	return NULL;
}

/* Not twice at a time: a burst of events is one look, and one more when that is over. */
static void inspect(struct docker *d, const char *id)
{
	struct request *r = outstanding(d, BH_QUERY_INSPECT, id);

	if (r != NULL)
		r->again = true;
	else
		ask(d, BH_QUERY_INSPECT, id);
}

/* --- JSON: any member may be missing, null or of another type --------------------------------- */

static const cJSON *member(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

static const char *text_of(const cJSON *json, const char *key)
{
	const char *text = cJSON_GetStringValue(member(json, key));

	return text != NULL ? text : "";
}

static bool is_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void copy_name(struct bh_container *c, const char *name)
{
	bh_copy_text(c->name, sizeof(c->name), name[0] == '/' ? name + 1 : name);
}

static void read_labels(struct bh_container *c, const cJSON *labels)
{
	const cJSON *label;

	cJSON_ArrayForEach (label, labels)
		if (cJSON_IsString(label) && label->string != NULL)
			bh_container_add_label(c, label->string, label->valuestring);
}

static void read_address(struct bh_addr *out, const char *text, uint8_t family)
{
	struct bh_addr addr;
	char bare[BH_ADDR_TEXT];

	/* Networks write "10.0.0.2/16", containers "10.0.0.2". */
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(text, "/"), text);
	if (bh_addr_parse(bare, &addr) && addr.family == family)
		*out = addr;
}

static void read_net(struct bh_container *c, const char *name, const cJSON *json)
{
	struct bh_container_net *net = bh_container_add_net(c);

	bh_copy_text(net->name, sizeof(net->name), name);
	bh_mac_parse(text_of(json, "MacAddress"), &net->mac);
	read_address(&net->addr4, text_of(json, "IPAddress"), BH_IPV4);
	read_address(&net->addr6, text_of(json, "GlobalIPv6Address"), BH_IPV6);
}

static void read_nets(struct bh_container *c, const cJSON *settings)
{
	const cJSON *net;

	cJSON_ArrayForEach (net, member(settings, "Networks"))
		if (cJSON_IsObject(net) && net->string != NULL)
			read_net(c, net->string, net);
}

/* "1" to "65535", and nothing else. */
static bool read_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*port = (uint16_t)number;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number > 0 && number <= 65535;
}

/* "80/tcp" */
static bool read_own_port(const char *text, struct bh_published *published)
{
	char number[8];
	size_t length = strcspn(text, "/");

	if (text[length] != '/' || length >= sizeof(number))
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)length, text);
	return read_port(number, &published->port) &&
	       bh_protocol_parse(text + length + 1, &published->proto);
}

/* {"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"81/tcp":null} */
static void read_published(struct bh_container *c, const cJSON *ports)
{
	const cJSON *port, *binding;

	cJSON_ArrayForEach (port, ports) {
		struct bh_published published;

		if (port->string == NULL || !read_own_port(port->string, &published))
			continue;
		cJSON_ArrayForEach (binding, port) {
			if (!read_port(text_of(binding, "HostPort"), &published.host_port))
				continue;
			if (!bh_addr_parse(text_of(binding, "HostIp"), &published.host_addr))
				published.host_addr = (struct bh_addr) { 0 };
			bh_container_publish(c, &published);
		}
	}
}

/* --- containers ------------------------------------------------------------------------------- */

static void state_container(struct docker *d, struct bh_container *c)
{
	bh_map_put_text(d->containers, c->id, c);
	d->host.container(d->host.user, c);
}

static void lose_container(struct docker *d, const char *id)
{
	char copy[BH_CONTAINER_ID];

	bh_copy_text(copy, sizeof(copy), id); /* it may be the container's own text */
	if (bh_map_remove_text(d->containers, copy))
		d->host.container_gone(d->host.user, BH_RUNTIME_DOCKER, copy);
}

static struct bh_container *new_container(const char *id)
{
	struct bh_container *c = bh_container_new();

	c->runtime = BH_RUNTIME_DOCKER;
	bh_copy_text(c->id, sizeof(c->id), id);
	return c;
}

/* The name of its own; legacy links give a container further ones, "/web/db". */
static const char *own_name(const cJSON *names)
{
	const cJSON *name;

	cJSON_ArrayForEach (name, names)
		if (cJSON_IsString(name) && strrchr(name->valuestring, '/') == name->valuestring)
			return name->valuestring;
	return "";
}

/* One row of the listing. What an inspection found before stays, where the listing does not say. */
static void read_row(struct docker *d, const cJSON *row)
{
	const char *id = text_of(row, "Id");
	const struct bh_container *known = bh_map_get_text(d->containers, id);

	if (!is_id(id))
		return;
	struct bh_container *c = new_container(id);
	copy_name(c, own_name(member(row, "Names")));
	bh_copy_text(c->image, sizeof(c->image), text_of(row, "Image"));
	c->running = strcmp(text_of(row, "State"), "running") == 0;
	bh_copy_text(c->network_mode, sizeof(c->network_mode),
		     text_of(member(row, "HostConfig"), "NetworkMode"));
	read_labels(c, member(row, "Labels"));
	read_nets(c, member(row, "NetworkSettings"));
	if (known != NULL) {
		memcpy(c->netns_path, known->netns_path, sizeof(c->netns_path));
		c->pid = known->pid;
		for (size_t i = 0; i < known->published_count; i++)
			bh_container_publish(c, &known->published[i]);
	}
	state_container(d, c);
}

static void lose_unlisted(struct docker *d, const cJSON *list)
{
	struct bh_map *listed = bh_map_new(NULL);
	const struct bh_container *c;
	const cJSON *row;

	cJSON_ArrayForEach (row, list)
		bh_map_put_text(listed, text_of(row, "Id"), d);
	for (size_t position = 0; (c = bh_map_next(d->containers, &position)) != NULL;)
		if (bh_map_get_text(listed, c->id) == NULL)
			lose_container(d, c->id);
	bh_map_free(listed);
}

static void set_state(struct docker *d, bool ok, const char *why)
{
	if (d->stated && d->connected == ok)
		return;
	d->stated = true;
	d->connected = ok;
	d->host.state(d->host.user, BH_RUNTIME_DOCKER, ok, why);
}

static void read_list(struct docker *d, const cJSON *list)
{
	const cJSON *row;

	if (!cJSON_IsArray(list)) {
		set_state(d, false, "docker's list of containers is not a list");
		return;
	}
	lose_unlisted(d, list);
	cJSON_ArrayForEach (row, list) {
		read_row(d, row);
		if (is_id(text_of(row, "Id")) && strcmp(text_of(row, "State"), "running") == 0)
			inspect(d, text_of(row, "Id"));
	}
	d->retry_after = RETRY_LEAST;
	set_state(d, true, NULL);
}

static void read_inspection(struct docker *d, const cJSON *json)
{
	const cJSON *settings = member(json, "NetworkSettings"), *state = member(json, "State");
	const cJSON *pid = member(state, "Pid");
	const char *id = text_of(json, "Id");

	if (!is_id(id))
		return;
	struct bh_container *c = new_container(id);
	copy_name(c, text_of(json, "Name"));
	bh_copy_text(c->image, sizeof(c->image), text_of(member(json, "Config"), "Image"));
	bh_copy_text(c->network_mode, sizeof(c->network_mode),
		     text_of(member(json, "HostConfig"), "NetworkMode"));
	bh_copy_text(c->netns_path, sizeof(c->netns_path), text_of(settings, "SandboxKey"));
	c->running = cJSON_IsTrue(member(state, "Running"));
	c->pid = cJSON_IsNumber(pid) ? pid->valueint : 0;
	read_labels(c, member(member(json, "Config"), "Labels"));
	read_nets(c, settings);
	read_published(c, member(settings, "Ports"));
	state_container(d, c);
}

/* A network's own view: addresses of a container that has not started yet. */
static void read_network(struct docker *d, const cJSON *json)
{
	const char *name = text_of(json, "Name");
	const cJSON *entry;

	cJSON_ArrayForEach (entry, member(json, "Containers")) {
		const struct bh_container *known =
			entry->string != NULL ? bh_map_get_text(d->containers, entry->string)
					      : NULL;

		if (known == NULL)
			continue;
		struct bh_container *c = bh_container_copy(known);
		struct bh_container_net *net = NULL;
		for (size_t i = 0; i < c->net_count; i++)
			if (strcmp(c->nets[i].name, name) == 0)
				net = &c->nets[i];
		if (net == NULL)
			net = bh_container_add_net(c);
		bh_copy_text(net->name, sizeof(net->name), name);
		bh_mac_parse(text_of(entry, "MacAddress"), &net->mac);
		read_address(&net->addr4, text_of(entry, "IPv4Address"), BH_IPV4);
		read_address(&net->addr6, text_of(entry, "IPv6Address"), BH_IPV6);
		state_container(d, c);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static void read_network_event(struct docker *d, const cJSON *event, const cJSON *actor)
{
	const char *container = text_of(member(actor, "Attributes"), "container");
	const char *action = text_of(event, "Action");

	if (strcmp(action, "connect") != 0 && strcmp(action, "disconnect") != 0)
		return;
	if (is_id(container))
		inspect(d, container);
	if (is_id(text_of(actor, "ID")) && strcmp(action, "connect") == 0)
		ask(d, BH_QUERY_NETWORK, text_of(actor, "ID"));
}

/* What happens in a container, or to somebody looking at it, changes nothing about who it is. */
static bool is_chatter(const char *action)
{
	static const char *const starts[] = { "exec_", "health_status", "top", "attach", "resize" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(action, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static void read_event(struct docker *d, const cJSON *event)
{
	const cJSON *actor = member(event, "Actor");
	const char *type = text_of(event, "Type"), *action = text_of(event, "Action");
	const char *id = text_of(actor, "ID");

	if (strcmp(type, "network") == 0) {
		read_network_event(d, event, actor);
		return;
	}
	if (strcmp(type, "container") != 0 || !is_id(id) || is_chatter(action))
		return;
	if (strcmp(action, "destroy") == 0)
		lose_container(d, id);
	else
		inspect(d, id);
}

/* One JSON object a line; the last one may not be complete yet. */
static void read_events(struct docker *d, struct bh_buffer *body)
{
	char *newline;

	while (body->length > 0 && (newline = memchr(body->data, '\n', body->length)) != NULL) {
		size_t length = (size_t)(newline - body->data);
		cJSON *event = cJSON_ParseWithLength(body->data, length);

		if (event != NULL)
			read_event(d, event);
		cJSON_Delete(event);
		bh_buffer_consume(body, length + 1);
	}
}

/* --- replies ---------------------------------------------------------------------------------- */

static void disconnect(struct docker *d, const char *why, int64_t now)
{
	/* What is known stays known: containers live on while the engine is away. */
	d->events = 0;
	bh_map_free(d->requests);
	d->requests = bh_map_new(free_request);
	d->retry_at = now + d->retry_after;
	d->retry_after = d->retry_after * 2 < RETRY_MOST ? d->retry_after * 2 : RETRY_MOST;
	set_state(d, false, why);
}

/* A reply that was lost is made up for before long. */
static void lose_reply(struct docker *d, const struct request *r)
{
	if (r->query == BH_QUERY_CONTAINERS)
		set_state(d, false, "docker does not list its containers");
	if (d->resync_at > d->now + RETRY_MOST)
		d->resync_at = d->now + RETRY_MOST;
}

static void read_reply(struct docker *d, const struct request *r)
{
	cJSON *json = cJSON_ParseWithLength(r->reply.body.data != NULL ? r->reply.body.data : "",
					    r->reply.body.length);

	if (r->query == BH_QUERY_CONTAINERS && (r->reply.status != 200 || json == NULL))
		lose_reply(d, r);
	else if (r->query == BH_QUERY_CONTAINERS)
		read_list(d, json);
	else if (r->query == BH_QUERY_INSPECT && r->reply.status == 404)
		lose_container(d, r->argument);
	else if (r->query == BH_QUERY_INSPECT && json != NULL)
		read_inspection(d, json);
	else if (r->query == BH_QUERY_NETWORK && json != NULL)
		read_network(d, json);
	cJSON_Delete(json);
}

static void connect_all(struct docker *d, int64_t now)
{
	d->retry_at = 0;
	d->resync_at = now + RESYNC;
	d->events = ask(d, BH_QUERY_EVENTS, "");
	ask(d, BH_QUERY_CONTAINERS, "");
}

static void docker_data(void *state, uint32_t id, const void *bytes, size_t length, int64_t now)
{
	struct docker *d = state;
	struct request *r = bh_map_get(d->requests, &id, sizeof(id));
	struct bh_error err = { 0 };

	d->now = now;
	if (r == NULL || r->failed)
		return;
	r->failed = bh_http_reply_feed(&r->reply, bytes, length, &err) != 0;
	if (id != d->events)
		return;
	if (r->failed || (r->reply.status != 0 && r->reply.status != 200))
		disconnect(d, r->failed ? err.text : "docker refuses its event stream", now);
	else
		read_events(d, &r->reply.body);
}

static void docker_end(void *state, uint32_t id, int error, int64_t now)
{
	struct docker *d = state;
	const struct request *r = bh_map_get(d->requests, &id, sizeof(id));
	char why[128], again[BH_CONTAINER_ID];

	d->now = now;
	if (r == NULL)
		return;
	if (id == d->events) {
		snprintf(why, sizeof(why), "docker's socket: %s",
			 error != 0 ? strerror(-error) : "closed by docker");
		disconnect(d, why, now);
		return;
	}
	if (error == 0 && !r->failed)
		read_reply(d, r);
	else
		lose_reply(d, r);
	bh_copy_text(again, sizeof(again), r->again ? r->argument : "");
	bh_map_remove(d->requests, &id, sizeof(id));
	if (again[0] != '\0')
		inspect(d, again);
}

static void docker_tick(void *state, int64_t now)
{
	struct docker *d = state;
	const struct request *listing = outstanding(d, BH_QUERY_CONTAINERS, "");

	d->now = now;
	if (d->retry_at != 0 && now >= d->retry_at) {
		connect_all(d, now);
	} else if (listing != NULL && now - listing->asked >= PATIENCE) {
		set_state(d, false, "docker takes connections, and does not answer");
	} else if (listing == NULL && d->events != 0 && now >= d->resync_at) {
		d->resync_at = now + RESYNC;
		ask(d, BH_QUERY_CONTAINERS, "");
	}
}

static void *docker_start(const struct bh_runtime_host *host, int64_t now)
{
	struct docker *d = bh_calloc(1, sizeof(*d));

	d->host = *host;
	d->now = now;
	d->requests = bh_map_new(free_request);
	d->containers = bh_map_new(free_container);
	d->retry_after = RETRY_LEAST;
	connect_all(d, now);
	return d;
}

static void docker_stop(void *state)
{
	struct docker *d = state;

	bh_map_free(d->requests);
	bh_map_free(d->containers);
	free(d);
}

const struct bh_runtime_ops bh_docker_ops = { .name = "docker",
					      .runtime = BH_RUNTIME_DOCKER,
					      .start = docker_start,
					      .data = docker_data,
					      .end = docker_end,
					      .tick = docker_tick,
					      .stop = docker_stop };
