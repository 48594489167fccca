/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this host is set to, as far as the rules depend on it; and whose chains a bridge's traffic
 * is going to meet once it is handed to netfilter. */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "core_api.h"
#include "core_share.h"
#include "foreign.h"
#include "probe.h"
#include "ruleset.h"

#define BRIDGE_SYSCTLS "/proc/sys/net/bridge"
#define ODD_PORTS_SHOWN 4

bool bh_core_switch_is_on(const char *path)
{
	FILE *file = fopen(path, "re");
	bool on = file != NULL && fgetc(file) == '1';

	if (file != NULL)
		fclose(file);
	return on;
}

bool bh_core_all_handed_over(void)
{
	return bh_core_switch_is_on(BRIDGE_SYSCTLS "/bridge-nf-call-iptables") ||
	       bh_core_switch_is_on(BRIDGE_SYSCTLS "/bridge-nf-call-ip6tables");
}

/* --- faults ----------------------------------------------------------------------------------- */

static bool hands_over(const struct bh_core *core)
{
	for (size_t i = 0; core->rules != NULL && i < core->rules->bridge_count; i++)
		if (core->rules->bridges[i].filtered && !core->rules->stateless)
			return true;
	return false;
}

void bh_core_host_say_faults(const struct bh_core *core, cJSON *list)
{
	if (hands_over(core) && access(BRIDGE_SYSCTLS, F_OK) != 0)
		cJSON_AddItemToArray(
			list, cJSON_CreateString(
				      "br_netfilter is not loaded: nothing that stays on a bridge "
				      "meets the rules (modprobe br_netfilter, as bulkhead.service "
				      "does; or enforcement.bridge: stateless, which needs none)"));
}

/* --- ports that lead out ---------------------------------------------------------------------- */

/* Ports of one bridge that are no container's. */
struct odd_ports {
	struct bh_buffer names;
	size_t count;
};

static void add_odd_port(struct odd_ports *ports, const char *ifname)
{
	if (ports->count < ODD_PORTS_SHOWN)
		bh_buffer_printf(&ports->names, "%s%s", ports->count > 0 ? ", " : "", ifname);
	ports->count++;
}

static void say_odd_ports(struct odd_ports *ports, const char *bridge, const char *what,
			  cJSON *list)
{
	struct bh_buffer text = { 0 };

	if (ports->count == 0)
		return;
	if (ports->count > ODD_PORTS_SHOWN)
		bh_buffer_printf(&ports->names, " and %zu more", ports->count - ODD_PORTS_SHOWN);
	bh_buffer_printf(&text, "bridge %s: port%s %s lead%s %s", bridge,
			 ports->count > 1 ? "s" : "", ports->names.data,
			 ports->count > 1 ? "" : "s", what);
	cJSON_AddItemToArray(list, cJSON_CreateString(text.data));
	bh_buffer_free(&text);
	bh_buffer_free(&ports->names);
}

static void say_bridges_ports(const struct bh_core *core, const struct bh_bridge *bridge,
			      cJSON *list)
{
	struct odd_ports uplinks = { 0 }, unknown = { 0 };
	const struct bh_host_link *link;

	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;) {
		if (link->master_ifindex != bridge->ifindex || bh_probe_is_port(link->ifname) ||
		    bh_model_at(core->model, link->ifindex, bh_time_now()) != NULL)
			continue;
		add_odd_port(bh_core_is_uplink(core, link) ? &uplinks : &unknown, link->ifname);
	}
	say_odd_ports(
		&uplinks, bridge->ifname,
		bh_core_is_stateless(core) && !bh_core_all_handed_over()
			? "out. To the containers on that bridge the world is there; where "
			  "this host routes what comes and goes there, it is not told from the "
			  "bridge's containers, and neither rules about the world nor denials "
			  "of addresses outside hold"
			: "out, and what comes and goes there is not told from the bridge's "
			  "containers: neither rules about the world nor denials of addresses "
			  "outside hold (on a stateless bridge they do)",
		list);
	say_odd_ports(&unknown, bridge->ifname,
		      "to nobody who is known: what comes from there meets the posture. Where that "
		      "is the world, interfaces.uplinks should say so",
		      list);
}

void bh_core_uplinks_say(const struct bh_core *core, cJSON *list)
{
	for (size_t i = 0; core->rules != NULL && i < core->rules->bridge_count; i++)
		if (core->rules->bridges[i].filtered)
			say_bridges_ports(core, &core->rules->bridges[i], list);
}

