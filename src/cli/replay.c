/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Without a daemon: capture files into flows, and recorded flows against a policy. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "client.h"
#include "command.h"
#include "evaluate.h"
#include "grow.h"
#include "json.h"
#include "protocol.h"
#include "source.h"
#include "table.h"
#include "timefmt.h"

/* --- capture files ---------------------------------------------------------------------------- */

struct reader {
	const struct bh_call *call;
	struct bh_table *table; /* NULL: JSON */
	struct bh_buffer line;
};

static void add_flow_row(struct bh_table *table, const struct bh_flow *f)
{
	char src[BH_ADDR_TEXT], dst[BH_ADDR_TEXT], port[BH_PORT_TEXT], from[16],
		first[BH_TIME_TEXT];
	char packets[16], bytes[16];
	const char *cells[] = { bh_time_format(f->first, first),
				bh_addr_format(&f->key.src, src),
				from,
				bh_addr_format(&f->key.dst, dst),
				bh_port_format(f->key.proto, f->key.dport, port),
				bh_flow_state_name(f->state),
				bh_direction_name(f->direction),
				bh_human((double)(f->tx.sent.packets + f->rx.sent.packets),
					 packets),
				bh_human((double)(f->tx.sent.bytes + f->rx.sent.bytes), bytes) };

	snprintf(from, sizeof(from), "%u", f->key.sport);
	bh_table_row(table, BH_PLAIN, cells);
}

static void on_flow(void *user, const struct bh_flow *flow)
{
	struct reader *r = user;
	struct bh_flow_names names = { 0 };

	if (r->table != NULL) {
		add_flow_row(r->table, flow);
		return;
	}
	bh_buffer_clear(&r->line);
	bh_json_flow(&r->line, flow, &names);
	puts(r->line.data);
}

static void on_progress(void *user, uint64_t done, uint64_t total)
{
	(void)user;
	if (total > 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%3.0f %%", 100.0 * (double)done / (double)total);
}

/* What could be read and what could not, beside the flows. */
static void print_summary(const char *path, const struct bh_file_stats *file,
			  const struct bh_flow_table_stats *table)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r");
	fprintf(stderr, "%s: %" PRIu64 " packets, %" PRIu64 " flows", path, file->packets,
		table->flows);
	for (int i = BH_DECODED + 1; i < BH_UNDECODED_KINDS; i++)
		if (table->undecoded[i] > 0)
			fprintf(stderr, ", %" PRIu64 " %s", table->undecoded[i],
				bh_undecoded_name(i));
	if (table->orphan_fragments > 0)
		fprintf(stderr, ", %" PRIu64 " fragments without their first",
			table->orphan_fragments);
	if (table->evicted > 0)
		fprintf(stderr, ", %" PRIu64 " flows ended early for want of room", table->evicted);
	fprintf(stderr, "\n");
	if (file->truncated)
		fprintf(stderr, "%s: the rest cannot be read: %s\n", path, file->problem);
}

int bh_read_capture(const struct bh_call *call, const char *path)
{
	static const char *const titles[] = { "FIRST",	     "SOURCE",	"SPORT",
					      "DESTINATION", "PORT",	"STATE",
					      "OPENED BY",   "PACKETS", "BYTES" };
	struct bh_flow_table_config config = { .max_flows = 4000000,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 86400 * BH_SECOND,
					       .closed_linger = 5 * BH_SECOND };
	struct reader reader = { .call = call };
	struct bh_file_stats file;
	struct bh_error err = { 0 };

	if (!call->json)
		reader.table = bh_table_new(titles, 9, call->color);
	struct bh_flow_table *table = bh_flow_table_new(&config, on_flow, &reader);
	int result = bh_file_source_read(path, table, &file, on_progress, NULL, &err);
	struct bh_flow_table_stats stats = bh_flow_table_stats(table);
	bh_flow_table_free(table);
	if (reader.table != NULL) {
		bh_table_numeric(reader.table, 7);
		bh_table_print(reader.table, "No flow.");
	}
	bh_buffer_free(&reader.line);
	if (result != 0)
		return bh_complain(BH_EXIT_UNREACHABLE, "%s", err.text);
	print_summary(path, &file, &stats);
	return BH_EXIT_DONE;
}

/* --- recorded flows against a policy ---------------------------------------------------------- */

struct replay {
	const struct bh_call *call;
	struct bh_policy *policy;
	const char *file;
	size_t line, allowed, blocked, uncertain;
};

/* A workload's name is all that a record holds; Compose's two labels are in it. */
static const char *name_label(const void *labels, const char *key)
{
	static char part[BH_PEER_NAME];
	const char *name = labels, *slash = strchr(name, '/');

	if (strcmp(key, "bulkhead.workload") == 0)
		return name;
	if (strncmp(name, "compose:", 8) != 0 || slash == NULL)
		return NULL;
	if (strcmp(key, "com.docker.compose.service") == 0)
		return slash + 1;
	if (strcmp(key, "com.docker.compose.project") != 0)
		return NULL;
	snprintf(part, sizeof(part), "%.*s", (int)(slash - name - 8), name + 8);
	return part;
}

