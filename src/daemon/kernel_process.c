/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel process: parent of the other two, the only one with privilege, and the only one that
 * talks to the kernel and to the runtimes' sockets. It parses netlink and nothing else: no
 * packet, no HTTP, no policy. When a child dies it starts another; when it dies itself the rules
 * stay.
 */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "accounting.h"
#include "address.h"
#include "bridge_flags.h"
#include "channel.h"
#include "conntrack.h"
#include "foreign.h"
#include "grow.h"
#include "held_note.h"
#include "hook_notes.h"
#include "kernel_departed.h"
#include "kernel_entries.h"
#include "kernel_guard.h"
#include "kernel_lookup.h"
#include "kernel_relay.h"
#include "kernel_selftest.h"
#include "kernel_trace.h"
#include "links.h"
#include "listen.h"
#include "listeners.h"
#include "log.h"
#include "log_file.h"
#include "map.h"
#include "nflog.h"
#include "nft.h"
#include "privileges.h"
#include "probe.h"
#include "probe_frame.h"
#include "process.h"
#include "rules_wire.h"
#include "ruleset.h"
#include "timefmt.h"

#define QUEUE_LIMIT (64u << 20)
#define RESTART_MS 200
#define STOP_MS 3000
#define EARLY (10 * BH_SECOND)
#define MOST_FAILURES 1000
#define LOG_MS 5000
#define HOOKS_MS 1000
#define ACCOUNTING_MS 5000
#define NOTE_MS 50
#define LINK_FDS 8

struct kernel;

/* One of the two children. */
struct child {
	struct kernel *kernel;
	const char *name;
	uv_process_t process;
	uv_timer_t restart;
	struct bh_channel *channel; /* NULL: not running */
	bool alive;
	bool hangs; /* and was ended for it */
	uint32_t starts;
	int64_t started;   /* monotonic */
	uint32_t failures; /* ends within the first seconds, one after the other */
	bool joined;	   /* capture: it has its share of the packets */
};

struct kernel {
	uv_loop_t loop;
	struct bh_config config;
	struct bh_links *links;
	struct bh_nft *nft;
	struct bh_guard *guard;
	struct bh_tracing *tracing;
	struct bh_nflog *nflog;
	struct bh_bridge_flags *bridges;
	struct bh_selftest *selftest;
	uint32_t probe_ports[2];       /* the self-test's interfaces; 0: none */
	struct bh_msg_probing probing; /* the last time that there were any */
	struct bh_relay *relay;
	struct bh_lookup *lookup;
	struct bh_cuts cuts; /* entries that core wants to be deleted */
	struct bh_rules_builder builder;
	struct bh_map *facts; /* ifindex → struct bh_endpoint_fact: what to forget when it goes */
	struct bh_departed *departed; /* and what of it is not forgotten yet */
	struct bh_map *processes;     /* namespace's inode → int32_t *: one of its processes */
	struct bh_map *host_links;    /* ifindex → struct bh_host_link: what capture leaves out */
	struct child workers[BH_MOST_WORKERS]; /* capture, once or several times */
	uint32_t worker_count;
	struct child core;
	uv_poll_t link_polls[LINK_FDS];
	uv_poll_t nflog_poll;
	uv_timer_t links_timer;
	uv_timer_t exclude_timer;
	uv_timer_t note_timer;
	uv_timer_t hooks_timer;
	struct bh_hook_notes hook_notes;
	uv_signal_t signals[2];
	uv_timer_t stop_timer;
	uv_timer_t log_timer;
	struct bh_msg_loss loss;
	uv_timer_t accounting_timer;
	struct bh_msg_accounting accounting; /* capture.mode: control */
	struct bh_listening listening;
	int notify_fd;
	bool stopping;
	int exit_status;
};

/* --- telling the children --------------------------------------------------------------------- */

/* A child that misses a fact is wrong from then on. One that let so much pile up hangs: its
 * successor is told everything anew. sent: 0, or negative errno. */
static void check_taken(struct child *child, uint16_t type, int sent)
{
	if (sent == 0)
		return;
	bh_log(BH_LOG_WARNING, "%s does not take its messages (%s: %s); it is ended", child->name,
	       bh_message_name(type), strerror(-sent));
	child->hangs = true;
	uv_process_kill(&child->process, SIGKILL);
}

static void tell(struct child *child, uint16_t type, const void *data, size_t length)
{
	if (child->channel != NULL && !child->hangs)
		check_taken(child, type,
			    bh_channel_send(child->channel, type, data, length, NULL, 0, -1));
}

static void tell_workers(struct kernel *k, uint16_t type, const void *data, size_t length)
{
	for (uint32_t i = 0; i < k->worker_count; i++)
		tell(&k->workers[i], type, data, length);
}

static void tell_all(struct kernel *k, uint16_t type, const void *data, size_t length)
{
	tell_workers(k, type, data, length);
	tell(&k->core, type, data, length);
}

static uint32_t restarts(const struct child *child)
{
	return child->starts > 0 ? child->starts - 1 : 0;
}

static void tell_capture_state(struct kernel *k)
{
	struct bh_msg_capture_state state = { .workers = k->worker_count,
					      .core_restarts = restarts(&k->core) };

	for (uint32_t i = 0; i < k->worker_count; i++) {
		const struct child *worker = &k->workers[i];

		state.running += worker->alive;
		state.restarts += restarts(worker);
	}
	tell(&k->core, BH_MSG_CAPTURE_STATE, &state, sizeof(state));
}

/* One line to whoever waits for start-up, once. */
static void notify(struct kernel *k, const char *line)
{
	if (k->notify_fd < 0)
		return;
	if (write(k->notify_fd, line, strlen(line)) < 0)
		bh_log(BH_LOG_DEBUG, "nobody waits for start-up any more");
	bh_close_fd(&k->notify_fd);
}

/* --- facts from rtnetlink --------------------------------------------------------------------- */

static bool is_uplink(const struct kernel *k, const char *ifname)
{
	for (uint32_t i = 0; i < k->config.uplinks.count; i++)
		if (fnmatch(k->config.uplinks.items[i], ifname, 0) == 0)
			return true;
	return false;
}

