/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kubernetes' pods joined to their containers: labels and owner come from the API server, the
 * container from a CRI runtime, or Docker, and either may be first. What is known of a pod stays as
 * long as there are containers of it, and outlives a restart: without it each of them would become
 * a workload of its own while the server is away.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "grow.h"
#include "timefmt.h"

#define UID "io.kubernetes.pod.uid"

struct pod {
	struct bh_container *facts;
	bool gone; /* for the server; its containers are still there */
};

static void free_pod(void *value)
{
	struct pod *pod = value;

	bh_container_free(pod->facts);
	free(pod);
}

static void free_container(void *value)
{
	bh_container_free(value);
}

void bh_core_pods_start(struct bh_core *core)
{
	core->pods = bh_map_new(free_pod);
	core->pod_members = bh_map_new(free_container);
}

static bool is_of(const struct bh_container *container, const char *uid)
{
	const char *own = bh_container_label(container, UID);

	return own != NULL && strcmp(own, uid) == 0;
}

static const struct bh_container *next_member(const struct bh_core *core, const char *uid,
					      size_t *position)
{
	const struct bh_container *c;

	while ((c = bh_map_next(core->pod_members, position)) != NULL)
		if (is_of(c, uid))
			return c;
	return NULL;
}

static bool has_members(const struct bh_core *core, const char *uid)
{
	size_t position = 0;

	return next_member(core, uid, &position) != NULL;
}

/* The container with what is known of its pod; the caller frees it. */
static struct bh_container *join(const struct bh_core *core, const struct bh_container *container)
{
	const char *uid = bh_container_label(container, UID);
	const struct pod *pod = uid != NULL ? bh_map_get_text(core->pods, uid) : NULL;
	struct bh_container *joined = bh_container_copy(container);

	if (pod == NULL)
		return joined;
	memcpy(joined->owner, pod->facts->owner, sizeof(joined->owner));
	for (size_t i = 0; i < pod->facts->label_count; i++)
		bh_container_set_label(joined, pod->facts->labels[i].key,
				       pod->facts->labels[i].value);
	return joined;
}

struct bh_container *bh_core_pods_join(struct bh_core *core, const struct bh_container *container)
{
	if (bh_container_label(container, UID) != NULL)
		bh_map_put_text(core->pod_members, container->id, bh_container_copy(container));
	return join(core, container);
}

void bh_core_pods_put(struct bh_core *core, const struct bh_container *facts)
{
	struct pod *pod = bh_calloc(1, sizeof(*pod));

	pod->facts = bh_container_copy(facts);
	bh_map_put_text(core->pods, facts->id, pod);
}

void bh_core_pods_restate(struct bh_core *core, const char *uid,
			  void (*state)(struct bh_core *core, const struct bh_container *container))
{
	const struct bh_container *member;

	for (size_t position = 0; (member = next_member(core, uid, &position)) != NULL;) {
		struct bh_container *joined = join(core, member);

		state(core, joined);
		bh_container_free(joined);
	}
}

static void drop_pod(struct bh_core *core, const char *uid)
{
	char copy[BH_CONTAINER_ID];

	bh_copy_text(copy, sizeof(copy), uid); /* it may be the pod's own text */
	bh_map_remove_text(core->pods, copy);
	bh_core_forget(core, copy);
}

void bh_core_pods_lose(struct bh_core *core, const char *uid)
{
	struct pod *pod = bh_map_get_text(core->pods, uid);

	if (pod == NULL)
		return;
	pod->gone = true;
	if (!has_members(core, uid))
		drop_pod(core, uid);
}

void bh_core_pods_lose_member(struct bh_core *core, const char *id)
{
	const struct bh_container *member = bh_map_get_text(core->pod_members, id);
	char uid[BH_CONTAINER_ID];

	if (member == NULL)
		return;
	bh_copy_text(uid, sizeof(uid), bh_container_label(member, UID));
	bh_map_remove_text(core->pod_members, id);
	const struct pod *pod = bh_map_get_text(core->pods, uid);
	if (pod != NULL && pod->gone && !has_members(core, uid))
		drop_pod(core, uid);
}

/* containerd tells a pod's name and uid, and no label of the pod's own. */
static bool is_bare(const struct bh_container *container)
{
	static const char prefix[] = "io.kubernetes.";

	for (size_t i = 0; i < container->label_count; i++)
		if (strncmp(container->labels[i].key, prefix, sizeof(prefix) - 1) != 0)
			return false;
	return true;
}

size_t bh_core_pods_unexplained(const struct bh_core *core)
{
	const struct bh_container *member;
	size_t count = 0;

	for (size_t position = 0; (member = bh_map_next(core->pod_members, &position)) != NULL;)
		if (member->pod[0] != '\0' && is_bare(member) &&
		    strcmp(member->network_mode, "host") != 0 &&
		    bh_map_get_text(core->pods, bh_container_label(member, UID)) == NULL)
			count++;
	return count;
}
