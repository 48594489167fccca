/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "grow.h"
#include "map.h"
#include "peer.h"
#include "protocol.h"
#include "timefmt.h"

#define READABLE 40	    /* workloads that are shown one by one unless asked otherwise */
#define OUTSIDE_READABLE 12 /* peers outside likewise */
#define MOST_PORTS 5	    /* of an edge, that are listed */
#define COMMON_LEAST 5	    /* so many at least, and one in … */
#define COMMON_PART 4	    /* … of the workloads, make a service a common one */
#define OUTSIDE "outside"
#define GROUP "group:"

struct badge {
	uint8_t proto;
	uint16_t port;
	const struct node *peer;
	bool in;
	size_t edges; /* that it stands for: one a client, or a server, and port */
	struct bh_traffic_counts counts;
};

/* A peer, or what several are shown as. */
struct node {
	char id[BH_PEER_NAME + sizeof(GROUP)];
	const char *kind;
	const struct bh_map_workload *workload; /* NULL: it is none, or is not there */
	struct node *shown;			/* as which it is shown; itself: as itself */
	struct node *group;			/* NULL: it is in none */
	bool is_group, outside, wanted;
	size_t members, instances, modes[8];
	struct bh_traffic_counts counts;
	bool in_now, in_before;	   /* it has edges then */
	unsigned clients, servers; /* distinct ones: how common it is */
	struct badge **badges;
	size_t badge_count, badge_capacity;
	unsigned distance; /* from the focus; UINT_MAX: far */
};

/* What is drawn between two nodes: one or more edges. */
struct line {
	struct node *src, *dst;
	struct bh_map_edge **edges;
	size_t count, capacity;
};

struct view {
	const struct bh_map_input *input;
	const struct bh_map_query *query;
	struct bh_map *nodes; /* id → struct node */
	struct node **list;   /* the same, in the order in which they came */
	size_t count, capacity;
	size_t workload_count;	  /* that are there, or have edges */
	struct node **src, **dst; /* by edge */
	bool *folded;		  /* by edge */
	struct bh_map *services;  /* dst, proto and port → struct service */
	struct bh_map *badges;	  /* struct badge_key → struct badge */
	struct node all;	  /* has the badges of the whole map */
	struct bh_map *lines;	  /* src and dst → struct line */
	struct line **line_list;
	size_t line_count, line_capacity;
	bool collapsed;
};

const char *bh_map_state_name(uint8_t state)
{
	static const char *const names[] = { "denied", "would-deny", "new",
					     "review", "learned",    "unlearned" };

	return names[state];
}

/* Where the project ends within a workload's name: a stack of Swarm's by its underscore, an image's
 * registry is none. NULL: it is in no project. */
static const char *project_end(const char *workload, const char *kind)
{
	if (strncmp(workload, "image:", 6) == 0)
		return NULL;
	return strchr(kind, strncmp(workload, "swarm:", 6) == 0 ? '_' : '/');
}

