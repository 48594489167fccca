/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a stream, which comes in runs: whatever is told of it has a path, lies within what
 * came, and is the same in one run or in many. */
struct told {
	size_t bytes;
	unsigned files, gone, listed, again, large;
};

static void on_file(void *user, const char *path, const char *content, size_t length)
{
	struct told *told = user;

	if (path[0] == '\0' && strlen(path) >= BH_FILE_PATH)
		abort();
	if (content[length] != '\0')
		abort();
	told->files++;
	told->bytes += length;
}

static void on_gone(void *user, const char *path)
{
	if (strlen(path) >= BH_FILE_PATH)
		abort();
	((struct told *)user)->gone++;
}

static void on_listed(void *user, uint32_t places)
{
	(void)places;
	((struct told *)user)->listed++;
}

static void on_again(void *user)
{
	((struct told *)user)->again++;
}

static void on_large(void *user, const char *path)
{
	if (strlen(path) >= BH_FILE_PATH)
		abort();
	((struct told *)user)->large++;
}

static struct told feed(const uint8_t *data, size_t size, size_t run)
{
	struct told told = { 0 };
	struct bh_file_events events = { &told, on_file, on_gone, on_listed, on_again, on_large };
	struct bh_file_stream stream = { 0 };
	struct bh_error err = { 0 };

	for (size_t at = 0; at < size; at += run)
		if (bh_file_stream_feed(&stream, data + at, size - at < run ? size - at : run,
					&events, &err) != 0)
			break;
	bh_file_stream_free(&stream);
	return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told whole = feed(data, size, size + 1), parts = feed(data, size, 7);

	if (whole.bytes > size || memcmp(&whole, &parts, sizeof(whole)) != 0)
		abort();
	return 0;
}
