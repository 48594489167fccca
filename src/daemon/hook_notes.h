/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hooks leave behind that gave a container up while no daemon heard them: a file beside the
 * API's socket, root's alone, of records (struct bh_msg_given_up) that the kernel process hands to
 * core when there is one. It lies in memory, and is bounded.
 */
#ifndef BH_HOOK_NOTES_H
#define BH_HOOK_NOTES_H

#include <stdbool.h>

#include "message.h"

#define BH_HOOK_NOTES_PATH 512

struct bh_hook_notes {
	char folder[BH_HOOK_NOTES_PATH];
	char file[BH_HOOK_NOTES_PATH];
	char taken[BH_HOOK_NOTES_PATH]; /* the file, while it is being read */
};

/* The names for the API socket of that path. False: there is no room for them. */
bool bh_hook_notes_name(const char *socket, struct bh_hook_notes *notes);

/* Appends a record; nothing happens where the folder is not there, or others than root may write to
 * it. A signal's handler may call it. */
void bh_hook_notes_write(const struct bh_hook_notes *notes, const struct bh_msg_given_up *note);

/* Hands over what was written until the call before this one, and forgets it; to be called about
 * once a second. give: false where it found no room: then all comes again. */
void bh_hook_notes_take(const struct bh_hook_notes *notes,
			bool (*give)(void *user, const struct bh_msg_given_up *note), void *user);

#endif
