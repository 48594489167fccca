/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy as a set of lines, one for each label of a workload and each port of each pair of
 * a rule; two policies differ by the lines that only one of them has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "grow.h"
#include "policy.h"
#include "port.h"
#include "ruleset.h"

struct lines {
	char **items;
	size_t count, capacity;
};

static void add_line(struct lines *l, const char *text)
{
	l->items = bh_grow(l->items, &l->capacity, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = bh_strdup(text);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_pair_lines(struct lines *l, const struct bh_policy *p,
			   const struct bh_policy_rule *r, const struct bh_policy_peer *source,
			   const struct bh_policy_peer *destination)
{
	struct bh_buffer text = { 0 };
	char port[BH_POLICY_PORT_TEXT], expiry[BH_EXPIRY_TEXT];

	for (size_t i = 0; i < r->port_count; i++) {
		bh_buffer_clear(&text);
		bh_buffer_puts(&text, bh_policy_rank_text(r));
		bh_policy_put_peer(&text, p, source);
		bh_buffer_puts(&text, " → ");
		bh_policy_put_peer(&text, p, destination);
		bh_buffer_printf(&text, "  %s%s", bh_policy_port_format(&r->ports[i], port),
				 bh_policy_ends_text(r));
		if (r->expires != 0)
			bh_buffer_printf(&text, "  until %s",
					 bh_policy_expiry_text(r->expires, expiry));
		add_line(l, text.data);
	}
	bh_buffer_free(&text);
}

static void add_rule_lines(struct lines *l, const struct bh_policy *p,
			   const struct bh_policy_rule *r)
{
	for (size_t i = 0; i < r->from.count; i++)
		for (size_t j = 0; j < r->to.count; j++)
			add_pair_lines(l, p, r, &r->from.items[i], &r->to.items[j]);
}

/* And once each: a port that a rule states twice, or two rules, is no other policy. */
static void sort_lines(struct lines *l)
{
	size_t kept = 0;

	if (l->count == 0)
		return;
	qsort(l->items, l->count, sizeof(*l->items), compare);
	for (size_t i = 1; i < l->count; i++) {
		if (strcmp(l->items[kept], l->items[i]) == 0)
			free(l->items[i]);
		else
			l->items[++kept] = l->items[i];
	}
	l->count = kept + 1;
}

static void put_values(struct bh_buffer *text, const struct bh_policy_label *label)
{
	char **sorted = bh_calloc(label->value_count, sizeof(*sorted));

	memcpy(sorted, label->values, label->value_count * sizeof(*sorted));
	qsort(sorted, label->value_count, sizeof(*sorted), compare);
	for (size_t i = 0; i < label->value_count; i++) {
		/* Two lists that differ are not to look alike. */
		const char *quote = strpbrk(sorted[i], ",\"") != NULL ? "\"" : "";

		bh_buffer_printf(text, "%s%s%s%s", i > 0 ? ", " : "", quote, sorted[i], quote);
	}
	free(sorted);
}

static void put_test(struct bh_buffer *text, const struct bh_policy_label *label)
{
	static const char *const words[] = { [BH_LABEL_NOT_IN] = "is none of ",
					     [BH_LABEL_EXISTS] = "is set",
					     [BH_LABEL_ABSENT] = "is not set" };

	if (label->test != BH_LABEL_IN)
		bh_buffer_puts(text, words[label->test]);
	else
		bh_buffer_puts(text, label->value_count > 1 ? "is one of " : "= ");
	if (label->value_count > 0)
		put_values(text, label);
}

/* workload: NULL: of all, where deny goes without saying. */
static void add_default_lines(struct lines *l, const char *workload, const uint8_t defaults[2])
{
	struct bh_buffer text = { 0 };

	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		if (defaults[side] == BH_DEFAULT_UNSAID ||
		    (workload == NULL && defaults[side] == BH_DEFAULT_DENY))
			continue;
		bh_buffer_clear(&text);
		bh_buffer_printf(&text, "%s%s%s of what no rule says: %s",
				 workload != NULL ? "workload " : "",
				 workload != NULL ? workload : "", workload != NULL ? ": " : "",
				 bh_side_name(side));
		bh_buffer_puts(&text, defaults[side] == BH_DEFAULT_ALLOW ? " allowed" : " denied");
		add_line(l, text.data);
	}
	bh_buffer_free(&text);
}

static struct lines lines_of(const struct bh_policy *p)
{
	struct lines l = { 0 };
	struct bh_buffer text = { 0 };

	for (size_t i = 0; p != NULL && i < p->workload_count; i++) {
		const struct bh_policy_workload *w = &p->workloads[i];

		for (size_t j = 0; j < w->label_count; j++) {
			bh_buffer_clear(&text);
			bh_buffer_printf(&text, "workload %s: %s ", w->name, w->labels[j].key);
			put_test(&text, &w->labels[j]);
			add_line(&l, text.data);
		}
		add_default_lines(&l, w->name, w->defaults);
	}
	for (size_t i = 0; p != NULL && i < p->rule_count; i++)
		add_rule_lines(&l, p, &p->rules[i]);
	if (p != NULL)
		add_default_lines(&l, NULL, p->defaults);
	if (p != NULL && p->says_posture) {
		bh_buffer_clear(&text);
		bh_buffer_printf(&text, "posture: %s", bh_posture_name(p->posture));
		add_line(&l, text.data);
	}
	if (p != NULL && p->deny == BH_DROP)
		add_line(&l, "deny: drop");
	bh_buffer_free(&text);
	sort_lines(&l);
	return l;
}

static void free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
}

size_t bh_policy_diff(const struct bh_policy *from, const struct bh_policy *to,
		      void (*line)(void *user, char sign, const char *text), void *user)
{
	struct lines before = lines_of(from), after = lines_of(to);
	size_t i = 0, j = 0, count = 0;

	while (i < before.count || j < after.count) {
		int order = i == before.count  ? 1
			    : j == after.count ? -1
					       : strcmp(before.items[i], after.items[j]);

		if (order != 0 && line != NULL)
			line(user, order < 0 ? '-' : '+',
			     order < 0 ? before.items[i] : after.items[j]);
		count += order != 0;
		i += order <= 0;
		j += order >= 0;
	}
	free_lines(&before);
	free_lines(&after);
	return count;
}
