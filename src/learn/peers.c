/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

struct kept {
	struct bh_peer peer; /* first: whoever has it has this */
	uint32_t number;
	size_t users;
};

struct bh_peers {
	struct bh_map *kept; /* kind and name, which follow each other → struct kept */
};

_Static_assert(offsetof(struct bh_peer, name) == sizeof(uint8_t), "kind and name are one key");

struct bh_peers *bh_peers_new(void)
{
	struct bh_peers *peers = bh_calloc(1, sizeof(*peers));

	peers->kept = bh_map_new(free);
	return peers;
}

void bh_peers_free(struct bh_peers *peers)
{
	if (peers == NULL)
		return;
	bh_map_free(peers->kept);
	free(peers);
}

static size_t key_length(const struct bh_peer *peer)
{
	return sizeof(peer->kind) + strlen(peer->name);
}

const struct bh_peer *bh_peers_get(struct bh_peers *peers, const struct bh_peer *like)
{
	struct kept *kept = bh_map_get(peers->kept, like, key_length(like));

	if (kept == NULL) {
		kept = bh_calloc(1, sizeof(*kept));
		kept->peer = *like;
		bh_map_put(peers->kept, like, key_length(like), kept);
	}
	kept->users++;
	return &kept->peer;
}

const struct bh_peer *bh_peers_find(const struct bh_peers *peers, const struct bh_peer *like)
{
	const struct kept *kept = bh_map_get(peers->kept, like, key_length(like));

	return kept != NULL ? &kept->peer : NULL;
}

void bh_peers_release(struct bh_peers *peers, const struct bh_peer *peer)
{
	struct kept *kept = (struct kept *)peer;

	if (--kept->users == 0)
		bh_map_remove(peers->kept, peer, key_length(peer));
}

int bh_peers_compare(const struct bh_peer *a, const struct bh_peer *b)
{
	int order = a != b ? strcmp(a->name, b->name) : 0;

	return order != 0 ? order : a->kind - b->kind;
}

static int compare_kept(const void *a, const void *b)
{
	const struct kept *const *x = a, *const *y = b;

	return bh_peers_compare(&(*x)->peer, &(*y)->peer);
}

void bh_peers_number(struct bh_peers *peers)
{
	struct kept **all = bh_calloc(bh_peers_count(peers), sizeof(*all)), *kept;
	size_t count = 0;

	for (size_t position = 0; (kept = bh_map_next(peers->kept, &position)) != NULL;)
		all[count++] = kept;
	qsort(all, count, sizeof(struct kept *), compare_kept);
	for (size_t i = 0; i < count; i++)
		all[i]->number = (uint32_t)i;
	free(all);
}

uint32_t bh_peers_number_of(const struct bh_peer *peer)
{
	return ((const struct kept *)peer)->number;
}

size_t bh_peers_count(const struct bh_peers *peers)
{
	return bh_map_count(peers->kept);
}
