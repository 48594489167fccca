/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "edge_notes.h"

#include <stdio.h>
#include <stdlib.h>

#include "grow.h"

#define MOST 1000
#define KEY_TEXT (2 * BH_PEER_NAME + 32)

struct bh_map *bh_edge_notes_new(void)
{
	return bh_map_new(free);
}

static void key_text(const struct bh_peer *src, const struct bh_peer *dst, uint8_t proto,
		     uint16_t port, char out[KEY_TEXT])
{
	snprintf(out, KEY_TEXT, "%s\n%s\n%u\n%u", src->name, dst->name, proto, port);
}

static void remove_note(struct bh_map *notes, const struct bh_edge_note *note)
{
	char key[KEY_TEXT];

	key_text(&note->src, &note->dst, note->key.proto, note->key.dport, key);
	bh_map_remove_text(notes, key);
}

static void make_room(struct bh_map *notes)
{
	const struct bh_edge_note *note, *quietest = NULL;

	if (bh_map_count(notes) < MOST)
		return;
	for (size_t position = 0; (note = bh_map_next(notes, &position)) != NULL;)
		if (quietest == NULL || note->last < quietest->last)
			quietest = note;
	remove_note(notes, quietest);
}

struct bh_edge_note *bh_edge_notes_count(struct bh_map *notes, const struct bh_peer *src,
					 const struct bh_peer *dst, const struct bh_flow *flow)
{
	char key[KEY_TEXT];

	key_text(src, dst, flow->key.proto, flow->key.dport, key);
	struct bh_edge_note *note = bh_map_get_text(notes, key);
	if (note == NULL) {
		make_room(notes);
		note = bh_calloc(1, sizeof(*note));
		*note = (struct bh_edge_note) { .src = *src, .dst = *dst, .first = flow->first };
		bh_map_put_text(notes, key, note);
	}
	note->key = flow->key;
	note->last = flow->last;
	note->count++;
	note->unsaid++;
	return note;
}

void bh_edge_notes_expire(struct bh_map *notes, int64_t since)
{
	const struct bh_edge_note *note;

	for (size_t position = 0; (note = bh_map_next(notes, &position)) != NULL;)
		if (note->last < since)
			remove_note(notes, note);
}
