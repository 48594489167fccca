/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event stream is opened first, then everything is listed, so that nothing falls between. An
 * event only says that something may have changed: the container is then looked at again, whatever
 * the event was. Docker's `network connect` comes hundreds of milliseconds before the first packet,
 * `start` after it; at `connect` the network itself is asked, which knows name, MAC and addresses
 * already. When the stream ends everything starts over.
 *
 * What the labels of a container say of its workload is passed on once it is known which of them
 * came with its image (images.h). An image never changes: it is asked for once. Until then the
 * container is not stated, and whoever waits for its name waits; others are never delayed. Of a
 * container that is created the row of the listing has the image's id, and comes at once, whereas
 * an inspection may come when the container runs.
 *
 * A listing leads to an inspection of each container that lives, and there may be thousands: a few
 * looks at a time are under way, the others wait here. What something happened to comes first, and
 * what never blocks waits for no inspection.
 *
 * Podman says the same in its own way: it has pods, whose network an infra container holds, and its
 * network events name the container where Docker's name the network.
 */
#include "engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "address.h"
#include "buffer.h"
#include "container_json.h"
#include "grow.h"
#include "http_reply.h"
#include "images.h"
#include "map.h"
#include "protocol.h"
#include "runtime.h"
#include "timefmt.h"

#define LIMIT (16u << 20) /* of a listing, and of one event's line */
#define RESYNC (60 * BH_SECOND)
#define RETRY_LEAST (BH_SECOND / 2)
#define RETRY_MOST (10 * BH_SECOND)
#define PATIENCE (10 * BH_SECOND) /* with an answer; an engine that hangs takes connections */
#define MOST_LOOKS 32		  /* of a lane, under way at a time */

/* A look is a request about one container, one image, one network. */
struct request {
	TAILQ_ENTRY(request) next; /* of its lane */
	uint32_t id;		   /* 0: it waits, … */
	int64_t due;		   /* … until then */
	enum bh_runtime_query query;
	char argument[BH_CONTAINER_ID];
	struct bh_http_reply reply;
	int64_t asked;
	bool failed;
	bool again; /* something happened meanwhile: what comes back may be older than that */
	bool slow;  /* the engine answers others: it holds up no other look */
};

struct lane {
	TAILQ_HEAD(, request) waiting;
	size_t under_way; /* slow ones aside */
};

/* Of a pod; by the id of its infra container. */
struct pod {
	char name[256];
	struct bh_container *labels; /* a container that has nothing but the pod's */
};

struct bh_engine {
	struct bh_runtime_host host;
	uint8_t runtime;
	const char *name;
	struct bh_map *requests;   /* under way; by id */
	struct bh_map *looks;	   /* look_key() → struct request, under way or not */
	struct lane inspections;   /* they last as long as their container's start */
	struct lane quick;	   /* the other looks */
	int64_t heard;		   /* when the engine last said anything */
	struct bh_map *containers; /* id → struct bh_container, with its image's labels */
	struct bh_map *stated;	   /* id → whatever: of those that the host was told of */
	struct bh_images *images;
	uint32_t events; /* the stream's request; 0: none */
	struct bh_map *pods;
	uint8_t state; /* enum bh_runtime_state */
	bool has_state;
	bool listed;	  /* a listing is in, and waits for images */
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

static struct request *new_request(enum bh_runtime_query query, const char *argument)
{
	struct request *r = bh_calloc(1, sizeof(*r));

	r->query = query;
	r->reply.limit = LIMIT;
	bh_copy_text(r->argument, sizeof(r->argument), argument);
	return r;
}

static uint32_t send_request(struct bh_engine *e, struct request *r)
{
	r->asked = e->now;
	r->id = e->host.query(e->host.user, e->runtime, r->query, r->argument);
	bh_map_put(e->requests, &r->id, sizeof(r->id), r);
	return r->id;
}

static uint32_t ask(struct bh_engine *e, enum bh_runtime_query query)
{
	return send_request(e, new_request(query, ""));
}

static struct request *outstanding(const struct bh_engine *e, enum bh_runtime_query query)
{
	struct request *r;

