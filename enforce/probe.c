/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "grow.h"
#include "probe_counts.h"
#include "probe_frame.h"
#include "probe_link.h"

#define TUN "/dev/net/tun"
#define KINDS 2 /* of each family: that passes, that is denied */
#define ENDS 2

static const char *const names[ENDS] = { BH_PROBE_SENDER, BH_PROBE_RECEIVER };

/* Local and high: of its ports' MACs a bridge takes the lowest. The ports' own, and behind them
 * those that send and receive: a frame to a port's own MAC would be the host's. */
static const struct bh_mac port_macs[ENDS] = { { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf0 } },
					       { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf1 } } };
static const struct bh_mac macs[ENDS] = { { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf2 } },
					  { { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xf3 } } };

struct bh_probe {
	struct bh_probe_bridge bridge;
	uint8_t family; /* of the table that judges */
	struct mnl_socket *route;
	int fds[ENDS];
	uint32_t ifindexes[ENDS];
	struct bh_probe_frame frames[2][KINDS]; /* by family and kind */
	bool arrived[2][KINDS];
	struct bh_probe_counts before;
};

bool bh_probe_is_port(const char *ifname)
{
	return strcmp(ifname, BH_PROBE_SENDER) == 0 || strcmp(ifname, BH_PROBE_RECEIVER) == 0;
}

/* --- making the ports ------------------------------------------------------------------------- */

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

static int join(struct bh_probe *p, size_t end, uint32_t bridge, struct bh_error *err)
{
	uint32_t ifindex = p->ifindexes[end];
	int result = bh_probe_link_enslave(p->route, ifindex, bridge);

	if (result == 0)
		result = bh_probe_link_silence(p->route, ifindex);
	if (result == 0)
		result = bh_probe_link_up(p->route, ifindex);
	if (result == 0 && end == 1)
		result = bh_probe_link_add_mac(p->route, ifindex, &macs[end]);
	if (result == -EXFULL)
		return bh_error_set(err, result,
				    "bridge %s has as many ports as it may have (1024): the "
				    "self-test needs two",
				    p->bridge.ifname);
	return result == 0 ? 0
			   : bh_error_set(err, result,
					  "bridge %s does not take the self-test's port: %s",
					  p->bridge.ifname, strerror(-result));
}

static int add_port(struct bh_probe *p, size_t end, uint32_t bridge, struct bh_error *err)
{
	int result = make_device(p, end, err);

	if (result != 0)
		return result;
	result = bh_probe_link_prepare(p->route, p->ifindexes[end], &port_macs[end], p->bridge.mtu);
	if (result != 0)
		return bh_error_set(err, result, "the self-test's port %s cannot be set up: %s",
				    names[end], strerror(-result));
	return join(p, end, bridge, err);
}

static int check_bridge(struct bh_probe *p, uint32_t bridge, struct bh_error *err)
{
	int result = bh_probe_link_bridge(p->route, bridge, &p->bridge);

	if (result != 0)
		return bh_error_set(err, result, "the bridge cannot be looked at: %s",
				    strerror(-result));
	if (!p->bridge.bridge || !p->bridge.up)
		return bh_error_set(err, -ENETDOWN, "%s is %s", p->bridge.ifname,
				    p->bridge.bridge ? "down" : "no bridge");
	/* A port that comes would wait for half a minute, and have the whole tree learn anew. */
	if (p->bridge.stp)
		return bh_error_set(err, -EOPNOTSUPP,
				    "bridge %s takes part in a spanning tree, which the self-test "
				    "does not disturb; containers need none: ip link set %s type "
				    "bridge stp_state 0",
				    p->bridge.ifname, p->bridge.ifname);
	return 0;
}

static int make_frames(struct bh_probe *p, struct bh_error *err)
{
	uint8_t nonce[BH_PROBE_NONCE];

	for (size_t six = 0; six < 2; six++)
		for (size_t denied = 0; denied < KINDS; denied++) {
			if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
				return bh_error_set(err, -EIO, "no random bytes: %s",
						    strerror(errno));
			bh_probe_frame_make(&p->frames[six][denied], &macs[0], &macs[1], six != 0,
					    denied != 0, nonce);
		}
	return 0;
}

