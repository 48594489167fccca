/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GETs to one server over TLS, by libcurl on an event loop: the Kubernetes API server. Its
 * certificate has to be one that the given authority vouches for; a bearer token goes with each
 * request, read anew from its file, since tokens are replaced while they are in use.
 */
#ifndef BH_HTTPS_H
#define BH_HTTPS_H

#include <stdint.h>
#include <uv.h>

struct bh_https;

/* What is answered: a head of one line, "HTTP/1.0 STATUS", and the body as it comes. */
struct bh_https_events {
	void *user;
	void (*data)(void *user, uint32_t request, const void *bytes, size_t length);
	/* error: as in struct bh_runtime_ops (runtime.h). Never called from within _get. */
	void (*end)(void *user, uint32_t request, int error);
};

/* server: "https://HOST[:PORT]"; ca, token: files. All of them are kept as they are. */
struct bh_https *bh_https_new(uv_loop_t *loop, const char *server, const char *ca,
			      const char *token, const struct bh_https_events *events);

/* path: "/…", with its query. accept: a media type. seconds: how long all of it may take. */
void bh_https_get(struct bh_https *https, uint32_t request, const char *path, const char *accept,
		  long seconds);

#endif
