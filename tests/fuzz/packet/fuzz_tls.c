/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One TCP payload. A name that is read from it is fit to be printed, and stands in it; what is cut
 * off behind makes no other name of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_host_name(const char *name)
{
	size_t length = strnlen(name, BH_DNS_NAME);

	return length > 0 && length < BH_DNS_NAME && name[0] != '.' && name[length - 1] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}

static bool stands_in(const char *name, const uint8_t *data, size_t size)
{
	size_t length = strlen(name);

	for (size_t at = 0; at + length <= size; at++)
		if (strncasecmp(name, (const char *)data + at, length) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[BH_DNS_NAME], shorter[BH_DNS_NAME];

	if (!bh_tls_read_name(data, size, name))
		return 0;
	if (!bh_tls_is_hello(data, size) || !is_host_name(name) || !stands_in(name, data, size))
		abort();
	for (size_t cut = 1; cut < size && cut < 600; cut++)
		if (bh_tls_read_name(data, size - cut, shorter) && strcmp(name, shorter) != 0)
			abort();
	return 0;
}
