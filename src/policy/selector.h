/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of labels, put together: of one key and one kind of test there is one item, those
 * of a key stand together, and all have to hold. Internal to this folder. */
#ifndef BH_SELECTOR_H
#define BH_SELECTOR_H

#include <stdbool.h>

#include "policy.h"

/* Zero-initialise: it asks for nothing, and selects everybody. */
struct bh_selector {
	struct bh_policy_label *items;
	size_t count, capacity;
	bool nobody; /* what was asked contradicts itself */
};

void bh_selector_free(struct bh_selector *selector);

/* The label's key and values are copied. */
void bh_selector_ask(struct bh_selector *selector, const struct bh_policy_label *wanted);
/* value: NULL with tests that have none. */
void bh_selector_ask_value(struct bh_selector *selector, const char *key, uint8_t test,
			   const char *value);
/* All that the other asks. */
void bh_selector_ask_all(struct bh_selector *selector, const struct bh_selector *other);
/* NULL: it does not ask so. */
const struct bh_policy_label *bh_selector_find(const struct bh_selector *selector, const char *key,
					       uint8_t test);

/* Whether nobody can have labels that are selected: false where somebody can. */
bool bh_selector_is_empty(const struct bh_selector *selector);
/* Whether one label of each contradicts the other: true is certain, false says nothing. */
bool bh_selectors_clash(const struct bh_selector *a, const struct bh_selector *b);

#endif
