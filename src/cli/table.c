/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "answer.h"
#include "grow.h"
#include "utf8.h"

#define GAP 2
#define LEAST_WIDTH 6 /* no column is cut further */

struct row {
	enum bh_color color;
	char *cells[BH_TABLE_COLUMNS];
};

struct bh_table {
	char *titles[BH_TABLE_COLUMNS];
	bool numeric[BH_TABLE_COLUMNS];
	bool left_out[BH_TABLE_COLUMNS];
	size_t expendable[BH_TABLE_COLUMNS]; /* columns, least needed first */
	size_t expendable_count;
	size_t widths[BH_TABLE_COLUMNS];
	size_t columns;
	bool color;
	struct row *rows;
	size_t count, capacity;
};

size_t bh_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	unsigned long wanted = columns != NULL ? strtoul(columns, NULL, 10) : 0;
	struct winsize size;

	if (wanted > 0 && wanted < 10000)
		return wanted;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

const char *bh_color_on(enum bh_color color, bool wanted)
{
	static const char *const codes[] = { "", "\033[31m", "\033[33m", "\033[32m", "\033[2m" };

	return wanted ? codes[color] : "";
}

const char *bh_color_off(enum bh_color color, bool wanted)
{
	return wanted && color != BH_PLAIN ? "\033[0m" : "";
}

char *bh_named_format(const char *name, const char *address, char out[BH_NAMED_TEXT])
{
	snprintf(out, BH_NAMED_TEXT, "%.253s (%.45s)", name, address);
	return out;
}

char *bh_claimed_format(const char *name, const char *address, char out[BH_NAMED_TEXT])
{
	snprintf(out, BH_NAMED_TEXT, "%.45s \"%.253s\" (claimed)", address, name);
	return out;
}

char *bh_human(double number, char *out)
{
	static const char *const units[] = { "", " k", " M", " G", " T" };
	int unit = 0;

	for (; number >= 10000 && unit < 4; unit++)
		number /= 1000;
	snprintf(out, 16, unit == 0 ? "%.0f%s" : "%.1f%s", number, units[unit]);
	return out;
}

/* Bytes of the character at text, and the columns it takes; broken UTF-8 counts byte by byte. */
static size_t character(const char *text, size_t *columns)
{
	wchar_t wide;
	mbstate_t state = { 0 };
	size_t bytes = mbrtowc(&wide, text, strlen(text), &state);

	*columns = 1;
	if (bytes == 0 || bytes > 4)
		return 1;
	int width = wcwidth(wide);
	*columns = width >= 0 ? (size_t)width : 1; /* a character newer than the C library */
	return bytes;
}

static size_t display_width(const char *text)
{
	size_t width = 0, columns;

	while (*text != '\0') {
		text += character(text, &columns);
		width += columns;
	}
	return width;
}

struct bh_table *bh_table_new(const char *const *titles, size_t columns, bool color)
{
	struct bh_table *t = bh_calloc(1, sizeof(*t));

	t->columns = columns;
	t->color = color;
	for (size_t i = 0; i < columns; i++) {
		t->titles[i] = bh_strdup(titles[i]);
		t->widths[i] = display_width(titles[i]);
	}
	return t;
}

void bh_table_numeric(struct bh_table *t, size_t column)
{
	for (size_t i = column; i < t->columns; i++)
		t->numeric[i] = true;
}

void bh_table_expendable(struct bh_table *t, size_t column)
{
	t->expendable[t->expendable_count++] = column;
}

void bh_table_row(struct bh_table *t, enum bh_color color, const char *const *cells)
{
	t->rows = bh_grow(t->rows, &t->capacity, t->count + 1, sizeof(*t->rows));
	struct row *row = &t->rows[t->count++];
	*row = (struct row) { .color = color };
	for (size_t i = 0; i < t->columns; i++) {
		row->cells[i] = bh_strdup(cells[i] != NULL ? cells[i] : "-");
		bh_harmless(row->cells[i], "");
		size_t width = display_width(row->cells[i]);

		if (width > t->widths[i])
			t->widths[i] = width;
	}
}

static size_t shown(const struct bh_table *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->columns; i++)
		count += !t->left_out[i];
	return count;
}

