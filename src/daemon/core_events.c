/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: what a person would want to be told, as JSON in the store and on the streams. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_export.h"
#include "core_metrics.h"
#include "core_traffic.h"
#include "core_uses.h"
#include "grow.h"
#include "log.h"
#include "timefmt.h"

#define RETRY (10 * BH_SECOND)
#define LOOK (2 * BH_SECOND)

void bh_core_store_failed(struct bh_core *core, const struct bh_error *err)
{
	core->store_retry = bh_time_monotonic() + RETRY;
	/* The first complaint is the reason, what follows its consequences. */
	if (core->store_why[0] != '\0')
		return;
	bh_log(BH_LOG_ERROR, "store: %s", err->text);
	bh_copy_text(core->store_why, sizeof(core->store_why), err->text);
}

void bh_core_store_write(struct bh_core *core)
{
	struct bh_error err = { 0 };

	if (core->store_dirty)
		return;
	if (bh_store_begin(core->store, &err) != 0)
		bh_core_store_failed(core, &err);
	else
		core->store_dirty = true;
}

int bh_core_store_begin(struct bh_core *core, struct bh_error *err)
{
	int result = bh_store_in_place(core->store, err);

	if (result != 0)
		return result;
	result = bh_core_store_flush(core, err);
	if (result == 0)
		result = bh_store_begin(core->store, err);
	core->store_dirty = result == 0;
	if (result != 0)
		bh_core_store_failed(core, err);
	return result;
}

int bh_core_store_end(struct bh_core *core, int result, struct bh_error *err)
{
	if (result == 0)
		return bh_core_store_flush(core, err);
	core->store_dirty = false;
	bh_store_abort(core->store);
	return result;
}

int bh_core_store_flush(struct bh_core *core, struct bh_error *err)
{
	if (!core->store_dirty)
		return 0;
	core->store_dirty = false;
	int result = bh_store_commit(core->store, err);
	if (result != 0)
		bh_core_store_failed(core, err);
	return result;
}

/* Whoever removes the file of a running daemon takes policy, modes and history with the next
 * restart, and SQLite goes on writing to what has no name any more. */
static void look_for_file(struct bh_core *core)
{
	struct bh_error err = { 0 };
	bool moved = bh_store_in_place(core->store, &err) != 0;

	if (moved && core->store_moved[0] == '\0')
		bh_core_event(core, "store", "%s", err.text);
	else if (!moved && core->store_moved[0] != '\0')
		bh_core_event(core, "store", "the store's file is where it belongs again");
	bh_copy_text(core->store_moved, sizeof(core->store_moved), moved ? err.text : "");
}

struct saver {
	struct bh_core *core;
	struct bh_error err;
	int result;
};

static void save_called(void *user, const char *src, const char *dst, const char *names)
{
	struct saver *s = user;

	if (s->result != 0)
		return;
	bh_core_store_write(s->core);
	s->result = bh_store_save_called(s->core->store, src, dst, names, &s->err);
}

static void save_ledger(struct saver *s)
{
	if (!bh_ledger_has_news(s->core->ledger))
		return;
	bh_core_store_write(s->core);
	s->result = bh_store_save_ledger(s->core->store, s->core->ledger, &s->err);
}

static void save_all(struct bh_core *core)
{
	struct saver saver = { .core = core };

	save_ledger(&saver);
	bh_called_each_dirty(core->called, save_called, &saver);
	if (saver.result == 0)
		saver.result = bh_core_history_save(core, &saver.err);
	if (saver.result == 0)
		saver.result = bh_core_kept_save(core, &saver.err);
	if (saver.result == 0)
		saver.result = bh_core_answers_save(core, &saver.err);
	if (saver.result == 0)
		saver.result = bh_core_uses_save(core, &saver.err);
	if (saver.result == 0)
		saver.result = bh_core_traffic_save(core, &saver.err);
	if (saver.result == 0 && core->store_dirty)
		saver.result =
			bh_store_trim_events(core->store, core->config.keep_events, &saver.err);
	if (saver.result != 0)
		bh_core_store_failed(core, &saver.err);
	bh_core_store_flush(core, &saver.err);
}

/* Whatever was refused took its whole transaction along, so everything is written anew, and an
 * event last: if that is kept, the rest is. */
static void save_anew(struct bh_core *core)
{
	bh_ledger_mark_dirty(core->ledger);
	bh_called_mark_dirty(core->called);
	bh_sample_clock_forget(core->samples);
	bh_model_mark_dirty(core->model);
	bh_core_kept_mark_unsaved(core);
	bh_answers_mark_dirty(core->answers);
	bh_core_uses_mark_unsaved(core);
	core->store_why[0] = '\0';
	bh_core_event(core, "loss",
		      "the store takes what it is given again; the events of the meantime, and "
		      "those of the second before, are lost");
	save_all(core);
}

void bh_core_store_save(struct bh_core *core)
{
	struct bh_error ignored;

	if (bh_time_monotonic() >= core->store_look) {
		core->store_look = bh_time_monotonic() + LOOK;
		look_for_file(core);
	}
	if (core->store_why[0] == '\0')
		save_all(core);
	else if (bh_time_monotonic() >= core->store_retry)
		save_anew(core);
	else
		bh_core_store_flush(core, &ignored);
}

void bh_core_event_json(struct bh_core *core, const char *kind, const char *text, cJSON *json)
{
	int64_t now = bh_time_now();
	struct bh_error err = { 0 };

	cJSON_AddNumberToObject(json, "time", (double)now / BH_SECOND);
	cJSON_AddStringToObject(json, "kind", kind);
	cJSON_AddStringToObject(json, "text", text);
	char *line = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	bh_core_metrics_event(core, kind);
	bh_core_store_write(core);
	if (line == NULL ||
	    bh_store_add_event(core->store, now, kind, line, &core->last_event, &err) != 0) {
		bh_log(BH_LOG_ERROR, "event lost: %s: %s", kind, text);
		bh_core_lost(core, BH_LOSS_EVENTS, 1);
		bh_core_store_failed(core, &err);
	}
	if (line != NULL)
		bh_core_export_event(core, kind, now, line);
	free(line);
	if (core->api != NULL)
		bh_api_wake(core->api);
}

void bh_core_event(struct bh_core *core, const char *kind, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bh_log(BH_LOG_INFO, "%s: %s", kind, text);
	bh_core_event_json(core, kind, text, cJSON_CreateObject());
}
