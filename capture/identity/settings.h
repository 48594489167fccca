/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text files of lines "KEY = VALUE", as LXC and systemd write them. Internal to this folder. */
#ifndef BH_SETTINGS_H
#define BH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* A run of bytes in the text. */
struct bh_setting {
	const char *key;
	size_t key_length;
	const char *value; /* without the blanks around it */
	size_t value_length;
};

/* Steps through the lines that set something: start with *position = 0. False: there are no more.
 */
bool bh_settings_next(const char *text, size_t length, size_t *position, struct bh_setting *out);

bool bh_setting_is(const struct bh_setting *setting, const char *key);
bool bh_setting_has(const struct bh_setting *setting, const char *value);

#endif
