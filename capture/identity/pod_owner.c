/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels: kubernetes.io/docs/reference/labels-annotations-taints. Names of pods end in what their
 * controller made up; it is taken off only where a label says which controller that was. */
#include "pod_owner.h"

#include <stdio.h>
#include <string.h>

#include "grow.h"

/* What the controller of cron jobs appends to a job's name: the time that it is for, in minutes
 * (since 1.21) or seconds since the epoch. */
#define LEAST_DIGITS 8
#define MOST_DIGITS 10

/* Cuts "-SUFFIX" off; suffix NULL: whatever stands behind the last hyphen. False: it does not end
 * so, or nothing would be left. */
static bool cut(char *name, const char *suffix)
{
	char *hyphen = strrchr(name, '-');

	if (hyphen == NULL || hyphen == name || hyphen[1] == '\0' ||
	    (suffix != NULL && strcmp(hyphen + 1, suffix) != 0))
		return false;
	*hyphen = '\0';
	return true;
}

static bool cut_digits(char *name, size_t least, size_t most)
{
	const char *hyphen = strrchr(name, '-');
	size_t digits = hyphen != NULL ? strspn(hyphen + 1, "0123456789") : 0;

	return digits >= least && digits <= most && hyphen[1 + digits] == '\0' && cut(name, NULL);
}

static const char *either(const struct bh_container *c, const char *key, const char *older)
{
	const char *value = bh_container_label(c, key);

	return value != NULL ? value : bh_container_label(c, older);
}

/* The owner's kind; name, a pod's, becomes the owner's. */
static const char *find_owner(const struct bh_container *c, char name[256], const char **why)
{
	const char *job = either(c, "batch.kubernetes.io/job-name", "job-name");
	const char *hash = bh_container_label(c, "pod-template-hash");
	bool revised = bh_container_label(c, "controller-revision-hash") != NULL;

	if (job != NULL && *job != '\0') {
		bool cron =
			bh_copy_text(name, 256, job) && cut_digits(name, LEAST_DIGITS, MOST_DIGITS);

		*why = cron ? "Kubernetes job's label, without the time that its cron job appended"
			    : "Kubernetes job's label";
		return cron ? "cronjob" : "job";
	}
	*why = "Kubernetes pod's name without what its controller's label explains";
	char whole[256];
	memcpy(whole, name, sizeof(whole));
	if (hash != NULL && cut(name, NULL) && cut(name, hash))
		return "deploy";
	memcpy(name, whole, sizeof(whole));
	if (bh_container_label(c, "statefulset.kubernetes.io/pod-name") != NULL &&
	    cut_digits(name, 1, MOST_DIGITS))
		return "statefulset";
	if (revised && bh_container_label(c, "pod-template-generation") != NULL && cut(name, NULL))
		return "daemonset";
	*why = "Kubernetes pod's name";
	return "pod";
}

bool bh_pod_owner(const struct bh_container *c, char *out, size_t size, const char **why)
{
	const char *namespace = bh_container_label(c, "io.kubernetes.pod.namespace");
	const char *pod = bh_container_label(c, "io.kubernetes.pod.name");
	char name[256];

	if (namespace == NULL || pod == NULL || *namespace == '\0' || *pod == '\0')
		return false;
	if (c->owner[0] != '\0') {
		*why = "owner that Kubernetes' API server tells";
		snprintf(out, size, "%s/%s", namespace, c->owner);
		return true;
	}
	bh_copy_text(name, sizeof(name), pod);
	const char *kind = find_owner(c, name, why);
	snprintf(out, size, "%s/%s/%s", namespace, kind, name);
	return true;
}
