/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the self-test found (kernel_selftest.h), in words: that a bridge's rules hold, or a routed
 * veth's, that they do not, or why nobody can say, and what to do. Each change of that is an event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "core_api.h"
#include "grow.h"
#include "probe.h"
#include "timefmt.h"

/* So many connections, of edges that were delivered before, within that time after a bridge's
 * frames are handed to netfilter, and others' chains that may drop them: then that is why. */
#define MOST_UNDELIVERED 3
#define WATCHED (60 * BH_SECOND)

/* What is wrong is mostly the same with all: so many different sentences about routed veths, and in
 * each so many names. */
#define MOST_SENTENCES 8
#define MOST_NAMED 2

#define CHAINS_AGE (300 * BH_SECOND) /* of what is known of others' chains, at most */

struct known {
	struct bh_proof proof;
	bool unsaid;	      /* an event is due */
	bool failed;	      /* the last event was of a failure */
	char said[256];	      /* and this, why it could not be tested */
	unsigned undelivered; /* connections of edges that began not to be delivered … */
	int64_t handed_over;  /* … with this (struct bh_proof) */
};

/* --- words ------------------------------------------------------------------------------------ */

static const char *const states[BH_PROOF_STATES] = {
	[BH_PROOF_PENDING] = "pending",	  [BH_PROOF_PROVED] = "proved",
	[BH_PROOF_BYPASSED] = "bypassed", [BH_PROOF_STOPPED] = "stopped",
	[BH_PROOF_UNTESTED] = "untested", [BH_PROOF_IDLE] = "idle",
	[BH_PROOF_GONE] = "gone",	  [BH_PROOF_WITHHELD] = "withheld",
};

static const char *const ways[BH_PROOF_WAYS] = { "from it", "to it" };

static const char *families(bool four, bool six)
{
	return four && six ? "IPv4 and IPv6" : four ? "IPv4" : "IPv6";
}

static bool is_routed(const struct bh_proof *proof)
{
	return proof->workload[0] != '\0';
}

static void describe_routed_bypass(const struct bh_proof *proof, struct bh_buffer *out)
{
	const char *separator = "";

	bh_buffer_puts(out, "what the rules refuse arrives (");
	for (size_t way = 0; way < BH_PROOF_WAYS; way++) {
		const struct bh_probe_seen *seen = proof->seen[way];

		if (!seen[0].deny_arrived && !seen[1].deny_arrived)
			continue;
		bh_buffer_printf(out, "%s%s, %s", separator,
				 families(seen[0].deny_arrived, seen[1].deny_arrived), ways[way]);
		separator = "; ";
	}
	bh_buffer_printf(
		out,
		"): table inet bulkhead is not met, or was changed. What passes it by? nft "
		"list ruleset; tc filter show dev %s ingress",
		proof->ifname);
}

static void describe_bypass(const struct bh_core *core, const struct bh_proof *proof,
			    struct bh_buffer *out)
{
	const struct bh_probe_seen *seen = proof->seen[BH_PROOF_SENT];

	bh_buffer_printf(out, "what the rules refuse arrives there (%s): ",
			 families(seen[0].deny_arrived, seen[1].deny_arrived));
	if (bh_core_is_stateless(core))
		bh_buffer_puts(out, "table bridge bulkhead is not met, or was changed; nft list "
				    "table bridge bulkhead");
	else
		bh_buffer_puts(out, "its frames do not meet table inet bulkhead. Is br_netfilter "
				    "there (ls /proc/sys/net/bridge; modprobe br_netfilter), does "
				    "the bridge hand its frames over (ip -d link: "
				    "nf_call_iptables 1 nf_call_ip6tables 1), is the table as "
				    "bulkhead policy show --nft says?");
}

/* Where packets of one family ended, as far as counters tell; "": they did not. */
static const char *describe_stop(const struct bh_probe_seen *seen)
{
	if (seen->off)
		return "";
	if (!seen->pass_arrived && seen->pass_counted)
		return "what bulkhead's rules let pass is stopped by somebody else";
	if (!seen->pass_arrived)
		return "packets are stopped before they meet bulkhead's rules";
	return seen->deny_counted ? ""
				  : "somebody else stops what bulkhead's rules are to refuse, "
				    "before they meet it";
}

