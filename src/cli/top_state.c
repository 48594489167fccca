/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "grow.h"
#include "json.h"
#include "utf8.h"

struct bh_top_view *bh_top_state_view(struct bh_top_state *s)
{
	return &s->views[s->depth - 1];
}

/* --- keys ------------------------------------------------------------------------------------- */

static size_t *chosen_row(struct bh_top_state *s)
{
	return &s->chosen[s->depth - 1];
}

static void show_first(struct bh_top_state *s, enum bh_top_kind kind)
{
	s->depth = 1;
	s->views[0] = bh_top_view_of(kind);
	s->chosen[0] = s->scrolled = 0;
}

static void next_view(struct bh_top_state *s, int step)
{
	int kind = (int)s->views[0].kind + step;

	show_first(s, (enum bh_top_kind)((kind + BH_TOP_VIEWS) % BH_TOP_VIEWS));
}

static void go_back(struct bh_top_state *s)
{
	if (s->depth > 1)
		s->depth--;
	s->scrolled = 0;
}

/* Of a workload its edges, of an edge its flows. */
static void go_into(struct bh_top_state *s)
{
	const struct bh_top_view *view = bh_top_state_view(s);
	struct bh_top_rows rows = bh_top_view_rows(view, s->model);
	struct bh_top_view next = bh_top_view_of(
		view->kind == BH_TOP_WORKLOADS_VIEW ? BH_TOP_EDGES_VIEW : BH_TOP_FLOWS_VIEW);

	if (view->kind != BH_TOP_FLOWS_VIEW && *chosen_row(s) < rows.count) {
		const char *const *texts = rows.items[*chosen_row(s)].texts;

		if (next.kind == BH_TOP_EDGES_VIEW) {
			bh_copy_text(next.workload, sizeof(next.workload), texts[0]);
		} else {
			bh_copy_text(next.src, sizeof(next.src), texts[0]);
			bh_copy_text(next.dst, sizeof(next.dst), texts[1]);
			bh_copy_text(next.port, sizeof(next.port), texts[2]);
		}
		s->views[s->depth] = next;
		s->chosen[s->depth++] = 0;
		s->scrolled = 0;
	}
	bh_top_rows_free(&rows);
}

static void sort_beside(struct bh_top_state *s, int step)
{
	struct bh_top_view *view = bh_top_state_view(s);
	size_t count = bh_top_column_count(view->kind);

	view->sort = (view->sort + count + (size_t)step) % count;
	view->reversed = false;
}

/* By letter: what every view has under one of these names. */
static bool sort_by_letter(struct bh_top_state *s, int key)
{
	static const struct {
		int key;
		const char *names[2];
	} letters[] = {
		{ 'c', { "connections_per_second", "connections_out_per_second" } },
		{ 'b', { "bytes_per_second", "bytes" } },
		{ 'd', { "denied_per_second", "verdict" } },
		{ 'n', { "src", "workload" } },
		{ 'l', { "last", "last" } },
	};
	struct bh_top_view *view = bh_top_state_view(s);
	size_t column;

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (letters[i].key != key)
			continue;
		if (bh_top_column_find(view->kind, letters[i].names[0], &column) ||
		    bh_top_column_find(view->kind, letters[i].names[1], &column)) {
			view->sort = column;
			view->reversed = false;
		}
		return true;
	}
	return false;
}

static void move(struct bh_top_state *s, long step)
{
	long row = (long)*chosen_row(s) + step;

	*chosen_row(s) =
		row > 0 ? (size_t)row : 0; /* the end is where the rows end: drawing knows */
}

static bool move_by_key(struct bh_top_state *s, int key)
{
	long page = s->page > 1 ? (long)s->page - 1 : 1;

	switch (key) {
	case BH_KEY_UP:
	case 'k':
		move(s, -1);
		return true;
	case BH_KEY_DOWN:
	case 'j':
		move(s, 1);
		return true;
	case BH_KEY_PAGE_UP:
		move(s, -page);
		return true;
	case BH_KEY_PAGE_DOWN:
		move(s, page);
		return true;
	case BH_KEY_HOME:
	case 'g':
		*chosen_row(s) = 0;
		return true;
	case BH_KEY_END:
	case 'G':
		*chosen_row(s) = SIZE_MAX / 2;
		return true;
	default:
		return false;
	}
}

/* --- typing a filter -------------------------------------------------------------------------- */

static void type_character(struct bh_top_state *s, int key)
{
	size_t length = strlen(s->typed);
	char bytes[4];
	size_t count = bh_utf8_encode((uint32_t)key, bytes);

	if (length + count >= sizeof(s->typed))
		return;
	memcpy(s->typed + length, bytes, count);
	s->typed[length + count] = '\0';
}

