/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One routed veth after the other (probe.h): the first end speaks as its container, the second is
 * the world. */
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <string.h>

#include "netlink.h"
#include "probe_catch.h"
#include "probe_divert.h"
#include "probe_parts.h"
#include "probe_route.h"

#define INSIDE 0
#define OUTSIDE 1
#define MTU 1500

/* --- what all of them share ------------------------------------------------------------------- */

static int refuse_divert(struct bh_error *err, int error)
{
	return bh_error_set(err, error,
			    "the self-test of routed veths redirects packets by traffic control "
			    "(%s); the kernel needs sch_ingress, cls_u32 and act_mirred",
			    strerror(-error));
}

static int make_inside(struct bh_probe *p, struct bh_error *err)
{
	int result = bh_probe_make_end(p, INSIDE, MTU, err);

	if (result != 0)
		return result;
	result = bh_probe_divert_prepare(p->route, p->ifindexes[INSIDE]);
	if (result != 0)
		return refuse_divert(err, result);
	result = bh_probe_link_up(p->route, p->ifindexes[INSIDE]);
	return result == 0
		       ? 0
		       : bh_error_set(err, result, "%s: %s", BH_PROBE_SENDER, strerror(-result));
}

static int make_outside(struct bh_probe *p, struct bh_error *err)
{
	int result = bh_probe_make_end(p, OUTSIDE, MTU, err);

	if (result != 0)
		return result;
	result = bh_probe_route_add_local(p->route, p->ifindexes[OUTSIDE]);
	if (result == 0)
		result = bh_probe_link_up_routed(p->route, p->ifindexes[OUTSIDE]);
	if (result == 0)
		result = bh_probe_route_outside(p->route, false, p->ifindexes[OUTSIDE]);
	if (result == 0)
		p->without_six = bh_probe_route_outside(p->route, true, p->ifindexes[OUTSIDE]) != 0;
	return result == 0 ? 0
			   : bh_error_set(err, result, "the self-test's route by %s: %s",
					  BH_PROBE_RECEIVER, strerror(-result));
}

static int check_addresses(struct bh_probe *p, struct bh_error *err)
{
	static const char *const networks[] = { "192.0.2.0/24", "2001:db8::/32" };

	for (int six = 0; six < 2; six++)
		if (bh_probe_route_is_taken(p->route, six))
			return bh_error_set(err, -EADDRINUSE,
					    "a route of this host's leads to addresses that the "
					    "self-test of routed veths takes, which are nobody's "
					    "(%s, documentation)",
					    networks[six]);
	return 0;
}

static int open_ends(struct bh_probe *p, struct bh_error *err)
{
	int result = check_addresses(p, err);

	if (result == 0)
		result = make_inside(p, err);
	if (result == 0)
		result = make_outside(p, err);
	if (result != 0)
		return result;
	p->catcher = bh_probe_catch_open(BH_PROBE_RECEIVER, err);
	return p->catcher != NULL ? 0 : -EPERM;
}

struct bh_probe *bh_probe_open_routed(struct bh_error *err)
{
	struct bh_probe *p = bh_probe_new(err);

	if (p == NULL)
		return NULL;
	p->family = NFPROTO_INET;
	p->way_count = BH_PROOF_WAYS;
	p->ways[BH_PROOF_SENT].chain = BH_PROBE_CHAIN_SENT;
	p->ways[BH_PROOF_SENT].from = INSIDE;
	p->ways[BH_PROOF_RECEIVED].chain = BH_PROBE_CHAIN_RECEIVED;
	p->ways[BH_PROOF_RECEIVED].from = OUTSIDE;
	if (open_ends(p, err) == 0)
		return p;
	bh_probe_close(p);
	return NULL;
}

/* --- one of them ------------------------------------------------------------------------------ */

static int check_veth(struct bh_probe *p, struct bh_error *err)
{
	int result = bh_probe_link_get(p->route, p->ifindex, &p->link);

	if (result == 0 && p->link.up)
		return 0;
	return bh_error_set(err, -ENODEV, result == 0 ? "it is down" : "it is gone");
}

static int check_forwarding(struct bh_probe *p, struct bh_error *err)
{
	bool forwards[2] = { false, false };
	int result = bh_probe_forwards(p->route, p->ifindex, forwards);

	for (size_t six = 0; six < 2; six++)
		p->off[six] = !forwards[six] || (six == 1 && p->without_six);
	if (result != 0)
		return bh_error_set(err, result, "whether it forwards cannot be asked: %s",
				    strerror(-result));
	return 0;
}

static int lead_inside(struct bh_probe *p, struct bh_error *err)
{
	int result = bh_probe_divert(p->route, p->ifindexes[INSIDE], p->ifindex);

	if (result != 0)
		return refuse_divert(err, result);
	for (int six = 0; six < 2 && result == 0; six++) {
		if (!p->off[six])
			result = bh_probe_route_inside(p->route, six, p->ifindex);
		if (six && (result == -EACCES || result == -ENODEV)) {
			p->off[six] = true; /* it has no IPv6 */
			result = 0;
		}
	}
	return result == 0 ? 0
			   : bh_error_set(err, result, "no route to the self-test's addresses: %s",
					  strerror(-result));
}

static int make_frames(struct bh_probe *p, const struct bh_mac *mac, struct bh_error *err)
{
	int result = 0;

	for (size_t i = 0; i < p->way_count; i++) {
		struct bh_probe_way *way = &p->ways[i];
		const bool sent = i == BH_PROOF_SENT;
		const struct bh_addr(*from)[2] = sent ? bh_probe_inside : bh_probe_outside;
		const struct bh_addr(*to)[2] = sent ? bh_probe_outside : bh_probe_inside;

		memset(way->arrived, 0, sizeof(way->arrived));
		for (size_t six = 0; six < 2; six++)
			for (size_t kind = 0; kind < BH_PROBE_KINDS && result == 0; kind++)
				result = bh_probe_fill_frame(&way->frames[six][kind],
							     sent ? mac : &bh_probe_macs[OUTSIDE],
							     &bh_probe_own_macs[way->from],
							     &from[BH_PROBE_PASSES][six],
							     &to[kind][six], err);
	}
	return result;
}

int bh_probe_aim(struct bh_probe *p, uint32_t veth, const struct bh_mac *mac, struct bh_error *err)
{
	p->ifindex = veth;
	int result = check_veth(p, err);
	if (result == 0)
		result = check_forwarding(p, err);
	if (result == 0 && !(p->off[0] && p->off[1]))
		result = lead_inside(p, err);
	if (result != 0)
		return result;
	if (p->off[0] && p->off[1])
		return bh_error_set(err, -EHOSTUNREACH,
				    "nothing that comes from there is forwarded (sysctl "
				    "net.ipv4.conf.%s.forwarding, net.ipv6.conf.all.forwarding)",
				    p->link.ifname);
	result = make_frames(p, mac, err);
	if (result == 0)
		result = bh_probe_count_before(p, err);
	return result == 0 ? bh_probe_catch_count(&p->caught_before, err) : result;
}

int bh_probe_routed_look(struct bh_probe *p, struct bh_error *err)
{
	const uint64_t *before = p->caught_before.packets;
	struct bh_probe_counts caught;
	int result = check_veth(p, err);

	if (result == 0)
		result = bh_probe_catch_count(&caught, err);
	for (size_t kind = 0; kind < BH_PROBE_KINDS && result == 0; kind++)
		for (size_t six = 0; six < 2; six++)
			p->ways[BH_PROOF_RECEIVED].arrived[six][kind] =
				caught.packets[2 * kind + six] > before[2 * kind + six];
	return result;
}
