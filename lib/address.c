/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t bh_addr_size(uint8_t family)
{
	return family == BH_IPV4 ? 4 : family == BH_IPV6 ? 16 : 0;
}

static int os_family(uint8_t family)
{
	return family == BH_IPV4 ? AF_INET : AF_INET6;
}

struct bh_addr bh_addr_from_bytes(enum bh_family family, const void *bytes)
{
	struct bh_addr addr = { .family = (uint8_t)family };

	memcpy(addr.bytes, bytes, bh_addr_size(addr.family));
	return addr;
}

struct bh_addr bh_addr_unmapped(const struct bh_addr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (addr->family != BH_IPV6 || memcmp(addr->bytes, mapped, sizeof(mapped)) != 0)
		return *addr;
	return bh_addr_from_bytes(BH_IPV4, addr->bytes + sizeof(mapped));
}

bool bh_addr_parse(const char *text, struct bh_addr *out)
{
	struct bh_addr addr = { .family = strchr(text, ':') != NULL ? BH_IPV6 : BH_IPV4 };

	if (inet_pton(os_family(addr.family), text, addr.bytes) != 1)
		return false;
	*out = addr;
	return true;
}

/* inet_ntop() prints each of the four through sprintf(), which a million flows feel. */
static char *put_ipv4(const uint8_t *bytes, char *out)
{
	char *to = out;

	for (int i = 0; i < 4; i++) {
		if (bytes[i] >= 100)
			*to++ = (char)('0' + bytes[i] / 100);
		if (bytes[i] >= 10)
			*to++ = (char)('0' + bytes[i] / 10 % 10);
		*to++ = (char)('0' + bytes[i] % 10);
		*to++ = i < 3 ? '.' : '\0';
	}
	return to - 1;
}

char *bh_addr_put(const struct bh_addr *addr, char out[BH_ADDR_TEXT])
{
	if (addr->family == BH_IPV4)
		return put_ipv4(addr->bytes, out);
	if (bh_addr_size(addr->family) == 0 ||
	    inet_ntop(os_family(addr->family), addr->bytes, out, BH_ADDR_TEXT) == NULL)
		strcpy(out, "-");
	return out + strlen(out);
}

char *bh_addr_format(const struct bh_addr *addr, char out[BH_ADDR_TEXT])
{
	bh_addr_put(addr, out);
	return out;
}

int bh_addr_compare(const struct bh_addr *a, const struct bh_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool bh_addr_equal(const struct bh_addr *a, const struct bh_addr *b)
{
	return bh_addr_compare(a, b) == 0;
}

#define PREFIX4(length, ...)                                                                       \
	{                                                                                          \
		{ BH_IPV4, { __VA_ARGS__ } }, length                                               \
	}
#define PREFIX6(length, ...)                                                                       \
	{                                                                                          \
		{ BH_IPV6, { __VA_ARGS__ } }, length                                               \
	}
#define WITHIN(addr, prefixes) within(addr, prefixes, sizeof(prefixes) / sizeof(struct bh_prefix))

static bool within(const struct bh_addr *addr, const struct bh_prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bh_prefix_contains(&prefixes[i], addr))
			return true;
	return false;
}

bool bh_addr_is_link_local(const struct bh_addr *addr)
{
	static const struct bh_prefix ranges[] = { PREFIX4(16, 169, 254), PREFIX6(10, 0xfe, 0x80) };

	return WITHIN(addr, ranges);
}

bool bh_addr_is_multicast(const struct bh_addr *addr)
{
	static const struct bh_prefix ranges[] = { PREFIX4(4, 224), PREFIX6(8, 0xff),
						   PREFIX4(32, 255, 255, 255, 255) };

	return WITHIN(addr, ranges);
}

bool bh_addr_is_loopback(const struct bh_addr *addr)
{
	static const struct bh_prefix ranges[] = { PREFIX4(8, 127), PREFIX6(128, [15] = 1) };

	return WITHIN(addr, ranges);
}

bool bh_addr_is_unspecified(const struct bh_addr *addr)
{
	static const struct bh_prefix ranges[] = { PREFIX4(32, 0), PREFIX6(128, 0) };

	return WITHIN(addr, ranges);
}

