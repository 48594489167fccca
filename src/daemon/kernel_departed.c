/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_departed.h"

#include <stdlib.h>

#include "address.h"
#include "grow.h"
#include "timefmt.h"

#define BURST_MS 10 /* those that go together */
#define PAUSE_MS 1000

struct bh_departed {
	struct bh_departed_handlers handlers;
	struct bh_held *items;
	size_t count, capacity;
	uv_timer_t timer;
	int64_t forgotten; /* monotonic: when that was done last */
};

struct bh_departed *bh_departed_new(uv_loop_t *loop, const struct bh_departed_handlers *handlers)
{
	struct bh_departed *d = bh_calloc(1, sizeof(*d));

	d->handlers = *handlers;
	d->forgotten = bh_time_monotonic() - PAUSE_MS * INT64_C(1000);
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	return d;
}

static void on_closed(uv_handle_t *timer)
{
	free(timer->data);
}

void bh_departed_free(struct bh_departed *d)
{
	if (d == NULL)
		return;
	free(d->items);
	uv_close((uv_handle_t *)&d->timer, on_closed);
}

static void on_due(uv_timer_t *timer)
{
	bh_departed_forget(timer->data);
}

static void schedule(struct bh_departed *d)
{
	int64_t pause = PAUSE_MS - (bh_time_monotonic() - d->forgotten) / 1000;

	if (!uv_is_active((uv_handle_t *)&d->timer))
		uv_timer_start(&d->timer, on_due, (uint64_t)(pause > BURST_MS ? pause : BURST_MS),
			       0);
}

void bh_departed_add(struct bh_departed *d, const struct bh_held *held)
{
	d->items = bh_grow(d->items, &d->capacity, d->count + 1, sizeof(*d->items));
	d->items[d->count++] = *held;
	schedule(d);
}

void bh_departed_forget(struct bh_departed *d)
{
	if (d->count == 0)
		return;
	struct bh_addr *addrs = bh_calloc(d->count, sizeof(*addrs));
	size_t count = d->count;

	for (size_t i = 0; i < count; i++)
		addrs[i] = d->items[i].addr;
	d->count = 0;
	d->forgotten = bh_time_monotonic();
	uv_timer_stop(&d->timer);
	d->handlers.forget(d->handlers.user, addrs, count);
	free(addrs);
}

bool bh_departed_waits(const struct bh_departed *d, const struct bh_addr *addr)
{
	for (size_t i = 0; i < d->count; i++)
		if (bh_addr_equal(&d->items[i].addr, addr))
			return true;
	return false;
}

const struct bh_held *bh_departed_list(const struct bh_departed *d, size_t *count)
{
	*count = d->count;
	return d->items;
}
