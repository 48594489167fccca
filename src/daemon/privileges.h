/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who the processes run as, and what they keep. docs/security.md gives the reason for each. */
#ifndef BH_PRIVILEGES_H
#define BH_PRIVILEGES_H

#include <sys/types.h>

#include "bulkhead/error.h"

struct bh_user {
	uid_t uid;
	gid_t gid;
};

/* A user by name or number. Root is refused. 0 or negative errno with what to do. */
int bh_user_find(const char *name, struct bh_user *user, struct bh_error *err);

/* A group by name; "" gives (gid_t)-1. -ENOENT with what to do where there is none. */
int bh_group_find(const char *name, gid_t *gid, struct bh_error *err);

/* The parent: root without most of root. Keeps the few capabilities it works with. Its bounding set
 * is empty: a child that starts as root has what capture needs to open its socket and shut itself
 * in. */
int bh_privileges_keep_kernel(struct bh_error *err);

/* Such a child: that user and group, no supplementary groups, no capability, none to be regained.
 */
int bh_privileges_drop_all(const struct bh_user *user, struct bh_error *err);

/* A child that was started as its user: it holds nothing, and gains nothing. */
int bh_privileges_check_none(struct bh_error *err);

#endif