void bh_workload_group(const char *workload, char out[BH_GROUP_NAME])
{
	const char *kind = strchr(workload, ':');
	const char *end = kind != NULL ? project_end(workload, kind) : NULL;

	if (kind == NULL)
		snprintf(out, BH_GROUP_NAME, "other");
	else
		snprintf(out, BH_GROUP_NAME, "%.*s", (int)((end != NULL ? end : kind) - workload),
			 workload);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct node *make_node(struct view *v, const char *id, const char *kind)
{
	struct node *n = bh_calloc(1, sizeof(*n));

	bh_copy_text(n->id, sizeof(n->id), id);
	n->kind = kind;
	n->shown = n;
	bh_map_put_text(v->nodes, n->id, n);
	v->list = bh_grow(v->list, &v->capacity, v->count + 1, sizeof(struct node *));
	v->list[v->count++] = n;
	return n;
}

static struct node *group_of(struct view *v, const char *workload)
{
	char name[BH_GROUP_NAME], id[BH_GROUP_NAME + sizeof(GROUP)];

	bh_workload_group(workload, name);
	snprintf(id, sizeof(id), GROUP "%s", name);
	struct node *group = bh_map_get_text(v->nodes, id);
	if (group == NULL) {
		group = make_node(v, id, "group");
		group->is_group = true;
	}
	return group;
}

static struct node *node_of(struct view *v, const struct bh_peer *peer)
{
	const char *id = bh_peer_text(peer);
	struct node *n = bh_map_get_text(v->nodes, id);

	if (n != NULL)
		return n;
	n = make_node(v, id, bh_peer_kind_name(peer->kind));
	n->outside = peer->kind == BH_PEER_ADDRESS || peer->kind == BH_PEER_DNS;
	if (peer->kind == BH_PEER_WORKLOAD) {
		n->group = group_of(v, id);
		v->workload_count++;
	}
	return n;
}

static void add_workloads(struct view *v)
{
	for (size_t i = 0; i < v->input->workload_count; i++) {
		const struct bh_map_workload *w = &v->input->workloads[i];
		struct bh_peer peer = bh_peer_workload(w->name);

		node_of(v, &peer)->workload = w;
	}
}

static void add_ends(struct view *v)
{
	size_t count = v->input->edge_count;

	v->src = bh_calloc(count + 1, sizeof(struct node *));
	v->dst = bh_calloc(count + 1, sizeof(struct node *));
	v->folded = bh_calloc(count + 1, sizeof(bool));
	for (size_t i = 0; i < count; i++) {
		v->src[i] = node_of(v, v->input->edges[i].src);
		v->dst[i] = node_of(v, v->input->edges[i].dst);
	}
}

static bool is_in_list(const char *list, const char *id)
{
	size_t length = strlen(id);

	for (const char *at = list; at != NULL && *at != '\0';) {
		size_t word = strcspn(at, ",");

		if (word == length && strncmp(at, id, length) == 0)
			return true;
		at += word + (at[word] == ',');
	}
	return false;
}

/* --- which of them are wanted ----------------------------------------------------------------- */

static bool has_text(const char *where, const char *text)
{
	return where != NULL && strcasestr(where, text) != NULL;
}

static bool matches(const struct node *n, const char *text)
{
	return has_text(n->id, text) ||
	       (n->group != NULL && has_text(n->group->id + sizeof(GROUP) - 1, text)) ||
	       (n->workload != NULL && has_text(n->workload->image, text));
}

static bool is_near(const struct view *v, const struct node *n)
{
	return v->query->focus == NULL || n->distance <= v->query->hops;
}

/* A step at a time: an edge leads on from what was reached before it. */
static bool find_neighbourhood(struct view *v)
{
	const char *focus = v->query->focus;
	bool found = false;

	if (focus == NULL)
		return true;
	for (size_t i = 0; i < v->count; i++) {
		struct node *n = v->list[i];
		bool is_it = strcmp(n->id, focus) == 0 ||
			     (n->group != NULL && strcmp(n->group->id, focus) == 0) ||
			     (n->outside && strcmp(focus, OUTSIDE) == 0);

		n->distance = is_it ? 0 : UINT32_MAX;
		found = found || is_it;
	}
	for (unsigned hop = 1; hop <= v->query->hops; hop++)
		for (size_t i = 0; i < v->input->edge_count; i++) {
			struct node *a = v->src[i], *b = v->dst[i];

			if (a->distance == hop - 1 && b->distance > hop)
				b->distance = hop;
			else if (b->distance == hop - 1 && a->distance > hop)
				a->distance = hop;
		}
	return found;
}

static bool is_edge_wanted(const struct view *v, size_t i)
{
	const char *text = v->query->match;

	return is_near(v, v->src[i]) && is_near(v, v->dst[i]) &&
	       (text == NULL || matches(v->src[i], text) || matches(v->dst[i], text));
}

/* Without a search a workload is there though it has no edge: that is worth to be seen, too. */
static void choose_nodes(struct view *v)
{
	const char *text = v->query->match;

	for (size_t i = 0; i < v->count; i++) {
		struct node *n = v->list[i];

		n->wanted = !n->is_group && n->workload != NULL && is_near(v, n) &&
			    (text == NULL || matches(n, text));
	}
	for (size_t i = 0; i < v->input->edge_count; i++)
		if (is_edge_wanted(v, i))
			v->src[i]->wanted = v->dst[i]->wanted = true;
}

/* --- as what they are shown ------------------------------------------------------------------- */

static size_t count_wanted(const struct view *v, bool outside)
{
	size_t count = 0;

	for (size_t i = 0; i < v->count; i++)
		count += v->list[i]->wanted &&
			 (outside ? v->list[i]->outside : v->list[i]->group != NULL);
	return count;
}

static bool is_collapsed(const struct view *v)
{
	return v->query->collapse == BH_COLLAPSE_ALL ||
	       (v->query->collapse == BH_COLLAPSE_AUTO && count_wanted(v, false) > READABLE);
}

/* Who is looked at is shown himself. */
static bool is_kept_apart(const struct view *v, const struct node *n)
{
	return v->query->focus != NULL && strcmp(v->query->focus, n->id) == 0;
}

static void gather(struct view *v)
{
	bool outside = v->query->collapse != BH_COLLAPSE_NONE &&
		       count_wanted(v, true) > OUTSIDE_READABLE &&
		       !is_in_list(v->query->open, OUTSIDE);
	struct node *beyond = outside ? make_node(v, OUTSIDE, OUTSIDE) : NULL;

	v->collapsed = is_collapsed(v);
	for (size_t i = 0; i < v->count; i++) {
		struct node *n = v->list[i];

		if (is_kept_apart(v, n))
			continue;
		if (v->collapsed && n->group != NULL && !is_in_list(v->query->open, n->group->id))
			n->shown = n->group;
		else if (outside && n->outside)
			n->shown = beyond;
	}
}

static size_t mode_index(const char *mode)
{
	static const char *const modes[] = { "learn", "audit", "stage1", "enforce" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], mode) == 0)
			return i;
	return 0;
}

