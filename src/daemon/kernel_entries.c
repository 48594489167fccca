/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_entries.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack.h"
#include "grow.h"
#include "log.h"
#include "timefmt.h"
#include "tracker.h"

#define MOST 200000 /* entries: what waits in the channel stays well below its limit */
#define PATIENCE (5 * BH_SECOND)

struct listing {
	struct bh_channel *core;
	struct bh_map *addrs; /* of the endpoints */
	struct bh_tracked batch[BH_CHANNEL_ROOM(sizeof(struct bh_tracked))];
	size_t count, sent;
	struct bh_msg_entries_end end;
	bool done;
};

static bool is_ours(const struct listing *l, const struct bh_flow_key *key)
{
	return bh_map_get(l->addrs, &key->src, sizeof(key->src)) != NULL ||
	       bh_map_get(l->addrs, &key->dst, sizeof(key->dst)) != NULL;
}

static void flush(struct listing *l)
{
	if (l->count > 0 && bh_channel_send(l->core, BH_MSG_ENTRIES, l->batch,
					    l->count * sizeof(l->batch[0]), NULL, 0, -1) != 0)
		l->end.left_out += (uint32_t)l->count;
	l->count = 0;
}

static void on_entry(void *user, const struct bh_tracked *entry)
{
	struct listing *l = user;

	if (!entry->seen_reply || entry->over ||
	    (!is_ours(l, &entry->original) && !is_ours(l, &entry->reply)))
		return;
	if (l->sent >= MOST) {
		l->end.left_out++;
		return;
	}
	l->sent++;
	l->batch[l->count++] = *entry;
	if (l->count == sizeof(l->batch) / sizeof(l->batch[0]))
		flush(l);
}

static void on_dumped(void *user, int code)
{
	struct listing *l = user;

	l->end.code = code;
	l->done = true;
}

/* Reads until the dump is over. 0, or negative errno. */
static int dump(struct bh_tracker *tracker, const struct listing *l)
{
	int64_t until = bh_time_monotonic() + PATIENCE;
	int fds[BH_TRACKER_FDS], result = bh_tracker_dump(tracker);

	bh_tracker_fds(tracker, fds);
	while (result == 0 && !l->done) {
		struct pollfd poll_fd = { .fd = fds[0], .events = POLLIN };

		if (bh_time_monotonic() > until)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, 1000) < 0 && errno != EINTR)
			return -errno;
		result = bh_tracker_read(tracker);
	}
	return result;
}

static struct bh_map *addresses_of(const struct bh_map *facts)
{
	struct bh_map *addrs = bh_map_new(NULL);
	const struct bh_endpoint_fact *fact;

	for (size_t position = 0; (fact = bh_map_next(facts, &position)) != NULL;)
		for (uint8_t i = 0; i < fact->addr_count; i++)
			bh_map_put(addrs, &fact->addrs[i], sizeof(fact->addrs[i]), addrs);
	return addrs;
}

int bh_entries_send(const struct bh_map *facts, struct bh_channel *core)
{
	struct listing *l = bh_calloc(1, sizeof(*l));
	struct bh_tracker_config dumps_alone = { 0 };
	struct bh_tracker_events events = { .user = l, .entry = on_entry, .dumped = on_dumped };
	struct bh_error err = { 0 };

	l->core = core;
	l->addrs = addresses_of(facts);
	struct bh_tracker *tracker = bh_tracker_open(&dumps_alone, &events, &err);
	int code = tracker != NULL ? dump(tracker, l) : err.code;
	if (code != 0)
		l->end.code = code;
	flush(l);
	bh_tracker_close(tracker);
	int result =
		bh_channel_send(core, BH_MSG_ENTRIES_END, &l->end, sizeof(l->end), NULL, 0, -1);
	bh_map_free(l->addrs);
	free(l);
	return result;
}

/* --- deleting --------------------------------------------------------------------------------- */

void bh_cuts_drop(struct bh_cuts *cuts)
{
	free(cuts->items);
	*cuts = (struct bh_cuts) { 0 };
}

static int cut(struct bh_cuts *cuts, struct bh_channel *core)
{
	int result = 0;
	const size_t most = BH_CHANNEL_ROOM(sizeof(struct bh_cut));
	struct bh_error err = { 0 };

	if (bh_conntrack_cut(cuts->items, cuts->count, &err) != 0)
		bh_log(BH_LOG_WARNING, "connections that are denied go on: %s", err.text);
	for (size_t at = 0; result == 0 && at < cuts->count; at += most) {
		size_t count = cuts->count - at < most ? cuts->count - at : most;

		result = bh_channel_send(core, BH_MSG_CUT_OF, cuts->items + at,
					 count * sizeof(struct bh_cut), NULL, 0, -1);
	}
	bh_cuts_drop(cuts);
	return result;
}

int bh_cuts_take(struct bh_cuts *cuts, struct bh_channel *core, const struct bh_message *message)
{
	size_t count = message->length / sizeof(struct bh_cut);

	if (message->type == BH_MSG_CUT_END)
		return cut(cuts, core);
	if (count == 0)
		return 0;
	cuts->items =
		bh_grow(cuts->items, &cuts->capacity, cuts->count + count, sizeof(struct bh_cut));
	memcpy(cuts->items + cuts->count, message->data, count * sizeof(struct bh_cut));
	cuts->count += count;
	return 0;
}
