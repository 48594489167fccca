/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_selftest.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "grow.h"
#include "map.h"
#include "probe.h"
#include "timefmt.h"

#define SETTLE_MS 300 /* changes come in bursts */
#define TICK_MS 1000
#define QUIET_MS 100 /* between the ports' appearance, which capture is told of, and packets */
#define PAUSE_MS 20  /* from one routed veth to the next: 50 a second at most */
#define REPEAT_MS 50 /* until what has not arrived is sent again */
#define SENDS 5
#define NOT_YET_MS 100 /* until a port that does not forward is looked at again … */
#define NOT_YETS 10    /* … so often */
#define FRESH BH_SECOND
#define FAILED_AGAIN (10 * BH_SECOND)
#define UNTESTED_AGAIN (60 * BH_SECOND)

/* Whose doing it is that a bridge's frames are not handed over. */
enum withheld { NOT_WITHHELD, BY_TEST, BY_TRAFFIC };

struct path {
	struct bh_proof proof;
	uint32_t ifindex;
	bool routed;	   /* a veth; else a bridge */
	bool vrf;	   /* that veth is in one */
	uint8_t mode;	   /* the veth's workload's */
	struct bh_mac mac; /* its container's */
	bool idle;	   /* nothing can pass there, as far as the interface itself says */
	int64_t next;	   /* monotonic: when it is tested again */
	bool due;
	bool wanted;	  /* by the rules under examination */
	bool held;	  /* its rules were proved since they stand: others do not stop it */
	uint8_t withheld; /* enum withheld */
	bool checking;	  /* whether it passes while it is withheld */
	bool shut;	  /* it does not: others stop it in any case */
};

struct bh_selftest {
	struct bh_selftest_events events;
	int64_t interval;
	struct bh_map *paths; /* by the interface's name */
	bool stateless;
	uint64_t judged; /* who is, and how: a hash */
	uv_loop_t *loop;
	uv_timer_t settle, tick, step;
	struct path *testing; /* with this, which stays from one routed veth to the next: */
	struct bh_probe *probe;
	struct bh_probe *leaving; /* its devices are on their way out */
	uv_work_t work;
	uv_poll_t *poll;
	unsigned sends, not_yets;
};

static void state(const struct bh_selftest *s, const struct path *path)
{
	s->events.proof(s->events.user, path->ifindex, &path->proof);
}

/* --- one test --------------------------------------------------------------------------------- */

static void on_next(uv_timer_t *timer);

static void free_poll(uv_handle_t *handle)
{
	free(handle);
}

static void close_probe(uv_work_t *work)
{
	bh_probe_close(((struct bh_selftest *)work->data)->leaving);
}

static void on_probe_closed(uv_work_t *work, int status)
{
	struct bh_selftest *s = work->data;

	(void)status;
	s->leaving = NULL;
	s->events.ports(s->events.user, NULL, 0);
	uv_timer_start(&s->step, on_next, 0, 0);
}

/* For devices to go the kernel waits until nobody uses them any more, some tens of milliseconds:
 * in another thread, so that nothing else waits. */
static void drop_probe(struct bh_selftest *s)
{
	uv_timer_stop(&s->step);
	s->testing = NULL;
	if (s->probe == NULL)
		return;
	uv_close((uv_handle_t *)s->poll, free_poll);
	s->leaving = s->probe;
	s->probe = NULL;
	s->work.data = s;
	uv_queue_work(s->loop, &s->work, close_probe, on_probe_closed);
}

/* What a host does not forward it may forward soon, and nobody tells. */
static bool is_untested(const struct path *path, uint8_t result)
{
	const struct bh_probe_seen *seen = path->proof.seen[BH_PROOF_SENT];

	return result == BH_PROOF_UNTESTED ||
	       (path->routed && (result == BH_PROOF_IDLE || seen[0].off || seen[1].off));
}

static int64_t pause_after(const struct bh_selftest *s, const struct path *path, uint8_t result)
{
	int64_t pause = result == BH_PROOF_BYPASSED || result == BH_PROOF_STOPPED ? FAILED_AGAIN
			: is_untested(path, result)				  ? UNTESTED_AGAIN
										  : s->interval;

	return pause < s->interval ? pause : s->interval;
}

