/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "grow.h"
#include "log.h"
#include "ruleset.h"
#include "timefmt.h"
#include "watch.h"

/* So many repairs follow at once, and one more for each FORGIVEN that passed. Whoever is faster is
 * waited for in between, so that repairs take a tenth of the time at most. */
#define AT_ONCE 5
#define FORGIVEN (2 * BH_SECOND)
#define MOST_DEBT (AT_ONCE * FORGIVEN)
#define REPAIR_SHARE 10
#define LEAST_WAIT (BH_SECOND / 10)
#define MOST_WAIT (10 * BH_SECOND)
#define CALM (10 * BH_SECOND) /* nobody changed anything for so long: it is over */
/* Reading everything takes a twentieth of the time of a thread at most. */
#define CHECK_SHARE 20
#define CHECK_AGAIN BH_SECOND /* where the rules changed while they were read */

/* One reading of everything, in a thread. */
struct check {
	uv_work_t work;
	bool running;
	bool again; /* asked for meanwhile */
	uint64_t serial;
	const struct bh_ruleset *rules;
	struct bh_nft_config config;
	struct bh_nft_finding finding;
	struct bh_error err;
	int result;
	int64_t took; /* µs */
};

struct bh_guard {
	uv_loop_t *loop;
	struct bh_nft *nft;
	struct bh_nft_config nft_config;
	struct bh_nft_watch *watch;
	struct bh_cgroup_home home;
	struct bh_guard_handlers handlers;
	struct bh_ruleset *rules;
	struct bh_ruleset *outlived; /* no more in force, but being read */
	uint64_t serial;	     /* counts our changes */
	bool listening;
	bool pending; /* somebody changed something, which is not repaired yet: */
	struct bh_tampering what;
	struct bh_nft_touched touched;
	int64_t debt;	    /* µs: FORGIVEN of each repair, less what has passed since … */
	int64_t owed_since; /* … monotonic: then */
	int64_t not_before; /* monotonic: the next one */
	int64_t verify_every;
	struct check check;
	struct bh_tables_state state;
	uv_poll_t poll;
	uv_timer_t repair_timer, check_timer, calm_timer;
};

static void start_check(struct bh_guard *guard);
static void schedule_repair(struct bh_guard *guard);

static void tell_state(struct bh_guard *guard)
{
	guard->state.owner = bh_nft_is_owner(guard->nft);
	guard->handlers.state(guard->handlers.user, &guard->state);
}

static void start_timer(uv_timer_t *timer, uv_timer_cb due, int64_t wait)
{
	uv_update_time(timer->loop);
	uv_timer_start(timer, due, wait > 0 ? (uint64_t)(wait + 999) / 1000 : 0, 0);
}

/* --- who it was ------------------------------------------------------------------------------- */

/* What a file of the process says; "" where it is gone. Lines and arguments are joined by spaces.
 */
static void read_process(uint32_t pid, const char *file, char *out, size_t size)
{
	char path[64], bytes[512];

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	FILE *from = fopen(path, "re");
	if (from == NULL)
		return;
	size_t length = fread(bytes, 1, sizeof(bytes), from);
	fclose(from);
	while (length > 0 && (bytes[length - 1] == '\0' || bytes[length - 1] == '\n'))
		length--;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] == '\0')
			bytes[i] = ' ';
	bh_news_copy(out, size, bytes, length);
}

/* Numbers are given anew: the name says whether it is still the same process. */
static void identify(const struct bh_guard *guard, const struct bh_nft_news *news,
		     struct bh_tampering *what)
{
	char name[BH_PROCESS_NAME], pid[16];
	struct bh_cgroup cgroup = { 0 };

