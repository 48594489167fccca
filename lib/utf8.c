/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "utf8.h"

#include <stdbool.h>
#include <string.h>

size_t bh_utf8_decode(const char *text, size_t length, uint32_t *code)
{
	/* By length: the least code that is worth so many bytes. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)text;
	size_t wanted = length == 0		   ? 0
			: byte[0] < 0x80	   ? 1
			: (byte[0] & 0xe0) == 0xc0 ? 2
			: (byte[0] & 0xf0) == 0xe0 ? 3
			: (byte[0] & 0xf8) == 0xf0 ? 4
						   : 0;

	if (wanted == 0 || wanted > length)
		return 0;
	*code = wanted > 1 ? byte[0] & (0x7fu >> wanted) : byte[0];
	for (size_t i = 1; i < wanted; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (byte[i] & 0x3f);
	}
	if (*code < least[wanted] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return wanted;
}

size_t bh_utf8_length(const char *text, size_t length)
{
	uint32_t code;

	return bh_utf8_decode(text, length, &code);
}

size_t bh_utf8_encode(uint32_t code, char out[4])
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = bytes; i > 1; i--, code >>= 6)
		out[i - 1] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(lead[bytes] | code);
	return bytes;
}

static bool is_treacherous(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	/* C0, DEL, C1 */
		{ 0x61c, 0x61c },   { 0x200b, 0x200f }, /* nothing to see, direction marks */
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, /* separators, overrides, isolates */
		{ 0xfeff, 0xfeff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* By bytes and not by the locale: the C library's decoder takes surrogates for characters. */
void bh_harmless(char *text, const char *keep)
{
	char *to = text;
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t c = 0;
		size_t bytes = bh_utf8_decode(text, left, &c);
		bool kept = bytes == 1 && strchr(keep, *text) != NULL;

		if (bytes == 0 || (is_treacherous(c) && !kept)) {
			*to++ = '?';
		} else {
			memmove(to, text, bytes);
			to += bytes;
		}
		text += bytes > 0 ? bytes : 1;
		left -= bytes > 0 ? bytes : 1;
	}
	*to = '\0';
}
