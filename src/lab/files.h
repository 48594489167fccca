/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lab's folder: what up made, so that down removes that and nothing else. One file a fact,
 * NAME.KIND: .netns (a namespace of ours), .process (one of our processes), .stat (a role's
 * counters), .log (what it had to say).
 */
#ifndef BH_LAB_FILES_H
#define BH_LAB_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/error.h"

#define BH_LAB_DIRECTORY "/run/bulkhead-lab"
#define BH_LAB_PATH 512

char *bh_lab_path(char out[BH_LAB_PATH], const char *name, const char *kind);

/* Whole files, small ones. Writing replaces the file in one step. Reading ends the text with NUL
 * and fails with -EFBIG where it does not fit. */
int bh_lab_write(const char *name, const char *kind, const char *text, struct bh_error *err);
int bh_lab_read(const char *name, const char *kind, char *out, size_t size, struct bh_error *err);
bool bh_lab_exists(const char *name, const char *kind);
void bh_lab_forget(const char *name, const char *kind);

/* Calls visit() with the name of each file of this kind. */
int bh_lab_each(const char *kind, int (*visit)(void *user, const char *name, struct bh_error *err),
		void *user, struct bh_error *err);

/* Removes the folder and what is left in it; 0 as well where there is none. */
int bh_lab_forget_all(struct bh_error *err);

#endif
