/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shell patterns, as fnmatch(3) reads them without flags. */
#ifndef BH_PATTERN_H
#define BH_PATTERN_H

/* NULL, or what a pattern has to be like and is not: a slip that fnmatch() takes without a word,
 * and that then matches nothing that anybody meant. */
const char *bh_pattern_fault(const char *pattern);

#endif
