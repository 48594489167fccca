/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "query.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

static const char digits[] = "0123456789";

bool bh_query_number(const char *text, int64_t *number)
{
	size_t length = strspn(text, digits);

	if (length == 0 || length > 15 || text[length] != '\0')
		return false;
	*number = strtoll(text, NULL, 10);
	return true;
}

/* A number of at most `most`; *text moves on to what ends it. */
static bool read_number(const char **text, unsigned long most, unsigned *out)
{
	size_t length = strspn(*text, digits);

	if (length == 0 || length > 5 || strtoul(*text, NULL, 10) > most)
		return false;
	*out = (unsigned)strtoul(*text, NULL, 10);
	*text += length;
	return true;
}

/* "5432/tcp", "5432" */
static bool read_numbered(const char *text, uint8_t *proto, uint16_t *port)
{
	unsigned number;

	if (!read_number(&text, UINT16_MAX, &number))
		return false;
	*port = (uint16_t)number;
	*proto = IPPROTO_TCP;
	if (*text == '\0')
		return true;
	return *text == '/' && bh_protocol_parse(text + 1, proto) && bh_protocol_has_ports(*proto);
}

/* "8:0", "8" */
static bool read_type(const char *text, uint16_t *port)
{
	unsigned type, code = 0;

	if (!read_number(&text, UINT8_MAX, &type))
		return false;
	if (*text == ':') {
		text++;
		if (!read_number(&text, UINT8_MAX, &code))
			return false;
	}
	*port = (uint16_t)(type << 8 | code);
	return *text == '\0';
}

/* "icmp/8", "gre" */
static bool read_named(const char *text, uint8_t *proto, uint16_t *port)
{
	size_t length = strcspn(text, "/");
	char name[BH_PROTOCOL_TEXT];

	if (length >= sizeof(name))
		return false;
	memcpy(name, text, length);
	name[length] = '\0';
	if (!bh_protocol_parse(name, proto) || bh_protocol_has_ports(*proto))
		return false;
	if (*proto == IPPROTO_ICMP || *proto == IPPROTO_ICMPV6)
		return text[length] == '/' && read_type(text + length + 1, port);
	*port = 0;
	return text[length] == '\0';
}

bool bh_query_port(const char *text, uint8_t *proto, uint16_t *port)
{
	return strspn(text, digits) > 0 ? read_numbered(text, proto, port)
					: read_named(text, proto, port);
}
