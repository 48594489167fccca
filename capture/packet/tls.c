/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each length is carved as far as there are bytes: the segment may end within the record, and the
 * record within the message. Only what holds the name itself has to be there as a whole. */
#include "tls.h"

#include <string.h>

#include "address.h"
#include "cursor.h"

#define RANDOM 32
#define MOST_LABEL 63

enum { EXTENSION_SERVER_NAME = 0, NAME_OF_HOST = 0 };

/* As many of the bytes that a length promises as there are. */
static struct bh_cursor carve_present(struct bh_cursor *c, size_t count)
{
	struct bh_cursor inner = bh_cursor_over(c->at, c->left < count ? c->left : count);

	bh_cursor_skip(c, inner.left);
	return inner;
}

static bool skip_vector8(struct bh_cursor *c)
{
	uint8_t length;

	return bh_cursor_u8(c, &length) && bh_cursor_skip(c, length);
}

static bool skip_vector16(struct bh_cursor *c)
{
	uint16_t length;

	return bh_cursor_u16(c, &length) && bh_cursor_skip(c, length);
}

/* Moves c into the body of the message, and leaves nothing behind its end. */
static bool enter_hello(struct bh_cursor *c)
{
	uint8_t high;
	uint16_t length;

	if (!bh_tls_is_hello(c->at, c->left) || !bh_cursor_skip(c, 3) || !bh_cursor_u16(c, &length))
		return false;
	*c = carve_present(c, length);
	if (!bh_cursor_skip(c, 1) || !bh_cursor_u8(c, &high) || !bh_cursor_u16(c, &length))
		return false;
	*c = carve_present(c, (size_t)high << 16 | length);
	return true;
}

/* Moves c to the first extension, and leaves nothing behind the last. */
static bool enter_extensions(struct bh_cursor *c)
{
	uint16_t length;

	/* Version and random, session, cipher suites, compression methods. */
	if (!bh_cursor_skip(c, 2 + RANDOM) || !skip_vector8(c) || !skip_vector16(c) ||
	    !skip_vector8(c) || !bh_cursor_u16(c, &length))
		return false;
	*c = carve_present(c, length);
	return true;
}

static bool find_extension(struct bh_cursor *c, uint16_t wanted, struct bh_cursor *out)
{
	uint16_t type, length;

	while (bh_cursor_u16(c, &type) && bh_cursor_u16(c, &length) &&
	       bh_cursor_carve(c, length, out))
		if (type == wanted)
			return true;
	return false;
}

static bool find_host_name(struct bh_cursor *c, struct bh_cursor *out)
{
	uint8_t type;
	uint16_t length;

	if (!bh_cursor_u16(c, &length) || length != c->left)
		return false;
	while (bh_cursor_u8(c, &type) && bh_cursor_u16(c, &length) &&
	       bh_cursor_carve(c, length, out))
		if (type == NAME_OF_HOST)
			return true;
	return false;
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* name: in lower case. */
static bool is_host_name(const char *name)
{
	struct bh_addr addr;
	size_t label = 0;

	for (const char *at = name; *at != '\0'; at++) {
		if (*at == '.' ? label == 0 : !is_name_character(*at) || label == MOST_LABEL)
			return false;
		label = *at == '.' ? 0 : label + 1;
	}
	return label > 0 && !bh_addr_parse(name, &addr);
}

static bool copy_name(struct bh_cursor *c, char name[BH_DNS_NAME])
{
	uint8_t octet;

	if (c->left >= BH_DNS_NAME || memchr(c->at, '\0', c->left) != NULL)
		return false;
	size_t length = 0;
	while (bh_cursor_u8(c, &octet))
		name[length++] = (char)(octet >= 'A' && octet <= 'Z' ? octet + 32 : octet);
	name[length] = '\0';
	return is_host_name(name);
}

bool bh_tls_read_name(const uint8_t *data, size_t length, char name[BH_DNS_NAME])
{
	struct bh_cursor c = bh_cursor_over(data, length), extension, host;

	return enter_hello(&c) && enter_extensions(&c) &&
	       find_extension(&c, EXTENSION_SERVER_NAME, &extension) &&
	       find_host_name(&extension, &host) && copy_name(&host, name);
}
