/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of a daemon in the background: DIRECTORY/bulkhead.log, which all three processes hold as
 * their standard error. It lies in memory (/run), so it stays small: when it is full, it moves to
 * bulkhead.log.old, whose contents go.
 */
#ifndef BH_LOG_FILE_H
#define BH_LOG_FILE_H

#include <stddef.h>

/* Opens it, empty; what an earlier run wrote is kept as the old one. A descriptor or −1. */
int bh_log_file_open(const char *directory);

/* Empties it where it has grown too large. Does nothing where standard error is something else. */
void bh_log_file_trim(const char *directory);

/* How long it can get before it is emptied, with room to spare: no process needs to write beyond.
 * 0: standard error is something else. */
size_t bh_log_file_most(const char *directory);

#endif
