/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"

/* How a family stands in the facts. */
enum shape {
	NUMBER,	 /* at its path */
	TRUTH,	 /* true or false: 1 or 0 */
	SIZE,	 /* of the list at its path */
	BY_KEY,	 /* an object: its keys are the label's values */
	ROWS,	 /* a list of objects: labels and value are fields */
	COUNTED, /* a list of objects: how many have which value of a field */
	WORD, /* a text: 1 for that one of words, 0 for the others; OpenMetrics' set of states would
	       * have a label of another name than Prometheus' own text */
	CONSTANT, /* 1, with the text at its path as its label */
};

struct family {
	struct bh_metric metric;
	enum shape shape;
	const char *path;      /* "capture.packets" */
	const char *fields[3]; /* ROWS: of the labels, and of the value; COUNTED: of the label */
};

static const char *const enforcement_states[] = { "off",     "starting",  "active", "unproven",
						  "leaking", "contested", "failed", NULL };
static const char *const capture_states[] = { "running", "hanging", "restarting", NULL };
static const char *const proof_states[] = { "pending",	"proved",   "bypassed", "stopped",
					    "untested", "withheld", "idle",	NULL };
static const char *const coverages[] = { "enforceable", "observable", "neither", NULL };

static const struct family families[] = {
	{ .metric = { .name = "bulkhead_build",
		      .type = BH_METRIC_INFO,
		      .unit = "",
		      .help = "The daemon's version.",
		      .labels = { "version" } },
	  .shape = CONSTANT,
	  .path = "status.version" },
	{ .metric = { .name = "bulkhead_start_time_seconds",
		      .type = BH_METRIC_GAUGE,
		      .unit = "seconds",
		      .help = "When core started, since the epoch." },
	  .shape = NUMBER,
	  .path = "status.started" },
	{ .metric = { .name = "bulkhead_enforcement_state",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Whether rules are in force and met: active is proved, unproven is "
			      "not.",
		      .labels = { "state" },
		      .words = enforcement_states },
	  .shape = WORD,
	  .path = "status.enforcement.state" },
	{ .metric = { .name = "bulkhead_policy_number",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "The active revision's number." },
	  .shape = NUMBER,
	  .path = "status.enforcement.number" },
	{ .metric = { .name = "bulkhead_policy_trial_deadline_seconds",
		      .type = BH_METRIC_GAUGE,
		      .unit = "seconds",
		      .help = "When the revision on trial is taken back unless it is confirmed, "
			      "since the epoch." },
	  .shape = NUMBER,
	  .path = "status.enforcement.trial.until" },
	{ .metric = { .name = "bulkhead_leaks",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Connections that the rules deny and that were delivered." },
	  .shape = NUMBER,
	  .path = "status.enforcement.leaks" },
	{ .metric = { .name = "bulkhead_tampered",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Changes of bulkhead's tables by others." },
	  .shape = NUMBER,
	  .path = "status.enforcement.tampered" },
	{ .metric = { .name = "bulkhead_self_test_bridges",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Bridges by what the self-test found.",
		      .labels = { "state" },
		      .words = proof_states },
	  .shape = COUNTED,
	  .path = "status.enforcement.self_test.bridges",
	  .fields = { "state" } },
	{ .metric = { .name = "bulkhead_self_test_routed",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Routed veths by what the self-test found.",
		      .labels = { "state" },
		      .words = proof_states },
	  .shape = COUNTED,
	  .path = "status.enforcement.self_test.routed",
	  .fields = { "state" } },
	{ .metric = { .name = "bulkhead_capture_state",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Whether packets are read.",
		      .labels = { "state" },
		      .words = capture_states },
	  .shape = WORD,
	  .path = "status.capture.state" },
	{ .metric = { .name = "bulkhead_capture_packets",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Packets that capture read." },
	  .shape = NUMBER,
	  .path = "status.capture.packets" },
	{ .metric = { .name = "bulkhead_capture_restarts",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Times that a capture process was started again." },
	  .shape = NUMBER,
	  .path = "status.capture.restarts" },
	{ .metric = { .name = "bulkhead_capture_throttled",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "1: less is copied than was asked for, to stay within capture.cpu." },
	  .shape = TRUTH,
	  .path = "status.capture.throttled" },
	{ .metric = { .name = "bulkhead_flows",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Flows that are alive." },
	  .shape = NUMBER,
	  .path = "status.capture.flows" },
	{ .metric = { .name = "bulkhead_lost",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "What was lost, by kind (docs/api.md: loss).",
		      .labels = { "kind" } },
	  .shape = BY_KEY,
	  .path = "status.loss.total" },
	{ .metric = { .name = "bulkhead_endpoints",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Containers' attachments that are there." },
	  .shape = NUMBER,
	  .path = "status.identity.endpoints" },
	{ .metric = { .name = "bulkhead_endpoints_unidentified",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Of these, those of which nobody says whose they are." },
	  .shape = NUMBER,
	  .path = "status.identity.unidentified" },
	{ .metric = { .name = "bulkhead_containers",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Containers by what bulkhead can do about them.",
		      .labels = { "coverage" },
		      .words = coverages },
	  .shape = COUNTED,
	  .path = "coverage.rows",
	  .fields = { "coverage" } },
	{ .metric = { .name = "bulkhead_workloads",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Workloads that are there, by mode.",
		      .labels = { "mode" } },
	  .shape = BY_KEY,
	  .path = "status.modes" },
	{ .metric = { .name = "bulkhead_learned_edges",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Edges in the ledger." },
	  .shape = NUMBER,
	  .path = "status.learning.edges" },
	{ .metric = { .name = "bulkhead_learned_windows",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Whole windows that were watched." },
	  .shape = NUMBER,
	  .path = "status.learning.windows" },
	{ .metric = { .name = "bulkhead_unlearned_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Connections that taught nothing, by reason.",
		      .labels = { "reason" } },
	  .shape = BY_KEY,
	  .path = "status.learning.unlearned" },
	{ .metric = { .name = "bulkhead_export_sent",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Records that a destination of exports got, as far as that is known.",
		      .labels = { "kind", "to" } },
	  .shape = ROWS,
	  .path = "status.exports",
	  .fields = { "kind", "to", "sent" } },
	{ .metric = { .name = "bulkhead_export_lost",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Records that it did not get.",
		      .labels = { "kind", "to" } },
	  .shape = ROWS,
	  .path = "status.exports",
	  .fields = { "kind", "to", "lost" } },
	{ .metric = { .name = "bulkhead_export_waiting",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Records that wait for it.",
		      .labels = { "kind", "to" } },
	  .shape = ROWS,
	  .path = "status.exports",
	  .fields = { "kind", "to", "waiting" } },
	{ .metric = { .name = "bulkhead_unknown",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Things that bulkhead says that it does not know (bulkhead "
			      "status)." },
	  .shape = SIZE,
	  .path = "status.unknown" },
	{ .metric = { .name = "bulkhead_events",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Events by kind.",
		      .labels = { "kind" } },
	  .shape = BY_KEY,
	  .path = "events" },
	{ .metric = { .name = "bulkhead_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Connections, as the map counts them." },
	  .shape = NUMBER,
	  .path = "traffic.connections" },
	{ .metric = { .name = "bulkhead_denied_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Connections that the rules refused." },
	  .shape = NUMBER,
	  .path = "traffic.denied" },
	{ .metric = { .name = "bulkhead_would_deny_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Connections that the policy does not allow, and that passed." },
	  .shape = NUMBER,
	  .path = "traffic.would_deny" },
	{ .metric = { .name = "bulkhead_traffic_bytes",
		      .type = BH_METRIC_COUNTER,
		      .unit = "bytes",
		      .help = "IP-layer bytes of connections, both ways." },
	  .shape = NUMBER,
	  .path = "traffic.bytes" },
	{ .metric = { .name = "bulkhead_workload_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Connections of a workload: egress, those it opens; ingress, those "
			      "it receives.",
		      .labels = { "workload", "direction" } },
	  .shape = ROWS,
	  .path = "traffic.workloads",
	  .fields = { "workload", "direction", "connections" } },
	{ .metric = { .name = "bulkhead_workload_denied_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Of these, those that the rules refused.",
		      .labels = { "workload", "direction" } },
	  .shape = ROWS,
	  .path = "traffic.workloads",
	  .fields = { "workload", "direction", "denied" } },
	{ .metric = { .name = "bulkhead_workload_would_deny_connections",
		      .type = BH_METRIC_COUNTER,
		      .unit = "",
		      .help = "Of these, those that the policy does not allow, and that passed.",
		      .labels = { "workload", "direction" } },
	  .shape = ROWS,
	  .path = "traffic.workloads",
	  .fields = { "workload", "direction", "would_deny" } },
	{ .metric = { .name = "bulkhead_workload_traffic_bytes",
		      .type = BH_METRIC_COUNTER,
		      .unit = "bytes",
		      .help = "IP-layer bytes of these, both ways.",
		      .labels = { "workload", "direction" } },
	  .shape = ROWS,
	  .path = "traffic.workloads",
	  .fields = { "workload", "direction", "bytes" } },
	{ .metric = { .name = "bulkhead_workloads_left_out",
		      .type = BH_METRIC_GAUGE,
		      .unit = "",
		      .help = "Workloads beyond web.metrics_workloads, which are told of together, "
			      "as the workload other." },
	  .shape = NUMBER,
	  .path = "traffic.left_out" },
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

const struct bh_metric *bh_metric(size_t number)
{
	return number < FAMILIES ? &families[number].metric : NULL;
}

const char *bh_metric_suffix(const struct bh_metric *m)
{
	return m->type == BH_METRIC_COUNTER ? "_total" : m->type == BH_METRIC_INFO ? "_info" : "";
}

const char *bh_metric_type_name(const struct bh_metric *m)
{
	static const char *const names[] = { "gauge", "counter", "info" };

	return names[m->type];
}

/* --- samples ---------------------------------------------------------------------------------- */

static const cJSON *at_path(const cJSON *facts, const char *path)
{
	while (facts != NULL && *path != '\0') {
		char key[64];
		size_t length = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		facts = cJSON_GetObjectItemCaseSensitive(facts, key);
		path += length + (path[length] == '.');
	}
	return facts;
}

struct teller {
	const struct family *family;
	void (*sample)(void *user, const struct bh_sample *sample);
	void *user;
};

static void tell(const struct teller *t, const char *first, const char *second, double value)
{
	const struct bh_sample sample = { &t->family->metric, { first, second }, value };

	t->sample(t->user, &sample);
}

static void tell_keys(const struct teller *t, const cJSON *object)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, object)
		if (cJSON_IsNumber(item))
			tell(t, item->string, NULL, item->valuedouble);
}

static const char *field(const cJSON *row, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, key));

	return text != NULL ? text : "";
}

static void tell_rows(const struct teller *t, const cJSON *list)
{
	const char *const *fields = t->family->fields;
	const cJSON *row;

	cJSON_ArrayForEach (row, list) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, fields[2]);

		if (cJSON_IsNumber(value))
			tell(t, field(row, fields[0]), field(row, fields[1]), value->valuedouble);
	}
}

static void tell_counted(const struct teller *t, const cJSON *list)
{
	const cJSON *row;

	if (!cJSON_IsArray(list))
		return;
	for (const char *const *word = t->family->metric.words; *word != NULL; word++) {
		double count = 0;

		cJSON_ArrayForEach (row, list)
			count += strcmp(field(row, t->family->fields[0]), *word) == 0;
		tell(t, *word, NULL, count);
	}
}

static void tell_word(const struct teller *t, const cJSON *text)
{
	if (!cJSON_IsString(text))
		return;
	for (const char *const *word = t->family->metric.words; *word != NULL; word++)
		tell(t, *word, NULL, strcmp(text->valuestring, *word) == 0);
}

static void tell_family(const struct teller *t, const cJSON *at)
{
	switch (t->family->shape) {
	case NUMBER:
		if (cJSON_IsNumber(at))
			tell(t, NULL, NULL, at->valuedouble);
		break;
	case TRUTH:
		if (cJSON_IsBool(at))
			tell(t, NULL, NULL, cJSON_IsTrue(at));
		break;
	case SIZE:
		if (cJSON_IsArray(at))
			tell(t, NULL, NULL, cJSON_GetArraySize(at));
		break;
	case BY_KEY:
		tell_keys(t, at);
		break;
	case ROWS:
		tell_rows(t, at);
		break;
	case COUNTED:
		tell_counted(t, at);
		break;
	case WORD:
		tell_word(t, at);
		break;
	case CONSTANT:
		if (cJSON_IsString(at))
			tell(t, at->valuestring, NULL, 1);
		break;
	}
}

void bh_metrics_each(const cJSON *facts, void (*sample)(void *user, const struct bh_sample *sample),
		     void *user)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		const struct teller t = { &families[i], sample, user };

		tell_family(&t, at_path(facts, families[i].path));
	}
}

/* --- as text ---------------------------------------------------------------------------------- */

struct writer {
	struct bh_buffer *out;
	bool openmetrics;
	const struct bh_metric *last; /* whose head is written */
};

/* Prometheus' own text does not know info; there the suffix is part of the family's name. */
static const char *type_word(const struct bh_metric *m, bool openmetrics)
{
	return m->type == BH_METRIC_INFO && !openmetrics ? "gauge" : bh_metric_type_name(m);
}

static void write_head(struct writer *w, const struct bh_metric *m)
{
	const char *end = w->openmetrics ? "" : bh_metric_suffix(m);

	bh_buffer_printf(w->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", m->name, end, m->help, m->name,
			 end, type_word(m, w->openmetrics));
	if (w->openmetrics && *m->unit != '\0')
		bh_buffer_printf(w->out, "# UNIT %s %s\n", m->name, m->unit);
}

/* A label's value: backslash, quote and newline are escaped, by both forms. */
static void write_value(struct bh_buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			bh_buffer_append(out, "\\", 1);
		if (*text == '\n')
			bh_buffer_puts(out, "\\n");
		else
			bh_buffer_append(out, text, 1);
	}
}

static void write_sample(void *user, const struct bh_sample *sample)
{
	struct writer *w = user;
	const struct bh_metric *m = sample->metric;

	if (w->last != m)
		write_head(w, m);
	w->last = m;
	bh_buffer_printf(w->out, "%s%s", m->name, bh_metric_suffix(m));
	for (size_t i = 0; i < BH_METRIC_LABELS && m->labels[i] != NULL; i++) {
		bh_buffer_printf(w->out, "%s%s=\"", i == 0 ? "{" : ",", m->labels[i]);
		write_value(w->out, sample->values[i] != NULL ? sample->values[i] : "");
		bh_buffer_puts(w->out, "\"");
	}
	bh_buffer_printf(w->out, "%s %.17g\n", m->labels[0] != NULL ? "}" : "", sample->value);
}

void bh_metrics_write(struct bh_buffer *out, const cJSON *facts, bool openmetrics)
{
	struct writer w = { .out = out, .openmetrics = openmetrics };

	bh_metrics_each(facts, write_sample, &w);
	if (openmetrics)
		bh_buffer_puts(out, "# EOF\n");
	else
		bh_buffer_append(out, "", 0);
}
