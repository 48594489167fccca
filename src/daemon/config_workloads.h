/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration's rules about workloads. Internal to the configuration. */
#ifndef BH_CONFIG_WORKLOADS_H
#define BH_CONFIG_WORKLOADS_H

#include <stdbool.h>

#include "bulkhead/error.h"
#include "grouping.h"
#include "yaml_tree.h"

/* "file:line:column: path: found X, expected Y"; -EINVAL. */
int bh_config_refuse(struct bh_error *err, const char *file, const struct bh_yaml *node,
		     const char *path, const char *expected);

/* The same without what was found, which may be as good as a password. */
int bh_config_refuse_secret(struct bh_error *err, const char *file, const struct bh_yaml *node,
			    const char *path, const char *expected);

/* "off", or false, which is YAML's own word for it. */
bool bh_config_is_off(const char *text);

/* Reads the list into *grouping, whatever that was. 0; or -EINVAL and *err. */
int bh_config_read_workloads(struct bh_grouping *grouping, const struct bh_yaml *list,
			     const char *file, struct bh_error *err);

#endif
