/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Allocation that cannot fail: when memory runs out the program says so and aborts. */
#ifndef BH_GROW_H
#define BH_GROW_H

#include <stddef.h>

/* Makes room for at least `needed` items of `size` bytes, doubling; returns the (moved) array and
 * updates *capacity, both in items. New room is not cleared. */
void *bh_grow(void *items, size_t *capacity, size_t needed, size_t size);

/* The array with room for exactly so many items. */
void *bh_resize(void *items, size_t count, size_t size);

/* Zeroed memory. */
void *bh_calloc(size_t count, size_t size);
char *bh_strdup(const char *text);

/* snprintf for fixed fields: copies what fits, whole characters of UTF-8 only, always terminates;
 * returns whether all of it fit. */
int bh_copy_text(char *out, size_t size, const char *text);

/* For locals: __attribute__((cleanup(bh_free_pointer))). */
void bh_free_pointer(void *pointer_to_pointer);
#define BH_AUTO_FREE __attribute__((cleanup(bh_free_pointer)))

/* Closes the descriptor unless it is negative. */
void bh_close_fd(int *fd);
#define BH_AUTO_CLOSE __attribute__((cleanup(bh_close_fd)))

#endif
