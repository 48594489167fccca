/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a bolt database (go.etcd.io/bbolt: page.go, bucket.go), in which Podman before 5.0 keeps
 * its containers: a B+ tree of pages, whose leaves hold values, or buckets, which are trees again.
 * The database is copied while its owner may write to it; a page that does not hold together ends
 * the walk, and the caller reads again. Internal to this folder.
 */
#ifndef BH_BOLT_H
#define BH_BOLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

struct bh_bolt {
	const uint8_t *bytes;
	size_t size;
	uint32_t page_size;
	uint64_t root; /* page of the outermost bucket */
};

struct bh_bolt_bucket {
	uint64_t page;	       /* its tree's root; 0: it lies in the leaf itself … */
	const uint8_t *inside; /* … here */
	size_t inside_size;
};

/* A run of bytes within the database. */
struct bh_bolt_bytes {
	const char *bytes;
	size_t size;
};

/* Looks at the newer of the two meta pages that is whole. The bytes stay the caller's, and are to
 * stay as long as the database is read. 0, or −EINVAL with *err. */
int bh_bolt_open(struct bh_bolt *db, const void *bytes, size_t size, struct bh_error *err);

/* The bucket of this name, in another one; parent NULL: among the outermost. False: there is none.
 */
bool bh_bolt_find(const struct bh_bolt *db, const struct bh_bolt_bucket *parent, const char *name,
		  struct bh_bolt_bucket *out);

/* The value of this key; size 0 where there is none. */
struct bh_bolt_bytes bh_bolt_value(const struct bh_bolt *db, const struct bh_bolt_bucket *bucket,
				   const char *key);

/* Calls found() for each bucket in this one. False: a page does not hold together, and some may be
 * missing. */
bool bh_bolt_each_bucket(const struct bh_bolt *db, const struct bh_bolt_bucket *parent,
			 void (*found)(void *user, struct bh_bolt_bytes name,
				       const struct bh_bolt_bucket *bucket),
			 void *user);

#endif
