/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "otlp.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "log_names.h"
#include "metrics.h"
#include "utf8.h"

#define CUMULATIVE 2 /* AggregationTemporality */
#define MOST_EXACT                                                                                 \
	9007199254740992.0 /* whole numbers up to 2^53 are what a double says they are             \
			    */

/* --- values ----------------------------------------------------------------------------------- */

/* 64-bit integers are strings in protobuf's JSON. */
static void add_time(cJSON *to, const char *name, int64_t time)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64 "000", time);
	cJSON_AddStringToObject(to, name, text);
}

static void add_number(cJSON *value, double number)
{
	char text[32];

	if (number != floor(number) || fabs(number) > MOST_EXACT) {
		cJSON_AddNumberToObject(value, "doubleValue", number);
		return;
	}
	snprintf(text, sizeof(text), "%.0f", number);
	cJSON_AddStringToObject(value, "intValue", text);
}

static cJSON *any_value(const cJSON *item);

static cJSON *array_value(const cJSON *list)
{
	cJSON *array = cJSON_CreateObject(), *values = cJSON_AddArrayToObject(array, "values");
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		cJSON_AddItemToArray(values, any_value(item));
	return array;
}

static cJSON *key_values(const cJSON *object)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, object) {
		cJSON *pair = cJSON_CreateObject();

		cJSON_AddStringToObject(pair, "key", item->string);
		cJSON_AddItemToObject(pair, "value", any_value(item));
		cJSON_AddItemToArray(list, pair);
	}
	return list;
}

/* null is the value that is empty. */
static cJSON *any_value(const cJSON *item)
{
	cJSON *value = cJSON_CreateObject();

	if (cJSON_IsString(item))
		cJSON_AddStringToObject(value, "stringValue", item->valuestring);
	else if (cJSON_IsBool(item))
		cJSON_AddBoolToObject(value, "boolValue", cJSON_IsTrue(item));
	else if (cJSON_IsNumber(item))
		add_number(value, item->valuedouble);
	else if (cJSON_IsArray(item))
		cJSON_AddItemToObject(value, "arrayValue", array_value(item));
	else if (cJSON_IsObject(item))
		cJSON_AddItemToObject(cJSON_AddObjectToObject(value, "kvlistValue"), "values",
				      key_values(item));
	return value;
}

static cJSON *resource_of(const char *host)
{
	cJSON *names = cJSON_CreateObject(), *resource = cJSON_CreateObject();

	cJSON_AddStringToObject(names, "service.name", "bulkhead");
	cJSON_AddStringToObject(names, "service.version", BULKHEAD_VERSION);
	cJSON_AddStringToObject(names, "host.name", host);
	cJSON_AddItemToObject(resource, "attributes", key_values(names));
	cJSON_Delete(names);
	return resource;
}

static cJSON *own_scope(void)
{
	cJSON *scope = cJSON_CreateObject();

	cJSON_AddStringToObject(scope, "name", "bulkhead");
	cJSON_AddStringToObject(scope, "version", BULKHEAD_VERSION);
	return scope;
}

/* --- logs ------------------------------------------------------------------------------------- */

void bh_otlp_log(struct bh_buffer *out, const struct bh_log_record *record, int64_t now)
{
	cJSON *named = bh_log_as_otel(record), *json = cJSON_CreateObject();
	const cJSON *attributes = cJSON_GetObjectItem(named, "attributes");

	add_time(json, "timeUnixNano", record->time);
	add_time(json, "observedTimeUnixNano", now);
	cJSON_AddItemToObject(json, "severityNumber",
			      cJSON_DetachItemFromObject(named, "severityNumber"));
	cJSON_AddItemToObject(json, "severityText",
			      cJSON_DetachItemFromObject(named, "severityText"));
	cJSON_AddItemToObject(json, "body", any_value(cJSON_GetObjectItem(named, "body")));
	cJSON_AddItemToObject(json, "attributes", key_values(attributes));
	cJSON_AddStringToObject(
		json, "eventName",
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(attributes, "event.name")));
	cJSON_Delete(named);
	bh_log_put_json(out, json);
}

void bh_otlp_logs_begin(struct bh_buffer *out, const char *host)
{
	bh_buffer_puts(out, "{\"resourceLogs\":[{\"resource\":");
	bh_log_put_json(out, resource_of(host));
	bh_buffer_puts(out, ",\"scopeLogs\":[{\"scope\":");
	bh_log_put_json(out, own_scope());
	bh_buffer_puts(out, ",\"logRecords\":[");
}

