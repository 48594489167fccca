/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command prints, caught: these tests hold the program to its words. */
#ifndef BH_TEST_PRINTED_H
#define BH_TEST_PRINTED_H

#include <stdio.h>

/* From here on what goes to stream (stdout, stderr) is caught; one stream at a time. */
void catch_output(FILE *stream);
/* What was caught, which the caller frees; the stream goes where it went before. */
char *caught_output(void);

#endif
