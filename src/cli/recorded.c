/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recorded.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "address.h"
#include "client.h"
#include "command.h"
#include "error.h"
#include "grow.h"
#include "peer.h"
#include "progress.h"
#include "protocol.h"
#include "recorded_line.h"
#include "timefmt.h"

#define PROJECT "com.docker.compose.project"
#define SERVICE "com.docker.compose.service"
#define COMPOSE "compose:"

/* The labels that a workload of this name has; Compose's are in the name. The answer to PROJECT
 * holds until the next one. */
static const char *name_label(const void *labels, const char *key)
{
	static char project[BH_PEER_NAME];
	const char *name = labels, *slash = strchr(name, '/');

	if (strcmp(key, "bulkhead.workload") == 0)
		return name;
	if (strncmp(name, COMPOSE, strlen(COMPOSE)) != 0 || slash == NULL)
		return NULL;
	if (strcmp(key, SERVICE) == 0)
		return slash + 1;
	if (strcmp(key, PROJECT) != 0)
		return NULL;
	name += strlen(COMPOSE);
	snprintf(project, sizeof(project), "%.*s", (int)(slash - name), name);
	return project;
}

/* A text or null, or nothing at all; false where it is something else. */
static bool read_optional(const struct bh_value *value, const char **text)
{
	*text = value->text;
	return value->kind == BH_VALUE_ABSENT || value->kind == BH_VALUE_NULL ||
	       value->kind == BH_VALUE_TEXT;
}

static uint8_t kind_of(const char *workload, const struct bh_addr *addr)
{
	if (workload != NULL)
		return strcmp(workload, "host") == 0	 ? BH_PEER_HOST
		       : strcmp(workload, "world") == 0	 ? BH_PEER_WORLD
		       : strcmp(workload, "masked") == 0 ? BH_PEER_MASKED
							 : BH_PEER_WORKLOAD;
	return bh_addr_is_metadata(addr)    ? BH_PEER_METADATA
	       : bh_addr_is_multicast(addr) ? BH_PEER_MULTICAST
	       : bh_addr_is_private(addr)   ? BH_PEER_UNRESOLVED
					    : BH_PEER_ADDRESS;
}

static bool read_port(const struct bh_value *value, uint16_t *port)
{
	if (value->kind != BH_VALUE_NUMBER || !(value->number >= 0 && value->number <= UINT16_MAX))
		return false;
	*port = (uint16_t)value->number;
	return *port == value->number;
}

static bool read_end(const struct bh_line_end *end, const char *key, struct bh_peer *peer,
		     struct bh_subject *subject, uint16_t *port, struct bh_error *err)
{
	const char *workload;

	*subject = (struct bh_subject) {
		.peer = peer, .labels = peer->name, .label = name_label, .mode = BH_ENFORCE
	};
	if (end->ip.text == NULL || !bh_addr_parse(end->ip.text, &subject->addr)) {
		bh_error_set(err, -EINVAL, "%s.ip: an address expected", key);
		return false;
	}
	if (!read_port(&end->port, port)) {
		bh_error_set(err, -EINVAL, "%s.port: a number from 0 to 65535 expected", key);
		return false;
	}
	if (!read_optional(&end->workload, &workload)) {
		bh_error_set(err, -EINVAL, "%s.workload: a name, or null, expected", key);
		return false;
	}
	peer->kind = kind_of(workload, &subject->addr);
	bh_copy_text(peer->name, sizeof(peer->name), workload != NULL ? workload : end->ip.text);
	return true;
}

/* What it was asked for, outside. */
static bool read_name(const struct bh_line *line, struct bh_recorded_flow *out,
		      struct bh_error *err)
{
	const char *name;

	if (!read_optional(&line->dns, &name)) {
		bh_error_set(err, -EINVAL, "dns: a name, or null, expected");
		return false;
	}
	if (name == NULL || out->dst.kind != BH_PEER_ADDRESS || !bh_dns_name_read(name, out->dns))
		out->dns[0] = '\0';
	else
		out->question.dst.dns = out->dns;
	return true;
}

static bool read_proxy(const struct bh_line *line, struct bh_recorded_flow *out,
		       struct bh_error *err)
{
	struct bh_question *q = &out->question;

	out->proxied = line->via.proxy.kind == BH_VALUE_TRUE;
	if (!out->proxied)
		return true;
	out->onward = *q;
	if (!read_end(&line->via, "via", &out->proxy, &q->dst, &q->port, err))
		return false;
	out->proxy.kind = BH_PEER_HOST;
	bh_copy_text(out->proxy.name, sizeof(out->proxy.name), "host");
	out->onward.src = q->dst;
	return true;
}

