/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to go on working when rules tighten: what an operator who is mistaken would notice too
 * late. Of each such path that passes now and would be refused, the rule that keeps it is said in
 * the policy's own language.
 */
#ifndef BH_GUARD_H
#define BH_GUARD_H

#include "evaluate.h"

enum bh_vital {
	BH_VITAL_NONE,
	BH_VITAL_SESSION, /* the operator's own connection; no edge tells of it */
	BH_VITAL_DNS,	  /* a workload asks a name server */
	BH_VITAL_HEALTH,  /* this host connects to a workload, again and again */
	BH_VITAL_MASKED,  /* whoever comes as this host does: the proxy of a published port */
	BH_VITALS,
};
/* "session", "dns", "health-check", "masked-client"; NULL for NONE. */
const char *bh_vital_name(enum bh_vital vital);

/* So often this host has to have been answered, or it is not said to come again. */
#define BH_RECURS 3

/* What the edge is, by its ends, its port and how often it was answered. */
enum bh_vital bh_vital_of(const struct bh_edge *edge);
/* Whose it is: the end that would go without. */
const struct bh_peer *bh_vital_owner(const struct bh_edge *edge, enum bh_vital vital);

/* What is in force, as one path meets it. */
struct bh_guard_view {
	const struct bh_policy *policy; /* NULL: there is none, and everything passes */
	uint8_t modes[2];		/* enum bh_mode of its ends, by enum bh_side */
};

/* Whether the path, new, passes by what is in force before and is refused afterwards; *answer says
 * why. What nobody can judge is not. The question's modes do not count. */
bool bh_guard_cuts(const struct bh_guard_view *before, const struct bh_guard_view *after,
		   const struct bh_question *question, struct bh_answer *answer);

#define BH_NO_ENTRY SIZE_MAX

/* Lines of YAML to be pasted into a policy, freed by bh_remedy_free(). */
struct bh_remedy {
	char *rule;	  /* below "rules:"; NULL: none would let it through */
	char *entries[2]; /* below "workloads:", what the rule needs there; NULL: nothing */
};

/* What lets through what the policy answered so. entries: of the policy's workloads those that the
 * ends are to be called by, by enum bh_side; BH_NO_ENTRY: none, or it is no workload. A denial of
 * the application is overruled by the platform's permission, the platform's by nothing. */
void bh_guard_remedy(const struct bh_policy *policy, const struct bh_question *question,
		     const struct bh_answer *answer, const size_t entries[2],
		     struct bh_remedy *remedy);
void bh_remedy_free(struct bh_remedy *remedy);

#endif
