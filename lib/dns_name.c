/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns_name.h"

#include <stddef.h>
#include <string.h>

#define LONGEST_LABEL 63

/* 0: no character of a name. Not by the locale. */
static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ? c : '\0';
}

/* Behind the label; NULL: there is none. */
static const char *read_label(const char *text, char *out)
{
	size_t length = 0;

	while (length <= LONGEST_LABEL && (out[length] = lower(text[length])) != '\0')
		length++;
	return length > 0 && length <= LONGEST_LABEL ? text + length : NULL;
}

static bool read_name(const char *text, char *out, size_t room)
{
	if (strlen(text) >= room)
		return false;
	for (const char *end; (end = read_label(text, out)) != NULL; text = end + 1) {
		out += end - text;
		if (*end == '\0')
			return true;
		if (*end != '.')
			return false;
		*out++ = '.';
	}
	return false;
}

bool bh_dns_name_read(const char *text, char out[BH_DNS_NAME_ROOM])
{
	return read_name(text, out, BH_DNS_NAME_ROOM);
}

bool bh_dns_pattern_read(const char *text, char out[BH_DNS_NAME_ROOM])
{
	if (strncmp(text, "*.", 2) != 0)
		return bh_dns_name_read(text, out);
	memcpy(out, "*.", 2);
	return read_name(text + 2, out + 2, BH_DNS_NAME_ROOM - 2);
}

bool bh_dns_pattern_matches(const char *pattern, const char *name)
{
	size_t length = strlen(name), suffix = strlen(pattern) - 1; /* with its dot */

	if (pattern[0] != '*')
		return strcmp(pattern, name) == 0;
	return length > suffix && strcmp(name + length - suffix, pattern + 1) == 0;
}
