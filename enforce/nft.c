/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's tables equal what was last applied. Where this socket owns them nobody else can have
 * changed them, and where they are watched, nobody has as long as the ruleset's generation is the
 * one that our own change made, or others' that are known not to have touched them: what was
 * applied is what is there, and the next difference is that of the two rulesets, and takes as long
 * as what differs (reduce.c). Everywhere else – at the first apply, after somebody else's change or
 * an error – the kernel is read first. Whatever is built upon, the transaction names its
 * generation, so that it fails rather than builds on something that has changed since; an owner
 * need not.
 *
 * Adoption is the ordinary case of that: the tables of an earlier process are read like any others,
 * and the transaction that takes them over holds nothing but the difference. What they deny stays
 * denied throughout.
 */
#include "nft.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "desired.h"
#include "diff.h"
#include "digest.h"
#include "grow.h"
#include "log.h"
#include "netlink.h"
#include "reduce.h"
#include "scan.h"
#include "text.h"

#define TRIES 10
#ifndef ERESTART
#define ERESTART 85
#endif

struct bh_nft {
	struct bh_nft_config config; /* owner: as long as the kernel knows what that is */
	struct bh_netlink *netlink;
	const struct bh_ruleset *applied; /* the caller's; NULL: nothing yet */
	bool certain;			  /* applied is what the kernel has … */
	uint32_t generation; /* … at this generation, where others may change it, too */
	uint64_t digest;     /* of it */
};

struct bh_nft *bh_nft_open(const struct bh_nft_config *config, struct bh_error *err)
{
	struct bh_nft *nft = bh_calloc(1, sizeof(*nft));

	nft->config = *config;
	nft->netlink = bh_netlink_open(err);
	if (nft->netlink == NULL) {
		free(nft);
		return NULL;
	}
	return nft;
}

void bh_nft_close(struct bh_nft *nft)
{
	if (nft == NULL)
		return;
	bh_netlink_close(nft->netlink);
	free(nft);
}

static bool is_owned_by_other(const struct bh_nft *nft, const struct bh_nft_table *table)
{
	return table->present && (table->flags & NFT_TABLE_F_OWNER) &&
	       table->owner != bh_netlink_port(nft->netlink);
}

static int check_owner(const struct bh_nft *nft, const struct bh_nft_state *have,
		       struct bh_error *err)
{
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		if (is_owned_by_other(nft, &have->tables[i]))
			return bh_error_set(err, -EBUSY,
					    "table %s %s belongs to another process (netlink port "
					    "%u): is another bulkhead running?",
					    bh_nft_family_name(have->tables[i].family),
					    BH_NFT_TABLE, have->tables[i].owner);
	return 0;
}

/* Whether the tables are what they were left as, by us or, as the record says, by the process
 * before. True where nobody knows: a record that cannot be read is one of another version, or none.
 */
static bool is_as_left(const struct bh_nft *nft, uint64_t digest)
{
	uint64_t recorded[2];

	if (nft->applied != NULL)
		return digest == nft->digest;
	return nft->config.record[0] == '\0' ||
	       bh_digest_read(nft->config.record, recorded, NULL) != 0 || digest == recorded[0] ||
	       digest == recorded[1];
}

/* Before the transaction, for whoever finds the tables after this process was killed. */
static void write_record(const struct bh_nft *nft, uint64_t before, uint64_t after)
{
	const uint64_t digests[2] = { before, after };
	struct bh_error err = { 0 };

	if (nft->config.record[0] != '\0' &&
	    bh_digest_write(nft->config.record, digests, &err) != 0)
		bh_log(BH_LOG_WARNING, "what is in the tables is not noted: %s", err.text);
}

/* Whether tables stand that an earlier process left. */
static bool is_adopting(const struct bh_nft *nft, const struct bh_nft_state *have)
{
	return nft->applied == NULL && (have->tables[0].present || have->tables[1].present);
}

/* One transaction from have, whose digest is known, at that generation. */
static int commit(struct bh_nft *nft, struct bh_nft_state *have, uint64_t digest,
		  uint32_t generation, struct bh_nft_state *want, const struct bh_diff *diff,
		  struct bh_error *err)
{
	uint64_t after = bh_digest_after(digest, have, want, diff);

	write_record(nft, digest, after);
	int result = bh_nft_commit(nft->netlink, diff, nft->config.owner ? 0 : generation, err);
	if (result != 0)
		return result;
	nft->digest = after;
	nft->generation = generation + (diff->count > 0);
	return 0;
}

static bool is_deleted(const struct bh_diff *diff, uint8_t family)
{
	for (size_t i = 0; i < diff->count; i++)
		if (diff->steps[i].kind == BH_STEP_DELETE_TABLE &&
		    diff->steps[i].table->family == family)
			return true;
	return false;
}

