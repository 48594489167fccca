/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What state things are in, who is there, and what bulkhead does not know. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_share.h"
#include "core_posture.h"
#include "core_promotion.h"
#include "core_existing.h"
#include "core_export.h"
#include "core_trial.h"
#include "learned.h"
#include "ruleset.h"
#include "timefmt.h"

#define MOST_DEPARTED 5 /* of a workload, shown */

/* --- status ----------------------------------------------------------------------------------- */

static cJSON *postures_json(const struct bh_config_postures *list)
{
	cJSON *json = cJSON_CreateArray();

	for (uint32_t i = 0; i < list->count; i++) {
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "match", list->items[i].match);
		cJSON_AddStringToObject(item, "posture", bh_posture_name(list->items[i].posture));
		cJSON_AddItemToArray(json, item);
	}
	return json;
}

/* Who is audited or enforced, and passes all the same what no rule speaks of: by the policy's
 * defaults. A workload's chains stand side by side. */
static cJSON *open_json(const struct bh_ruleset *rules)
{
	cJSON *list = cJSON_CreateArray(), *last = NULL;
	const char *name = "";

	for (size_t i = 0; rules != NULL && i < rules->chain_count; i++) {
		const struct bh_chain *chain = &rules->chains[i];

		if (chain->side != BH_EGRESS || chain->mode == BH_LEARN ||
		    !(chain->open[BH_EGRESS] || chain->open[BH_INGRESS]))
			continue;
		if (strcmp(name, chain->workload) != 0) {
			name = chain->workload;
			last = cJSON_CreateObject();
			cJSON_AddStringToObject(last, "workload", name);
			cJSON_AddFalseToObject(last, "egress");
			cJSON_AddFalseToObject(last, "ingress");
			cJSON_AddItemToArray(list, last);
		}
		/* Instances of one workload may have labels of their own. */
		for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++)
			if (chain->open[side])
				cJSON_ReplaceItemInObject(last, bh_side_name(side),
							  cJSON_CreateTrue());
	}
	return list;
}

/* Active is what was proved, and does not leak. */
static const char *enforcement_state(const struct bh_core *core, struct bh_buffer *why)
{
	static const char *const states[] = { "off", "starting", "active", "failed" };

	char contested[512];

	if (bh_core_is_contested(core)) {
		bh_buffer_puts(why, bh_core_contested_why(core, contested, sizeof(contested)));
		return "contested";
	}
	bh_buffer_puts(why, core->enforcement_why);
	if (core->enforcement != BH_ENFORCEMENT_ACTIVE)
		return states[core->enforcement];
	enum bh_proof_state proof = bh_core_proofs_state(core, why);
	if (proof == BH_PROOF_BYPASSED || proof == BH_PROOF_WITHHELD)
		return "failed"; /* which is why it leaks, if it does */
	if (bh_core_is_leaking(core)) {
		why->length = 0;
		bh_buffer_puts(why, "connections that the policy denies were delivered within the "
				    "last minute: bulkhead events");
		return "leaking";
	}
	return proof == BH_PROOF_PROVED ? "active" : "unproven";
}

static cJSON *enforcement_json(const struct bh_core *core)
{
	cJSON *json = cJSON_CreateObject(), *bridges;
	char existing[BH_EXISTING_TEXT];
	struct bh_buffer why = { 0 };

	cJSON_AddStringToObject(json, "state", enforcement_state(core, &why));
	bh_core_add_text(json, "why", why.data);
	bh_buffer_free(&why);
	cJSON_AddItemToObject(json, "self_test", bh_core_proofs_json(core));
	cJSON_AddNumberToObject(json, "leaks", (double)core->leak_count);
	bh_core_add_time(json, "last_leak", core->last_leak);
	bh_core_add_text(json, "revision", core->revision);
	if (core->revision_number > 0)
		cJSON_AddNumberToObject(json, "number", (double)core->revision_number);
	else
		cJSON_AddNullToObject(json, "number");
	cJSON_AddItemToObject(json, "trial", bh_core_trial_json(core));
	cJSON_AddStringToObject(json, "existing",
				bh_existing_format(&core->config.existing, existing));
	cJSON_AddItemToObject(json, "draining", bh_core_existing_json(core));
	cJSON_AddItemToObject(json, "open", open_json(core->rules));
	cJSON_AddItemToObject(json, "expiring", bh_core_expiry_json(core, bh_time_now()));
	bh_core_add_tables(core, json);
	cJSON_AddStringToObject(json, "bridge",
				bh_core_is_stateless(core) ? "stateless" : "stateful");
	bh_core_add_text(json, "silence", bh_core_silence(core, core->policy));
	bh_core_add_time(json, "applied", core->applied);
	cJSON_AddStringToObject(json, "posture", bh_posture_name(bh_core_posture(core)));
	cJSON_AddItemToObject(json, "postures", postures_json(&core->config.postures));
	bridges = cJSON_AddArrayToObject(json, "bridges");
	for (size_t i = 0; core->rules != NULL && i < core->rules->bridge_count; i++) {
		cJSON *bridge = cJSON_CreateObject();

		cJSON_AddStringToObject(bridge, "name", core->rules->bridges[i].ifname);
		cJSON_AddBoolToObject(bridge, "filtered", core->rules->bridges[i].filtered);
		cJSON_AddItemToArray(bridges, bridge);
	}
	return json;
}

