/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "utf8.h"

#include <stdint.h>

size_t bh_utf8_length(const char *text, size_t length)
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

	if (wanted < 2 || wanted > length)
		return wanted > length ? 0 : wanted;
	uint32_t code = byte[0] & (0x7fu >> wanted);
	for (size_t i = 1; i < wanted; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if (code < least[wanted] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return wanted;
}
