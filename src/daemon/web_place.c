/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "web_place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static bool parse_path(const char *text, const char *run_directory, struct bh_web_place *place)
{
	struct sockaddr_un *address = (struct sockaddr_un *)(void *)&place->address;
	int length = *text == '/'
			     ? snprintf(address->sun_path, sizeof(address->sun_path), "%s", text)
			     : snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s",
					run_directory, text);

	address->sun_family = AF_UNIX;
	place->size = sizeof(*address);
	place->local = true;
	return length > 0 && (size_t)length < sizeof(address->sun_path);
}

static bool parse_port(const char *text, in_port_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number = strtoul(text, NULL, 10);

	*port = htons((uint16_t)number);
	return digits > 0 && digits <= 5 && text[digits] == '\0' && number >= 1 &&
	       number <= UINT16_MAX;
}

static bool parse_four(const char *host, const char *port, struct bh_web_place *place)
{
	struct sockaddr_in *address = (struct sockaddr_in *)(void *)&place->address;

	address->sin_family = AF_INET;
	place->size = sizeof(*address);
	if (inet_pton(AF_INET, host, &address->sin_addr) != 1)
		return false;
	place->local = ntohl(address->sin_addr.s_addr) >> 24 == 127;
	return parse_port(port, &address->sin_port);
}

static bool parse_six(const char *host, const char *port, struct bh_web_place *place)
{
	struct sockaddr_in6 *address = (struct sockaddr_in6 *)(void *)&place->address;

	address->sin6_family = AF_INET6;
	place->size = sizeof(*address);
	if (inet_pton(AF_INET6, host, &address->sin6_addr) != 1)
		return false;
	place->local = IN6_IS_ADDR_LOOPBACK(&address->sin6_addr);
	return parse_port(port, &address->sin6_port);
}

static bool parse_address(const char *text, struct bh_web_place *place)
{
	const char *from = *text == '[' ? text + 1 : text;
	const char *end = *text == '[' ? strstr(text, "]:") : strchr(text, ':');
	char host[INET6_ADDRSTRLEN];

	if (end == NULL || (size_t)(end - from) >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(end - from), from);
	return *text == '[' ? parse_six(host, end + 2, place) : parse_four(host, end + 1, place);
}

bool bh_web_place_parse(const char *text, const char *run_directory, struct bh_web_place *place)
{
	*place = (struct bh_web_place) { 0 };
	if (*text == '\0')
		return false;
	if (*text == '/' || (strchr(text, '/') == NULL && strchr(text, ':') == NULL))
		return parse_path(text, run_directory, place);
	return parse_address(text, place);
}
