/* SPDX-License-Identifier: GPL-2.0-or-later */
/* That somebody else changed our tables, and how they stand since. */
#ifndef BULKHEAD_TAMPERING_H
#define BULKHEAD_TAMPERING_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/endpoint.h"

enum bh_tampering_found {
	BH_TAMPERING_TOLD, /* the kernel told of it, as it happened */
	BH_TAMPERING_SEEN, /* the tables were not what they should be, when they were read */
	BH_TAMPERING_LEFT, /* the same, at the start: it happened while no daemon ran */
	BH_TAMPERING_FOUND,
};

/* Texts hold printable ASCII alone, whatever strangers called things. */
struct bh_tampering {
	int64_t time;	  /* µs: when it became known */
	int64_t repaired; /* µs; 0: it was not */
	uint8_t found;	  /* enum bh_tampering_found */
	/* Of who was told of first; "", 0: nobody knows. */
	uint32_t pid;
	bool ended; /* the process was gone when it was looked for */
	char process[32];
	char command[256];
	char container_id[BH_CONTAINER_ID]; /* "": none */
	uint32_t transactions; /* that touched our tables, those of others since then among them */
	char done[256];	       /* the first of them, as the kernel told it; "": it did not */
	char differed[400];    /* what made the tables whole; "": they were, when they were read */
	char why[256];	       /* they are not */
};

/* How it stands with the tables. */
struct bh_tables_state {
	int64_t verified; /* µs: when all of them was last read and found to be what was applied */
	int64_t took;	  /* µs: the reading */
	uint64_t tampered; /* how often since the daemon's start */
	int64_t last;	   /* µs: the last time */
	bool contested;	   /* others change them again and again: repairs wait in between */
	bool owner;	   /* others cannot change them */
	char why[256];	   /* the last reading failed; "": it did not */
};

#endif