/* By its number, as tcpdump and the registries write it. */
static void add_ethertype(cJSON *json, const struct bh_ethertype_count *counted)
{
	char name[8];

	if (counted->count == 0)
		return;
	snprintf(name, sizeof(name), "0x%04x", counted->type);
	cJSON_AddNumberToObject(json, name, (double)counted->count);
}

/* Whether every capture process is there. */
static bool is_whole(const struct bh_core *core)
{
	return core->capture_state.running > 0 &&
	       core->capture_state.running == core->capture_state.workers;
}

static cJSON *capture_json(const struct bh_core *core)
{
	const struct bh_msg_capture_stats *s = &core->capture_stats;
	cJSON *json = cJSON_CreateObject(), *kinds;
	int64_t hangs_since = 0;

	cJSON_AddStringToObject(json, "state",
				!is_whole(core)					? "restarting"
				: bh_core_capture_hangs(core, &hangs_since) > 0 ? "hanging"
										: "running");
	bh_core_add_time(json, "hangs_since", hangs_since);
	cJSON_AddNumberToObject(json, "workers", core->capture_state.workers);
	cJSON_AddNumberToObject(json, "restarts", core->capture_state.restarts);
	cJSON_AddNumberToObject(json, "packets", (double)s->table.packets);
	cJSON_AddNumberToObject(json, "dropped", (double)s->dropped);
	cJSON_AddNumberToObject(json, "flows", (double)s->table.active);
	cJSON_AddNumberToObject(json, "evicted", (double)s->table.evicted);
	cJSON_AddNumberToObject(json, "unsent", (double)s->unsent_flows);
	cJSON_AddNumberToObject(json, "dns_streams_given_up", (double)s->dns.streams);
	cJSON_AddNumberToObject(json, "dns_fragments", (double)s->dns.fragments);
	cJSON_AddNumberToObject(json, "dns_refused", (double)s->dns.refused);
	cJSON_AddStringToObject(json, "copies", bh_copy_name(s->copy));
	cJSON_AddBoolToObject(json, "throttled", s->throttled);
	kinds = cJSON_AddObjectToObject(json, "neighbours");
	cJSON_AddNumberToObject(kinds, "arp", (double)s->neighbours.arp);
	cJSON_AddNumberToObject(kinds, "discovery", (double)s->neighbours.discovery);
	kinds = cJSON_AddObjectToObject(json, "undecoded");
	for (int i = BH_DECODED + 1; i < BH_UNDECODED_KINDS; i++)
		cJSON_AddNumberToObject(kinds, bh_undecoded_name(i), (double)s->table.undecoded[i]);
	kinds = cJSON_AddObjectToObject(json, "ethertypes");
	for (size_t i = 0; i < BH_ETHERTYPES; i++)
		add_ethertype(kinds, &s->table.ethertypes[i]);
	cJSON_AddNumberToObject(json, "stray_errors", (double)s->table.stray_errors);
	return json;
}

static void count_instances(const struct bh_core *core, size_t *all, size_t *unidentified)
{
	const struct bh_instance *instance;

	*all = *unidentified = 0;
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		(*all)++;
		*unidentified += instance->workload[0] == '\0';
	}
}

