/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Containers that an OCI runtime's hook holds until their policy stands. The hook asks again and
 * again (POST /v1/hook) and is told how things are at that moment; it does the waiting, and gives
 * up by itself, so that nothing here can hold a container back. What it says – this process is that
 * container's – is passed on to the kernel process, which reads what rtnetlink has ready, looks at
 * the namespace and answers. All facts that came before the answer are in the model by then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core_api.h"
#include "grow.h"
#include "timefmt.h"

#define SILENCE 5 /* ticks, after which a hook is gone; it asks many times in each */
#define MOST_HELD 1000

struct held {
	uint64_t inode; /* of its network namespace */
	char id[BH_CONTAINER_ID];
	int64_t first, last; /* monotonic: asked */
	unsigned times;	     /* … so often */
	unsigned quiet;	     /* ticks since then: of core, which may have been stopped itself */
	bool answered;	     /* by the kernel process */
	bool found;
	int32_t nsid;
	bool stood;
	char why[256]; /* it does not stand yet */
};

/* --- what is to stand ------------------------------------------------------------------------- */

/* What stands in the way of this endpoint, in *why; false: nothing. */
static bool waits(const struct bh_core *core, const struct bh_instance *who, char *why, size_t size)
{
	bool rules = core->rules != NULL && core->rules->chain_count > 0;
	bool quiet = !core->rules_dirty && core->serial_sent == core->serial_done;

	if (who->workload[0] == '\0')
		snprintf(why, size, "nobody has said yet whose interface %s is", who->fact.ifname);
	else if (core->enforcement == BH_ENFORCEMENT_FAILED)
		snprintf(why, size, "the kernel does not take the rules: %.150s",
			 core->enforcement_why);
	else if (rules && !bh_core_stands(core, who))
		snprintf(why, size, "the rules of %.150s are on their way", who->workload);
	else if (!rules && (!quiet || core->enforcement != BH_ENFORCEMENT_OFF))
		snprintf(why, size, "rules are on their way");
	else
		return false;
	return true;
}

/* How many of its endpoints there are; *why: what one of them waits for, or "". */
static size_t look(const struct bh_core *core, const struct held *held, char *why, size_t size)
{
	const struct bh_instance *who;
	size_t count = 0;

	why[0] = '\0';
	for (size_t position = 0; (who = bh_model_next(core->model, &position)) != NULL;) {
		if (who->fact.nsid != held->nsid)
			continue;
		count++;
		if (why[0] == '\0')
			waits(core, who, why, size);
	}
	return count;
}

static const char *judge(const struct bh_core *core, struct held *held, size_t *endpoints)
{
	*endpoints = 0;
	held->why[0] = '\0';
	if (!held->answered || !core->scanned) {
		bh_copy_text(held->why, sizeof(held->why), "its namespace is being looked at");
		return "waiting";
	}
	if (held->nsid >= 0)
		*endpoints = look(core, held, held->why, sizeof(held->why));
	if (*endpoints == 0)
		return "none";
	return held->why[0] != '\0' ? "waiting" : "standing";
}

/* --- hooks ------------------------------------------------------------------------------------ */

static struct held *find(const struct bh_core *core, uint64_t inode)
{
	return bh_map_get(core->held, &inode, sizeof(inode));
}

static void send_question(const struct bh_core *core, const struct held *held, int32_t pid)
{
	struct bh_msg_hook hook = { .inode = held->inode, .pid = pid };

	bh_copy_text(hook.container_id, sizeof(hook.container_id), held->id);
	if (core->kernel != NULL) /* it hears the last flows, and nobody answers any more */
		bh_channel_send(core->kernel, BH_MSG_HOOK, &hook, sizeof(hook), NULL, 0, -1);
}

/* A namespace's number may be another container's by now: whoever comes with another id is new. */
static struct held *hold(struct bh_core *core, uint64_t inode, const char *id, int32_t pid)
{
	struct held *held = find(core, inode);

	if (held != NULL && strcmp(held->id, id) == 0)
		return held;
	if (held == NULL && bh_map_count(core->held) >= MOST_HELD)
		return NULL;
	held = bh_calloc(1, sizeof(*held));
	held->inode = inode;
	held->nsid = -1;
	held->first = bh_time_monotonic();
	bh_copy_text(held->id, sizeof(held->id), id);
	bh_map_put(core->held, &inode, sizeof(inode), held);
	send_question(core, held, pid);
	return held;
}

void bh_core_hooked(struct bh_core *core, const struct bh_msg_hooked *answer)
{
	struct held *held = find(core, answer->inode);

	if (held == NULL)
		return;
	held->answered = true;
	held->found = answer->found;
	held->nsid = answer->nsid;
}

