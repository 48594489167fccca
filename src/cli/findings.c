/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "findings.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "grow.h"
#include "json.h"
#include "map.h"
#include "protocol.h"
#include "ruleset.h"
#include "table.h"
#include "timefmt.h"
#include "utf8.h"

struct finding {
	uint8_t verdict; /* enum bh_verdict */
	uint8_t side, proto;
	uint16_t port;
	uint64_t connections;
	int64_t last; /* µs; 0: not known */
	char *src, *dst, *workload, *reason;
};

struct bh_findings {
	struct bh_map *found; /* by all of it but the numbers → struct finding */
	size_t flows, of[BH_UNCERTAIN + 1];
};

static void free_finding(void *value)
{
	struct finding *f = value;

	free(f->src);
	free(f->dst);
	free(f->workload);
	free(f->reason);
	free(f);
}

struct bh_findings *bh_findings_new(void)
{
	struct bh_findings *findings = bh_calloc(1, sizeof(*findings));

	findings->found = bh_map_new(free_finding);
	return findings;
}

void bh_findings_free(struct bh_findings *findings)
{
	bh_map_free(findings->found);
	free(findings);
}

static struct finding *find(struct bh_findings *findings, const struct bh_question *q,
			    const struct bh_answer *a)
{
	const char *src = q->src.peer->name, *dst = q->dst.peer->name;
	struct bh_buffer key = { 0 };

	/* No name has a line's end in it; the reason comes last. */
	bh_buffer_printf(&key, "%d %d %d %s\n%s\n%s", a->verdict, q->proto, q->port, src, dst,
			 a->reason);
	struct finding *f = bh_map_get_text(findings->found, key.data);
	if (f == NULL) {
		f = bh_calloc(1, sizeof(*f));
		*f = (struct finding) { .verdict = a->verdict,
					.side = a->side,
					.proto = q->proto,
					.port = q->port,
					.src = bh_strdup(src),
					.dst = bh_strdup(dst),
					.reason = bh_strdup(a->reason) };
		if (a->verdict != BH_ALLOW && a->workload != NULL)
			f->workload = bh_strdup(a->workload);
		bh_map_put_text(findings->found, key.data, f);
	}
	bh_buffer_free(&key);
	return f;
}

void bh_findings_add(struct bh_findings *findings, const struct bh_question *question,
		     const struct bh_answer *answer, uint64_t count, int64_t last)
{
	struct finding *f = find(findings, question, answer);

	f->connections += count;
	if (last > f->last)
		f->last = last;
	findings->flows++;
	findings->of[answer->verdict]++;
}

/* --- in order --------------------------------------------------------------------------------- */

static int rank(const struct finding *f)
{
	return f->verdict == BH_DENY ? 0 : f->verdict == BH_UNCERTAIN ? 1 : 2;
}

/* What would be refused first, and of that what happens most. */
static int compare(const void *a, const void *b)
{
	const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;
	int order = rank(x) - rank(y);

	if (order == 0)
		order = (x->connections < y->connections) - (x->connections > y->connections);
	if (order == 0)
		order = strcmp(x->src, y->src);
	if (order == 0)
		order = strcmp(x->dst, y->dst);
	if (order == 0)
		order = x->proto - y->proto;
	if (order == 0)
		order = x->port - y->port;
	return order != 0 ? order : strcmp(x->reason, y->reason);
}

/* The caller frees it, not what it points to. */
static struct finding **sorted(const struct bh_findings *findings, size_t *count)
{
	struct finding **all =
		bh_calloc(bh_map_count(findings->found) + 1, sizeof(struct finding *));
	struct finding *f;

	*count = 0;
	for (size_t position = 0; (f = bh_map_next(findings->found, &position)) != NULL;)
		all[(*count)++] = f;
	qsort(all, *count, sizeof(struct finding *), compare);
	return all;
}

static const char *verdict_name(const struct finding *f)
{
	static const char *const names[] = {
		[BH_ALLOW] = "allow", [BH_DENY] = "deny", [BH_UNCERTAIN] = "uncertain"
	};

	return names[f->verdict];
}

/* --- for people ------------------------------------------------------------------------------- */

