/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Kubernetes pod belongs to, by the labels that a CRI runtime and the controllers give it.
 * They are as far as one gets without the API server; whoever reads owner references there says
 * more here. Internal to this folder.
 */
#ifndef BH_POD_OWNER_H
#define BH_POD_OWNER_H

#include "runtime.h"

/* "prod/deploy/api": namespace, kind and name of the topmost owner that the labels tell; *why: by
 * what, in words. False: it is of no pod. */
bool bh_pod_owner(const struct bh_container *container, char *out, size_t size, const char **why);

#endif
