/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulkhead top: live edges, workloads and denials. One loop waits for the daemon, for keys, for
 * signals and for the next tick; nothing else waits. While the picture is frozen, what comes is put
 * aside, up to a bound, and counted when it goes on.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "grow.h"
#include "nearest.h"
#include "said_filter.h"
#include "timefmt.h"
#include "top_feed.h"
#include "top_screen.h"
#include "top_state.h"

#define DEFAULT_INTERVAL (2 * BH_SECOND)
#define MOST_INTERVAL (3600 * BH_SECOND)
#define MOST_ASIDE 100000 /* lines that come while the picture is frozen */

struct top {
	const struct bh_call *call;
	struct bh_top_state state;
	struct bh_top_feed *feed;
	int64_t interval; /* µs */
	int64_t ticked;	  /* monotonic: when the interval began */
	int64_t frames;	  /* --batch: that are to come; −1: it draws on a terminal */
	int signals;	  /* descriptor */
	bool began;	  /* the daemon was there at least once */
	bool changed;	  /* there is something else to draw */
	bool ends;
	cJSON **aside;
	size_t aside_count, aside_capacity;
	double aside_lost;
};

/* --- what the daemon tells -------------------------------------------------------------------- */

static double wall_clock(void)
{
	return (double)bh_time_now() / BH_SECOND;
}

static void on_begun(void *user)
{
	struct top *t = user;

	bh_top_model_begin(t->state.model, wall_clock());
	if (!t->began)
		t->ticked = bh_time_monotonic();
	t->began = true;
	t->state.away[0] = '\0';
	t->changed = true;
}

static void put_aside(struct top *t, const cJSON *line)
{
	if (t->aside_count == MOST_ASIDE) {
		t->aside_lost++;
		return;
	}
	t->aside = bh_grow(t->aside, &t->aside_capacity, t->aside_count + 1, sizeof(cJSON *));
	t->aside[t->aside_count++] = cJSON_Duplicate(line, true);
}

static void on_line(void *user, const cJSON *line)
{
	struct top *t = user;

	if (t->state.frozen)
		put_aside(t, line);
	else
		bh_top_model_take(t->state.model, line);
}

static void on_away(void *user, const char *why)
{
	struct top *t = user;

	bh_copy_text(t->state.away, sizeof(t->state.away), why);
	t->changed = true;
}

static void on_workloads(void *user, const cJSON *answer)
{
	struct top *t = user;

	if (!t->state.frozen)
		bh_top_model_workloads(t->state.model, answer);
}

/* The first of what is not known, and how many more there are. */
static void on_status(void *user, const cJSON *answer)
{
	struct top *t = user;
	const cJSON *unknown = bh_get(answer, "unknown");
	const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(unknown, 0));
	int count = cJSON_GetArraySize(unknown);
	char more[48] = "";

	if (t->state.frozen)
		return;
	if (count > 1)
		snprintf(more, sizeof(more), " (and %d more: bulkhead status)", count - 1);
	snprintf(t->state.unknown, sizeof(t->state.unknown), "%.400s%s", first != NULL ? first : "",
		 more);
	t->changed = true;
}

static void take_what_was_aside(struct top *t)
{
	cJSON *gap = cJSON_CreateObject();

	for (size_t i = 0; i < t->aside_count; i++) {
		bh_top_model_take(t->state.model, t->aside[i]);
		cJSON_Delete(t->aside[i]);
	}
	cJSON_AddNumberToObject(gap, "gap", t->aside_lost);
	bh_top_model_take(t->state.model, gap);
	cJSON_Delete(gap);
	t->aside_count = 0;
	t->aside_lost = 0;
}

/* --- keys and signals ------------------------------------------------------------------------- */

static void obey_key(struct top *t, int key)
{
	switch (bh_top_state_key(&t->state, key)) {
	case BH_TOP_QUIT:
		t->ends = true;
		break;
	case BH_TOP_FILTER:
		bh_top_feed_filter(t->feed, t->state.filter[0] != '\0' ? t->state.filter : NULL);
		break;
	case BH_TOP_FREEZE:
		if (!t->state.frozen)
			take_what_was_aside(t);
		break;
	case BH_TOP_NOTHING:
		break;
	}
	t->changed = true;
}

