/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a daemon takes up from its store, whose file may be a copy, a backup, or somebody's work.
 * The input is its rows, a line each, words apart by a space and a text at the end:
 *
 *   i BOOT IFINDEX SINCE UNTIL ADDRESS TEXT   an instance; BOOT "here": of this boot
 *   w SINCE UNTIL                             a watch
 *   c ID TEXT                                 a container
 *   r WAS NOW                                 a workload that goes by another name
 *   k TEXT                                    what a governed workload, label:web, was like
 *   a WORKLOAD NAME ADDRESS UNTIL USED        what a name stands for
 *   e TEXT                                    by what open connections were judged
 *
 * Then one attachment of the past is there still and another one is new, the rest has gone;
 * somebody asks who it was, and what is known is saved.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/daemon/core_fixture.h"
#include "core_existing.h"
#include "core_history.h"
#include "grow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW CORE_FIXTURE_NOW
#define KEPT "label:web"

/* The next word of the line, which goes on behind it; "": there is none. */
static char *word(char **line)
{
	char *start = *line;

	*line += strcspn(*line, " ");
	if (**line != '\0')
		*(*line)++ = '\0';
	return start;
}

static int64_t number(char **line)
{
	return strtoll(word(line), NULL, 10);
}

static void add_instance(struct bh_core *core, char *line)
{
	const char *boot = word(&line);
	struct bh_stored_instance stored = {
		.boot = strcmp(boot, "here") == 0 ? core->boot : boot,
		.ifindex = (uint32_t)number(&line),
		.since = number(&line),
		.until = number(&line),
	};
	const char *addr = word(&line);

	stored.text = line;
	bh_store_save_instance(core->store, &stored, &addr, 1, NULL);
}

static void add_answer(struct bh_core *core, char *line)
{
	struct bh_stored_answer stored = { .workload = word(&line) };

	stored.name = word(&line);
	stored.addr = word(&line);
	stored.until = number(&line);
	stored.used = number(&line);
	bh_store_save_answer(core->store, &stored, NULL);
}

static void add_row(struct bh_core *core, char *line)
{
	const char *kind = word(&line), *id;
	int64_t since;

	switch (kind[0]) {
	case 'i':
		add_instance(core, line);
		break;
	case 'w':
		since = number(&line);
		bh_store_save_watched(core->store, since, number(&line), NULL);
		break;
	case 'c':
		id = word(&line);
		bh_store_save_container(core->store, id, line, NULL);
		break;
	case 'k':
		bh_store_save_kept(core->store, KEPT, line, NULL);
		break;
	case 'e':
		bh_store_set_existing(core->store, line, NULL);
		break;
	case 'a':
		add_answer(core, line);
		break;
	case 'r':
		id = word(&line);
		bh_store_save_renamed(core->store, id, line, NULL);
		break;
	default:
		break;
	}
}

static void add_rows(struct bh_core *core, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		add_row(core, line);
}

static void load(struct bh_core *core)
{
	struct bh_error err = { 0 };

	if (bh_core_renamed_load(core, &err) != 0 || bh_core_history_load(core, &err) != 0 ||
	    bh_core_recall(core, &err) != 0 || bh_core_kept_load(core, &err) != 0 ||
	    bh_core_answers_load(core, &err) != 0 || bh_core_existing_load(core, &err) != 0)
		abort();
}

static double time_in(const cJSON *row, const char *key, double none)
{
	const cJSON *time = cJSON_GetObjectItemCaseSensitive(row, key);

	return cJSON_IsNumber(time) ? time->valuedouble : none;
}

/* Every row is of a time that is one, in which somebody was asked for. */
static void ask(struct bh_core *core, const char *address, int64_t at)
{
	struct bh_addr addr = core_fixture_addr(address);
	cJSON *rows = cJSON_CreateArray(), *row;
	struct bh_error err = { 0 };

	if (bh_core_who(core, &addr, at, rows, &err) != 0)
		abort();
	cJSON_ArrayForEach (row, rows) {
		double from = time_in(row, "from", 0), until = time_in(row, "until", 1e18);
		double asked = (double)at / BH_SECOND;

		if (from > until || (at != 0 && (from > asked || until < asked)))
			abort();
	}
	cJSON_Delete(rows);
}

/* Whoever is kept is the one whose row there is. */
static void govern(struct bh_core *core)
{
	const struct bh_instance *kept;

	bh_core_keep(core, NOW);
	for (size_t position = 0; (kept = bh_core_kept_next(core, &position)) != NULL;)
		if (strcmp(kept->workload, KEPT) != 0)
			abort();
	bh_map_free(bh_core_kept_bridges(core));
	bh_core_kept_tick(core, NOW);
}

