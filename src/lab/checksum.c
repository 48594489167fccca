/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checksum.h"

uint32_t bh_lab_sum(uint32_t sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return sum;
}

uint16_t bh_lab_checksum(uint32_t sum, const void *data, size_t length)
{
	sum = bh_lab_sum(sum, data, length);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