static cJSON *identity_json(const struct bh_core *core)
{
	cJSON *json = cJSON_CreateObject(), *runtimes;
	size_t all, unidentified;

	count_instances(core, &all, &unidentified);
	cJSON_AddNumberToObject(json, "endpoints", (double)all);
	cJSON_AddNumberToObject(json, "unidentified", (double)unidentified);
	cJSON_AddNumberToObject(json, "overruns", (double)core->loss.netlink_overruns);
	runtimes = cJSON_AddArrayToObject(json, "runtimes");
	for (uint8_t i = 0; i < BH_RUNTIMES; i++) {
		if (bh_back_ends[i] == NULL)
			continue;
		cJSON *runtime = cJSON_CreateObject();
		cJSON_AddStringToObject(runtime, "name", bh_runtime_name(i));
		cJSON_AddStringToObject(runtime, "state", bh_core_runtime_state(core, i));
		bh_core_add_text(runtime, "why", core->runtimes[i].why);
		cJSON_AddItemToArray(runtimes, runtime);
	}
	return json;
}

static void count_mode(const struct bh_core *core, const char *workload, struct bh_map *seen,
		       size_t counts[BH_MODES])
{
	if (*workload == '\0' || bh_map_get_text(seen, workload) != NULL)
		return;
	bh_map_put_text(seen, workload, seen);
	counts[bh_core_mode(core, workload)]++;
}

static cJSON *modes_json(const struct bh_core *core)
{
	struct bh_map *seen = bh_map_new(NULL);
	cJSON *json = cJSON_CreateObject();
	const struct bh_instance *instance;
	size_t counts[BH_MODES] = { 0 };

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		count_mode(core, instance->workload, seen, counts);
	for (uint8_t mode = BH_LEARN; mode < BH_MODES; mode++)
		cJSON_AddNumberToObject(json, bh_mode_name(mode), (double)counts[mode]);
	bh_map_free(seen);
	return json;
}

