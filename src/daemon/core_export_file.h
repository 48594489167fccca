/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of lines that is begun anew when it is large or old. A thread of libuv's does all that may
 * wait for a disk, one batch after the other. A batch that cannot be written is tried again, whole,
 * every second; what then finds no room in memory is lost and counted. No line is ever cut.
 */
#ifndef BH_CORE_EXPORT_FILE_H
#define BH_CORE_EXPORT_FILE_H

#include "core.h"

struct bh_export_file;

struct bh_export_file *bh_export_file_new(struct bh_core *core,
					  const struct bh_config_log_file *config);
/* line: without its newline. */
void bh_export_file_add(struct bh_export_file *file, const char *line, size_t length);
void bh_export_file_tick(struct bh_export_file *file, int64_t now); /* monotonic */
/* Whether nothing waits, or nothing of it can be written. */
bool bh_export_file_is_done(const struct bh_export_file *file);
void bh_export_file_free(struct bh_export_file *file);
cJSON *bh_export_file_json(const struct bh_export_file *file);
void bh_export_file_say(const struct bh_export_file *file, cJSON *list);

#endif
