/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way to one destination of exports, by datagrams (UDP, or a unix socket) or a connection
 * (TCP): it is looked up and connected to, again and again where that fails, and takes message
 * after message as fast as it may. Nothing here waits, and nothing is sent twice.
 *
 * Over TCP, what the other side had not acknowledged when the connection broke counts as lost; what
 * it acknowledged and nobody read there is not known. Over UDP nobody knows what arrives: what
 * counts is what was refused, or could not be sent.
 */
#ifndef BH_CORE_EXPORT_LINK_H
#define BH_CORE_EXPORT_LINK_H

#include "core.h"
#include "queue.h"

struct bh_export_link;

struct bh_export_link_user {
	const char *kind; /* "ipfix" */
	enum bh_loss_kind loss;
	const char *what; /* of which events tell: "flows" */
	void *user;
	void (*begin)(void *user); /* what follows goes to somebody who got nothing yet; or NULL */
	/* The next message becomes *out, which is empty, and *sum what is in it. False: there is
	 * none. */
	bool (*next)(void *user, struct bh_buffer *out, struct bh_export_sum *sum);
	size_t (*waiting)(const void *user); /* records */
};

/* to: for as long as it lives. */
struct bh_export_link *bh_export_link_new(struct bh_core *core,
					  const struct bh_config_collector *to,
					  const struct bh_export_link_user *user);
/* There is something to send. */
void bh_export_link_pump(struct bh_export_link *link);
void bh_export_link_tick(struct bh_export_link *link, int64_t now); /* monotonic */
/* What had no room in the user's queue. */
void bh_export_link_lose(struct bh_export_link *link, const struct bh_export_sum *sum);
const struct bh_export_totals *bh_export_link_totals(const struct bh_export_link *link);
/* Whether nothing is left to do that could be done. */
bool bh_export_link_is_done(const struct bh_export_link *link);
/* What was handed to the kernel is still sent. The loop is run once more to free it. */
void bh_export_link_free(struct bh_export_link *link);
cJSON *bh_export_link_json(const struct bh_export_link *link);
/* Appends a sentence if it takes nothing. */
void bh_export_link_say(const struct bh_export_link *link, cJSON *list);

#endif
