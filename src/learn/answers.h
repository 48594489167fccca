/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What names stand for: the addresses that each workload was given when it asked for them, so that
 * a rule by name can be spelt out. An answer counts for the workload, whichever of its replicas
 * received it, and for nobody else. An address stays as long as the answer holds, and after that as
 * long as a flow of the workload uses it. Memory is bounded: what was not used for the longest time
 * goes first, and to be told counts as a use; never what a flow uses. Pure logic; times are µs.
 */
#ifndef BH_ANSWERS_H
#define BH_ANSWERS_H

#include "bulkhead/address.h"

struct bh_answers;

struct bh_answer_row {
	const char *workload;
	const char *name; /* as lib/dns_name.h writes it */
	struct bh_addr addr;
	int64_t until;
	int64_t used; /* of what is told: when that was */
};

/* How many pairs of name and address are kept. */
struct bh_answers_limits {
	size_t per_name; /* of one workload */
	size_t per_workload;
	size_t most;
};

struct bh_answers *bh_answers_new(const struct bh_answers_limits *limits);
void bh_answers_free(struct bh_answers *answers); /* may be NULL */

/* The workload was told so. Whether the name did not stand for the address before. */
bool bh_answers_note(struct bh_answers *answers, const struct bh_answer_row *row);
/* What one workload was told holds for the other from now on, too: it is the same by another name.
 */
void bh_answers_copy(struct bh_answers *answers, const char *from, const char *to);
/* Addresses that found no room, since all the others were in use. */
uint64_t bh_answers_refused(const struct bh_answers *answers);

/* What the workload called the address when it was told last, of what it had been told by that
 * time (what was put back, before every time); NULL: nothing. Good until the next call that is not
 * const. */
const char *bh_answers_name(const struct bh_answers *answers, const char *workload,
			    const struct bh_addr *addr, int64_t time);
/* What else it calls it: the name that it was told before `later` others; NULL: there are no more.
 */
const char *bh_answers_other_name(const struct bh_answers *answers, const char *workload,
				  const struct bh_addr *addr, size_t later);
/* Whether the workload was told anything. */
bool bh_answers_knows(const struct bh_answers *answers, const char *workload);

/* A flow of the workload uses the address, from now on until _end(); NULL: it was not told of it.
 * _touch() with each news of the flow. */
struct bh_answer_use;
struct bh_answer_use *bh_answers_use(struct bh_answers *answers, const char *workload,
				     const struct bh_addr *addr);
void bh_answers_touch(struct bh_answers *answers, struct bh_answer_use *use, int64_t time);
void bh_answers_end(struct bh_answer_use *use); /* may be NULL */

/* Drops what holds no longer and is not used. Whether there was any. */
bool bh_answers_expire(struct bh_answers *answers, int64_t now);

/* Those of wanted names (NULL: all), in order of workload, name and address. */
void bh_answers_each(const struct bh_answers *answers, bool (*wanted)(void *user, const char *name),
		     void (*row)(void *user, const struct bh_answer_row *), void *user);
size_t bh_answers_count(const struct bh_answers *answers);

/* What was noted since the last call of this, and what was dropped; an answer that only holds a
 * little longer now, less than ten minutes, is not saved again. */
void bh_answers_each_dirty(struct bh_answers *answers,
			   void (*save)(void *user, const struct bh_answer_row *),
			   void (*drop)(void *user, const struct bh_answer_row *), void *user);
/* Puts back what was saved. */
void bh_answers_restore(struct bh_answers *answers, const struct bh_answer_row *row);
/* Everything counts as changed: what was saved is not to be relied upon. */
void bh_answers_mark_dirty(struct bh_answers *answers);

#endif
