/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workload.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "grow.h"

static void set(struct bh_instance *i, const char *why, const char *kind, const char *name)
{
	snprintf(i->workload, sizeof(i->workload), "%s:%s", kind, name);
	bh_copy_text(i->why, sizeof(i->why), why);
}

/* "registry:5000/shop/web:1.2@sha256:…" → "registry:5000/shop/web" */
static void bare_image(const char *image, char *out, size_t size)
{
	bh_copy_text(out, size, image);
	out[strcspn(out, "@")] = '\0';
	char *slash = strrchr(out, '/'), *colon = strrchr(out, ':');

	if (colon != NULL && (slash == NULL || colon > slash))
		*colon = '\0';
}

/* Whoever labels a container knows best, then whoever composed it; replicas of one image are alike;
 * a name alone groups nothing. */
static void name_container(struct bh_instance *i)
{
	const struct bh_container *c = i->container;
	const char *label = bh_container_label(c, "bulkhead.workload");
	const char *project = bh_container_label(c, "com.docker.compose.project");
	const char *service = bh_container_label(c, "com.docker.compose.service");
	const char *swarm = bh_container_label(c, "com.docker.swarm.service.name");
	char text[240];

	bh_copy_text(i->name, sizeof(i->name),
		     c->pod[0] != '\0'	  ? c->pod
		     : c->name[0] != '\0' ? c->name
					  : c->id);
	if (label != NULL) {
		set(i, "label bulkhead.workload", "label", label);
	} else if (project != NULL && service != NULL) {
		snprintf(text, sizeof(text), "%s/%s", project, service);
		set(i, "Compose project and service", "compose", text);
	} else if (swarm != NULL) {
		set(i, "Swarm service", "swarm", swarm);
	} else if (c->pod[0] != '\0') {
		set(i, "pod", "pod", c->pod);
	} else if (c->image[0] != '\0' && strncmp(c->image, "sha256:", 7) != 0) {
		bare_image(c->image, text, sizeof(text));
		set(i, "image without its tag", "image", text);
	} else {
		set(i, "name", "container", i->name);
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

bool bh_netns_name_is_made_up(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strstr(path, "/docker/") != NULL ||
	       (slash != NULL &&
		(is_prefixed_uuid(slash, "/netns-") || is_prefixed_uuid(slash, "/cni-")));
}

void bh_workload_name(struct bh_instance *i, bool netns_ordinals)
{
	const char *slash = strrchr(i->fact.netns_name, '/');

	if (i->container != NULL) {
		name_container(i);
		return;
	}
	i->workload[0] = '\0';
	bh_copy_text(i->why, sizeof(i->why), "nobody has said yet whose it is");
	if (i->fact.container_id[0] != '\0')
		snprintf(i->name, sizeof(i->name), "%s:%.12s", bh_runtime_name(i->fact.runtime),
			 i->fact.container_id);
	else if (slash != NULL && !bh_netns_name_is_made_up(i->fact.netns_name))
		name_netns(i, slash + 1, netns_ordinals);
	else
		bh_copy_text(i->name, sizeof(i->name), i->fact.ifname);
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
