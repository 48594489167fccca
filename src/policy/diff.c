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
	char from[300], to[300], port[BH_POLICY_PORT_TEXT], text[700];

	bh_policy_peer_text(p, source, from, sizeof(from));
	bh_policy_peer_text(p, destination, to, sizeof(to));
	for (size_t i = 0; i < r->port_count; i++) {
		snprintf(text, sizeof(text), "%s → %s  %s", from, to,
			 bh_policy_port_format(&r->ports[i], port));
		add_line(l, text);
	}
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

static struct lines lines_of(const struct bh_policy *p)
{
	struct lines l = { 0 };
	struct bh_buffer text = { 0 };

	for (size_t i = 0; p != NULL && i < p->workload_count; i++) {
		const struct bh_policy_workload *w = &p->workloads[i];

		for (size_t j = 0; j < w->label_count; j++) {
			bh_buffer_clear(&text);
			bh_buffer_printf(&text, "workload %s: %s = %s", w->name, w->labels[j].key,
					 w->labels[j].value);
			add_line(&l, text.data);
		}
	}
	for (size_t i = 0; p != NULL && i < p->rule_count; i++)
		add_rule_lines(&l, p, &p->rules[i]);
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

		if (order != 0) {
			line(user, order < 0 ? '-' : '+',
			     order < 0 ? before.items[i] : after.items[j]);
			count++;
		}
		i += order <= 0;
		j += order >= 0;
	}
	free_lines(&before);
	free_lines(&after);
	return count;
}
