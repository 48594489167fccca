/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where exports go to. Internal to the configuration. */
#ifndef BH_CONFIG_EXPORTS_H
#define BH_CONFIG_EXPORTS_H

#include "bulkhead/error.h"
#include "config.h"
#include "yaml_tree.h"

/* Reads the list into *ipfix, whatever that had. 0; or -EINVAL and *err. */
int bh_config_read_collectors(struct bh_config_ipfix *ipfix, const struct bh_yaml *list,
			      const char *file, struct bh_error *err);

/* "unix:///dev/log", "udp://HOST:PORT", "tcp://HOST:PORT" or "off". False: it is none of them. */
bool bh_config_read_syslog(const char *text, struct bh_config_collector *to);

/* False: the list has something that is no kind of events, or too much. */
bool bh_config_read_kinds(const struct bh_yaml *list, struct bh_config_log *log);

#define BH_COLLECTOR_TEXT (BH_CONFIG_HOST + 32)
/* "udp://192.0.2.1:4739"; returns out. */
char *bh_config_collector_text(const struct bh_config_collector *collector,
			       char out[BH_COLLECTOR_TEXT]);

#endif
