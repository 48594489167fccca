/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "grow.h"
#include "peers.h"
#include "progress.h"
#include "recorded.h"

#define MOST_THREADS 8
#define BLOCK (1 << 20)

struct text {
	char *bytes;
	size_t length, capacity;
};

/* What the lines of one block say. */
struct block {
	struct bh_record *items;
	size_t count;
};

/* Shared by all threads, each of which holds the lock while it takes its next block. */
struct source {
	pthread_mutex_t lock;
	int fd;
	size_t block;	  /* bytes */
	struct text rest; /* what was read, and is no whole line yet */
	size_t lines;	  /* of the blocks taken so far */
	bool ended;
	struct block *blocks; /* in their order */
	size_t count, capacity;
	int error;	     /* errno of a read */
	size_t refused;	     /* the first line that is no flow; 0: none is */
	struct bh_error why; /* … and why */
	struct bh_progress progress;
	uint64_t done; /* bytes that were read */
};

struct reader {
	pthread_t thread;
	struct source *source;
	struct bh_peers *peers;
	struct text text; /* its block */
};

/* --- blocks ----------------------------------------------------------------------------------- */

static void append(struct text *to, const char *bytes, size_t length)
{
	to->bytes = bh_grow(to->bytes, &to->capacity, to->length + length + 1, 1);
	if (length > 0)
		memcpy(to->bytes + to->length, bytes, length);
	to->length += length;
	to->bytes[to->length] = '\0';
}

/* Reads once. False: there is no more. */
static bool read_more(struct source *s, struct text *to)
{
	ssize_t got;

	to->bytes = bh_grow(to->bytes, &to->capacity, to->length + s->block + 1, 1);
	do
		got = read(s->fd, to->bytes + to->length, s->block);
	while (got < 0 && errno == EINTR);
	s->error = got < 0 ? errno : 0;
	s->ended = got <= 0;
	to->length += got > 0 ? (size_t)got : 0;
	to->bytes[to->length] = '\0';
	s->done += got > 0 ? (uint64_t)got : 0;
	bh_progress_show(&s->progress, s->done);
	return !s->ended;
}

/* How much of it is whole lines. */
static size_t whole_lines(const struct text *text)
{
	const char *last = text->length > 0 ? memrchr(text->bytes, '\n', text->length) : NULL;

	return last != NULL ? (size_t)(last + 1 - text->bytes) : 0;
}

static size_t count_lines(const struct text *text)
{
	const char *at = text->bytes, *end = at + text->length;
	size_t count = 0;

	for (; at < end; count++) {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		at = next != NULL ? next + 1 : end;
	}
	return count;
}

static void fill(struct source *s, struct text *text)
{
	text->length = 0;
	append(text, s->rest.bytes, s->rest.length);
	s->rest.length = 0;
	while (read_more(s, text) && (text->length < s->block || whole_lines(text) == 0))
		;
	if (s->ended)
		return;
	size_t whole = whole_lines(text);
	append(&s->rest, text->bytes + whole, text->length - whole);
	text->length = whole;
	text->bytes[whole] = '\0';
}

/* The next block of lines, of which *before were read; its number. SIZE_MAX: there is none. Once a
 * line was refused nobody begins another block: all lines before it are in those begun. */
static size_t take_block(struct source *s, struct text *text, size_t *before)
{
	size_t number = SIZE_MAX;

	pthread_mutex_lock(&s->lock);
	if (!s->ended && s->refused == 0) {
		fill(s, text);
		*before = s->lines;
		s->lines += count_lines(text);
		s->blocks = bh_grow(s->blocks, &s->capacity, s->count + 1, sizeof(*s->blocks));
		number = s->count++;
		s->blocks[number] = (struct block) { 0 };
	}
	pthread_mutex_unlock(&s->lock);
	return number;
}

static void put_block(struct source *s, size_t number, const struct block *block)
{
	pthread_mutex_lock(&s->lock);
	s->blocks[number] = *block;
	pthread_mutex_unlock(&s->lock);
}

static void refuse(struct source *s, size_t line, const struct bh_error *why)
{
	pthread_mutex_lock(&s->lock);
	if (s->refused == 0 || line < s->refused) {
		s->refused = line;
		s->why = *why;
	}
	pthread_mutex_unlock(&s->lock);
}

/* --- lines ------------------------------------------------------------------------------------ */

