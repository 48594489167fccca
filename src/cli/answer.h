/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon said, made fit for a terminal. Names in it come from containers' labels, DNS and
 * packets, so an intruder may have chosen them: after bh_answer_parse() no string holds anything
 * that a terminal obeys. Keys may be missing: every accessor copes with that.
 */
#ifndef BH_ANSWER_H
#define BH_ANSWER_H

#include <cjson/cJSON.h>

#include "protocol.h"
#include "timefmt.h"

/* Parses JSON; the text may be of any bytes. NULL where it is none. */
cJSON *bh_answer_parse(const char *text);

const cJSON *bh_get(const cJSON *json, const char *key);
const char *bh_text(const cJSON *json, const char *key); /* NULL where there is no text */
const char *bh_word(const cJSON *json, const char *key); /* "-" where there is no text */
double bh_number(const cJSON *json, const char *key);	 /* 0 where there is no number */

/* "5432/tcp" from proto and this port; "-" where they are none. */
const char *bh_answer_port(const cJSON *json, double port, char out[BH_PORT_TEXT]);

/* On a terminal the local time of day, with the date where it is not today's; else RFC 3339. "-"
 * where there is no time. */
char *bh_clock(double seconds, char out[BH_TIME_TEXT]);

/* "2 h". */
char *bh_age(double seconds, char out[BH_TIME_TEXT]);

/* "enforce on 1 of 4": a mode, and of how many of the workload's instances it is; before that what
 * was asked for, where that is another thing: "enforce on 25%, 1 of 4". share: null where it is of
 * all. Returns out. */
#define BH_MODE_TEXT 64
char *bh_mode_text(const char *mode, const cJSON *share, char out[BH_MODE_TEXT]);
/* "compose:shop/web: enforce on 1 of 4 (web-2), audit the others"; nothing where it is null. */
void bh_share_print(const char *indent, const cJSON *share);

/* Which revision is on trial, and what ends that; nothing where none is (null). */
void bh_trial_print(const cJSON *trial);

#endif
