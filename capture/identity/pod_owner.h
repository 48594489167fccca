/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Kubernetes pod belongs to: as the API server says (kubernetes.c), or by the labels that a
 * CRI runtime and the controllers give it. Internal to this folder.
 */
#ifndef BH_POD_OWNER_H
#define BH_POD_OWNER_H

#include "runtime.h"

/* "prod/deploy/api": namespace, kind and name of the topmost owner that is told; *why: by
 * what, in words. False: it is of no pod. */
bool bh_pod_owner(const struct bh_container *container, char *out, size_t size, const char **why);

#endif
