/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture process. It starts with the parent's privileges, opens the packet socket, and is
 * nobody before it reads the first packet. It knows interfaces by number and addresses by value;
 * names and policies never come here. When it cannot keep up it says how much it lost.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "budget.h"
#include "channel.h"
#include "claim_queue.h"
#include "dns_watch.h"
#include "flow_table.h"
#include "grow.h"
#include "log.h"
#include "log_file.h"
#include "neighbour_queue.h"
#include "nflog_decode.h"
#include "privileges.h"
#include "process.h"
#include "sandbox.h"
#include "senders.h"
#include "source.h"
#include "timefmt.h"

#define FLOWS_ROOM BH_CHANNEL_ROOM(sizeof(struct bh_flow))
#define QUEUE_LIMIT (32u << 20)
#define TICK_MS 250
/* Memory for bindings, labels, the stack, libraries' own, and what the allocator wastes. */
#define MEMORY_SLACK (48u << 20)

struct capture {
	uv_loop_t loop;
	struct bh_msg_worker worker;
	struct bh_channel *kernel;
	struct bh_channel *core; /* NULL: no core to report to at the moment */
	struct bh_live_source *source;
	struct bh_budget budget;
	struct bh_flow_table *table;
	struct bh_dns_watch *dns;
	struct bh_senders *senders;
	uv_poll_t source_poll;
	uv_timer_t tick;
	struct bh_flow batch[FLOWS_ROOM];
	size_t batched;
	struct bh_claim_queue claims;
	struct bh_neighbour_queue neighbours;
	uint64_t received;
	uint64_t dropped;
	uint64_t unsent_flows;
	uint64_t unsent_denials;
	uint64_t unsent_names;
	int64_t started;
	int64_t loss_read;		  /* µs: when loss was last asked for */
	int64_t stats_due;		  /* monotonic */
	struct bh_msg_capture_stats told; /* as of when core was last there */
	bool has_begun;			  /* every worker has its share */
	int exit_status;
};

static void stop(struct capture *c, int status)
{
	c->exit_status = status;
	uv_stop(&c->loop);
}

static void send_batch(struct capture *c)
{
	if (c->batched == 0)
		return;
	if (c->core == NULL || bh_channel_send(c->core, BH_MSG_FLOWS, c->batch,
					       c->batched * sizeof(c->batch[0]), NULL, 0, -1) != 0)
		c->unsent_flows += c->batched;
	c->batched = 0;
}

static void on_flow(void *user, const struct bh_flow *flow)
{
	struct capture *c = user;

	c->batch[c->batched++] = *flow;
	if (c->batched == FLOWS_ROOM)
		send_batch(c);
}

/* At once, so that they arrive before the flows that they name. */
static void on_names(void *user, const struct bh_packet *packet, const struct bh_named *names,
		     size_t count)
{
	struct capture *c = user;

	(void)packet;
	if (c->core == NULL || bh_channel_send(c->core, BH_MSG_NAMES, names,
					       count * sizeof(names[0]), NULL, 0, -1) != 0)
		c->unsent_names += count;
}

static void on_claim(void *user, uint64_t flow_id, const char *name)
{
	bh_claim_queue_add(&((struct capture *)user)->claims, flow_id, name);
}

static void on_dns(void *user, const struct bh_packet *packet)
{
	bh_dns_watch_packet(((struct capture *)user)->dns, packet);
}

static void on_neighbour(void *user, const struct bh_packet *packet)
{
	bh_neighbour_queue_add(&((struct capture *)user)->neighbours, packet);
}

static void on_foreign(void *user, const struct bh_packet *packet)
{
	bh_neighbour_queue_add_sender(&((struct capture *)user)->neighbours, packet);
}

static struct bh_msg_capture_stats stats_now(struct capture *c)
{
	struct bh_msg_capture_stats stats = { .started = c->started };