/* Takes a table over that stands; one that is deleted before is made. */
static bool is_takeover(const struct bh_nft_state *have, const struct bh_diff *diff,
			const struct bh_step *step)
{
	for (size_t i = 0; step->kind == BH_STEP_ADD_TABLE && i < BH_NFT_TABLES; i++)
		if (have->tables[i].family == step->table->family)
			return have->tables[i].present && !is_deleted(diff, step->table->family);
	return false;
}

static bool gets_base_chain(const struct bh_diff *diff, uint8_t family)
{
	for (size_t i = 0; i < diff->count; i++)
		if (diff->steps[i].kind == BH_STEP_ADD_CHAIN && diff->steps[i].chain->base &&
		    diff->steps[i].table->family == family)
			return true;
	return false;
}

/* The kernel refuses a new base chain in the transaction that takes its table over
 * (nf_tables_api.c, __NFT_TABLE_F_UPDATE). */
static bool needs_takeover_first(const struct bh_nft_state *have, const struct bh_diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		if (is_takeover(have, diff, &diff->steps[i]) &&
		    gets_base_chain(diff, diff->steps[i].table->family))
			return true;
	return false;
}

/* Those steps of the diff that take tables over, or all the others. They are the diff's still: the
 * list alone is to be freed. */
static struct bh_diff part_of(const struct bh_diff *diff, const struct bh_nft_state *have,
			      bool takeover)
{
	struct bh_diff part = { .steps = bh_calloc(diff->count, sizeof(*part.steps)) };

	for (size_t i = 0; i < diff->count; i++)
		if (is_takeover(have, diff, &diff->steps[i]) == takeover)
			part.steps[part.count++] = diff->steps[i];
	return part;
}

/* The first transaction changes no rule. */
static int commit_twice(struct bh_nft *nft, struct bh_nft_state *have, uint64_t digest,
			uint32_t generation, struct bh_nft_state *want, const struct bh_diff *diff,
			struct bh_error *err)
{
	struct bh_diff first = part_of(diff, have, true), second = part_of(diff, have, false);
	int result = commit(nft, have, digest, generation, have, &first, err);

	if (result == 0)
		result = commit(nft, have, nft->digest, nft->generation, want, &second, err);
	free(first.steps);
	free(second.steps);
	return result;
}

static int change_from(struct bh_nft *nft, struct bh_nft_state *have, uint64_t digest,
		       uint32_t generation, struct bh_nft_state *want, struct bh_nft_change *change,
		       struct bh_error *err)
{
	struct bh_diff diff;

	bh_nft_diff(have, want, &diff);
	*change = diff.change;
	change->adopted = want->tables[0].present && is_adopting(nft, have);
	change->tampered = !is_as_left(nft, digest);
	if (change->tampered)
		bh_diff_text(&diff, change->differed, sizeof(change->differed));
	int result = needs_takeover_first(have, &diff)
			     ? commit_twice(nft, have, digest, generation, want, &diff, err)
			     : commit(nft, have, digest, generation, want, &diff, err);
	bh_diff_free(&diff);
	return result;
}

static int change_scanned(struct bh_nft *nft, struct bh_nft_state *want,
			  struct bh_nft_change *change, struct bh_error *err)
{
	struct bh_nft_state *have = NULL;
	uint32_t generation;
	int result = bh_nft_scan(nft->netlink, NULL, &have, &generation, err);

	if (result == 0)
		result = check_owner(nft, have, err);
	if (result == 0) {
		bh_nft_state_sign(want, have);
		result = change_from(nft, have, bh_digest_state(have), generation, want, change,
				     err);
	}
	bh_nft_state_free(have);
	return result;
}

/* From what the kernel is asked for. */
static int change_unknown(struct bh_nft *nft, const struct bh_ruleset *rules,
			  struct bh_nft_change *change, struct bh_error *err)
{
	struct bh_nft_state *want = bh_nft_desire(rules, &nft->config, err);
	int result = want == NULL ? -EINVAL : -ERESTART;

	for (int tries = 0; result == -ERESTART && tries < TRIES; tries++) {
		result = change_scanned(nft, want, change, err);
		if (result == -EAGAIN)
			result = -ERESTART;
	}
	bh_nft_state_free(want);
	return result;
}

static int change_part(struct bh_nft *nft, const struct bh_reduced *part,
		       struct bh_nft_change *change, struct bh_error *err)
{
	struct bh_nft_state *have =
		bh_nft_desire_part(part->old, &part->old_scope, &nft->config, err);
	struct bh_nft_state *want =
		bh_nft_desire_part(part->new, &part->new_scope, &nft->config, err);
	int result = have == NULL || want == NULL ? -EINVAL
						  : change_from(nft, have, nft->digest,
								nft->generation, want, change, err);

