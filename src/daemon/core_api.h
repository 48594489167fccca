/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's handlers, a file a subject, and the few helpers they share. */
#ifndef BH_CORE_API_H
#define BH_CORE_API_H

#include "core.h"

/* null where there is no time (0). */
void bh_core_add_time(cJSON *object, const char *key, int64_t time);
/* null where text is NULL or "". */
void bh_core_add_text(cJSON *object, const char *key, const char *text);
/* "side", "workload", "rule" (its number, from 1, or null) and "reason" of what is not allowed. */
void bh_core_add_answer(cJSON *object, const struct bh_answer *answer);
/* A number among the parameters, `otherwise` where it is not there; false with the reply filled
 * where it is none. */
bool bh_core_number_query(const struct bh_api_request *request, const char *key, int64_t otherwise,
			  int64_t *number, struct bh_api_reply *reply);
bool bh_core_is_following(const struct bh_api_request *request);
/* lines=1: a JSON object a line, instead of one document. */
bool bh_core_wants_lines(const struct bh_api_request *request);
/* Replies with text that is JSON already (or lines of it), and empties it. */
void bh_core_reply_raw(struct bh_api_reply *reply, struct bh_buffer *text, bool lines);
/* "there is no workload …", with the nearest one that there is. */
void bh_core_unknown_workload(const struct bh_core *core, const char *name, const char *where,
			      struct bh_api_reply *reply);
/* Names of the workloads that are present, each once; *count of them. The caller frees the array,
 * not the names. */
const char **bh_core_present_workloads(const struct bh_core *core, size_t *count);
#define BH_HOST_NAME 256
/* What this host calls itself, into out, which is returned. */
const char *bh_core_host_name(char out[BH_HOST_NAME]);
/* Adds, as texts, what keeps bulkhead itself from doing what it is there for. */
void bh_core_say_faults(const struct bh_core *core, cJSON *list);

typedef void bh_core_handler(void *user, const struct bh_api_request *request,
			     struct bh_api_reply *reply);

/* core_api_status.c */
bh_core_handler bh_core_handle_status, bh_core_handle_coverage, bh_core_handle_workloads;

/* core_tokens.c: struct bh_api_config's callbacks, with the core as their user, and handlers. */
enum bh_api_role bh_core_token_role(void *user, const char *text, char name[BH_API_NAME]);
enum bh_api_role bh_core_certificate_role(void *user, const char *common_name);
void bh_core_changed(void *user, const struct bh_api_request *request, unsigned status);
bh_core_handler bh_core_handle_me, bh_core_handle_session, bh_core_handle_tokens,
	bh_core_handle_token_add, bh_core_handle_token_remove, bh_core_handle_audit;

/* core_metrics.c */
bh_core_handler bh_core_handle_metrics;

/* core_api_who.c */
bh_core_handler bh_core_handle_who;

/* core_hook.c */
bh_core_handler bh_core_handle_hook;

/* core_api_doctor.c */
bh_core_handler bh_core_handle_doctor;

/* core_trace.c */
bh_core_handler bh_core_handle_trace, bh_core_handle_trace_start;

/* core_api_flows.c */
bh_core_handler bh_core_handle_flows;

/* core_api_traffic.c */
/* A name that nothing bears is a slip, and no reason for an empty answer. */
bool bh_core_name_is_known(const struct bh_core *core, const char *name);
bh_core_handler bh_core_handle_edges, bh_core_handle_map, bh_core_handle_events;

/* core_api_map.c: the map in the form that people look at, where something of it is asked for */
bool bh_core_wants_map_view(const struct bh_api_request *request);
void bh_core_map_view(const struct bh_core *core, const struct bh_api_request *request,
		      struct bh_api_reply *reply);
bh_core_handler bh_core_handle_map_edges;
/* A time among the parameters (µs): RFC 3339, seconds, or how long ago; `otherwise` where it is not
 * there; false with the reply filled where it is none. */
bool bh_core_time_query(const struct bh_api_request *request, const char *key, int64_t otherwise,
			int64_t *time, struct bh_api_reply *reply);

/* core_api_learning.c */
bh_core_handler bh_core_handle_readiness, bh_core_handle_review, bh_core_handle_decide;

/* core_api_check.c */
bh_core_handler bh_core_handle_diff, bh_core_handle_check;

/* core_api_policy.c */
/* False with the reply filled: no policy is active. */
bool bh_core_has_policy(const struct bh_core *core, struct bh_api_reply *reply);
/* What the caller calls the body: errors name it. */
const char *bh_core_file_of(const struct bh_api_request *request);
/* The body's policy; NULL with the reply filled where it is invalid. */
struct bh_policy *bh_core_parse_body(const struct bh_api_request *request,
				     struct bh_api_reply *reply);
/* What becomes of open connections, as the request says, or (*given false) as is configured; false
 * with the reply filled where it says nothing sensible. */
bool bh_core_existing_query(const struct bh_core *core, const struct bh_api_request *request,
			    struct bh_existing *existing, bool *given, struct bh_api_reply *reply);
bh_core_handler bh_core_handle_proposal, bh_core_handle_active, bh_core_handle_nft,
	bh_core_handle_history, bh_core_handle_apply, bh_core_handle_rollback,
	bh_core_handle_confirm, bh_core_handle_mode, bh_core_handle_explain, bh_core_handle_uses;
/* "allow", "deny", "uncertain" */
const char *bh_core_verdict_name(uint8_t verdict);

/* core_api_rule.c: a rule of that policy, counted from 1; which one, and of which, a request says;
 * and all of them */
void bh_core_explain_rule(const struct bh_core *core, const struct bh_policy *policy,
			  int64_t number, struct bh_api_reply *reply);
void bh_core_explain_a_rule(struct bh_core *core, const struct bh_api_request *request,
			    struct bh_api_reply *reply);
bh_core_handler bh_core_handle_rules;

#endif
