/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kubernetes: the pods of this node, by the API server (kubernetes.io/docs/reference/using-api/
 * api-concepts). They are listed once, then watched from the version of the list on; a watch that
 * ends goes on where it was, and where the server does not know that version any more (410)
 * everything is listed again. Of an object nothing but its metadata is asked for: what a pod's
 * specification holds, secrets in its environment for one, never comes here.
 *
 * A pod says what controls it, and a replica set or a job what controls that: it is asked for, once
 * each, and the pod waits for the answer. Where the server does not tell, the pod's labels do
 * (pod_owner.h).
 *
 * What is stated is no container: it has the pod's uid as its id, which the containers of the pod
 * bear as a label.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container_json.h"
#include "grow.h"
#include "http_reply.h"
#include "map.h"
#include "runtime.h"
#include "timefmt.h"

#define LIMIT (64u << 20) /* of a list; an object has a few KiB, a node a few hundred pods */
#define WATCH_SECONDS "240"
#define RETRY_LEAST BH_SECOND
#define RETRY_MOST (30 * BH_SECOND)
#define VERSION 64

#define PLAIN "abcdefghijklmnopqrstuvwxyz0123456789.-" /* names: RFC 1123, subdomains */

/* What a replica set or a job belongs to. */
struct owner {
	char path[512];	  /* that it is asked for with */
	uint32_t request; /* 0: answered */
	struct bh_http_reply reply;
	char top[256]; /* "deploy/web"; "": nothing controls it */
};

struct pod {
	struct bh_container *facts; /* as they are stated once the owner is known */
	char path[512];	 /* of the owner that its controller may have; "": none is asked for */
	bool waiting;	 /* for the answer */
	bool unanswered; /* there was none: its labels say what it belongs to */
	bool told;
	bool listed;
};

struct kubernetes {
	struct bh_runtime_host host;
	struct bh_map *pods;   /* by uid */
	struct bh_map *owners; /* by path */
	uint32_t list;	       /* requests; 0: none */
	uint32_t watch;
	struct bh_http_reply reply; /* to the one or the other: they take turns */
	bool failed;
	bool expired;	       /* the watch cannot go on from this version */
	char version[VERSION]; /* where it goes on; "": with a list */
	int64_t retry_at;      /* 0: not waiting */
	int64_t retry_after;
	int64_t began; /* when the watch did */
	uint8_t state; /* enum bh_runtime_state */
	char why[256];
	bool known;
};

static void set_state(struct kubernetes *k, enum bh_runtime_state state, const char *why)
{
	if (k->known && k->state == state && strcmp(k->why, why) == 0)
		return;
	k->known = true;
	k->state = (uint8_t)state;
	bh_copy_text(k->why, sizeof(k->why), why);
	k->host.state(k->host.user, BH_RUNTIME_KUBERNETES, state,
		      state == BH_RUNTIME_CONNECTED ? NULL : k->why);
}

/* --- questions -------------------------------------------------------------------------------- */

