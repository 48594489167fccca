/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runtimes keep on disk: finds the files in a few fixed places, passes them on unread, and
 * again whenever one changes. Places need not exist; they are looked for again every second.
 */
#ifndef BH_KERNEL_FILES_H
#define BH_KERNEL_FILES_H

#include <uv.h>

#include "config.h"

struct bh_files;

#define BH_FILE_BESIDE 2

/* Where to look: folders and files below `root`, by a path of which each part may have a "*".
 * beside: the endings of files that belong to the one found, whose name is no "*" then. They are
 * told before it whenever any of them changes, each as it is at that moment, or as gone. */
struct bh_file_place {
	const char *root;
	const char *below;
	const char *beside[BH_FILE_BESIDE]; /* NULL: no more */
};

#define BH_FILE_PLACES 4

/* Fills the places of a runtime (enum bh_runtime), as configured; returns how many there are. */
size_t bh_file_places(const struct bh_config *config, uint8_t runtime,
		      struct bh_file_place places[BH_FILE_PLACES]);

struct bh_files_events {
	void *user;
	/* Bytes of the stream (capture/identity/file_stream.h). False: they found no room; then
	 * nothing more is sent. */
	bool (*data)(void *user, const void *bytes, size_t length);
	/* It cannot go on: negative errno. Nothing is called afterwards. */
	void (*end)(void *user, int error);
};

/* Watches until it is closed. What is there is told from the loop, not from in here. */
struct bh_files *bh_files_watch(uv_loop_t *loop, const struct bh_config *config, uint8_t runtime,
				const struct bh_files_events *events);
void bh_files_close(struct bh_files *files);

#endif
