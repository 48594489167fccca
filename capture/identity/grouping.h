/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operator's own rules about which instances are one workload. Each matches labels by shell
 * patterns and makes a name of labels; the first one that matches names. Flat and without pointers:
 * it travels within the configuration.
 */
#ifndef BH_GROUPING_H
#define BH_GROUPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_GROUPING_RULES 64
#define BH_GROUPING_MATCHES 8
#define BH_GROUPING_TEXT 8192 /* bytes of all keys, patterns and names, with a NUL each */
#define BH_GROUPING_NAME 256  /* of a workload, NUL included */

/* Offsets into the grouping's text. */
struct bh_grouping_match {
	uint16_t key;
	uint16_t pattern; /* fnmatch(3), without flags */
};

struct bh_grouping_rule {
	uint16_t name; /* "{com.example.app}-{com.example.role}" */
	uint16_t match_count;
	struct bh_grouping_match matches[BH_GROUPING_MATCHES];
};

struct bh_grouping {
	uint32_t rule_count;
	uint32_t used; /* bytes of text */
	struct bh_grouping_rule rules[BH_GROUPING_RULES];
	char text[BH_GROUPING_TEXT];
};

/* NULL, or what a rule's name has to be like and is not. */
const char *bh_grouping_name_fault(const char *name);

/* How long the kind is that a rule's name writes in front of a colon; 0: it writes none. */
size_t bh_grouping_kind(const char *name);

/* Adds a rule; what is matched by it is added one by one, all of which must hold. False: no room,
 * and nothing was added. */
bool bh_grouping_add_rule(struct bh_grouping *grouping, const char *name);
bool bh_grouping_add_match(struct bh_grouping *grouping, const char *key, const char *pattern);

/* Whether every count and offset is within bounds, of one that another process sent. */
bool bh_grouping_is_sound(const struct bh_grouping *grouping);

/*
 * The number (1 …) of the first rule that matches, and what it calls the workload; 0: none does.
 * label: a label's value, or NULL. A rule of which a label is missing or empty, among those that it
 * matches and those that its name is made of, does not match, nor does one whose name would be
 * longer than out holds.
 */
unsigned bh_grouping_name(const struct bh_grouping *grouping,
			  const char *(*label)(const void *labels, const char *key),
			  const void *labels, char out[BH_GROUPING_NAME]);

#endif