static bool read_end(const cJSON *end, struct bh_peer *peer, struct bh_subject *subject)
{
	const char *ip = cJSON_GetStringValue(cJSON_GetObjectItem(end, "ip"));
	const char *workload = cJSON_GetStringValue(cJSON_GetObjectItem(end, "workload"));

	*peer = (struct bh_peer) { 0 };
	*subject = (struct bh_subject) {
		.peer = peer, .labels = peer->name, .label = name_label, .mode = BH_ENFORCE
	};
	if (ip == NULL || !bh_addr_parse(ip, &subject->addr))
		return false;
	bh_copy_text(peer->name, sizeof(peer->name), workload != NULL ? workload : ip);
	if (workload == NULL)
		peer->kind = bh_addr_is_multicast(&subject->addr) ? BH_PEER_MULTICAST
			     : bh_addr_is_private(&subject->addr) ? BH_PEER_UNRESOLVED
								  : BH_PEER_ADDRESS;
	else
		peer->kind = strcmp(workload, "host") == 0    ? BH_PEER_HOST
			     : strcmp(workload, "world") == 0 ? BH_PEER_WORLD
							      : BH_PEER_WORKLOAD;
	return true;
}

static bool read_flow(const cJSON *json, struct bh_peer peers[2], struct bh_question *question)
{
	const char *proto = cJSON_GetStringValue(cJSON_GetObjectItem(json, "proto"));
	const char *direction = cJSON_GetStringValue(cJSON_GetObjectItem(json, "direction"));
	const cJSON *src = cJSON_GetObjectItem(json, "src"),
		    *dst = cJSON_GetObjectItem(json, "dst");
	const cJSON *port = cJSON_GetObjectItem(dst, "port"),
		    *sport = cJSON_GetObjectItem(src, "port");

	*question = (struct bh_question) { 0 };
	if (proto == NULL || !bh_protocol_parse(proto, &question->proto) || !cJSON_IsNumber(port) ||
	    port->valuedouble < 0 || port->valuedouble > 65535)
		return false;
	question->port = (uint16_t)port->valuedouble;
	question->source_port = cJSON_IsNumber(sport) ? (uint16_t)sport->valueint : 0;
	question->direction_unknown = direction != NULL && strcmp(direction, "unknown") == 0;
	return read_end(src, &peers[0], &question->src) && read_end(dst, &peers[1], &question->dst);
}

static void print_verdict(const struct replay *r, const struct bh_peer peers[2],
			  const struct bh_question *q, const struct bh_answer *a)
{
	const char *verdict = a->verdict == BH_DENY ? "deny" : "uncertain";
	struct bh_buffer line = { 0 };
	char port[BH_PORT_TEXT], proto[BH_PROTOCOL_TEXT];

	if (!r->call->json) {
		printf("%-9s  %s → %s  %s: %s\n", verdict, peers[0].name, peers[1].name,
		       bh_port_format(q->proto, q->port, port), a->reason);
		return;
	}
	bh_buffer_puts(&line, "{\"src\":");
	bh_json_string(&line, peers[0].name);
	bh_buffer_puts(&line, ",\"dst\":");
	bh_json_string(&line, peers[1].name);
	bh_buffer_printf(&line, ",\"proto\":\"%s\",\"port\":%u,\"verdict\":\"%s\",\"reason\":",
			 bh_protocol_format(q->proto, proto), q->port, verdict);
	bh_json_string(&line, a->reason);
	printf("%s}\n", line.data);
	bh_buffer_free(&line);
}

/* False: the line is no flow; it was complained about. */
static bool replay_line(struct replay *r, const char *line)
{
	struct bh_peer peers[2];
	struct bh_question question;
	struct bh_answer answer;
	cJSON *json = cJSON_Parse(line);
	bool ok = read_flow(json, peers, &question);

	cJSON_Delete(json);
	if (!ok) {
		bh_complain(0, "%s:%zu: not a flow as `bulkhead flows --format json` prints it",
			    r->file, r->line);
		return false;
	}
	bh_policy_evaluate(r->policy, &question, &answer);
	r->allowed += answer.verdict == BH_ALLOW;
	r->blocked += answer.verdict == BH_DENY;
	r->uncertain += answer.verdict == BH_UNCERTAIN;
	if (answer.verdict != BH_ALLOW)
		print_verdict(r, peers, &question, &answer);
	return true;
}

int bh_replay_run(const struct bh_call *call)
{
	const char *policy = bh_call_option(call, "policy");
	struct replay r = { .call = call, .file = bh_call_option(call, "flows") };
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };
	char *line = NULL;
	size_t room = 0;
	bool ok = true;

	if (policy == NULL || r.file == NULL)
		return bh_complain(BH_EXIT_USAGE,
				   "policy check takes --policy FILE and --flows JSONL together");
	if (!bh_read_file(policy, &text))
		return BH_EXIT_UNREACHABLE;
	r.policy = bh_policy_parse(text.data, text.length, policy, &err);
	bh_buffer_free(&text);
	if (r.policy == NULL)
		return bh_complain(BH_EXIT_NO, "%s", err.text);
	FILE *flows = strcmp(r.file, "-") == 0 ? stdin : fopen(r.file, "re");
	if (flows == NULL) {
		bh_policy_free(r.policy);
		return bh_complain(BH_EXIT_UNREACHABLE, "%s cannot be opened", r.file);
	}
	for (r.line = 1; ok && getline(&line, &room, flows) > 0; r.line++)
		ok = line[0] == '\n' || replay_line(&r, line);
	free(line);
	fclose(flows);
	bh_policy_free(r.policy);
	if (!call->json && ok)
		printf("%zu flows: %zu allowed, %zu would be refused, %zu uncertain\n", r.line - 1,
		       r.allowed, r.blocked, r.uncertain);
	return !ok ? BH_EXIT_UNREACHABLE : r.blocked > 0 ? BH_EXIT_NO : BH_EXIT_DONE;
}
