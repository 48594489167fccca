/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an intruder in a web replica would do. It holds root in its container and nothing else:
 * every packet leaves through a socket of the intruder's namespace. To know what became of a
 * packet that no answer comes back for, the attack looks through the victim's eyes as well –
 * sockets, neighbour table and routes of the victim's namespace – and puts right what it broke.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "intruder.h"

void bh_lab_tell(struct bh_lab_intruder *intruder, bool got_through, const char *name,
		 const char *format, ...)
{
	struct bh_lab_attempt attempt = { .name = name, .got_through = got_through };
	va_list args;

	va_start(args, format);
	vsnprintf(attempt.detail, sizeof(attempt.detail), format, args);
	va_end(args);
	intruder->through += got_through;
	intruder->attempt(intruder->user, &attempt);
}

const char *bh_lab_family_name(enum bh_family family)
{
	return family == BH_IPV4 ? "IPv4" : "IPv6";
}

static int (*const over_both[])(struct bh_lab_intruder *, enum bh_family, struct bh_error *) = {
	bh_lab_scan_tcp, bh_lab_scan_udp,    bh_lab_scan_ping,	   bh_lab_reach_database,
	bh_lab_call_out, bh_lab_send_tagged, bh_lab_spoof_address, bh_lab_spoof_both,
};

static int (*const over_one[])(struct bh_lab_intruder *, struct bh_error *) = {
	bh_lab_reach_link_local,
	bh_lab_poison_arp,
	bh_lab_poison_nd,
	bh_lab_false_router,
};

static int run(struct bh_lab_intruder *intruder, struct bh_error *err)
{
	int result = 0;

	for (size_t i = 0; i < sizeof(over_both) / sizeof(over_both[0]) && result == 0; i++) {
		result = over_both[i](intruder, BH_IPV4, err);
		if (result == 0)
			result = over_both[i](intruder, BH_IPV6, err);
	}
	for (size_t i = 0; i < sizeof(over_one) / sizeof(over_one[0]) && result == 0; i++)
		result = over_one[i](intruder, err);
	return result;
}

int bh_lab_attack(void (*attempt)(void *user, const struct bh_lab_attempt *attempt), void *user,
		  struct bh_error *err)
{
	struct bh_lab_intruder intruder = { .attempt = attempt,
					    .user = user,
					    .host = bh_lab_host_named(BH_LAB_INTRUDER) };

	if (!bh_lab_is_up())
		return bh_error_set(err, -ENOENT, "the lab is not up; `bulkhead lab up` builds it");
	int result = bh_lab_link_read(intruder.host->name, BH_LAB_INNER, &intruder.link, err);

	if (result == 0)
		result = run(&intruder, err);
	return result < 0 ? result : intruder.through;
}