static void rub_out(struct bh_top_state *s)
{
	size_t length = strlen(s->typed);

	while (length > 0 && ((unsigned char)s->typed[--length] & 0xc0) == 0x80)
		;
	s->typed[length] = '\0';
}

/* What is no filter stays, with what is wrong with it. */
static enum bh_top_wish finish_typing(struct bh_top_state *s)
{
	struct bh_error err = { 0 };
	size_t position;
	struct bh_flow_filter *filter = bh_flow_filter_parse(s->typed, &position, &err);

	if (filter == NULL) {
		bh_copy_text(s->refused, sizeof(s->refused), err.text);
		return BH_TOP_NOTHING;
	}
	bh_flow_filter_free(filter);
	s->typing = false;
	if (s->typed[strspn(s->typed, " ")] == '\0')
		s->typed[0] = '\0';
	if (strcmp(s->filter, s->typed) == 0)
		return BH_TOP_NOTHING;
	memcpy(s->filter, s->typed, sizeof(s->filter));
	return BH_TOP_FILTER;
}

static enum bh_top_wish type_key(struct bh_top_state *s, int key)
{
	s->refused[0] = '\0';
	if (key == BH_KEY_ENTER)
		return finish_typing(s);
	if (key == BH_KEY_ESCAPE)
		s->typing = false;
	else if (key == BH_KEY_BACKSPACE)
		rub_out(s);
	else if (key == 'U' - '@') /* ^U */
		s->typed[0] = '\0';
	else if (key >= ' ' && key < BH_KEY_UP)
		type_character(s, key);
	return BH_TOP_NOTHING;
}

/* --- all keys --------------------------------------------------------------------------------- */

static enum bh_top_wish command_key(struct bh_top_state *s, int key)
{
	struct bh_top_view *view = bh_top_state_view(s);

	switch (key) {
	case 'q':
		return BH_TOP_QUIT;
	case ' ':
		s->frozen = !s->frozen;
		return BH_TOP_FREEZE;
	case '?':
	case 'h':
		s->help = true;
		break;
	case '/':
		s->typing = true;
		memcpy(s->typed, s->filter, sizeof(s->typed));
		break;
	case '\t':
		next_view(s, 1);
		break;
	case BH_KEY_BACK_TAB:
		next_view(s, -1);
		break;
	case BH_KEY_ENTER:
		go_into(s);
		break;
	case BH_KEY_ESCAPE:
	case BH_KEY_BACKSPACE:
		go_back(s);
		break;
	case '<':
		sort_beside(s, -1);
		break;
	case '>':
		sort_beside(s, 1);
		break;
	case 'r':
		view->reversed = !view->reversed;
		break;
	case 'D':
		view->denied_first = !view->denied_first;
		break;
	default:
		break;
	}
	return BH_TOP_NOTHING;
}

enum bh_top_wish bh_top_state_key(struct bh_top_state *s, int key)
{
	if (s->typing)
		return type_key(s, key);
	if (s->help) {
		s->help = false;
		return key == 'q' ? BH_TOP_QUIT : BH_TOP_NOTHING;
	}
	if (move_by_key(s, key) || sort_by_letter(s, key))
		return BH_TOP_NOTHING;
	return command_key(s, key);
}

/* --- drawing ---------------------------------------------------------------------------------- */

struct drawing {
	struct bh_top_state *state;
	const struct bh_top_canvas *canvas;
	size_t used; /* lines */
	size_t row;  /* the next one */
	bool titled;
};

/* What has no place in ASCII becomes one character, so that columns stay where they are. */
static void to_ascii(char *text)
{
	static const struct {
		uint32_t code;
		char instead;
	} known[] = { { 0x2192, '>' }, { 0x2026, '~' }, { 0xd7, 'x' } };
	size_t left = strlen(text);
	char *to = text;

	while (left > 0) {
		uint32_t code = 0;
		size_t bytes = bh_utf8_decode(text, left, &code);
		char c = bytes == 1 ? *text : '?';

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (known[i].code == code)
				c = known[i].instead;
		*to++ = c;
		text += bytes > 0 ? bytes : 1;
		left -= bytes > 0 ? bytes : 1;
	}
	*to = '\0';
}

static void put_line(struct drawing *d, enum bh_color color, bool chosen, const char *text)
{
	size_t width = d->canvas->width;
	struct bh_buffer line = { 0 };

	if (d->canvas->height > 0 && d->used >= d->canvas->height)
		return;
	if (width > 0)
		bh_table_fit(&line, text, width, false);
	else
		bh_buffer_puts(&line, text);
	if (d->state->ascii)
		to_ascii(line.data);
	d->canvas->line(d->canvas->user, color, chosen, line.data);
	bh_buffer_free(&line);
	d->used++;
}

