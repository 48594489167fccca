/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's answers (docs/api.md): each handler reads the core's state and says it as JSON. Here:
 * what the handlers share, and how they are reached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_api.h"
#include "grow.h"
#include "log.h"
#include "nearest.h"
#include "privileges.h"
#include "query.h"
#include "ruleset.h"
#include "timefmt.h"
#include "web_files.h"
#include "web_place.h"

#define RENEW_EVERY (60 * BH_SECOND)

void bh_core_add_time(cJSON *object, const char *key, int64_t time)
{
	if (time > 0)
		cJSON_AddNumberToObject(object, key, (double)time / BH_SECOND);
	else
		cJSON_AddNullToObject(object, key);
}

void bh_core_add_text(cJSON *object, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddNullToObject(object, key);
}

void bh_core_add_answer(cJSON *object, const struct bh_answer *answer)
{
	bh_core_add_text(object, "side",
			 answer->workload != NULL ? bh_side_name(answer->side) : NULL);
	bh_core_add_text(object, "workload", answer->workload);
	if (answer->rule >= 0)
		cJSON_AddNumberToObject(object, "rule", answer->rule + 1);
	else
		cJSON_AddNullToObject(object, "rule");
	cJSON_AddStringToObject(object, "reason", answer->reason);
}

const char *bh_core_host_name(char out[BH_HOST_NAME])
{
	memset(out, 0, BH_HOST_NAME);
	gethostname(out, BH_HOST_NAME - 1);
	return out;
}

bool bh_core_number_query(const struct bh_api_request *request, const char *key, int64_t otherwise,
			  int64_t *number, struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, key);

	*number = otherwise;
	if (text == NULL || bh_query_number(text, number))
		return true;
	bh_api_fail(reply, 400, key, NULL, "%s takes a number, not \"%.60s\"", key, text);
	return false;
}

bool bh_core_wants_lines(const struct bh_api_request *request)
{
	return bh_api_query(request, "lines") != NULL;
}

void bh_core_reply_raw(struct bh_api_reply *reply, struct bh_buffer *text, bool lines)
{
	if (lines) {
		reply->text = bh_buffer_steal(text);
		return;
	}
	reply->json = cJSON_CreateRaw(text->data);
	bh_buffer_free(text);
}

bool bh_core_is_following(const struct bh_api_request *request)
{
	const char *text = bh_api_query(request, "follow");

	return text != NULL && strcmp(text, "1") == 0;
}

/* Every workload that is present, once; the caller frees the array, not the names. */
const char **bh_core_present_workloads(const struct bh_core *core, size_t *count)
{
	struct bh_map *seen = bh_map_new(NULL);
	const char **names = NULL;
	const struct bh_instance *instance;
	size_t capacity = 0;

	*count = 0;
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		if (instance->workload[0] == '\0' ||
		    bh_map_get_text(seen, instance->workload) != NULL)
			continue;
		bh_map_put_text(seen, instance->workload, seen);
		names = bh_grow(names, &capacity, *count + 1, sizeof(*names));
		names[(*count)++] = instance->workload;
	}
	bh_map_free(seen);
	return names;
}

void bh_core_unknown_workload(const struct bh_core *core, const char *name, const char *where,
			      struct bh_api_reply *reply)
{
	size_t count;
	const char **names = bh_core_present_workloads(core, &count);
	const char *near = bh_nearest(name, names, count);
	char fix[320];

	snprintf(fix, sizeof(fix), near != NULL ? "did you mean %s?" : "see: bulkhead workloads",
		 near);
	bh_api_fail(reply, 404, where, fix, "there is no workload %s", name);
	free(names);
}

/* --- wiring ----------------------------------------------------------------------------------- */