static void hand_over_again(struct bh_selftest *s, struct path *path)
{
	path->checking = false;
	path->withheld = NOT_WITHHELD;
	s->events.withhold(s->events.user, path->ifindex, false);
}

/* What changed meanwhile makes it worth nothing. A check that came to no end gives nothing up. */
static void conclude(struct bh_selftest *s, struct path *path, uint8_t result, const char *why)
{
	if (path->checking)
		hand_over_again(s, path);
	if (!path->due) {
		path->proof.state = result;
		path->proof.time = bh_time_now();
		bh_copy_text(path->proof.why, sizeof(path->proof.why), why);
		path->next = bh_time_monotonic() + pause_after(s, path, result);
		state(s, path);
	}
	if (path->routed)
		s->testing = NULL;
	else
		drop_probe(s);
	if (s->leaving == NULL)
		uv_timer_start(&s->step, on_next, path->routed ? PAUSE_MS : 0, 0);
}

/* --- bridges: whether to hand over breaks something ------------------------------------------- */

static bool all_arrived(const struct bh_probe_seen seen[2])
{
	return seen[0].pass_arrived && seen[1].pass_arrived;
}

/* It does not pass since it is handed over. Does it, where it is not? */
static bool begin_check(struct bh_selftest *s, struct path *path)
{
	if (s->stateless || path->routed || path->held || path->due ||
	    all_arrived(path->proof.seen[BH_PROOF_SENT]) ||
	    !s->events.withhold(s->events.user, path->ifindex, true))
		return false;
	path->withheld = BY_TEST;
	path->checking = path->due = true;
	drop_probe(s);
	return true;
}

/* Whether our rules counted whatever was sent. */
static bool are_met(const struct path *path)
{
	for (size_t way = 0; way < BH_PROOF_WAYS; way++)
		for (size_t six = 0; six < 2; six++) {
			const struct bh_probe_seen *seen = &path->proof.seen[way][six];

			if (!seen->off && !(seen->pass_counted && seen->deny_counted))
				return false;
		}
	return true;
}

/* As with a network of Docker's whose containers may not talk to each other: what our rules let
 * pass was never to arrive. That they are met the counters show. To and from a routed veth whatever
 * others' chains do they would do without us, and the test's addresses are not those that they let
 * pass. */
static void conclude_stopped(struct bh_selftest *s, struct path *path)
{
	if ((path->shut || path->routed) && are_met(path))
		conclude(s, path, BH_PROOF_PROVED,
			 "the rules are met; what they let pass somebody else stops, whatever "
			 "bulkhead does");
	else
		conclude(s, path, BH_PROOF_STOPPED, "");
}

/* Of either family, what did not arrive when it was handed over. */
static bool arrives_without(const struct bh_probe_seen with[2],
			    const struct bh_probe_seen without[2])
{
	for (size_t six = 0; six < 2; six++)
		if (without[six].pass_arrived && !with[six].pass_arrived)
			return true;
	return false;
}

static void end_check(struct bh_selftest *s, struct path *path, const struct bh_probe_seen seen[2])
{
	path->checking = false;
	if (arrives_without(path->proof.seen[BH_PROOF_SENT], seen)) {
		conclude(s, path, BH_PROOF_WITHHELD, "");
		return;
	}
	hand_over_again(s, path);
	path->held = path->shut = true;
	conclude_stopped(s, path);
}

/* --- packets ---------------------------------------------------------------------------------- */

/* What holds of one family is not said of the other. */
static const char *exception_of(const struct path *path)
{
	const struct bh_probe_seen *seen = path->proof.seen[BH_PROOF_SENT];

	if (path->routed && seen[1].off)
		return "the rules hold over IPv4; IPv6 is not forwarded there, and was not tested";
	if (path->routed && seen[0].off)
		return "the rules hold over IPv6; IPv4 is not forwarded there, and was not tested";
	return "";
}

/* Of a routed veth that went, or leads nowhere, there is nothing to say. */
static void conclude_error(struct bh_selftest *s, int error, const struct bh_error *err)
{
	bool idle = s->testing->routed && (error == -ENODEV || error == -EHOSTUNREACH);

	conclude(s, s->testing, idle ? BH_PROOF_IDLE : BH_PROOF_UNTESTED, err->text);
}