	if (c->table == NULL)
		return stats;
	stats.table = bh_flow_table_stats(c->table);
	stats.received = c->received;
	stats.dropped = c->dropped;
	stats.unsent_flows = c->unsent_flows;
	stats.unsent_denials = c->unsent_denials;
	stats.unsent_names = c->unsent_names;
	stats.unsent_claims = c->claims.lost;
	stats.unsent_neighbours = c->neighbours.lost;
	stats.neighbours = c->neighbours.seen;
	stats.dns = bh_dns_watch_unread(c->dns, bh_time_now());
	stats.copy = c->budget.copy;
	stats.throttled = c->budget.copy > c->budget.least;
	return stats;
}

static void send_stats(struct capture *c)
{
	struct bh_msg_capture_stats stats = stats_now(c);

	if (c->core != NULL)
		bh_channel_send(c->core, BH_MSG_CAPTURE_STATS, &stats, sizeof(stats), NULL, 0, -1);
}

static void on_packets(uv_poll_t *poll, int status, int events)
{
	struct capture *c = poll->data;
	struct bh_error err = { 0 };

	(void)events;
	if (status < 0 || bh_live_source_read(c->source, c->table, &err) < 0) {
		bh_log(BH_LOG_ERROR, "packets cannot be read: %s",
		       status < 0 ? uv_strerror(status) : err.text);
		stop(c, 1);
	}
}

static void note_loss(struct capture *c)
{
	uint64_t received = 0, dropped = 0;
	int64_t now = bh_time_now();

	bh_live_source_loss(c->source, &received, &dropped);
	c->received += received;
	c->dropped += dropped;
	if (dropped > 0)
		bh_flow_table_mark_loss(c->table, c->loss_read);
	c->loss_read = now;
}

static int64_t cpu_time(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return (int64_t)spent.tv_sec * BH_SECOND + spent.tv_nsec / 1000;
}

/* Sees less, or more again, to stay within the processor time that it may use. */
static void keep_budget(struct capture *c)
{
	uint8_t before = c->budget.copy,
		copy = bh_budget_look(&c->budget, bh_time_monotonic(), cpu_time());
	struct bh_error err = { 0 };

	if (copy == before)
		return;
	if (bh_live_source_copy(c->source, (enum bh_copy)copy, &err) != 0) {
		bh_log(BH_LOG_WARNING, "the filter cannot be replaced: %s", err.text);
		c->budget.copy = before;
		return;
	}
	bh_flow_table_partial(c->table, copy > c->budget.least);
	send_stats(c);
}

static void on_tick(uv_timer_t *timer)
{
	struct capture *c = timer->data;

	keep_budget(c);

	note_loss(c);
	bh_flow_table_tick(c->table, bh_time_now());
	send_batch(c);
	bh_claim_queue_send(&c->claims, c->core);
	bh_neighbour_queue_send(&c->neighbours, c->core);
	if (bh_time_monotonic() >= c->stats_due) {
		c->stats_due = bh_time_monotonic() + BH_SECOND;
		send_stats(c);
	}
}

static void watch_packets(struct capture *c)
{
	uv_poll_init(&c->loop, &c->source_poll, bh_live_source_fd(c->source));
	c->source_poll.data = c;
	uv_poll_start(&c->source_poll, UV_READABLE, on_packets);
	uv_timer_init(&c->loop, &c->tick);
	c->tick.data = c;
	uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
}

/* What one of the workers has of a whole. */
static int64_t share_of(const struct capture *c, int64_t whole)
{
	return whole / c->worker.count;
}

/* What this process may map beside what it has now. Under a flood the table evicts; whatever grows
 * in spite of that ends this process, not the machine. */
static size_t memory_for(const struct bh_live_config *live,
			 const struct bh_flow_table_config *table)
{
	return live->ring_bytes + bh_flow_table_most_bytes(table) + bh_dns_watch_most_bytes() +
	       2 * (size_t)QUEUE_LIMIT + MEMORY_SLACK;
}