static void count_members(struct view *v)
{
	for (size_t i = 0; i < v->count; i++) {
		struct node *n = v->list[i];

		if (!n->wanted || n->is_group)
			continue;
		struct node *whole = n->shown != n ? n->shown : n->group;
		if (whole == NULL)
			continue;
		whole->members++;
		whole->wanted = whole->wanted || whole == n->shown;
		if (n->workload == NULL)
			continue;
		whole->instances += n->workload->instances;
		whole->modes[mode_index(n->workload->mode)]++;
	}
}

/* --- what everybody talks to ------------------------------------------------------------------ */

struct service {
	size_t clients;
};

static void write_service(const struct bh_map_edge *e, char *out, size_t size)
{
	snprintf(out, size, "%s\n%u\n%u", bh_peer_text(e->dst), e->proto, e->port);
}

static bool is_denied(const struct bh_map_edge *e)
{
	return e->now.denied + e->now.would_deny + e->before.denied + e->before.would_deny > 0;
}

static bool may_serve(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_WORKLOAD || peer->kind == BH_PEER_HOST ||
	       peer->kind == BH_PEER_METADATA || peer->kind == BH_PEER_DNS;
}

/* Edges come one a source, destination and port, so that each counts one more client of a service;
 * of whom somebody calls, several ports may be of one server. */
static void count_clients(struct view *v)
{
	char key[BH_PEER_NAME + 32];
	struct bh_map *pairs = bh_map_new(NULL);

	v->services = bh_map_new(free);
	for (size_t i = 0; i < v->input->edge_count; i++) {
		const struct bh_map_edge *e = &v->input->edges[i];
		const struct node *pair[2] = { v->src[i], v->dst[i] };

		if (e->src->kind == BH_PEER_WORKLOAD && may_serve(e->dst)) {
			write_service(e, key, sizeof(key));
			struct service *s = bh_map_get_text(v->services, key);
			if (s == NULL) {
				s = bh_calloc(1, sizeof(*s));
				bh_map_put_text(v->services, key, s);
			}
			s->clients++;
		}
		if (e->dst->kind != BH_PEER_WORKLOAD || bh_map_get(pairs, pair, sizeof(pair)))
			continue;
		bh_map_put(pairs, pair, sizeof(pair), v);
		v->src[i]->servers++;
	}
	bh_map_free(pairs);
}

static bool is_common(const struct view *v, size_t count)
{
	return count >= COMMON_LEAST && count * COMMON_PART >= v->workload_count;
}

/* In whose eyes the edge is one to a common service (of the client, false), or from somebody who
 * calls everybody (of the server, true). */
