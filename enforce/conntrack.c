/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forgetting: the table is dumped once, however many addresses went, for the kernel takes
 * milliseconds to walk through it though it be empty; what matches is collected and deleted
 * afterwards, each entry by its own tuple and id, so that an entry made meanwhile for the same
 * tuple is left alone.
 *
 * Cutting does the same with entries that somebody read before: the table is walked through once
 * more, so that ICMP's numbers and the keys of GRE, which a flow's tuple does not have, come from
 * the kernel's own words.
 *
 * Keeping: nobody counted the windows of a connection that was not tracked, so its entry takes any
 * sequence number.
 */
#include "conntrack.h"

#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "grow.h"
#include "map.h"

#define TRIES 3

struct search {
	const struct bh_addr *addrs;
	size_t count;
	struct nf_conntrack **found;
	size_t found_count;
	size_t capacity;
};

static bool holds(const struct nf_conntrack *ct, enum nf_conntrack_attr attr,
		  const struct bh_addr *addr)
{
	const void *value = nfct_attr_is_set(ct, attr) ? nfct_get_attr(ct, attr) : NULL;

	return value != NULL && memcmp(value, addr->bytes, bh_addr_size(addr->family)) == 0;
}

static bool concerns(const struct nf_conntrack *ct, const struct bh_addr *addr)
{
	static const enum nf_conntrack_attr attrs4[] = { ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST,
							 ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST };
	static const enum nf_conntrack_attr attrs6[] = { ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST,
							 ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST };
	const enum nf_conntrack_attr *attrs = addr->family == BH_IPV4 ? attrs4 : attrs6;

	for (size_t i = 0; i < 4; i++)
		if (holds(ct, attrs[i], addr))
			return true;
	return false;
}

static int take(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	struct search *search = data;

	(void)type;
	for (size_t i = 0; i < search->count; i++) {
		if (!concerns(ct, &search->addrs[i]))
			continue;
		search->found = bh_grow(search->found, &search->capacity, search->found_count + 1,
					sizeof(struct nf_conntrack *));
		search->found[search->found_count++] = ct;
		return NFCT_CB_STOLEN;
	}
	return NFCT_CB_CONTINUE;
}

static bool has_family(const struct bh_addr *addrs, size_t count, uint8_t family)
{
	for (size_t i = 0; i < count; i++)
		if (addrs[i].family == family)
			return true;
	return false;
}

static int dump(struct nfct_handle *handle, uint32_t family)
{
	int result = -1;

	for (int tries = 0; result < 0 && tries < TRIES; tries++) {
		result = nfct_query(handle, NFCT_Q_DUMP, &family);
		if (result < 0 && errno != EINTR && errno != ENOBUFS)
			break;
	}
	return result < 0 ? -errno : 0;
}

/* Deletes what was found; counts what was there to be deleted. */
static int destroy(struct nfct_handle *handle, struct search *search, size_t *deleted)
{
	int result = 0;

	for (size_t i = 0; i < search->found_count; i++) {
		if (nfct_query(handle, NFCT_Q_DESTROY, search->found[i]) == 0)
			(*deleted)++;
		else if (errno != ENOENT)
			result = -errno;
		nfct_destroy(search->found[i]);
	}
	free(search->found);
	return result;
}

int bh_conntrack_forget(const struct bh_addr *addrs, size_t count, size_t *deleted,
			struct bh_error *err)
{
	struct search search = { .addrs = addrs, .count = count };
	struct nfct_handle *handle = nfct_open(CONNTRACK, 0);
	int result = 0;

	*deleted = 0;
	if (handle == NULL)
		return bh_error_set(err, -errno, "connection tracking: %s", strerror(errno));
	nfct_callback_register(handle, NFCT_T_ALL, take, &search);
	bool ipv4 = has_family(addrs, count, BH_IPV4), ipv6 = has_family(addrs, count, BH_IPV6);
	result = dump(handle, ipv4 && ipv6 ? AF_UNSPEC : ipv6 ? AF_INET6 : AF_INET);
	nfct_callback_unregister(handle);
	int destroyed = destroy(handle, &search, deleted);
	nfct_close(handle);
	if (result == 0)
		result = destroyed;
	return result == 0
		       ? 0
		       : bh_error_set(err, result, "connection tracking: %s", strerror(-result));
}

/* What tells an entry: its number, a hash of where the kernel keeps it and of its tuple, and its
 * tuple as far as every protocol has one. */
struct entry_key {
	struct bh_addr src, dst;
	uint32_t id;
	uint8_t proto;
};

struct cutting {
	struct bh_map *wanted; /* struct entry_key → struct bh_cut */
	struct nf_conntrack **found;
	struct bh_cut **cuts; /* of each that was found */
	size_t found_count;
	size_t capacity, cut_capacity;
};

static void put_key(struct bh_map *map, struct bh_cut *cut)
{
	struct entry_key key;

	memset(&key, 0, sizeof(key)); /* its padding, too */
	key.src = cut->original.src;
	key.dst = cut->original.dst;
	key.id = cut->id;
	key.proto = cut->original.proto;
	bh_map_put(map, &key, sizeof(key), cut);
}

static struct bh_cut *find_cut(const struct bh_map *map, const struct nf_conntrack *ct)
{
	bool ipv4 = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO) == AF_INET;
	enum bh_family family = ipv4 ? BH_IPV4 : BH_IPV6;
	const void *src = nfct_get_attr(ct, ipv4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC);
	const void *dst = nfct_get_attr(ct, ipv4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST);
	struct entry_key key;

	if (src == NULL || dst == NULL)
		return NULL;
	memset(&key, 0, sizeof(key));
	key.src = bh_addr_from_bytes(family, src);
	key.dst = bh_addr_from_bytes(family, dst);
	key.id = nfct_get_attr_u32(ct, ATTR_ID);
	key.proto = nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO);
	return bh_map_get(map, &key, sizeof(key));
}