static bool holds(const struct bh_endpoint_fact *fact, const struct bh_addr *addr, int64_t *made)
{
	for (uint8_t i = 0; i < fact->addr_count; i++) {
		if (!bh_addr_equal(&fact->addrs[i], addr))
			continue;
		*made = fact->addr_made[i];
		return true;
	}
	return false;
}

/* Since when another endpoint of the same network has the address; INT64_MAX: none has. */
static int64_t others_since(const struct kernel *k, const struct bh_endpoint_fact *old,
			    const struct bh_addr *addr)
{
	const struct bh_endpoint_fact *other;
	int64_t made, first = INT64_MAX;

	for (size_t position = 0; (other = bh_map_next(k->facts, &position)) != NULL;)
		if (other->ifindex != old->ifindex &&
		    strcmp(other->l3_ifname, old->l3_ifname) == 0 && holds(other, addr, &made) &&
		    made < first)
			first = made;
	return first;
}

/* Whether the rules in force say that the address is the endpoint's (policy/claims.c), or do not
 * know of it yet and nobody else has it; where they do not know the endpoint, whether it had it
 * first.
 */
static bool was_its_own(const struct kernel *k, const struct bh_held *held, const char *ifname,
			int64_t others)
{
	const struct bh_ruleset *rules = bh_guard_rules(k->guard);

	for (size_t i = 0; rules != NULL && i < rules->port_count; i++) {
		const struct bh_port *port = &rules->ports[i];

		if (strcmp(port->ifname, ifname) != 0)
			continue;
		for (size_t at = 0; at < port->addr_count; at++)
			if (bh_addr_equal(&port->addrs[at], &held->addr))
				return true;
		return others == INT64_MAX;
	}
	return others >= held->made;
}

/* The connections of addresses that an endpoint no longer holds end with it: whoever gets such an
 * address next must not inherit them. Where it was somebody else's whom this one only imitated they
 * are that one's; where somebody has got it already there is no time to lose. */
static void forget_addresses(const struct kernel *k, const struct bh_endpoint_fact *old,
			     const struct bh_endpoint_fact *now)
{
	bool taken = false;
	int64_t made;

	for (uint8_t i = 0; i < old->addr_count; i++) {
		const struct bh_held held = { old->ifindex, old->addr_made[i], old->addrs[i] };

		if (now != NULL && holds(now, &held.addr, &made))
			continue;
		made = others_since(k, old, &held.addr);
		if (!was_its_own(k, &held, old->ifname, made))
			continue;
		bh_departed_add(k->departed, &held);
		taken = taken || made != INT64_MAX;
	}
	if (taken)
		bh_departed_forget(k->departed);
}

/* Whoever had the addresses of this one before. He is told of first, for capture waits for that;
 * the rules that follow from it are taken no sooner than this is done. */
static void forget_former(const struct kernel *k, const struct bh_endpoint_fact *fact)
{
	for (uint8_t i = 0; i < fact->addr_count; i++)
		if (bh_departed_waits(k->departed, &fact->addrs[i]))
			bh_departed_forget(k->departed);
}

static void on_note_due(uv_timer_t *timer)
{
	struct kernel *k = timer->data;
	struct bh_error err = { 0 };
	size_t count;
	const struct bh_held *gone = bh_departed_list(k->departed, &count);

	if (bh_held_note_write(k->config.run_directory, k->facts, gone, count, &err) != 0)
		bh_log(BH_LOG_WARNING, "who holds which address is not noted: %s", err.text);
}

/* Endpoints come in bursts; the note is written once for each. */
static void schedule_note(struct kernel *k)
{
	if (!uv_is_active((uv_handle_t *)&k->note_timer))
		uv_timer_start(&k->note_timer, on_note_due, NOTE_MS, 0);
}

static void on_forget(void *user, const struct bh_addr *addrs, size_t count)
{
	struct kernel *k = user;
	struct bh_error err = { 0 };
	size_t deleted;

	if (bh_conntrack_forget(addrs, count, &deleted, &err) != 0)
		bh_log(BH_LOG_WARNING, "connections of departed endpoints remain: %s", err.text);
	schedule_note(k); /* it is dealt with */
}

/* The same for what changed hands while no daemon was there to see it. */
static void forget_departed(struct kernel *k)
{
	size_t count;
	struct bh_addr *gone = bh_held_note_gone(k->config.run_directory, k->facts, &count);

	if (count > 0)
		on_forget(k, gone, count);
	free(gone);
}

static void on_endpoint_gone(void *user, uint32_t ifindex)
{
	struct kernel *k = user;
	const struct bh_endpoint_fact *known = bh_map_get(k->facts, &ifindex, sizeof(ifindex));
	const struct bh_msg_gone gone = { .time = bh_time_now(), .ifindex = ifindex };

	if (known == NULL) {
		tell(&k->core, BH_MSG_UPLINK_GONE, &ifindex, sizeof(ifindex));
		return;
	}
	forget_addresses(k, known, NULL);
	bh_map_remove(k->facts, &ifindex, sizeof(ifindex));
	schedule_note(k);
	tell_all(k, BH_MSG_ENDPOINT_GONE, &gone, sizeof(gone));
}

static void on_endpoint(void *user, const struct bh_endpoint_fact *fact)
{
	struct kernel *k = user;
	struct bh_endpoint_fact *known =
		bh_map_get(k->facts, &fact->ifindex, sizeof(fact->ifindex));

	if (is_uplink(k, fact->ifname)) {
		if (known != NULL) /* it had another name */
			on_endpoint_gone(k, fact->ifindex);
		tell(&k->core, BH_MSG_UPLINK, fact, sizeof(*fact));
		return;
	}
	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(k->facts, &fact->ifindex, sizeof(fact->ifindex), known);
	} else {
		forget_addresses(k, known, fact);
	}
	*known = *fact;
	schedule_note(k);
	tell_all(k, BH_MSG_ENDPOINT, fact, sizeof(*fact));
	forget_former(k, fact);
}

static void on_host_addr(void *user, const struct bh_host_addr *addr)
{
	if (!bh_addr_equal(&addr->addr, &bh_probe_local))
		tell(&((struct kernel *)user)->core, BH_MSG_HOST_ADDR, addr, sizeof(*addr));
}