static bool is_foldable(const struct view *v, size_t i, bool *in)
{
	const struct bh_map_edge *e = &v->input->edges[i];
	char key[BH_PEER_NAME + 32];

	if (is_denied(e))
		return false;
	write_service(e, key, sizeof(key));
	const struct service *s = bh_map_get_text(v->services, key);
	*in = false;
	if (e->src->kind == BH_PEER_WORKLOAD && s != NULL && is_common(v, s->clients))
		return true;
	*in = true;
	return e->dst->kind == BH_PEER_WORKLOAD &&
	       (e->src->kind == BH_PEER_WORKLOAD || e->src->kind == BH_PEER_HOST) &&
	       is_common(v, v->src[i]->servers);
}

struct badge_key {
	const struct node *of, *peer;
	uint16_t port;
	uint8_t proto, in;
	uint32_t zero; /* no padding: it is a map's key */
};
_Static_assert(sizeof(struct badge_key) == 2 * sizeof(void *) + 8, "a badge's key has no padding");

static struct badge *badge_of(struct view *v, struct node *n, const struct badge *like)
{
	const struct badge_key key = { .of = n,
				       .peer = like->peer,
				       .port = like->port,
				       .proto = like->proto,
				       .in = like->in };
	struct badge *b = bh_map_get(v->badges, &key, sizeof(key));

	if (b != NULL)
		return b;
	b = bh_calloc(1, sizeof(*b));
	*b = *like;
	bh_map_put(v->badges, &key, sizeof(key), b);
	n->badges =
		bh_grow(n->badges, &n->badge_capacity, n->badge_count + 1, sizeof(struct badge *));
	n->badges[n->badge_count++] = b;
	return b;
}

static void add_badge(struct view *v, struct node *n, size_t edge, bool in)
{
	const struct bh_map_edge *e = &v->input->edges[edge];
	const struct badge like = { .proto = e->proto,
				    .port = e->port,
				    .peer = in ? v->src[edge] : v->dst[edge],
				    .in = in };
	struct badge *b = badge_of(v, n, &like);

	bh_traffic_add(&b->counts, &e->now);
	b->edges++;
}

/* Who is looked at is looked at with all that he has. */
static void fold(struct view *v)
{
	bool in;

	if (!v->query->fold)
		return;
	count_clients(v);
	for (size_t i = 0; i < v->input->edge_count; i++) {
		if (!is_edge_wanted(v, i) || is_kept_apart(v, v->src[i]) ||
		    is_kept_apart(v, v->dst[i]) || !is_foldable(v, i, &in))
			continue;
		v->folded[i] = true;
		add_badge(v, (in ? v->dst[i] : v->src[i])->shown, i, in);
		add_badge(v, &v->all, i, in);
	}
}

/* --- lines ------------------------------------------------------------------------------------ */

static struct line *line_of(struct view *v, struct node *src, struct node *dst)
{
	const struct node *key[2] = { src, dst };
	struct line *l = bh_map_get(v->lines, key, sizeof(key));

	if (l != NULL)
		return l;
	l = bh_calloc(1, sizeof(*l));
	l->src = src;
	l->dst = dst;
	bh_map_put(v->lines, key, sizeof(key), l);
	v->line_list =
		bh_grow(v->line_list, &v->line_capacity, v->line_count + 1, sizeof(struct line *));
	v->line_list[v->line_count++] = l;
	return l;
}

static void note_traffic(struct node *n, const struct bh_map_edge *e)
{
	bh_traffic_add(&n->counts, &e->now);
	n->in_now = n->in_now || e->now.connections > 0;
	n->in_before = n->in_before || e->before.connections > 0;
}

static void draw(struct view *v)
{
	v->lines = bh_map_new(NULL);
	for (size_t i = 0; i < v->input->edge_count; i++) {
		struct bh_map_edge *e = &v->input->edges[i];

		if (!is_edge_wanted(v, i))
			continue;
		struct node *src = v->src[i]->shown, *dst = v->dst[i]->shown;
		note_traffic(src, e);
		if (dst != src)
			note_traffic(dst, e);
		if (v->folded[i])
			continue;
		struct line *l = line_of(v, src, dst);
		l->edges =
			bh_grow(l->edges, &l->capacity, l->count + 1, sizeof(struct bh_map_edge *));
		l->edges[l->count++] = e;
	}
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void add_bytes(cJSON *json, const struct bh_traffic_counts *c)
{
	if (c->uncounted > 0)
		cJSON_AddNullToObject(json, "bytes");
	else
		cJSON_AddNumberToObject(json, "bytes", (double)c->bytes);
}

/* As text: of a number with a fraction cJSON tries the shorter form first and reads it back, which
 * took a fifth of an answer of 5,000 edges. */
static void add_time(cJSON *json, const char *key, int64_t time)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld.%06lld", (long long)(time / BH_SECOND),
		 (long long)(time % BH_SECOND));
	if (time > 0)
		cJSON_AddRawToObject(json, key, text);
	else
		cJSON_AddNullToObject(json, key);
}

