/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "grow.h"
#include "model.h"
#include "netlink.h"
#include "probe_parts.h"
#include "probe_route.h"

#define TUN "/dev/net/tun"

static const char *const names[BH_PROBE_ENDS] = { BH_PROBE_SENDER, BH_PROBE_RECEIVER };

/* Local and high: of its ports' MACs a bridge takes the lowest. */
const struct bh_mac bh_probe_own_macs[BH_PROBE_ENDS] = {
	{ { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf0 } }, { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf1 } }
};
const struct bh_mac bh_probe_macs[BH_PROBE_ENDS] = { { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf2 } },
						     { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf3 } } };

bool bh_probe_is_port(const char *ifname)
{
	return strcmp(ifname, BH_PROBE_SENDER) == 0 || strcmp(ifname, BH_PROBE_RECEIVER) == 0;
}

/* --- making and ending it --------------------------------------------------------------------- */

static int refuse_tun(struct bh_error *err, int error)
{
	bool absent = error == ENOENT || error == ENODEV || error == ENXIO;

	return bh_error_set(
		err, -error, "the self-test makes its ports by " TUN ", which %s (%s): %s",
		absent ? "is not there" : "cannot be opened", strerror(error),
		absent ? "modprobe tun; where bulkhead runs in a container, --device " TUN
		       : "DeviceAllow=" TUN " rw in a systemd unit, --device " TUN
			 " for a container");
}

static int make_device(struct bh_probe *p, size_t end, struct bh_error *err)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL) };

	p->fds[end] = open(TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (p->fds[end] < 0)
		return refuse_tun(err, errno);
	bh_copy_text(request.ifr_name, sizeof(request.ifr_name), names[end]);
	if (ioctl(p->fds[end], TUNSETIFF, &request) != 0)
		return bh_error_set(err, -errno, "the self-test cannot make its port %s: %s%s",
				    names[end], strerror(errno),
				    errno == EBUSY ? " (another self-test runs, or somebody has an "
						     "interface of that name)"
						   : "");
	p->ifindexes[end] = if_nametoindex(names[end]);
	return p->ifindexes[end] != 0
		       ? 0
		       : bh_error_set(err, -errno, "%s: %s", names[end], strerror(errno));
}

int bh_probe_make_end(struct bh_probe *p, size_t end, uint32_t mtu, struct bh_error *err)
{
	int result = make_device(p, end, err);

	if (result != 0)
		return result;
	result = bh_probe_link_prepare(p->route, p->ifindexes[end], &bh_probe_own_macs[end], mtu);
	return result == 0
		       ? 0
		       : bh_error_set(err, result, "the self-test's port %s cannot be set up: %s",
				      names[end], strerror(-result));
}

int bh_probe_fill_frame(struct bh_probe_frame *frame, const struct bh_mac *from,
			const struct bh_mac *to, const struct bh_addr *src,
			const struct bh_addr *dst, struct bh_error *err)
{
	uint8_t nonce[BH_PROBE_NONCE];

	if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return bh_error_set(err, -EIO, "no random bytes: %s", strerror(errno));
	bh_probe_frame_make(frame, from, to, src, dst, nonce);
	return 0;
}

int bh_probe_count_before(struct bh_probe *p, struct bh_error *err)
{
	int result = 0;

	for (size_t i = 0; i < p->way_count && result == 0; i++)
		result = bh_probe_count(p->family, BH_NFT_TABLE, p->ways[i].chain,
					&p->ways[i].before, err);
	return result;
}

struct bh_probe *bh_probe_new(struct bh_error *err)
{
	struct bh_probe *p = bh_calloc(1, sizeof(*p));

	for (size_t end = 0; end < BH_PROBE_ENDS; end++)
		p->fds[end] = -1;
	p->route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (p->route != NULL && mnl_socket_bind(p->route, 0, MNL_SOCKET_AUTOPID) == 0)
		return p;
	bh_error_set(err, -errno, "netlink socket: %s", strerror(errno));
	bh_probe_close(p);
	return NULL;
}

void bh_probe_close(struct bh_probe *p)
{
	if (p == NULL)
		return;
	if (p->catcher != NULL && p->ifindex != 0)
		bh_probe_route_remove_inside(p->route);
	for (size_t end = 0; end < BH_PROBE_ENDS; end++)
		if (p->fds[end] >= 0)
			close(p->fds[end]);
	bh_netlink_close(p->catcher);
	if (p->route != NULL)
		mnl_socket_close(p->route);
	free(p);
}