static void on_host_addr_gone(void *user, const struct bh_host_addr *addr)
{
	if (!bh_addr_equal(&addr->addr, &bh_probe_local))
		tell(&((struct kernel *)user)->core, BH_MSG_HOST_ADDR_GONE, addr, sizeof(*addr));
}

/* What is no veth leads to no container; a veth named like an uplink is one. */
static bool is_excluded(const struct kernel *k, const struct bh_host_link *link)
{
	return !link->veth || is_uplink(k, link->ifname);
}

static void on_exclude_due(uv_timer_t *timer)
{
	struct kernel *k = timer->data;
	uint32_t list[BH_CHANNEL_ROOM(sizeof(uint32_t))];
	const size_t room = sizeof(list) / sizeof(list[0]);
	size_t count = 0, position = 0;
	const struct bh_host_link *link;

	while ((link = bh_map_next(k->host_links, &position)) != NULL)
		if (is_excluded(k, link) && count < room)
			list[count++] = link->ifindex;
	for (size_t i = 0; i < 2; i++)
		if (k->probe_ports[i] != 0 && count < room)
			list[count++] = k->probe_ports[i];
	tell_workers(k, BH_MSG_EXCLUDE, list, count * sizeof(list[0]));
}

/* Links change in bursts; the filter is replaced once for each. */
static void schedule_exclude(struct kernel *k)
{
	if (!uv_is_active((uv_handle_t *)&k->exclude_timer))
		uv_timer_start(&k->exclude_timer, on_exclude_due, 20, 0);
}

/* Frames pass without our rules from then on, until it is set again. */
static bool loses_flags(const struct bh_host_link *before, const struct bh_host_link *now)
{
	return before->nf_call_iptables && before->nf_call_ip6tables &&
	       !(now->nf_call_iptables && now->nf_call_ip6tables);
}

static void on_link(void *user, const struct bh_host_link *link)
{
	struct kernel *k = user;

	if (!link->veth && bh_probe_is_port(link->ifname))
		return;
	struct bh_host_link *known =
		bh_map_get(k->host_links, &link->ifindex, sizeof(link->ifindex));
	bool was_excluded = known != NULL && is_excluded(k, known),
	     lost = known != NULL && link->bridge && loses_flags(known, link);

	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(k->host_links, &link->ifindex, sizeof(link->ifindex), known);
	}
	*known = *link;
	if (was_excluded != is_excluded(k, link))
		schedule_exclude(k);
	lost = bh_bridge_flags_link(k->bridges, link) && lost;
	tell(&k->core, BH_MSG_LINK, link, sizeof(*link));
	if (lost)
		bh_selftest_touch(k->selftest, link->ifindex,
				  "it stopped handing its frames to netfilter, by somebody else's "
				  "doing; that was set right");
}

static void on_link_gone(void *user, uint32_t ifindex)
{
	struct kernel *k = user;

	if (!bh_map_remove(k->host_links, &ifindex, sizeof(ifindex)))
		return; /* the self-test's */
	bh_bridge_flags_gone(k->bridges, ifindex);
	tell(&k->core, BH_MSG_LINK_GONE, &ifindex, sizeof(ifindex));
}

static void on_netns(void *user, const struct bh_netns_fact *fact)
{
	struct kernel *k = user;
	int32_t *pid = bh_map_get(k->processes, &fact->inode, sizeof(fact->inode));

	if (pid == NULL) {
		pid = bh_calloc(1, sizeof(*pid));
		bh_map_put(k->processes, &fact->inode, sizeof(fact->inode), pid);
	}
	*pid = fact->pid;
	tell(&k->core, BH_MSG_NETNS, fact, sizeof(*fact));
}

static void on_netns_gone(void *user, uint64_t inode)
{
	struct kernel *k = user;

	bh_map_remove(k->processes, &inode, sizeof(inode));
	tell(&k->core, BH_MSG_NETNS_GONE, &inode, sizeof(inode));
}

static void on_overrun(void *user, uint64_t count)
{
	struct kernel *k = user;

	bh_log(BH_LOG_WARNING,
	       "netlink lost messages (%llu times so far); everything was scanned again",
	       (unsigned long long)count);
	k->loss.netlink_overruns = count;
	tell(&k->core, BH_MSG_LOSS, &k->loss, sizeof(k->loss));
}

static void on_links_due(uv_timer_t *timer);

/* Runs the search for processes when it is due. */
static void schedule_links(struct kernel *k)
{
	int64_t wait = bh_links_wait(k->links);

	if (wait < 0)
		uv_timer_stop(&k->links_timer);
	else
		uv_timer_start(&k->links_timer, on_links_due, (uint64_t)(wait + 999) / 1000, 0);
}

static void on_links_due(uv_timer_t *timer)
{
	struct kernel *k = timer->data;

	bh_links_tick(k->links);
	schedule_links(k);
}

static void on_runtime_news(void *user)
{
	struct kernel *k = user;

	bh_links_stir(k->links);
	schedule_links(k);
}

/* An error on a netlink socket is an overrun, which reading it tells of and clears. libuv takes it
 * for the end, and does not watch the socket any more. */
static void watch_on(uv_poll_t *poll, int status, uv_poll_cb on_readable)
{
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_readable);
}

static void on_links_readable(uv_poll_t *poll, int status, int events)
{
	struct kernel *k = poll->data;

	(void)events;
	bh_links_read(k->links);
	schedule_links(k);
	watch_on(poll, status, on_links_readable);
}

/* --- the self-test ---------------------------------------------------------------------------- */

static void on_proof(void *user, uint32_t ifindex, const struct bh_proof *proof)
{
	struct kernel *k = user;
	struct bh_proof told = *proof;

	told.handed_over = bh_bridge_flags_since(k->bridges, ifindex);
	tell(&k->core, BH_MSG_PROOF, &told, sizeof(told));
}