static const struct bh_api_route routes[] = {
	{ "GET", "/v1/status", false, bh_core_handle_status },
	{ "GET", "/metrics", false, bh_core_handle_metrics },
	{ "GET", "/v1/me", false, bh_core_handle_me },
	{ "POST", "/v1/session", false, bh_core_handle_session },
	{ "GET", "/v1/tokens", true, bh_core_handle_tokens },
	{ "POST", "/v1/tokens", true, bh_core_handle_token_add },
	{ "DELETE", "/v1/tokens", true, bh_core_handle_token_remove },
	{ "GET", "/v1/audit", false, bh_core_handle_audit },
	{ "GET", "/v1/coverage", false, bh_core_handle_coverage },
	{ "GET", "/v1/doctor", false, bh_core_handle_doctor },
	{ "GET", "/v1/trace", false, bh_core_handle_trace },
	{ "POST", "/v1/trace", true, bh_core_handle_trace_start },
	{ "GET", "/v1/workloads", false, bh_core_handle_workloads },
	{ "GET", "/v1/who", false, bh_core_handle_who },
	{ "GET", "/v1/flows", false, bh_core_handle_flows },
	{ "GET", "/v1/edges", false, bh_core_handle_edges },
	{ "GET", "/v1/map", false, bh_core_handle_map },
	{ "GET", "/v1/map/edges", false, bh_core_handle_map_edges },
	{ "GET", "/v1/readiness", false, bh_core_handle_readiness },
	{ "GET", "/v1/review", false, bh_core_handle_review },
	{ "POST", "/v1/review", true, bh_core_handle_decide },
	{ "GET", "/v1/policy/proposal", false, bh_core_handle_proposal },
	{ "GET", "/v1/policy/active", false, bh_core_handle_active },
	{ "GET", "/v1/policy/nft", false, bh_core_handle_nft },
	{ "GET", "/v1/policy/history", false, bh_core_handle_history },
	{ "GET", "/v1/policy/rules", false, bh_core_handle_rules },
	{ "GET", "/v1/policy/uses", false, bh_core_handle_uses },
	{ "POST", "/v1/policy/diff", false, bh_core_handle_diff },
	{ "POST", "/v1/policy/check", false, bh_core_handle_check },
	{ "POST", "/v1/policy/apply", true, bh_core_handle_apply },
	{ "POST", "/v1/policy/rollback", true, bh_core_handle_rollback },
	{ "POST", "/v1/policy/confirm", true, bh_core_handle_confirm },
	{ "POST", "/v1/mode", true, bh_core_handle_mode },
	{ "POST", "/v1/hook", true, bh_core_handle_hook },
	{ "GET", "/v1/explain", false, bh_core_handle_explain },
	{ "GET", "/v1/events", false, bh_core_handle_events },
	{ 0 },
};

static void schedule_api(struct bh_core *core);

static void on_api_due(uv_timer_t *timer)
{
	struct bh_core *core = timer->data;

	bh_api_run(core->api);
	schedule_api(core);
}

static void schedule_api(struct bh_core *core)
{
	int64_t wait = bh_api_wait(core->api);

	if (wait < 0)
		uv_timer_stop(&core->api_timer);
	else
		uv_timer_start(&core->api_timer, on_api_due, (uint64_t)(wait + 999) / 1000, 0);
}

static void on_api_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	bh_api_run(((struct bh_core *)poll->data)->api);
	schedule_api(poll->data);
}

void bh_core_api_take(struct bh_core *core, uint32_t place, int fd)
{
	if (core->api != NULL || core->web_fds[place] > 0)
		bh_close_fd(&fd);
	else
		core->web_fds[place] = fd;
}

static const char *path_or_none(const char *path)
{
	return *path != '\0' ? path : NULL;
}

/* What is local needs no certificate, and has none: there a token is safe in the clear. */
static void add_web(struct bh_core *core, uint32_t place, struct bh_api_config *config)
{
	const struct bh_config *c = &core->config;
	struct bh_api_listener *l = &config->listeners[config->listener_count];
	struct bh_web_place where;

	if (core->web_fds[place] <= 0 ||
	    !bh_web_place_parse(c->web_listen.items[place], c->run_directory, &where))
		return;
	config->listener_count++;
	l->fd = core->web_fds[place];
	core->web_fds[place] = 0;
	if (!where.local) {
		l->certificate = path_or_none(c->web_certificate);
		l->key = path_or_none(c->web_key);
		l->client_ca = path_or_none(c->web_client_ca);
	}
	if (where.local && c->web_anonymous == BH_WEB_READ)
		l->anonymous = BH_ROLE_VIEWER;
}

static void note_web_state(struct bh_core *core)
{
	const char *why = bh_api_fault(core->api);

	if (why != NULL && core->web_why[0] == '\0')
		bh_log(BH_LOG_ERROR, "web: %s", why);
	bh_copy_text(core->web_why, sizeof(core->web_why), why != NULL ? why : "");
}

void bh_core_api_tick(struct bh_core *core, int64_t now)
{
	if (core->api == NULL || now < core->renew_due)
		return;
	core->renew_due = now + RENEW_EVERY;
	bh_api_renew(core->api);
	note_web_state(core);
}

int bh_core_api_start(struct bh_core *core, int listen_fd, struct bh_error *err)
{
	struct bh_api_config config = { .listeners = { { .fd = listen_fd, .trusts_peers = true } },
					.listener_count = 1,
					.max_body = 16 << 20,
					.max_connections = 128,
					.files = bh_web_files,
					.token = bh_core_token_role,
					.certificate = bh_core_certificate_role,
					.changed = bh_core_changed };

	if (bh_group_find(core->config.operator_group, &config.operator_group, err) != 0)
		return err->code;
	for (uint32_t i = 0; i < core->config.web_listen.count; i++)
		add_web(core, i, &config);
	core->api = bh_api_new(&config, routes, core, err);
	if (core->api == NULL)
		return err->code;
	note_web_state(core);
	uv_timer_init(&core->loop, &core->api_timer);
	core->api_timer.data = core;
	uv_poll_init(&core->loop, &core->api_poll, bh_api_fd(core->api));
	core->api_poll.data = core;
	return uv_poll_start(&core->api_poll, UV_READABLE, on_api_readable);
}
