/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `bulkhead top` shows, and what keys make of it: which view, sorted how, which row is chosen,
 * what is being typed. It knows no terminal: a frame is lines of text, keys are characters and the
 * codes below.
 */
#ifndef BH_TOP_STATE_H
#define BH_TOP_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "flow_filter.h"
#include "table.h"
#include "top_model.h"
#include "top_view.h"

enum bh_top_key {
	BH_KEY_ENTER = '\n',
	BH_KEY_ESCAPE = 27,
	BH_KEY_BACKSPACE = 127,
	BH_KEY_UP = 0x110000, /* beyond Unicode */
	BH_KEY_DOWN,
	BH_KEY_PAGE_UP,
	BH_KEY_PAGE_DOWN,
	BH_KEY_HOME,
	BH_KEY_END,
	BH_KEY_BACK_TAB,
};

enum bh_top_wish {
	BH_TOP_NOTHING,
	BH_TOP_QUIT,
	BH_TOP_FILTER, /* state->filter is another one now */
	BH_TOP_FREEZE, /* state->frozen changed */
};

#define BH_TOP_DEPTH 3 /* workloads, edges of one, flows of one */

struct bh_top_state {
	struct bh_top_model *model;
	struct bh_top_view views[BH_TOP_DEPTH]; /* the last of depth is shown */
	size_t depth;
	size_t chosen[BH_TOP_DEPTH]; /* row, by view */
	size_t scrolled;	     /* first row on the screen */
	size_t page;		     /* rows on the screen, when it was last drawn */
	bool frozen, help, ascii, color;
	char filter[BH_FLOW_FILTER_LENGTH + 1]; /* "": none */
	bool typing;
	char typed[BH_FLOW_FILTER_LENGTH + 1];
	char refused[256]; /* why what was typed is no filter; "": nothing */
	char away[256];	   /* why the daemon does not tell; "": it does */
	char unknown[512]; /* what the daemon says that it does not know; "": nothing */
	double interval;   /* seconds */
	double now;	   /* seconds since the epoch: of the last tick */
};

struct bh_top_view *bh_top_state_view(struct bh_top_state *state);

enum bh_top_wish bh_top_state_key(struct bh_top_state *state, int key);

/* A frame: called line by line, from the top. chosen: the line stands out. */
struct bh_top_canvas {
	size_t width, height; /* 0: as much as there is */
	void (*line)(void *user, enum bh_color color, bool chosen, const char *text);
	void *user;
};
void bh_top_state_draw(struct bh_top_state *state, const struct bh_top_canvas *canvas);

/* The same as JSON: an object. seconds: how long the interval was. */
void bh_top_state_json(struct bh_top_state *state, double seconds, struct bh_buffer *out);

#endif