static size_t total_width(const struct bh_table *t)
{
	size_t total = GAP * (shown(t) - 1);

	for (size_t i = 0; i < t->columns; i++)
		total += t->left_out[i] ? 0 : t->widths[i];
	return total;
}

static size_t widest_column(const struct bh_table *t)
{
	size_t widest = 0;

	for (size_t i = 0; i < t->columns; i++)
		if (!t->left_out[i] && (t->left_out[widest] || t->widths[i] > t->widths[widest]))
			widest = i;
	return widest;
}

/* Takes from the widest column, again and again; false where that is not enough. */
static bool cut_columns(struct bh_table *t, size_t room)
{
	while (total_width(t) > room) {
		size_t widest = widest_column(t);

		if (t->widths[widest] <= LEAST_WIDTH)
			return false;
		t->widths[widest]--;
	}
	return true;
}

/* Leaves out what is least needed; if that is not enough, cuts; if even that is not, only the
 * columns on the left are shown, and at last a piece of the first one. */
static void fit(struct bh_table *t, size_t room)
{
	for (size_t i = 0; i < t->expendable_count && total_width(t) > room && shown(t) > 1; i++)
		t->left_out[t->expendable[i]] = true;
	if (cut_columns(t, room))
		return;
	for (size_t i = t->columns; i > 0 && total_width(t) > room; i--) {
		if (shown(t) > 1)
			t->left_out[i - 1] = true;
		else if (!t->left_out[i - 1])
			t->widths[i - 1] = room;
	}
}

void bh_table_fit(struct bh_buffer *out, const char *text, size_t width, bool right)
{
	size_t needed = display_width(text), used = 0, columns;

	if (needed <= width) {
		int padding = (int)(width - needed);

		bh_buffer_printf(out, "%*s%s%*s", right ? padding : 0, "", text,
				 right ? 0 : padding, "");
		return;
	}
	while (*text != '\0') {
		size_t bytes = character(text, &columns);

		if (used + columns + 1 > width)
			break;
		bh_buffer_append(out, text, bytes);
		text += bytes;
		used += columns;
	}
	bh_buffer_printf(out, "%s%*s", width > 0 ? "…" : "",
			 width > 0 ? (int)(width - used - 1) : 0, "");
}

static void strip_end(struct bh_buffer *line)
{
	while (line->length > 0 && line->data[line->length - 1] == ' ')
		line->data[--line->length] = '\0';
}

static void render_line(const struct bh_table *t, const struct bh_table_window *w,
			enum bh_color color, const char *const *cells)
{
	struct bh_buffer line = { 0 };
	bool first = true;

	for (size_t i = 0; i < t->columns; i++) {
		if (t->left_out[i])
			continue;
		bh_buffer_printf(&line, "%*s", first ? 0 : GAP, "");
		bh_table_fit(&line, cells[i], t->widths[i], t->numeric[i]);
		first = false;
	}
	strip_end(&line);
	w->line(w->user, color, line.data);
	bh_buffer_free(&line);
}

static void free_table(struct bh_table *t)
{
	for (size_t i = 0; i < t->columns; i++)
		free(t->titles[i]);
	for (size_t i = 0; i < t->count; i++)
		for (size_t j = 0; j < t->columns; j++)
			free(t->rows[i].cells[j]);
	free(t->rows);
	free(t);
}

void bh_table_render(struct bh_table *t, const struct bh_table_window *w)
{
	if (w->width > 0)
		fit(t, w->width);
	render_line(t, w, BH_DIM, (const char *const *)t->titles);
	for (size_t i = w->first; i < t->count && i - w->first < w->count; i++)
		render_line(t, w, t->rows[i].color, (const char *const *)t->rows[i].cells);
	free_table(t);
}

static void print_line(void *user, enum bh_color color, const char *text)
{
	const bool *wanted = user;

	printf("%s%s%s\n", bh_color_on(color, *wanted), text, bh_color_off(color, *wanted));
}

void bh_table_print(struct bh_table *t, const char *nothing)
{
	bool color = t->color;
	struct bh_table_window all = {
		.width = bh_terminal_width(), .count = t->count, .line = print_line, .user = &color
	};

	if (t->count > 0) {
		bh_table_render(t, &all);
		return;
	}
	if (nothing != NULL)
		printf("%s\n", nothing);
	free_table(t);
}
