/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets on which core is called: the kernel process opens them, since it may. */
#ifndef BH_LISTEN_H
#define BH_LISTEN_H

#include "config.h"

struct bh_listening {
	int api;		 /* api.socket; −1: not open */
	int web[BH_CONFIG_LIST]; /* as many as web.listen has */
};

/* Before privileges are given up: a port below 1024 needs one. 0, or negative errno and *err. Who
 * calls bh_listen_close() has them closed and removed either way. */
int bh_listen_open(struct bh_listening *listening, const struct bh_config *config,
		   struct bh_error *err);
void bh_listen_close(struct bh_listening *listening, const struct bh_config *config);

#endif