static struct bh_record record_of(struct bh_peers *peers, const struct bh_recorded_evidence *e,
				  size_t line)
{
	return (struct bh_record) { .first = e->first,
				    .last = e->flow.last,
				    .src = bh_peers_get(peers, &e->flow.src),
				    .dst = bh_peers_get(peers, &e->flow.dst),
				    .count = e->flow.count,
				    .replica = e->replica,
				    .bytes = e->bytes,
				    .line = line,
				    .port = e->flow.question.port,
				    .proto = e->flow.question.proto,
				    .direction = e->direction,
				    .answered = e->answered,
				    .denied = e->denied,
				    .lossy = e->lossy,
				    .names_replica = e->names_replica,
				    .deploy = e->flow.deploy };
}

static void read_block(struct reader *r, size_t number, size_t line)
{
	char *at = r->text.bytes, *end = at + r->text.length;
	struct block block = { 0 };
	size_t capacity = 0;

	while (at < end) {
		struct bh_recorded_evidence evidence;
		struct bh_error err = { 0 };
		char *next = memchr(at, '\n', (size_t)(end - at));

		next = next != NULL ? next : end;
		*next = '\0';
		line++;
		if (next > at && !bh_recorded_evidence_parse(at, &evidence, &err)) {
			refuse(r->source, line, &err);
			break;
		}
		if (next > at) {
			block.items = bh_grow(block.items, &capacity, block.count + 1,
					      sizeof(*block.items));
			block.items[block.count++] = record_of(r->peers, &evidence, line);
		}
		at = next + 1;
	}
	put_block(r->source, number, &block);
}

static void *read_blocks(void *argument)
{
	struct reader *r = argument;
	size_t number, before = 0;

	while ((number = take_block(r->source, &r->text, &before)) != SIZE_MAX)
		read_block(r, number, before);
	free(r->text.bytes);
	return NULL;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int by_time(const void *a, const void *b)
{
	const struct bh_record *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static bool is_in_order(const struct bh_records *records)
{
	for (size_t i = 1; i < records->count; i++)
		if (records->items[i].first < records->items[i - 1].first)
			return false;
	return true;
}

static void join(struct source *s, struct bh_records *out)
{
	size_t total = 0;

	for (size_t i = 0; i < s->count; i++)
		total += s->blocks[i].count;
	out->items = bh_calloc(total, sizeof(*out->items));
	for (size_t i = 0; i < s->count; i++) {
		const struct block *b = &s->blocks[i];

		if (b->count > 0)
			memcpy(out->items + out->count, b->items, b->count * sizeof(*b->items));
		out->count += b->count;
		free(b->items);
	}
	free(s->blocks);
	if (!is_in_order(out))
		qsort(out->items, out->count, sizeof(*out->items), by_time);
}

/* As many threads as there can be; this one is the first of them. */
static void read_all(struct source *s, struct bh_records *out)
{
	struct reader *readers = bh_calloc(out->thread_count, sizeof(*readers));
	size_t started = 1;

	for (size_t i = 0; i < out->thread_count; i++) {
		out->peers[i] = bh_peers_new();
		readers[i] = (struct reader) { .source = s, .peers = out->peers[i] };
	}
	while (started < out->thread_count &&
	       pthread_create(&readers[started].thread, NULL, read_blocks, &readers[started]) == 0)
		started++;
	read_blocks(&readers[0]);
	for (size_t i = 1; i < started; i++)
		pthread_join(readers[i].thread, NULL);
	free(readers);
}

struct bh_records_config bh_records_default(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return (struct bh_records_config) {
		.threads = processors < 1	       ? 1
			   : processors > MOST_THREADS ? MOST_THREADS
						       : (size_t)processors,
		.block = BLOCK,
	};
}

int bh_records_read(const char *path, const struct bh_records_config *config,
		    struct bh_records *out)
{
	struct source s = { .lock = PTHREAD_MUTEX_INITIALIZER, .block = config->block };

	*out = (struct bh_records) { .thread_count = config->threads };
	s.fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (s.fd < 0)
		return bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(errno));
	out->peers = bh_calloc(out->thread_count, sizeof(struct bh_peers *));
	s.progress = bh_progress_of_file(path, s.fd);
	read_all(&s, out);
	bh_progress_end(&s.progress);
	join(&s, out);
	free(s.rest.bytes);
	if (s.fd != STDIN_FILENO)
		close(s.fd);
	if (s.refused != 0)
		return bh_recorded_refuse(path, s.refused, &s.why);
	return s.error != 0 ? bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(s.error))
			    : BH_EXIT_DONE;
}

void bh_records_free(struct bh_records *records)
{
	for (size_t i = 0; records->peers != NULL && i < records->thread_count; i++)
		bh_peers_free(records->peers[i]);
	free(records->peers);
	free(records->items);
}
