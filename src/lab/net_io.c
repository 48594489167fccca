/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net_io.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "address.h"
#include "checksum.h"
#include "cursor.h"
#include "grow.h"

socklen_t bh_lab_sockaddr(const struct bh_addr *addr, uint16_t port, uint32_t scope,
			  struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (addr->family == BH_IPV4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, addr->bytes, sizeof(in->sin_addr));
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	in6->sin6_scope_id = scope;
	memcpy(&in6->sin6_addr, addr->bytes, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

int bh_lab_domain(const struct bh_addr *addr)
{
	return addr->family == BH_IPV4 ? AF_INET : AF_INET6;
}

void bh_lab_limit(int fd, int milliseconds)
{
	struct timeval limit = { .tv_sec = milliseconds / 1000,
				 .tv_usec = milliseconds % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* connect() too */
}

int bh_lab_await(int fd, int milliseconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ready = poll(&p, 1, milliseconds);

	return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

int bh_lab_connect(int fd, const struct bh_addr *addr, uint16_t port, uint32_t scope,
		   int milliseconds)
{
	struct sockaddr_storage to;
	socklen_t length = bh_lab_sockaddr(addr, port, scope, &to);

	bh_lab_limit(fd, milliseconds);
	if (connect(fd, (struct sockaddr *)&to, length) == 0)
		return 0;
	return errno == EINPROGRESS || errno == EAGAIN ? -ETIMEDOUT : -errno;
}

int bh_lab_ask(int fd, const struct bh_addr *addr, uint16_t port, uint32_t scope, int milliseconds)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	BH_AUTO_CLOSE int mine = fd;
	char answer[512];
	size_t length = 0;
	ssize_t got = 1;
	int result = bh_lab_connect(mine, addr, port, scope, milliseconds);

	if (result < 0)
		return result;
	if (send(mine, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		return -errno;
	while (length < sizeof(answer) &&
	       (got = recv(mine, answer + length, sizeof(answer) - length, 0)) > 0)
		length += (size_t)got;
	if (got < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return memmem(answer, length, "ok", 2) != NULL ? 0 : -EPROTO;
}

int bh_lab_ask_datagram(int fd, const struct bh_addr *addr, uint16_t port, int milliseconds)
{
	static const char question[] = "where is the cart?";
	BH_AUTO_CLOSE int mine = fd;
	char answer[64];
	int result = bh_lab_connect(mine, addr, port, 0, milliseconds);

	if (result < 0)
		return result;
	if (send(mine, question, sizeof(question), 0) < 0 ||
	    recv(mine, answer, sizeof(answer), 0) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

int bh_lab_ping_send(int fd, const struct bh_addr *addr, uint16_t identifier, uint16_t sequence)
{
	/* Both families lay an echo out alike; only IPv4's sender fills in the checksum. */
	struct icmphdr echo = { .type = addr->family == BH_IPV4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
				.un.echo = { htons(identifier), htons(sequence) } };
	struct sockaddr_storage to;
	socklen_t length = bh_lab_sockaddr(addr, 0, 0, &to);

	if (addr->family == BH_IPV4)
		echo.checksum = htons(bh_lab_checksum(0, &echo, sizeof(echo)));
	if (sendto(fd, &echo, sizeof(echo), MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0)
		return -errno;
	return 0;
}

static struct bh_addr address_of(const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET)
		return bh_addr_from_bytes(BH_IPV4, &((const struct sockaddr_in *)from)->sin_addr);
	return bh_addr_from_bytes(BH_IPV6, &((const struct sockaddr_in6 *)from)->sin6_addr);
}

/* A raw IPv4 socket hands out the IP header as well. */
static bool skip_ip_header(struct bh_cursor *c)
{
	return c->left > 0 && bh_cursor_skip(c, (size_t)(c->at[0] & 15) * 4);
}

int bh_lab_ping_read(int fd, enum bh_family family, uint16_t identifier, struct bh_addr *from)
{
	uint8_t packet[512], type;
	uint16_t id, sequence;
	struct sockaddr_storage who;
	socklen_t length = sizeof(who);
	ssize_t got = recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&who,
			       &length);

	if (got < 0)
		return -errno;
	struct bh_cursor c = bh_cursor_over(packet, (size_t)got);

	if ((family == BH_IPV4 && !skip_ip_header(&c)) || !bh_cursor_u8(&c, &type) ||
	    !bh_cursor_skip(&c, 3) || !bh_cursor_u16(&c, &id) || !bh_cursor_u16(&c, &sequence))
		return -EAGAIN;
	if (type != (family == BH_IPV4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) || id != identifier)
		return -EAGAIN;
	*from = address_of(&who);
	return sequence;
}
