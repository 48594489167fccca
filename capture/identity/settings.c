/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **text, size_t *length)
{
	while (*length > 0 && is_blank(**text)) {
		(*text)++;
		(*length)--;
	}
	while (*length > 0 && is_blank((*text)[*length - 1]))
		(*length)--;
}

bool bh_settings_next(const char *text, size_t length, size_t *position, struct bh_setting *out)
{
	while (*position < length) {
		const char *line = text + *position;
		const char *newline = memchr(line, '\n', length - *position);
		size_t size = newline != NULL ? (size_t)(newline - line) : length - *position;
		const char *equals = memchr(line, '=', size);

		*position += size + (newline != NULL ? 1 : 0);
		if (equals == NULL)
			continue;
		*out = (struct bh_setting) { line, (size_t)(equals - line), equals + 1,
					     size - (size_t)(equals - line) - 1 };
		trim(&out->key, &out->key_length);
		trim(&out->value, &out->value_length);
		if (out->key_length > 0 && out->key[0] != '#')
			return true;
	}
	return false;
}

static bool is_text(const char *bytes, size_t length, const char *text)
{
	return strlen(text) == length && memcmp(bytes, text, length) == 0;
}

bool bh_setting_is(const struct bh_setting *setting, const char *key)
{
	return is_text(setting->key, setting->key_length, key);
}

bool bh_setting_has(const struct bh_setting *setting, const char *value)
{
	return is_text(setting->value, setting->value_length, value);
}
