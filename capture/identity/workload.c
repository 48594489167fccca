/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workload.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "grow.h"
#include "pod_owner.h"

static void set(struct bh_instance *i, const char *why, const char *kind, const char *name)
{
	snprintf(i->workload, sizeof(i->workload), "%s:%s", kind, name);
	bh_copy_text(i->why, sizeof(i->why), why);
}

/* "registry:5000/shop/web:1.2@sha256:…" → "registry:5000/shop/web". False: it has no name. */
static bool bare_image(const struct bh_container *c, char *out, size_t size)
{
	if (c->image[0] == '\0' || strncmp(c->image, "sha256:", 7) == 0)
		return false;
	bh_copy_text(out, size, c->image);
	out[strcspn(out, "@")] = '\0';
	char *slash = strrchr(out, '/'), *colon = strrchr(out, ':');

	if (colon != NULL && (slash == NULL || colon > slash))
		*colon = '\0';
	return true;
}

static bool is_one_off(const struct bh_container *c)
{
	const char *label = bh_container_label(c, "com.docker.compose.oneoff");

	return label != NULL && strcmp(label, "True") == 0;
}

/* Whoever labels a container knows best, then whoever runs it; replicas of one image are alike; a
 * name alone groups nothing. */
static void name_container(struct bh_instance *i)
{
	const struct bh_container *c = i->container;
	const char *label = bh_container_label(c, "bulkhead.workload");
	const char *project = bh_container_label(c, "com.docker.compose.project");
	const char *service = bh_container_label(c, "com.docker.compose.service");
	const char *swarm = bh_container_label(c, "com.docker.swarm.service.name");
	const char *why;
	char text[240];

	if (label != NULL && *label != '\0') {
		set(i, "label bulkhead.workload", "label", label);
	} else if (bh_pod_owner(c, text, sizeof(text), &why)) {
		set(i, why, "k8s", text);
	} else if (project != NULL && service != NULL) {
		snprintf(text, sizeof(text), "%s/%s", project, service);
		set(i,
		    is_one_off(c) ? "Compose project and service, whose single run it is"
				  : "Compose project and service",
		    "compose", text);
	} else if (swarm != NULL) {
		set(i, "Swarm service", "swarm", swarm);
	} else if (c->pod[0] != '\0') {
		set(i, "pod", "pod", c->pod);
	} else if (bare_image(c, text, sizeof(text))) {
		set(i,
		    c->stripped ? "image without its tag; labels that would name it are its "
				  "image's, or may be"
				: "image without its tag",
		    "image", text);
		i->guessed = true;
	} else {
		set(i, "name", "container", i->name);
		i->guessed = true;
	}
}

/* "web-1" → "web" */
static void drop_ordinal(char *name)
{
	char *dash = strrchr(name, '-');

	if (dash == NULL || dash == name || dash[1] == '\0')
		return;
	for (const char *digit = dash + 1; *digit != '\0'; digit++)
		if (!isdigit((unsigned char)*digit))
			return;
	*dash = '\0';
}

static void name_netns(struct bh_instance *i, const char *base, bool ordinals)
{
	char group[240];

	bh_copy_text(i->name, sizeof(i->name), base);
	bh_copy_text(group, sizeof(group), base);
	if (ordinals)
		drop_ordinal(group);
	set(i,
	    strcmp(group, base) != 0 ? "namespace's name without its number" : "namespace's name",
	    "netns", group);
}

/* "…01234567-89ab-cdef-0123-456789abcdef" */
static bool is_prefixed_uuid(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 && strlen(text + length) == 36 &&
	       strspn(text + length, "0123456789abcdef-") == 36;
}

/* Swarm's load balancer for published ports: no container's, and called so everywhere. */
#define INGRESS "/ingress_sbox"

bool bh_netns_name_is_made_up(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (strstr(path, "/docker/") != NULL &&
		(slash == NULL || strcmp(slash, INGRESS) != 0)) ||
	       (slash != NULL &&
		(is_prefixed_uuid(slash, "/netns-") || is_prefixed_uuid(slash, "/cni-")));
}