int bh_probe_fd(const struct bh_probe *p)
{
	return p->fds[1];
}

void bh_probe_ifindexes(const struct bh_probe *p, uint32_t ifindexes[2])
{
	memcpy(ifindexes, p->ifindexes, sizeof(p->ifindexes));
}

/* --- packets ---------------------------------------------------------------------------------- */

static int send_kind(const struct bh_probe *p, uint8_t kind, struct bh_error *err)
{
	for (const struct bh_probe_way *way = p->ways; way < p->ways + p->way_count; way++)
		for (size_t six = 0; six < 2; six++) {
			const struct bh_probe_frame *frame = &way->frames[six][kind];

			if (!p->off[six] &&
			    write(p->fds[way->from], frame->bytes, frame->length) < 0)
				return bh_error_set(err, -errno, "%s: %s", names[way->from],
						    strerror(errno));
		}
	return 0;
}

int bh_probe_send(struct bh_probe *p, struct bh_error *err)
{
	int result = p->catcher != NULL ? 0 : bh_probe_bridge_is_ready(p, err);

	if (result == 0)
		result = send_kind(p, BH_PROBE_DENIED, err);
	return result == 0 ? send_kind(p, BH_PROBE_PASSES, err) : result;
}

static void take_arrived(struct bh_probe_way *way, const uint8_t *bytes, size_t length)
{
	for (size_t six = 0; six < 2; six++)
		for (size_t kind = 0; kind < BH_PROBE_KINDS; kind++)
			if (bh_probe_frame_is(&way->frames[six][kind], bytes, length))
				way->arrived[six][kind] = true;
}

static bool has_arrived(const struct bh_probe *p, size_t way)
{
	bool all = true;

	for (size_t six = 0; six < 2; six++)
		all = all && (p->off[six] || p->ways[way].arrived[six][BH_PROBE_PASSES]);
	return all;
}

bool bh_probe_read(struct bh_probe *p)
{
	uint8_t bytes[2048];
	ssize_t got;

	while ((got = read(p->fds[1], bytes, sizeof(bytes))) > 0)
		take_arrived(&p->ways[BH_PROOF_SENT], bytes, (size_t)got);
	if (!has_arrived(p, BH_PROOF_SENT))
		return false;
	return p->catcher == NULL ||
	       (bh_probe_routed_look(p, NULL) == 0 && has_arrived(p, BH_PROOF_RECEIVED));
}

/* --- what became of it ------------------------------------------------------------------------ */

static int see_way(const struct bh_probe *p, const struct bh_probe_way *way,
		   struct bh_probe_seen seen[2], struct bh_error *err)
{
	const uint64_t *before = way->before.packets;
	struct bh_probe_counts after;
	int result = bh_probe_count(p->family, BH_NFT_TABLE, way->chain, &after, err);

	if (result != 0)
		return result;
	for (size_t i = 0; i < BH_PROBE_COUNTERS; i++)
		if (after.packets[i] < before[i])
			return bh_error_set(err, -EAGAIN,
					    "the rules were made anew while they were tested; that "
					    "is tested again within a minute");
	for (size_t six = 0; six < 2; six++)
		seen[six] = (struct bh_probe_seen) {
			.off = p->off[six],
			.pass_counted = after.packets[six] > before[six],
			.pass_arrived = way->arrived[six][BH_PROBE_PASSES],
			.deny_counted = after.packets[2 + six] > before[2 + six],
			.deny_arrived = way->arrived[six][BH_PROBE_DENIED]
		};
	return 0;
}

int bh_probe_result(struct bh_probe *p, struct bh_probe_seen seen[BH_PROOF_WAYS][2],
		    struct bh_error *err)
{
	int result = p->catcher != NULL ? bh_probe_routed_look(p, err) : 0;

	for (size_t i = 0; i < BH_PROOF_WAYS && result == 0; i++)
		if (i < p->way_count)
			result = see_way(p, &p->ways[i], seen[i], err);
		else
			seen[i][0] = seen[i][1] = (struct bh_probe_seen) { .off = true };
	return result;
}

enum bh_proof_state bh_probe_judge(const struct bh_probe_seen *seen, size_t count)
{
	enum bh_proof_state state = BH_PROOF_PROVED;

	for (size_t i = 0; i < count; i++) {
		if (seen[i].off)
			continue;
		if (seen[i].deny_arrived)
			return BH_PROOF_BYPASSED;
		if (!seen[i].pass_arrived || !seen[i].deny_counted)
			state = BH_PROOF_STOPPED;
	}
	return state;
}