static void draw_sums(struct drawing *d)
{
	const struct bh_top_state *s = d->state;
	struct bh_top_counts rates = bh_top_model_rates(s->model);
	char when[BH_TIME_TEXT], numbers[3][16];
	struct bh_buffer text = { 0 };

	bh_buffer_printf(&text, "bulkhead top  %s  every %gs  %s conn/s  %s bytes/s  %s denied/s%s",
			 bh_clock(s->now, when), s->interval,
			 bh_human(rates.connections, numbers[0]), bh_human(rates.bytes, numbers[1]),
			 bh_human(rates.denied, numbers[2]), s->frozen ? "  FROZEN" : "");
	put_line(d, rates.denied > 0 ? BH_RED : BH_PLAIN, false, text.data);
	bh_buffer_free(&text);
}

/* "[edges]  workloads  denials   of web   filter: …" */
static void draw_place(struct drawing *d)
{
	struct bh_top_state *s = d->state;
	const struct bh_top_view *view = bh_top_state_view(s);
	struct bh_buffer text = { 0 };

	for (int kind = 0; kind < BH_TOP_VIEWS; kind++) {
		bool shown = s->views[0].kind == (enum bh_top_kind)kind;

		bh_buffer_printf(&text, "%s%s%s%s", kind > 0 ? "  " : "", shown ? "[" : "",
				 bh_top_view_name((enum bh_top_kind)kind), shown ? "]" : "");
	}
	if (view->kind == BH_TOP_FLOWS_VIEW)
		bh_buffer_printf(&text, "   flows of %s → %s %s", view->src, view->dst, view->port);
	else if (view->workload[0] != '\0')
		bh_buffer_printf(&text, "   edges of %s", view->workload);
	if (s->filter[0] != '\0')
		bh_buffer_printf(&text, "   filter: %s", s->filter);
	if (view->denied_first)
		bh_buffer_puts(&text, "   denied first");
	put_line(d, BH_DIM, false, text.data);
	bh_buffer_free(&text);
}

static void add_count(struct bh_buffer *text, double count, const char *what)
{
	if (count > 0)
		bh_buffer_printf(text, "%s%.0f %s", text->length > 0 ? ", " : "", count, what);
}

static void add_part(struct bh_buffer *text, const char *before, const char *part)
{
	if (part != NULL && part[0] != '\0')
		bh_buffer_printf(text, "%s%s%s", text->length > 0 ? "; " : "", before, part);
}

/* Whatever makes the figures less than they seem; always a line, so that nothing jumps. */
static void draw_unknown(struct drawing *d)
{
	const struct bh_top_state *s = d->state;
	struct bh_top_unknown u = bh_top_model_unknown(s->model);
	struct bh_buffer text = { 0 }, missed = { 0 }, reports = { 0 };

	add_count(&missed, u.missed, "lines missed");
	add_count(&reports, u.unnamed, "with an end that nobody knows");
	add_count(&reports, u.undirected, "of an unknown opener");
	add_count(&reports, u.lossy, "while something was lost");
	add_count(&reports, u.uncounted, "without counts");
	add_count(&reports, u.left_out, "of edges that had no room");
	if (s->away[0] != '\0')
		bh_buffer_printf(&text, "the daemon is away (%s): asking again", s->away);
	add_part(&text, "", missed.data);
	add_part(&text, "reports: ", reports.data);
	add_part(&text, "", s->unknown);
	put_line(d, s->away[0] != '\0' ? BH_RED : BH_YELLOW, false,
		 text.length > 0 ? text.data : "");
	bh_buffer_free(&text);
	bh_buffer_free(&missed);
	bh_buffer_free(&reports);
}

static void draw_row(void *user, enum bh_color color, const char *text)
{
	struct drawing *d = user;
	bool chosen = d->titled && d->row == *chosen_row(d->state) && d->canvas->height > 0;

	put_line(d, color, chosen, text);
	d->row += d->titled;
	d->titled = true;
}

/* The chosen row is on the screen. */
static void scroll(struct bh_top_state *s, size_t count)
{
	size_t *chosen = chosen_row(s);

	if (*chosen >= count)
		*chosen = count > 0 ? count - 1 : 0;
	if (s->scrolled > *chosen)
		s->scrolled = *chosen;
	if (*chosen >= s->scrolled + s->page)
		s->scrolled = *chosen - s->page + 1;
	if (s->scrolled + s->page > count)
		s->scrolled = count > s->page ? count - s->page : 0;
}

