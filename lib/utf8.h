/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BH_UTF8_H
#define BH_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character at the start of text (RFC 3629), of which `length` bytes are there;
 * 0 where it is none. */
size_t bh_utf8_length(const char *text, size_t length);
/* The same, and which character it is. */
size_t bh_utf8_decode(const char *text, size_t length, uint32_t *code);
/* Writes a character, which has to be one, and returns how many bytes it took. */
size_t bh_utf8_encode(uint32_t code, char out[4]);

/* Replaces, in place, what a terminal obeys, shows elsewhere than it stands, or not at all (control
 * characters, bidirectional overrides, spaces of no width, broken UTF-8) by '?'. keep: control
 * characters that stay, "" or "\n\t". */
void bh_harmless(char *text, const char *keep);

#endif