	for (size_t position = 0; (r = bh_map_next(e->requests, &position)) != NULL;)
		if (r->query == query)
			return r;
	return NULL;
}

/* --- looks ------------------------------------------------------------------------------------ */

struct look_key {
	char text[BH_CONTAINER_ID + 4];
};

static struct look_key look_key(enum bh_runtime_query query, const char *id)
{
	struct look_key key;

	snprintf(key.text, sizeof(key.text), "%d %s", (int)query, id);
	return key;
}

static bool is_look(const struct request *r)
{
	return r->argument[0] != '\0';
}

static struct lane *lane_of(struct bh_engine *e, enum bh_runtime_query query)
{
	return query == BH_QUERY_INSPECT ? &e->inspections : &e->quick;
}

static struct request *find_look(const struct bh_engine *e, enum bh_runtime_query query,
				 const char *id)
{
	return bh_map_get_text(e->looks, look_key(query, id).text);
}

static struct request *next_due(const struct bh_engine *e, const struct lane *lane)
{
	struct request *r;

	TAILQ_FOREACH (r, &lane->waiting, next)
		if (r->due <= e->now)
			return r;
	return NULL;
}

static void send_waiting(struct bh_engine *e, struct lane *lane)
{
	struct request *r;

	while (lane->under_way < MOST_LOOKS && (r = next_due(e, lane)) != NULL) {
		TAILQ_REMOVE(&lane->waiting, r, next);
		lane->under_way++;
		send_request(e, r);
	}
}

/* Not twice at a time: a burst of events is one look, and one more when that is over. */
static struct request *want_look(struct bh_engine *e, enum bh_runtime_query query, const char *id)
{
	struct request *r = find_look(e, query, id);

	if (r == NULL) {
		r = new_request(query, id);
		bh_map_put_text(e->looks, look_key(query, id).text, r);
		TAILQ_INSERT_TAIL(&lane_of(e, query)->waiting, r, next);
	}
	r->again = r->id != 0;
	return r;
}

static void look_at(struct bh_engine *e, enum bh_runtime_query query, const char *id)
{
	struct lane *lane = lane_of(e, query);
	struct request *r = want_look(e, query, id);

	if (r->id == 0) {
		r->due = 0;
		TAILQ_REMOVE(&lane->waiting, r, next);
		TAILQ_INSERT_HEAD(&lane->waiting, r, next);
	}
	send_waiting(e, lane);
}

/* One whose container is held up in its start is answered when that is over. Where the engine
 * answers nobody, there is no point in asking more. */
static void pass_slow(struct bh_engine *e)
{
	struct request *r;

	for (size_t position = 0; (r = bh_map_next(e->requests, &position)) != NULL;) {
		if (!is_look(r) || r->slow || e->now - r->asked < PATIENCE || e->heard <= r->asked)
			continue;
		r->slow = true;
		lane_of(e, r->query)->under_way--;
	}
	send_waiting(e, &e->inspections);
	send_waiting(e, &e->quick);
}

/* Nobody waits for it any more. Should it be answered all the same, that is heard. */
static void abandon_look(struct bh_engine *e, enum bh_runtime_query query, const char *id)
{
	struct request *r = find_look(e, query, id);
	struct lane *lane = lane_of(e, query);

	if (r == NULL)
		return;
	bh_map_remove_text(e->looks, look_key(query, id).text);
	if (r->id == 0) {
		TAILQ_REMOVE(&lane->waiting, r, next);
		free_request(r);
		return;
	}
	lane->under_way -= !r->slow;
	r->slow = true;
}

static void open_requests(struct bh_engine *e)
{
	e->requests = bh_map_new(free_request);
	e->looks = bh_map_new(NULL);
	e->inspections.under_way = e->quick.under_way = 0;
	TAILQ_INIT(&e->inspections.waiting);
	TAILQ_INIT(&e->quick.waiting);
}

static void drop_waiting(struct lane *lane)
{
	struct request *r;

	while ((r = TAILQ_FIRST(&lane->waiting)) != NULL) {
		TAILQ_REMOVE(&lane->waiting, r, next);
		free_request(r);
	}
}

static void drop_requests(struct bh_engine *e)
{
	drop_waiting(&e->inspections);
	drop_waiting(&e->quick);
	bh_map_free(e->looks);
	bh_map_free(e->requests);
}

/* --- what replies say ------------------------------------------------------------------------- */

static void copy_name(struct bh_container *c, const char *name)
{
	bh_copy_text(c->name, sizeof(c->name), name[0] == '/' ? name + 1 : name);
}

static void read_net(struct bh_container *c, const char *name, const cJSON *json)
{
	struct bh_container_net *net = bh_container_add_net(c);

	bh_copy_text(net->name, sizeof(net->name), name);
	bh_mac_parse(bh_json_text(json, "MacAddress"), &net->mac);
	bh_container_net_read(net, bh_json_text(json, "IPAddress"));
	bh_container_net_read(net, bh_json_text(json, "GlobalIPv6Address"));
}

static void read_nets(struct bh_container *c, const cJSON *settings)
{
	const cJSON *net;

	cJSON_ArrayForEach (net, bh_json_member(settings, "Networks"))
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
			if (!read_port(bh_json_text(binding, "HostPort"), &published.host_port))
				continue;
			if (!bh_addr_parse(bh_json_text(binding, "HostIp"), &published.host_addr))
				published.host_addr = (struct bh_addr) { 0 };
			bh_container_publish(c, &published);
		}
	}
}