static void say(cJSON *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(cJSON *list, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

void bh_core_say_faults(const struct bh_core *core, cJSON *list)
{
	char why[512];

	if (core->store_why[0] != '\0')
		say(list, "nothing is stored (%s): a restart would forget it", core->store_why);
	if (core->store_moved[0] != '\0')
		say(list, "a restart would forget policy, modes and history: %s",
		    core->store_moved);
	if (core->enforcement == BH_ENFORCEMENT_FAILED)
		say(list, "who is enforced is not known for sure: %s", core->enforcement_why);
	if (bh_core_is_contested(core))
		say(list, "%s", bh_core_contested_why(core, why, sizeof(why)));
	if (bh_core_is_unverified(core))
		say(list,
		    "whether the rules in the kernel are whole was not looked at for longer than "
		    "enforcement.verify_every: %s",
		    core->tampering.tables.why[0] != '\0'
			    ? core->tampering.tables.why
			    : "they change faster than they can be read");
	bh_core_host_say_faults(core, list);
	if (core->web_why[0] != '\0')
		say(list, "the web interface is not served as configured: %s", core->web_why);
}

/* What there is that is not seen. */
struct uncovered {
	const struct bh_core *core;
	size_t all;
	size_t enforced; /* of workloads that are thought to be locked down, all or in part */
};

static void count_uncovered(void *user, const struct bh_coverage_row *row)
{
	struct uncovered *uncovered = user;

	if (row->coverage != BH_NEITHER || row->no_network)
		return;
	uncovered->all++;
	uncovered->enforced += row->workload[0] != '\0' &&
			       bh_mode_refuses(bh_core_mode(uncovered->core, row->workload));
}

static void say_unread_names(const struct bh_dns_unread *dns, cJSON *list)
{
	if (dns->streams > 0)
		say(list,
		    "%" PRIu64 " DNS exchanges over TCP were given up in the middle of a message: "
		    "what it may have named has no name",
		    dns->streams);
	if (dns->fragments > 0)
		say(list,
		    "%" PRIu64 " DNS answers came in fragments, which are not read: what they may "
		    "have named has no name",
		    dns->fragments);
	if (dns->refused > 0)
		say(list,
		    "%" PRIu64
		    " DNS answers were doubtful (broken, a chain of CNAMEs in a loop) and "
		    "not believed: what they may have named has no name",
		    dns->refused);
}

static void say_whether_capture_runs(const struct bh_core *core, cJSON *list)
{
	const struct bh_msg_capture_state *state = &core->capture_state;
	char text[BH_TIME_TEXT];
	int64_t since;
	size_t hanging = bh_core_capture_hangs(core, &since);

	if (state->running == 0)
		say(list, "capture is not running: nothing is seen at the moment");
	else if (!is_whole(core))
		say(list, "%u of %u capture processes run: what is another's share is not seen",
		    state->running, state->workers);
	if (hanging > 0 && state->workers == 1)
		say(list,
		    "capture runs, and has said nothing since %s: what passed since then is not "
		    "seen",
		    bh_time_format(since, text));
	else if (hanging > 0)
		say(list,
		    "%zu of %u capture processes run, and have said nothing since %s: their share "
		    "of what passed since then is not seen",
		    hanging, state->workers, bh_time_format(since, text));
}

static void say_what_is_copied(const struct bh_core *core, cJSON *list)
{
	if (core->capture_stats.throttled)
		say(list,
		    "to stay within capture.cpu capture sees less: %s; what is counted is a part",
		    bh_core_copied(core));
}

/* What capture.mode: control leaves to connection tracking. */
static void say_what_is_not_counted(const struct bh_core *core, cJSON *list)
{
	uint64_t missed = bh_core_counts_missed(core);

	if (core->config.mode != BH_CAPTURE_CONTROL)
		return;
	say(list, "capture.mode is control: which packets and bytes of TCP connections were "
		  "delivered is not counted");
	if (core->accounting_known && !core->accounting.on)
		say(list,
		    "packets and bytes of new TCP connections are not counted: connection tracking "
		    "cannot be told to count (%s)",
		    core->accounting.why);
	if (missed > 0)
		say(list,
		    "packets and bytes of %" PRIu64 " TCP connection%s that ended are not counted: "
		    "connection tracking did not see them",
		    missed, missed == 1 ? "" : "s");
}

static void say_unnoted(const struct bh_flow_table_stats *table, cJSON *list)
{
	if (table->unnoted > 0)
		say(list,
		    "%" PRIu64 " ICMP errors or packets larger than the wire takes found no room "
		    "to be noted on their flows",
		    table->unnoted);
}

static void say_missing_names(const struct bh_core *core, cJSON *list)
{
	struct bh_buffer who = { 0 };
	size_t count = bh_core_names_missing(core, &who);

	if (count > 0)
		say(list,
		    "the names of the peers outside of %zu workload%s (%s): no DNS answer was seen "
		    "on "
		    "their interfaces. They asked before bulkhead watched, or not at all, or over "
		    "TLS "
		    "or HTTPS; or Docker's resolver asks for them from the host, as it does where "
		    "the "
		    "host's own name server has a loopback address (dockerd --dns ADDRESS: it asks "
		    "from inside the containers)",
		    count, count == 1 ? "" : "s", who.data);
	bh_buffer_free(&who);
}

/* It was an event once; it holds until somebody decides. */
static void say_who_waits_for_review(const struct bh_core *core, cJSON *list)
{
	size_t count = bh_core_relaxed_for_review(core);

	if (count > 0)
		say(list,
		    count == 1
			    ? "%zu workload that is to be enforced stays in stage 1: what it was "
			      "denied after its deploy waits for a person (bulkhead review)"
			    : "%zu workloads that are to be enforced stay in stage 1: what they "
			      "were denied after their deploys waits for a person (bulkhead "
			      "review)",
		    count);
}

static void say_refused_answers(const struct bh_core *core, cJSON *list)
{
	uint64_t refused = bh_answers_refused(core->answers);

	if (refused > 0)
		say(list,
		    "%" PRIu64 " DNS answers gave addresses for which there was no room, since all "
		    "others were in use: rules by name refuse them",
		    refused);
}

/* Connections that are open now, and teach nothing as long as they last. */
static size_t count_undirected(const struct bh_core *core)
{
	size_t count = 0;

	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer)
		count += live->found_by_id && live->flow.direction == BH_DIRECTION_UNKNOWN &&
			 bh_core_flow_is_judged(live);
	return count;
}

static void say_unidentified(const struct bh_core *core, cJSON *list)
{
	size_t all, unidentified;

	count_instances(core, &all, &unidentified);
	if (unidentified > 0)
		say(list, "%zu of %zu endpoints belong to no workload that is known", unidentified,
		    all);
}

static void say_uncovered(const struct bh_core *core, cJSON *list)
{
	struct uncovered uncovered = { .core = core };

	bh_model_coverage(core->model, count_uncovered, &uncovered);
	if (uncovered.all > 0)
		say(list,
		    uncovered.all == 1
			    ? "%zu container, network of one or namespace cannot be seen; why: "
			      "bulkhead coverage"
			    : "%zu containers, networks of theirs or namespaces cannot be seen; "
			      "why: bulkhead coverage",
		    uncovered.all);
	if (uncovered.enforced > 0)
		say(list,
		    uncovered.enforced == 1
			    ? "%zu of these belongs to a workload that enforces, or is in stage 1: "
			      "what it does there is not filtered"
			    : "%zu of these belong to workloads that enforce, or are in stage 1: "
			      "what they do there is not filtered",
		    uncovered.enforced);
}

/* Whether the rules are met. */
static void say_unproven(const struct bh_core *core, cJSON *list)
{
	bh_core_proofs_say(core, list);
	if (core->config.self_test == 0 && core->enforcement == BH_ENFORCEMENT_ACTIVE)
		say(list, "whether the rules in the kernel are met is not tested "
			  "(enforcement.self_test: off)");
	if (bh_core_is_leaking(core))
		say(list,
		    "something lets pass what the policy denies (%" PRIu64
		    " connections since the start): what else passes is not known",
		    core->leak_count);
}

/* text: of their number. */
static void say_unlearned(const struct bh_core *core, enum bh_unlearned why, const char *text,
			  cJSON *list)
{
	uint64_t count = bh_ledger_unlearned(core->ledger, why);

	if (count > 0)
		say(list, "%" PRIu64 " connections %s", count, text);
}

static void say_what_is_not_learned(const struct bh_core *core, cJSON *list)
{
	size_t open = count_undirected(core);

	if (open > 0)
		say(list,
		    "%zu connections are open and not learned, because who opened them is not "
		    "known: they are older than bulkhead, or have no handshake (UDP) and began "
		    "in its first %" PRId64 " s; a policy proposed now does not allow them",
		    open, core->config.idle_timeout / BH_SECOND);
	say_unlearned(core, BH_UNLEARNED_DIRECTION,
		      "are older than the watch, or may be: who opened them is not known, and they "
		      "were not learned",
		      list);
	say_unlearned(core, BH_UNLEARNED_UNANSWERED,
		      "were not answered, or given up half-open, and not learned", list);
	say_unlearned(core, BH_UNLEARNED_UNRESOLVED,
		      "have an end that nobody owns up to, and were not learned", list);
	say_unlearned(core, BH_UNLEARNED_OVERFLOW,
		      "found no room in the ledger (learning.max_edges)", list);
}

cJSON *bh_core_unknown(const struct bh_core *core)
{
	cJSON *list = cJSON_CreateArray();

	if (!core->scanned)
		say(list, "the host's interfaces have not been read yet");
	bh_core_runtimes_say(core, list);
	say_unidentified(core, list);
	say_uncovered(core, list);
	say_missing_names(core, list);
	say_refused_answers(core, list);
	say_who_waits_for_review(core, list);
	bh_core_renamed_say(core, list);
	bh_core_say_faults(core, list);
	say_unproven(core, list);
	bh_core_uplinks_say(core, list);
	bh_core_diverted_say(core, list);
	say_whether_capture_runs(core, list);
	say_what_is_copied(core, list);
	say_what_is_not_counted(core, list);
	bh_core_loss_say(core, list);
	bh_core_exports_say(core, list);
	say_unread_names(&core->capture_stats.dns, list);
	say_unnoted(&core->capture_stats.table, list);
	say_what_is_not_learned(core, list);
	return list;
}

void bh_core_handle_status(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	cJSON *json = cJSON_CreateObject(), *learning;
	char host[BH_HOST_NAME];

	(void)request;
	cJSON_AddStringToObject(json, "version", BULKHEAD_VERSION);
	bh_core_add_time(json, "started", core->started);
	cJSON_AddStringToObject(json, "host", bh_core_host_name(host));
	cJSON_AddItemToObject(json, "enforcement", enforcement_json(core));
	cJSON_AddItemToObject(json, "capture", capture_json(core));
	cJSON_AddItemToObject(json, "identity", identity_json(core));
	cJSON_AddItemToObject(json, "startup", bh_core_window_json(core));
	learning = cJSON_AddObjectToObject(json, "learning");
	cJSON_AddNumberToObject(learning, "edges", (double)bh_ledger_count(core->ledger, BH_EDGES));
	cJSON_AddNumberToObject(learning, "window_seconds",
				(double)core->config.window / BH_SECOND);
	cJSON_AddNumberToObject(learning, "windows", bh_ledger_windows(core->ledger));
	cJSON_AddItemToObject(learning, "unlearned", bh_json_unlearned(core->ledger));
	cJSON_AddItemToObject(json, "modes", modes_json(core));
	cJSON_AddItemToObject(json, "shares", bh_core_shares_json(core));
	cJSON_AddItemToObject(json, "loss", bh_core_loss_json(core));
	cJSON_AddItemToObject(json, "exports", bh_core_exports_json(core));
	cJSON_AddItemToObject(json, "unknown", bh_core_unknown(core));
	reply->json = json;
}

/* --- who is there ----------------------------------------------------------------------------- */

struct coverage_writer {
	const struct bh_core *core;
	cJSON *rows;
};

/* What a container in the host's network can be told by: the ports that it listens on. */
static void add_ports_on_host(const struct coverage_writer *w, const struct bh_coverage_row *row,
			      cJSON *json)
{
	cJSON *ports = bh_core_own_listeners_json(w->core, 0, row->container_id);
	const cJSON *port;
	struct bh_buffer why = { 0 };

	bh_buffer_puts(&why, row->why);
	cJSON_ArrayForEach (port, ports)
		bh_buffer_printf(&why, "%s%s", port == ports->child ? "; it listens on " : ", ",
				 port->valuestring);
	bh_core_add_text(json, "why", why.data);
	cJSON_AddItemToObject(json, "listens", ports);
	bh_buffer_free(&why);
}

/* What meets an endpoint as long as no workload claims it; NULL for any other row. */
static const char *row_posture(const struct bh_core *core, const struct bh_coverage_row *row)
{
	const struct bh_instance *who =
		row->ifindex != 0 && row->workload[0] == '\0'
			? bh_model_at(core->model, row->ifindex, bh_time_now())
			: NULL;

	return who != NULL && !bh_endpoint_is_diverted(&who->fact)
		       ? bh_posture_name(bh_core_posture_of(core, who))
		       : NULL;
}

static void add_coverage(void *user, const struct bh_coverage_row *row)
{
	static const char *const words[] = { "enforceable", "observable", "neither" };
	const struct coverage_writer *w = user;
	cJSON *json = cJSON_CreateObject();
	char uplink[256];

	cJSON_AddStringToObject(json, "name", row->name);
	bh_core_add_text(json, "workload", row->workload);
	bh_core_add_text(json, "runtime", row->runtime);
	cJSON_AddStringToObject(json, "coverage", words[row->coverage]);
	if (row->on_host)
		add_ports_on_host(w, row, json);
	else
		bh_core_add_text(json, "why",
				 bh_core_uplink_why(w->core, row, uplink, sizeof(uplink))
					 ? uplink
					 : row->why);
	bh_core_add_text(json, "posture", row_posture(w->core, row));
	cJSON_AddItemToArray(w->rows, json);
}

void bh_core_handle_coverage(void *user, const struct bh_api_request *request,
			     struct bh_api_reply *reply)
{
	const struct bh_core *core = user;

	(void)request;
	reply->json = cJSON_CreateObject();
	struct coverage_writer writer = { core, cJSON_AddArrayToObject(reply->json, "rows") };
	bh_model_coverage(core->model, add_coverage, &writer);
	cJSON_AddItemToObject(reply->json, "unseen", bh_core_limits(core));
	cJSON_AddItemToObject(reply->json, "nameless", bh_core_nameless_json(core));
}

static void add_member(const struct bh_core *core, const struct bh_instance *instance,
		       const struct bh_container *c, cJSON *members)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", c->name);
	cJSON_AddStringToObject(json, "container_id", c->id);
	cJSON_AddItemToObject(json, "listens",
			      bh_core_own_listeners_json(core, instance->fact.ifindex, c->id));
	cJSON_AddItemToArray(members, json);
}

