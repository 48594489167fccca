/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool head_ok(const struct bh_file_head *head)
{
	bool named = head->news == BH_FILE_IS || head->news == BH_FILE_GONE ||
		     head->news == BH_FILE_LARGE;

	return head->news < BH_FILE_NEWS && head->path_length < BH_FILE_PATH &&
	       (head->path_length > 0) == named && head->data_length <= BH_FILE_MOST;
}

static size_t size_of(const struct bh_file_head *head)
{
	return sizeof(*head) + head->path_length +
	       (head->news == BH_FILE_IS ? head->data_length : 0);
}

static void tell(const struct bh_file_head *head, char *body, const struct bh_file_events *events)
{
	char path[BH_FILE_PATH];
	char *data = body + head->path_length;

	memcpy(path, body, head->path_length);
	path[head->path_length] = '\0';
	if (head->news == BH_FILES_LISTED) {
		events->listed(events->user, head->data_length);
	} else if (head->news == BH_FILES_AGAIN) {
		events->again(events->user);
	} else if (head->news == BH_FILE_GONE) {
		events->gone(events->user, path);
	} else if (head->news == BH_FILE_LARGE) {
		events->large(events->user, path);
	} else {
		/* The next head may begin there, and is wanted back. */
		char behind = data[head->data_length];

		data[head->data_length] = '\0';
		events->file(events->user, path, data, head->data_length);
		data[head->data_length] = behind;
	}
}

int bh_file_stream_feed(struct bh_file_stream *stream, const void *bytes, size_t length,
			const struct bh_file_events *events, struct bh_error *err)
{
	struct bh_file_head head;
	size_t at = 0;
	int result = 0;

	bh_buffer_append(&stream->raw, bytes, length);
	while (stream->raw.length - at >= sizeof(head)) {
		memcpy(&head, stream->raw.data + at, sizeof(head));
		if (!head_ok(&head)) {
			result = bh_error_set(err, -EPROTO, "this is no stream of files");
			break;
		}
		if (stream->raw.length - at < size_of(&head))
			break;
		tell(&head, stream->raw.data + at + sizeof(head), events);
		at += size_of(&head);
	}
	bh_buffer_consume(&stream->raw, at);
	return result;
}

void bh_file_stream_free(struct bh_file_stream *stream)
{
	bh_buffer_free(&stream->raw);
}