/* --- what is to come -------------------------------------------------------------------------- */

static bool may_stop(const struct bh_foreign_chain *chain)
{
	bool ip = chain->family == NFPROTO_INET || chain->family == NFPROTO_IPV4 ||
		  chain->family == NFPROTO_IPV6;

	return ip && chain->hook == NF_INET_FORWARD && (chain->policy_drops || chain->rules_drop);
}

/* "table ip filter chain FORWARD (…), …"; false: there are none. */
static bool list_stoppers(const struct bh_core *core, struct bh_buffer *out)
{
	char text[BH_FOREIGN_TEXT];
	bool any = false;

	for (uint32_t i = 0; i < core->foreign.count; i++) {
		if (!may_stop(&core->foreign.chains[i]))
			continue;
		bh_buffer_printf(out, "%s%s", any ? ", " : "",
				 bh_foreign_text(&core->foreign.chains[i], text));
		any = true;
	}
	return any;
}

static bool is_handed_over(const struct bh_core *core, uint32_t bridge)
{
	const struct bh_host_link *link;

	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;)
		if (link->ifindex == bridge)
			return link->nf_call_iptables && link->nf_call_ip6tables;
	return false;
}

static void say_exposed(const char *bridge, const char *stoppers, cJSON *list)
{
	struct bh_buffer text = { 0 };

	bh_buffer_printf(
		&text,
		"bridge %s: with a workload there that is audited or enforced its traffic "
		"passes %s, too. If that does not accept what stays on the bridge, let it; or "
		"set enforcement.bridge: stateless",
		bridge, stoppers);
	cJSON_AddItemToArray(list, cJSON_CreateString(text.data));
	bh_buffer_free(&text);
}

/* workload: NULL: any. */
static void add_exposed(const struct bh_core *core, const char *workload, const char *stoppers,
			struct bh_map *said, cJSON *list)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		const struct bh_endpoint_fact *fact = &instance->fact;

		if ((workload != NULL && strcmp(instance->workload, workload) != 0) ||
		    fact->master_ifindex == 0 || is_handed_over(core, fact->master_ifindex) ||
		    bh_map_get_text(said, fact->l3_ifname) != NULL)
			continue;
		bh_map_put_text(said, fact->l3_ifname, said);
		say_exposed(fact->l3_ifname, stoppers, list);
	}
}

static void say_diverted(const struct bh_instance *instance, cJSON *list)
{
	char why[512], text[800];

	bh_instance_say_diverted(instance, why, sizeof(why));
	snprintf(text, sizeof(text), "%s is not enforced: %s", instance->name, why);
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static void add_diverted(const struct bh_core *core, const char *workload, cJSON *list)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (bh_endpoint_is_diverted(&instance->fact) &&
		    strcmp(instance->workload, workload) == 0)
			say_diverted(instance, list);
}

void bh_core_diverted_say(const struct bh_core *core, cJSON *list)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (bh_endpoint_is_diverted(&instance->fact) &&
		    bh_core_instance_mode(core, instance) != BH_LEARN)
			say_diverted(instance, list);
}

cJSON *bh_core_exposed_json(const struct bh_core *core, const char *const *workloads, size_t count)
{
	cJSON *list = cJSON_CreateArray();
	struct bh_buffer stoppers = { 0 };
	struct bh_map *said = bh_map_new(NULL);

	if (!bh_core_is_stateless(core) && !bh_core_all_handed_over() &&
	    list_stoppers(core, &stoppers)) {
		for (size_t i = 0; i < count; i++)
			add_exposed(core, workloads[i], stoppers.data, said, list);
		if (workloads == NULL)
			add_exposed(core, NULL, stoppers.data, said, list);
	}
	for (size_t i = 0; i < count; i++)
		add_diverted(core, workloads[i], list);
	bh_map_free(said);
	bh_buffer_free(&stoppers);
	return list;
}

/* --- what a refusal looks like ---------------------------------------------------------------- */

const char *bh_core_silence(const struct bh_core *core, const struct bh_policy *policy)
{
	if (!bh_core_is_stateless(core) || policy == NULL || policy->deny != BH_REJECT)
		return NULL;
	return "what is refused between two containers on one bridge is dropped silently, though "
	       "the policy says deny: reject: a stateless bridge cannot answer "
	       "(enforcement.bridge: stateful can)";
}

