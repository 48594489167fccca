/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The runtimes' back ends (capture/identity/runtime.h), and what they say: names, labels. */
#include "core.h"
#include "grow.h"
#include "https.h"
#include "json.h"
#include "runtime.h"
#include "timefmt.h"

/* Seconds that Kubernetes' API server has for an answer. It ends a watch before ours does. */
#define ANSWER_SECONDS 30L
#define WATCH_SECONDS 300L

/* Kubernetes is asked by core itself. */
static void ask_server(struct bh_core *core, uint32_t request, enum bh_runtime_query what,
		       const char *path)
{
#define AS(kind) "application/json;as=" kind ";g=meta.k8s.io;v=1"
	bool list = what == BH_QUERY_CONTAINERS, watch = what == BH_QUERY_EVENTS;

	bh_https_get(core->https, request, path,
		     list ? AS("PartialObjectMetadataList") : AS("PartialObjectMetadata"),
		     watch ? WATCH_SECONDS : ANSWER_SECONDS);
#undef AS
}

static uint32_t query(void *user, uint8_t runtime, enum bh_runtime_query what, const char *argument)
{
	struct bh_core *core = user;
	struct bh_msg_runtime_get get = { .request = ++core->next_request,
					  .runtime = runtime,
					  .query = (uint8_t)what };

	if (runtime == BH_RUNTIME_KUBERNETES) {
		ask_server(core, get.request, what, argument);
		return get.request;
	}
	bh_copy_text(get.argument, sizeof(get.argument), argument != NULL ? argument : "");
	bh_channel_send(core->kernel, BH_MSG_RUNTIME_GET, &get, sizeof(get), NULL, 0, -1);
	return get.request;
}

static void state_container(struct bh_core *core, const struct bh_container *container)
{
	bh_model_container(core->model, container, bh_time_now());
	/* Names come again, unlike ids; and files are never away. */
	if (!bh_runtime_names_anew(container->runtime))
		bh_core_remember(core, container);
	/* One that is to start: its workload's chains, and the posture of its addresses. */
	if (!container->running)
		bh_core_rules_touch(core);
}

static void on_container(void *user, const struct bh_container *container)
{
	struct bh_core *core = user;

	if (container->runtime == BH_RUNTIME_KUBERNETES) {
		bh_core_remember(core, container);
		bh_core_pods_put(core, container);
		bh_core_pods_restate(core, container->id, state_container);
		return;
	}
	struct bh_container *joined = bh_core_pods_join(core, container);
	state_container(core, joined);
	bh_container_free(joined);
}

static void on_container_gone(void *user, uint8_t runtime, const char *id)
{
	struct bh_core *core = user;

	if (runtime == BH_RUNTIME_KUBERNETES) {
		bh_core_pods_lose(core, id);
		return;
	}
	bh_model_container_gone(core->model, runtime, id, bh_time_now());
	bh_core_forget(core, id);
	bh_core_pods_lose_member(core, id);
}

static void on_state(void *user, uint8_t runtime, enum bh_runtime_state state, const char *why)
{
	struct bh_core *core = user;
	struct bh_core_runtime *r = &core->runtimes[runtime];
	bool came = state == BH_RUNTIME_CONNECTED,
	     left = r->known && r->state == BH_RUNTIME_CONNECTED;

	if (r->known && r->state == state && strcmp(r->why, why != NULL ? why : "") == 0)
		return;
	r->known = true;
	r->state = (uint8_t)state;
	bh_copy_text(r->why, sizeof(r->why), why != NULL ? why : "");
	if (came)
		bh_core_forget_unmentioned(core, runtime, bh_time_now());
	if (came)
		bh_core_event(core, "runtime", "%s answers; its containers are known%s%s",
			      bh_runtime_name(runtime), r->why[0] != '\0' ? ": " : "", r->why);
	else if (left || state == BH_RUNTIME_UNREACHABLE)
		bh_core_event(core, "runtime", "%s: %s", bh_runtime_name(runtime), r->why);
	bh_core_rules_touch(core);
}

static bool is_configured(const struct bh_config *config, uint8_t runtime)
{
	switch (runtime) {
	case BH_RUNTIME_DOCKER:
		return config->docker_socket[0] != '\0';
	case BH_RUNTIME_PODMAN:
		return config->podman_socket[0] != '\0' || config->podman_storage[0] != '\0';
	case BH_RUNTIME_CRI:
		return config->cni_results[0] != '\0' || config->containerd_bundles[0] != '\0' ||
		       config->crio_bundles[0] != '\0';
	case BH_RUNTIME_LXC:
		return config->lxc_containers[0] != '\0';
	case BH_RUNTIME_LXD:
		return config->lxd_socket[0] != '\0';
	case BH_RUNTIME_INCUS:
		return config->incus_socket[0] != '\0';
	case BH_RUNTIME_NSPAWN:
		return config->machines[0] != '\0';
	case BH_RUNTIME_KUBERNETES:
		return config->kubernetes_server[0] != '\0';
	default:
		return false;
	}
}