static void obey_keys(struct top *t)
{
	int key;

	while (!t->ends && (key = bh_top_screen_key()) >= 0)
		obey_key(t, key);
}

static void obey_signals(struct top *t)
{
	struct signalfd_siginfo info;

	while (read(t->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH && t->frames < 0)
			bh_top_screen_resize();
		else if (info.ssi_signo != SIGWINCH)
			t->ends = true;
		t->changed = true;
	}
}

static int watch_signals(void)
{
	static const int watched[] = { SIGWINCH, SIGINT, SIGTERM, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(&set, watched[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void print_line(void *user, enum bh_color color, bool chosen, const char *text)
{
	const struct top *t = user;
	size_t length = strlen(text);

	(void)chosen;
	while (length > 0 && text[length - 1] == ' ')
		length--;
	printf("%s%.*s%s\n", bh_color_on(color, t->call->color), (int)length, text,
	       bh_color_off(color, t->call->color));
}

static void print_frame(struct top *t, double seconds)
{
	struct bh_top_canvas canvas = { .width = bh_terminal_width(),
					.line = print_line,
					.user = t };
	struct bh_buffer json = { 0 };

	if (t->call->json) {
		bh_top_state_json(&t->state, seconds, &json);
		bh_print_document(json.data, "\n");
		bh_buffer_free(&json);
	} else {
		bh_top_state_draw(&t->state, &canvas);
		putchar('\n');
	}
	fflush(stdout);
	t->ends = --t->frames == 0 || ferror(stdout) != 0;
}

static void tick(struct top *t)
{
	int64_t now = bh_time_monotonic();
	double seconds = (double)(now - t->ticked) / BH_SECOND;

	t->state.now = wall_clock();
	bh_top_model_tick(t->state.model, seconds);
	t->ticked = now;
	t->changed = true;
	if (t->frames >= 0)
		print_frame(t, seconds);
}

/* A frame for a script needs a daemon that was there; a person may wait for it. */
static bool is_ticking(const struct top *t)
{
	return !t->state.frozen && (t->frames < 0 || t->began);
}

/* Milliseconds until the next tick; at most a second, in which the feed looks what it has to ask.
 */
static int wait_time(const struct top *t)
{
	int64_t left = t->ticked + t->interval - bh_time_monotonic();

	if (!is_ticking(t) || left > BH_SECOND)
		return 1000;
	return left > 0 ? (int)(left / 1000) + 1 : 0;
}

static bool is_due(const struct top *t)
{
	return is_ticking(t) && bh_time_monotonic() >= t->ticked + t->interval;
}

static bool is_in_vain(const struct top *t)
{
	return t->frames >= 0 && !t->began && t->state.away[0] != '\0';
}

static void run(struct top *t)
{
	int fds[] = { t->signals, STDIN_FILENO };
	bool screen = t->frames < 0;

	t->ticked = bh_time_monotonic();
	while (!t->ends && !is_in_vain(t)) {
		if (screen && t->changed)
			bh_top_screen_draw(&t->state);
		t->changed = false;
		bh_top_feed_wait(t->feed, fds, screen ? 2 : 1, wait_time(t));
		obey_signals(t);
		if (screen)
			obey_keys(t);
		if (!t->ends && is_due(t))
			tick(t);
	}
}

/* --- the command ------------------------------------------------------------------------------ */

/* Whether the person's terminal takes more than ASCII, as far as the environment says. */
static bool wants_ascii(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strcasestr(value, "utf-8") == NULL &&
			       strcasestr(value, "utf8") == NULL;
	}
	return true;
}

static int read_interval(const char *text, int64_t *interval)
{
	*interval = DEFAULT_INTERVAL;
	if (text == NULL || (bh_duration_parse(text, interval) && *interval >= BH_SECOND &&
			     *interval <= MOST_INTERVAL))
		return BH_EXIT_DONE;
	return bh_complain(BH_EXIT_USAGE, "--interval takes a time from 1s to 1h, not \"%s\"",
			   text);
}

static int read_view(const struct bh_call *call, struct bh_top_state *state)
{
	const char *name = bh_call_option(call, "view"), *sort = bh_call_option(call, "sort");
	const char *names[BH_TOP_COLUMNS], *near;
	enum bh_top_kind kind = BH_TOP_EDGES_VIEW;

	if (name != NULL)
		bh_top_view_find(name, &kind); /* checked already: a fixed word */
	state->views[0] = bh_top_view_of(kind);
	state->depth = 1;
	if (sort == NULL || bh_top_column_find(kind, sort, &state->views[0].sort))
		return BH_EXIT_DONE;
	for (size_t i = 0; i < bh_top_column_count(kind); i++)
		names[i] = bh_top_column_name(kind, i);
	near = bh_nearest(sort, names, bh_top_column_count(kind));
	return bh_complain(BH_EXIT_USAGE,
			   "--sort: %s have no column %s%s%s; --format json shows their names",
			   bh_top_view_name(kind), sort, near != NULL ? "; did you mean " : "",
			   near != NULL ? near : "");
}

static int read_frames(const struct bh_call *call, int64_t *frames)
{
	const char *batch = bh_call_option(call, "batch");

	*frames = batch != NULL ? strtoll(batch, NULL, 10) : -1;
	if (batch != NULL && *frames == 0)
		return bh_complain(BH_EXIT_USAGE, "--batch takes how many frames, from 1 on");
	if (batch == NULL && call->json)
		return bh_complain(BH_EXIT_USAGE,
				   "top --format json goes with --batch N: an object "
				   "a frame");
	if (batch == NULL && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return bh_complain(BH_EXIT_USAGE, "top draws on a terminal, and there is none; "
						  "--batch N prints frames");
	return BH_EXIT_DONE;
}

static int read_call(struct top *t, struct bh_said_filter *said)
{
	const struct bh_call *call = t->call;
	int result = read_interval(bh_call_option(call, "interval"), &t->interval);

	if (result == BH_EXIT_DONE)
		result = read_view(call, &t->state);
	if (result == BH_EXIT_DONE)
		result = read_frames(call, &t->frames);
	if (result == BH_EXIT_DONE)
		result = bh_said_filter_read(call, said);
	t->state.interval = (double)t->interval / BH_SECOND;
	t->state.now = wall_clock();
	t->state.color = call->color;
	t->state.ascii = t->frames < 0 && wants_ascii();
	bh_copy_text(t->state.filter, sizeof(t->state.filter),
		     said->text != NULL ? said->text : "");
	return result;
}

static int watch(struct top *t, const char *filter)
{
	const struct bh_top_news news = { .begun = on_begun,
					  .line = on_line,
					  .away = on_away,
					  .workloads = on_workloads,
					  .status = on_status,
					  .user = t };

	if (t->frames < 0 && !bh_top_screen_open(&t->state.color))
		return BH_EXIT_USAGE;
	t->signals = watch_signals();
	t->feed = bh_top_feed_new(t->call, &news);
	bh_top_feed_filter(t->feed, filter);
	t->changed = true;
	run(t);
	bh_top_screen_close();
	bh_top_feed_free(t->feed);
	close(t->signals);
	if (is_in_vain(t))
		return bh_complain(BH_EXIT_UNREACHABLE,
				   "the daemon does not answer at %s (%s); start it with: sudo "
				   "bulkhead daemon",
				   t->call->socket, t->state.away);
	return BH_EXIT_DONE;
}

int bh_top_run(const struct bh_call *call)
{
	struct top top = { .call = call };
	struct bh_said_filter said = { 0 };
	int result = read_call(&top, &said);

	top.state.model = bh_top_model_new();
	if (result == BH_EXIT_DONE)
		result = watch(&top, said.text);
	for (size_t i = 0; i < top.aside_count; i++)
		cJSON_Delete(top.aside[i]);
	free(top.aside);
	bh_top_model_free(top.state.model);
	bh_said_filter_free(&said);
	return result;
}
