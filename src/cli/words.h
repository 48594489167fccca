/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command table's own small language, in which it says what may stand somewhere: "up|down" one
 * of these words, "WORKLOAD|all" a word or anything, "N" or "NUMBER" a number, "FILE" and its like
 * a file. Checking, help, man page and completion read it alike. */
#ifndef BH_WORDS_H
#define BH_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define BH_WORD 40
#define BH_MOST_WORDS 8

/* The fixed words of a specification, each a NUL-terminated copy; returns how many. */
size_t bh_words_of(const char *spec, char words[BH_MOST_WORDS][BH_WORD]);

bool bh_words_are_closed(const char *spec); /* nothing but the fixed words may stand there */
bool bh_words_name_a_file(const char *spec);

/* NULL where value may stand there; else what may, in words ("learn, audit, stage1 or enforce"). */
const char *bh_words_object(const char *spec, const char *value, char *out, size_t size);

/* The fixed word that was probably meant, in one of words; NULL: none is near. */
const char *bh_words_nearest(const char *value, char words[BH_MOST_WORDS][BH_WORD], size_t count);

/* The specification of a command's argument number `at`, without brackets, from "SRC DST [PORT]".
 * False where there is none. */
bool bh_words_argument(const char *arguments, size_t at, char *out, size_t size);

#endif