/* The containers that share its namespace, itself among them; none where it is alone. */
static void add_members(const struct bh_core *core, const struct bh_instance *instance, cJSON *json)
{
	const struct bh_container *guest;
	cJSON *members = NULL;

	for (size_t position = 0;
	     (guest = bh_model_next_guest(core->model, instance->container, &position)) != NULL;) {
		if (members == NULL) {
			members = cJSON_AddArrayToObject(json, "members");
			add_member(core, instance, instance->container, members);
		}
		add_member(core, instance, guest, members);
	}
}

static cJSON *instance_json(const struct bh_core *core, const struct bh_instance *instance)
{
	cJSON *json = cJSON_CreateObject(), *addresses;
	char text[BH_ADDR_TEXT];

	cJSON_AddStringToObject(json, "name", instance->name);
	cJSON_AddStringToObject(json, "mode", bh_mode_name(bh_core_instance_mode(core, instance)));
	cJSON_AddStringToObject(json, "ifname", instance->fact.ifname);
	addresses = cJSON_AddArrayToObject(json, "addresses");
	for (uint8_t i = 0; i < instance->fact.addr_count; i++)
		cJSON_AddItemToArray(addresses, cJSON_CreateString(bh_addr_format(
							&instance->fact.addrs[i], text)));
	cJSON_AddItemToObject(json, "listens",
			      bh_core_listeners_json(core, instance->fact.ifindex));
	bh_core_add_text(json, "image",
			 instance->container != NULL ? instance->container->image : NULL);
	bh_core_add_text(json, "container_id", instance->fact.container_id);
	bh_core_add_time(json, "since", instance->fact.since);
	add_members(core, instance, json);
	return json;
}