	what->pid = news->pid;
	bh_copy_text(what->process, sizeof(what->process), news->process);
	read_process(news->pid, "cmdline", what->command, sizeof(what->command));
	snprintf(pid, sizeof(pid), "%u", news->pid);
	if (bh_cgroup_of_process("/proc", pid, &guard->home, &cgroup))
		bh_copy_text(what->container_id, sizeof(what->container_id), cgroup.id);
	read_process(news->pid, "comm", name, sizeof(name));
	what->ended = strcmp(name, news->process) != 0;
	if (what->ended)
		what->command[0] = what->container_id[0] = '\0';
}

/* --- what is to be repaired ------------------------------------------------------------------- */

static void begin(struct bh_guard *guard, uint8_t found)
{
	if (guard->pending)
		return;
	guard->pending = true;
	guard->what = (struct bh_tampering) { .time = bh_time_now(), .found = found };
	guard->touched = (struct bh_nft_touched) { 0 };
}

static void on_transaction(void *user, const struct bh_nft_news *news)
{
	struct bh_guard *guard = user;
	bool first = !guard->pending;

	if (!news->touches_us) {
		bh_nft_passed_over(guard->nft, news->generation);
		return;
	}
	begin(guard, BH_TAMPERING_TOLD);
	guard->what.transactions++;
	bh_nft_touch_also(&guard->touched, &news->touched);
	if (!first)
		return;
	identify(guard, news, &guard->what);
	bh_news_text(news, guard->what.done, sizeof(guard->what.done));
}

/* False: notifications were lost, and all of it has to be read. */
static bool read_news(struct bh_guard *guard)
{
	struct bh_error err = { 0 };
	int got = bh_nft_watch_read(guard->watch, on_transaction, guard, &err);

	if (got < 0)
		bh_log(BH_LOG_WARNING, "%s; the tables are read whole", err.text);
	return got >= 0;
}

/* An error on a netlink socket is an overrun; libuv takes it for the end. */
static void on_news(uv_poll_t *poll, int status, int events)
{
	struct bh_guard *guard = poll->data;

	(void)events;
	if (!read_news(guard))
		start_check(guard);
	if (guard->pending)
		schedule_repair(guard);
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_news);
}

/* --- our own changes -------------------------------------------------------------------------- */

static bool is_watched(const struct bh_guard *guard)
{
	return guard->rules != NULL && guard->rules->chain_count > 0 &&
	       !bh_nft_is_owner(guard->nft);
}

void bh_guard_pause(struct bh_guard *guard)
{
	if (!guard->listening)
		return;
	bh_nft_watch_listen(guard->watch, false);
	guard->listening = false;
	/* What was told before comes before our change. */
	if (!read_news(guard))
		guard->check.again = true;
}

/* Somebody else may have committed something while nobody listened. */
static bool slipped(const struct bh_guard *guard)
{
	uint32_t generation;

	return bh_nft_current_generation(guard->nft, &generation) != 0 ||
	       generation != bh_nft_known_generation(guard->nft);
}

/* Listens again; whether all that happened meanwhile is known. */
static bool listen_again(struct bh_guard *guard)
{
	guard->serial++;
	if (!is_watched(guard))
		return true;
	int result = bh_nft_watch_listen(guard->watch, true);
	guard->listening = result == 0;
	if (result != 0)
		bh_log(BH_LOG_ERROR, "others' changes of nftables are not told: %s",
		       strerror(-result));
	return result == 0 && !slipped(guard) && !guard->check.again;
}

