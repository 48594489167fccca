/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in force: by what the kernel confirmed, not by what it was sent. Between sending and
 * confirmation either may hold; then only what both say counts. A flow is judged by it as of its
 * own time, so an end counts only since its address was bound, without a break, to that workload in
 * that mode, and every policy of that time is asked.
 */
#ifndef BH_CORE_FORCE_H
#define BH_CORE_FORCE_H

#include "bulkhead/ruleset.h"
#include "policy.h"

struct bh_force;

/* An address that the rules in the kernel know. */
struct bh_bound {
	const char *workload;
	uint8_t mode;  /* enum bh_mode */
	int64_t since; /* µs: when the kernel confirmed it, and in everything since */
};

/* A policy that was in force. */
struct bh_stance {
	const struct bh_policy *policy; /* NULL: there was none */
	const char *revision;
	int64_t number;
};

struct bh_force *bh_force_new(void);
void bh_force_free(struct bh_force *force);

/* rules went out, compiled from this policy. What they change is uncertain from now on. */
void bh_force_sent(struct bh_force *force, const struct bh_ruleset *rules,
		   const struct bh_stance *stance);
/* They are in the kernel. Where they are refused, nothing is to be called: what stood before
 * stands, and what they were to change stays uncertain until some rules are confirmed. */
void bh_force_confirmed(struct bh_force *force, const struct bh_ruleset *rules, int64_t now);

/* The policy is replaced: it is freed, now or as soon as nothing asks for it any more. May be
 * NULL. */
void bh_force_retire(struct bh_force *force, struct bh_policy *policy);
/* Forgets policies that were replaced a while ago. */
void bh_force_tick(struct bh_force *force, int64_t now);

/* False: the kernel has no rule for this address on that (layer 3) interface, or may not have. */
bool bh_force_bound(const struct bh_force *force, const char *l3_ifname, const struct bh_addr *addr,
		    struct bh_bound *bound);
/* The same of a host interface as such: what its workload's rules say of whatever comes from there
 * or goes there. */
bool bh_force_port(const struct bh_force *force, const char *ifname, struct bh_bound *bound);
/* Whether there were no rules at all in the kernel at any time since. */
bool bh_force_none(const struct bh_force *force, int64_t since);
/* The policies that may have been in force at any time since, the newest first: start with
 * *position = 0; false ends. */
bool bh_force_stance(const struct bh_force *force, int64_t since, size_t *position,
		     struct bh_stance *stance);

#endif
