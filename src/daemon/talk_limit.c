/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "talk_limit.h"

#include "bulkhead/edge.h"
#include "grow.h"
#include "timefmt.h"

#define MOST_EVENTS 20 /* an interface in … */
#define WINDOW (10 * BH_SECOND)

/* What was said of one interface lately. */
struct note {
	uint32_t ifindex;
	int64_t since;
	unsigned said;
	uint64_t unsaid;
	char who[BH_PEER_NAME];
};

bool bh_talk_allows(struct bh_map *notes, uint32_t ifindex, const char *who, int64_t now)
{
	struct note *note = bh_map_get(notes, &ifindex, sizeof(ifindex));

	if (note == NULL) {
		note = bh_calloc(1, sizeof(*note));
		*note = (struct note) { .ifindex = ifindex, .since = now };
		bh_copy_text(note->who, sizeof(note->who), who);
		bh_map_put(notes, &ifindex, sizeof(ifindex), note);
	}
	bool say = note->said < MOST_EVENTS;
	note->said += say;
	note->unsaid += !say;
	return say;
}

void bh_talk_tick(struct bh_map *notes, int64_t now,
		  void (*sum_up)(void *user, const char *who, uint64_t unsaid), void *user)
{
	struct note *note;

	for (size_t position = 0; (note = bh_map_next(notes, &position)) != NULL;) {
		uint32_t ifindex = note->ifindex;

		if (now - note->since < WINDOW)
			continue;
		if (note->unsaid > 0)
			sum_up(user, note->who, note->unsaid);
		bh_map_remove(notes, &ifindex, sizeof(ifindex));
	}
}
