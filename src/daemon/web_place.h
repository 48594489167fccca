/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the web interface is offered, as web.listen says it. */
#ifndef BH_WEB_PLACE_H
#define BH_WEB_PLACE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "config.h"

struct bh_web_place {
	struct sockaddr_storage address;
	socklen_t size;
	bool local; /* a unix socket, or a loopback address: nobody of another host gets there */
};

/* "/run/x.sock"; "web.sock", which is in the run directory; "127.0.0.1:7480", "[::1]:7480". False:
 * it is none of them, or longer than a socket's name may be. */
bool bh_web_place_parse(const char *text, const char *run_directory, struct bh_web_place *place);

#endif