static bool read_flow(const struct bh_line *line, struct bh_recorded_flow *out,
		      struct bh_error *err)
{
	struct bh_question *q = &out->question;
	const char *direction;

	if (!line->is_object) {
		bh_error_set(err, -EINVAL, "a JSON object expected");
		return false;
	}
	if (line->proto.text == NULL || !bh_protocol_parse(line->proto.text, &q->proto)) {
		bh_error_set(err, -EINVAL, "proto: a protocol such as tcp expected");
		return false;
	}
	if (!read_optional(&line->direction, &direction)) {
		bh_error_set(err, -EINVAL, "direction: a word such as syn expected");
		return false;
	}
	q->direction_unknown = direction != NULL && strcmp(direction, "unknown") == 0;
	return read_end(&line->src, "src", &out->src, &q->src, &q->source_port, err) &&
	       read_end(&line->dst, "dst", &out->dst, &q->dst, &q->port, err) &&
	       read_name(line, out, err) && read_proxy(line, out, err);
}

/* --- files ------------------------------------------------------------------------------------ */

int bh_recorded_refuse(const char *path, size_t number, const struct bh_error *why)
{
	return bh_complain(BH_EXIT_UNREACHABLE,
			   "%s:%zu: %s; each line is a flow as `bulkhead flows --format json` "
			   "prints it",
			   path, number, why->text);
}

static int read_lines(const char *path, FILE *file,
		      bool (*take)(void *user, const char *text, size_t number,
				   struct bh_error *err),
		      void *user)
{
	struct bh_error err = { 0 };
	int result = BH_EXIT_DONE;
	char *line = NULL;
	size_t room = 0, number = 1;
	struct bh_progress progress = bh_progress_of_file(path, fileno(file));
	uint64_t done = 0;
	ssize_t length;
	bool taken = true;

	for (; taken && (length = getline(&line, &room, file)) > 0; number += taken) {
		taken = line[0] == '\n' || take(user, line, number, &err);
		bh_progress_show(&progress, done += (uint64_t)length);
	}
	bh_progress_end(&progress);
	if (!taken)
		result = bh_recorded_refuse(path, number, &err);
	if (ferror(file))
		result = bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(errno));
	free(line);
	return result;
}

int bh_recorded_each(const char *path,
		     bool (*line)(void *user, const char *text, size_t number,
				  struct bh_error *err),
		     void *user)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

	if (file == NULL)
		return bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(errno));
	int result = read_lines(path, file, line, user);
	if (file != stdin)
		fclose(file);
	return result;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool read_time(const struct bh_value *value, const char *key, int64_t *time,
		      struct bh_error *err)
{
	double seconds = value->kind == BH_VALUE_NUMBER ? value->number : NAN;

	/* A double has microseconds until the year 2255. */
	if (!(fabs(seconds) < 9e9)) {
		bh_error_set(err, -EINVAL, "%s: seconds since the epoch expected", key);
		return false;
	}
	*time = llround(seconds * (double)BH_SECOND);
	return true;
}

/* A whole number, or nothing: then `otherwise`. */
static bool read_count(const struct bh_value *value, const char *key, uint64_t otherwise,
		       uint64_t *count, struct bh_error *err)
{
	*count = otherwise;
	if (value->kind == BH_VALUE_ABSENT || value->kind == BH_VALUE_NULL)
		return true;
	if (value->kind != BH_VALUE_NUMBER || !(value->number >= 0 && value->number < 9e15)) {
		bh_error_set(err, -EINVAL, "%s: a number that is not negative expected", key);
		return false;
	}
	*count = (uint64_t)value->number;
	return true;
}

static bool read_deploy(const struct bh_line *line, struct bh_recorded_flow *out,
			struct bh_error *err)
{
	out->deploy = true;
	out->src.kind = BH_PEER_WORKLOAD;
	bh_copy_text(out->src.name, sizeof(out->src.name), line->deploy.text);
	if (out->src.name[0] == '\0')
		bh_error_set(err, -EINVAL, "deploy: a workload's name expected");
	return out->src.name[0] != '\0';
}

static bool read_line(const struct bh_line *line, struct bh_recorded_flow *out,
		      struct bh_error *err)
{
	if (line->deploy.text != NULL)
		return read_deploy(line, out, err);
	return read_flow(line, out, err) && read_count(&line->count, "count", 1, &out->count, err);
}

bool bh_recorded_flow_parse(const char *text, struct bh_recorded_flow *out, struct bh_error *err)
{
	struct bh_line line;

	bh_line_read(text, &line);
	*out = (struct bh_recorded_flow) { 0 };
	bool ok = read_line(&line, out, err);
	if (ok && line.last.kind == BH_VALUE_NUMBER)
		ok = read_time(&line.last, "last", &out->last, err);
	bh_line_clear(&line);
	return ok;
}

