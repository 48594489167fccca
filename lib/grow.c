/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *or_die(void *memory)
{
	if (memory == NULL) {
		fputs("bulkhead: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *bh_grow(void *items, size_t *capacity, size_t needed, size_t size)
{
	if (needed <= *capacity)
		return items;
	size_t doubled = *capacity < 8 ? 16 : *capacity * 2;
	size_t wanted = needed > doubled ? needed : doubled;

	items = or_die(reallocarray(items, wanted, size));
	*capacity = wanted;
	return items;
}

void *bh_resize(void *items, size_t count, size_t size)
{
	return or_die(reallocarray(items, count, size));
}

void *bh_calloc(size_t count, size_t size)
{
	return or_die(calloc(count > 0 ? count : 1, size));
}

char *bh_strdup(const char *text)
{
	return or_die(strdup(text));
}

int bh_copy_text(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);
	size_t fits = length < size ? length : size - 1;

	/* A character of UTF-8 that is cut in two is no longer text. */
	while (fits < length && fits > 0 && ((unsigned char)text[fits] & 0xc0) == 0x80)
		fits--;
	memcpy(out, text, fits);
	out[fits] = '\0';
	return fits == length;
}

void bh_free_pointer(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	free(*pointer);
	*pointer = NULL;
}

void bh_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
