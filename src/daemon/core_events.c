/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: what a person would want to be told, as JSON in the store and on the streams. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core.h"
#include "log.h"
#include "timefmt.h"

void bh_core_store_write(struct bh_core *core)
{
	struct bh_error err = { 0 };

	if (core->store_dirty)
		return;
	if (bh_store_begin(core->store, &err) != 0)
		bh_log(BH_LOG_ERROR, "store: %s", err.text);
	else
		core->store_dirty = true;
}

void bh_core_store_flush(struct bh_core *core)
{
	struct bh_error err = { 0 };

	if (!core->store_dirty)
		return;
	core->store_dirty = false;
	if (bh_store_commit(core->store, &err) != 0)
		bh_log(BH_LOG_ERROR, "store: %s", err.text);
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
	bh_core_store_write(core);
	if (line == NULL ||
	    bh_store_add_event(core->store, now, kind, line, &core->last_event, &err) != 0)
		bh_log(BH_LOG_ERROR, "event lost (%s): %s", text, err.text);
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