static void name_stoppers(const struct bh_core *core, const struct bh_way *way,
			  struct bh_buffer *out)
{
	cJSON *suspects = bh_core_suspects(core, way);

	bh_core_name_suspects(suspects, out);
	if (cJSON_GetArraySize(suspects) == 0)
		bh_buffer_puts(
			out,
			core->foreign.legacy ? "; perhaps legacy iptables: iptables-legacy-save"
			: way->routed ? "; no chain of nftables that is not ours drops there. "
					"A routing rule (ip rule), a program (tc, BPF), a "
					"rule that hands packets on (fwd)?"
				      : "; no chain of nftables that is not ours can have done "
					"that");
	cJSON_Delete(suspects);
}

static void advise(const struct bh_core *core, const struct bh_proof *proof, struct bh_buffer *out)
{
	if (is_routed(proof))
		bh_buffer_puts(out, ". A rule of that tool that accepts what comes from "
				    "interface " BH_PROBE_RECEIVER ", or leaves by it, helps");
	else if (!bh_core_is_stateless(core))
		bh_buffer_puts(out,
			       ". A rule of that tool that accepts what stays on this bridge "
			       "helps; or enforcement.bridge: stateless, where others' FORWARD "
			       "chains see none of it");
}

static void describe_stop_of(const struct bh_core *core, const struct bh_proof *proof, bool six,
			     const char *from, const char *text, struct bh_buffer *out)
{
	const bool routed = is_routed(proof);
	const struct bh_way way =
		routed ? (struct bh_way) { .six = six, .routed = true, .ip_hooks = true }
		       : bh_core_way_on_bridge(core, proof->ifname, six);

	bh_buffer_printf(out, "%s%s%s: %s", families(!six, six), routed ? ", " : "",
			 routed ? from : "", text);
	name_stoppers(core, &way, out);
}

/* Both ways of a family meet the same chains: where the same became of them it is said once. */
static void describe_stops(const struct bh_core *core, const struct bh_proof *proof,
			   struct bh_buffer *out)
{
	const char *separator = "";

	for (size_t i = 0; i < (size_t)BH_PROOF_WAYS * 2; i++) {
		const bool six = i / BH_PROOF_WAYS != 0;
		const size_t way = i % BH_PROOF_WAYS;
		const char *text = describe_stop(&proof->seen[way][six]),
			   *other = describe_stop(&proof->seen[!way][six]);
		bool same = strcmp(text, other) == 0;

		if (*text == '\0' || (same && way != BH_PROOF_SENT))
			continue;
		bh_buffer_puts(out, separator);
		describe_stop_of(core, proof, six, same ? "from it and to it" : ways[way], text,
				 out);
		separator = ". ";
	}
	advise(core, proof, out);
}

/* Enforcement was given up there, so that traffic goes on. */
static void describe_withheld(const struct bh_core *core, const struct bh_proof *proof,
			      struct bh_buffer *out)
{
	const struct bh_probe_seen *seen = proof->seen[BH_PROOF_SENT];
	bool six = seen[0].pass_arrived && !seen[1].pass_arrived;
	const struct bh_way way = { .six = six, .ip_hooks = true };

	bh_buffer_printf(out,
			 "not enforced. Once its frames were handed to netfilter, %s; so they are "
			 "not handed over any more",
			 proof->why[0] != '\0'
				 ? proof->why
				 : "somebody else stopped packets that arrive without");
	name_stoppers(core, &way, out);
	advise(core, proof, out);
	bh_buffer_puts(out,
		       proof->why[0] != '\0'
			       ? ". Tried again when a mode is set (bulkhead mode), or at a restart"
			       : ". Tried again from time to time, and by bulkhead doctor");
}

