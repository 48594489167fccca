/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever the daemon's answer looks like, it is drawn: as the map, in every format, and, a line at
 * a time, by top. What comes out goes nowhere; that something does, and ends, is what is tested. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "command.h"
#include "map_print.h"
#include "top_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw_map(const char *text)
{
	static const char *const formats[] = { "table", "dot", "mermaid", "graphml", "csv", "svg" };
	cJSON *map = bh_answer_parse(text);

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct bh_call call = { .format = formats[i] };

		bh_map_print(&call, map);
	}
	cJSON_Delete(map);
}

/* No line is wider than it may be: bytes, since all of it is ASCII. */
static void check_line(void *user, enum bh_color color, bool chosen, const char *text)
{
	const struct bh_top_canvas *canvas = user;

	(void)color;
	(void)chosen;
	if (strlen(text) > canvas->width)
		abort();
}

static void draw_top(char *text)
{
	static const int keys[] = { 'n',  '\t', '\n', '>', '\n', 'r', 27,  BH_KEY_END,
				    '\t', 'D',	'/',  'x', '\n', 27,  '?', ' ' };
	struct bh_top_state state = { .model = bh_top_model_new(), .depth = 1, .ascii = true };
	struct bh_top_canvas canvas = { .width = 70, .height = 12, .line = check_line };
	char *rest = NULL;

	canvas.user = &canvas;
	state.views[0] = bh_top_view_of(BH_TOP_EDGES_VIEW);
	bh_top_model_begin(state.model, 0);
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		cJSON *json = bh_answer_parse(line);

		bh_top_model_take(state.model, json);
		bh_top_model_workloads(state.model, json);
		cJSON_Delete(json);
	}
	bh_top_model_tick(state.model, 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		bh_top_state_key(&state, keys[i]);
		bh_top_state_draw(&state, &canvas);
	}
	bh_top_model_free(state.model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool silent;
	char *text = malloc(size + 1);

	if (text == NULL || (!silent && freopen("/dev/null", "w", stdout) == NULL))
		abort();
	silent = true;
	memcpy(text, data, size);
	text[size] = '\0';
	draw_map(text);
	draw_top(text);
	free(text);
	return 0;
}
