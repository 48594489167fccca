/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_health.h"

#include <inttypes.h>
#include <stdio.h>

#include "core_api.h"
#include "timefmt.h"

#define TELL_AFTER (3 * BH_SECOND) /* what lasts for a moment is no news */

static void tell_change(struct bh_core *core, struct bh_export_health *h, const char *what,
			const char *where, uint64_t lost)
{
	uint64_t meanwhile = lost - h->lost_before;

	h->told = h->why[0] != '\0';
	if (h->told) {
		h->lost_before = lost;
		bh_core_event(core, "export", "%s do not reach %s: %s", what, where, h->why);
	} else {
		bh_core_event(core, "export", "%s reach %s again; %" PRIu64 " %s lost meanwhile",
			      what, where, meanwhile, meanwhile == 1 ? "was" : "were");
	}
}

void bh_export_tell(struct bh_core *core, struct bh_export_health *h, const char *what,
		    const char *where, uint64_t lost, int64_t now)
{
	if (h->told == (h->why[0] != '\0'))
		h->otherwise_since = 0;
	else if (h->otherwise_since == 0)
		h->otherwise_since = now;
	else if (now - h->otherwise_since >= TELL_AFTER)
		tell_change(core, h, what, where, lost);
}

cJSON *bh_export_json(const char *kind, const char *where, const char *state,
		      const struct bh_export_health *health, uint64_t sent, uint64_t lost,
		      size_t waiting)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "kind", kind);
	cJSON_AddStringToObject(json, "to", where);
	cJSON_AddStringToObject(json, "state", state);
	bh_core_add_text(json, "why", health->why);
	cJSON_AddNumberToObject(json, "sent", (double)sent);
	cJSON_AddNumberToObject(json, "lost", (double)lost);
	cJSON_AddNumberToObject(json, "waiting", (double)waiting);
	return json;
}

void bh_export_say(const struct bh_export_health *health, const char *what, const char *where,
		   uint64_t lost, size_t waiting, cJSON *list)
{
	char text[1024];

	if (health->why[0] == '\0')
		return;
	snprintf(text, sizeof(text),
		 "%s do not reach %s (%s): %zu wait for it, %" PRIu64 " are lost", what, where,
		 health->why, waiting, lost);
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}