static void add_text(cJSON *json, const char *key, const char *text)
{
	if (text != NULL)
		cJSON_AddStringToObject(json, key, text);
	else
		cJSON_AddNullToObject(json, key);
}

static cJSON *badge_json(const struct badge *b)
{
	cJSON *json = cJSON_CreateObject();
	char port[BH_PORT_TEXT];

	bh_port_format(b->proto, b->port, port);
	cJSON_AddStringToObject(json, "service",
				b->port == 53 ? "dns"
				: b->in	      ? b->peer->id
					      : port);
	cJSON_AddStringToObject(json, "peer", b->peer->id);
	cJSON_AddStringToObject(json, "port", port);
	cJSON_AddStringToObject(json, "direction", b->in ? "in" : "out");
	cJSON_AddNumberToObject(json, "connections", (double)b->counts.connections);
	cJSON_AddNumberToObject(json, "denied", (double)b->counts.denied);
	return json;
}

static cJSON *modes_json(const struct node *n)
{
	static const char *const modes[] = { "learn", "audit", "stage1", "enforce" };
	cJSON *json = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		cJSON_AddNumberToObject(json, modes[i], (double)n->modes[i]);
	return json;
}

static const char *label_of(const struct node *n)
{
	const char *kind = strchr(n->id, ':');
	const char *end = kind != NULL ? project_end(n->id, kind) : NULL;

	if (n->is_group)
		return n->id + sizeof(GROUP) - 1;
	if (n->group == NULL || kind == NULL)
		return n->id;
	return (end != NULL ? end : kind) + 1;
}

static const char *node_change(const struct view *v, const struct node *n)
{
	if (!v->query->compare || (!n->in_now && !n->in_before))
		return NULL;
	return !n->in_before ? "added" : !n->in_now ? "gone" : "same";
}

static cJSON *node_json(const struct view *v, const struct node *n)
{
	cJSON *json = cJSON_CreateObject();
	const struct bh_map_workload *w = n->workload;
	bool whole = n->is_group || strcmp(n->kind, OUTSIDE) == 0;

	cJSON_AddStringToObject(json, "id", n->id);
	cJSON_AddStringToObject(json, "label", label_of(n));
	cJSON_AddStringToObject(json, "kind", n->kind);
	add_text(json, "group", n->group != NULL ? n->group->id : NULL);
	if (whole)
		cJSON_AddNumberToObject(json, "members", (double)n->members);
	else
		cJSON_AddNullToObject(json, "members");
	cJSON_AddItemToObject(json, "modes", n->is_group ? modes_json(n) : cJSON_CreateNull());
	add_text(json, "mode", w != NULL ? w->mode : NULL);
	cJSON_AddItemToObject(json, "share",
			      w != NULL && w->share != NULL ? cJSON_Duplicate(w->share, true)
							    : cJSON_CreateNull());
	cJSON_AddNumberToObject(json, "instances",
				whole	    ? (double)n->instances
				: w != NULL ? (double)w->instances
					    : 0);
	add_text(json, "image", w != NULL ? w->image : NULL);
	cJSON_AddNumberToObject(json, "connections", (double)n->counts.connections);
	add_bytes(json, &n->counts);
	cJSON_AddNumberToObject(json, "denied", (double)n->counts.denied);
	cJSON_AddNumberToObject(json, "would_deny", (double)n->counts.would_deny);
	cJSON *badges = cJSON_AddArrayToObject(json, "badges");
	for (size_t i = 0; i < n->badge_count; i++)
		cJSON_AddItemToArray(badges, badge_json(n->badges[i]));
	add_text(json, "change", node_change(v, n));
	return json;
}

/* The most used ports first; those of one port, of several pairs, are one. */
static int by_port(const void *a, const void *b)
{
	const struct bh_map_edge *const *x = a, *const *y = b;

	if ((*x)->proto != (*y)->proto)
		return (*x)->proto < (*y)->proto ? -1 : 1;
	return (*x)->port < (*y)->port ? -1 : (*x)->port > (*y)->port;
}