const char *bh_core_silence_news(const struct bh_core *core, const struct bh_policy *policy)
{
	return bh_core_silence(core, core->policy) == NULL ? bh_core_silence(core, policy) : NULL;
}

static bool stands_for(const struct bh_core *core, const struct bh_subject *subject,
		       const struct bh_instance *instance)
{
	if (subject->peer->kind != BH_PEER_WORKLOAD || instance->fact.master_ifindex == 0 ||
	    strcmp(instance->workload, subject->peer->name) != 0)
		return false;
	return subject->addr.family == 0 ||
	       bh_model_holder(core->model, &subject->addr, bh_time_now()) == instance;
}

/* Somebody whom the one stands for and somebody whom the other stands for. */
static bool are_on_one_bridge(const struct bh_core *core, const struct bh_subject *a,
			      const struct bh_subject *b)
{
	struct bh_map *bridges = bh_map_new(NULL);
	const struct bh_instance *instance;
	bool any = false;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (stands_for(core, a, instance))
			bh_map_put_text(bridges, instance->fact.l3_ifname, bridges);
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		any = any || (stands_for(core, b, instance) &&
			      bh_map_get_text(bridges, instance->fact.l3_ifname) != NULL);
	bh_map_free(bridges);
	return any;
}

static bool is_stranger(const struct bh_subject *subject)
{
	return subject->peer->kind != BH_PEER_WORKLOAD && subject->peer->kind != BH_PEER_HOST;
}

const char *bh_core_refusal(const struct bh_core *core, const struct bh_subject *src,
			    const struct bh_subject *dst)
{
	if (core->policy->deny == BH_DROP)
		return "drop";
	if (!bh_core_is_stateless(core))
		return "reject";
	/* Who is nobody here may be on the bridge all the same, behind a port that leads out. */
	if (is_stranger(src) || is_stranger(dst))
		return NULL;
	return are_on_one_bridge(core, src, dst) ? "drop" : "reject";
}

/* Whose the other end is the rules know by the port that it is behind. */
cJSON *bh_core_unsure_json(const struct bh_core *core, const struct bh_subject *src,
			   const struct bh_subject *dst)
{
	cJSON *list = cJSON_CreateArray();

	if (is_stranger(src) || is_stranger(dst))
		bh_core_uplinks_say(core, list);
	return list;
}

/* --- settings that matter --------------------------------------------------------------------- */

static bool refuses_on_bridges(const struct bh_core *core)
{
	bool refuses = false, bridged = false;

	for (size_t i = 0; core->rules != NULL && i < core->rules->chain_count; i++)
		refuses = refuses || bh_mode_refuses(core->rules->chains[i].mode);
	for (size_t i = 0; core->rules != NULL && i < core->rules->bridge_count; i++)
		bridged = bridged || core->rules->bridges[i].filtered;
	return refuses && bridged;
}

static size_t count_networks(const struct bh_core *core)
{
	struct bh_map *networks = bh_map_new(NULL);
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		bh_map_put_text(networks, instance->fact.l3_ifname, networks);
	size_t count = bh_map_count(networks);
	bh_map_free(networks);
	return count;
}

cJSON *bh_core_host_json(const struct bh_core *core)
{
	cJSON *list = bh_core_exposed_json(core, NULL, 0);
	const char *silence = bh_core_silence(core, core->policy);

	bh_core_diverted_say(core, list);
	if (silence != NULL && refuses_on_bridges(core))
		cJSON_AddItemToArray(list, cJSON_CreateString(silence));
	if (bh_core_all_handed_over())
		cJSON_AddItemToArray(
			list,
			cJSON_CreateString(
				"somebody (Docker, Kubernetes) has the frames of every bridge "
				"handed to netfilter (sysctl net.bridge.bridge-nf-call-*): all "
				"of them meet the FORWARD chains of all, whatever bulkhead sets"));
	if (count_networks(core) > 1 && !bh_core_switch_is_on("/proc/sys/net/ipv4/ip_forward"))
		cJSON_AddItemToArray(
			list,
			cJSON_CreateString("this host does not forward IPv4 (sysctl "
					   "net.ipv4.ip_forward): its containers' networks do "
					   "not reach each other, whatever the rules allow"));
	return list;
}
