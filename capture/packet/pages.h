/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large zeroed memory straight from the kernel: it takes room as it is touched, in huge pages where
 * it is large enough for them (a table that is looked up at random lives by its TLB misses). */
#ifndef BH_PAGES_H
#define BH_PAGES_H

#include <stddef.h>

void *bh_pages_new(size_t bytes); /* ends the process where there is none, as bh_calloc() does */
void bh_pages_free(void *pages, size_t bytes);
void bh_pages_clear(void *pages, size_t bytes); /* zeroed anew; the kernel gets the memory back */

#endif
