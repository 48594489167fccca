/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decimal digits by hand: numbers and times stand in every flow that is printed, and printf's price
 * shows where millions are. */
#ifndef BH_DIGITS_H
#define BH_DIGITS_H

#include <stdint.h>
#include <string.h>

/* Writes number so that it ends before end, with zeros in front up to least digits; answers where
 * it begins. The caller has room for max(least, 20) bytes. */
static inline char *bh_digits(char *end, uint64_t number, int least)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char *at = end;

	for (; number >= 100; number /= 100)
		at = memcpy(at - 2, pairs + number % 100 * 2, 2);
	if (number >= 10)
		at = memcpy(at - 2, pairs + number * 2, 2);
	else
		*--at = (char)('0' + number);
	while (end - at < least)
		*--at = '0';
	return at;
}

static inline int bh_count_digits(uint64_t number)
{
	static const uint64_t least[] = { /* number of one digit more */
					  0,
					  UINT64_C(10),
					  UINT64_C(100),
					  UINT64_C(1000),
					  UINT64_C(10000),
					  UINT64_C(100000),
					  UINT64_C(1000000),
					  UINT64_C(10000000),
					  UINT64_C(100000000),
					  UINT64_C(1000000000),
					  UINT64_C(10000000000),
					  UINT64_C(100000000000),
					  UINT64_C(1000000000000),
					  UINT64_C(10000000000000),
					  UINT64_C(100000000000000),
					  UINT64_C(1000000000000000),
					  UINT64_C(10000000000000000),
					  UINT64_C(100000000000000000),
					  UINT64_C(1000000000000000000),
					  UINT64_C(10000000000000000000)
	};
	int bits = 64 - __builtin_clzll(number | 1);
	int digits = bits * 1233 >> 12; /* 1233 / 4096 is the logarithm of 2, nearly */

	return digits + (number >= least[digits]);
}

/* Writes number at `at`, where there is room for 20 bytes; answers where it ends. */
static inline char *bh_put_number(char *at, uint64_t number)
{
	int digits = bh_count_digits(number);

	bh_digits(at + digits, number, 1);
	return at + digits;
}

#endif