static void judge(struct bh_selftest *s)
{
	struct path *path = s->testing;
	struct bh_probe_seen seen[BH_PROOF_WAYS][2];
	struct bh_error err = { 0 };
	int error = bh_probe_result(s->probe, seen, &err);

	if (error != 0) {
		conclude_error(s, error, &err);
		return;
	}
	if (path->checking) {
		end_check(s, path, seen[BH_PROOF_SENT]);
		return;
	}
	enum bh_proof_state result = bh_probe_judge(seen[0], sizeof(seen) / sizeof(seen[0][0]));
	memcpy(path->proof.seen, seen, sizeof(seen));
	/* A stateless bridge hands nothing over: what does not arrive at first did not before. */
	path->shut = result == BH_PROOF_STOPPED && (path->shut || (s->stateless && !path->held));
	path->held = path->held || path->shut || result == BH_PROOF_PROVED;
	if (result != BH_PROOF_STOPPED)
		conclude(s, path, result, result == BH_PROOF_PROVED ? exception_of(path) : "");
	else if (!begin_check(s, path))
		conclude_stopped(s, path);
}

static void on_arrival(uv_poll_t *poll, int status, int events)
{
	struct bh_selftest *s = poll->data;

	(void)events;
	/* What comes late is of a test that is over. */
	if (status == 0 && bh_probe_read(s->probe) && s->testing != NULL)
		judge(s);
}

static void on_send_due(uv_timer_t *timer)
{
	struct bh_selftest *s = timer->data;
	struct bh_error err = { 0 };

	if (s->sends == SENDS) {
		judge(s);
		return;
	}
	int result = bh_probe_send(s->probe, &err);
	if (result == -EAGAIN && s->not_yets++ < NOT_YETS) {
		uv_timer_start(&s->step, on_send_due, NOT_YET_MS, 0);
	} else if (result != 0) {
		conclude(s, s->testing, BH_PROOF_UNTESTED, err.text);
	} else {
		s->sends++;
		uv_timer_start(&s->step, on_send_due, REPEAT_MS, 0);
	}
}

static bool open_probe(struct bh_selftest *s, const struct path *path, struct bh_error *err)
{
	uint32_t ports[2];

	s->probe = path->routed ? bh_probe_open_routed(err)
				: bh_probe_open_bridge(path->ifindex, s->stateless, err);
	if (s->probe == NULL)
		return false;
	bh_probe_ifindexes(s->probe, ports);
	s->events.ports(s->events.user, ports, 2);
	s->poll = bh_calloc(1, sizeof(*s->poll));
	uv_poll_init(s->loop, s->poll, bh_probe_fd(s->probe));
	s->poll->data = s;
	uv_poll_start(s->poll, UV_READABLE, on_arrival);
	return true;
}

static void begin(struct bh_selftest *s, struct path *path)
{
	const bool fresh = s->probe == NULL;
	const char *idle = s->events.idle(s->events.user, path->ifindex);
	struct bh_error err = { 0 };

	path->due = false;
	path->idle = idle != NULL;
	s->testing = path;
	s->sends = s->not_yets = 0;
	if (path->withheld != NOT_WITHHELD && !path->checking)
		hand_over_again(s, path);
	if (idle != NULL) {
		conclude(s, path, BH_PROOF_IDLE, idle);
		return;
	}
	if (path->vrf) {
		conclude(s, path, BH_PROOF_UNTESTED,
			 "it is in a VRF, and the test's routes are none of a VRF's");
		return;
	}
	if (fresh && !open_probe(s, path, &err)) {
		conclude(s, path, BH_PROOF_UNTESTED, err.text);
		return;
	}
	int error = path->routed ? bh_probe_aim(s->probe, path->ifindex, &path->mac, &err) : 0;
	if (error != 0)
		conclude_error(s, error, &err);
	else
		uv_timer_start(&s->step, on_send_due, fresh ? QUIET_MS : 0, 0);
}

/* --- which is next ---------------------------------------------------------------------------- */

