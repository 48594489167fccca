/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of Podman's state on disk, and what was in them when they could be read last. There is
 * one of two forms (podman_state.h), or both: which of them Podman then uses depends on its version
 * and configuration (libpod/runtime.go: getDBState), but it leaves the other one alone. So the one
 * that was told of last is read, and of two that were there from the beginning the SQLite one,
 * which somebody chose or migrated to. Internal to this folder.
 */
#ifndef BH_PODMAN_DISK_H
#define BH_PODMAN_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "map.h"

struct bh_podman_disk;

struct bh_podman_disk *bh_podman_disk_new(void);
void bh_podman_disk_free(struct bh_podman_disk *disk);

/* What is told of a file (file_set.h). A database comes after the files that go with it. */
void bh_podman_disk_file(struct bh_podman_disk *disk, const char *path, const char *data,
			 size_t length);
void bh_podman_disk_gone(struct bh_podman_disk *disk, const char *path);
void bh_podman_disk_large(struct bh_podman_disk *disk, const char *path);

/* Reads what came last, if nobody has yet. */
void bh_podman_disk_read(struct bh_podman_disk *disk);

/* About once a second. True: bh_podman_disk_why() changed. */
bool bh_podman_disk_tick(struct bh_podman_disk *disk, int64_t now);

/* Whether there is any such file. */
bool bh_podman_disk_there(const struct bh_podman_disk *disk);

/* id → struct bh_container, as it was read last; NULL: it never could be. Owned by the disk, until
 * it reads again. */
const struct bh_map *bh_podman_disk_containers(const struct bh_podman_disk *disk);

/* Why it cannot be read, in words; "": it can. */
const char *bh_podman_disk_why(const struct bh_podman_disk *disk);

/* The one that is read, as there are both; NULL: there is but one. */
const char *bh_podman_disk_chosen(const struct bh_podman_disk *disk);

#endif
