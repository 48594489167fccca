/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every reader of a YAML tree says of what is wrong in it: "FILE:LINE:COLUMN: found …,
 * expected …; did you mean …?" */
#ifndef BH_YAML_EXPECT_H
#define BH_YAML_EXPECT_H

#include <stdbool.h>

#include "yaml_tree.h"

/* Where the messages go. */
struct bh_yaml_reader {
	const char *file;
	struct bh_error *err;
};

/* near: what was probably meant, or NULL. Always -EINVAL. */
int bh_yaml_refuse(const struct bh_yaml_reader *reader, const struct bh_yaml *at, const char *found,
		   const char *expected, const char *near);

/* Of a value; what: the key that it belongs to. */
int bh_yaml_refuse_value(const struct bh_yaml_reader *reader, const struct bh_yaml *value,
			 const char *what, const char *expected, const char *near);

/* 0: the map has no key but these. expected: them, in words. */
int bh_yaml_check_keys(const struct bh_yaml_reader *reader, const struct bh_yaml *map,
		       const char *const *keys, size_t count, const char *expected);

/* YAML's ways to say that there is no value: nothing, ~ and null. A list or a map is something. */
bool bh_yaml_is_nothing(const struct bh_yaml *node);

#endif
