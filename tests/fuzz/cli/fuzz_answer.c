/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever came, no text of it holds a byte sequence that a terminal obeys: looked at here by
 * bytes, where bh_harmless() looks by characters. */

static bool is_controlling(const char *at, size_t length, const char *keep)
{
	unsigned char c = (unsigned char)at[0];

	if (length == 1)
		return (c < 0x20 || c == 0x7f) && strchr(keep, c) == NULL;
	if (length == 2)
		return memcmp(at, "\xd8\x9c", 2) == 0 ||
		       (memcmp(at, "\xc2\x80", 2) >= 0 && memcmp(at, "\xc2\x9f", 2) <= 0);
	if (length != 3)
		return false;
	/* U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF */
	return (memcmp(at, "\xe2\x80\x8b", 3) >= 0 && memcmp(at, "\xe2\x80\x8f", 3) <= 0) ||
	       (memcmp(at, "\xe2\x80\xa8", 3) >= 0 && memcmp(at, "\xe2\x80\xae", 3) <= 0) ||
	       (memcmp(at, "\xe2\x81\xa0", 3) >= 0 && memcmp(at, "\xe2\x81\xaf", 3) <= 0) ||
	       memcmp(at, "\xef\xbb\xbf", 3) == 0;
}

static void check_text(const char *text, const char *keep)
{
	for (size_t length; *text != '\0'; text += length) {
		length = bh_utf8_length(text, strlen(text));
		if (length == 0 || is_controlling(text, length, keep))
			abort();
	}
}

static void check_json(const cJSON *json)
{
	for (; json != NULL; json = json->next) {
		if (json->string != NULL)
			check_text(json->string, "");
		if (json->valuestring != NULL)
			check_text(json->valuestring, "");
		check_json(json->child);
	}
}

/* What the views ask of an answer, whatever its shape. */
static void ask(const cJSON *json)
{
	char port[BH_PORT_TEXT], time[BH_TIME_TEXT];

	check_text(bh_word(json, "src"), "");
	bh_answer_port(json, bh_number(json, "port"), port);
	bh_clock(bh_number(json, "last"), time);
	bh_age(bh_number(json, "last"), time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	cJSON *json = bh_answer_parse(text);
	check_json(json);
	ask(json);
	cJSON_Delete(json);
	size_t before = strlen(text);
	bh_harmless(text, "\n\t");
	if (strlen(text) > before)
		abort();
	check_text(text, "\n\t");
	free(text);
	return 0;
}