	bh_nft_state_free(have);
	bh_nft_state_free(want);
	return result;
}

static bool is_certain(const struct bh_nft *nft)
{
	uint32_t generation;

	return nft->certain &&
	       (nft->config.owner || (bh_nft_generation(nft->netlink, &generation) == 0 &&
				      generation == nft->generation));
}

/* From what was applied, as long as nobody else can have changed it. */
static int change_known(struct bh_nft *nft, const struct bh_ruleset *rules,
			struct bh_nft_change *change, struct bh_error *err)
{
	struct bh_reduced part;

	if (!is_certain(nft) || !bh_reduce(nft->applied, rules, &part))
		return -ERESTART;
	int result = change_part(nft, &part, change, err);
	bh_reduced_free(&part);
	return result;
}

/* Kernels before 6.9 refuse the flags, and do all the rest. */
static int change_without_owner(struct bh_nft *nft, const struct bh_ruleset *rules,
				struct bh_nft_change *change, struct bh_error *err)
{
	nft->config.owner = false;
	int result = change_unknown(nft, rules, change, err);
	nft->config.owner = result != 0;
	return result;
}

bool bh_nft_is_owner(const struct bh_nft *nft)
{
	return nft->config.owner;
}

void bh_nft_passed_over(struct bh_nft *nft, uint32_t generation)
{
	if (generation == nft->generation + 1)
		nft->generation = generation;
}

int bh_nft_apply(struct bh_nft *nft, const struct bh_ruleset *rules, struct bh_nft_change *change,
		 struct bh_error *err)
{
	struct bh_nft_change ignored;
	int result;

	if (change == NULL)
		change = &ignored;
	*change = (struct bh_nft_change) { 0 };
	result = change_known(nft, rules, change, NULL);
	nft->certain = false;
	/* Also where memory turned out to be wrong: then the kernel is asked. */
	if (result != 0)
		result = change_unknown(nft, rules, change, err);
	if (result == -EOPNOTSUPP && nft->config.owner)
		result = change_without_owner(nft, rules, change, err);
	if (result != 0) {
		*change = (struct bh_nft_change) { 0 };
		return result;
	}
	nft->applied = rules;
	nft->certain = rules->chain_count > 0;
	return 0;
}

/* --- verifying -------------------------------------------------------------------------------- */

/* Of which sets the elements differ. */
static void find_touched(const struct bh_diff *diff, struct bh_nft_touched *touched)
{
	for (size_t i = 0; i < diff->count; i++)
		if (diff->steps[i].kind == BH_STEP_ADD_ELEMENTS ||
		    diff->steps[i].kind == BH_STEP_DELETE_ELEMENTS)
			bh_nft_touch(touched, diff->steps[i].set->name);
}

static void describe(const struct bh_diff *diff, struct bh_nft_finding *finding)
{
	finding->steps = diff->count;
	finding->text[0] = '\0';
	if (diff->count > 0)
		bh_diff_text(diff, finding->text, sizeof(finding->text));
	find_touched(diff, &finding->touched);
}

static struct bh_nft_state *desired(const struct bh_ruleset *rules,
				    const struct bh_nft_config *config, struct bh_error *err)
{
	return rules != NULL ? bh_nft_desire(rules, config, err) : bh_nft_state_new();
}

int bh_nft_verify(const struct bh_ruleset *applied, const struct bh_nft_config *config,
		  struct bh_nft_finding *finding, struct bh_error *err)
{
	struct bh_netlink *netlink = bh_netlink_open(err);
	struct bh_nft_state *have = NULL, *want = NULL;
	struct bh_diff diff = { 0 };

	*finding = (struct bh_nft_finding) { 0 };
	if (netlink == NULL)
		return err != NULL ? err->code : -EPERM;
	int result = bh_nft_scan(netlink, NULL, &have, &finding->generation, err);
	if (result == 0)
		want = desired(applied, config, err);
	if (result == 0 && want == NULL)
		result = -EINVAL;
	if (result == 0) {
		bh_nft_state_sign(want, have);
		bh_nft_diff(have, want, &diff);
		describe(&diff, finding);
		result = diff.count > 0;
	}
	bh_diff_free(&diff);
	bh_nft_state_free(have);
	bh_nft_state_free(want);
	bh_netlink_close(netlink);
	return result;
}

static int repair_scanned(struct bh_nft *nft, struct bh_nft_state *want,
			  const struct bh_nft_touched *touched, struct bh_nft_finding *finding,
			  struct bh_error *err)
{
	struct bh_nft_state *have = NULL;
	struct bh_diff diff = { 0 };
	int result = bh_nft_scan(nft->netlink, touched, &have, &finding->generation, err);

