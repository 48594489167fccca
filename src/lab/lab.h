/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lab: a small shop in network namespaces, to try bulkhead on. Everything lives inside one
 * namespace of its own ("bulkhead-lab", the lab's host) that has no route out; `up` builds it,
 * `down` leaves no trace. The daemon that watches it runs in that namespace too.
 */
#ifndef BH_LAB_H
#define BH_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/error.h"

#define BH_LAB_HOST "bulkhead-lab"

/* The calling thread visits other network namespaces in between, and is back when these return.
 * The program that calls bh_lab_up() is started again for every role, as `PROGRAM lab role NAME`.
 * -EALREADY: the lab is up. What a failed up had made is gone again. */
int bh_lab_up(struct bh_error *err);

/* 0 as well where there is no lab. Ends the lab's own processes only: a daemon that runs in its
 * namespace goes on, with nothing left to watch. */
int bh_lab_down(struct bh_error *err);
bool bh_lab_is_up(void);

/* One of the intruder's attempts, and what came of it. */
struct bh_lab_attempt {
	const char *name; /* "database from the web tier, IPv4" */
	bool got_through;
	char detail[256]; /* what was seen, at the victim's end where there is one */
};

/* What an intruder on lab-web-1 would do. Calls attempt() for each, and puts right again what it
 * broke; returns how many got through, or a negative errno. Takes less than half a minute. */
int bh_lab_attack(void (*attempt)(void *user, const struct bh_lab_attempt *attempt), void *user,
		  struct bh_error *err);

/* One thing that one of the shop's processes does again and again, and how it went so far. */
struct bh_lab_activity {
	char host[16]; /* "lab-api-1" */
	char name[32]; /* "asks cache" */
	uint64_t ok;
	uint64_t failed;
	uint64_t cut;	     /* how often a connection that is to stay open ended */
	int64_t longest_gap; /* µs between two that went well, the one that goes on included */
	char failure[128];   /* the last one, in words; "" where none was */
};

/* Calls activity() for each; returns how many there are, or a negative errno (-ENOENT: no lab). */
int bh_lab_report(void (*activity)(void *user, const struct bh_lab_activity *activity), void *user,
		  struct bh_error *err);

/* The lab's own processes (`bulkhead lab role NAME`): servers and clients. argv holds the words
 * after `role`, the host's name first. Does not return before its namespace is gone; exit status.
 */
int bh_lab_role(int argc, char **argv);

#endif