/* Bridges before veths: more depends on each. Then whose state is the oldest. */
static bool is_sooner(const struct path *path, const struct path *than)
{
	return path->routed != than->routed ? than->routed : path->proof.time < than->proof.time;
}

static struct path *next_due(const struct bh_selftest *s)
{
	struct path *path, *next = NULL;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;)
		if (path->due && (next == NULL || is_sooner(path, next)))
			next = path;
	return next;
}

static void on_next(uv_timer_t *timer)
{
	struct bh_selftest *s = timer->data;

	if (s->testing != NULL || s->leaving != NULL)
		return;
	struct path *path = next_due(s);
	if (s->probe != NULL && (path == NULL || !path->routed))
		drop_probe(s); /* the last routed veth was tested */
	else if (path != NULL)
		begin(s, path);
}

static void schedule(struct bh_selftest *s)
{
	if (!uv_is_active((uv_handle_t *)&s->settle))
		uv_timer_start(&s->settle, on_next, SETTLE_MS, 0);
}

/* What was found does not count any more. */
static void change(struct bh_selftest *s, struct path *path, const char *why)
{
	path->due = true;
	path->checking = false;
	/* On a stateless bridge no change of ours makes that something arrives no more. */
	path->held = path->held && s->stateless;
	path->shut = path->shut && s->stateless;
	path->proof.state = BH_PROOF_PENDING;
	path->proof.time = bh_time_now();
	bh_copy_text(path->proof.why, sizeof(path->proof.why), why);
	state(s, path);
	schedule(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct bh_selftest *s = timer->data;
	int64_t now = bh_time_monotonic();
	struct path *path;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;) {
		bool idle = s->events.idle(s->events.user, path->ifindex) != NULL;

		if (path->due || path == s->testing || path->withheld == BY_TRAFFIC)
			continue;
		if (idle != path->idle)
			change(s, path, "");
		else if (!idle && now >= path->next)
			path->due = true;
	}
	on_next(timer);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* The strictest that any of the workload's instances meets; its chains stand side by side. *next:
 * behind them. */
static uint8_t strictest_mode(const struct bh_ruleset *rules, size_t first, size_t *next)
{
	const char *workload = rules->chains[first].workload;
	uint8_t mode = BH_LEARN;

	for (*next = first; *next < rules->chain_count; (*next)++) {
		const struct bh_chain *chain = &rules->chains[*next];

		if (strcmp(chain->workload, workload) != 0)
			break;
		mode = chain->mode > mode ? chain->mode : mode;
	}
	return mode;
}

/* Of who is judged and how: a container that comes or goes changes nothing of it, nor does who may
 * speak to whom. */
static uint64_t hash_judged(const struct bh_ruleset *rules)
{
	size_t next;

	XXH3_state_t *state = XXH3_createState();

	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, &rules->stateless, sizeof(rules->stateless));
	XXH3_64bits_update(state, &rules->posture, sizeof(rules->posture));
	for (size_t i = 0; i < rules->chain_count; i = next) {
		const char *workload = rules->chains[i].workload;
		uint8_t mode = strictest_mode(rules, i, &next);

		if (mode == BH_LEARN)
			continue;
		XXH3_64bits_update(state, workload, strlen(workload) + 1);
		XXH3_64bits_update(state, &mode, sizeof(mode));
	}
	uint64_t hash = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return hash;
}

static struct path *want(struct bh_selftest *s, const char *ifname, uint32_t ifindex, bool routed,
			 bool *fresh)
{
	struct path *path = bh_map_get_text(s->paths, ifname);

	*fresh = path == NULL || path->ifindex != ifindex;
	if (path == NULL) {
		path = bh_calloc(1, sizeof(*path));
		bh_copy_text(path->proof.ifname, sizeof(path->proof.ifname), ifname);
		bh_map_put_text(s->paths, ifname, path);
	}
	path->ifindex = ifindex;
	path->routed = routed;
	path->wanted = true;
	return path;
}

