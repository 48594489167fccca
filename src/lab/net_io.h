/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets with time limits, for the roles and the intruder alike. Times are in milliseconds. */
#ifndef BH_LAB_NET_IO_H
#define BH_LAB_NET_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bulkhead/address.h"

/* scope: the interface of a link-local address, else 0. Returns the length. */
socklen_t bh_lab_sockaddr(const struct bh_addr *addr, uint16_t port, uint32_t scope,
			  struct sockaddr_storage *out);
int bh_lab_domain(const struct bh_addr *addr); /* AF_INET or AF_INET6 */

/* Connects a TCP socket that exists already, and leaves it with the limit on every later read and
 * write. 0 or negative errno. */
int bh_lab_connect(int fd, const struct bh_addr *addr, uint16_t port, uint32_t scope,
		   int milliseconds);

/* Sends one line over a fresh connection and waits for the answer, which must be a line with "ok"
 * in it. Takes the descriptor. 0 or negative errno; -EPROTO: another answer. */
int bh_lab_ask(int fd, const struct bh_addr *addr, uint16_t port, uint32_t scope, int milliseconds);

/* The same with one datagram and one in answer. */
int bh_lab_ask_datagram(int fd, const struct bh_addr *addr, uint16_t port, int milliseconds);

void bh_lab_limit(int fd, int milliseconds);

/* Waits until something can be read; 0 or negative errno. */
int bh_lab_await(int fd, int milliseconds);

/* ICMP echo over a raw socket of the address's family. Answers with another identifier, and the
 * echo of a request to oneself, are not taken for one. */
int bh_lab_ping_send(int fd, const struct bh_addr *addr, uint16_t identifier, uint16_t sequence);
/* Returns the sequence number of an answer that was read, or negative errno; -EAGAIN: that was
 * something else. from: who answered. */
int bh_lab_ping_read(int fd, enum bh_family family, uint16_t identifier, struct bh_addr *from);

#endif
