/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORTH_HUGE_PAGES (8u << 20)

void *bh_pages_new(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pages == MAP_FAILED) {
		fprintf(stderr, "bulkhead: %zu bytes of memory: %s\n", bytes, strerror(errno));
		abort();
	}
	if (bytes >= WORTH_HUGE_PAGES)
		madvise(pages, bytes, MADV_HUGEPAGE);
	return pages;
}

void bh_pages_free(void *pages, size_t bytes)
{
	if (pages != NULL)
		munmap(pages, bytes);
}

void bh_pages_clear(void *pages, size_t bytes)
{
	if (madvise(pages, bytes, MADV_DONTNEED) != 0)
		memset(pages, 0, bytes);
}
