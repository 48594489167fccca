/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When which bridge is tested (enforce/probe.h): once its rules stand, after each change of who is
 * judged there and how, after a flag of its changed, and from time to time. One after the other,
 * each within a second or two; what does not hold is tested again sooner. What it says of a bridge
 * holds for the time since the last change. And when which routed veth: once it is there, after its
 * workload's mode changed, and from time to time; 50 a second at most.
 *
 * To hand a bridge's frames to netfilter shows them to the rules of others, too. Where these turn
 * out to stop what ours let pass, it is taken back: to lose enforcement, and to say so, is better
 * than to break what runs.
 */
#ifndef BH_KERNEL_SELFTEST_H
#define BH_KERNEL_SELFTEST_H

#include <uv.h>

#include "bulkhead/proof.h"
#include "bulkhead/ruleset.h"

struct bh_selftest;

struct bh_selftest_events {
	void *user;
	/* handed_over is left to whoever is told. */
	void (*proof)(void *user, uint32_t ifindex, const struct bh_proof *proof);
	/* The interfaces that it has just made, which are nobody's; count 0: they are gone. */
	void (*ports)(void *user, const uint32_t *ifindexes, size_t count);
	/* Has the bridge's frames not handed to netfilter any more, or again. False: that is
	 * somebody else's to say. */
	bool (*withhold)(void *user, uint32_t ifindex, bool withheld);
	/* Why nothing can pass on that bridge, or veth; NULL: something can. */
	const char *(*idle)(void *user, uint32_t ifindex);
};

/* interval: µs between two tests of a bridge or veth; 0: none is ever tested. */
struct bh_selftest *bh_selftest_new(uv_loop_t *loop, int64_t interval,
				    const struct bh_selftest_events *events);
/* Its interfaces go. Its timers are the loop's: to be called when that runs no more. */
void bh_selftest_free(struct bh_selftest *selftest);

/* These rules stand now; they are not kept. */
void bh_selftest_rules(struct bh_selftest *selftest, const struct bh_ruleset *rules);
/* Something happened to that bridge; why: in words. What is no filtered bridge is passed over. */
void bh_selftest_touch(struct bh_selftest *selftest, uint32_t ifindex, const char *why);
/* Traffic of that bridge, which the rules allow, does not arrive since its frames are handed to
 * netfilter; why: in words. It is handed over again when who is judged there changes. */
void bh_selftest_withhold(struct bh_selftest *selftest, uint32_t ifindex, const char *why);
/* Tests all anew that were not tested within the last second. */
void bh_selftest_run(struct bh_selftest *selftest);
/* States all there is once more. */
void bh_selftest_repeat(const struct bh_selftest *selftest);

#endif