bool bh_kubernetes_is_path(const char *path)
{
	static const char *const below[] = { "/api/v1/pods?", "/apis/apps/v1/namespaces/",
					     "/apis/batch/v1/namespaces/" };
	size_t length = strlen(path);

	if (strspn(path, PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZ/?&=%") != length ||
	    strstr(path, "..") != NULL)
		return false;
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
		if (strncmp(path, below[i], strlen(below[i])) == 0)
			return true;
	return false;
}

static void ask_pods(struct kubernetes *k, uint32_t *request, enum bh_runtime_query query,
		     const char *more)
{
	char path[512];

	bh_http_reply_free(&k->reply);
	k->reply = (struct bh_http_reply) { .limit = LIMIT };
	k->failed = k->expired = false;
	snprintf(path, sizeof(path), "/api/v1/pods?fieldSelector=spec.nodeName%%3D%s%s",
		 k->host.node, more);
	*request = k->host.query(k->host.user, BH_RUNTIME_KUBERNETES, query, path);
}

/* resourceVersion=0: as the server's cache has it. Without that a list for one node would read the
 * pods of all nodes from etcd. */
static void list(struct kubernetes *k)
{
	struct pod *pod;

	for (size_t position = 0; (pod = bh_map_next(k->pods, &position)) != NULL;)
		pod->listed = false;
	ask_pods(k, &k->list, BH_QUERY_CONTAINERS, "&resourceVersion=0");
}

static void watch(struct kubernetes *k, int64_t now)
{
	char more[256];

	snprintf(more, sizeof(more),
		 "&watch=1&allowWatchBookmarks=true&timeoutSeconds=" WATCH_SECONDS
		 "&resourceVersion=%s",
		 k->version);
	k->began = now;
	ask_pods(k, &k->watch, BH_QUERY_EVENTS, more);
}

static void go_on(struct kubernetes *k, int64_t now)
{
	k->retry_at = 0;
	if (k->version[0] != '\0')
		watch(k, now);
	else
		list(k);
}

static void go_on_later(struct kubernetes *k, int64_t now)
{
	k->retry_at = now + k->retry_after;
	k->retry_after = k->retry_after * 2 < RETRY_MOST ? k->retry_after * 2 : RETRY_MOST;
}

/* --- owners ----------------------------------------------------------------------------------- */

static void free_owner(void *value)
{
	struct owner *o = value;

	bh_http_reply_free(&o->reply);
	free(o);
}

/* The reference to what controls an object; NULL: nothing does. */
static const cJSON *controller_of(const cJSON *metadata)
{
	const cJSON *reference;

	cJSON_ArrayForEach (reference, bh_json_member(metadata, "ownerReferences"))
		if (cJSON_IsTrue(bh_json_member(reference, "controller")) &&
		    bh_json_text(reference, "kind")[0] != '\0' &&
		    bh_json_text(reference, "name")[0] != '\0')
			return reference;
	return NULL;
}

/* "deploy/web": the kind as kubectl and people call it. */
static void write_owner(const cJSON *reference, char *out, size_t size)
{
	const char *kind = bh_json_text(reference, "kind");
	bool deployment = strcmp(kind, "Deployment") == 0;
	char lower[64];

	bh_copy_text(lower, sizeof(lower), deployment ? "deploy" : kind);
	for (char *at = lower; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	snprintf(out, size, "%s/%s", lower, bh_json_text(reference, "name"));
}

/* Where to ask what controls the controller; false: it is the topmost that is followed. */
static bool path_above(const cJSON *reference, const char *namespace, char *out, size_t size)
{
	const char *kind = bh_json_text(reference, "kind"), *name = bh_json_text(reference, "name");
	const char *version = bh_json_text(reference, "apiVersion");
	const char *group = NULL;

	if (strcmp(kind, "ReplicaSet") == 0 && strcmp(version, "apps/v1") == 0)
		group = "replicasets";
	else if (strcmp(kind, "Job") == 0 && strcmp(version, "batch/v1") == 0)
		group = "jobs";
	if (group == NULL || strspn(namespace, PLAIN) != strlen(namespace) ||
	    strspn(name, PLAIN) != strlen(name))
		return false;
	snprintf(out, size, "/apis/%s/namespaces/%s/%s/%s", version, namespace, group, name);
	return bh_kubernetes_is_path(out);
}

static void tell(struct kubernetes *k, struct pod *pod)
{
	pod->waiting = false;
	pod->told = true;
	k->host.container(k->host.user, pod->facts);
}

/* owner: as far as it is answered; NULL: it is not to be known, and the labels say more than the
 * name of a replica set. */
static void settle(struct kubernetes *k, struct pod *pod, const struct owner *owner)
{
	pod->unanswered = owner == NULL;
	if (owner == NULL)
		pod->facts->owner[0] = '\0';
	else if (owner->top[0] != '\0')
		bh_copy_text(pod->facts->owner, sizeof(pod->facts->owner), owner->top);
	tell(k, pod);
}

static void find_owner(struct kubernetes *k, struct pod *pod)
{
	struct owner *o = bh_map_get_text(k->owners, pod->path);

	if (o != NULL && o->request == 0) {
		settle(k, pod, o);
		return;
	}
	pod->waiting = true;
	if (o != NULL)
		return;
	o = bh_calloc(1, sizeof(*o));
	memcpy(o->path, pod->path, sizeof(o->path));
	o->reply.limit = LIMIT;
	bh_map_put_text(k->owners, o->path, o);
	o->request = k->host.query(k->host.user, BH_RUNTIME_KUBERNETES, BH_QUERY_INSPECT, o->path);
}

/* False: it does not say what controls this, or that nothing does. */
static bool read_owner(struct owner *o)
{
	cJSON *json = cJSON_ParseWithLength(o->reply.body.data != NULL ? o->reply.body.data : "",
					    o->reply.body.length);
	const cJSON *metadata = bh_json_member(json, "metadata");
	const cJSON *above = controller_of(metadata);
	bool answers = o->reply.status == 200 && cJSON_IsObject(metadata);

	if (answers && above != NULL)
		write_owner(above, o->top, sizeof(o->top));
	cJSON_Delete(json);
	return answers;
}

/* Tells of those who waited. What was not answered is asked for again with the next pod. */
static void end_owner(struct kubernetes *k, struct owner *o, int error)
{
	bool answered = error == 0 && read_owner(o);
	struct pod *pod;

	o->request = 0;
	bh_http_reply_free(&o->reply);
	for (size_t position = 0; (pod = bh_map_next(k->pods, &position)) != NULL;)
		if (pod->waiting && strcmp(pod->path, o->path) == 0)
			settle(k, pod, answered ? o : NULL);
	if (!answered) {
		char path[sizeof(o->path)];

		memcpy(path, o->path, sizeof(path));
		bh_map_remove_text(k->owners, path);
	}
}

static struct owner *owner_asked(const struct kubernetes *k, uint32_t request)
{
	struct owner *o;

	for (size_t position = 0; (o = bh_map_next(k->owners, &position)) != NULL;)
		if (o->request == request)
			return o;
	return NULL;
}

/* --- pods ------------------------------------------------------------------------------------- */

static void free_pod(void *value)
{
	struct pod *pod = value;

	bh_container_free(pod->facts);
	free(pod);
}

/* Jobs come and go; what they belonged to is not kept for ever. */
static void forget_owner(struct kubernetes *k, const char path[512])
{
	const struct pod *pod;

	for (size_t position = 0; (pod = bh_map_next(k->pods, &position)) != NULL;)
		if (strcmp(pod->path, path) == 0)
			return;
	bh_map_remove_text(k->owners, path);
}

static void lose_pod(struct kubernetes *k, const char *uid)
{
	const struct pod *pod = bh_map_get_text(k->pods, uid);
	char id[BH_CONTAINER_ID], path[sizeof(pod->path)];

	if (pod == NULL)
		return;
	bool told = pod->told;
	memcpy(id, pod->facts->id, sizeof(id));
	memcpy(path, pod->path, sizeof(path));
	bh_map_remove_text(k->pods, id);
	forget_owner(k, path);
	if (told)
		k->host.container_gone(k->host.user, BH_RUNTIME_KUBERNETES, id);
}

/* NULL: it is no pod. */
static struct bh_container *read_facts(const cJSON *metadata)
{
	struct bh_container *c = bh_container_new();
	const char *namespace = bh_json_text(metadata, "namespace");
	const char *name = bh_json_text(metadata, "name");

	c->runtime = BH_RUNTIME_KUBERNETES;
	if (*namespace == '\0' || *name == '\0' ||
	    !bh_copy_text(c->id, sizeof(c->id), bh_json_text(metadata, "uid")) ||
	    c->id[0] == '\0') {
		bh_container_free(c);
		return NULL;
	}
	snprintf(c->name, sizeof(c->name), "%s/%s", namespace, name);
	bh_container_read_labels(c, bh_json_member(metadata, "labels"));
	return c;
}

/* A pod of a file on the node bears the node's name behind its own, and is the node's. */
static void write_static_owner(const struct kubernetes *k, struct bh_container *facts,
			       const char *name)
{
	size_t length = strlen(name), node = strlen(k->host.node);

	if (length > node + 1 && name[length - node - 1] == '-' &&
	    strcmp(name + length - node, k->host.node) == 0)
		length -= node + 1;
	snprintf(facts->owner, sizeof(facts->owner), "static/%.*s", (int)length, name);
}

/* Most news of a pod are of its status, which is not asked for: they say what was known. */
static bool says_the_same(const struct pod *known, const struct bh_container *facts)
{
	if (!known->told || known->waiting || known->unanswered)
		return false;
	struct bh_container *as_before = bh_container_copy(facts);

	memcpy(as_before->owner, known->facts->owner, sizeof(as_before->owner));
	bool same = bh_container_equal(known->facts, as_before);
	bh_container_free(as_before);
	return same;
}

static void find_controller(struct kubernetes *k, struct pod *pod, const cJSON *metadata)
{
	const cJSON *reference = controller_of(metadata);
	struct bh_container *facts = pod->facts;

	pod->path[0] = '\0';
	if (reference != NULL && strcmp(bh_json_text(reference, "kind"), "Node") == 0)
		write_static_owner(k, facts, bh_json_text(metadata, "name"));
	else if (reference != NULL)
		write_owner(reference, facts->owner, sizeof(facts->owner));
	if (reference != NULL && path_above(reference, bh_json_text(metadata, "namespace"),
					    pod->path, sizeof(pod->path)))
		find_owner(k, pod);
	else
		tell(k, pod);
}

static void read_pod(struct kubernetes *k, const cJSON *object)
{
	const cJSON *metadata = bh_json_member(object, "metadata");
	struct bh_container *facts = read_facts(metadata);

	if (facts == NULL)
		return;
	struct pod *pod = bh_map_get_text(k->pods, facts->id);
	if (pod == NULL) {
		pod = bh_calloc(1, sizeof(*pod));
		bh_map_put_text(k->pods, facts->id, pod);
	}
	pod->listed = true;
	if (says_the_same(pod, facts)) {
		bh_container_free(facts);
		return;
	}
	bh_container_free(pod->facts);
	pod->facts = facts;
	find_controller(k, pod, metadata);
}

/* --- the list and the watch ------------------------------------------------------------------- */

/* It is opaque; but it goes into a path. */
static void note_version(struct kubernetes *k, const cJSON *metadata)
{
	const char *version = bh_json_text(metadata, "resourceVersion");

	if (*version != '\0' && strspn(version, PLAIN) == strlen(version))
		bh_copy_text(k->version, sizeof(k->version), version);
}

static void lose_unlisted(struct kubernetes *k)
{
	const struct pod *pod;

	for (size_t position = 0; (pod = bh_map_next(k->pods, &position)) != NULL;)
		if (!pod->listed)
			lose_pod(k, pod->facts->id);
}

static void read_list(struct kubernetes *k, const cJSON *json)
{
	const cJSON *object;

	note_version(k, bh_json_member(json, "metadata"));
	cJSON_ArrayForEach (object, bh_json_member(json, "items"))
		read_pod(k, object);
	lose_unlisted(k);
	k->retry_after = RETRY_LEAST;
	set_state(k, BH_RUNTIME_CONNECTED, "");
}

static void read_event(void *user, const cJSON *event)
{
	struct kubernetes *k = user;
	const char *type = bh_json_text(event, "type");
	const cJSON *object = bh_json_member(event, "object");

	if (strcmp(type, "ERROR") == 0) {
		k->expired = true;
		return;
	}
	note_version(k, bh_json_member(object, "metadata"));
	if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		read_pod(k, object);
	else if (strcmp(type, "DELETED") == 0)
		lose_pod(k, bh_json_text(bh_json_member(object, "metadata"), "uid"));
}

/* In words what an answer that is none means, and what to do. */
static void refused(struct kubernetes *k, int status)
{
	char text[256];

	if (status == 0)
		snprintf(text, sizeof(text), "it ends the connection");
	else if (status == 401)
		snprintf(text, sizeof(text),
			 "it does not know the token (401); see runtimes.kubernetes_token");
	else if (status == 403)
		snprintf(text, sizeof(text),
			 "the token may not list pods (403); apply config/kubernetes.yaml");
	else
		snprintf(text, sizeof(text), "it answers %d when asked for the pods of node %s",
			 status, k->host.node);
	set_state(k, BH_RUNTIME_UNREACHABLE, text);
}

static void unreachable(struct kubernetes *k, int error)
{
	switch (error) {
	case -ENOKEY:
		set_state(k, BH_RUNTIME_UNREACHABLE,
			  "runtimes.kubernetes_token is no file that core's user can read");
		break;
	case -ENOENT:
		set_state(k, BH_RUNTIME_UNREACHABLE,
			  "runtimes.kubernetes_ca is no file that core's user can read");
		break;
	case -EKEYREJECTED:
		set_state(k, BH_RUNTIME_UNREACHABLE,
			  "its certificate is none that runtimes.kubernetes_ca vouches for");
		break;
	case -EADDRNOTAVAIL:
		set_state(k, BH_RUNTIME_UNREACHABLE, "its name has no address");
		break;
	default:
		set_state(k, BH_RUNTIME_UNREACHABLE, strerror(-error));
	}
}

static void end_list(struct kubernetes *k, int error, int64_t now)
{
	k->list = 0;
	if (error == 0 && !k->failed && k->reply.status == 200) {
		cJSON *json = cJSON_ParseWithLength(
			k->reply.body.data != NULL ? k->reply.body.data : "", k->reply.body.length);
		bool is_list = cJSON_IsArray(bh_json_member(json, "items"));

		if (is_list)
			read_list(k, json);
		cJSON_Delete(json);
		if (is_list && k->version[0] != '\0') {
			watch(k, now);
			return;
		}
	}
	if (error != 0)
		unreachable(k, error);
	else if (k->failed || k->reply.status == 200)
		set_state(k, BH_RUNTIME_UNREACHABLE, "what it answers is no list of pods");
	else
		refused(k, k->reply.status);
	go_on_later(k, now);
}

/* That it ends is in order after a while. One that ends at once is not asked for again at once. */
static void end_watch(struct kubernetes *k, int error, int64_t now)
{
	k->watch = 0;
	if (k->expired || k->reply.status == 410) {
		k->version[0] = '\0';
	} else if (error != 0) {
		unreachable(k, error);
	} else if (k->reply.status != 200) {
		refused(k, k->reply.status);
	}
	if (error == 0 && k->reply.status == 200 && !k->expired && now - k->began >= BH_SECOND) {
		k->retry_after = RETRY_LEAST;
		go_on(k, now);
	} else {
		go_on_later(k, now);
	}
}

/* --- operations ------------------------------------------------------------------------------- */

/* The watch answers: what was missing while it did not run comes now. */
static void read_watch(struct kubernetes *k)
{
	if (k->reply.status != 200)
		return;
	set_state(k, BH_RUNTIME_CONNECTED, "");
	bh_json_lines(&k->reply.body, read_event, k);
}

static void kubernetes_data(void *state, uint32_t request, const void *bytes, size_t length,
			    int64_t now)
{
	struct kubernetes *k = state;
	struct bh_error err = { 0 };
	struct owner *o;

	(void)now;
	if (request == k->list || request == k->watch) {
		if (!k->failed)
			k->failed = bh_http_reply_feed(&k->reply, bytes, length, &err) != 0;
		if (request == k->watch && !k->failed)
			read_watch(k);
	} else if (request != 0 && (o = owner_asked(k, request)) != NULL) {
		bh_http_reply_feed(&o->reply, bytes, length, &err);
	}
}

static void kubernetes_end(void *state, uint32_t request, int error, int64_t now)
{
	struct kubernetes *k = state;
	struct owner *o;

	if (request == 0)
		return;
	if (request == k->list)
		end_list(k, error, now);
	else if (request == k->watch)
		end_watch(k, error, now);
	else if ((o = owner_asked(k, request)) != NULL)
		end_owner(k, o, error);
}

static void kubernetes_tick(void *state, int64_t now)
{
	struct kubernetes *k = state;

	if (k->retry_at != 0 && now >= k->retry_at)
		go_on(k, now);
}

static void *kubernetes_start(const struct bh_runtime_host *host, int64_t now)
{
	struct kubernetes *k = bh_calloc(1, sizeof(*k));

	k->host = *host;
	k->pods = bh_map_new(free_pod);
	k->owners = bh_map_new(free_owner);
	k->retry_after = RETRY_LEAST;
	go_on(k, now);
	return k;
}

static void kubernetes_stop(void *state)
{
	struct kubernetes *k = state;

	bh_http_reply_free(&k->reply);
	bh_map_free(k->pods);
	bh_map_free(k->owners);
	free(k);
}

const struct bh_runtime_ops bh_kubernetes_ops = { .runtime = BH_RUNTIME_KUBERNETES,
						  .start = kubernetes_start,
						  .data = kubernetes_data,
						  .end = kubernetes_end,
						  .tick = kubernetes_tick,
						  .stop = kubernetes_stop };
