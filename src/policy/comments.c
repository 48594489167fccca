/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libyaml does not hand out comments. What a person wrote above a rule must survive whole, so
 * comments are taken from the text, by the lines that the parser reports.
 */
#include "comments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "grow.h"

struct line {
	const char *at;
	size_t length; /* without what ends it */
};

struct bh_comments {
	struct line *lines;
	size_t count, capacity;
};

struct bh_comments *bh_comments_new(const char *text, size_t length)
{
	struct bh_comments *c = bh_calloc(1, sizeof(*c));
	const char *end = text + length;

	while (text < end) {
		const char *stop = text;

		/* Every way to end a line that YAML knows. */
		while (stop < end && *stop != '\n' && *stop != '\r')
			stop++;
		c->lines = bh_grow(c->lines, &c->capacity, c->count + 1, sizeof(*c->lines));
		c->lines[c->count++] = (struct line) { text, (size_t)(stop - text) };
		text = stop + (end - stop > 1 && stop[0] == '\r' && stop[1] == '\n') + 1;
	}
	return c;
}

void bh_comments_free(struct bh_comments *c)
{
	if (c == NULL)
		return;
	free(c->lines);
	free(c);
}

/* The line without the space it begins with. */
static struct line trimmed(const struct bh_comments *c, size_t line)
{
	struct line l =
		line >= 1 && line <= c->count ? c->lines[line - 1] : (struct line) { "-", 1 };

	while (l.length > 0 && (*l.at == ' ' || *l.at == '\t')) {
		l.at++;
		l.length--;
	}
	return l;
}

static bool is_blank(const struct bh_comments *c, size_t line)
{
	return trimmed(c, line).length == 0;
}

static bool is_comment(const struct bh_comments *c, size_t line)
{
	struct line l = trimmed(c, line);

	return l.length > 0 && *l.at == '#';
}

/* What stands behind "# ". */
static void append_comment(struct bh_buffer *text, struct line l)
{
	size_t skip = l.length > 1 && l.at[1] == ' ' ? 2 : 1;

	bh_buffer_append(text, l.at + skip, l.length - skip);
}

/* The lines from first to last, which are comments or blank. */
static char *join(const struct bh_comments *c, size_t first, size_t last)
{
	struct bh_buffer text = { 0 };

	while (first <= last && is_blank(c, first))
		first++;
	while (first <= last && is_blank(c, last))
		last--;
	if (first > last)
		return NULL;
	for (size_t line = first; line <= last; line++) {
		if (line > first)
			bh_buffer_puts(&text, "\n");
		if (!is_blank(c, line))
			append_comment(&text, trimmed(c, line));
		else
			while (is_blank(c, line + 1))
				line++;
	}
	return bh_buffer_steal(&text);
}

char *bh_comment_above(const struct bh_comments *c, size_t line)
{
	size_t first = line;

	while (first > 1 && (is_comment(c, first - 1) || is_blank(c, first - 1)))
		first--;
	return join(c, first, line - 1);
}

char *bh_comment_at_top(const struct bh_comments *c)
{
	size_t last = 0;

	while (is_comment(c, last + 1) || is_blank(c, last + 1))
		last++;
	return join(c, 1, last);
}
