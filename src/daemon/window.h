/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start-up window: the time in which a container can send, and the rules that are meant for it
 * do not stand yet. It opens when a link first leads to the container (the kernel process's clock),
 * and closes when the kernel has confirmed rules for every address it has. Times are µs since the
 * epoch. Endpoints that were there before bulkhead have none.
 */
#ifndef BH_WINDOW_H
#define BH_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_WINDOW_SAMPLES 1000 /* the last ones that percentiles are taken of */

struct bh_windows;

/* From the link's appearance on, of the last BH_WINDOW_SAMPLES endpoints at most. */
struct bh_window_figures {
	uint64_t
		count; /* since the start; the others are of the last ones, 0 where there is none */
	int64_t p50;
	int64_t p99;
	int64_t most;
};

struct bh_window_report {
	struct bh_window_figures known; /* until it was known whose it is */
	struct bh_window_figures stood; /* until its rules stood, where any are in force */
	struct bh_window_figures bare;	/* from its first address on, until the same */
	uint64_t waiting;		/* there, and nobody knows whose */
	uint64_t unstood;		/* known, there, and without its rules */
	uint64_t left_unknown;		/* went before anybody knew whose it was */
	uint64_t left_unstood;		/* went before its rules stood */
	uint64_t early; /* sent something before its rules stood, or left without any */
};

/* linger: how long after its end an endpoint's first packets may still be reported. */
struct bh_windows *bh_windows_new(int64_t linger);
void bh_windows_free(struct bh_windows *windows);

/* The link appeared; since is when. */
void bh_windows_open(struct bh_windows *windows, uint32_t ifindex, int64_t since);
/* It has an address: it can send. */
void bh_windows_addressed(struct bh_windows *windows, uint32_t ifindex, int64_t now);
/* It is known whose it is; governed: rules are to come. Only the first call for an endpoint counts,
 * here and below. */
void bh_windows_known(struct bh_windows *windows, uint32_t ifindex, bool governed, int64_t now);
void bh_windows_stood(struct bh_windows *windows, uint32_t ifindex, int64_t now);
/* A flow of its own began then. */
void bh_windows_sent(struct bh_windows *windows, uint32_t ifindex, int64_t first);
void bh_windows_gone(struct bh_windows *windows, uint32_t ifindex, int64_t now);
void bh_windows_tick(struct bh_windows *windows, int64_t now);

/* Iterates over present endpoints that wait to be known, or (known) for their rules: start with
 * *position = 0; 0 ends. In between no other function of these may be called but _known and _stood
 * for the endpoint just returned. */
uint32_t bh_windows_next(const struct bh_windows *windows, bool known, size_t *position);

void bh_windows_report(const struct bh_windows *windows, struct bh_window_report *report);

#endif
