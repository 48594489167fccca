/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network namespaces with names under /run/netns, as `ip netns` makes them, and visits to them. */
#ifndef BH_LAB_NAMESPACE_H
#define BH_LAB_NAMESPACE_H

#include <stdbool.h>

#include "bulkhead/error.h"

/* Fails with -EEXIST where the name is taken; it is recorded as the lab's before anything else can
 * fail. */
int bh_lab_namespace_create(const char *name, struct bh_error *err);
int bh_lab_namespace_remove(const char *name, struct bh_error *err);

/* Takes /run/netns away where up had to make it and nobody else uses it. */
void bh_lab_namespace_tidy(void);

int bh_lab_namespace_open(const char *name, struct bh_error *err); /* a descriptor */

/* The calling thread is in that namespace until *home is given back:
 *   BH_LAB_VISIT int home = bh_lab_namespace_enter(name, err); if (home < 0) return home; */
int bh_lab_namespace_enter(const char *name, struct bh_error *err);
void bh_lab_namespace_leave(int *home);
#define BH_LAB_VISIT __attribute__((cleanup(bh_lab_namespace_leave)))

/* A socket that works in that namespace although the thread has left it; negative errno. */
int bh_lab_namespace_socket(const char *name, int domain, int type, int protocol,
			    struct bh_error *err);

/* Whether the name still stands for the namespace that the caller is in. */
bool bh_lab_namespace_is_here(const char *name);

/* Writes a file under /proc/sys as the named namespace sees it. */
int bh_lab_namespace_sysctl(const char *name, const char *file, const char *value,
			    struct bh_error *err);

#endif