/* capture and core hear of them before anything passes there. */
static void on_probe_ports(void *user, const uint32_t *ifindexes, size_t count)
{
	struct kernel *k = user;

	const int64_t now = bh_time_now();

	if (count > 0)
		k->probing = (struct bh_msg_probing) { .since = now };
	else /* the clock may have been set back */
		k->probing.until = now > k->probing.since ? now : k->probing.since;
	tell(&k->core, BH_MSG_PROBING, &k->probing, sizeof(k->probing));
	for (size_t i = 0; i < 2; i++)
		k->probe_ports[i] = i < count ? ifindexes[i] : 0;
	if (count > 0)
		on_exclude_due(&k->exclude_timer);
	else
		schedule_exclude(k);
}

static bool on_withhold(void *user, uint32_t ifindex, bool withheld)
{
	return bh_bridge_flags_withhold(((struct kernel *)user)->bridges, ifindex, withheld);
}

static void take_withhold(struct kernel *k, const struct bh_msg_withhold *withhold)
{
	bh_selftest_withhold(k->selftest, withhold->ifindex, withhold->why);
}

static const char *find_idle(void *user, uint32_t ifindex)
{
	const struct kernel *k = user;
	const struct bh_host_link *link,
		*bridge = bh_map_get(k->host_links, &ifindex, sizeof(ifindex));

	if (bridge == NULL || !bridge->up)
		return "it is down";
	if (!bridge->bridge)
		return NULL;
	for (size_t position = 0; (link = bh_map_next(k->host_links, &position)) != NULL;)
		if (link->master_ifindex == ifindex && link->up)
			return NULL;
	return "none of its ports is up";
}

static void repeat_facts(struct kernel *k)
{
	tell(&k->core, BH_MSG_SCAN_BEGIN, NULL, 0);
	bh_links_repeat(k->links);
	tell(&k->core, BH_MSG_SCAN_END, NULL, 0);
	bh_selftest_repeat(k->selftest);
	schedule_exclude(k);
}

/* --- denials ---------------------------------------------------------------------------------- */

/* One of the workers, any: a denial is a matter of its own. */
static struct bh_channel *some_worker(const struct kernel *k)
{
	for (uint32_t i = 0; i < k->worker_count; i++)
		if (k->workers[i].channel != NULL)
			return k->workers[i].channel;
	return NULL;
}

/* A flood of denials leaves half of the queue to facts. */
static void on_nflog_message(void *user, const void *bytes, size_t length)
{
	struct kernel *k = user;
	struct bh_channel *channel = some_worker(k);

	if (channel == NULL || bh_channel_queued(channel) > QUEUE_LIMIT / 2 ||
	    bh_channel_send(channel, BH_MSG_NFLOG, bytes, length, NULL, 0, -1) != 0)
		k->loss.denials_lost++;
}

static void on_nflog_readable(uv_poll_t *poll, int status, int events)
{
	struct kernel *k = poll->data;
	struct bh_error err = { 0 };
	uint64_t lost = 0, before = k->loss.denials_lost;

	(void)events;
	int got = bh_nflog_read(k->nflog, on_nflog_message, k, &lost, &err);
	if (got < 0 && got != -ENOBUFS)
		bh_log(BH_LOG_ERROR, "denials cannot be read: %s", err.text);
	k->loss.denials_lost += lost;
	if (k->loss.denials_lost > before)
		tell(&k->core, BH_MSG_LOSS, &k->loss, sizeof(k->loss));
	watch_on(poll, status, on_nflog_readable);
}

/* --- connection tracking's counters ----------------------------------------------------------- */

static bool needs_accounting(const struct kernel *k)
{
	return k->config.mode == BH_CAPTURE_CONTROL;
}

static void tell_accounting(struct kernel *k)
{
	if (needs_accounting(k))
		tell(&k->core, BH_MSG_ACCOUNTING, &k->accounting, sizeof(k->accounting));
}

/* Where the module comes later, or somebody switches it off, it is switched on again. */
static void keep_accounting(struct kernel *k)
{
	const struct bh_msg_accounting before = k->accounting;
	struct bh_error err = { 0 };
	bool changed;

	k->accounting.on = bh_accounting_on(k->config.run_directory, &changed, &err) == 0;
	bh_copy_text(k->accounting.why, sizeof(k->accounting.why), err.text);
	if (changed)
		bh_log(BH_LOG_INFO, "connection tracking counts packets and bytes from now on");
	if (k->accounting.on == before.on && strcmp(k->accounting.why, before.why) == 0)
		return;
	if (!k->accounting.on)
		bh_log(BH_LOG_WARNING, "connection tracking does not count: %s", err.text);
	tell_accounting(k);
}

static void on_accounting_due(uv_timer_t *timer)
{
	keep_accounting(timer->data);
}

static void restore_accounting(const struct kernel *k)
{
	struct bh_error err = { 0 };

	if (bh_accounting_restore(k->config.run_directory, &err) != 0)
		bh_log(BH_LOG_WARNING, "connection tracking goes on counting: %s", err.text);
}

