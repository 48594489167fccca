/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"

static bool is_number_spec(const char *spec)
{
	return strcmp(spec, "N") == 0 || strcmp(spec, "NUMBER") == 0;
}

/* Names of values are written in capitals. */
static bool is_fixed(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (isupper((unsigned char)word[i]))
			return false;
	return length > 0;
}

size_t bh_words_of(const char *spec, char words[BH_MOST_WORDS][BH_WORD])
{
	size_t count = 0;

	while (*spec != '\0' && count < BH_MOST_WORDS) {
		size_t length = strcspn(spec, "|");

		if (is_fixed(spec, length))
			snprintf(words[count++], BH_WORD, "%.*s", (int)length, spec);
		spec += length + (spec[length] == '|');
	}
	return count;
}

bool bh_words_are_closed(const char *spec)
{
	return is_fixed(spec, strlen(spec));
}

bool bh_words_name_a_file(const char *spec)
{
	static const char *const files[] = { "FILE", "PCAP", "JSONL", "JSON", "PATH" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(spec, files[i]) == 0)
			return true;
	return false;
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits <= 15 && text[digits] == '\0';
}

/* "learn, audit, stage1 or enforce" */
static const char *enumerate(char words[BH_MOST_WORDS][BH_WORD], size_t count, char *out,
			     size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
					 i == 0		  ? ""
					 : i + 1 == count ? " or "
							  : ", ",
					 words[i]);
	return out;
}

const char *bh_words_object(const char *spec, const char *value, char *out, size_t size)
{
	char words[BH_MOST_WORDS][BH_WORD];

	if (is_number_spec(spec))
		return is_number(value) ? NULL : "a number";
	if (!bh_words_are_closed(spec))
		return NULL;
	size_t count = bh_words_of(spec, words);
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], value) == 0)
			return NULL;
	return enumerate(words, count, out, size);
}

const char *bh_words_nearest(const char *value, char words[BH_MOST_WORDS][BH_WORD], size_t count)
{
	const char *pointers[BH_MOST_WORDS];

	for (size_t i = 0; i < count; i++)
		pointers[i] = words[i];
	return bh_nearest(value, pointers, count);
}

bool bh_words_argument(const char *arguments, size_t at, char *out, size_t size)
{
	for (; at > 0; at--) {
		arguments += strcspn(arguments, " ");
		arguments += strspn(arguments, " ");
	}
	size_t length = strcspn(arguments, " ");
	if (length == 0)
		return false;
	bool optional = arguments[0] == '[' && arguments[length - 1] == ']';
	snprintf(out, size, "%.*s", (int)(optional ? length - 2 : length), arguments + optional);
	return true;
}
