/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

void bh_buffer_reserve(struct bh_buffer *b, size_t more)
{
	b->data = bh_grow(b->data, &b->capacity, b->length + more + 1, 1);
}

void bh_buffer_printf(struct bh_buffer *b, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length >= 0) {
		bh_buffer_reserve(b, (size_t)length);
		vsnprintf(b->data + b->length, (size_t)length + 1, format, again);
		b->length += (size_t)length;
	}
	va_end(again);
}

void bh_buffer_consume(struct bh_buffer *b, size_t count)
{
	if (count >= b->length) {
		bh_buffer_clear(b);
		return;
	}
	memmove(b->data, b->data + count, b->length - count + 1);
	b->length -= count;
}

void bh_buffer_clear(struct bh_buffer *b)
{
	b->length = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void bh_buffer_free(struct bh_buffer *b)
{
	free(b->data);
	*b = (struct bh_buffer) { 0 };
}

char *bh_buffer_steal(struct bh_buffer *b)
{
	bh_buffer_append(b, "", 0);
	char *text = b->data;
	*b = (struct bh_buffer) { 0 };
	return text;
}
