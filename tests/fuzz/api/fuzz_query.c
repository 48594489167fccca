/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "query.h"
#include "timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number prints back to itself, zeros in front aside. */
static void check_number(const char *text)
{
	int64_t number = -1;
	char again[32];

	if (!bh_query_number(text, &number))
		return;
	snprintf(again, sizeof(again), "%lld", (long long)number);
	if (number < 0 || number > BH_QUERY_MOST ||
	    strcmp(again, text + (strlen(text) - strlen(again))) != 0)
		abort();
}

/* A port is read again from what is printed of it. */
static void check_port(const char *text)
{
	uint8_t proto = 0, proto_again = 0;
	uint16_t port = 0, port_again = 0;
	char printed[BH_PORT_TEXT];

	if (!bh_query_port(text, &proto, &port))
		return;
	bh_port_format(proto, port, printed);
	if (!bh_query_port(printed, &proto_again, &port_again) || proto != proto_again ||
	    port != port_again)
		abort();
}

/* What is after the epoch is read again from decimal seconds. */
static void check_time(const char *text)
{
	int64_t time = 0, again = 0;
	char printed[BH_TIME_TEXT];

	if (!bh_time_parse(text, &time) || time < 0)
		return;
	bh_time_seconds(time, printed);
	if (!bh_time_parse(printed, &again) || time != again)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	check_number(text);
	check_port(text);
	check_time(text);
	free(text);
	return 0;
}
