/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two ports of a bridge (probe.h). */
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <string.h>

#include "probe_parts.h"

static int join(struct bh_probe *p, size_t end, uint32_t bridge, struct bh_error *err)
{
	uint32_t ifindex = p->ifindexes[end];
	int result = bh_probe_link_enslave(p->route, ifindex, bridge);

	if (result == 0)
		result = bh_probe_link_silence(p->route, ifindex);
	if (result == 0)
		result = bh_probe_link_up(p->route, ifindex);
	if (result == 0 && end == 1)
		result = bh_probe_link_add_mac(p->route, ifindex, &bh_probe_macs[end]);
	if (result == -EXFULL)
		return bh_error_set(err, result,
				    "bridge %s has as many ports as it may have (1024): the "
				    "self-test needs two",
				    p->link.ifname);
	return result == 0 ? 0
			   : bh_error_set(err, result,
					  "bridge %s does not take the self-test's port: %s",
					  p->link.ifname, strerror(-result));
}

static int add_port(struct bh_probe *p, size_t end, uint32_t bridge, struct bh_error *err)
{
	int result = bh_probe_make_end(p, end, p->link.mtu, err);

	return result == 0 ? join(p, end, bridge, err) : result;
}

static int check_bridge(struct bh_probe *p, uint32_t bridge, struct bh_error *err)
{
	int result = bh_probe_link_get(p->route, bridge, &p->link);

	if (result != 0)
		return bh_error_set(err, result, "the bridge cannot be looked at: %s",
				    strerror(-result));
	if (!p->link.bridge || !p->link.up)
		return bh_error_set(err, -ENETDOWN, "%s is %s", p->link.ifname,
				    p->link.bridge ? "down" : "no bridge");
	/* A port that comes would wait for half a minute, and have the whole tree learn anew. */
	if (p->link.stp)
		return bh_error_set(err, -EOPNOTSUPP,
				    "bridge %s takes part in a spanning tree, which the self-test "
				    "does not disturb; containers need none: ip link set %s type "
				    "bridge stp_state 0",
				    p->link.ifname, p->link.ifname);
	if (p->link.no_vlan)
		return bh_error_set(err, -EOPNOTSUPP,
				    "bridge %s filters VLANs, and a port that comes, as the "
				    "self-test's do, is in none (vlan_default_pvid 0)",
				    p->link.ifname);
	return 0;
}

static int make_frames(struct bh_probe *p, struct bh_error *err)
{
	const struct bh_addr *const to[] = { bh_probe_passes, bh_probe_denied };
	int result = 0;

	for (size_t six = 0; six < 2; six++)
		for (size_t kind = 0; kind < BH_PROBE_KINDS && result == 0; kind++)
			result = bh_probe_fill_frame(&p->ways[BH_PROOF_SENT].frames[six][kind],
						     &bh_probe_macs[0], &bh_probe_macs[1],
						     &bh_probe_source[six], &to[kind][six], err);
	return result;
}

static int open_ports(struct bh_probe *p, uint32_t bridge, struct bh_error *err)
{
	int result = check_bridge(p, bridge, err);

	if (result == 0)
		result = make_frames(p, err);
	if (result == 0)
		result = bh_probe_count_before(p, err);
	for (size_t end = 0; end < BH_PROBE_ENDS && result == 0; end++)
		result = add_port(p, end, bridge, err);
	return result;
}

struct bh_probe *bh_probe_open_bridge(uint32_t bridge, bool stateless, struct bh_error *err)
{
	struct bh_probe *p = bh_probe_new(err);

	if (p == NULL)
		return NULL;
	p->ifindex = bridge;
	p->family = stateless ? NFPROTO_BRIDGE : NFPROTO_INET;
	p->ways[BH_PROOF_SENT].chain = BH_PROBE_CHAIN;
	p->way_count = 1;
	if (open_ports(p, bridge, err) == 0)
		return p;
	bh_probe_close(p);
	return NULL;
}

int bh_probe_bridge_is_ready(const struct bh_probe *p, struct bh_error *err)
{
	bool forwards = true;

	for (size_t end = 0; end < BH_PROBE_ENDS && forwards; end++) {
		int result = bh_probe_link_forwards(p->route, p->ifindexes[end], &forwards);

		if (result != 0)
			return bh_error_set(err, result, "a port of the self-test went: %s",
					    strerror(-result));
	}
	return forwards ? 0
			: bh_error_set(err, -EAGAIN,
				       "bridge %s does not let the self-test's ports forward: "
				       "somebody else decides which ports do (bridge link)",
				       p->link.ifname);
}
