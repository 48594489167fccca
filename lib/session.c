/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

#define WORDS 4
#define WORD 96
#define ANY "any:"

static bool read_address(const char *word, struct bh_addr *out)
{
	char text[WORD];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(word, "%"), word);
	if (!bh_addr_parse(text, out))
		return false;
	*out = bh_addr_unmapped(out);
	return true;
}

static bool read_port(const char *word, uint16_t *out)
{
	size_t digits = strspn(word, "0123456789");
	unsigned long number = strtoul(word, NULL, 10);

	*out = (uint16_t)number;
	return digits > 0 && digits <= 5 && word[digits] == '\0' && number > 0 && number <= 65535;
}

static bool split(const char *text, char words[WORDS][WORD])
{
	for (size_t i = 0; i < WORDS; i++) {
		size_t length = strcspn(text, " ");

		if (length == 0 || length >= WORD || (text[length] == '\0') != (i == WORDS - 1))
			return false;
		memcpy(words[i], text, length);
		words[i][length] = '\0';
		text += length + 1;
	}
	return true;
}

bool bh_session_parse(const char *text, struct bh_flow_key *key)
{
	struct bh_flow_key read = { .proto = IPPROTO_TCP };
	char words[WORDS][WORD];

	if (!split(text, words) || !read_address(words[0], &read.src) ||
	    !read_port(words[1], &read.sport) || !read_address(words[2], &read.dst) ||
	    !read_port(words[3], &read.dport) || read.src.family != read.dst.family)
		return false;
	*key = read;
	return true;
}

char *bh_session_format(const struct bh_flow_key *key, char out[BH_SESSION_TEXT])
{
	char src[BH_ADDR_TEXT], dst[BH_ADDR_TEXT];

	snprintf(out, BH_SESSION_TEXT, "%s %u %s %u", bh_addr_format(&key->src, src), key->sport,
		 bh_addr_format(&key->dst, dst), key->dport);
	return out;
}

/* The text up to a comma, or its end; where it goes on, NULL: it is none. */
static const char *read_session(const char *text, struct bh_flow_key *key)
{
	char one[BH_SESSION_TEXT];
	size_t length = strcspn(text, ",");

	if (length >= sizeof(one))
		return NULL;
	memcpy(one, text, length);
	one[length] = '\0';
	return bh_session_parse(one, key) ? text + length : NULL;
}

bool bh_sessions_parse(const char *text, struct bh_sessions *out)
{
	struct bh_sessions read = { .any = strncmp(text, ANY, strlen(ANY)) == 0 };

	for (text += read.any ? strlen(ANY) : 0;; text++) {
		if (read.count == BH_SESSIONS)
			return false;
		text = read_session(text, &read.keys[read.count++]);
		if (text == NULL || (*text != '\0' && !read.any))
			return false;
		if (*text == '\0')
			break;
	}
	*out = read;
	return true;
}

char *bh_sessions_format(const struct bh_sessions *sessions, char out[BH_SESSIONS_TEXT])
{
	size_t length = (size_t)sprintf(out, "%s", sessions->any ? ANY : "");

	for (size_t i = 0; i < sessions->count; i++) {
		char one[BH_SESSION_TEXT];

		length += (size_t)snprintf(out + length, BH_SESSIONS_TEXT - length, "%s%s",
					   i > 0 ? "," : "",
					   bh_session_format(&sessions->keys[i], one));
	}
	return out;
}
