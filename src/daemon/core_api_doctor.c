/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with the host's traffic as far as bulkhead can tell, and who may be to blame. */
#include <string.h>

#include "core_api.h"
#include "foreign.h"

#define HOUR (3600 * BH_SECOND)

static cJSON *chain_json(const struct bh_foreign_chain *chain)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "family", bh_foreign_family(chain));
	cJSON_AddStringToObject(json, "table", chain->table);
	cJSON_AddStringToObject(json, "chain", chain->name);
	cJSON_AddStringToObject(json, "hook", bh_foreign_hook(chain));
	bh_core_add_text(json, "device", chain->device);
	cJSON_AddNumberToObject(json, "priority", chain->priority);
	cJSON_AddStringToObject(json, "policy", chain->policy_drops ? "drop" : "accept");
	cJSON_AddBoolToObject(json, "rules_drop", chain->rules_drop);
	return json;
}

static cJSON *foreign_json(const struct bh_core *core)
{
	const struct bh_foreign *foreign = &core->foreign;
	cJSON *json = cJSON_CreateObject(), *chains;

	bh_core_add_time(json, "checked", core->foreign_read);
	bh_core_add_text(json, "error", foreign->error != 0 ? strerror(-foreign->error) : NULL);
	cJSON_AddBoolToObject(json, "legacy_iptables", foreign->legacy);
	cJSON_AddNumberToObject(json, "left_off", foreign->left_off);
	chains = cJSON_AddArrayToObject(json, "chains");
	for (uint32_t i = 0; i < foreign->count; i++)
		cJSON_AddItemToArray(chains, chain_json(&foreign->chains[i]));
	return json;
}

static cJSON *undelivered_json(const struct bh_core *core)
{
	cJSON *list = cJSON_CreateArray();
	const struct bh_edge_note *note;

	for (size_t position = 0; (note = bh_map_next(core->undelivered, &position)) != NULL;)
		cJSON_AddItemToArray(list, bh_core_undelivered_json(core, note, note->count));
	return list;
}

static cJSON *leaks_json(const struct bh_core *core)
{
	cJSON *list = cJSON_CreateArray();
	const struct bh_edge_note *note;

	for (size_t position = 0; (note = bh_map_next(core->leaks, &position)) != NULL;) {
		cJSON *json = bh_core_note_json(note, note->count);

		cJSON_AddStringToObject(json, "reason", note->text);
		cJSON_AddItemToArray(list, json);
	}
	return list;
}

static cJSON *losses_json(const struct bh_core *core)
{
	uint64_t counts[BH_LOSS_KINDS];
	char text[BH_LOSS_TEXT];
	cJSON *list = cJSON_CreateArray();

	bh_loss_sum(&core->losses, bh_time_now() - HOUR, counts);
	for (int kind = 0; kind < BH_LOSS_KINDS; kind++)
		if (counts[kind] > 0)
			cJSON_AddItemToArray(list, cJSON_CreateString(bh_loss_kind_text(
							   kind, counts[kind], text)));
	return list;
}

void bh_core_handle_doctor(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	struct bh_core *core = user;

	(void)request;
	bh_core_foreign_ask(core);
	bh_core_prove(core);
	reply->json = cJSON_CreateObject();
	bh_core_say_faults(core, cJSON_AddArrayToObject(reply->json, "faults"));
	bh_core_proofs_say(core, cJSON_AddArrayToObject(reply->json, "unproven"));
	cJSON_AddItemToObject(reply->json, "self_test", bh_core_proofs_json(core));
	cJSON_AddItemToObject(reply->json, "host", bh_core_host_json(core));
	cJSON_AddItemToObject(reply->json, "leaks", leaks_json(core));
	cJSON_AddItemToObject(reply->json, "undelivered", undelivered_json(core));
	cJSON_AddItemToObject(reply->json, "losses", losses_json(core));
	cJSON_AddItemToObject(reply->json, "foreign", foreign_json(core));
}
