/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "protocol.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

/* Names from the IANA registry, lower case; the handful that occurs between containers. */
static const struct {
	uint8_t number;
	const char *name;
} names[] = {
	{ IPPROTO_ICMP, "icmp" },
	{ IPPROTO_IGMP, "igmp" },
	{ IPPROTO_IPIP, "ipip" },
	{ IPPROTO_TCP, "tcp" },
	{ IPPROTO_UDP, "udp" },
	{ IPPROTO_DCCP, "dccp" },
	{ IPPROTO_IPV6, "ipv6" },
	{ IPPROTO_GRE, "gre" },
	{ IPPROTO_ESP, "esp" },
	{ IPPROTO_AH, "ah" },
	{ IPPROTO_ICMPV6, "icmpv6" },
	{ IPPROTO_SCTP, "sctp" },
	{ IPPROTO_UDPLITE, "udplite" },
	{ 89, "ospf" },
	{ 112, "vrrp" },
};

const char *bh_protocol_format(uint8_t proto, char out[BH_PROTOCOL_TEXT])
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == proto)
			return strcpy(out, names[i].name);
	snprintf(out, BH_PROTOCOL_TEXT, "%u", proto);
	return out;
}

bool bh_protocol_parse(const char *text, uint8_t *proto)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(names[i].name, text) == 0) {
			*proto = names[i].number;
			return true;
		}
	}
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 3 || text[digits] != '\0' || atoi(text) > 255)
		return false;
	*proto = (uint8_t)atoi(text);
	return true;
}

bool bh_protocol_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE || proto == IPPROTO_DCCP;
}

/* RFC 792, 1812, 4443. any_code: the rest of the type. */
static const struct {
	uint8_t proto, type, code;
	bool any_code;
	const char *name;
} errors[] = {
	{ IPPROTO_ICMP, 3, 0, false, "network unreachable" },
	{ IPPROTO_ICMP, 3, 1, false, "host unreachable" },
	{ IPPROTO_ICMP, 3, 2, false, "protocol unreachable" },
	{ IPPROTO_ICMP, 3, 3, false, "port unreachable" },
	{ IPPROTO_ICMP, 3, 4, false, "fragmentation needed" },
	{ IPPROTO_ICMP, 3, 9, false, "network administratively prohibited" },
	{ IPPROTO_ICMP, 3, 10, false, "host administratively prohibited" },
	{ IPPROTO_ICMP, 3, 13, false, "administratively prohibited" },
	{ IPPROTO_ICMP, 3, 0, true, "destination unreachable" },
	{ IPPROTO_ICMP, 4, 0, true, "source quench" },
	{ IPPROTO_ICMP, 5, 0, true, "redirect" },
	{ IPPROTO_ICMP, 11, 1, false, "reassembly time exceeded" },
	{ IPPROTO_ICMP, 11, 0, true, "time exceeded" },
	{ IPPROTO_ICMP, 12, 0, true, "parameter problem" },
	{ IPPROTO_ICMPV6, 1, 0, false, "no route" },
	{ IPPROTO_ICMPV6, 1, 1, false, "administratively prohibited" },
	{ IPPROTO_ICMPV6, 1, 3, false, "address unreachable" },
	{ IPPROTO_ICMPV6, 1, 4, false, "port unreachable" },
	{ IPPROTO_ICMPV6, 1, 0, true, "destination unreachable" },
	{ IPPROTO_ICMPV6, 2, 0, true, "packet too big" },
	{ IPPROTO_ICMPV6, 3, 1, false, "reassembly time exceeded" },
	{ IPPROTO_ICMPV6, 3, 0, true, "time exceeded" },
	{ IPPROTO_ICMPV6, 4, 0, true, "parameter problem" },
};

const char *bh_icmp_error_name(uint8_t proto, uint8_t type, uint8_t code)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].proto == proto && errors[i].type == type &&
		    (errors[i].any_code || errors[i].code == code))
			return errors[i].name;
	return NULL;
}

char *bh_port_format(uint8_t proto, uint16_t port, char out[BH_PORT_TEXT])
{
	char name[BH_PROTOCOL_TEXT];

	bh_protocol_format(proto, name);
	if (bh_protocol_has_ports(proto))
		snprintf(out, BH_PORT_TEXT, "%u/%s", port, name);
	else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		snprintf(out, BH_PORT_TEXT, "%s/%u:%u", name, port >> 8, port & 0xff);
	else
		snprintf(out, BH_PORT_TEXT, "%s", name);
	return out;
}
