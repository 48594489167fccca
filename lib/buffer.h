/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing byte buffer, for text and for wire formats. Memory running out aborts the program. */
#ifndef BH_BUFFER_H
#define BH_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Zero-initialise. data is always followed by a NUL that length does not count, once anything was
 * appended. */
struct bh_buffer {
	char *data;
	size_t length;
	size_t capacity;
};

/* Makes room for more bytes and the NUL. */
void bh_buffer_reserve(struct bh_buffer *b, size_t more);

/* These two are inline so that a literal's length is known when they are compiled, and appending it
 * costs a few stores. */
static inline void bh_buffer_append(struct bh_buffer *b, const void *data, size_t length)
{
	if (b->capacity - b->length <= length)
		bh_buffer_reserve(b, length);
	if (length > 0)
		memcpy(b->data + b->length, data, length);
	b->length += length;
	b->data[b->length] = '\0';
}

static inline void bh_buffer_puts(struct bh_buffer *b, const char *text)
{
	bh_buffer_append(b, text, strlen(text));
}

void bh_buffer_printf(struct bh_buffer *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Drops the first count bytes (at most length). */
void bh_buffer_consume(struct bh_buffer *b, size_t count);

/* Empties it and keeps its memory. */
void bh_buffer_clear(struct bh_buffer *b);
void bh_buffer_free(struct bh_buffer *b);

/* Hands the text (never NULL) to the caller, who frees it; the buffer is empty afterwards. */
char *bh_buffer_steal(struct bh_buffer *b);

#endif