/* --- containers ------------------------------------------------------------------------------- */

/* What holds a pod's network is the pod, whatever image it was made of. */
static void name_pod(const struct bh_engine *e, struct bh_container *c)
{
	const struct pod *pod = bh_map_get_text(e->pods, c->id);

	if (pod == NULL)
		return;
	bh_copy_text(c->pod, sizeof(c->pod), pod->name);
	for (size_t i = 0; i < pod->labels->label_count; i++)
		bh_container_set_label(c, pod->labels->labels[i].key, pod->labels->labels[i].value);
}

/* Whether all is known of the labels of its image that ever will be. */
static bool image_is_in(struct bh_engine *e, const struct bh_container *c)
{
	enum bh_image_state state = bh_images_state(e->images, c->image_id);

	if (c->announced)
		return false; /* its row will tell which image that is */
	if (c->image_id[0] == '\0')
		return true;
	if (state == BH_IMAGE_NEW) {
		bh_images_asked(e->images, c->image_id, e->now);
		look_at(e, BH_QUERY_IMAGE, c->image_id);
	}
	return state == BH_IMAGE_KNOWN || state == BH_IMAGE_LOST;
}

static void tell(struct bh_engine *e, const struct bh_container *c)
{
	bool matters = bh_images_matter(c);

	if (matters && !image_is_in(e, c))
		return;
	struct bh_container *own = bh_container_copy(c);
	if (matters)
		bh_images_strip(own, bh_images_labels(e->images, c->image_id));
	name_pod(e, own);
	bh_map_put_text(e->stated, c->id, e);
	e->host.container(e->host.user, own);
	bh_container_free(own);
}

/* What repeats what was said before (each listing does, of everybody) is no news. */
static void state_container(struct bh_engine *e, struct bh_container *c)
{
	const struct bh_container *known = bh_map_get_text(e->containers, c->id);

	if (known == NULL || !bh_container_equal(known, c)) {
		bh_map_put_text(e->containers, c->id, c);
		tell(e, c);
		return;
	}
	if (bh_images_matter(c))
		image_is_in(e, c); /* it may have been lost, and is asked for again */
	bh_container_free(c);
}

static void lose_container(struct bh_engine *e, const char *id)
{
	char copy[BH_CONTAINER_ID];

	bh_copy_text(copy, sizeof(copy), id); /* it may be the container's own text */
	bh_map_remove_text(e->containers, copy);
	if (bh_map_remove_text(e->stated, copy))
		e->host.container_gone(e->host.user, e->runtime, copy);
}

