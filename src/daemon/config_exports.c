/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_exports.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_workloads.h"
#include "event_kinds.h"
#include "grow.h"
#include "ipfix.h"

#define PATH "exports.ipfix.collectors"

static const char *const schemes[BH_TRANSPORTS] = { "udp://", "tcp://", "unix://" };

static bool is_name(const char *host)
{
	return *host != '\0' &&
	       strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    ".-_") == strlen(host);
}

static bool is_ipv6(const char *host)
{
	struct in6_addr ignored;

	return inet_pton(AF_INET6, host, &ignored) == 1;
}

/* "" or ":PORT" */
static bool read_port(const char *text, uint16_t otherwise, uint16_t *port)
{
	char *end;

	*port = otherwise;
	if (*text == '\0')
		return true;
	if (*text != ':' || text[1] < '0' || text[1] > '9')
		return false;
	unsigned long number = strtoul(text + 1, &end, 10);
	*port = (uint16_t)number;
	return *end == '\0' && number > 0 && number <= UINT16_MAX;
}

/* "HOST", "HOST:PORT", "[IPV6]:PORT" */
static bool read_host(const char *text, uint16_t port, struct bh_config_collector *out)
{
	bool bracketed = *text == '[';
	const char *host = bracketed ? text + 1 : text;
	size_t length = strcspn(host, bracketed ? "]" : ":");
	const char *rest = host + length + (bracketed && host[length] == ']');

	if (length >= sizeof(out->host) || (bracketed && host[length] != ']'))
		return false;
	memcpy(out->host, host, length);
	out->host[length] = '\0';
	return (bracketed ? is_ipv6(out->host) : is_name(out->host)) &&
	       read_port(rest, port, &out->port);
}

/* What follows the scheme of that transport; NULL: it has another. */
static const char *after_scheme(const char *text, enum bh_transport transport)
{
	size_t length = strlen(schemes[transport]);

	return strncmp(text, schemes[transport], length) == 0 ? text + length : NULL;
}

static bool read_inet(const char *text, const uint16_t ports[2], struct bh_config_collector *out)
{
	for (out->transport = 0; out->transport <= BH_TRANSPORT_TCP; out->transport++) {
		const char *host = after_scheme(text, out->transport);

		if (host != NULL)
			return read_host(host, ports[out->transport], out);
	}
	return false;
}

static bool read_collector(const struct bh_yaml *node, struct bh_config_collector *out)
{
	static const uint16_t ports[] = { BH_IPFIX_PORT, BH_IPFIX_PORT };

	return node->kind == BH_YAML_SCALAR && read_inet(node->text, ports, out);
}

/* The ports of RFC 5426 and RFC 6587. */
bool bh_config_read_syslog(const char *text, struct bh_config_collector *to)
{
	static const uint16_t ports[] = { 514, 601 };
	const char *path = after_scheme(text, BH_TRANSPORT_UNIX);

	memset(to, 0, sizeof(*to));
	if (bh_config_is_off(text))
		return true;
	if (path == NULL)
		return read_inet(text, ports, to);
	to->transport = BH_TRANSPORT_UNIX;
	return path[0] == '/' && bh_copy_text(to->host, sizeof(to->host), path);
}

bool bh_config_read_kinds(const struct bh_yaml *list, struct bh_config_log *log)
{
	log->kind_count = 0;
	memset(log->kinds, 0, sizeof(log->kinds));
	if (list->kind != BH_YAML_LIST || list->count > BH_CONFIG_KINDS)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		const struct bh_yaml *item = &list->items[i];

		if (item->kind != BH_YAML_SCALAR || bh_event_kind_find(item->text) == NULL)
			return false;
		bh_copy_text(log->kinds[log->kind_count++], BH_CONFIG_KIND, item->text);
	}
	return true;
}

static bool is_there(const struct bh_config_ipfix *ipfix, const struct bh_config_collector *one)
{
	for (uint32_t i = 0; i < ipfix->collector_count; i++) {
		const struct bh_config_collector *other = &ipfix->collectors[i];

		if (other->transport == one->transport && other->port == one->port &&
		    strcmp(other->host, one->host) == 0)
			return true;
	}
	return false;
}

int bh_config_read_collectors(struct bh_config_ipfix *ipfix, const struct bh_yaml *list,
			      const char *file, struct bh_error *err)
{
	struct bh_config_collector one;
	char text[128];

	ipfix->collector_count = 0;
	memset(ipfix->collectors, 0, sizeof(ipfix->collectors));
	if (list->kind != BH_YAML_LIST || list->count > BH_CONFIG_COLLECTORS) {
		snprintf(text, sizeof(text), "a list of at most %d like udp://192.0.2.1:4739",
			 BH_CONFIG_COLLECTORS);
		return bh_config_refuse(err, file, list, PATH, text);
	}
	for (size_t i = 0; i < list->count; i++) {
		memset(&one, 0, sizeof(one));
		snprintf(text, sizeof(text), PATH "[%zu]", i);
		if (!read_collector(&list->items[i], &one))
			return bh_config_refuse(err, file, &list->items[i], text,
						"udp://HOST:PORT or tcp://HOST:PORT, an IPv6 "
						"address in brackets");
		if (is_there(ipfix, &one))
			return bh_config_refuse(err, file, &list->items[i], text,
						"each collector once");
		ipfix->collectors[ipfix->collector_count++] = one;
	}
	return 0;
}

char *bh_config_collector_text(const struct bh_config_collector *c, char out[BH_COLLECTOR_TEXT])
{
	if (c->transport == BH_TRANSPORT_UNIX)
		snprintf(out, BH_COLLECTOR_TEXT, "unix://%s", c->host);
	else
		snprintf(out, BH_COLLECTOR_TEXT,
			 strchr(c->host, ':') != NULL ? "%s[%s]:%u" : "%s%s:%u",
			 schemes[c->transport], c->host, c->port);
	return out;
}