static int by_use(const void *a, const void *b)
{
	const struct bh_map_edge *x = a, *y = b;

	if (x->state != y->state &&
	    (x->state <= BH_MAP_WOULD_DENY || y->state <= BH_MAP_WOULD_DENY))
		return x->state < y->state ? -1 : 1;
	return x->now.connections < y->now.connections	 ? 1
	       : x->now.connections > y->now.connections ? -1
							 : (int)x->port - (int)y->port;
}

static struct bh_map_edge *sum_ports(const struct line *l, size_t *count)
{
	struct bh_map_edge *ports = bh_calloc(l->count, sizeof(*ports));

	*count = 0;
	qsort(l->edges, l->count, sizeof(struct bh_map_edge *), by_port);
	for (size_t i = 0; i < l->count; i++) {
		const struct bh_map_edge *e = l->edges[i];
		struct bh_map_edge *last = *count > 0 ? &ports[*count - 1] : NULL;

		if (last != NULL && last->proto == e->proto && last->port == e->port) {
			bh_traffic_add(&last->now, &e->now);
			last->state = e->state < last->state ? e->state : last->state;
		} else {
			ports[(*count)++] = *e;
		}
	}
	qsort(ports, *count, sizeof(*ports), by_use);
	return ports;
}

static void add_ports(cJSON *json, const struct line *l)
{
	size_t count;
	struct bh_map_edge *ports = sum_ports(l, &count);
	cJSON *list = cJSON_AddArrayToObject(json, "ports");

	for (size_t i = 0; i < count && i < MOST_PORTS; i++) {
		cJSON *row = cJSON_CreateObject();
		char port[BH_PORT_TEXT];

		cJSON_AddStringToObject(row, "port",
					bh_port_format(ports[i].proto, ports[i].port, port));
		cJSON_AddNumberToObject(row, "connections", (double)ports[i].now.connections);
		add_bytes(row, &ports[i].now);
		cJSON_AddNumberToObject(row, "denied", (double)ports[i].now.denied);
		cJSON_AddStringToObject(row, "state", bh_map_state_name(ports[i].state));
		cJSON_AddItemToArray(list, row);
	}
	cJSON_AddNumberToObject(json, "ports_left_off",
				count > MOST_PORTS ? (double)(count - MOST_PORTS) : 0);
	free(ports);
}

/* Twice as much, or half, of what was to be expected is worth a word. */
static const char *line_change(const struct view *v, const struct bh_traffic_counts *now,
			       const struct bh_traffic_counts *before)
{
	double expected = (double)before->connections * v->query->scale;
	double is = (double)now->connections;

	if (before->connections == 0)
		return "added";
	if (now->connections == 0)
		return "gone";
	return is > 2 * expected ? "more" : 2 * is < expected ? "less" : "same";
}

static void add_comparison(cJSON *json, const struct view *v, const struct bh_traffic_counts *now,
			   const struct bh_traffic_counts *before)
{
	if (!v->query->compare) {
		cJSON_AddNullToObject(json, "change");
		cJSON_AddNullToObject(json, "before");
		return;
	}
	cJSON_AddStringToObject(json, "change", line_change(v, now, before));
	cJSON *was = cJSON_AddObjectToObject(json, "before");
	cJSON_AddNumberToObject(was, "connections", (double)before->connections);
	add_bytes(was, before);
	cJSON_AddNumberToObject(was, "denied", (double)before->denied);
}