static void take_rules(struct bh_guard *guard, struct bh_ruleset *rules)
{
	if (guard->check.running && guard->check.rules == guard->rules)
		guard->outlived = guard->rules;
	else
		bh_ruleset_free(guard->rules);
	guard->rules = rules;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void on_calm(uv_timer_t *timer)
{
	struct bh_guard *guard = timer->data;
	bool was = guard->state.contested;

	guard->debt = 0;
	guard->state.contested = false;
	if (!was)
		return;
	tell_state(guard);
	start_check(guard);
}

static void tell_tampering(struct bh_guard *guard, const struct bh_tampering *what)
{
	guard->state.tampered++;
	guard->state.last = what->time;
	guard->state.contested = guard->state.contested || guard->debt > MOST_DEBT;
	guard->handlers.tampered(guard->handlers.user, what);
	tell_state(guard);
	start_timer(&guard->calm_timer, on_calm, CALM);
}

/* What an apply found besides its own work, and did away with. */
static void tell_found(struct bh_guard *guard, const struct bh_nft_change *change, bool at_start)
{
	begin(guard, at_start ? BH_TAMPERING_LEFT : BH_TAMPERING_SEEN);
	bh_copy_text(guard->what.differed, sizeof(guard->what.differed), change->differed);
	guard->what.repaired = bh_time_now();
	guard->pending = false;
	tell_tampering(guard, &guard->what);
}

void bh_guard_resume(struct bh_guard *guard, struct bh_ruleset *rules,
		     const struct bh_nft_change *change)
{
	bool at_start = guard->rules == NULL;

	if (rules != NULL)
		take_rules(guard, rules);
	bool known = listen_again(guard);
	if (rules != NULL && change->tampered)
		tell_found(guard, change, at_start);
	if (guard->pending)
		schedule_repair(guard);
	if (!known || !uv_is_active((uv_handle_t *)&guard->check_timer))
		start_check(guard);
}

/* --- repairing -------------------------------------------------------------------------------- */

static void wait_after(struct bh_guard *guard, int64_t took)
{
	int64_t wait = took * REPAIR_SHARE, now = bh_time_monotonic();

	if (now > guard->owed_since)
		guard->debt -= now - guard->owed_since;
	guard->debt = (guard->debt > 0 ? guard->debt : 0) + FORGIVEN;
	guard->owed_since = now;
	if (guard->debt <= MOST_DEBT)
		return;
	wait = wait < LEAST_WAIT ? LEAST_WAIT : wait > MOST_WAIT ? MOST_WAIT : wait;
	guard->not_before = now + wait;
	/* Nobody's peace: else whoever repairs slowly would never call it contested. */
	guard->owed_since = guard->not_before;
}

static void repair(struct bh_guard *guard)
{
	struct bh_tampering *what = &guard->what;
	struct bh_nft_finding finding = { 0 };
	struct bh_error err = { 0 };
	int64_t begun = bh_time_monotonic();

	bh_guard_pause(guard);
	int result = bh_nft_repair(guard->nft, &guard->touched, &finding, &err);
	guard->pending = false;
	bool known = listen_again(guard);
	wait_after(guard, bh_time_monotonic() - begun);
	bh_copy_text(what->differed, sizeof(what->differed), finding.text);
	what->repaired = result >= 0 ? bh_time_now() : 0;
	bh_copy_text(what->why, sizeof(what->why), err.text);
	bh_log(guard->state.contested ? BH_LOG_DEBUG : BH_LOG_WARNING,
	       "somebody changed our tables (%s, process %u): %s",
	       what->process[0] != '\0' ? what->process : "nobody knows who", what->pid,
	       result < 0 ? err.text : "repaired");
	tell_tampering(guard, what);
	if (!known || !guard->state.contested)
		start_check(guard);
}

static void on_repair_due(uv_timer_t *timer)
{
	struct bh_guard *guard = timer->data;

	if (guard->pending)
		repair(guard);
}

static void schedule_repair(struct bh_guard *guard)
{
	int64_t wait = guard->not_before - bh_time_monotonic();

	if (wait <= 0)
		repair(guard);
	else if (!uv_is_active((uv_handle_t *)&guard->repair_timer))
		start_timer(&guard->repair_timer, on_repair_due, wait);
}

/* --- reading all of it ------------------------------------------------------------------------ */

static void on_check_due(uv_timer_t *timer)
{
	start_check(timer->data);
}

static void check(uv_work_t *work)
{
	struct check *c = work->data;
	int64_t begun = bh_time_monotonic();

	c->result = bh_nft_verify(c->rules, &c->config, &c->finding, &c->err);
	c->took = bh_time_monotonic() - begun;
}

static void take_finding(struct bh_guard *guard, const struct check *c)
{
	guard->state.took = c->took;
	bh_copy_text(guard->state.why, sizeof(guard->state.why), c->result < 0 ? c->err.text : "");
	if (c->result == 0)
		guard->state.verified = bh_time_now();
	tell_state(guard);
	if (c->result != 1)
		return;
	/* Who did it may wait to be read. */
	if (guard->listening)
		read_news(guard);
	begin(guard, BH_TAMPERING_SEEN);
	bh_nft_touch_also(&guard->touched, &c->finding.touched);
	schedule_repair(guard);
}

static void on_checked(uv_work_t *work, int status)
{
	struct check *c = work->data;
	struct bh_guard *guard = (struct bh_guard *)((char *)c - offsetof(struct bh_guard, check));
	/* Ours, or others' that came too fast for it. */
	bool stale = c->serial != guard->serial || c->result == -EINTR;
	int64_t wait = c->again || stale ? CHECK_AGAIN : guard->verify_every;

	(void)status;
	c->running = false;
	bh_ruleset_free(guard->outlived);
	guard->outlived = NULL;
	start_timer(&guard->check_timer, on_check_due,
		    wait > c->took * CHECK_SHARE ? wait : c->took * CHECK_SHARE);
	if (!stale)
		take_finding(guard, c);
}

static void start_check(struct bh_guard *guard)
{
	struct check *c = &guard->check;

	c->again = c->running;
	if (c->running || guard->rules == NULL || guard->rules->chain_count == 0)
		return;
	*c = (struct check) { .running = true,
			      .serial = guard->serial,
			      .rules = guard->rules,
			      .config = guard->nft_config };
	c->config.owner = bh_nft_is_owner(guard->nft);
	c->work.data = c;
	if (uv_queue_work(guard->loop, &c->work, check, on_checked) != 0)
		c->running = false;
}

/* --- for the next run ------------------------------------------------------------------------- */

void bh_tables_record_path(const char *run_directory, char *out, size_t size)
{
	snprintf(out, size, "%s/tables-left", run_directory);
}

void bh_tables_record_forget(const char *run_directory)
{
	char path[BH_CONFIG_TEXT + 16];

	bh_tables_record_path(run_directory, path, sizeof(path));
	unlink(path);
}

/* --- start ------------------------------------------------------------------------------------ */

const struct bh_ruleset *bh_guard_rules(const struct bh_guard *guard)
{
	return guard->rules;
}

const struct bh_tables_state *bh_guard_state(const struct bh_guard *guard)
{
	return &guard->state;
}

struct bh_guard *bh_guard_new(uv_loop_t *loop, struct bh_nft *nft,
			      const struct bh_nft_config *nft_config, int64_t verify_every,
			      const struct bh_guard_handlers *handlers, struct bh_error *err)
{
	struct bh_guard *guard = bh_calloc(1, sizeof(*guard));
	uv_timer_t *timers[] = { &guard->repair_timer, &guard->check_timer, &guard->calm_timer };

	guard->watch = bh_nft_watch_open(err);
	if (guard->watch == NULL) {
		free(guard);
		return NULL;
	}
	guard->loop = loop;
	guard->nft = nft;
	guard->nft_config = *nft_config;
	guard->verify_every = verify_every;
	guard->handlers = *handlers;
	guard->state.owner = bh_nft_is_owner(nft);
	bh_cgroup_home_read("/proc", &guard->home);
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(loop, timers[i]);
		timers[i]->data = guard;
	}
	uv_poll_init(loop, &guard->poll, bh_nft_watch_fd(guard->watch));
	guard->poll.data = guard;
	uv_poll_start(&guard->poll, UV_READABLE, on_news);
	return guard;
}
