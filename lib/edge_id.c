/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "edge_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define DIGITS 12

/* Its kind, its name, and a NUL that no name has within it. */
static uint8_t *put_peer(uint8_t *at, const struct bh_peer *peer)
{
	size_t length = strnlen(peer->name, sizeof(peer->name) - 1);

	*at++ = peer->kind;
	memcpy(at, peer->name, length);
	at += length;
	*at++ = 0;
	return at;
}

uint64_t bh_edge_id(const struct bh_edge *edge)
{
	uint8_t bytes[2 * (BH_PEER_NAME + 1) + 3];
	uint8_t *at = put_peer(put_peer(bytes, edge->src), edge->dst);

	*at++ = edge->proto;
	*at++ = (uint8_t)(edge->port >> 8);
	*at++ = (uint8_t)edge->port;
	return XXH3_64bits(bytes, (size_t)(at - bytes)) >> (64 - 4 * DIGITS);
}

char *bh_edge_id_format(uint64_t id, char out[BH_EDGE_ID_TEXT])
{
	snprintf(out, BH_EDGE_ID_TEXT, "%0*" PRIx64, DIGITS, id);
	return out;
}

bool bh_edge_id_parse(const char *text, uint64_t *id)
{
	if (strlen(text) != DIGITS || strspn(text, "0123456789abcdef") != DIGITS)
		return false;
	*id = strtoull(text, NULL, 16);
	return true;
}