static struct bh_container *new_container(const struct bh_engine *e, const char *id)
{
	struct bh_container *c = bh_container_new();

	c->runtime = e->runtime;
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

/* A container that is being started has its addresses from its network, not from the listing yet.
 */
static void keep_nets(struct bh_container *c, const struct bh_container *known)
{
	static const struct bh_mac none;

	for (size_t i = 0; i < known->net_count; i++) {
		struct bh_container_net *net = NULL;

		for (size_t at = 0; at < c->net_count; at++)
			if (strcmp(c->nets[at].name, known->nets[i].name) == 0)
				net = &c->nets[at];
		if (net == NULL)
			net = bh_container_add_net(c);
		if (memcmp(&net->mac, &none, sizeof(none)) == 0)
			*net = known->nets[i];
	}
}

/* A listing and an inspection use the same words. What is paused has its processes, addresses and
 * sockets still, and is sent packets. */
static bool is_alive(const char *status)
{
	return strcmp(status, "running") == 0 || strcmp(status, "paused") == 0;
}

/* One row of the listing. What an inspection found before stays, where the listing does not say. */
static void read_row(struct bh_engine *e, const cJSON *row)
{
	const char *id = bh_json_text(row, "Id");
	const struct bh_container *known = bh_map_get_text(e->containers, id);

	if (!bh_runtime_is_id(id))
		return;
	struct bh_container *c = new_container(e, id);
	copy_name(c, own_name(bh_json_member(row, "Names")));
	bh_copy_text(c->image, sizeof(c->image), bh_json_text(row, "Image"));
	bh_images_read_id(c, bh_json_text(row, "ImageID"));
	c->running = is_alive(bh_json_text(row, "State"));
	bh_copy_text(c->network_mode, sizeof(c->network_mode),
		     bh_json_text(bh_json_member(row, "HostConfig"), "NetworkMode"));
	bh_container_read_labels(c, bh_json_member(row, "Labels"));
	read_nets(c, bh_json_member(row, "NetworkSettings"));
	if (known != NULL) {
		memcpy(c->netns_path, known->netns_path, sizeof(c->netns_path));
		if (c->network_mode[0] == '\0') /* Podman's listing */
			memcpy(c->network_mode, known->network_mode, sizeof(c->network_mode));
		c->pid = known->pid;
		if (strcmp(bh_json_text(row, "State"), "created") == 0)
			keep_nets(c, known);
		for (size_t i = 0; i < known->published_count; i++)
			bh_container_publish(c, &known->published[i]);
	}
	state_container(e, c);
}

static void lose_unlisted(struct bh_engine *e, const cJSON *list)
{
	struct bh_map *listed = bh_map_new(NULL);
	const struct bh_container *c;
	const cJSON *row;

	cJSON_ArrayForEach (row, list)
		bh_map_put_text(listed, bh_json_text(row, "Id"), e);
	for (size_t position = 0; (c = bh_map_next(e->containers, &position)) != NULL;)
		if (bh_map_get_text(listed, c->id) == NULL)
			lose_container(e, c->id);
	bh_map_free(listed);
}

static void set_state(struct bh_engine *e, enum bh_runtime_state state, const char *why)
{
	if (e->has_state && e->state == state)
		return;
	e->has_state = true;
	e->state = (uint8_t)state;
	e->host.state(e->host.user, e->runtime, state, why);
}

__attribute__((format(printf, 2, 3))) static void lose_engine(struct bh_engine *e,
							      const char *format, ...)
{
	char why[200], text[300];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(text, sizeof(text), "%s%s", e->name, why);
	e->listed = false;
	set_state(e, BH_RUNTIME_UNREACHABLE, text);
}

/* Who is there is known when all of the list are stated. */
static void end_listing(struct bh_engine *e)
{
	size_t position = 0;
	int64_t since;

	if (!e->listed || bh_images_next_asked(e->images, &position, &since) != NULL)
		return;
	e->listed = false;
	set_state(e, BH_RUNTIME_CONNECTED, NULL);
}

static bool has_image(const void *user, const char *id)
{
	return bh_map_get_text(user, id) != NULL;
}

static void sweep_images(struct bh_engine *e)
{
	struct bh_map *used = bh_map_new(NULL);
	const struct bh_container *c;

	for (size_t position = 0; (c = bh_map_next(e->containers, &position)) != NULL;)
		bh_map_put_text(used, c->image_id, e);
	bh_images_sweep(e->images, has_image, used);
	bh_map_free(used);
}

static void read_list(struct bh_engine *e, const cJSON *list)
{
	const cJSON *row;

	if (!cJSON_IsArray(list)) {
		lose_engine(e, "'s list of containers is not a list");
		return;
	}
	lose_unlisted(e, list);
	/* Images first: containers wait for these, and for no inspection. */
	cJSON_ArrayForEach (row, list)
		read_row(e, row);
	cJSON_ArrayForEach (row, list)
		if (bh_runtime_is_id(bh_json_text(row, "Id")) &&
		    is_alive(bh_json_text(row, "State")))
			want_look(e, BH_QUERY_INSPECT, bh_json_text(row, "Id"));
	send_waiting(e, &e->inspections);
	e->retry_after = RETRY_LEAST;
	e->listed = true;
	end_listing(e);
	sweep_images(e);
}

static void read_inspection(struct bh_engine *e, const cJSON *json)
{
	const cJSON *settings = bh_json_member(json, "NetworkSettings"),
		    *state = bh_json_member(json, "State");
	const cJSON *pid = bh_json_member(state, "Pid");
	const char *id = bh_json_text(json, "Id");

	if (!bh_runtime_is_id(id))
		return;
	struct bh_container *c = new_container(e, id);
	copy_name(c, bh_json_text(json, "Name"));
	bh_copy_text(c->image, sizeof(c->image),
		     bh_json_text(bh_json_member(json, "Config"), "Image"));
	bh_images_read_id(c, bh_json_text(json, "Image"));
	bh_copy_text(c->network_mode, sizeof(c->network_mode),
		     bh_json_text(bh_json_member(json, "HostConfig"), "NetworkMode"));
	bh_copy_text(c->netns_path, sizeof(c->netns_path), bh_json_text(settings, "SandboxKey"));
	c->running = is_alive(bh_json_text(state, "Status"));
	c->pid = cJSON_IsNumber(pid) ? pid->valueint : 0;
	bh_container_read_labels(c, bh_json_member(bh_json_member(json, "Config"), "Labels"));
	read_nets(c, settings);
	read_published(c, bh_json_member(settings, "Ports"));
	state_container(e, c);
}

/* A network's own view: addresses of a container that has not started yet. */
static void read_network(struct bh_engine *e, const cJSON *json)
{
	const char *name = bh_json_text(json, "Name");
	const cJSON *entry;

	cJSON_ArrayForEach (entry, bh_json_member(json, "Containers")) {
		const struct bh_container *known =
			entry->string != NULL ? bh_map_get_text(e->containers, entry->string)
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
		bh_mac_parse(bh_json_text(entry, "MacAddress"), &net->mac);
		bh_container_net_read(net, bh_json_text(entry, "IPv4Address"));
		bh_container_net_read(net, bh_json_text(entry, "IPv6Address"));
		state_container(e, c);
	}
}

/* --- pods ------------------------------------------------------------------------------------- */

static bool has_pods(const struct bh_engine *e)
{
	return e->runtime == BH_RUNTIME_PODMAN;
}

static void free_pod(void *value)
{
	struct pod *pod = value;

	bh_container_free(pod->labels);
	free(pod);
}

static void read_pod(struct bh_engine *e, const cJSON *json)
{
	const char *infra = bh_json_text(json, "InfraId");

	if (!bh_runtime_is_id(infra))
		return;
	const struct pod *before = bh_map_get_text(e->pods, infra);
	const struct bh_container *known = bh_map_get_text(e->containers, infra);
	bool news = before == NULL || strcmp(before->name, bh_json_text(json, "Name")) != 0;
	struct pod *pod = bh_calloc(1, sizeof(*pod));
	bh_copy_text(pod->name, sizeof(pod->name), bh_json_text(json, "Name"));
	pod->labels = bh_container_new();
	bh_container_read_labels(pod->labels, bh_json_member(json, "Labels"));
	bh_map_put_text(e->pods, infra, pod);
	/* What was stated without its pod's name is stated again. */
	if (known != NULL && news)
		tell(e, known);
}

static void read_pods(struct bh_engine *e, const cJSON *list)
{
	const cJSON *pod;

	cJSON_ArrayForEach (pod, list)
		read_pod(e, pod);
}

/* --- events ----------------------------------------------------------------------------------- */

static void read_network_event(struct bh_engine *e, const cJSON *event, const cJSON *actor)
{
	const char *container = bh_json_text(bh_json_member(actor, "Attributes"), "container");
	const char *action = bh_json_text(event, "Action");

	if (strcmp(action, "connect") != 0 && strcmp(action, "disconnect") != 0)
		return;
	if (has_pods(e))
		container = bh_json_text(actor, "ID");
	if (bh_runtime_is_id(container))
		look_at(e, BH_QUERY_INSPECT, container);
	if (!has_pods(e) && bh_runtime_is_id(bh_json_text(actor, "ID")) &&
	    strcmp(action, "connect") == 0)
		look_at(e, BH_QUERY_NETWORK, bh_json_text(actor, "ID"));
}

/* Docker's event itself says what the container is: name and image stand among its labels (and hide
 * a label of that name until the inspection is in, which may be held up until the container runs).
 * Podman's attributes hold other things as well, and its events come late. */
static void read_created(struct bh_engine *e, const char *id, const cJSON *attributes)
{
	const cJSON *attribute;

	if (e->runtime != BH_RUNTIME_DOCKER || bh_map_get_text(e->containers, id) != NULL)
		return;
	struct bh_container *c = new_container(e, id);
	copy_name(c, bh_json_text(attributes, "name"));
	bh_copy_text(c->image, sizeof(c->image), bh_json_text(attributes, "image"));
	cJSON_ArrayForEach (attribute, attributes)
		if (cJSON_IsString(attribute) && attribute->string != NULL &&
		    strcmp(attribute->string, "name") != 0 &&
		    strcmp(attribute->string, "image") != 0)
			bh_container_add_label(c, attribute->string, attribute->valuestring);
	c->announced = true;
	if (bh_images_matter(c))
		look_at(e, BH_QUERY_ROW, id);
	state_container(e, c);
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

static void read_event(void *user, const cJSON *event)
{
	struct bh_engine *e = user;
	const cJSON *actor = bh_json_member(event, "Actor");
	const char *type = bh_json_text(event, "Type"), *action = bh_json_text(event, "Action");
	const char *id = bh_json_text(actor, "ID");

	if (strcmp(type, "network") == 0) {
		read_network_event(e, event, actor);
		return;
	}
	if (strcmp(type, "container") != 0 || !bh_runtime_is_id(id) || is_chatter(action))
		return;
	if (has_pods(e) && *bh_json_text(bh_json_member(actor, "Attributes"), "podId") != '\0' &&
	    outstanding(e, BH_QUERY_PODS) == NULL)
		ask(e, BH_QUERY_PODS);
	if (strcmp(action, "destroy") == 0 || strcmp(action, "remove") == 0) {
		lose_container(e, id);
		return;
	}
	if (strcmp(action, "create") == 0)
		read_created(e, id, bh_json_member(actor, "Attributes"));
	look_at(e, BH_QUERY_INSPECT, id);
}

/* --- replies ---------------------------------------------------------------------------------- */

/* What is known stays known: containers live on while the engine is away. */
static void start_over(struct bh_engine *e)
{
	e->events = 0;
	drop_requests(e);
	open_requests(e);
	e->listed = false;
	e->retry_at = e->now + e->retry_after;
	e->retry_after = e->retry_after * 2 < RETRY_MOST ? e->retry_after * 2 : RETRY_MOST;
}

/* All that waited for what is known of the image by now. */
static void tell_of_image(struct bh_engine *e, const char *id)
{
	const struct bh_container *c;

	for (size_t position = 0; (c = bh_map_next(e->containers, &position)) != NULL;)
		if (strcmp(c->image_id, id) == 0 && bh_images_matter(c))
			tell(e, c);
}

static void lose_image(struct bh_engine *e, const char *id)
{
	bh_images_lost(e->images, id);
	tell_of_image(e, id);
}

static void read_image(struct bh_engine *e, const char *id, const cJSON *json)
{
	struct bh_container *labels = bh_container_new();

	bh_container_read_labels(labels, bh_json_member(bh_json_member(json, "Config"), "Labels"));
	bh_images_know(e->images, id, labels);
	bh_container_free(labels);
	tell_of_image(e, id);
}

/* What was lost is asked again before long. */
static void lose_listing(struct bh_engine *e, enum bh_runtime_query query)
{
	if (query == BH_QUERY_CONTAINERS)
		lose_engine(e, " does not list its containers");
	if (e->resync_at > e->now + RETRY_MOST)
		e->resync_at = e->now + RETRY_MOST;
}

static void read_reply(struct bh_engine *e, const struct request *r)
{
	cJSON *json = cJSON_ParseWithLength(r->reply.body.data != NULL ? r->reply.body.data : "",
					    r->reply.body.length);

	if (r->query == BH_QUERY_CONTAINERS && (r->reply.status != 200 || json == NULL))
		lose_listing(e, r->query);
	else if (r->query == BH_QUERY_CONTAINERS)
		read_list(e, json);
	else if (r->query == BH_QUERY_INSPECT && r->reply.status == 404)
		lose_container(e, r->argument);
	else if (r->query == BH_QUERY_INSPECT && json != NULL)
		read_inspection(e, json);
	else if (r->query == BH_QUERY_ROW)
		read_row(e, cJSON_GetArrayItem(json, 0));
	else if (r->query == BH_QUERY_IMAGE && r->reply.status == 200 && cJSON_IsObject(json))
		read_image(e, r->argument, json);
	else if (r->query == BH_QUERY_IMAGE)
		lose_image(e, r->argument);
	else if (r->query == BH_QUERY_NETWORK && json != NULL)
		read_network(e, json);
	else if (r->query == BH_QUERY_PODS && r->reply.status == 200)
		read_pods(e, json);
	cJSON_Delete(json);
}

static void ask_for_all(struct bh_engine *e)
{
	e->resync_at = e->now + RESYNC;
	bh_images_forget(e->images, BH_IMAGE_LOST);
	if (has_pods(e) && outstanding(e, BH_QUERY_PODS) == NULL)
		ask(e, BH_QUERY_PODS);
	ask(e, BH_QUERY_CONTAINERS);
}

static void connect_all(struct bh_engine *e)
{
	e->retry_at = 0;
	bh_images_forget(e->images, BH_IMAGE_ASKED);
	e->events = ask(e, BH_QUERY_EVENTS);
	ask_for_all(e);
}

void bh_engine_data(struct bh_engine *e, uint32_t id, const void *bytes, size_t length, int64_t now)
{
	struct request *r = bh_map_get(e->requests, &id, sizeof(id));
	struct bh_error err = { 0 };

	e->now = e->heard = now;
	if (r == NULL || r->failed)
		return;
	r->failed = bh_http_reply_feed(&r->reply, bytes, length, &err) != 0;
	if (id != e->events)
		return;
	if (r->failed || (r->reply.status != 0 && r->reply.status != 200)) {
		start_over(e);
		lose_engine(e, ": %s",
			    err.text[0] != '\0' ? err.text : "it refuses its event stream");
	} else {
		bh_json_lines(&r->reply.body, read_event, e);
	}
}

/* A socket that is not there belongs to an engine that is not installed, or not started. */
static void end_events(struct bh_engine *e, int error)
{
	/* To look for a socket costs nothing, and containers start as soon as their engine does. */
	if (error == -ENOENT)
		e->retry_after = RETRY_LEAST;
	start_over(e);
	if (error == -ENOENT)
		set_state(e, BH_RUNTIME_ABSENT, "its socket is not there");
	else
		lose_engine(e, "'s socket: %s",
			    error != 0 ? strerror(-error) : "closed by the engine");
}

/* Of an image that is lost tend_images() asks. */
static void end_look(struct bh_engine *e, const struct request *look, bool lost)
{
	struct request ended = *look;
	struct lane *lane = lane_of(e, ended.query);

	lane->under_way -= !ended.slow;
	if (find_look(e, ended.query, ended.argument) == look)
		bh_map_remove_text(e->looks, look_key(ended.query, ended.argument).text);
	bh_map_remove(e->requests, &ended.id, sizeof(ended.id));
	if (ended.again)
		look_at(e, ended.query, ended.argument);
	else if (lost && ended.query != BH_QUERY_IMAGE)
		want_look(e, ended.query, ended.argument)->due = e->now + RETRY_MOST;
	send_waiting(e, lane);
}

void bh_engine_end(struct bh_engine *e, uint32_t id, int error, int64_t now)
{
	const struct request *r = bh_map_get(e->requests, &id, sizeof(id));

	e->now = now;
	if (r == NULL)
		return;
	if (id == e->events) {
		end_events(e, error);
		return;
	}
	bool lost = error != 0 || r->failed;
	if (!lost)
		read_reply(e, r);
	else if (!is_look(r))
		lose_listing(e, r->query);
	if (is_look(r))
		end_look(e, r, lost);
	else
		bh_map_remove(e->requests, &id, sizeof(id));
	end_listing(e);
}

/* What was not answered is asked again; at last its containers have waited long enough. While the
 * engine is away nobody can be asked. */
static void tend_images(struct bh_engine *e)
{
	const char *id;
	int64_t since;

	for (size_t position = 0;
	     e->events != 0 && (id = bh_images_next_asked(e->images, &position, &since)) != NULL;) {
		char copy[BH_CONTAINER_ID];

		bh_copy_text(copy, sizeof(copy), id); /* it goes with the image's state */
		if (e->now - since >= PATIENCE) {
			abandon_look(e, BH_QUERY_IMAGE, copy);
			lose_image(e, copy);
		} else if (find_look(e, BH_QUERY_IMAGE, copy) == NULL)
			look_at(e, BH_QUERY_IMAGE, copy);
	}
	end_listing(e);
}

void bh_engine_tick(struct bh_engine *e, int64_t now)
{
	const struct request *listing = outstanding(e, BH_QUERY_CONTAINERS);

	e->now = now;
	pass_slow(e);
	tend_images(e);
	if (e->retry_at != 0 && now >= e->retry_at)
		connect_all(e);
	else if (listing != NULL && now - listing->asked >= PATIENCE)
		lose_engine(e, " takes connections, and does not answer");
	else if (listing == NULL && e->events != 0 && now >= e->resync_at)
		ask_for_all(e);
}

struct bh_engine *bh_engine_start(const struct bh_runtime_host *host, uint8_t runtime, int64_t now)
{
	struct bh_engine *e = bh_calloc(1, sizeof(*e));

	e->host = *host;
	e->runtime = runtime;
	e->name = bh_runtime_name(runtime);
	e->now = now;
	open_requests(e);
	e->containers = bh_map_new(free_container);
	e->stated = bh_map_new(NULL);
	e->images = bh_images_new();
	e->pods = bh_map_new(free_pod);
	e->retry_after = RETRY_LEAST;
	connect_all(e);
	return e;
}

void bh_engine_repeat(struct bh_engine *e)
{
	const struct bh_container *c;

	for (size_t position = 0; (c = bh_map_next(e->containers, &position)) != NULL;)
		tell(e, c);
}

void bh_engine_stop(struct bh_engine *e)
{
	drop_requests(e);
	bh_map_free(e->containers);
	bh_map_free(e->stated);
	bh_images_free(e->images);
	bh_map_free(e->pods);
	free(e);
}
