/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_trace.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "timefmt.h"
#include "tracer.h"

#define MOST_STEPS 20000
#define MOST_RULES 64

struct bh_tracing {
	struct bh_tracing_handlers handlers;
	struct bh_tracer *tracer; /* NULL: none runs */
	struct bh_msg_trace_end end;
	uint32_t steps;
	struct bh_trace_step asked[MOST_RULES]; /* whose rules were told */
	size_t asked_count;
	uv_poll_t *poll; /* lives until libuv has closed it */
	uv_timer_t timer;
};

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

void bh_tracing_stop(struct bh_tracing *tracing)
{
	if (tracing->tracer == NULL)
		return;
	uv_timer_stop(&tracing->timer);
	uv_poll_stop(tracing->poll);
	uv_close((uv_handle_t *)tracing->poll, free_handle);
	bh_tracer_close(tracing->tracer);
	tracing->tracer = NULL;
}

static void end(struct bh_tracing *tracing)
{
	bh_tracing_stop(tracing);
	tracing->handlers.say(tracing->handlers.user, BH_MSG_TRACE_END, &tracing->end,
			      sizeof(tracing->end));
}

static bool is_told(const struct bh_tracing *tracing, const struct bh_trace_step *step)
{
	for (size_t i = 0; i < tracing->asked_count; i++)
		if (tracing->asked[i].handle == step->handle &&
		    tracing->asked[i].family == step->family &&
		    strcmp(tracing->asked[i].table, step->table) == 0 &&
		    strcmp(tracing->asked[i].chain, step->chain) == 0)
			return true;
	return false;
}

/* What a rule says that dropped something, once. */
static void tell_rule(struct bh_tracing *tracing, const struct bh_trace_step *step)
{
	struct bh_trace_rule rule;

	if (step->kind != BH_TRACE_RULE || step->verdict != NF_DROP || is_told(tracing, step) ||
	    tracing->asked_count == MOST_RULES)
		return;
	tracing->asked[tracing->asked_count++] = *step;
	if (bh_tracer_rule(tracing->tracer, step, &rule) == 0)
		tracing->handlers.say(tracing->handlers.user, BH_MSG_TRACE_RULE, &rule,
				      sizeof(rule));
}

static void on_step(void *user, const struct bh_trace_step *step)
{
	struct bh_tracing *tracing = user;

	if (tracing->steps++ >= MOST_STEPS) {
		tracing->end.lost++;
		return;
	}
	tell_rule(tracing, step);
	tracing->handlers.say(tracing->handlers.user, BH_MSG_TRACE, step, sizeof(*step));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct bh_tracing *tracing = poll->data;

	(void)events;
	if (bh_tracer_read(tracing->tracer, on_step, tracing) != 0)
		tracing->end.lost++;
	if (status < 0) /* an overrun, which libuv takes for the end */
		uv_poll_start(poll, UV_READABLE, on_readable);
}

static void on_over(uv_timer_t *timer)
{
	struct bh_tracing *tracing = timer->data;

	/* What waits to be read was still seen. */
	if (bh_tracer_read(tracing->tracer, on_step, tracing) != 0)
		tracing->end.lost++;
	end(tracing);
}

void bh_tracing_start(struct bh_tracing *tracing, const struct bh_msg_trace_get *get)
{
	struct bh_error err = { 0 };

	bh_tracing_stop(tracing);
	tracing->end = (struct bh_msg_trace_end) { 0 };
	tracing->steps = 0;
	tracing->asked_count = 0;
	tracing->tracer = bh_tracer_open(&get->filter, &err);
	if (tracing->tracer == NULL) {
		tracing->end.code = err.code;
		bh_copy_text(tracing->end.why, sizeof(tracing->end.why), err.text);
		end(tracing);
		return;
	}
	tracing->poll = bh_calloc(1, sizeof(*tracing->poll));
	uv_poll_init(tracing->timer.loop, tracing->poll, bh_tracer_fd(tracing->tracer));
	tracing->poll->data = tracing;
	uv_poll_start(tracing->poll, UV_READABLE, on_readable);
	uv_update_time(tracing->timer.loop);
	uv_timer_start(&tracing->timer, on_over, (uint64_t)get->duration / 1000, 0);
}

struct bh_tracing *bh_tracing_new(uv_loop_t *loop, const struct bh_tracing_handlers *handlers)
{
	struct bh_tracing *tracing = bh_calloc(1, sizeof(*tracing));

	tracing->handlers = *handlers;
	uv_timer_init(loop, &tracing->timer);
	tracing->timer.data = tracing;
	return tracing;
}