/* What an earlier run, in another mode, left on is not wanted any more. */
static void start_accounting(struct kernel *k)
{
	if (!needs_accounting(k)) {
		restore_accounting(k);
		return;
	}
	keep_accounting(k);
	uv_timer_start(&k->accounting_timer, on_accounting_due, ACCOUNTING_MS, ACCOUNTING_MS);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* Whoever knows of nobody to govern may have lost what he knew. */
static bool leave(const struct bh_ruleset *rules, struct bh_msg_rules_result *result)
{
	result->left = rules->blank && bh_nft_present();
	if (result->left)
		result->code = -EEXIST;
	return result->left;
}

/* A bridge whose own table judges hands nothing over. */
static int set_flags(struct kernel *k, const struct bh_ruleset *rules, struct bh_error *err)
{
	return bh_bridge_flags_set(k->bridges, rules->bridges,
				   rules->stateless ? 0 : rules->bridge_count, err);
}

static int change_tables(struct kernel *k, struct bh_ruleset *rules, struct bh_nft_change *change,
			 struct bh_error *err)
{
	bh_guard_pause(k->guard);
	int code = bh_nft_apply(k->nft, rules, change, err);
	bh_guard_resume(k->guard, code == 0 ? rules : NULL, change);
	return code;
}

/* The rules are nobody else's from here on. */
static int apply(struct kernel *k, struct bh_ruleset *rules, struct bh_msg_rules_result *result)
{
	struct bh_nft_change change = { 0 };
	struct bh_error err = { 0 };
	/* Rules before traffic: a bridge never meets a table that is not there. The other way round
	 * when the last rule goes: traffic leaves before the table does. And where an earlier run
	 * left its tables, which may have judged on the bridge what these do not any more: the
	 * traffic comes to table inet first. */
	bool last = rules->chain_count == 0;
	bool changes_hands =
		bh_guard_rules(k->guard) == NULL && !rules->stateless && bh_nft_present();
	int code = last || changes_hands ? set_flags(k, rules, &err) : 0;

	if (code == 0)
		code = change_tables(k, rules, &change, &err);
	bool taken = code == 0;
	if (taken && !last)
		code = set_flags(k, rules, &err);
	result->code = code;
	result->taken = taken;
	result->adopted = change.adopted;
	result->chains = (uint32_t)change.chains;
	result->sets = (uint32_t)change.sets;
	result->elements = (uint32_t)change.elements;
	bh_copy_text(result->text, sizeof(result->text), err.text);
	if (taken)
		bh_selftest_rules(k->selftest, rules);
	else
		bh_ruleset_free(rules);
	return code;
}

static void on_tampering(void *user, const struct bh_tampering *what)
{
	tell(&((struct kernel *)user)->core, BH_MSG_TAMPERING, what, sizeof(*what));
}

/* A trace floods; it leaves half of the queue to facts. */
static void on_trace(void *user, uint16_t type, const void *data, size_t length)
{
	struct kernel *k = user;

	if (type == BH_MSG_TRACE_END ||
	    (k->core.channel != NULL && bh_channel_queued(k->core.channel) < QUEUE_LIMIT / 2))
		tell(&k->core, type, data, length);
}

static void on_tables_state(void *user, const struct bh_tables_state *state)
{
	tell(&((struct kernel *)user)->core, BH_MSG_TABLES_STATE, state, sizeof(*state));
}

/* A process in the namespace behind an interface, and the namespace. False: none is known. */
static bool find_process(const struct kernel *k, uint32_t ifindex, int32_t *pid, uint64_t *inode)
{
	struct stat own;

	if (ifindex == 0) {
		*pid = getpid();
		*inode = stat("/proc/self/ns/net", &own) == 0 ? own.st_ino : 0;
		return *inode != 0;
	}
	const struct bh_endpoint_fact *fact = bh_map_get(k->facts, &ifindex, sizeof(ifindex));
	const int32_t *known = fact != NULL ? bh_map_get(k->processes, &fact->netns_inode,
							 sizeof(fact->netns_inode))
					    : NULL;
	if (known == NULL || *known == 0)
		return false;
	*pid = *known;
	*inode = fact->netns_inode;
	return true;
}

static void tell_listeners(struct kernel *k, const struct bh_msg_listeners_get *get)
{
	struct bh_listeners listeners = { .ifindex = get->ifindex };
	struct bh_map *sockets = get->owners ? bh_map_new(NULL) : NULL;
	uint64_t inode;
	int32_t pid;

	if (find_process(k, get->ifindex, &pid, &inode)) {
		bh_listeners_read("/proc", pid, inode, &listeners, sockets);
		if (get->owners)
			bh_listeners_find_owners("/proc", inode, &listeners, sockets);
	}
	bh_map_free(sockets);
	tell(&k->core, BH_MSG_LISTENERS, &listeners, sizeof(listeners));
}

/* They would be new to connection tracking, which sees them only once the bridges' flags are set.
 */
static void keep_connections(const struct bh_message *m)
{
	struct bh_error err = { 0 };
	size_t made = 0;

	if (bh_conntrack_keep(m->data, m->length / sizeof(struct bh_flow_key), &made, &err) != 0)
		bh_log(BH_LOG_WARNING, "open connections may be judged anew: %s", err.text);
	bh_log(BH_LOG_INFO, "%zu open connections are kept", made);
}

static void tell_foreign(struct kernel *k)
{
	struct bh_foreign foreign;
	struct bh_error err = { 0 };

	if (bh_foreign_read(&foreign, &err) != 0)
		bh_log(BH_LOG_WARNING, "%s", err.text);
	tell(&k->core, BH_MSG_FOREIGN, &foreign, sizeof(foreign));
}

static void tell_uses(struct kernel *k)
{
	struct bh_uses uses = { 0 };
	struct bh_error err = { 0 };
	size_t room = BH_CHANNEL_ROOM(sizeof(*uses.items));
	int32_t result = bh_nft_uses(k->nft, &uses, &err);

	if (result != 0)
		bh_log(BH_LOG_WARNING, "%s", err.text);
	for (size_t at = 0; at < uses.count; at += room) {
		size_t some = uses.count - at < room ? uses.count - at : room;

		tell(&k->core, BH_MSG_USES, uses.items + at, some * sizeof(*uses.items));
	}
	tell(&k->core, BH_MSG_USES_END, &result, sizeof(result));
	free(uses.items);
}

/* A container's start waits for the answer. What rtnetlink has ready is read first: the links that
 * the engine made are in it. */
static void take_hook(struct kernel *k, const struct bh_msg_hook *hook)
{
	struct bh_msg_hooked answer = { .inode = hook->inode, .nsid = -1 };

	bh_links_read(k->links);
	answer.found =
		bh_links_tell(k->links, hook->pid, hook->inode, hook->container_id, &answer.nsid);
	schedule_links(k);
	tell(&k->core, BH_MSG_HOOKED, &answer, sizeof(answer));
}

static void take_rules(struct kernel *k, const struct bh_message *m)
{
	struct bh_msg_rules_result result = { 0 };
	bool broken;
	struct bh_ruleset *rules = bh_rules_take(&k->builder, m, &broken);

	if (broken)
		bh_log(BH_LOG_ERROR, "core sent rules out of order; nothing was changed");
	if (rules == NULL)
		return;
	result.serial = *(const uint64_t *)m->data;
	if (leave(rules, &result))
		bh_ruleset_free(rules);
	else if (apply(k, rules, &result) != 0)
		bh_log(BH_LOG_ERROR,
		       result.taken ? "the rules were applied, and not every bridge is set: %s"
				    : "the rules were not applied: %s",
		       result.text);
	tell(&k->core, BH_MSG_RULES_RESULT, &result, sizeof(result));
}

/* --- children --------------------------------------------------------------------------------- */

static void start_child(struct child *child);

static void on_restart_due(uv_timer_t *timer)
{
	start_child(timer->data);
}

static void lose_channel(struct child *child)
{
	if (child->channel == NULL)
		return;
	if (child == &child->kernel->core) {
		bh_relay_attach(child->kernel->relay, NULL);
		bh_cuts_drop(&child->kernel->cuts);
		bh_tracing_stop(child->kernel->tracing);
	}
	bh_channel_free(child->channel);
	child->channel = NULL;
}

static const char *describe_end(int64_t status, int signal_number, char *text, size_t size)
{
	if (signal_number == SIGSYS)
		snprintf(text, size, "killed by seccomp (SIGSYS)");
	else if (signal_number != 0)
		snprintf(text, size, "signal %d", signal_number);
	else
		snprintf(text, size, "status %d", (int)status);
	return text;
}

static bool any_alive(const struct kernel *k)
{
	for (uint32_t i = 0; i < k->worker_count; i++)
		if (k->workers[i].alive)
			return true;
	return k->core.alive;
}

static bool is_worker(const struct child *child)
{
	return child != &child->kernel->core;
}

/* The kernel shares among those who are there: one more or less, and packets of the same flow go to
 * another. */
static void tell_shares(struct kernel *k)
{
	int64_t now = bh_time_now();

	if (k->worker_count > 1)
		tell_workers(k, BH_MSG_SHARES, &now, sizeof(now));
}

/* Nobody begins before everybody has its share. */
static void on_joined(struct child *worker)
{
	struct kernel *k = worker->kernel;

	worker->joined = true;
	for (uint32_t i = 0; i < k->worker_count; i++)
		if (!k->workers[i].joined)
			return;
	tell_shares(k);
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal_number)
{
	struct child *child = process->data;
	struct kernel *k = child->kernel;

	bool shared = child->joined;

	child->alive = child->joined = false;
	lose_channel(child);
	uv_close((uv_handle_t *)process, NULL);
	if (k->stopping) {
		if (!any_alive(k))
			uv_stop(&k->loop);
		return;
	}
	/* Status 2: it could not start at all, and said why; trying again changes nothing. */
	bool hopeless = signal_number == 0 && status == 2;

	char how[64];
	bh_log(BH_LOG_WARNING, "%s ended (%s)%s", child->name,
	       describe_end(status, signal_number, how, sizeof(how)),
	       hopeless ? "" : "; it is started again");
	bool early = bh_time_monotonic() - child->started < EARLY;
	child->failures = early ? child->failures + 1 : 0;
	if (hopeless || child->failures > MOST_FAILURES) {
		notify(k, "failed\n");
		k->exit_status = 1;
		uv_stop(&k->loop);
		return;
	}
	if (shared)
		tell_shares(k);
	tell_capture_state(k);
	uv_timer_start(&child->restart, on_restart_due, RESTART_MS, 0);
}

static void on_child_closed(void *user, struct bh_channel *channel, const char *why)
{
	struct child *child = user;

	(void)channel;
	bh_log(child->kernel->stopping ? BH_LOG_DEBUG : BH_LOG_WARNING, "channel to %s: %s",
	       child->name, why);
	lose_channel(child);
	/* A child without a channel is of no use, and one that broke the protocol is worse. */
	if (child->alive && !child->kernel->stopping)
		uv_process_kill(&child->process, SIGKILL);
}

/* core does not hear it any more: its successor gets a channel of its own. */
static void end_worker(struct kernel *k, uint32_t number)
{
	if (number >= k->worker_count || !k->workers[number].alive || k->stopping)
		return;
	bh_log(BH_LOG_WARNING, "capture broke its channel to core; it is ended");
	uv_process_kill(&k->workers[number].process, SIGKILL);
}

static void on_child_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	struct child *child = user;
	struct kernel *k = child->kernel;

	if (m->fd >= 0)
		close(m->fd);
	if (child == &k->core && m->type == BH_MSG_RUNTIME_GET)
		bh_relay_get(k->relay, m->data);
	else if (child == &k->core && m->type == BH_MSG_LISTENERS_GET)
		tell_listeners(k, m->data);
	else if (child == &k->core && m->type == BH_MSG_FOREIGN_GET)
		tell_foreign(k);
	else if (child == &k->core && m->type == BH_MSG_PROVE)
		bh_selftest_run(k->selftest);
	else if (child == &k->core && m->type == BH_MSG_WITHHOLD)
		take_withhold(k, m->data);
	else if (child == &k->core && m->type == BH_MSG_TRACE_GET)
		bh_tracing_start(k->tracing, m->data);
	else if (child == &k->core && m->type == BH_MSG_USES_GET)
		tell_uses(k);
	else if (child == &k->core && m->type == BH_MSG_TRACKED_GET)
		bh_lookup_answer(k->lookup, channel, m);
	else if (child == &k->core && m->type == BH_MSG_ENTRIES_GET)
		check_taken(child, BH_MSG_ENTRIES_END, bh_entries_send(k->facts, channel));
	else if (child == &k->core && (m->type == BH_MSG_CUT || m->type == BH_MSG_CUT_END))
		check_taken(child, BH_MSG_CUT_OF, bh_cuts_take(&k->cuts, channel, m));
	else if (child == &k->core && m->type == BH_MSG_HOOK)
		take_hook(k, m->data);
	else if (child == &k->core && m->type == BH_MSG_KEEP)
		keep_connections(m);
	else if (child == &k->core &&
		 (m->type == BH_MSG_RULES_POSTURES || m->type == BH_MSG_RULES_EXCEPTIONS ||
		  (m->type >= BH_MSG_RULES_BEGIN && m->type <= BH_MSG_RULES_COMMIT)))
		take_rules(k, m);
	else if (child == &k->core && m->type == BH_MSG_READY)
		notify(k, "ready\n");
	else if (child == &k->core && m->type == BH_MSG_CAPTURE_LOST)
		end_worker(k, *(const uint32_t *)m->data);
	else if (is_worker(child) && m->type == BH_MSG_JOINED)
		on_joined(child);
	else
		bh_log(BH_LOG_WARNING, "%s sent %s; ignored", child->name,
		       bh_message_name(m->type));
}

