/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An instance as the model keeps it: what it held when, and what it was called when. Internal to
 * this folder. */
#ifndef BH_INSTANCE_H
#define BH_INSTANCE_H

#include <sys/queue.h>

#include "model.h"

/* Of one instance; an address that comes and goes without end must not cost memory without end. */
#define BH_MOST_HOLDS 64
#define BH_MOST_FORMERS 8

struct instance {
	struct bh_instance shown;		   /* first: an instance is handed out as this */
	TAILQ_ENTRY(instance) next, next_nameless; /* of those that departed */
	TAILQ_ENTRY(instance) next_dirty;
	bool dirty;
	struct bh_hold *holds; /* in order of their beginning */
	size_t hold_count, hold_capacity;
	struct bh_designation *formers; /* oldest first */
	size_t former_count, former_capacity;
	int64_t seen;  /* restored, and not stated again yet: when it was last known; else 0 */
	uint32_t scan; /* the last scan that mentioned it */
};

void bh_instance_free(struct instance *instance);

/* The hold that goes on, or NULL. */
struct bh_hold *bh_instance_open_hold(struct instance *instance, const struct bh_addr *addr);
/* Whether it held the address at some time from `first` to `last`. */
bool bh_instance_held(const struct instance *instance, const struct bh_addr *addr, int64_t first,
		      int64_t last);
void bh_instance_add_hold(struct instance *instance, const struct bh_hold *hold);
/* Forgets the first of its holds that is over, if there are as many as may be; *addr: of what. */
bool bh_instance_shed_hold(struct instance *instance, struct bh_addr *addr);
bool bh_instance_has_hold_of(const struct instance *instance, const struct bh_addr *addr);
void bh_instance_end_holds(struct instance *instance, int64_t now);

/* It was called so until then. */
void bh_instance_add_former(struct instance *instance, const struct bh_designation *former);

#endif
