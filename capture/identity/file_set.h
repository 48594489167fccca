/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a runtime keeps on disk, followed by a back end: asks for their stream
 * (file_stream.h), again when it broke, and knows which files there are, so that each of them is
 * told to be gone, whether it went alone, with its folder, or while nobody looked. Internal to this
 * folder.
 */
#ifndef BH_FILE_SET_H
#define BH_FILE_SET_H

#include "file_stream.h"
#include "runtime.h"

struct bh_file_set_events {
	void *user;
	/* A file is new, or changed. The content is followed by a NUL that length does not count.
	 */
	void (*file)(void *user, const char *path, const char *data, size_t length);
	void (*gone)(void *user, const char *path); /* one that was told of */
	/* All that there is was told. places: how many of the places where to look exist. */
	void (*listed)(void *user, uint32_t places);
	/* A file is there, and too large to be passed on (BH_FILE_MOST). May be NULL. */
	void (*large)(void *user, const char *path);
};

struct bh_file_set;

/* Asks at once. host is kept as it is, events are copied. */
struct bh_file_set *bh_file_set_start(const struct bh_runtime_host *host, uint8_t runtime,
				      const struct bh_file_set_events *events);
void bh_file_set_stop(struct bh_file_set *set);

/* As in struct bh_runtime_ops. False: the request is another one. */
bool bh_file_set_data(struct bh_file_set *set, uint32_t request, const void *bytes, size_t length);
bool bh_file_set_end(struct bh_file_set *set, uint32_t request);
void bh_file_set_tick(struct bh_file_set *set, int64_t now);

/* What back ends that read nothing but files have in common; the first member of their state. */
struct bh_file_back_end {
	struct bh_runtime_host host;
	uint8_t runtime;
	struct bh_file_set *files;
};

/* file and gone get the state as their user. */
void bh_file_back_end_start(struct bh_file_back_end *back_end, const struct bh_runtime_host *host,
			    uint8_t runtime,
			    void (*file)(void *state, const char *path, const char *data,
					 size_t length),
			    void (*gone)(void *state, const char *path));
/* For struct bh_runtime_ops. */
void bh_file_back_end_data(void *state, uint32_t request, const void *bytes, size_t length,
			   int64_t now);
void bh_file_back_end_end(void *state, uint32_t request, int error, int64_t now);
void bh_file_back_end_tick(void *state, int64_t now);
void bh_file_back_end_stop(void *state); /* frees the state */

/* Those of which each file is one container. read() fills *out, of which runtime is set; false: it
 * is none. Returns the state of the back end, whose other operations are those above, but for the
 * last. */
void *bh_one_file_each_start(const struct bh_runtime_host *host, uint8_t runtime,
			     bool (*read)(const char *path, const char *data, size_t length,
					  struct bh_container *out));
void bh_one_file_each_stop(void *state);

#endif
