/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What capture does not see of any container, by the way it looks: one socket on `any`, which gives
 * each packet a pseudo-header in place of its link header, and no interface that leads off the
 * host. */
#include "core.h"

static void add_uplinks(const struct bh_core *core, cJSON *limits)
{
	struct bh_buffer text = { 0 };

	bh_buffer_puts(&text, "what passes interfaces that lead off this host (");
	for (size_t i = 0; i < core->config.uplinks.count; i++)
		bh_buffer_printf(&text, "%s%s", i > 0 ? ", " : "", core->config.uplinks.items[i]);
	bh_buffer_puts(&text, ") and no veth: the host's own traffic with the outside");
	cJSON_AddItemToArray(limits, cJSON_CreateString(text.data));
	bh_buffer_free(&text);
}

cJSON *bh_core_limits(const struct bh_core *core)
{
	static const char *const always[] = {
		"VLAN tags and destination MAC addresses: packets that differ in nothing else "
		"count in one flow",
		"what containers say to themselves, or to others in their network namespace: it "
		"crosses no veth",
	};
	cJSON *limits = cJSON_CreateArray();

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		cJSON_AddItemToArray(limits, cJSON_CreateString(always[i]));
	if (core->config.uplinks.count > 0)
		add_uplinks(core, limits);
	return limits;
}
