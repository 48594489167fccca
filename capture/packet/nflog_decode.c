/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel wrote the frame of such a message, but a stranger its payload. Nothing of either is
 * read but through a cursor; attributes that are not known here are stepped over, so that a newer
 * kernel may add some.
 */
#include "nflog_decode.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <pcap/dlt.h>
#include <string.h>

#include "address.h"
#include "cursor.h"
#include "decode.h"
#include "timefmt.h"

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IPV6 = 0x86dd };

static const struct {
	const char *word;
	uint8_t kind;
	bool dropped;
} prefixes[] = {
	{ "DENY", BH_DENIED, true },	   { "AUDIT", BH_WOULD_DENY, false },
	{ "SPOOF", BH_SPOOFED, true },	   { "SPOOFAUDIT", BH_SPOOFED, false },
	{ "POSTURE", BH_UNCLAIMED, true }, { "POSTUREAUDIT", BH_UNCLAIMED, false },
};

static bool decode_hash(const char *text, struct bh_denial *out)
{
	size_t length = strlen(text);

	if (strcmp(text, "-") != 0 &&
	    (length != sizeof(out->hash) - 1 || strspn(text, "0123456789abcdef") != length))
		return false;
	memcpy(out->hash, text, length + 1);
	return true;
}

/* "bh:KIND:SIDE:HASH" */
static bool decode_prefix(const char *text, struct bh_denial *out)
{
	size_t start = strlen(BH_NFLOG_PREFIX), length;

	if (strncmp(text, BH_NFLOG_PREFIX, start) != 0)
		return false;
	text += start;
	length = strcspn(text, ":");
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strlen(prefixes[i].word) != length ||
		    strncmp(prefixes[i].word, text, length) != 0)
			continue;
		text += length;
		if (text[0] != ':' || (text[1] != 'e' && text[1] != 'i') || text[2] != ':')
			return false;
		out->kind = prefixes[i].kind;
		out->dropped = prefixes[i].dropped;
		out->side = text[1] == 'e' ? BH_EGRESS : BH_INGRESS;
		return decode_hash(text + 3, out);
	}
	return false;
}

/* RFC 826, for Ethernet and IPv4: the sender's and the target's protocol addresses. */
static void decode_arp(struct bh_cursor c, struct bh_denial *out)
{
	uint8_t sender[4], target[4];

	if (!bh_cursor_skip(&c, 14) || !bh_cursor_bytes(&c, sender, 4) || !bh_cursor_skip(&c, 6) ||
	    !bh_cursor_bytes(&c, target, 4))
		return;
	out->key.src = bh_addr_from_bytes(BH_IPV4, sender);
	out->key.dst = bh_addr_from_bytes(BH_IPV4, target);
}

static void decode_payload(struct bh_cursor c, struct bh_denial *out)
{
	struct bh_packet p;

	if (out->ethertype == TYPE_ARP)
		decode_arp(c, out);
	if (out->ethertype != 0 && out->ethertype != TYPE_IPV4 && out->ethertype != TYPE_IPV6)
		return;
	/* Whatever could be read of it stands, ports or not. */
	enum bh_undecoded kind = bh_decode(DLT_RAW, c.at, c.left, c.left, out->time, &p);
	if (kind != BH_DECODED && kind != BH_TRUNCATED)
		return;
	out->key = (struct bh_flow_key) {
		.src = p.src, .dst = p.dst, .sport = p.sport, .dport = p.dport, .proto = p.proto
	};
}

/* 64-bit seconds and microseconds, whose upper halves are 0 for a long time yet. */
static void read_time(struct bh_cursor c, struct bh_denial *out)
{
	uint32_t words[4];

	for (int i = 0; i < 4; i++)
		if (!bh_cursor_u32(&c, &words[i]))
			return;
	if (words[0] == 0 && words[2] == 0 && words[3] < BH_SECOND)
		out->time = (int64_t)words[1] * BH_SECOND + words[3];
}

