/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checked cursor over bytes from outside. Every read says whether the bytes were there; a failed
 * read moves nothing. Nested lengths are carved out as cursors of their own, so that an inner
 * parser cannot leave its bounds. Multi-byte reads are big-endian (network order) unless named
 * otherwise.
 */
#ifndef BH_CURSOR_H
#define BH_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bh_cursor {
	const uint8_t *at;
	size_t left;
};

static inline struct bh_cursor bh_cursor_over(const void *data, size_t length)
{
	return (struct bh_cursor) { .at = data, .left = length };
}

static inline bool bh_cursor_skip(struct bh_cursor *c, size_t count)
{
	if (c->left < count)
		return false;
	if (count == 0) /* of no bytes at NULL, too */
		return true;
	c->at += count;
	c->left -= count;
	return true;
}

static inline bool bh_cursor_bytes(struct bh_cursor *c, void *out, size_t count)
{
	if (c->left < count)
		return false;
	if (count > 0)
		memcpy(out, c->at, count);
	return bh_cursor_skip(c, count);
}

/* The next count bytes as a cursor of their own. */
static inline bool bh_cursor_carve(struct bh_cursor *c, size_t count, struct bh_cursor *inner)
{
	if (c->left < count)
		return false;
	*inner = bh_cursor_over(c->at, count);
	return bh_cursor_skip(c, count);
}

/* The next count bytes, to be read by bh_read_…(): one check for a header of fixed fields. NULL:
 * there are not so many. */
static inline const uint8_t *bh_cursor_take(struct bh_cursor *c, size_t count)
{
	const uint8_t *taken = c->at;

	return bh_cursor_skip(c, count) ? taken : NULL;
}

static inline uint16_t bh_read_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t bh_read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       (uint32_t)at[3];
}

static inline bool bh_cursor_u8(struct bh_cursor *c, uint8_t *out)
{
	return bh_cursor_bytes(c, out, 1);
}

static inline bool bh_cursor_u16(struct bh_cursor *c, uint16_t *out)
{
	if (c->left < 2)
		return false;
	*out = bh_read_u16(c->at);
	return bh_cursor_skip(c, 2);
}

static inline bool bh_cursor_u32(struct bh_cursor *c, uint32_t *out)
{
	if (c->left < 4)
		return false;
	*out = bh_read_u32(c->at);
	return bh_cursor_skip(c, 4);
}

#endif