static void describe_state(const struct bh_core *core, const struct bh_proof *proof,
			   struct bh_buffer *out)
{
	switch (proof->state) {
	case BH_PROOF_PENDING:
		bh_buffer_printf(out, "%s%sit is tested anew", proof->why,
				 proof->why[0] != '\0' ? "; " : "");
		break;
	case BH_PROOF_PROVED:
		bh_buffer_puts(out, proof->why[0] != '\0'
					    ? proof->why
					    : "the rules hold: what they refuse is refused, what "
					      "they let pass arrives");
		break;
	case BH_PROOF_BYPASSED:
		if (is_routed(proof))
			describe_routed_bypass(proof, out);
		else
			describe_bypass(core, proof, out);
		break;
	case BH_PROOF_STOPPED:
		describe_stops(core, proof, out);
		break;
	case BH_PROOF_WITHHELD:
		describe_withheld(core, proof, out);
		break;
	case BH_PROOF_UNTESTED:
		bh_buffer_printf(out, "rules are in the kernel, and were not tested: %s",
				 proof->why);
		break;
	default:
		bh_buffer_printf(out, "nothing passes there: %s", proof->why);
	}
}

/* "bridge br0: …", "routed veth veth1 (compose:shop/web): …" */
static void describe(const struct bh_core *core, const struct bh_proof *proof,
		     struct bh_buffer *out)
{
	if (is_routed(proof))
		bh_buffer_printf(out, "routed veth %s (%s): ", proof->ifname, proof->workload);
	else
		bh_buffer_printf(out, "bridge %s: ", proof->ifname);
	describe_state(core, proof, out);
}

/* --- taking ----------------------------------------------------------------------------------- */

static bool is_failure(uint8_t state)
{
	return state == BH_PROOF_BYPASSED || state == BH_PROOF_STOPPED ||
	       state == BH_PROOF_WITHHELD || state == BH_PROOF_UNTESTED;
}

/* Why a test is not possible is the same on each bridge, more often than not. */
static bool was_said(const struct bh_core *core, const char *why)
{
	const struct known *known;

	for (size_t position = 0; (known = bh_map_next(core->proofs, &position)) != NULL;)
		if (strcmp(known->said, why) == 0)
			return true;
	return false;
}

static bool is_news(const struct bh_core *core, const struct known *known,
		    const struct bh_proof *proof)
{
	switch (proof->state) {
	case BH_PROOF_PENDING:
		return proof->why[0] != '\0';
	case BH_PROOF_PROVED:
		return known->failed;
	case BH_PROOF_UNTESTED:
		return !was_said(core, proof->why);
	default:
		return is_failure(proof->state) &&
		       (!known->failed || known->proof.state != proof->state);
	}
}

static void say(struct bh_core *core, struct known *known)
{
	struct bh_buffer text = { 0 };

	describe(core, &known->proof, &text);
	bh_core_event(core, "enforcement", "%s", text.data);
	bh_buffer_free(&text);
	known->unsaid = false;
}

void bh_core_proof(struct bh_core *core, const struct bh_proof *proof)
{
	struct known *known = bh_map_get_text(core->proofs, proof->ifname);

	if (proof->state == BH_PROOF_GONE) {
		bh_map_remove_text(core->proofs, proof->ifname);
		return;
	}
	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		known->proof.state = BH_PROOF_PENDING;
		bh_map_put_text(core->proofs, proof->ifname, known);
	}
	known->unsaid = known->unsaid || is_news(core, known, proof);
	known->proof = *proof;
	if (proof->state == BH_PROOF_UNTESTED)
		bh_copy_text(known->said, sizeof(known->said), proof->why);
	if (proof->state == BH_PROOF_STOPPED || proof->state == BH_PROOF_WITHHELD)
		bh_core_foreign_ask(core);
	else if (known->unsaid)
		say(core, known);
	if (proof->state != BH_PROOF_PENDING)
		known->failed = is_failure(proof->state);
}

void bh_core_probing(struct bh_core *core, const struct bh_msg_probing *probing)
{
	if (probing->until == 0)
		core->probing = (core->probing + 1) % BH_PROBINGS;
	core->probings[core->probing] = *probing;
}

bool bh_core_is_probing(const struct bh_core *core, int64_t first, int64_t last)
{
	for (size_t i = 0; i < BH_PROBINGS; i++) {
		const struct bh_msg_probing *p = &core->probings[i];

		if (p->since != 0 && first >= p->since && (p->until == 0 || last <= p->until))
			return true;
	}
	return false;
}

