/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sends as somebody else: told of with both, the sender, as the interface says, and whose the
 * address is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "core.h"
#include "protocol.h"
#include "talk_limit.h"
#include "timefmt.h"

const char *bh_core_name_of(const struct bh_instance *instance)
{
	return instance->workload[0] != '\0' ? instance->workload : instance->name;
}

const char *bh_core_owner(const struct bh_core *core, const struct bh_addr *addr, int64_t time,
			  const struct bh_instance *besides)
{
	const struct bh_instance *holder;

	for (size_t position = 0;
	     (holder = bh_model_next_holder(core->model, addr, time, &position)) != NULL;)
		if (holder != besides)
			return bh_core_name_of(holder);
	return bh_model_host_holds(core->model, addr, 0) ? "host" : NULL;
}

cJSON *bh_core_text_json(const char *text)
{
	return text != NULL && text[0] != '\0' ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static void tell(struct bh_core *core, const struct bh_flow *f, const struct bh_instance *who,
		 const struct bh_peer *dst)
{
	const struct bh_peer nobody = { .kind = BH_PEER_UNRESOLVED };
	const char *owner = bh_core_owner(core, &f->key.src, f->first, who);
	char address[BH_ADDR_TEXT], proto[BH_PROTOCOL_TEXT], text[1024];
	cJSON *json = cJSON_CreateObject();
	size_t nested = bh_model_nested(core->model, who);

	snprintf(text, sizeof(text), "%s (interface %s) sends as %s, which %s%s%s", who->name,
		 who->fact.ifname, bh_addr_format(&f->key.src, address),
		 owner != NULL ? owner : "nobody is known to hold", owner != NULL ? " holds" : "",
		 nested > 0 ? "; it may be of a namespace nested in it: bulkhead coverage" : "");
	cJSON_AddStringToObject(json, "proto", bh_protocol_format(f->key.proto, proto));
	cJSON_AddNumberToObject(json, "port", f->key.dport);
	cJSON_AddItemToObject(json, "src", bh_core_end_json(&nobody, &f->key.src, f->key.sport));
	cJSON_AddItemToObject(json, "dst", bh_core_end_json(dst, &f->key.dst, f->key.dport));
	cJSON_AddStringToObject(json, "interface", who->fact.ifname);
	cJSON_AddItemToObject(json, "sender", bh_core_text_json(bh_core_name_of(who)));
	cJSON_AddItemToObject(json, "other", bh_core_text_json(owner));
	cJSON_AddNumberToObject(json, "nested", (double)nested);
	bh_core_event_json(core, "spoof", text, json);
}

void bh_core_spoof(struct bh_core *core, const struct bh_flow *flow, const struct bh_peer *dst)
{
	const struct bh_instance *who = bh_model_at(core->model, flow->src_ifindex, flow->first);

	if (who != NULL &&
	    bh_talk_allows(core->spoofs, flow->src_ifindex, who->name, bh_time_monotonic()))
		tell(core, flow, who, dst);
}

static void sum_up(void *user, const char *who, uint64_t unsaid)
{
	bh_core_event(
		user, "spoof",
		"%s went on to send as somebody whose address or MAC it does not hold, %" PRIu64
		" times",
		who, unsaid);
}

void bh_core_spoofs_tick(struct bh_core *core, int64_t now)
{
	bh_talk_tick(core->spoofs, now, sum_up, core);
}
