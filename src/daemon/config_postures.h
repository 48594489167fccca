/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration's postures. Internal to the configuration. */
#ifndef BH_CONFIG_POSTURES_H
#define BH_CONFIG_POSTURES_H

#include "bulkhead/error.h"
#include "config.h"
#include "yaml_tree.h"

/* Reads the list into *postures, whatever that was. 0; or -EINVAL and *err. */
int bh_config_read_postures(struct bh_config_postures *postures, const struct bh_yaml *list,
			    const char *file, struct bh_error *err);

/* Once the whole document is read: 0; or -EINVAL and *err, which says where in root it stands, of a
 * pattern that nothing can be called by, whatever comes. */
int bh_config_check_postures(const struct bh_config *config, const struct bh_yaml *root,
			     const char *file, struct bh_error *err);

#endif
