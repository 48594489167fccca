/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration's section web. Internal to the configuration. */
#ifndef BH_CONFIG_WEB_H
#define BH_CONFIG_WEB_H

#include "bulkhead/error.h"
#include "config.h"
#include "yaml_tree.h"

/* Once the whole document is read: 0; or -EINVAL and *err, which says where in root it stands, of a
 * place that is none, or that other hosts reach and that has no certificate. */
int bh_config_check_web(const struct bh_config *config, const struct bh_yaml *root,
			const char *file, struct bh_error *err);

#endif
