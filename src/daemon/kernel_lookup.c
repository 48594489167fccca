/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "log.h"
#include "tracker.h"

struct bh_lookup {
	struct bh_tracker *tracker;
	struct bh_tracked last; /* that the tracker told of */
};

static void on_entry(void *user, const struct bh_tracked *entry)
{
	((struct bh_lookup *)user)->last = *entry;
}

struct bh_lookup *bh_lookup_new(struct bh_error *err)
{
	struct bh_lookup *l = bh_calloc(1, sizeof(*l));
	struct bh_tracker_config lookups_alone = { 0 };
	struct bh_tracker_events events = { .user = l, .entry = on_entry };

	l->tracker = bh_tracker_open(&lookups_alone, &events, err);
	if (l->tracker != NULL)
		return l;
	free(l);
	return NULL;
}

/* As it is, or as the other side would see it. */
static bool find(struct bh_lookup *l, const struct bh_flow_key *key)
{
	struct bh_flow_key back = { .src = key->dst,
				    .dst = key->src,
				    .sport = key->dport,
				    .dport = key->sport,
				    .proto = key->proto };
	int found = bh_tracker_find(l->tracker, key, 1);

	if (found == 0)
		found = bh_tracker_find(l->tracker, &back, 1);
	if (found < 0)
		bh_log(BH_LOG_WARNING, "connection tracking: %s", strerror(-found));
	return found > 0;
}

static void answer_one(struct bh_lookup *l, const struct bh_flow_key *key,
		       struct bh_msg_tracked *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->asked = *key;
	answer->found = find(l, key);
	if (answer->found)
		answer->entry = l->last;
}

void bh_lookup_answer(struct bh_lookup *l, struct bh_channel *core,
		      const struct bh_message *question)
{
	struct bh_msg_tracked answers[BH_CHANNEL_ROOM(sizeof(struct bh_msg_tracked))];
	const struct bh_flow_key *keys = question->data;
	size_t left = question->length / sizeof(*keys), count = 0;

	for (; left > 0; left--) {
		answer_one(l, keys++, &answers[count++]);
		if (count < sizeof(answers) / sizeof(answers[0]) && left > 1)
			continue;
		/* One that finds no room is asked again. */
		bh_channel_send(core, BH_MSG_TRACKED, answers, count * sizeof(answers[0]), NULL, 0,
				-1);
		count = 0;
	}
}
