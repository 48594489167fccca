/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comments of a document, by line. Internal to this folder. */
#ifndef BH_POLICY_COMMENTS_H
#define BH_POLICY_COMMENTS_H

#include <stddef.h>

struct bh_comments;

/* text must outlive it. */
struct bh_comments *bh_comments_new(const char *text, size_t length);
void bh_comments_free(struct bh_comments *comments);

/* The comment that ends right above a line (counted from 1), blank lines between them aside; NULL:
 * none. The caller frees it. Blocks that blank lines part stay parted, by an empty line. */
char *bh_comment_above(const struct bh_comments *comments, size_t line);
/* The comment that the document begins with; NULL: none. */
char *bh_comment_at_top(const struct bh_comments *comments);

#endif