static cJSON *departed_json(const struct bh_instance *instance)
{
	cJSON *json = cJSON_CreateObject(), *addresses;
	const struct bh_hold *hold;
	char text[BH_ADDR_TEXT];

	cJSON_AddStringToObject(json, "name", instance->name);
	cJSON_AddStringToObject(json, "ifname", instance->fact.ifname);
	addresses = cJSON_AddArrayToObject(json, "addresses");
	for (size_t i = 0; (hold = bh_instance_hold(instance, i)) != NULL; i++)
		if (hold->until == instance->until)
			cJSON_AddItemToArray(addresses,
					     cJSON_CreateString(bh_addr_format(&hold->addr, text)));
	bh_core_add_text(json, "container_id", instance->fact.container_id);
	bh_core_add_time(json, "since", instance->fact.since);
	bh_core_add_time(json, "until", instance->until);
	return json;
}

struct workload_rows {
	const struct bh_core *core;
	cJSON *rows;
	struct bh_map *by_name;
};

static cJSON *workload_row(const struct workload_rows *w, const struct bh_instance *instance)
{
	cJSON *row = bh_map_get_text(w->by_name, instance->workload);

	if (row != NULL)
		return row;
	row = cJSON_CreateObject();
	bh_core_add_text(row, "workload", instance->workload);
	cJSON_AddStringToObject(row, "mode",
				bh_mode_name(bh_core_mode(w->core, instance->workload)));
	cJSON_AddItemToObject(row, "share", bh_core_share_json(w->core, instance->workload));
	bh_core_add_text(row, "why", instance->why);
	cJSON_AddArrayToObject(row, "instances");
	cJSON_AddArrayToObject(row, "departed");
	cJSON_AddNumberToObject(row, "departed_count", 0);
	cJSON_AddItemToArray(w->rows, row);
	bh_map_put_text(w->by_name, instance->workload, row);
	return row;
}

