/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pattern.h"

#include <stddef.h>
#include <string.h>

/* Behind the "]" that ends the bracket whose inside this is; NULL: none does. A "]" that comes
 * first is one of the characters, and so is one of "[:alpha:]". */
static const char *end_of_bracket(const char *at)
{
	if (*at == '!' || *at == '^')
		at++;
	for (const char *first = at; *at != '\0'; at++) {
		if (*at == ']' && at != first)
			return at + 1;
		if (*at == '\\' && at[1] != '\0') {
			at++;
		} else if (*at == '[' && at[1] != '\0' && strchr(":.=", at[1]) != NULL) {
			char closing[] = { at[1], ']', '\0' };
			const char *end = strstr(at + 2, closing);

			at = end != NULL ? end + 1 : at;
		}
	}
	return NULL;
}

const char *bh_pattern_fault(const char *pattern)
{
	for (const char *at = pattern; *at != '\0';) {
		if (*at == '\\' && at[1] == '\0')
			return "a character after the last \\";
		if (*at == '[') {
			at = end_of_bracket(at + 1);
			if (at == NULL)
				return "] after each [, or \\[ for a bracket as such";
		} else {
			at += *at == '\\' ? 2 : 1;
		}
	}
	return NULL;
}
