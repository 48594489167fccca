/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The web interface's files, as Vite made them, within the program: scripts/embed-web writes them.
 */
#ifndef BH_WEB_FILES_H
#define BH_WEB_FILES_H

#include "server.h"

extern const struct bh_api_file bh_web_files[]; /* ends with a NULL path */

#endif