void bh_core_proofs_tick(struct bh_core *core)
{
	struct known *known;

	/* Whoever sets a mode is told whose chains traffic will meet. */
	if (core->scanned && !bh_core_is_stateless(core) &&
	    bh_time_now() - core->foreign_read > CHAINS_AGE)
		bh_core_foreign_ask(core);
	for (size_t position = 0; (known = bh_map_next(core->proofs, &position)) != NULL;)
		if (known->unsaid)
			say(core, known);
}

void bh_core_prove(struct bh_core *core)
{
	if (core->kernel != NULL)
		bh_channel_send(core->kernel, BH_MSG_PROVE, NULL, 0, NULL, 0, -1);
}

/* --- traffic that stops ----------------------------------------------------------------------- */

static bool any_suspect(const struct bh_core *core, bool six)
{
	const struct bh_way way = { .six = six, .ip_hooks = true };
	cJSON *suspects = bh_core_suspects(core, &way);
	bool any = cJSON_GetArraySize(suspects) > 0;

	cJSON_Delete(suspects);
	return any;
}

static void withhold(struct bh_core *core, uint32_t ifindex)
{
	struct bh_msg_withhold withhold = { .ifindex = ifindex };

	snprintf(withhold.why, sizeof(withhold.why),
		 "%d connections that no rule of bulkhead denies did not arrive within a minute",
		 MOST_UNDELIVERED);
	bh_channel_send(core->kernel, BH_MSG_WITHHOLD, &withhold, sizeof(withhold), NULL, 0, -1);
}

void bh_core_proofs_undelivered(struct bh_core *core, const struct bh_edge_note *note,
				int64_t first)
{
	const struct bh_instance *src = bh_model_holder(core->model, &note->key.src, note->last);
	struct known *known =
		src != NULL ? bh_map_get_text(core->proofs, src->fact.l3_ifname) : NULL;

	if (known == NULL || note->routed || core->kernel == NULL)
		return;
	int64_t since = known->proof.handed_over;
	if (since == 0 || note->first < since || first > since + WATCHED)
		return;
	if (known->handed_over != since)
		known->undelivered = 0;
	known->handed_over = since;
	known->undelivered++;
	bh_core_foreign_ask(core);
	if (known->undelivered >= MOST_UNDELIVERED &&
	    any_suspect(core, note->key.src.family == BH_IPV6))
		withhold(core, src->fact.master_ifindex);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* From the best to the worst. */
static int severity(uint8_t state)
{
	switch (state) {
	case BH_PROOF_PENDING:
		return 1;
	case BH_PROOF_UNTESTED:
		return 2;
	case BH_PROOF_STOPPED:
		return 3;
	case BH_PROOF_BYPASSED:
	case BH_PROOF_WITHHELD:
		return 4;
	default:
		return 0;
	}
}

enum bh_proof_state bh_core_proofs_state(const struct bh_core *core, struct bh_buffer *why)
{
	const struct known *known, *worst = NULL;
	size_t others = 0;

	if (core->config.self_test == 0) {
		bh_buffer_puts(why, "not tested (enforcement.self_test: off): the rules are in the "
				    "kernel, and no more than that is known");
		return BH_PROOF_PROVED;
	}
	for (size_t position = 0; (known = bh_map_next(core->proofs, &position)) != NULL;) {
		if (severity(known->proof.state) == 0)
			continue;
		others++;
		if (worst == NULL || severity(known->proof.state) > severity(worst->proof.state))
			worst = known;
	}
	if (worst == NULL)
		return BH_PROOF_PROVED;
	describe(core, &worst->proof, why);
	if (others > 1)
		bh_buffer_printf(why, " (and %zu more)", others - 1);
	return worst->proof.state;
}

static cJSON *proof_json(const struct bh_core *core, const struct bh_proof *proof)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_buffer why = { 0 };

	if (proof->state != BH_PROOF_PROVED || proof->why[0] != '\0')
		describe(core, proof, &why);
	cJSON_AddStringToObject(json, "name", proof->ifname);
	if (is_routed(proof))
		cJSON_AddStringToObject(json, "workload", proof->workload);
	cJSON_AddStringToObject(json, "state", states[proof->state]);
	bh_core_add_time(json, "time", proof->time);
	bh_core_add_text(json, "why", why.data);
	bh_buffer_free(&why);
	return json;
}