/* --- evidence --------------------------------------------------------------------------------- */

/* TCP: the handshake was completed, by the responder, too. */
static bool read_state(const struct bh_line *line, struct bh_recorded_evidence *out,
		       struct bh_error *err)
{
	static const char *const states[] = { "attempted", "answered", "established", "refused",
					      "closed" };
	const char *text = line->state.text;
	size_t state = 0;

	while (state < 5 && (text == NULL || strcmp(text, states[state]) != 0))
		state++;
	if (state == 5) {
		bh_error_set(err, -EINVAL,
			     "state: attempted, answered, established, refused or "
			     "closed expected");
		return false;
	}
	out->answered = state == BH_FLOW_ESTABLISHED || state == BH_FLOW_CLOSED ||
			(state == BH_FLOW_ANSWERED && out->flow.question.proto != IPPROTO_TCP);
	return true;
}

static bool read_direction(const struct bh_line *line, struct bh_recorded_evidence *out,
			   struct bh_error *err)
{
	static const char *const directions[] = { "unknown", "syn", "conntrack", "listener" };
	const char *text = line->direction.text;

	for (uint8_t i = 0; i < 4; i++)
		if (text != NULL && strcmp(text, directions[i]) == 0) {
			out->direction = i;
			return true;
		}
	bh_error_set(err, -EINVAL, "direction: syn, conntrack, listener or unknown expected");
	return false;
}

static uint64_t replica_hash(const char *workload, const char *replica)
{
	uint64_t whose = XXH3_64bits(workload, strlen(workload));
	uint64_t hash = XXH3_64bits_withSeed(replica, strlen(replica), whose);

	return hash != 0 ? hash : 1;
}

static void read_verdict(const struct bh_line *line, struct bh_recorded_evidence *out)
{
	const char *verdict = line->verdict.text;

	out->denied = verdict != NULL && strcmp(verdict, "denied") == 0;
}

/* A workload's replicas are its own, whatever they are called. Those of which nobody says which it
 * was count as one. */
static bool read_replica(const struct bh_line *line, struct bh_recorded_evidence *out,
			 struct bh_error *err)
{
	const char *replica;

	if (!read_optional(&line->src.replica, &replica)) {
		bh_error_set(err, -EINVAL, "src.replica: a text, or null, expected");
		return false;
	}
	out->names_replica = replica != NULL;
	if (out->flow.src.kind == BH_PEER_WORKLOAD)
		out->replica = replica_hash(out->flow.src.name, replica != NULL ? replica : "");
	return true;
}

static bool read_evidence(const struct bh_line *line, struct bh_recorded_evidence *out,
			  struct bh_error *err)
{
	uint64_t sent, received;

	if (!read_line(line, &out->flow, err))
		return false;
	if (out->flow.deploy)
		return read_time(&line->time, "time", &out->first, err);
	if (!read_time(&line->first, "first", &out->first, err) ||
	    !read_time(&line->last, "last", &out->flow.last, err) ||
	    !read_count(&line->tx.bytes, "bytes", 0, &sent, err) ||
	    !read_count(&line->rx.bytes, "bytes", 0, &received, err))
		return false;
	if (out->flow.last < out->first) {
		bh_error_set(err, -EINVAL, "last: it is before first");
		return false;
	}
	if (out->flow.src.name[0] == '\0' || out->flow.dst.name[0] == '\0') {
		bh_error_set(err, -EINVAL, "workload: a name that is not empty, or null, expected");
		return false;
	}
	out->bytes = sent + received;
	out->lossy = line->lossy.kind == BH_VALUE_TRUE;
	/* A client whom nobody knows is known by why that is so. */
	if (out->flow.src.kind == BH_PEER_MASKED && line->masked.text != NULL)
		bh_copy_text(out->flow.src.name, sizeof(out->flow.src.name), line->masked.text);
	/* Outside, what it was asked for is what it is. */
	if (out->flow.dns[0] != '\0')
		bh_peer_by_dns(out->flow.dns, &out->flow.dst);
	read_verdict(line, out);
	return read_state(line, out, err) && read_direction(line, out, err) &&
	       read_replica(line, out, err);
}

bool bh_recorded_evidence_parse(const char *text, struct bh_recorded_evidence *out,
				struct bh_error *err)
{
	struct bh_line line;

	bh_line_read(text, &line);
	*out = (struct bh_recorded_evidence) { 0 };
	bool ok = read_evidence(&line, out, err);
	bh_line_clear(&line);
	return ok;
}