/* Gives a worker and core the two ends of a fresh channel. */
static void introduce(struct kernel *k, uint32_t number)
{
	struct bh_channel *worker = k->workers[number].channel;
	int fds[2];

	if (worker == NULL || k->core.channel == NULL || bh_channel_pair(fds) != 0)
		return;
	bh_channel_send(worker, BH_MSG_PEER, &number, sizeof(number), NULL, 0, fds[0]);
	bh_channel_send(k->core.channel, BH_MSG_PEER, &number, sizeof(number), NULL, 0, fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static uint32_t number_of(const struct child *worker)
{
	return (uint32_t)(worker - worker->kernel->workers);
}

/* A worker meets core; core meets every worker. */
static void introduce_child(struct child *child)
{
	struct kernel *k = child->kernel;

	if (is_worker(child))
		introduce(k, number_of(child));
	else
		for (uint32_t i = 0; i < k->worker_count; i++)
			introduce(k, i);
}

static void tell_worker(struct child *worker)
{
	struct bh_msg_worker which = { .number = number_of(worker),
				       .count = worker->kernel->worker_count };

	/* Groups are told apart by number, within a network namespace: as processes are. */
	if (which.count > 1)
		which.group = (uint16_t)(getpid() % UINT16_MAX + 1);
	tell(worker, BH_MSG_WORKER, &which, sizeof(which));
}

static int spawn(struct child *child, int child_fd)
{
	struct kernel *k = child->kernel;
	/* execvp() takes them without const, and leaves them alone. */
	const char *words[] = { "bulkhead", "daemon", "--child", child->name, NULL };
	uv_stdio_container_t stdio[BH_CHILD_FD + 1] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = child_fd },
	};
	uv_process_options_t options = { .exit_cb = on_child_exit,
					 .file = "/proc/self/exe",
					 .args = (char **)(uintptr_t)words,
					 .stdio = stdio,
					 .stdio_count = BH_CHILD_FD + 1 };
	struct bh_user user;
	struct bh_error err = { 0 };

	if (child == &k->core) {
		if (bh_user_find(k->config.core_user, &user, &err) != 0)
			return err.code;
		options.flags = UV_PROCESS_SETUID | UV_PROCESS_SETGID;
		options.uid = user.uid;
		options.gid = user.gid;
	}
	child->process.data = child;
	return uv_spawn(&k->loop, &child->process, &options);
}

