/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each workload's peers outside were called, by DNS and by the claims of its TLS clients: for
 * people who read the ledger and the policy proposed from it. Nothing is decided by it. Pure logic;
 * of each kind a pair keeps its few latest names.
 */
#ifndef BH_CALLED_H
#define BH_CALLED_H

#include "bulkhead/edge.h"

struct bh_called;

/* most: pairs of workload and address; further ones are not kept. */
struct bh_called *bh_called_new(size_t most);
void bh_called_free(struct bh_called *called);

/* name: printable, without spaces. time: µs, when it was met. */
void bh_called_note(struct bh_called *called, const char *src, const char *dst, enum bh_calling how,
		    const char *name, int64_t time);

/* In order of name; the texts are good until the next note or restore. */
void bh_called_get(const struct bh_called *called, const char *src, const char *dst,
		   struct bh_edge_names *out);

/* Pairs that changed since the last call of this, each with its names as a text; it gives them back
 * to bh_called_restore(), which leaves out what it does not understand. When a name was met last is
 * saved to the hour. */
void bh_called_each_dirty(struct bh_called *called,
			  void (*pair)(void *user, const char *src, const char *dst,
				       const char *names),
			  void *user);
void bh_called_restore(struct bh_called *called, const char *src, const char *dst,
		       const char *names);

/* Every pair counts as changed: what was saved is not to be relied upon. */
void bh_called_mark_dirty(struct bh_called *called);

#endif
