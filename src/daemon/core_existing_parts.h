/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of core_existing share. */
#ifndef BH_CORE_EXISTING_PARTS_H
#define BH_CORE_EXISTING_PARTS_H

#include "core_existing.h"

/* What was in force. */
struct bh_past_force {
	int64_t number;	      /* of the revision; 0: none */
	int64_t time;	      /* µs: rules that ended by then say nothing */
	uint8_t posture;      /* the one for all */
	struct bh_map *modes; /* struct bh_past_mode; learn where absent */
};

/* Of a workload, or of one of its instances that was treated more strictly than the others. */
struct bh_past_mode {
	char workload[BH_PEER_NAME];
	char instance[BH_PEER_NAME]; /* its name; "": of all the others */
	uint8_t mode;
};

/* A change after which connections drain or are kept. The last one whose past still allowed a
 * connection is the one that it is to go by. */
struct bh_step {
	struct bh_past_force before;
	struct bh_existing existing;
	int64_t until; /* µs, wall clock; DRAIN */
	int64_t due;   /* the same, monotonic */
	size_t count;  /* connections, when it was looked at last */
	size_t unsure; /* others, which could not be judged then, or were not read */
	bool over;     /* they were to be cut then */
};

/* Cuts that are alike. */
struct bh_cut_group {
	struct bh_peer src, dst;
	uint8_t proto;
	uint16_t port;
	bool drained;
	size_t count, failed;
	int32_t code; /* of one that failed */
	struct bh_answer answer;
};

struct bh_core_exceptions;

struct bh_core_existing {
	struct bh_past_force settled;
	struct bh_step *steps; /* oldest first */
	size_t step_count, step_capacity;
	struct bh_existing wanted;
	bool says; /* wanted is what a person said for the latest change */
	/* Changes of policy and modes, counted: made, on their way, in the kernel, dealt with. */
	uint64_t made, sent, confirmed, looked;
	bool due;     /* the connections are to be looked at */
	bool failing; /* they could not be read; that was said */

	bool asked;
	uint64_t asked_confirmed; /* what was confirmed then */
	struct bh_tracked *entries;
	size_t entry_count, entry_capacity;
	struct bh_msg_entries_end end;
	int64_t heard; /* monotonic: when that was all; 0: never */

	struct bh_map *groups;	       /* struct bh_cut_group of what is being cut */
	struct bh_cut_group **cutting; /* of each entry, in order */
	size_t cutting_count, cutting_capacity;
	size_t cut_done;
	struct bh_past_force now; /* to be settled then */

	struct bh_core_exceptions *exceptions; /* what goes on on stateless bridges */
};

/* The group of these cuts in the map; made where there is none. */
struct bh_cut_group *bh_cut_group_like(struct bh_map *groups, const struct bh_cut_group *like);

void bh_past_force_clear(struct bh_past_force *past);
/* instance: "": of the workload. */
void bh_past_force_set_mode(struct bh_past_force *past, const char *workload, const char *instance,
			    uint8_t mode);
/* How that instance was treated; one that is not known by name as the mildest of its workload. */
uint8_t bh_past_force_mode(const struct bh_past_force *past, const char *workload,
			   const char *instance);

/* By what an open connection is judged. */
struct bh_view_of {
	const struct bh_policy *policy;	  /* NULL: none */
	const struct bh_past_force *past; /* whose modes count; NULL: those of now, … */
	const struct bh_treatment *then;  /* … but for these (NULL: none) */
};

/* An open connection as the rules see it; it points into itself. */
struct bh_open {
	struct bh_peer src, dst;
	struct bh_question question;
	struct bh_flow_key key;
	const struct bh_tracked *entry;
	const struct bh_live_flow *live; /* NULL: capture does not know it */
	/* Its ends that are a workload's, by enum bh_side. NULL: others. */
	const struct bh_instance *instances[2];
	/* Ends that are endpoints, and nobody's: a posture meets them. NULL: others. */
	const struct bh_instance *strangers[2];
};

/* How the view has it that the peer is treated; learn, where it is no workload. instance: NULL: one
 * of them, nobody knows which; it is treated as the mildest. */
uint8_t bh_view_mode(const struct bh_core *core, const struct bh_view_of *view,
		     const struct bh_peer *peer, const struct bh_instance *instance);
/* The strictest treatment that any of its instances meets, by a view that is not of the past. */
uint8_t bh_view_strictest(const struct bh_core *core, const struct bh_view_of *view,
			  const struct bh_peer *peer);
/* Every connection that is open, by connection tracking, and where nobody tracks by capture; *count
 * of them. To be freed. */
struct bh_tracked *bh_open_connections(const struct bh_core *core, size_t *count);

/* *open as the rules see the entry, and its fate by the view. passing: bh_map_new(NULL), of this
 * view alone: what is known to pass, and is not asked about again. */
enum bh_fate bh_open_judge(const struct bh_core *core, const struct bh_tracked *entry,
			   const struct bh_view_of *view, struct bh_map *passing,
			   struct bh_open *open, struct bh_answer *answer);
/* The same of one that did not pass, by another view. */
enum bh_fate bh_open_fate(const struct bh_core *core, struct bh_open *open,
			  const struct bh_view_of *view, struct bh_answer *answer);

struct bh_cut_group *bh_cut_group_of(struct bh_map *groups, const struct bh_open *open,
				     const struct bh_answer *answer, bool drained);
void bh_cut_groups_tell(struct bh_core *core, const struct bh_map *groups);

/* A whole number of what was written down; 0 where it is none that makes sense. */
int64_t bh_past_number(const cJSON *json, const char *key);

#endif
