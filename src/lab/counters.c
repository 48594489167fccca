/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "files.h"
#include "grow.h"
#include "timefmt.h"

void bh_lab_counters_open(struct bh_lab_counters *counters, const char *host)
{
	*counters = (struct bh_lab_counters) { .host = host };
	pthread_mutex_init(&counters->lock, NULL);
}

static struct bh_lab_counter *find_or_add(struct bh_lab_counters *counters, const char *name)
{
	for (size_t i = 0; i < counters->count; i++)
		if (strcmp(counters->items[i].seen.name, name) == 0)
			return &counters->items[i];
	if (counters->count == BH_LAB_ACTIVITIES)
		abort(); /* the roles' plan is larger than its table: a slip in this program */
	struct bh_lab_counter *counter = &counters->items[counters->count++];

	bh_copy_text(counter->seen.host, sizeof(counter->seen.host), counters->host);
	bh_copy_text(counter->seen.name, sizeof(counter->seen.name), name);
	counter->last_ok = bh_time_monotonic();
	return counter;
}

struct bh_lab_counter *bh_lab_counter(struct bh_lab_counters *counters, const char *name)
{
	pthread_mutex_lock(&counters->lock);
	struct bh_lab_counter *counter = find_or_add(counters, name);

	pthread_mutex_unlock(&counters->lock);
	return counter;
}

static void stretch_gap(struct bh_lab_counter *counter, int64_t now)
{
	if (now - counter->last_ok > counter->seen.longest_gap)
		counter->seen.longest_gap = now - counter->last_ok;
}

void bh_lab_count(struct bh_lab_counters *counters, struct bh_lab_counter *counter, int result)
{
	int64_t now = bh_time_monotonic();

	pthread_mutex_lock(&counters->lock);
	if (result == 0) {
		counter->seen.ok++;
		stretch_gap(counter, now);
		counter->last_ok = now;
	} else {
		counter->seen.failed++;
		strerror_r(-result, counter->seen.failure, sizeof(counter->seen.failure));
	}
	pthread_mutex_unlock(&counters->lock);
}

void bh_lab_count_cut(struct bh_lab_counters *counters, struct bh_lab_counter *counter)
{
	pthread_mutex_lock(&counters->lock);
	counter->seen.cut++;
	pthread_mutex_unlock(&counters->lock);
}

/* One line each: numbers, then the name, then what went wrong last. */
int bh_lab_counters_write(struct bh_lab_counters *counters, struct bh_error *err)
{
	struct bh_buffer text = { 0 };
	int64_t now = bh_time_monotonic();

	bh_buffer_puts(&text, "");
	pthread_mutex_lock(&counters->lock);
	for (size_t i = 0; i < counters->count; i++) {
		struct bh_lab_activity *a = &counters->items[i].seen;

		stretch_gap(&counters->items[i], now);
		bh_buffer_printf(&text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 "\t%s\t%s\n",
				 a->ok, a->failed, a->cut, a->longest_gap, a->name, a->failure);
	}
	pthread_mutex_unlock(&counters->lock);
	int result = bh_lab_write(counters->host, "stat", text.data, err);

	bh_buffer_free(&text);
	return result;
}

/* --- reading them back ------------------------------------------------------------------------ */

struct reader {
	void (*activity)(void *user, const struct bh_lab_activity *activity);
	void *user;
	int count;
};

static bool parse_line(char *line, struct bh_lab_activity *a)
{
	char *name = strchr(line, '\t');
	char *failure = name != NULL ? strchr(name + 1, '\t') : NULL;

	if (failure == NULL || sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64, &a->ok,
				      &a->failed, &a->cut, &a->longest_gap) != 4)
		return false;
	*failure++ = '\0';
	bh_copy_text(a->name, sizeof(a->name), name + 1);
	bh_copy_text(a->failure, sizeof(a->failure), failure);
	return true;
}

static int read_host(void *user, const char *host, struct bh_error *err)
{
	struct reader *r = user;
	char text[BH_LAB_ACTIVITIES * 512], *rest = text, *line;
	int result = bh_lab_read(host, "stat", text, sizeof(text), err);

	while (result == 0 && (line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		struct bh_lab_activity a = { 0 };

		bh_copy_text(a.host, sizeof(a.host), host);
		if (!parse_line(line, &a))
			return bh_error_set(err, -EINVAL,
					    BH_LAB_DIRECTORY "/%s.stat: not a line of counters: %s",
					    host, line);
		r->activity(r->user, &a);
		r->count++;
	}
	return result;
}

int bh_lab_report(void (*activity)(void *user, const struct bh_lab_activity *activity), void *user,
		  struct bh_error *err)
{
	struct reader r = { .activity = activity, .user = user };

	if (!bh_lab_is_up())
		return bh_error_set(err, -ENOENT, "the lab is not up; `bulkhead lab up` builds it");
	int result = bh_lab_each("stat", read_host, &r, err);

	return result < 0 ? result : r.count;
}