/* Opens everything that needs privilege, then drops all of it and shuts itself in. */
static int open_and_drop(struct capture *c, const struct bh_config *config,
			 const struct bh_flow_table_config *table, struct bh_error *err)
{
	struct bh_live_config live = { .ring_bytes = (size_t)share_of(c, config->ring_bytes),
				       .snaplen = (int)config->snaplen,
				       .copy = config->mode == BH_CAPTURE_CONTROL ? BH_COPY_CONTROL
										  : BH_COPY_ALL,
				       .fanout_group = c->worker.group };
	char empty[BH_CONFIG_TEXT + 16];
	struct bh_user user;

	bh_sandbox_empty_path(config->run_directory, empty, sizeof(empty));
	if (bh_user_find(config->capture_user, &user, err) != 0 ||
	    bh_sandbox_limit(memory_for(&live, table), bh_log_file_most(config->run_directory),
			     err) != 0)
		return err->code;
	c->source = bh_live_source_open(&live, err);
	bh_budget_init(&c->budget, share_of(c, config->cpu * (BH_SECOND / 100)), live.copy);
	if (c->source == NULL)
		return bh_error_wrap(err, "capture on any");
	if (bh_sandbox_enclose(empty, err) != 0 || bh_privileges_drop_all(&user, err) != 0)
		return err->code;
	return bh_sandbox_capture(bh_live_source_fd(c->source), err);
}

static void start(struct capture *c, const struct bh_config *config)
{
	struct bh_flow_table_config table = {
		.max_flows = (size_t)share_of(c, config->max_flows),
		.idle_timeout = config->idle_timeout,
		.tcp_idle_timeout = config->tcp_idle_timeout,
		.closed_linger = 5 * BH_SECOND,
		.report_interval = config->report_interval,
		.first_id = ((uint64_t)c->worker.number << BH_WORKER_SHIFT) + 1,
		.live = true
	};
	struct bh_error err = { 0 };

	bh_log_open("capture", (enum bh_log_level)config->log_level);
	if (c->source != NULL)
		return; /* a second configuration: nothing here changes while it runs */
	if (open_and_drop(c, config, &table, &err) != 0) {
		bh_log(BH_LOG_ERROR, "%s", err.text);
		stop(c, 2);
		return;
	}
	c->table = bh_flow_table_new(&table, on_flow, c);
	c->dns = bh_dns_watch_new(true, on_names, c);
	bh_flow_table_show_dns(c->table, on_dns, c);
	bh_flow_table_show_claims(c->table, on_claim, c);
	bh_flow_table_show_neighbours(c->table, on_neighbour, c);
	c->senders = bh_senders_new();
	bh_flow_table_show_foreign(c->table, c->senders, on_foreign, c);
	watch_packets(c);
	bh_channel_send(c->kernel, BH_MSG_JOINED, NULL, 0, NULL, 0, -1);
}

/* Some packets that were another's are this worker's now, and the other way round: nobody can go on
 * with what it has. Every flow ends here, its counts a floor; what goes on is a new one. */
static void reshuffle(struct capture *c, int64_t time)
{
	if (c->has_begun) {
		bh_flow_table_mark_loss(c->table, time);
		bh_flow_table_flush(c->table);
		send_batch(c);
	} else if (c->worker.group != 0) {
		bh_live_source_begin(c->source, time);
	}
	c->has_begun = true;
}

static void bind_endpoint(struct capture *c, const struct bh_endpoint_fact *fact)
{
	bh_flow_table_unbind(c->table, fact->ifindex);
	for (uint8_t i = 0; i < fact->addr_count; i++)
		bh_flow_table_bind(c->table, fact->ifindex, &fact->addrs[i]);
	bh_senders_bind(c->senders, fact->ifindex, &fact->mac, bh_time_now());
}

static void unbind_endpoint(struct capture *c, uint32_t ifindex)
{
	/* Its last packets are read when the kernel hands over their block. */
	bh_flow_table_leave(c->table, ifindex);
	bh_senders_unbind(c->senders, ifindex);
}

static void exclude(struct capture *c, const struct bh_message *m)
{
	struct bh_error err = { 0 };

	if (bh_live_source_exclude(c->source, m->data, m->length / sizeof(uint32_t), &err) != 0)
		bh_log(BH_LOG_WARNING, "the interface filter cannot be replaced: %s", err.text);
}

