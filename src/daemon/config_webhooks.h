/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where exports go to over HTTP. Internal to the configuration, but for bh_config_url_text(). */
#ifndef BH_CONFIG_WEBHOOKS_H
#define BH_CONFIG_WEBHOOKS_H

#include "bulkhead/error.h"
#include "config.h"
#include "yaml_tree.h"

/* Reads the list into *webhooks, whatever that had. 0; or -EINVAL and *err. */
int bh_config_read_webhooks(struct bh_config_webhooks *webhooks, const struct bh_yaml *list,
			    const char *file, struct bh_error *err);

/* "http://HOST…", "https://HOST…", before /v1/logs; or "off", which is "". False: it is none of
 * them. */
bool bh_config_read_otlp(const char *text, char out[BH_CONFIG_TEXT]);

#define BH_URL_TEXT BH_CONFIG_TEXT
/* The address as far as it may be told: "https://HOST:PORT", for paths of webhooks are as good as
 * passwords. Returns out. */
char *bh_config_url_text(const char *url, char out[BH_URL_TEXT]);

#endif
