/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The internet checksum (RFC 1071). */
#ifndef BH_LAB_CHECKSUM_H
#define BH_LAB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* sum: 0, or what bh_lab_sum() gave for bytes in front; those must be even in number. */
uint32_t bh_lab_sum(uint32_t sum, const void *data, size_t length);
/* The value for the header, in host order. */
uint16_t bh_lab_checksum(uint32_t sum, const void *data, size_t length);

#endif