static int open_ports(struct bh_probe *p, uint32_t bridge, struct bh_error *err)
{
	p->route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (p->route == NULL || mnl_socket_bind(p->route, 0, MNL_SOCKET_AUTOPID) != 0)
		return bh_error_set(err, -errno, "netlink socket: %s", strerror(errno));
	int result = check_bridge(p, bridge, err);
	if (result == 0)
		result = make_frames(p, err);
	if (result == 0)
		result = bh_probe_count(p->family, &p->before, err);
	for (size_t end = 0; end < ENDS && result == 0; end++)
		result = add_port(p, end, bridge, err);
	return result;
}

struct bh_probe *bh_probe_open(uint32_t bridge, bool stateless, struct bh_error *err)
{
	struct bh_probe *p = bh_calloc(1, sizeof(*p));

	p->family = stateless ? NFPROTO_BRIDGE : NFPROTO_INET;
	p->fds[0] = p->fds[1] = -1;
	if (open_ports(p, bridge, err) == 0)
		return p;
	bh_probe_close(p);
	return NULL;
}

void bh_probe_close(struct bh_probe *p)
{
	if (p == NULL)
		return;
	for (size_t end = 0; end < ENDS; end++)
		if (p->fds[end] >= 0)
			close(p->fds[end]);
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

static int check_forwards(const struct bh_probe *p, struct bh_error *err)
{
	bool forwards = true;

	for (size_t end = 0; end < ENDS && forwards; end++) {
		int result = bh_probe_link_forwards(p->route, p->ifindexes[end], &forwards);

		if (result != 0)
			return bh_error_set(err, result, "the self-test's port %s went: %s",
					    names[end], strerror(-result));
	}
	return forwards ? 0
			: bh_error_set(err, -EAGAIN,
				       "bridge %s does not let the self-test's ports forward: "
				       "somebody else decides which ports do (bridge link)",
				       p->bridge.ifname);
}

int bh_probe_send(struct bh_probe *p, struct bh_error *err)
{
	int result = check_forwards(p, err);

	for (int denied = KINDS - 1; denied >= 0 && result == 0; denied--)
		for (size_t six = 0; six < 2 && result == 0; six++) {
			const struct bh_probe_frame *frame = &p->frames[six][denied];

			if (write(p->fds[0], frame->bytes, frame->length) < 0)
				result = bh_error_set(err, -errno, "%s: %s", names[0],
						      strerror(errno));
		}
	return result;
}

bool bh_probe_read(struct bh_probe *p)
{
	uint8_t bytes[2048];
	ssize_t got;

	while ((got = read(p->fds[1], bytes, sizeof(bytes))) > 0)
		for (size_t six = 0; six < 2; six++)
			for (size_t denied = 0; denied < KINDS; denied++)
				if (bh_probe_frame_is(&p->frames[six][denied], bytes, (size_t)got))
					p->arrived[six][denied] = true;
	return p->arrived[0][0] && p->arrived[1][0];
}

int bh_probe_result(struct bh_probe *p, struct bh_probe_seen seen[2], struct bh_error *err)
{
	struct bh_probe_counts after;
	int result = bh_probe_count(p->family, &after, err);

	if (result != 0)
		return result;
	for (size_t i = 0; i < sizeof(after.packets) / sizeof(after.packets[0]); i++)
		if (after.packets[i] < p->before.packets[i])
			return bh_error_set(err, -EAGAIN,
					    "the rules were made anew while they were tested; that "
					    "is tested again within a minute");
	for (size_t six = 0; six < 2; six++)
		seen[six] = (struct bh_probe_seen) {
			.pass_counted = after.packets[six] > p->before.packets[six],
			.pass_arrived = p->arrived[six][0],
			.deny_counted = after.packets[2 + six] > p->before.packets[2 + six],
			.deny_arrived = p->arrived[six][1]
		};
	return 0;
}

enum bh_proof_state bh_probe_judge(const struct bh_probe_seen seen[2])
{
	enum bh_proof_state state = BH_PROOF_PROVED;

	for (size_t six = 0; six < 2; six++) {
		if (seen[six].deny_arrived)
			return BH_PROOF_BYPASSED;
		if (!seen[six].pass_arrived || !seen[six].deny_counted)
			state = BH_PROOF_STOPPED;
	}
	return state;
}