/* struct nfulnl_msg_packet_hw: the address' length, two bytes of padding, the address. */
static void read_mac(struct bh_cursor c, struct bh_denial *out)
{
	uint16_t length;

	if (bh_cursor_u16(&c, &length) && length == sizeof(out->mac.bytes) && bh_cursor_skip(&c, 2))
		bh_cursor_bytes(&c, out->mac.bytes, sizeof(out->mac.bytes));
}

struct parts {
	struct bh_cursor prefix, payload, time, hardware;
	uint32_t in, out, physical_in, physical_out;
	uint16_t ethertype;
};

static void take_attribute(struct parts *parts, uint16_t type, struct bh_cursor value)
{
	switch (type) {
	case NFULA_PACKET_HDR:
		bh_cursor_u16(&value, &parts->ethertype);
		break;
	case NFULA_PREFIX:
		parts->prefix = value;
		break;
	case NFULA_PAYLOAD:
		parts->payload = value;
		break;
	case NFULA_TIMESTAMP:
		parts->time = value;
		break;
	case NFULA_HWADDR:
		parts->hardware = value;
		break;
	case NFULA_IFINDEX_INDEV:
		bh_cursor_u32(&value, &parts->in);
		break;
	case NFULA_IFINDEX_OUTDEV:
		bh_cursor_u32(&value, &parts->out);
		break;
	case NFULA_IFINDEX_PHYSINDEV:
		bh_cursor_u32(&value, &parts->physical_in);
		break;
	case NFULA_IFINDEX_PHYSOUTDEV:
		bh_cursor_u32(&value, &parts->physical_out);
		break;
	}
}

/* Netlink attributes: length and type in host order, padded to four bytes. */
static bool walk(struct bh_cursor c, struct parts *parts)
{
	while (c.left >= sizeof(struct nlattr)) {
		struct nlattr head;
		struct bh_cursor value;

		if (!bh_cursor_bytes(&c, &head, sizeof(head)) || head.nla_len < sizeof(head) ||
		    !bh_cursor_carve(&c, head.nla_len - sizeof(head), &value))
			return false;
		take_attribute(parts, head.nla_type & NLA_TYPE_MASK, value);
		size_t padding = (4 - head.nla_len % 4) % 4;
		bh_cursor_skip(&c, padding < c.left ? padding : c.left);
	}
	return true;
}

/* The attributes of the one message that is expected here. */
static bool open_message(const void *bytes, size_t length, struct bh_cursor *attributes)
{
	struct bh_cursor c = bh_cursor_over(bytes, length);
	struct nlmsghdr head;

	return bh_cursor_bytes(&c, &head, sizeof(head)) &&
	       head.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) &&
	       head.nlmsg_len >= sizeof(head) &&
	       bh_cursor_carve(&c, head.nlmsg_len - sizeof(head), attributes) &&
	       bh_cursor_skip(attributes, sizeof(struct nfgenmsg));
}

bool bh_nflog_decode(const void *bytes, size_t length, int64_t now, struct bh_denial *out)
{
	struct bh_cursor attributes;
	struct parts parts = { 0 };
	char prefix[128];

	*out = (struct bh_denial) { .time = now };
	if (!open_message(bytes, length, &attributes) || !walk(attributes, &parts) ||
	    parts.prefix.left == 0 || parts.prefix.left > sizeof(prefix))
		return false;
	memcpy(prefix, parts.prefix.at, parts.prefix.left);
	if (prefix[parts.prefix.left - 1] != '\0' || !decode_prefix(prefix, out))
		return false;
	out->ethertype = parts.ethertype;
	out->in_ifindex = parts.physical_in != 0 ? parts.physical_in : parts.in;
	out->out_ifindex = parts.physical_out != 0 ? parts.physical_out : parts.out;
	read_mac(parts.hardware, out);
	read_time(parts.time, out);
	decode_payload(parts.payload, out);
	return true;
}