/* What it was told is outside, and a flow that uses it makes it last. */
static void use_answers(struct bh_core *core)
{
	const struct bh_addr addr = core_fixture_addr("203.0.113.9");
	struct bh_answer_use *use = bh_answers_use(core->answers, "netns:web", &addr);

	core->answers_due = 0;
	bh_core_answers_tick(core, INT64_MAX);
	if ((bh_answers_name(core->answers, "netns:web", &addr, INT64_MAX) != NULL) !=
	    (use != NULL))
		abort();
	bh_answers_end(use);
}

static void go_on(struct bh_core *core)
{
	bh_model_begin_scan(core->model);
	core_fixture_endpoint(core, 7, "web", "10.0.0.2");
	core_fixture_endpoint(core, 8, "db", "fd00::2");
	bh_model_end_scan(core->model, NOW);
	ask(core, "10.0.0.2", 0);
	ask(core, "10.0.0.2", NOW - 1);
	ask(core, "fd00::2", 0);
	govern(core);
	use_answers(core);
	bh_model_endpoint_gone(core->model, 7, NOW + BH_SECOND);
	ask(core, "10.0.0.2", NOW + 1);
}

static void forget_model(struct bh_core *core)
{
	const struct bh_model_config config = { .keep_departed = 600 * BH_SECOND,
						.renamed = bh_core_renamed,
						.user = core };

	bh_model_free(core->model);
	core->model = bh_model_new(&config);
	bh_map_free(core->renamed);
	core->renamed = bh_map_new(free);
	bh_map_free(core->remembered);
	core->remembered = bh_map_new(free);
	bh_map_free(core->kept);
	core->kept = bh_map_new(bh_core_kept_free);
	bh_core_answers_free(core);
	bh_core_answers_start(core);
	bh_core_existing_free(core);
	bh_core_existing_start(core);
}

/* What was saved is taken up once more. */
static void come_back(struct bh_core *core)
{
	bh_model_mark_dirty(core->model);
	bh_core_kept_mark_unsaved(core);
	bh_answers_mark_dirty(core->answers);
	if (bh_core_history_save(core, NULL) != 0 || bh_core_kept_save(core, NULL) != 0 ||
	    bh_core_answers_save(core, NULL) != 0 || bh_core_existing_save(core, NULL) != 0)
		abort();
	forget_model(core);
	load(core);
	go_on(core);
}

static void drop_container(void *user, const char *id, const char *text)
{
	(void)text;
	bh_store_drop_container(user, id, NULL);
}

static void drop_renamed(void *user, const char *was, const char *now)
{
	(void)now;
	bh_store_drop_renamed(user, was, NULL);
}

static void drop_answer(void *user, const struct bh_stored_answer *answer)
{
	bh_store_drop_answer(user, answer, NULL);
}

/* To make a store anew takes ten times as long as to use it. */
static void empty_store(struct bh_core *core)
{
	struct bh_error err = { 0 };
	size_t count;

	bh_store_close_instances(core->store, "here", 1, &err);
	bh_store_close_instances(core->store, "there", 1, &err);
	bh_store_trim_instances(core->store, INT64_MAX, 0, SIZE_MAX, &count, &err);
	bh_store_load_containers(core->store, drop_container, core->store, &err);
	bh_store_load_renamed(core->store, drop_renamed, core->store, &err);
	bh_store_load_answers(core->store, drop_answer, core->store, &err);
	bh_store_save_kept(core->store, KEPT, "", &err);
	bh_store_set_existing(core->store, "", &err);
	bh_store_trim_events(core->store, 0, &err);
	bh_core_store_flush(core, &err);
	if (err.code != 0)
		abort();
}

static struct bh_core *enforcing_core(void)
{
	struct bh_core *core = core_fixture_new(0);
	uint8_t *mode = bh_calloc(1, 1);

	*mode = BH_ENFORCE;
	bh_map_put_text(core->modes, KEPT, mode);
	return core;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_core *core;
	char *text = bh_calloc(size + 1, 1);

	if (core == NULL)
		core = enforcing_core();
	memcpy(text, data, size);
	core->started = NOW;
	core->history_due = INT64_MAX; /* nothing is too old here */
	forget_model(core);
	load(core); /* names the boot */
	add_rows(core, text);
	load(core);
	go_on(core);
	come_back(core);
	empty_store(core);
	free(text);
	return 0;
}