static int take_wanted(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	struct cutting *c = data;
	struct bh_cut *cut = find_cut(c->wanted, ct);

	(void)type;
	if (cut == NULL)
		return NFCT_CB_CONTINUE;
	c->found = bh_grow(c->found, &c->capacity, c->found_count + 1, sizeof(*c->found));
	c->cuts = bh_grow(c->cuts, &c->cut_capacity, c->found_count + 1, sizeof(*c->cuts));
	c->cuts[c->found_count] = cut;
	c->found[c->found_count++] = ct;
	return NFCT_CB_STOLEN;
}

/* One that a dump which was begun anew gave twice is gone the second time; the first counts. */
static void cut_found(struct nfct_handle *handle, struct cutting *c)
{
	for (size_t i = 0; i < c->found_count; i++) {
		int code = nfct_query(handle, NFCT_Q_DESTROY, c->found[i]) == 0 ? 0 : -errno;

		if (c->cuts[i]->code != 0)
			c->cuts[i]->code = code;
		nfct_destroy(c->found[i]);
	}
	free(c->found);
	free(c->cuts);
}

int bh_conntrack_cut(struct bh_cut *cuts, size_t count, struct bh_error *err)
{
	struct cutting cutting = { .wanted = bh_map_new(NULL) };
	struct nfct_handle *handle = nfct_open(CONNTRACK, 0);
	int result = handle != NULL ? 0 : -errno;

	for (size_t i = 0; i < count; i++)
		put_key(cutting.wanted, &cuts[i]);
	if (handle != NULL) {
		nfct_callback_register(handle, NFCT_T_ALL, take_wanted, &cutting);
		result = dump(handle, AF_UNSPEC);
		nfct_callback_unregister(handle);
	}
	for (size_t i = 0; i < count; i++)
		cuts[i].code = result != 0 ? result : -ENOENT;
	if (handle != NULL) {
		cut_found(handle, &cutting);
		nfct_close(handle);
	}
	bh_map_free(cutting.wanted);
	return result == 0
		       ? 0
		       : bh_error_set(err, result, "connection tracking: %s", strerror(-result));
}

/* The kernel's own defaults: nf_conntrack_tcp_timeout_established, nf_conntrack_udp_timeout_stream.
 */
#define TCP_TIMEOUT 432000u
#define UDP_TIMEOUT 120u

static void set_tcp_state(struct nf_conntrack *ct)
{
	nfct_set_attr_u8(ct, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
	nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_ORIG, IP_CT_TCP_FLAG_BE_LIBERAL);
	nfct_set_attr_u8(ct, ATTR_TCP_MASK_ORIG, IP_CT_TCP_FLAG_BE_LIBERAL);
	nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_REPL, IP_CT_TCP_FLAG_BE_LIBERAL);
	nfct_set_attr_u8(ct, ATTR_TCP_MASK_REPL, IP_CT_TCP_FLAG_BE_LIBERAL);
}

static void set_tuple(struct nf_conntrack *ct, const struct bh_flow_key *key)
{
	bool ipv4 = key->src.family == BH_IPV4;

	nfct_set_attr_u8(ct, ATTR_L3PROTO, ipv4 ? AF_INET : AF_INET6);
	nfct_set_attr(ct, ipv4 ? ATTR_IPV4_SRC : ATTR_IPV6_SRC, key->src.bytes);
	nfct_set_attr(ct, ipv4 ? ATTR_IPV4_DST : ATTR_IPV6_DST, key->dst.bytes);
	nfct_set_attr_u8(ct, ATTR_L4PROTO, key->proto);
	nfct_set_attr_u16(ct, ATTR_PORT_SRC, htons(key->sport));
	nfct_set_attr_u16(ct, ATTR_PORT_DST, htons(key->dport));
	nfct_setobjopt(ct, NFCT_SOPT_SETUP_REPLY);
}

static int keep_one(struct nfct_handle *handle, const struct bh_flow_key *key, size_t *made)
{
	struct nf_conntrack *ct = nfct_new();
	int result = 0;

	if (ct == NULL)
		return -ENOMEM;
	set_tuple(ct, key);
	nfct_set_attr_u32(ct, ATTR_STATUS, IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED);
	nfct_set_attr_u32(ct, ATTR_TIMEOUT, key->proto == IPPROTO_TCP ? TCP_TIMEOUT : UDP_TIMEOUT);
	if (key->proto == IPPROTO_TCP)
		set_tcp_state(ct);
	if (nfct_query(handle, NFCT_Q_CREATE, ct) == 0)
		(*made)++;
	else if (errno != EEXIST)
		result = -errno;
	nfct_destroy(ct);
	return result;
}

int bh_conntrack_keep(const struct bh_flow_key *keys, size_t count, size_t *made,
		      struct bh_error *err)
{
	struct nfct_handle *handle = nfct_open(CONNTRACK, 0);
	int result = 0;

	*made = 0;
	if (handle == NULL)
		return bh_error_set(err, -errno, "connection tracking: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		if (keys[i].proto != IPPROTO_TCP && keys[i].proto != IPPROTO_UDP)
			continue;
		int one = keep_one(handle, &keys[i], made);
		result = one != 0 ? one : result; /* the others are tried all the same */
	}
	nfct_close(handle);
	return result == 0
		       ? 0
		       : bh_error_set(err, result, "connection tracking: %s", strerror(-result));
}