/* Newest last; of many the newest are enough. */
static void add_departed(const struct workload_rows *w, const struct bh_instance *instance)
{
	cJSON *row = workload_row(w, instance), *list = cJSON_GetObjectItem(row, "departed");
	cJSON *count = cJSON_GetObjectItem(row, "departed_count");

	cJSON_SetNumberValue(count, count->valuedouble + 1);
	if (cJSON_GetArraySize(list) == MOST_DEPARTED)
		cJSON_DeleteItemFromArray(list, 0);
	cJSON_AddItemToArray(list, departed_json(instance));
}

void bh_core_handle_workloads(void *user, const struct bh_api_request *request,
			      struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	const struct bh_instance *instance;
	struct workload_rows w = { .core = core, .by_name = bh_map_new(NULL) };

	(void)request;
	reply->json = cJSON_CreateObject();
	w.rows = cJSON_AddArrayToObject(reply->json, "rows");
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		cJSON_AddItemToArray(cJSON_GetObjectItem(workload_row(&w, instance), "instances"),
				     instance_json(core, instance));
	for (instance = bh_model_next_departed(core->model, NULL); instance != NULL;
	     instance = bh_model_next_departed(core->model, instance))
		add_departed(&w, instance);
	cJSON_AddItemToObject(reply->json, "proposed_groups", bh_core_alike_json(core));
	bh_map_free(w.by_name);
}