static void report_denial(struct capture *c, const struct bh_message *m)
{
	struct bh_denial denial;

	if (!bh_nflog_decode(m->data, m->length, bh_time_now(), &denial))
		return;
	if (c->core == NULL ||
	    bh_channel_send(c->core, BH_MSG_DENIAL, &denial, sizeof(denial), NULL, 0, -1) != 0)
		c->unsent_denials++;
}

static void on_core_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	/* core has nothing to say to capture: whatever writes here is not core any more. */
	(void)user;
	(void)channel;
	bh_log(BH_LOG_WARNING, "core sent %s; ignored", bh_message_name(m->type));
	if (m->fd >= 0)
		close(m->fd);
}

static void on_core_closed(void *user, struct bh_channel *channel, const char *why)
{
	struct capture *c = user;

	(void)why;
	bh_channel_free(channel);
	if (c->core != channel)
		return;
	c->core = NULL;
	c->told = stats_now(c);
}

static void meet_core(struct capture *c, int fd)
{
	struct bh_channel_handlers handlers = { c, on_core_message, on_core_closed };

	if (fd < 0)
		return;
	if (c->core != NULL)
		c->told = stats_now(c);
	bh_channel_free(c->core);
	c->core = bh_channel_new(&c->loop, fd, &handlers, QUEUE_LIMIT);
	/* What is lost from here on, and was while there was no core, is this one's to tell. */
	bh_channel_send(c->core, BH_MSG_CAPTURE_STATS, &c->told, sizeof(c->told), NULL, 0, -1);
}

static void on_kernel_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	struct capture *c = user;

	(void)channel;
	if (m->type == BH_MSG_CONFIG) {
		start(c, m->data);
		return;
	}
	if (m->type == BH_MSG_WORKER) {
		c->worker = *(const struct bh_msg_worker *)m->data;
		return;
	}
	if (m->type == BH_MSG_PEER) {
		meet_core(c, m->fd);
		return;
	}
	if (c->table == NULL)
		return;
	switch (m->type) {
	case BH_MSG_ENDPOINT:
		bind_endpoint(c, m->data);
		break;
	case BH_MSG_ENDPOINT_GONE:
		unbind_endpoint(c, ((const struct bh_msg_gone *)m->data)->ifindex);
		break;
	case BH_MSG_EXCLUDE:
		exclude(c, m);
		break;
	case BH_MSG_NFLOG:
		report_denial(c, m);
		break;
	case BH_MSG_SHARES:
		reshuffle(c, *(const int64_t *)m->data);
		break;
	default:
		bh_log(BH_LOG_WARNING, "kernel sent %s; ignored", bh_message_name(m->type));
	}
}

/* The parent is gone, or wants this process gone: last reports, then the end. */
static void on_kernel_closed(void *user, struct bh_channel *channel, const char *why)
{
	struct capture *c = user;

	(void)channel;
	(void)why;
	if (c->table != NULL) {
		bh_flow_table_flush(c->table);
		send_batch(c);
		send_stats(c);
	}
	stop(c, 0);
}

int bh_capture_main(void)
{
	struct capture *c = bh_calloc(1, sizeof(*c));
	struct bh_channel_handlers handlers = { c, on_kernel_message, on_kernel_closed };
	struct bh_error err = { 0 };

	signal(SIGINT, SIG_IGN);  /* the terminal's Ctrl-C is the parent's to handle */
	signal(SIGPIPE, SIG_IGN); /* nobody reads the log */
	bh_log_open("capture", BH_LOG_INFO);
	if (bh_sandbox_child(BH_CHILD_FD, &err) != 0) {
		bh_log(BH_LOG_ERROR, "%s", err.text);
		return 2;
	}
	c->started = c->told.started = bh_time_now();
	uv_loop_init(&c->loop);
	c->kernel = bh_channel_new(&c->loop, BH_CHILD_FD, &handlers, QUEUE_LIMIT);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	bh_live_source_close(c->source);
	bh_flow_table_free(c->table);
	bh_dns_watch_free(c->dns);
	bh_senders_free(c->senders);
	int status = c->exit_status;
	free(c); /* the loop's handles die with the process */
	return status;
}