static cJSON *line_json(const struct view *v, const struct line *l)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_traffic_counts now = { 0 }, before = { 0 };
	char id[2 * sizeof(l->src->id) + 8];
	int64_t first = INT64_MAX, last = 0;
	uint8_t state = BH_MAP_UNLEARNED;
	size_t fresh = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct bh_map_edge *e = l->edges[i];

		bh_traffic_add(&now, &e->now);
		bh_traffic_add(&before, &e->before);
		first = e->first < first ? e->first : first;
		last = e->last > last ? e->last : last;
		state = e->state < state ? e->state : state;
		fresh += e->state == BH_MAP_NEW;
	}
	snprintf(id, sizeof(id), "%s → %s", l->src->id, l->dst->id);
	cJSON_AddStringToObject(json, "id", id);
	cJSON_AddStringToObject(json, "src", l->src->id);
	cJSON_AddStringToObject(json, "dst", l->dst->id);
	cJSON_AddNumberToObject(json, "stands_for", (double)l->count);
	add_ports(json, l);
	cJSON_AddStringToObject(json, "state", bh_map_state_name(state));
	cJSON_AddNumberToObject(json, "new", (double)fresh);
	cJSON_AddNumberToObject(json, "connections", (double)now.connections);
	cJSON_AddNumberToObject(json, "answered", (double)now.answered);
	cJSON_AddNumberToObject(json, "denied", (double)now.denied);
	cJSON_AddNumberToObject(json, "would_deny", (double)now.would_deny);
	add_bytes(json, &now);
	add_time(json, "first", first);
	add_time(json, "last", last);
	add_comparison(json, v, &now, &before);
	return json;
}

static void add_folded(cJSON *out, const struct view *v)
{
	cJSON *list = cJSON_AddArrayToObject(out, "folded");

	for (size_t i = 0; i < v->all.badge_count; i++) {
		cJSON *row = badge_json(v->all.badges[i]);

		cJSON_AddNumberToObject(row, "clients", (double)v->all.badges[i]->edges);
		cJSON_AddItemToArray(list, row);
	}
}

static void add_totals(cJSON *out, const struct view *v)
{
	cJSON *json = cJSON_AddObjectToObject(out, "totals");
	struct bh_traffic_counts sum = { 0 };
	size_t groups = 0, edges = 0;

	for (size_t i = 0; i < v->count; i++)
		groups += v->list[i]->is_group && v->list[i]->members > 0;
	for (size_t i = 0; i < v->input->edge_count; i++) {
		if (!is_edge_wanted(v, i))
			continue;
		bh_traffic_add(&sum, &v->input->edges[i].now);
		edges++;
	}
	cJSON_AddNumberToObject(json, "workloads", (double)count_wanted(v, false));
	cJSON_AddNumberToObject(json, "groups", (double)groups);
	cJSON_AddNumberToObject(json, "edges", (double)edges);
	cJSON_AddNumberToObject(json, "connections", (double)sum.connections);
	add_bytes(json, &sum);
	cJSON_AddNumberToObject(json, "denied", (double)sum.denied);
	cJSON_AddNumberToObject(json, "would_deny", (double)sum.would_deny);
	cJSON_AddBoolToObject(out, "collapsed", v->collapsed);
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool is_drawn(const struct node *n)
{
	return n->wanted && n->shown == n;
}

static void write_view(const struct view *v, cJSON *out)
{
	cJSON *nodes, *edges;

	add_totals(out, v);
	nodes = cJSON_AddArrayToObject(out, "nodes");
	for (size_t i = 0; i < v->count; i++)
		if (is_drawn(v->list[i]))
			cJSON_AddItemToArray(nodes, node_json(v, v->list[i]));
	edges = cJSON_AddArrayToObject(out, "edges");
	for (size_t i = 0; i < v->line_count; i++)
		cJSON_AddItemToArray(edges, line_json(v, v->line_list[i]));
	add_folded(out, v);
}

static void free_view(struct view *v)
{
	for (size_t i = 0; i < v->line_count; i++) {
		free(v->line_list[i]->edges);
		free(v->line_list[i]);
	}
	for (size_t i = 0; i < v->count; i++) {
		free(v->list[i]->badges);
		free(v->list[i]);
	}
	free(v->all.badges);
	free(v->line_list);
	free(v->list);
	free(v->src);
	free(v->dst);
	free(v->folded);
	bh_map_free(v->nodes);
	bh_map_free(v->services);
	bh_map_free(v->badges);
	bh_map_free(v->lines);
}

bool bh_service_map(const struct bh_map_input *input, const struct bh_map_query *query, cJSON *out)
{
	struct view v = { .input = input,
			  .query = query,
			  .nodes = bh_map_new(NULL),
			  .badges = bh_map_new(free) };

	add_workloads(&v);
	add_ends(&v);
	bool found = find_neighbourhood(&v);
	if (found) {
		choose_nodes(&v);
		gather(&v);
		count_members(&v);
		fold(&v);
		draw(&v);
		write_view(&v, out);
	}
	free_view(&v);
	return found;
}
