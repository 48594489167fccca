/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way to one destination of exports over HTTP: one POST after the other, each again and again,
 * at growing intervals or when the other side asks for it (Retry-After), until it is taken,
 * refused, or a day old. What was sent when the connection broke may have arrived, and is sent
 * again.
 */
#ifndef BH_CORE_EXPORT_POST_H
#define BH_CORE_EXPORT_POST_H

#include <curl/curl.h>

#include "core.h"
#include "curl_loop.h"
#include "queue.h"

struct bh_export_post;

enum bh_post_answer {
	BH_POST_AWAY,	 /* later, as any other */
	BH_POST_AGAIN,	 /* later; it may be this one that is not liked */
	BH_POST_REFUSED, /* this one; others may be taken */
	BH_POST_GONE,	 /* nobody wants any more of them */
};

/* What is in a body; records 0: nothing. */
struct bh_post_batch {
	size_t records;
	size_t quiet; /* of these */
	int64_t time; /* monotonic: since when the oldest waits */
};

struct bh_export_post_user {
	const char *kind; /* "webhook" */
	const char *what; /* of which events tell: "events" */
	const char *url;
	uint32_t number;     /* which of several; 0: it is the only one */
	const char *ca;	     /* the authorities' file; "": the system's */
	const char *secrets; /* a file that sign() is given, read at each try; "": none */
	bool is_loss;	     /* what is lost is lost, and no newer tells the same */
	void *user;
	/* The next body is appended. */
	struct bh_post_batch (*next)(void *user, struct bh_buffer *body);
	/* Puts it behind the others; NULL: it is tried until it is too old. */
	void (*postpone)(void *user, const struct bh_buffer *body,
			 const struct bh_post_batch *batch);
	/* Of each try: adds headers. NULL; or what is wrong with the secrets, which are NULL where
	 * there is no file. */
	const char *(*sign)(void *user, const char *secrets, const struct bh_buffer *body,
			    struct curl_slist **headers);
	/* A status that is not 2xx. */
	enum bh_post_answer (*judge)(long status);
	/* Of what was taken: how many records were not, after all, and why. NULL: all were. */
	uint64_t (*rejected)(const char *answer, size_t length, char *why, size_t size);
	size_t (*waiting)(const void *user); /* records that next() would have */
};

/* The user's texts are kept as they are. */
struct bh_export_post *bh_export_post_new(struct bh_core *core, struct bh_curl_loop *loop,
					  const struct bh_export_post_user *user);
/* There is something to send. */
void bh_export_post_pump(struct bh_export_post *post);
void bh_export_post_tick(struct bh_export_post *post, int64_t now); /* monotonic */
/* What is to be tried again is not: a newer one takes its place. */
void bh_export_post_replace(struct bh_export_post *post);
/* Whether nothing is left to do that could be done now. */
bool bh_export_post_is_done(const struct bh_export_post *post);
/* The loop is run once more to free it. */
void bh_export_post_free(struct bh_export_post *post);
cJSON *bh_export_post_json(const struct bh_export_post *post);
/* Appends a sentence if it takes nothing. */
void bh_export_post_say(const struct bh_export_post *post, cJSON *list);

/* --- for the user's queue --------------------------------------------------------------------- */

bool bh_post_is_quiet(const char *kind);
/* One record; the oldest are lost where there is no room. */
void bh_export_post_queue(struct bh_export_post *post, struct bh_export_queue *queue,
			  const struct bh_post_batch *one, const void *payload, size_t length);
/* The oldest, until the queue changes; those that are too old are lost. NULL: there is none. */
const char *bh_export_post_first(struct bh_export_post *post, struct bh_export_queue *queue,
				 struct bh_post_batch *one, size_t *length);
/* A record that could not even be made. */
void bh_export_post_lose(struct bh_export_post *post, const struct bh_post_batch *batch);

#endif