static void print_table(const struct bh_findings *findings, struct finding *const *all,
			size_t count, bool color)
{
	static const char *const titles[] = { "VERDICT",     "SOURCE", "DESTINATION", "PORT",
					      "CONNECTIONS", "LAST",   "REASON" };
	struct bh_table *table = bh_table_new(titles, 7, color);

	bh_table_expendable(table, 5);
	for (size_t i = 0; i < count && all[i]->verdict != BH_ALLOW; i++) {
		char port[BH_PORT_TEXT], connections[16], last[BH_TIME_TEXT];

		bh_human((double)all[i]->connections, connections);
		bh_table_row(table, all[i]->verdict == BH_DENY ? BH_RED : BH_YELLOW,
			     (const char *[]) {
				     verdict_name(all[i]), all[i]->src, all[i]->dst,
				     bh_port_format(all[i]->proto, all[i]->port, port), connections,
				     all[i]->last != 0 ? bh_time_format(all[i]->last, last) : NULL,
				     all[i]->reason });
	}
	bh_table_print(table, NULL);
	printf("%zu flows: %zu allowed, %zu would be refused, %zu uncertain\n", findings->flows,
	       findings->of[BH_ALLOW], findings->of[BH_DENY], findings->of[BH_UNCERTAIN]);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void put_text(struct bh_buffer *out, const char *before, const char *text)
{
	bh_buffer_puts(out, before);
	if (text != NULL)
		bh_json_string(out, text);
	else
		bh_buffer_puts(out, "null");
}

/* As the daemon's check says it. */
static void print_json(const struct finding *f)
{
	struct bh_buffer line = { 0 };
	char proto[BH_PROTOCOL_TEXT], last[BH_TIME_TEXT];

	put_text(&line, "{\"src\":", f->src);
	put_text(&line, ",\"dst\":", f->dst);
	bh_buffer_printf(&line,
			 ",\"proto\":\"%s\",\"port\":%u,\"connections\":%" PRIu64
			 ",\"last\":%s,\"verdict\":\"%s\",\"side\":\"%s\"",
			 bh_protocol_format(f->proto, proto), f->port, f->connections,
			 f->last != 0 ? bh_time_seconds(f->last, last) : "null", verdict_name(f),
			 bh_side_name(f->side));
	put_text(&line, ",\"workload\":", f->workload);
	put_text(&line, ",\"reason\":", f->reason);
	printf("%s}\n", line.data);
	bh_buffer_free(&line);
}

/* --- JUnit ------------------------------------------------------------------------------------ */

static bool is_xml(uint32_t c)
{
	return c == '\t' || c == '\n' ||
	       (c >= 0x20 && (c < 0x7f || c >= 0xa0) && c != 0xfffe && c != 0xffff);
}

/* Within quotes. What XML 1.0 cannot say is U+FFFD. */
static void put_xml(struct bh_buffer *out, const char *text)
{
	uint32_t c = 0;

	for (size_t bytes; *text != '\0'; text += bytes) {
		bytes = bh_utf8_decode(text, strlen(text), &c);
		if (bytes == 0 || !is_xml(c))
			bh_buffer_puts(out, "\xef\xbf\xbd");
		else if (strchr("&<>\"'", (int)c) != NULL && c < 0x80)
			bh_buffer_printf(out, "&#%u;", c);
		else
			bh_buffer_append(out, text, bytes);
		bytes += bytes == 0;
	}
}

static void put_case(struct bh_buffer *out, const struct finding *f)
{
	char port[BH_PORT_TEXT];

	bh_buffer_puts(out, "    <testcase classname=\"");
	put_xml(out, f->src);
	bh_buffer_puts(out, "\" name=\"");
	put_xml(out, f->dst);
	bh_buffer_printf(out, " %s\"", bh_port_format(f->proto, f->port, port));
	if (f->verdict == BH_ALLOW) {
		bh_buffer_puts(out, "/>\n");
		return;
	}
	bh_buffer_printf(out, ">\n      <%s message=\"",
			 f->verdict == BH_DENY ? "failure" : "skipped");
	put_xml(out, f->reason);
	bh_buffer_printf(out, " (%" PRIu64 " connection%s)\"/>\n    </testcase>\n", f->connections,
			 f->connections == 1 ? "" : "s");
}

static size_t count_of(struct finding *const *all, size_t count, uint8_t verdict)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += all[i]->verdict == verdict;
	return found;
}

static void print_junit(struct finding *const *all, size_t count, const char *policy,
			const char *flows)
{
	struct bh_buffer out = { 0 };
	char numbers[100];

	snprintf(numbers, sizeof(numbers), "tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\"", count,
		 count_of(all, count, BH_DENY), count_of(all, count, BH_UNCERTAIN));
	bh_buffer_printf(&out,
			 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites %s>\n"
			 "  <testsuite name=\"",
			 numbers);
	put_xml(&out, policy);
	bh_buffer_puts(&out, ": ");
	put_xml(&out, flows);
	bh_buffer_printf(&out, "\" %s>\n", numbers);
	for (size_t i = 0; i < count; i++)
		put_case(&out, all[i]);
	bh_buffer_puts(&out, "  </testsuite>\n</testsuites>\n");
	fputs(out.data, stdout);
	bh_buffer_free(&out);
}

/* --- SARIF 2.1.0 (docs.oasis-open.org/sarif) -------------------------------------------------- */

