/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "selector.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"

void bh_selector_free(struct bh_selector *s)
{
	for (size_t i = 0; i < s->count; i++) {
		for (size_t j = 0; j < s->items[i].value_count; j++)
			free(s->items[i].values[j]);
		free(s->items[i].values);
		free(s->items[i].key);
	}
	free(s->items);
	*s = (struct bh_selector) { 0 };
}

static void add_value(struct bh_policy_label *label, const char *value)
{
	if (bh_policy_label_has(label, value))
		return;
	label->values = bh_resize(label->values, label->value_count + 1, sizeof(*label->values));
	label->values[label->value_count++] = bh_strdup(value);
}

const struct bh_policy_label *bh_selector_find(const struct bh_selector *s, const char *key,
					       uint8_t test)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].test == test && strcmp(s->items[i].key, key) == 0)
			return &s->items[i];
	return NULL;
}

/* Of values what both have. */
static void keep_common(struct bh_policy_label *label, const struct bh_policy_label *other)
{
	size_t kept = 0;

	for (size_t i = 0; i < label->value_count; i++) {
		if (bh_policy_label_has(other, label->values[i]))
			label->values[kept++] = label->values[i];
		else
			free(label->values[i]);
	}
	label->value_count = kept;
}

/* Behind what else is asked of the label. */
static struct bh_policy_label *add_test(struct bh_selector *s, const char *key, uint8_t test)
{
	size_t at = s->count;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i].key, key) == 0)
			at = i + 1;
	s->items = bh_grow(s->items, &s->capacity, s->count + 1, sizeof(*s->items));
	memmove(&s->items[at + 1], &s->items[at], (s->count++ - at) * sizeof(*s->items));
	s->items[at] = (struct bh_policy_label) { .key = bh_strdup(key), .test = test };
	return &s->items[at];
}

void bh_selector_ask(struct bh_selector *s, const struct bh_policy_label *wanted)
{
	const struct bh_policy_label *known = bh_selector_find(s, wanted->key, wanted->test);
	struct bh_policy_label *label = (struct bh_policy_label *)(uintptr_t)known;
	uint8_t opposite = wanted->test == BH_LABEL_EXISTS   ? BH_LABEL_ABSENT
			   : wanted->test == BH_LABEL_ABSENT ? BH_LABEL_EXISTS
							     : UINT8_MAX;

	s->nobody = s->nobody || bh_selector_find(s, wanted->key, opposite) != NULL;
	if (label != NULL && wanted->test == BH_LABEL_IN) {
		keep_common(label, wanted);
		s->nobody = s->nobody || label->value_count == 0;
		return;
	}
	if (label == NULL)
		label = add_test(s, wanted->key, wanted->test);
	for (size_t i = 0; i < wanted->value_count; i++)
		add_value(label, wanted->values[i]);
}

void bh_selector_ask_value(struct bh_selector *s, const char *key, uint8_t test, const char *value)
{
	char *values[] = { (char *)(uintptr_t)value };
	struct bh_policy_label wanted = { .key = (char *)(uintptr_t)key,
					  .test = test,
					  .values = values,
					  .value_count = value != NULL ? 1 : 0 };

	bh_selector_ask(s, &wanted);
}

void bh_selector_ask_all(struct bh_selector *s, const struct bh_selector *other)
{
	s->nobody = s->nobody || other->nobody;
	for (size_t i = 0; i < other->count; i++)
		bh_selector_ask(s, &other->items[i]);
}

/* Whether some value passes both. */
static bool leaves_a_value(const struct bh_policy_label *in, const struct bh_policy_label *other)
{
	for (size_t i = 0; i < in->value_count; i++)
		if (bh_policy_label_holds(other, in->values[i]))
			return true;
	return false;
}

static bool contradicts(const struct bh_policy_label *a, const struct bh_policy_label *b)
{
	if (strcmp(a->key, b->key) != 0)
		return false;
	if (a->test == BH_LABEL_IN)
		return !leaves_a_value(a, b);
	if (b->test == BH_LABEL_IN)
		return !leaves_a_value(b, a);
	return (a->test == BH_LABEL_EXISTS && b->test == BH_LABEL_ABSENT) ||
	       (a->test == BH_LABEL_ABSENT && b->test == BH_LABEL_EXISTS);
}

bool bh_selectors_clash(const struct bh_selector *a, const struct bh_selector *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (contradicts(&a->items[i], &b->items[j]))
				return true;
	return false;
}

/* With one item of each kind, two that contradict each other are all there can be: what is in and
 * what is not both name values, and any other value passes the rest. */
bool bh_selector_is_empty(const struct bh_selector *s)
{
	return s->nobody || bh_selectors_clash(s, s);
}
