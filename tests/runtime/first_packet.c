/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container's only program, whose first instructions are packets: one datagram to where it may
 * not speak, then a connection to where it may. Linked statically, it has no loader before it.
 *   first_packet FORBIDDEN ALLOWED PORT
 * Status 0: the allowed one was answered; 1: not.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 3000 /* ms */

static struct sockaddr_in address(const char *text, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

int main(int argc, char **argv)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	char answer;

	if (argc != 4)
		return 2;
	struct sockaddr_in forbidden = address(argv[1], argv[3]);
	sendto(udp, "x", 1, 0, (struct sockaddr *)&forbidden, sizeof(forbidden));
	struct sockaddr_in allowed = address(argv[2], argv[3]);
	if (connect(tcp, (struct sockaddr *)&allowed, sizeof(allowed)) != 0)
		return 1;
	struct pollfd poll_tcp = { .fd = tcp, .events = POLLIN };
	return poll(&poll_tcp, 1, PATIENCE) == 1 && read(tcp, &answer, 1) == 1 ? 0 : 1;
}
