/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "port.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/ruleset.h"
#include "grow.h"
#include "nearest.h"
#include "protocol.h"

#define ANY "any"
#define LONGEST_SERVICE 15

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

char *bh_policy_port_format(const struct bh_policy_port *port, char out[BH_POLICY_PORT_TEXT])
{
	char name[BH_PROTOCOL_TEXT];

	if (port->proto == BH_ANY_PROTOCOL) {
		snprintf(out, BH_POLICY_PORT_TEXT, ANY);
		return out;
	}
	if (port->name != NULL) {
		snprintf(out, BH_POLICY_PORT_TEXT, "%s", port->name);
		return out;
	}
	bh_protocol_format(port->proto, name);
	if (is_icmp(port->proto))
		snprintf(out, BH_POLICY_PORT_TEXT, "%s/%u", name, port->first);
	else if (!bh_protocol_has_ports(port->proto))
		snprintf(out, BH_POLICY_PORT_TEXT, "%s", name);
	else if (port->first == port->last)
		snprintf(out, BH_POLICY_PORT_TEXT, "%u/%s", port->first, name);
	else
		snprintf(out, BH_POLICY_PORT_TEXT, "%u-%u/%s", port->first, port->last, name);
	return out;
}

static bool read_number(const char **text, unsigned most, uint16_t *out)
{
	size_t digits = strspn(*text, "0123456789");

	if (digits == 0 || digits > 5 || strtoul(*text, NULL, 10) > most)
		return false;
	*out = (uint16_t)strtoul(*text, NULL, 10);
	*text += digits;
	return true;
}

/* "8080/tcp", "8000-8100/tcp" */
static bool parse_numbers(const char *text, struct bh_policy_port *port)
{
	if (!read_number(&text, 65535, &port->first))
		return false;
	port->last = port->first;
	if (*text == '-') {
		text++;
		if (!read_number(&text, 65535, &port->last))
			return false;
	}
	return *text == '/' && bh_protocol_parse(text + 1, &port->proto) &&
	       bh_protocol_has_ports(port->proto) && port->first <= port->last && port->first > 0;
}

/* "icmp/8", "gre" */
static bool parse_name(const char *text, struct bh_policy_port *port)
{
	char name[BH_PROTOCOL_TEXT];
	size_t length = strcspn(text, "/");

	if (length >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)length, text);
	if (!bh_protocol_parse(name, &port->proto) || bh_protocol_has_ports(port->proto) ||
	    port->proto == BH_ANY_PROTOCOL)
		return false;
	text += length;
	if (!is_icmp(port->proto))
		return *text == '\0';
	if (*text++ != '/' || !read_number(&text, 255, &port->first))
		return false;
	port->last = port->first;
	return *text == '\0';
}

/* "http/tcp": a service's name (RFC 6335), as Kubernetes names ports; but for one that begins with
 * a digit, which nearly always is a slip in a number. */
static bool parse_service(const char *text, struct bh_policy_port *port)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
	bool letter = text[0] >= 'a' && text[0] <= 'z';

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '-' && (i == 0 || i + 1 == length || text[i + 1] == '-'))
			return false;
	}
	bool any = length == strlen(ANY) && strncmp(text, ANY, length) == 0;
	if (!letter || any || length > LONGEST_SERVICE || text[length] != '/' ||
	    !bh_protocol_parse(text + length + 1, &port->proto) ||
	    !bh_protocol_has_ports(port->proto))
		return false;
	port->name = text;
	return true;
}

bool bh_policy_port_parse(const char *text, struct bh_policy_port *port)
{
	*port = (struct bh_policy_port) { 0 };
	if (strcmp(text, ANY) == 0) {
		port->proto = BH_ANY_PROTOCOL;
		return true;
	}
	/* A number with nothing behind it is a protocol by number. */
	if (strchr("0123456789", text[0]) != NULL && strchr(text, '/') != NULL &&
	    parse_numbers(text, port))
		return true;
	*port = (struct bh_policy_port) { 0 };
	if (parse_name(text, port))
		return true;
	*port = (struct bh_policy_port) { 0 };
	return parse_service(text, port);
}

/* A protocol's name with a slip of the hand in it. */
static const char *nearest_protocol(const char *text)
{
	static const char *const names[] = { "tcp", "udp", "sctp" };

	return bh_nearest(text, names, sizeof(names) / sizeof(names[0]));
}

bool bh_policy_port_nearest(const char *text, char out[BH_POLICY_PORT_TEXT])
{
	struct bh_policy_port port;
	char left[16], right[16] = "";
	int used = 0;

	static const char *const any[] = { ANY };

	if (bh_nearest(text, any, 1) != NULL) {
		bh_copy_text(out, BH_POLICY_PORT_TEXT, ANY);
		return true;
	}
	if (sscanf(text, "%15[^/]%n/%15[^/]", left, &used, right) < 1)
		return false;
	bool numbers = left[strspn(left, "0123456789-")] == '\0';
	const char *proto = right[0] == '\0' && text[used] == '\0' ? "tcp"
			    : numbers				   ? nearest_protocol(right)
								   : nearest_protocol(left);

	snprintf(out, BH_POLICY_PORT_TEXT, "%s/%s", numbers ? left : right,
		 proto != NULL ? proto : "?");
	return bh_policy_port_parse(out, &port);
}

uint16_t bh_policy_port_number(uint8_t proto, uint16_t number)
{
	if (is_icmp(proto))
		return number >> 8;
	return bh_protocol_has_ports(proto) ? number : 0;
}

bool bh_policy_port_matches(const struct bh_policy_port *port, uint8_t proto, uint16_t number)
{
	uint16_t stated = bh_policy_port_number(proto, number);

	if (port->name != NULL)
		return port->proto == proto;
	return port->proto == BH_ANY_PROTOCOL ||
	       (port->proto == proto && stated >= port->first && stated <= port->last);
}