static void give_sockets(const struct kernel *k, struct bh_channel *core)
{
	for (uint32_t i = 0; i < k->config.web_listen.count; i++)
		bh_channel_send(core, BH_MSG_WEB_SOCKET, &i, sizeof(i), NULL, 0,
				k->listening.web[i]);
	bh_channel_send(core, BH_MSG_API_SOCKET, NULL, 0, NULL, 0, k->listening.api);
}

static void start_child(struct child *child)
{
	struct kernel *k = child->kernel;
	struct bh_channel_handlers handlers = { child, on_child_message, on_child_closed };
	int fds[2], result = bh_channel_pair(fds);

	if (result == 0) {
		result = spawn(child, fds[1]);
		close(fds[1]);
		if (result != 0)
			close(fds[0]);
	}
	if (result != 0) {
		bh_log(BH_LOG_ERROR, "%s cannot be started: %s", child->name, strerror(-result));
		uv_timer_start(&child->restart, on_restart_due, RESTART_MS * 10, 0);
		return;
	}
	child->alive = true;
	child->hangs = false;
	child->starts++;
	child->started = bh_time_monotonic();
	child->channel = bh_channel_new(&k->loop, fds[0], &handlers, QUEUE_LIMIT);
	if (is_worker(child))
		tell_worker(child);
	tell(child, BH_MSG_CONFIG, &k->config, sizeof(k->config));
	if (child == &k->core) {
		bh_relay_attach(k->relay, child->channel);
		give_sockets(k, child->channel);
		tell(child, BH_MSG_LOSS, &k->loss, sizeof(k->loss));
		on_tables_state(k, bh_guard_state(k->guard));
		tell_accounting(k);
	}
	introduce_child(child);
	/* The others hear it all again, which changes nothing for them. */
	repeat_facts(k);
	tell_capture_state(k);
}

static void init_child(struct kernel *k, struct child *child, const char *name)
{
	child->kernel = k;
	child->name = name;
	uv_timer_init(&k->loop, &child->restart);
	child->restart.data = child;
}

/* --- start and stop --------------------------------------------------------------------------- */

static void on_stop_overdue(uv_timer_t *timer)
{
	struct kernel *k = timer->data;

	for (uint32_t i = 0; i < k->worker_count; i++)
		if (k->workers[i].alive)
			uv_process_kill(&k->workers[i].process, SIGKILL);
	if (k->core.alive)
		uv_process_kill(&k->core.process, SIGKILL);
}

