/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BH_CLIENT_CURL_H
#define BH_CLIENT_CURL_H

#include <curl/curl.h>

#include "client.h"

/* A request as libcurl carries it out, for who waits for several at a time; its query is freed. */
CURL *bh_client_prepare(const struct bh_call *call, struct bh_request *request);

#endif
