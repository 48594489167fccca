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
