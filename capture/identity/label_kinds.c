/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "label_kinds.h"

#include <stddef.h>
#include <string.h>

/* A dot or slash at the end: all that begin so. */
static const char *const per_instance[] = { "pod-template-hash",
					    "pod-template-generation",
					    "controller-revision-hash",
					    "controller-uid",
					    "batch.kubernetes.io/controller-uid",
					    "job-name",
					    "batch.kubernetes.io/job-name",
					    "batch.kubernetes.io/job-completion-index",
					    "statefulset.kubernetes.io/pod-name",
					    "apps.kubernetes.io/pod-index",
					    "kubernetes.io/hostname",
					    "topology.kubernetes.io/",
					    "failure-domain.beta.kubernetes.io/",
					    "topology.",
					    "annotation.",
					    "io.kubernetes.container.",
					    "io.kubernetes.pod.name",
					    "io.kubernetes.pod.uid",
					    "io.kubernetes.pod.terminationGracePeriod",
					    "io.kubernetes.sandbox.",
					    "com.docker.compose.config-hash",
					    "com.docker.compose.container-number",
					    "com.docker.compose.image",
					    "com.docker.compose.oneoff",
					    "com.docker.compose.replace",
					    "com.docker.compose.slug",
					    "com.docker.swarm.node.id",
					    "com.docker.swarm.task",
					    "com.docker.swarm.task.",
					    NULL };

/* Of the tool, of the image, or of a file: the same in everything that it made. */
static const char *const of_tools[] = { "com.docker.compose.depends_on",
					"com.docker.compose.project.",
					"com.docker.compose.version",
					"com.docker.swarm.service.id",
					"com.docker.swarm.affinities",
					"io.buildah.version",
					"io.cri-containerd.",
					"io.kubernetes.docker.type",
					"io.podman.",
					"PODMAN_SYSTEMD_UNIT",
					"org.opencontainers.image.",
					"org.label-schema.",
					"desktop.docker.io/",
					"maintainer",
					"bulkhead.",
					NULL };

static bool is_among(const char *key, const char *const *list)
{
	for (; *list != NULL; list++) {
		size_t length = strlen(*list);
		bool all = strchr("./", (*list)[length - 1]) != NULL;

		if (all ? strncmp(key, *list, length) == 0 : strcmp(key, *list) == 0)
			return true;
	}
	return false;
}

bool bh_label_is_per_instance(const char *key)
{
	return is_among(key, per_instance);
}

bool bh_label_may_group(const char *key)
{
	return !is_among(key, per_instance) && !is_among(key, of_tools);
}
