/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "version.h"

#include <string.h>
#include <xxhash.h>

/* What tells one instance from another of the same version; a dot at the end: all that begin so. */
static const char *const own_labels[] = {
	"com.docker.compose.container-number",
	"com.docker.compose.oneoff",
	"com.docker.compose.replace",
	"com.docker.swarm.task", /* and .id, .name */
	"com.docker.swarm.task.",
	"com.docker.swarm.node.id",
	"com.hashicorp.nomad.alloc_id",
	"io.kubernetes.pod.",
	"io.kubernetes.container.",
	"io.kubernetes.sandbox.id",
	"batch.kubernetes.io/",
	"job-name",
	"controller-uid",
	"statefulset.kubernetes.io/pod-name",
	"apps.kubernetes.io/pod-index",
	"topology.kubernetes.io/",
};

static bool is_own(const char *key)
{
	for (size_t i = 0; i < sizeof(own_labels) / sizeof(own_labels[0]); i++) {
		const char *label = own_labels[i];
		size_t length = strlen(label);
		bool prefix = label[length - 1] == '.' || label[length - 1] == '/';

		if (prefix ? strncmp(key, label, length) == 0 : strcmp(key, label) == 0)
			return true;
	}
	return false;
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
	return XXH3_64bits_withSeed(text, strlen(text), seed);
}

uint64_t bh_container_version(const struct bh_container *c)
{
	uint64_t hash = hash_text(c->image_id[0] != '\0' ? c->image_id : c->image, 1);

	/* A sum: in whatever order they come. */
	for (size_t i = 0; i < c->label_count; i++)
		if (!is_own(c->labels[i].key))
			hash += hash_text(c->labels[i].value, hash_text(c->labels[i].key, 2));
	return hash != 0 ? hash : 1;
}
