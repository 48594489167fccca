/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors travel as a negative errno plus this object, which says in words what happened, where,
 * and what to do. Callees fill it, callers add context going up, and the top logs it once.
 * Every function that takes one accepts NULL.
 */
#ifndef BULKHEAD_ERROR_H
#define BULKHEAD_ERROR_H

struct bh_error {
	int code; /* negative errno, 0: no error */
	char text[1024];
};

/* Sets code (a negative errno) and the text; returns code, so that a caller can write
 * `return bh_error_set(err, -EINVAL, …)`. */
int bh_error_set(struct bh_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that is there; returns the code that is there. */
int bh_error_wrap(struct bh_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