void bh_otlp_logs_end(struct bh_buffer *out)
{
	bh_buffer_puts(out, "]}]}]}");
}

/* --- metrics ---------------------------------------------------------------------------------- */

struct gatherer {
	cJSON *metrics;
	cJSON *points;		      /* of the last of them */
	const struct bh_metric *last; /* which is this */
	int64_t start, now;
	size_t count;
};

/* UCUM's units. */
static const char *unit_of(const struct bh_metric *metric)
{
	return strcmp(metric->unit, "seconds") == 0 ? "s"
	       : strcmp(metric->unit, "bytes") == 0 ? "By"
						    : "1";
}

static void begin_metric(struct gatherer *g, const struct bh_metric *metric)
{
	bool counter = metric->type == BH_METRIC_COUNTER;
	cJSON *json = cJSON_CreateObject(), *data;

	cJSON_AddStringToObject(json, "name", metric->name);
	cJSON_AddStringToObject(json, "description", metric->help);
	cJSON_AddStringToObject(json, "unit", unit_of(metric));
	data = cJSON_AddObjectToObject(json, counter ? "sum" : "gauge");
	if (counter) {
		cJSON_AddNumberToObject(data, "aggregationTemporality", CUMULATIVE);
		cJSON_AddTrueToObject(data, "isMonotonic");
	}
	g->points = cJSON_AddArrayToObject(data, "dataPoints");
	g->last = metric;
	cJSON_AddItemToArray(g->metrics, json);
}

static void add_labels(cJSON *point, const struct bh_sample *sample)
{
	const struct bh_metric *metric = sample->metric;
	cJSON *labels = cJSON_CreateObject();

	for (size_t i = 0; i < BH_METRIC_LABELS && metric->labels[i] != NULL; i++)
		cJSON_AddStringToObject(labels, metric->labels[i],
					sample->values[i] != NULL ? sample->values[i] : "");
	cJSON_AddItemToObject(point, "attributes", key_values(labels));
	cJSON_Delete(labels);
}

static void add_point(void *user, const struct bh_sample *sample)
{
	struct gatherer *g = user;
	cJSON *point = cJSON_CreateObject();

	if (g->last != sample->metric)
		begin_metric(g, sample->metric);
	if (sample->metric->labels[0] != NULL)
		add_labels(point, sample);
	if (sample->metric->type == BH_METRIC_COUNTER)
		add_time(point, "startTimeUnixNano", g->start);
	add_time(point, "timeUnixNano", g->now);
	cJSON_AddNumberToObject(point, "asDouble", sample->value);
	cJSON_AddItemToArray(g->points, point);
	g->count++;
}

size_t bh_otlp_metrics(struct bh_buffer *out, const char *host, const cJSON *facts, int64_t start,
		       int64_t now)
{
	struct gatherer g = { .start = start, .now = now };
	cJSON *json = cJSON_CreateObject(), *resource = cJSON_CreateObject(),
	      *scope = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "resourceMetrics"), resource);
	cJSON_AddItemToObject(resource, "resource", resource_of(host));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(resource, "scopeMetrics"), scope);
	cJSON_AddItemToObject(scope, "scope", own_scope());
	g.metrics = cJSON_AddArrayToObject(scope, "metrics");
	bh_metrics_each(facts, add_point, &g);
	bh_log_put_json(out, json);
	return g.count;
}

/* --- responses -------------------------------------------------------------------------------- */

/* A number, or, as protobuf's JSON has it, a string of digits. */
static uint64_t count_at(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	double count =
		cJSON_IsString(item) ? strtod(item->valuestring, NULL) : cJSON_GetNumberValue(item);

	return count > 0 && count < MOST_EXACT ? (uint64_t)count : 0;
}

uint64_t bh_otlp_rejected(const char *body, size_t length, char *why, size_t size)
{
	cJSON *json = cJSON_ParseWithLength(body, length);
	const cJSON *partial = cJSON_GetObjectItemCaseSensitive(json, "partialSuccess");
	const char *words =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(partial, "errorMessage"));
	uint64_t count =
		count_at(partial, "rejectedLogRecords") + count_at(partial, "rejectedDataPoints");

	bh_copy_text(why, size, words != NULL ? words : "");
	bh_harmless(why, "");
	cJSON_Delete(json);
	return count;
}

bool bh_otlp_is_retryable(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}
