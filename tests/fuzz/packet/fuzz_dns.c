/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One DNS message. Whatever is read from it must be fit to be printed and kept. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_printable(const char *name)
{
	size_t length = strnlen(name, BH_DNS_NAME);

	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || (name[i] >= 'A' && name[i] <= 'Z'))
			return false;
	return length > 0 && length < BH_DNS_NAME;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_dns_message message;

	if (!bh_dns_read(data, size, &message))
		return 0;
	if (message.question_count == 0 || message.question_count > BH_DNS_QUESTIONS ||
	    message.address_count > BH_DNS_ADDRESSES ||
	    (message.address_count > 0 && !message.response))
		abort();
	for (size_t i = 0; i < message.question_count; i++)
		if (!is_printable(message.questions[i].name))
			abort();
	for (size_t i = 0; i < message.address_count; i++)
		if (message.addresses[i].question >= message.question_count ||
		    message.addresses[i].ttl > INT32_MAX ||
		    (message.addresses[i].addr.family != BH_IPV4 &&
		     message.addresses[i].addr.family != BH_IPV6))
			abort();
	return 0;
}