	if (result == 0)
		result = check_owner(nft, have, err);
	if (result == 0) {
		bh_nft_state_sign(want, have);
		bh_nft_diff(have, want, &diff);
		describe(&diff, finding);
		result = bh_nft_commit(nft->netlink, &diff, finding->generation, err);
	}
	bh_diff_free(&diff);
	bh_nft_state_free(have);
	return result;
}

int bh_nft_repair(struct bh_nft *nft, const struct bh_nft_touched *touched,
		  struct bh_nft_finding *finding, struct bh_error *err)
{
	struct bh_nft_state *want = desired(nft->applied, &nft->config, err);
	int result = want == NULL ? -EINVAL : -ERESTART;

	for (int tries = 0; result == -ERESTART && tries < TRIES; tries++) {
		*finding = (struct bh_nft_finding) { 0 };
		result = repair_scanned(nft, want, touched, finding, err);
		if (result == -EAGAIN)
			result = -ERESTART;
	}
	bh_nft_state_free(want);
	nft->certain = nft->certain && result == 0;
	if (result != 0)
		return result;
	nft->generation = finding->generation + (finding->steps > 0);
	return finding->steps > 0;
}

uint32_t bh_nft_known_generation(const struct bh_nft *nft)
{
	return nft->generation;
}

int bh_nft_current_generation(struct bh_nft *nft, uint32_t *generation)
{
	return bh_nft_generation(nft->netlink, generation);
}

/* --- counters --------------------------------------------------------------------------------- */

struct reading {
	const struct bh_nft_set *set;
	struct bh_uses *uses;
};

static int read_elements(const struct nlmsghdr *message, void *user)
{
	const struct reading *reading = user;

	bh_uses_read(message, reading->set, reading->uses);
	return 0;
}

static int read_set(struct bh_nft *nft, uint8_t family, const struct bh_nft_set *set,
		    struct bh_uses *uses)
{
	struct reading reading = { set, uses };
	size_t before = uses->count;
	int result = -EINTR;

	for (int tries = 0; result == -EINTR && tries < TRIES; tries++) {
		uses->count = before;
		result = bh_nft_ask_elements(nft->netlink, family, set->name, read_elements,
					     &reading);
	}
	return result;
}

static int read_table(struct bh_nft *nft, const struct bh_nft_table *table, struct bh_uses *uses,
		      struct bh_error *err)
{
	for (size_t i = 0; i < table->set_count; i++) {
		const struct bh_nft_set *set = table->sets[i];
		bool counts = set->count > 0 && bh_uses_can_read(set);
		int result = counts ? read_set(nft, table->family, set, uses) : 0;

		if (result != 0)
			return bh_error_set(err, result, "reading the counters of %s: %s",
					    set->name, strerror(-result));
	}
	return 0;
}

int bh_nft_uses(struct bh_nft *nft, struct bh_uses *uses, struct bh_error *err)
{
	if (nft->applied == NULL)
		return 0;
	struct bh_nft_state *state = bh_nft_desire(nft->applied, &nft->config, err);
	if (state == NULL)
		return -EINVAL;
	int result = 0;
	for (size_t i = 0; result == 0 && i < BH_NFT_TABLES; i++)
		result = read_table(nft, &state->tables[i], uses, err);
	bh_nft_state_free(state);
	return result;
}

bool bh_nft_present(void)
{
	struct bh_netlink *nl = bh_netlink_open(NULL);
	struct bh_nft_state *state = bh_nft_state_new();
	int found = nl != NULL ? bh_nft_scan_tables(nl, state) : 0;

	bh_netlink_close(nl);
	bh_nft_state_free(state);
	return found > 0;
}

int bh_nft_remove(struct bh_error *err)
{
	struct bh_nft_config plain = { 0 };
	struct bh_nft *nft = bh_nft_open(&plain, err);
	struct bh_nft_state *have = bh_nft_state_new(), *nothing = bh_nft_state_new();
	struct bh_nft_change change;

	if (nft == NULL) {
		bh_nft_state_free(have);
		bh_nft_state_free(nothing);
		return err != NULL ? err->code : -EPERM;
	}
	int result = bh_nft_scan_tables(nft->netlink, have);
	if (result < 0)
		bh_error_set(err, result, "reading the kernel's nftables: %s", strerror(-result));
	else
		result = check_owner(nft, have, err);
	if (result == 0)
		result = change_from(nft, have, 0, 0, nothing, &change, err);
	bh_nft_close(nft);
	bh_nft_state_free(have);
	bh_nft_state_free(nothing);
	return result;
}