cJSON *bh_core_proofs_json(const struct bh_core *core)
{
	cJSON *json = cJSON_CreateObject(), *bridges = cJSON_CreateArray(),
	      *routed = cJSON_CreateArray();
	const struct known *known;
	int64_t checked = 0;

	for (size_t position = 0; (known = bh_map_next(core->proofs, &position)) != NULL;) {
		cJSON_AddItemToArray(is_routed(&known->proof) ? routed : bridges,
				     proof_json(core, &known->proof));
		if (checked == 0 || known->proof.time < checked)
			checked = known->proof.time;
	}
	if (core->config.self_test > 0)
		cJSON_AddNumberToObject(json, "interval",
					(double)core->config.self_test / BH_SECOND);
	else
		cJSON_AddNullToObject(json, "interval");
	bh_core_add_time(json, "checked", checked);
	cJSON_AddItemToObject(json, "bridges", bridges);
	cJSON_AddItemToObject(json, "routed", routed);
	return json;
}

/* Whether the same is to be said of both. */
static bool are_alike(const struct bh_proof *a, const struct bh_proof *b)
{
	return is_routed(a) && is_routed(b) && a->state == b->state &&
	       strcmp(a->why, b->why) == 0 && memcmp(a->seen, b->seen, sizeof(a->seen)) == 0;
}

/* Puts those like the first behind it; returns how many there are, with it. */
static size_t gather_alike(const struct bh_proof **proofs, size_t count)
{
	size_t alike = 1;

	for (size_t i = 1; i < count; i++) {
		const struct bh_proof *proof = proofs[i];

		if (!are_alike(proofs[0], proof))
			continue;
		proofs[i] = proofs[alike];
		proofs[alike++] = proof;
	}
	return alike;
}

/* "routed veths veth1 (compose:shop/web), veth2 (compose:shop/db) and 3 more: …" */
static void describe_alike(const struct bh_core *core, const struct bh_proof *const *alike,
			   size_t count, struct bh_buffer *out)
{
	size_t named = count <= MOST_NAMED + 1 ? count : MOST_NAMED;

	bh_buffer_puts(out, "routed veths ");
	for (size_t i = 0; i < named; i++)
		bh_buffer_printf(out, "%s%s (%s)",
				 i == 0		  ? ""
				 : i == count - 1 ? " and "
						  : ", ",
				 alike[i]->ifname, alike[i]->workload);
	if (named < count)
		bh_buffer_printf(out, " and %zu more", count - named);
	bh_buffer_puts(out, ": ");
	describe_state(core, alike[0], out);
}

static void add_sentence(const struct bh_core *core, const struct bh_proof *const *alike,
			 size_t count, cJSON *list)
{
	struct bh_buffer text = { 0 };

	if (count == 1)
		describe(core, alike[0], &text);
	else
		describe_alike(core, alike, count, &text);
	cJSON_AddItemToArray(list, cJSON_CreateString(text.data));
	bh_buffer_free(&text);
}

/* To be freed; what it points to stays the core's. */
static const struct bh_proof **list_failures(const struct bh_core *core, size_t *count)
{
	const struct bh_proof **failures =
		bh_calloc(bh_map_count(core->proofs) + 1, sizeof(*failures));
	const struct known *known;

	*count = 0;
	for (size_t position = 0; (known = bh_map_next(core->proofs, &position)) != NULL;)
		if (is_failure(known->proof.state))
			failures[(*count)++] = &known->proof;
	return failures;
}

void bh_core_proofs_say(const struct bh_core *core, cJSON *list)
{
	size_t count, sentences = 0, unsaid = 0;
	const struct bh_proof **failures = list_failures(core, &count);

	for (size_t i = 0, alike; i < count; i += alike) {
		alike = gather_alike(failures + i, count - i);
		if (is_routed(failures[i]) && ++sentences > MOST_SENTENCES)
			unsaid += alike;
		else
			add_sentence(core, failures + i, alike, list);
	}
	free(failures);
	if (unsaid > 0) {
		char text[128];

		snprintf(text, sizeof(text),
			 "and of %zu routed veths more: bulkhead status --format json", unsaid);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
}