/* A path as a URI: relative, or a file's (RFC 3986, RFC 8089). The caller frees it. */
static char *uri_of(const char *path)
{
	struct bh_buffer out = { 0 };

	bh_buffer_puts(&out, path[0] == '/' ? "file://" : "");
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    strchr("-._~/", c) != NULL)
			bh_buffer_append(&out, path, 1);
		else
			bh_buffer_printf(&out, "%%%02X", c);
	}
	return bh_buffer_steal(&out);
}

/* As bh_json_string() has it: what is no UTF-8 becomes U+FFFD. */
static void add_text(cJSON *json, const char *key, const char *text)
{
	struct bh_buffer string = { 0 };

	bh_json_string(&string, text);
	cJSON_AddRawToObject(json, key, string.data);
	bh_buffer_free(&string);
}

static cJSON *text_json(const char *text)
{
	cJSON *json = cJSON_CreateObject();

	add_text(json, "text", text);
	return json;
}

static void add_rule(cJSON *rules, const char *id, const char *text)
{
	cJSON *rule = cJSON_CreateObject();

	cJSON_AddStringToObject(rule, "id", id);
	cJSON_AddItemToObject(rule, "shortDescription", text_json(text));
	cJSON_AddItemToArray(rules, rule);
}

/* Nothing stands in the policy of what it does not allow: it is the file as a whole. */
static void add_location(cJSON *result, const char *policy)
{
	cJSON *location = cJSON_CreateObject();
	cJSON *physical = cJSON_AddObjectToObject(location, "physicalLocation");
	cJSON *artifact = cJSON_AddObjectToObject(physical, "artifactLocation");

	char *uri = uri_of(policy);
	cJSON_AddStringToObject(artifact, "uri", uri);
	free(uri);
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(physical, "region"), "startLine", 1);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(result, "locations"), location);
}

static void add_result(cJSON *results, const struct finding *f, const char *policy)
{
	cJSON *result = cJSON_CreateObject();
	struct bh_buffer text = { 0 };
	char port[BH_PORT_TEXT];

	bh_buffer_printf(&text, "%s → %s %s", f->src, f->dst,
			 bh_port_format(f->proto, f->port, port));
	cJSON_AddStringToObject(result, "ruleId",
				f->verdict == BH_DENY ? "would-be-refused" : "uncertain");
	cJSON_AddStringToObject(result, "level", f->verdict == BH_DENY ? "error" : "warning");
	add_text(cJSON_AddObjectToObject(result, "partialFingerprints"), "connection/v1",
		 text.data);
	bh_buffer_printf(&text, ": %s", f->reason);
	cJSON_AddItemToObject(result, "message", text_json(text.data));
	if (f->connections > 0)
		cJSON_AddNumberToObject(result, "occurrenceCount", (double)f->connections);
	add_location(result, policy);
	cJSON_AddItemToArray(results, result);
	bh_buffer_free(&text);
}

static void print_sarif(struct finding *const *all, size_t count, const char *policy)
{
	cJSON *json = cJSON_CreateObject(), *run = cJSON_CreateObject();
	cJSON *driver = cJSON_AddObjectToObject(cJSON_AddObjectToObject(run, "tool"), "driver");

	cJSON_AddStringToObject(json, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	cJSON_AddStringToObject(json, "version", "2.1.0");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "runs"), run);
	cJSON_AddStringToObject(driver, "name", "bulkhead");
	cJSON_AddStringToObject(driver, "version", BULKHEAD_VERSION);
	cJSON *rules = cJSON_AddArrayToObject(driver, "rules");
	add_rule(rules, "would-be-refused", "The policy would refuse what was recorded.");
	add_rule(rules, "uncertain", "Nobody can say what the policy would do with it.");
	cJSON *results = cJSON_AddArrayToObject(run, "results");
	for (size_t i = 0; i < count && all[i]->verdict != BH_ALLOW; i++)
		add_result(results, all[i], policy);
	char *text = cJSON_Print(json);
	puts(text);
	free(text);
	cJSON_Delete(json);
}

/* ---------------------------------------------------------------------------------------------- */

int bh_findings_print(struct bh_findings *findings, const struct bh_call *call, const char *policy,
		      const char *flows)
{
	size_t count;
	struct finding **all = sorted(findings, &count);

	if (strcmp(call->format, "junit") == 0)
		print_junit(all, count, policy, flows);
	else if (strcmp(call->format, "sarif") == 0)
		print_sarif(all, count, policy);
	else if (!call->json)
		print_table(findings, all, count, call->color);
	else
		for (size_t i = 0; i < count && all[i]->verdict != BH_ALLOW; i++)
			print_json(all[i]);
	free(all);
	return findings->of[BH_DENY] > 0 ? BH_EXIT_NO : BH_EXIT_DONE;
}