bool bh_addr_is_private(const struct bh_addr *addr)
{
	static const struct bh_prefix ranges[] = { PREFIX4(8, 10), PREFIX4(12, 172, 16),
						   PREFIX4(16, 192, 168), PREFIX4(10, 100, 64),
						   PREFIX6(7, 0xfc) };

	return WITHIN(addr, ranges) || bh_addr_is_link_local(addr);
}

bool bh_addr_is_metadata(const struct bh_addr *addr)
{
	static const struct bh_prefix ranges[] = {
		PREFIX4(32, 169, 254, 169, 254),
		PREFIX6(128, 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54),
	};

	return WITHIN(addr, ranges);
}

struct bh_prefix bh_prefix_of(const struct bh_addr *addr, uint8_t length)
{
	size_t size = bh_addr_size(addr->family);
	struct bh_prefix prefix = { .addr = *addr, .length = length };

	if (prefix.length > size * 8)
		prefix.length = (uint8_t)(size * 8);
	for (size_t i = 0; i < size; i++) {
		size_t bits = prefix.length > i * 8 ? prefix.length - i * 8 : 0;

		if (bits < 8)
			prefix.addr.bytes[i] &= (uint8_t)(0xff00 >> bits);
	}
	return prefix;
}

bool bh_prefix_contains(const struct bh_prefix *prefix, const struct bh_addr *addr)
{
	if (prefix->addr.family != addr->family)
		return false;
	size_t whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;
	return memcmp(prefix->addr.bytes, addr->bytes, whole) == 0 &&
	       (rest == 0 ||
		((prefix->addr.bytes[whole] ^ addr->bytes[whole]) & (0xff00 >> rest & 0xff)) == 0);
}

static bool read_parts(const char *text, struct bh_addr *addr, uint8_t *out)
{
	char address[BH_ADDR_TEXT];
	size_t length = strcspn(text, "/");

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!bh_addr_parse(address, addr))
		return false;
	unsigned long bits = bh_addr_size(addr->family) * 8;
	if (text[length] == '/') {
		const char *digits = text + length + 1;
		size_t count = strspn(digits, "0123456789");

		if (count == 0 || count > 3 || digits[count] != '\0' ||
		    strtoul(digits, NULL, 10) > bits)
			return false;
		bits = strtoul(digits, NULL, 10);
	}
	*out = (uint8_t)bits;
	return true;
}

bool bh_prefix_around(const char *text, struct bh_prefix *out)
{
	struct bh_addr addr;
	uint8_t length;

	if (!read_parts(text, &addr, &length))
		return false;
	*out = bh_prefix_of(&addr, length);
	return true;
}

bool bh_prefix_parse(const char *text, struct bh_prefix *out)
{
	struct bh_addr addr;
	struct bh_prefix prefix;
	uint8_t length;

	if (!read_parts(text, &addr, &length))
		return false;
	prefix = bh_prefix_of(&addr, length);
	if (!bh_addr_equal(&prefix.addr, &addr))
		return false;
	*out = prefix;
	return true;
}

char *bh_prefix_format(const struct bh_prefix *prefix, char out[BH_PREFIX_TEXT])
{
	char address[BH_ADDR_TEXT];

	snprintf(out, BH_PREFIX_TEXT, "%s/%u", bh_addr_format(&prefix->addr, address),
		 prefix->length);
	return out;
}

char *bh_mac_format(const struct bh_mac *mac, char out[BH_MAC_TEXT])
{
	const uint8_t *b = mac->bytes;

	snprintf(out, BH_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5]);
	return out;
}

/* One or two hexadecimal digits; 0 where there are none, else how many. */
static size_t parse_octet(const char *text, uint8_t *out)
{
	char digits[3] = "";
	size_t count = strspn(text, "0123456789abcdefABCDEF");

	if (count == 0 || count > 2)
		return 0;
	memcpy(digits, text, count);
	*out = (uint8_t)strtoul(digits, NULL, 16);
	return count;
}

bool bh_mac_parse(const char *text, struct bh_mac *out)
{
	struct bh_mac mac;

	for (size_t i = 0; i < sizeof(mac.bytes); i++) {
		size_t count = parse_octet(text, &mac.bytes[i]);

		if (count == 0 || text[count] != (i + 1 < sizeof(mac.bytes) ? ':' : '\0'))
			return false;
		text += count + 1;
	}
	*out = mac;
	return true;
}