/* What rules match and names are made of; a workload is what comes of it. */
struct known {
	const struct bh_instance *instance;
	char image[256]; /* without its tag; "": it has none */
};

static const char *known_label(const void *labels, const char *key)
{
	const struct known *known = labels;

	if (strcmp(key, "bulkhead.workload") == 0)
		return known->instance->container != NULL
			       ? bh_container_label(known->instance->container, key)
			       : NULL;
	if (strcmp(key, "bulkhead.image") == 0)
		return known->image;
	return bh_instance_label(known->instance, key);
}

/* By the operator's rules, which go before everything else. */
static void name_by_rule(struct bh_instance *i, const struct bh_grouping *grouping)
{
	struct known known = { .instance = i };
	char name[BH_GROUPING_NAME];

	if (i->container != NULL)
		bare_image(i->container, known.image, sizeof(known.image));
	unsigned rule = bh_grouping_name(grouping, known_label, &known, name);
	if (rule == 0)
		return;
	bh_copy_text(i->workload, sizeof(i->workload), name);
	i->guessed = false;
	snprintf(i->why, sizeof(i->why), "rule %u of the configuration's workloads", rule);
}

/* nspawn calls its interfaces "ve-<machine>", on a bridge "vb-<machine>" (systemd-nspawn(1)); where
 * it is not registered that is the only place where the name stands. */
static bool is_unnamed_machine(const struct bh_endpoint_fact *fact)
{
	return fact->runtime == BH_RUNTIME_NSPAWN && fact->container_id[0] == '\0' &&
	       (strncmp(fact->ifname, "ve-", 3) == 0 || strncmp(fact->ifname, "vb-", 3) == 0);
}

static bool is_named_netns(const struct bh_endpoint_fact *fact)
{
	return fact->container_id[0] == '\0' && strrchr(fact->netns_name, '/') != NULL &&
	       !bh_netns_name_is_made_up(fact->netns_name);
}

void bh_workload_name(struct bh_instance *i, const struct bh_grouping *grouping,
		      bool netns_ordinals)
{
	const struct bh_container *c = i->container;

	i->workload[0] = '\0';
	i->guessed = false;
	bh_copy_text(i->why, sizeof(i->why), "nobody has said yet whose it is");
	if (c != NULL) {
		bh_copy_text(i->name, sizeof(i->name),
			     c->pod[0] != '\0'	  ? c->pod
			     : c->name[0] != '\0' ? c->name
						  : c->id);
		name_container(i);
	} else if (i->fact.container_id[0] != '\0') {
		snprintf(i->name, sizeof(i->name), "%s:%.12s", bh_runtime_name(i->fact.runtime),
			 i->fact.container_id);
	} else if (is_unnamed_machine(&i->fact)) {
		bh_copy_text(i->name, sizeof(i->name), i->fact.ifname + 3);
		set(i, "name of nspawn's interface", "container", i->name);
	} else if (is_named_netns(&i->fact)) {
		name_netns(i, strrchr(i->fact.netns_name, '/') + 1, netns_ordinals);
	} else {
		bh_copy_text(i->name, sizeof(i->name), i->fact.ifname);
	}
	if (i->workload[0] != '\0' && grouping != NULL)
		name_by_rule(i, grouping);
}

bool bh_instance_image(const struct bh_instance *i, char *out, size_t size)
{
	return i->container != NULL && bare_image(i->container, out, size);
}

const char *bh_instance_label(const struct bh_instance *i, const char *key)
{
	if (strcmp(key, "bulkhead.workload") == 0)
		return i->workload[0] != '\0' ? i->workload : NULL;
	if (strcmp(key, "bulkhead.name") == 0)
		return i->name;
	if (strcmp(key, "bulkhead.runtime") == 0)
		return bh_runtime_name(i->container != NULL ? i->container->runtime
							    : i->fact.runtime);
	if (strcmp(key, "bulkhead.netns") == 0)
		return i->fact.netns_name[0] != '\0' ? i->fact.netns_name : NULL;
	return i->container != NULL ? bh_container_label(i->container, key) : NULL;
}
