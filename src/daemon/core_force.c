/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_force.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "grow.h"
#include "map.h"
#include "timefmt.h"

#define KEEP (60 * BH_SECOND) /* reports come far sooner */

struct stance {
	struct bh_policy *policy;
	bool retired; /* it is this entry's to free */
	char revision[65];
	int64_t number;
	int64_t until; /* when other rules were confirmed; 0: it may be in force */
	TAILQ_ENTRY(stance) link;
};

struct key {
	char ifname[BH_IFNAME];
	struct bh_addr addr;
};

struct binding {
	uint8_t mode;
	int64_t since;
	char workload[256];
};

struct bh_force {
	TAILQ_HEAD(stances, stance) stances; /* the newest first */
	struct bh_map *bindings;	     /* struct key → struct binding */
	int64_t none_since;		     /* no rules since then; 0: there are, or may be */
};

struct bh_force *bh_force_new(void)
{
	struct bh_force *force = bh_calloc(1, sizeof(*force));

	TAILQ_INIT(&force->stances);
	force->bindings = bh_map_new(free);
	return force;
}

static void forget(struct bh_force *force, struct stance *stance)
{
	TAILQ_REMOVE(&force->stances, stance, link);
	if (stance->retired)
		bh_policy_free(stance->policy);
	free(stance);
}

void bh_force_free(struct bh_force *force)
{
	struct stance *stance;

	if (force == NULL)
		return;
	while ((stance = TAILQ_FIRST(&force->stances)) != NULL)
		forget(force, stance);
	bh_map_free(force->bindings);
	free(force);
}

/* --- bindings --------------------------------------------------------------------------------- */

static struct key make_key(const char *ifname, const struct bh_addr *addr)
{
	struct key key = { .addr = *addr };

	bh_copy_text(key.ifname, sizeof(key.ifname), ifname);
	return key;
}

static const struct binding *find(const struct bh_map *bindings, const char *ifname,
				  const struct bh_addr *addr)
{
	struct key key = make_key(ifname, addr);

	return bh_map_get(bindings, &key, sizeof(key));
}

/* An interface's own key: as its addresses', which are of some family. */
static const struct bh_addr whole_port;

static bool is_same(const struct binding *known, const struct bh_bound *now)
{
	return known != NULL && known->mode == now->mode &&
	       strcmp(known->workload, now->workload) == 0;
}

/* now->since: where it was not known before; 0: then it is left out. */
static void merge_one(struct bh_map *merged, const struct bh_map *known, const char *ifname,
		      const struct bh_addr *addr, const struct bh_bound *now)
{
	const struct binding *old = find(known, ifname, addr);
	struct key key = make_key(ifname, addr);
	bool same = is_same(old, now);

	/* Of several holders the first has it in the kernel, too. */
	if ((!same && now->since == 0) || bh_map_get(merged, &key, sizeof(key)) != NULL)
		return;
	struct binding *fresh = bh_calloc(1, sizeof(*fresh));
	fresh->mode = now->mode;
	fresh->since = same ? old->since : now->since;
	bh_copy_text(fresh->workload, sizeof(fresh->workload), now->workload);
	bh_map_put(merged, &key, sizeof(key), fresh);
}

/* The bindings and ports of rules, each since it was known or, where it was not, since then (0:
 * left out). */
static struct bh_map *merge(const struct bh_map *known, const struct bh_ruleset *rules,
			    int64_t since)
{
	struct bh_map *merged = bh_map_new(free);

	for (size_t i = 0; i < rules->binding_count; i++) {
		const struct bh_binding *b = &rules->bindings[i];
		const struct bh_chain *chain = &rules->chains[b->egress];

		merge_one(merged, known, b->l3_ifname, &b->addr,
			  &(struct bh_bound) { chain->workload, chain->mode, since });
	}
	for (size_t i = 0; i < rules->port_count; i++) {
		const struct bh_port *port = &rules->ports[i];

		merge_one(merged, known, port->ifname, &whole_port,
			  &(struct bh_bound) { port->workload, port->mode, since });
	}
	return merged;
}

static void take_bindings(struct bh_force *force, const struct bh_ruleset *rules, int64_t since)
{
	struct bh_map *merged = merge(force->bindings, rules, since);

	bh_map_free(force->bindings);
	force->bindings = merged;
}

bool bh_force_bound(const struct bh_force *force, const char *l3_ifname, const struct bh_addr *addr,
		    struct bh_bound *bound)
{
	const struct binding *known = find(force->bindings, l3_ifname, addr);

	if (known == NULL)
		return false;
	*bound = (struct bh_bound) { known->workload, known->mode, known->since };
	return true;
}

bool bh_force_port(const struct bh_force *force, const char *ifname, struct bh_bound *bound)
{
	return bh_force_bound(force, ifname, &whole_port, bound);
}

bool bh_force_none(const struct bh_force *force, int64_t since)
{
	return force->none_since != 0 && force->none_since <= since;
}

/* --- policies --------------------------------------------------------------------------------- */

void bh_force_sent(struct bh_force *force, const struct bh_ruleset *rules,
		   const struct bh_stance *stance)
{
	struct stance *newest = TAILQ_FIRST(&force->stances);

	take_bindings(force, rules, 0);
	if (rules->chain_count > 0)
		force->none_since = 0;
	if (newest != NULL && newest->policy == stance->policy)
		return;
	struct stance *fresh = bh_calloc(1, sizeof(*fresh));
	/* Held as it is, and freed only where bh_force_retire() hands it over. */
	fresh->policy = (struct bh_policy *)(uintptr_t)stance->policy;
	fresh->number = stance->number;
	bh_copy_text(fresh->revision, sizeof(fresh->revision), stance->revision);
	TAILQ_INSERT_HEAD(&force->stances, fresh, link);
}

void bh_force_confirmed(struct bh_force *force, const struct bh_ruleset *rules, int64_t now)
{
	struct stance *newest = TAILQ_FIRST(&force->stances);

	take_bindings(force, rules, now);
	if (rules->chain_count == 0 && force->none_since == 0)
		force->none_since = now;
	if (newest == NULL)
		return;
	for (struct stance *s = TAILQ_NEXT(newest, link); s != NULL; s = TAILQ_NEXT(s, link))
		if (s->until == 0)
			s->until = now;
}

void bh_force_retire(struct bh_force *force, struct bh_policy *policy)
{
	struct stance *stance;

	TAILQ_FOREACH (stance, &force->stances, link) {
		if (stance->policy != policy)
			continue;
		stance->retired = true;
		return;
	}
	bh_policy_free(policy);
}

void bh_force_tick(struct bh_force *force, int64_t now)
{
	struct stance *stance, *next;

	for (stance = TAILQ_FIRST(&force->stances); stance != NULL; stance = next) {
		next = TAILQ_NEXT(stance, link);
		if (stance->until != 0 && now - stance->until > KEEP)
			forget(force, stance);
	}
}

bool bh_force_stance(const struct bh_force *force, int64_t since, size_t *position,
		     struct bh_stance *stance)
{
	size_t at = 0;
	struct stance *s;

	TAILQ_FOREACH (s, &force->stances, link) {
		if (at++ < *position || (s->until != 0 && s->until < since))
			continue;
		*position = at;
		*stance = (struct bh_stance) { s->policy, s->revision, s->number };
		return true;
	}
	return false;
}