static void draw_rows(struct drawing *d, size_t reserved)
{
	struct bh_top_state *s = d->state;
	const struct bh_top_view *view = bh_top_state_view(s);
	struct bh_top_rows rows = bh_top_view_rows(view, s->model);
	size_t height = d->canvas->height, above = d->used + 1 + reserved;

	s->page = height == 0 ? rows.count + 1 : height > above ? height - above : 1;
	scroll(s, rows.count);
	d->row = s->scrolled;
	struct bh_table_window window = { .width = d->canvas->width,
					  .first = s->scrolled,
					  .count = s->page,
					  .line = draw_row,
					  .user = d };
	bh_table_render(bh_top_view_table(view, &rows, s->now, s->color, s->ascii), &window);
	if (rows.count == 0)
		put_line(d, BH_DIM, false,
			 view->kind == BH_TOP_DENIALS_VIEW ? "Nothing was denied."
							   : "Nothing has been seen yet.");
	bh_top_rows_free(&rows);
}

static void draw_help(struct drawing *d)
{
	static const char *const lines[] = {
		"",
		"Tab          edges, workloads, denials",
		"up, down     choose a row (also j, k, PgUp, PgDn, Home, End)",
		"Enter        into it: a workload's edges, an edge's flows",
		"Esc          back",
		"< >          sort by the column beside; r: the other way round",
		"c b d n l    sort by connections, bytes, denials, name, last",
		"D            what was denied first",
		"/            filter, such as: src web and not delivered; empty: none",
		"space        freeze, and go on",
		"q            quit",
		"",
		"Red: denied. Yellow: something was lost meanwhile. ?: not known.",
		"Rates are of the last interval, and of what came in it.",
		"",
		"Any key goes back.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		put_line(d, BH_PLAIN, false, lines[i]);
}

static void draw_foot(struct drawing *d)
{
	const struct bh_top_state *s = d->state;
	struct bh_buffer text = { 0 };

	while (d->used + 1 < d->canvas->height)
		put_line(d, BH_PLAIN, false, "");
	if (s->typing)
		bh_buffer_printf(&text, "/%s_%s%s", s->typed, s->refused[0] != '\0' ? "   " : "",
				 s->refused);
	else
		bh_buffer_puts(&text, "q quit  ? help  Tab view  < > sort  / filter  space freeze  "
				      "Enter into  Esc back");
	put_line(d, s->refused[0] != '\0' ? BH_RED : BH_DIM, false, text.data);
	bh_buffer_free(&text);
}

void bh_top_state_draw(struct bh_top_state *s, const struct bh_top_canvas *canvas)
{
	struct drawing d = { .state = s, .canvas = canvas };

	draw_sums(&d);
	draw_place(&d);
	draw_unknown(&d);
	if (s->help)
		draw_help(&d);
	else
		draw_rows(&d, 1);
	if (canvas->height > 0)
		draw_foot(&d);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void add_text(struct bh_buffer *out, const char *key, const char *text)
{
	bh_buffer_printf(out, ",\"%s\":", key);
	if (text[0] != '\0')
		bh_json_string(out, text);
	else
		bh_buffer_puts(out, "null");
}

void bh_top_state_json(struct bh_top_state *s, double seconds, struct bh_buffer *out)
{
	struct bh_top_counts rates = bh_top_model_rates(s->model);
	struct bh_top_unknown u = bh_top_model_unknown(s->model);
	const struct bh_top_view *view = bh_top_state_view(s);
	struct bh_top_rows rows = bh_top_view_rows(view, s->model);

	bh_buffer_printf(out, "{\"time\":%.6f,\"seconds\":%.6f", s->now, seconds);
	add_text(out, "away", s->away);
	add_text(out, "filter", s->filter);
	bh_buffer_printf(out,
			 ",\"connections_per_second\":%.6f,\"bytes_per_second\":%.6f,"
			 "\"denied_per_second\":%.6f",
			 rates.connections, rates.bytes, rates.denied);
	bh_buffer_printf(out,
			 ",\"missed\":%.0f,\"unnamed\":%.0f,\"undirected\":%.0f,\"lossy\":%.0f,"
			 "\"uncounted\":%.0f,\"left_out\":%.0f",
			 u.missed, u.unnamed, u.undirected, u.lossy, u.uncounted, u.left_out);
	bh_buffer_printf(out, ",\"%s\":", bh_top_view_name(view->kind));
	bh_top_view_json(view, &rows, out);
	bh_buffer_puts(out, "}");
	bh_top_rows_free(&rows);
}
