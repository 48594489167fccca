/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `bulkhead daemon`, and the way out that needs none. */
#ifndef BH_DAEMON_H
#define BH_DAEMON_H

#include "bulkhead/error.h"

/* argv[0] is "daemon": [--config FILE] [--foreground]. Without --foreground it returns once the API
 * answers, and the daemon goes on in the background. Exit status as the CLI's. */
int bh_daemon_main(int argc, char **argv);

/* Break-glass: ends the daemon, removes both tables, puts the bridges' flags back. Needs root and
 * nothing else; works whatever state things are in. 0 or negative errno. */
int bh_daemon_panic(struct bh_error *err);

/* Where the configuration is looked for unless --config says otherwise; it need not exist. */
#define BH_CONFIG_FILE "/etc/bulkhead/bulkhead.yaml"

#endif
