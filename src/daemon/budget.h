/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much a capture process may see for the processor time that it is granted. It gives up in
 * steps (live_filter.h) as soon as a second costs too much, and takes a step back only after some
 * seconds that cost less than half of what it may – longer ones each time it turns out to have been
 * too early, so that it does not swing.
 */
#ifndef BH_BUDGET_H
#define BH_BUDGET_H

#include <stdint.h>

struct bh_budget {
	int64_t limit;	  /* µs of processor time a second; 0: without */
	uint8_t least;	  /* enum bh_copy: what is seen at best … */
	uint8_t copy;	  /* … and now */
	int64_t patience; /* µs of quiet before a step back */
	int64_t time;	  /* of the last look, µs, monotonic; 0: none yet */
	int64_t cpu;	  /* spent by then, µs */
	int64_t quiet;	  /* since when it costs little; 0: it does not */
	int64_t relaxed;  /* when the last step back was */
};

void bh_budget_init(struct bh_budget *budget, int64_t limit, uint8_t least);

/* now: monotonic; cpu: spent by the process so far; both µs. Looks about once a second, whenever it
 * is called. Answers what is to be copied from now on. */
uint8_t bh_budget_look(struct bh_budget *budget, int64_t now, int64_t cpu);

#endif