/* Those who ask no more: they went on, or gave up. Who asked but once was not answered in time, and
 * left a note of that. */
void bh_core_hooks_tick(struct bh_core *core)
{
	struct held *held;

	for (size_t position = 0; (held = bh_map_next(core->held, &position)) != NULL;) {
		uint64_t inode = held->inode;

		if (++held->quiet < SILENCE)
			continue;
		if (!held->stood && held->times > 1) {
			core->hooks_given_up++;
			bh_core_event(core, "hook",
				      "container %.12s was held for %.1f s and then not any more, "
				      "without its policy in place: %s",
				      held->id, (double)(held->last - held->first) / BH_SECOND,
				      held->why);
		}
		bh_map_remove(core->held, &inode, sizeof(inode));
	}
}

/* What is known of it is older than its note, or is the last question, which came too late. */
static void forget(struct bh_core *core, const char *id)
{
	const struct held *held;

	for (size_t position = 0; (held = bh_map_next(core->held, &position)) != NULL;) {
		uint64_t inode = held->inode;

		if (strcmp(held->id, id) == 0)
			bh_map_remove(core->held, &inode, sizeof(inode));
	}
}

void bh_core_hook_gave_up(struct bh_core *core, const struct bh_msg_given_up *note)
{
	bool known = note->container_id[0] != '\0';
	char when[BH_TIME_TEXT];

	forget(core, note->container_id);
	core->hooks_given_up++;
	bh_core_event(core, "hook",
		      "%s%.12s was held for %.1f s until %s and then %s, without its policy in "
		      "place: %s",
		      known ? "container " : "a container", note->container_id,
		      (double)note->held / BH_SECOND, bh_time_format(note->time, when),
		      note->refused ? "refused" : "not any more", note->why);
}

/* --- the request ------------------------------------------------------------------------------ */

static void reply_state(struct bh_core *core, struct held *held, struct bh_api_reply *reply)
{
	size_t endpoints;
	const char *state = judge(core, held, &endpoints);

	held->last = bh_time_monotonic();
	held->quiet = 0;
	held->times++;
	if (strcmp(state, "waiting") != 0 && !held->stood) {
		held->stood = true;
		core->hooks_stood++;
	}
	reply->json = cJSON_CreateObject();
	cJSON_AddStringToObject(reply->json, "state", state);
	cJSON_AddNumberToObject(reply->json, "endpoints", (double)endpoints);
	bh_core_add_text(reply->json, "why", held->why);
}

static void refuse_unfound(const struct bh_core *core, int64_t pid, uint64_t inode,
			   struct bh_api_reply *reply)
{
	bh_map_remove(core->held, &inode, sizeof(inode));
	bh_api_fail(reply, 409, "hook", NULL,
		    "process %" PRId64 " is not in network namespace %" PRIu64, pid, inode);
}

/* Whatever it says becomes a fact, so nobody but root may say it. */
void bh_core_handle_hook(void *user, const struct bh_api_request *request,
			 struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	const char *id = bh_api_query(request, "id");
	int64_t pid, inode;

	if (request->uid != 0) {
		bh_api_fail(reply, 403, "hook", "call as root",
			    "%s may not say whose a namespace is", request->author);
		return;
	}
	if (!bh_core_number_query(request, "pid", 0, &pid, reply) ||
	    !bh_core_number_query(request, "netns", 0, &inode, reply))
		return;
	if (id == NULL || pid <= 0 || pid > INT32_MAX || inode <= 0 ||
	    strlen(id) >= BH_CONTAINER_ID) {
		bh_api_fail(reply, 400, "hook", NULL,
			    "the container's id, a process of it (pid) and the inode of its "
			    "network namespace (netns) are needed");
		return;
	}
	struct held *held = hold(core, (uint64_t)inode, id, (int32_t)pid);
	if (held == NULL)
		bh_api_fail(reply, 409, "hook", NULL, "%d containers are held already", MOST_HELD);
	else if (held->answered && !held->found)
		refuse_unfound(core, pid, (uint64_t)inode, reply);
	else
		reply_state(core, held, reply);
}

cJSON *bh_core_hooks_json(const struct bh_core *core)
{
	cJSON *json = cJSON_CreateObject();
	const struct held *held;
	size_t waiting = 0;

	for (size_t position = 0; (held = bh_map_next(core->held, &position)) != NULL;)
		waiting += !held->stood;
	cJSON_AddNumberToObject(json, "held", (double)waiting);
	cJSON_AddNumberToObject(json, "stood", (double)core->hooks_stood);
	cJSON_AddNumberToObject(json, "given_up", (double)core->hooks_given_up);
	return json;
}