/* Children end when their channel does: capture first, so that core still hears its last flows. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct kernel *k = handle->data;

	(void)number;
	if (k->stopping)
		return;
	bh_log(BH_LOG_INFO, "stopping; the rules stay in force");
	k->stopping = true;
	uv_timer_start(&k->stop_timer, on_stop_overdue, STOP_MS, 0);
	for (uint32_t i = 0; i < k->worker_count; i++)
		lose_channel(&k->workers[i]);
	lose_channel(&k->core);
	if (!any_alive(k))
		uv_stop(&k->loop);
}

static int open_kernel(struct kernel *k, struct bh_error *err)
{
	const char *directories[BH_CONFIG_LIST + 1] = { 0 };
	struct bh_links_config links = { .netns_dirs = directories,
					 .proc = "/proc",
					 .receive_buffer = (int)k->config.receive_buffer };
	struct bh_links_events events = { .user = k,
					  .endpoint = on_endpoint,
					  .endpoint_gone = on_endpoint_gone,
					  .host_addr = on_host_addr,
					  .host_addr_gone = on_host_addr_gone,
					  .link = on_link,
					  .link_gone = on_link_gone,
					  .netns = on_netns,
					  .netns_gone = on_netns_gone,
					  .overrun = on_overrun };
	struct bh_nft_config nft = { .owner = k->config.table_protection == BH_TABLE_OWNER,
				     .log_group = (uint16_t)k->config.log_group };
	const struct bh_guard_handlers guard = { k, on_tampering, on_tables_state };

	bh_tables_record_path(k->config.run_directory, nft.record, sizeof(nft.record));
	for (uint32_t i = 0; i < k->config.netns_directories.count; i++)
		directories[i] = k->config.netns_directories.items[i];
	if ((k->links = bh_links_open(&links, &events, err)) == NULL ||
	    (k->nft = bh_nft_open(&nft, err)) == NULL ||
	    (k->guard = bh_guard_new(&k->loop, k->nft, &nft, k->config.verify_every, &guard,
				     err)) == NULL ||
	    (k->nflog = bh_nflog_open((uint16_t)k->config.log_group, err)) == NULL ||
	    (k->lookup = bh_lookup_new(err)) == NULL)
		return err->code;
	k->bridges = bh_bridge_flags_new(k->config.run_directory, k->links);
	int result = bh_links_start(k->links, err);
	if (result == 0)
		forget_departed(k);
	return result;
}

static void on_log_due(uv_timer_t *timer)
{
	bh_log_file_trim(((struct kernel *)timer->data)->config.run_directory);
}

static bool give_note(void *user, const struct bh_msg_given_up *note)
{
	return bh_channel_send(user, BH_MSG_GIVEN_UP, note, sizeof(*note), NULL, 0, -1) == 0;
}

static void on_hooks_due(uv_timer_t *timer)
{
	struct kernel *k = timer->data;

	if (k->core.channel != NULL)
		bh_hook_notes_take(&k->hook_notes, give_note, k->core.channel);
}

static void watch_descriptors(struct kernel *k)
{
	int fds[LINK_FDS];
	size_t count = bh_links_fds(k->links, fds, LINK_FDS);

	for (size_t i = 0; i < count; i++) {
		uv_poll_init(&k->loop, &k->link_polls[i], fds[i]);
		k->link_polls[i].data = k;
		uv_poll_start(&k->link_polls[i], UV_READABLE, on_links_readable);
	}
	uv_poll_init(&k->loop, &k->nflog_poll, bh_nflog_fd(k->nflog));
	k->nflog_poll.data = k;
	uv_poll_start(&k->nflog_poll, UV_READABLE, on_nflog_readable);
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&k->loop, &k->signals[i]);
		k->signals[i].data = k;
		uv_signal_start(&k->signals[i], on_signal, i == 0 ? SIGTERM : SIGINT);
	}
}

static uint32_t count_workers(const struct bh_config *config)
{
	int64_t wanted = config->workers != 0 ? config->workers : sysconf(_SC_NPROCESSORS_ONLN);

	return wanted < 1 ? 1 : wanted > BH_MOST_WORKERS ? BH_MOST_WORKERS : (uint32_t)wanted;
}

static void init(struct kernel *k, const struct bh_config *config, int notify_fd)
{
	uv_timer_t *timers[] = { &k->links_timer, &k->exclude_timer, &k->note_timer,
				 &k->stop_timer,  &k->log_timer,     &k->accounting_timer,
				 &k->hooks_timer };

	k->config = *config;
	k->notify_fd = notify_fd;
	k->facts = bh_map_new(free);
	k->processes = bh_map_new(free);
	k->host_links = bh_map_new(free);
	uv_loop_init(&k->loop);
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(&k->loop, timers[i]);
		timers[i]->data = k;
	}
	k->relay = bh_relay_new(&k->loop, &k->config, on_runtime_news, k);
	k->selftest = bh_selftest_new(&k->loop, config->self_test,
				      &(struct bh_selftest_events) { .user = k,
								     .proof = on_proof,
								     .ports = on_probe_ports,
								     .withhold = on_withhold,
								     .idle = find_idle });
	k->tracing = bh_tracing_new(&k->loop, &(struct bh_tracing_handlers) { k, on_trace });
	k->departed = bh_departed_new(&k->loop, &(struct bh_departed_handlers) { k, on_forget });
	k->worker_count = count_workers(config);
	for (uint32_t i = 0; i < k->worker_count; i++)
		init_child(k, &k->workers[i], "capture");
	init_child(k, &k->core, "core");
}

int bh_kernel_main(const struct bh_config *config, int notify_fd)
{
	struct kernel *k = bh_calloc(1, sizeof(*k));
	struct bh_error err = { 0 };

	signal(SIGPIPE, SIG_IGN); /* a runtime that hangs up, or nobody who reads the log */
	bh_log_open("kernel", (enum bh_log_level)config->log_level);
	init(k, config, notify_fd);
	if (bh_listen_open(&k->listening, &k->config, &err) != 0 ||
	    bh_privileges_keep_kernel(&err) != 0 || open_kernel(k, &err) != 0) {
		bh_log(BH_LOG_ERROR, "%s", err.text);
		notify(k, "failed\n");
		return 1;
	}
	watch_descriptors(k);
	schedule_links(k);
	start_accounting(k);
	uv_timer_start(&k->log_timer, on_log_due, LOG_MS, LOG_MS);
	if (bh_hook_notes_name(k->config.api_socket, &k->hook_notes))
		uv_timer_start(&k->hooks_timer, on_hooks_due, HOOKS_MS, HOOKS_MS);
	start_child(&k->core);
	for (uint32_t i = 0; i < k->worker_count; i++)
		start_child(&k->workers[i]);
	uv_run(&k->loop, UV_RUN_DEFAULT);
	restore_accounting(k);
	bh_departed_forget(k->departed);
	if (uv_is_active((uv_handle_t *)&k->note_timer))
		on_note_due(&k->note_timer);
	bh_departed_free(k->departed);
	bh_selftest_free(k->selftest);
	bh_listen_close(&k->listening, &k->config);
	bh_log(BH_LOG_INFO, "stopped");
	return k->exit_status;
}