static void want_bridges(struct bh_selftest *s, const struct bh_ruleset *rules, bool changed)
{
	bool fresh;

	for (size_t i = 0; i < rules->bridge_count && rules->chain_count > 0; i++) {
		const struct bh_bridge *bridge = &rules->bridges[i];

		if (!bridge->filtered)
			continue;
		struct path *path = want(s, bridge->ifname, bridge->ifindex, false, &fresh);
		if (fresh || changed)
			change(s, path, "");
	}
}

/* Each for itself: what changes for one workload has no other's veths tested. */
static void want_veth(struct bh_selftest *s, const struct bh_port *port)
{
	uint32_t ifindex = if_nametoindex(port->ifname);
	bool fresh;

	if (ifindex == 0)
		return; /* the rules are behind */
	struct path *path = want(s, port->ifname, ifindex, true, &fresh);
	path->mac = port->mac;
	if (!fresh && path->mode == port->mode && path->vrf == port->vrf &&
	    strcmp(path->proof.workload, port->workload) == 0)
		return;
	path->mode = port->mode;
	path->vrf = port->vrf;
	bh_copy_text(path->proof.workload, sizeof(path->proof.workload), port->workload);
	change(s, path, "");
}

static void drop_unwanted(struct bh_selftest *s)
{
	struct path *path;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;) {
		char ifname[BH_IFNAME];

		if (path->wanted)
			continue;
		if (path == s->testing)
			drop_probe(s);
		path->proof.state = BH_PROOF_GONE;
		state(s, path);
		memcpy(ifname, path->proof.ifname, sizeof(ifname));
		bh_map_remove_text(s->paths, ifname);
	}
}

void bh_selftest_rules(struct bh_selftest *s, const struct bh_ruleset *rules)
{
	uint64_t judged = hash_judged(rules);
	bool changed = judged != s->judged;
	struct path *path;

	if (s->interval == 0)
		return;
	s->judged = judged;
	s->stateless = rules->stateless;
	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;)
		path->wanted = false;
	want_bridges(s, rules, changed);
	for (size_t i = 0; i < rules->port_count; i++)
		if (!rules->ports[i].bridged && rules->ports[i].mode != BH_LEARN)
			want_veth(s, &rules->ports[i]);
	drop_unwanted(s);
	schedule(s);
}

/* --- from outside ----------------------------------------------------------------------------- */

void bh_selftest_touch(struct bh_selftest *s, uint32_t ifindex, const char *why)
{
	struct path *path;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;)
		if (path->ifindex == ifindex)
			change(s, path, why);
}

void bh_selftest_withhold(struct bh_selftest *s, uint32_t ifindex, const char *why)
{
	struct path *path;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;) {
		if (path->ifindex != ifindex || path->withheld != NOT_WITHHELD ||
		    !s->events.withhold(s->events.user, ifindex, true))
			continue;
		path->withheld = BY_TRAFFIC;
		path->due = false;
		if (path == s->testing)
			drop_probe(s);
		path->proof.state = BH_PROOF_WITHHELD;
		path->proof.time = bh_time_now();
		bh_copy_text(path->proof.why, sizeof(path->proof.why), why);
		state(s, path);
	}
}

void bh_selftest_run(struct bh_selftest *s)
{
	int64_t now = bh_time_now();
	struct path *path;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;)
		path->due = path->due || (path != s->testing && path->withheld != BY_TRAFFIC &&
					  now - path->proof.time >= FRESH);
	on_next(&s->step);
}

void bh_selftest_repeat(const struct bh_selftest *s)
{
	const struct path *path;

	for (size_t position = 0; (path = bh_map_next(s->paths, &position)) != NULL;)
		state(s, path);
}

struct bh_selftest *bh_selftest_new(uv_loop_t *loop, int64_t interval,
				    const struct bh_selftest_events *events)
{
	struct bh_selftest *s = bh_calloc(1, sizeof(*s));
	uv_timer_t *timers[] = { &s->settle, &s->tick, &s->step };

	s->events = *events;
	s->interval = interval;
	s->loop = loop;
	s->paths = bh_map_new(free);
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(loop, timers[i]);
		timers[i]->data = s;
	}
	if (interval > 0)
		uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	return s;
}

void bh_selftest_free(struct bh_selftest *s)
{
	bh_probe_close(s->probe);
	bh_map_free(s->paths);
	free(s);
}