static void on_server_data(void *user, uint32_t request, const void *bytes, size_t length)
{
	struct bh_core *core = user;

	bh_kubernetes_ops.data(core->runtimes[BH_RUNTIME_KUBERNETES].back_end, request, bytes,
			       length, bh_time_now());
}

static void on_server_end(void *user, uint32_t request, int error)
{
	struct bh_core *core = user;

	bh_kubernetes_ops.end(core->runtimes[BH_RUNTIME_KUBERNETES].back_end, request, error,
			      bh_time_now());
}

static void open_server(struct bh_core *core)
{
	const struct bh_https_events events = { core, on_server_data, on_server_end };
	const struct bh_config *c = &core->config;

	if (core->https == NULL && is_configured(c, BH_RUNTIME_KUBERNETES))
		core->https = bh_https_new(&core->loop, c->kubernetes_server, c->kubernetes_ca,
					   c->kubernetes_token, &events);
}

void bh_core_runtimes_start(struct bh_core *core)
{
	struct bh_runtime_host host = {
		core, core->config.kubernetes_node, query, on_container, on_container_gone, on_state
	};

	open_server(core);
	for (uint8_t i = 0; i < BH_RUNTIMES; i++)
		if (bh_back_ends[i] != NULL && core->runtimes[i].back_end == NULL &&
		    is_configured(&core->config, i))
			core->runtimes[i].back_end = bh_back_ends[i]->start(&host, bh_time_now());
}

void bh_core_runtimes_tick(struct bh_core *core, int64_t now)
{
	for (uint8_t i = 0; i < BH_RUNTIMES; i++)
		if (core->runtimes[i].back_end != NULL)
			bh_back_ends[i]->tick(core->runtimes[i].back_end, now);
}

void bh_core_runtime_data(struct bh_core *core, const struct bh_message *m)
{
	const struct bh_msg_runtime_data *head = m->data;

	if (core->runtimes[head->runtime].back_end != NULL)
		bh_back_ends[head->runtime]->data(core->runtimes[head->runtime].back_end,
						  head->request, head + 1,
						  m->length - sizeof(*head), bh_time_now());
}

void bh_core_runtime_end(struct bh_core *core, const struct bh_msg_runtime_end *end)
{
	if (core->runtimes[end->runtime].back_end != NULL)
		bh_back_ends[end->runtime]->end(core->runtimes[end->runtime].back_end, end->request,
						end->error, bh_time_now());
}

bool bh_core_runtimes_known(const struct bh_core *core)
{
	for (uint8_t i = 0; i < BH_RUNTIMES; i++)
		if (core->runtimes[i].back_end != NULL && !core->runtimes[i].known)
			return false;
	return true;
}

const char *bh_core_runtime_state(const struct bh_core *core, uint8_t runtime)
{
	static const char *const states[] = { "absent", "unreachable", "connected" };
	const struct bh_core_runtime *r = &core->runtimes[runtime];

	return r->back_end == NULL ? "off" : r->known ? states[r->state] : "unreachable";
}

/* Endpoints that are this runtime's: as it said itself, or as a cgroup says. */
static bool has_endpoints(const struct bh_core *core, uint8_t runtime)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if ((instance->container != NULL ? instance->container->runtime
						 : instance->fact.runtime) == runtime)
			return true;
	return false;
}

static void say_of_pods(const struct bh_core *core, cJSON *list)
{
	size_t count = bh_core_pods_unexplained(core);
	char text[512];

	if (count == 0)
		return;
	snprintf(text, sizeof(text),
		 "what %zu pod%s to is not known%s: each is a workload of its own, unless a rule "
		 "says more",
		 count, count == 1 ? " belongs" : "s belong",
		 core->runtimes[BH_RUNTIME_KUBERNETES].back_end == NULL
			 ? ", since no API server is configured (runtimes.kubernetes)"
			 : ", since Kubernetes' API server has not told of them");
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

void bh_core_runtimes_say(const struct bh_core *core, cJSON *list)
{
	say_of_pods(core, list);
	for (uint8_t i = 0; i < BH_RUNTIMES; i++) {
		const struct bh_core_runtime *r = &core->runtimes[i];
		char text[512];

		if (bh_back_ends[i] == NULL || (r->known && r->state == BH_RUNTIME_CONNECTED) ||
		    !(has_endpoints(core, i) ||
		      (r->back_end != NULL && r->known && r->state == BH_RUNTIME_UNREACHABLE)))
			continue;
		snprintf(
			text, sizeof(text),
			"%s cannot be asked (%s): containers that are new or changed have no names",
			bh_runtime_name(i),
			r->back_end == NULL ? "it is switched off in the configuration"
			: r->why[0] != '\0' ? r->why
					    : "no answer yet");
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
}
