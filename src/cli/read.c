/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture file's flows, without a daemon. Whoever asked for a name in it is a client by its
 * address: which addresses belong to one machine a file does not say. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "answer.h"
#include "client.h"
#include "columns.h"
#include "command.h"
#include "dns_watch.h"
#include "flow_filter.h"
#include "grow.h"
#include "json.h"
#include "map.h"
#include "names.h"
#include "neighbours.h"
#include "progress.h"
#include "protocol.h"
#include "read_summary.h"
#include "source.h"
#include "table.h"
#include "timefmt.h"

#define NAMES_OF_ONE 10000 /* addresses that one client knows by name */
#define NAMES_OF_ALL 1000000
#define MOST_NEIGHBOURS 100000
#define MOST_CLAIMS 1000000	   /* of flows that live at the same time */
#define WRITE_AT_ONCE (256 * 1024) /* bytes */

struct reader {
	const struct bh_call *call;
	struct bh_table *table; /* NULL: JSON, or CSV */
	struct bh_buffer lines;
	struct bh_dns_watch *dns;
	struct bh_neighbour_watch *neighbours;
	struct bh_names *names;
	struct bh_map *claims; /* id of a flow → what its client claims */
	uint64_t claims_left_out;
	const struct bh_flow_filter *filter; /* NULL: none */
	struct bh_progress progress;
};

static void write_lines(struct reader *r)
{
	fwrite(r->lines.data, 1, r->lines.length, stdout);
	bh_buffer_clear(&r->lines);
}

static struct bh_table *new_table(const struct bh_call *call)
{
	static const char *const titles[] = { "FIRST",	     "SOURCE",	"SPORT",
					      "DESTINATION", "PORT",	"STATE",
					      "OPENED BY",   "PACKETS", "BYTES" };
	struct bh_table *table = bh_table_new(titles, 9, call->color);

	bh_table_numeric(table, 7);
	bh_table_expendable(table, 7);
	bh_table_expendable(table, 0);
	bh_table_expendable(table, 6);
	bh_table_expendable(table, 2);
	return table;
}

static const char *destination(const struct bh_flow *f, const struct bh_flow_names *names,
			       char out[BH_NAMED_TEXT])
{
	char address[BH_ADDR_TEXT];

	if (names->dns != NULL)
		return bh_named_format(names->dns, bh_addr_format(&f->key.dst, address), out);
	if (names->sni != NULL)
		return bh_claimed_format(names->sni, bh_addr_format(&f->key.dst, address), out);
	return bh_addr_format(&f->key.dst, out);
}

static void add_flow_row(struct bh_table *table, const struct bh_flow *f,
			 const struct bh_flow_names *names)
{
	char src[BH_ADDR_TEXT], port[BH_PORT_TEXT], from[16], first[BH_TIME_TEXT];
	char packets[16], bytes[16], dst[BH_NAMED_TEXT];
	const char *cells[] = { bh_time_format(f->first, first),
				bh_addr_format(&f->key.src, src),
				from,
				destination(f, names, dst),
				bh_port_format(f->key.proto, f->key.dport, port),
				bh_flow_state_name(f->state),
				bh_direction_name(f->direction),
				bh_human((double)(f->tx.sent.packets + f->rx.sent.packets),
					 packets),
				bh_human((double)(f->tx.sent.bytes + f->rx.sent.bytes), bytes) };

	snprintf(from, sizeof(from), "%u", f->key.sport);
	bh_table_row(table, BH_PLAIN, cells);
}

static void on_names(void *user, const struct bh_packet *packet, const struct bh_named *names,
		     size_t count)
{
	struct reader *r = user;
	struct bh_names_client client = { .addr = packet->dst };

	for (size_t i = 0; i < count; i++)
		bh_names_add(r->names, &client, &names[i]);
}

static void on_neighbour(void *user, const struct bh_packet *packet)
{
	bh_neighbour_watch_packet(((struct reader *)user)->neighbours, packet);
}

static void on_dns(void *user, const struct bh_packet *packet)
{
	bh_dns_watch_packet(((struct reader *)user)->dns, packet);
}

static void on_claim(void *user, uint64_t flow_id, const char *name)
{
	struct reader *r = user;

	if (bh_map_count(r->claims) < MOST_CLAIMS)
		bh_map_put(r->claims, &flow_id, sizeof(flow_id), bh_strdup(name));
	else
		r->claims_left_out++;
}

/* Most files have none: then no flow is looked up. */
static const char *claim_of(const struct reader *r, const struct bh_flow *flow)
{
	return bh_map_count(r->claims) > 0 ? bh_map_get(r->claims, &flow->id, sizeof(flow->id))
					   : NULL;
}

/* What the flow's initiator was told; NULL: nothing. What a tunnel carries is of another network.
 */
static const char *dns_name(const struct reader *r, const struct bh_flow *flow)
{
	struct bh_names_client client = { .addr = flow->key.src };

	if (flow->tunnel[0] != '\0')
		return NULL;
	const struct bh_name *name = bh_names_find(r->names, &client, &flow->key.dst, flow->first);
	return name != NULL ? bh_name_text(name) : NULL;
}

static void add_flow_line(struct reader *r, const struct bh_flow *flow,
			  const struct bh_flow_names *names)
{
	bh_json_flow(&r->lines, flow, names);
	bh_buffer_puts(&r->lines, "\n");
	if (r->lines.length >= WRITE_AT_ONCE)
		write_lines(r);
}

/* Its row is made of its JSON, as the daemon's flows' are. */
static void print_flow_row(struct reader *r, const struct bh_flow *flow,
			   const struct bh_flow_names *names)
{
	bh_buffer_clear(&r->lines);
	bh_json_flow(&r->lines, flow, names);
	cJSON *json = bh_answer_parse(r->lines.data);
	bh_csv_row(bh_flow_columns, json);
	cJSON_Delete(json);
	bh_buffer_clear(&r->lines);
}

static void on_flow(void *user, const struct bh_flow *flow)
{
	struct reader *r = user;
	struct bh_flow_names names = { .dns = dns_name(r, flow), .sni = claim_of(r, flow) };
	bool meant = r->filter == NULL || bh_flow_filter_matches(r->filter, flow, &names);

	if (meant && r->table != NULL)
		add_flow_row(r->table, flow, &names);
	else if (meant && !r->call->json)
		print_flow_row(r, flow, &names);
	else if (meant)
		add_flow_line(r, flow, &names);
	if (names.sni != NULL) /* a file's flows are reported once */
		bh_map_remove(r->claims, &flow->id, sizeof(flow->id));
}

static void on_progress(void *user, uint64_t done, uint64_t total)
{
	struct reader *r = user;

	r->progress.total = total;
	bh_progress_show(&r->progress, done);
}

/* Flows that go to the same terminal as they are read leave no line for anything else. */
static struct bh_progress begin_progress(const struct reader *r, const char *path)
{
	struct bh_progress progress = bh_progress_begin(path, 0);

	progress.wanted = progress.wanted && (r->table != NULL || !isatty(STDOUT_FILENO));
	return progress;
}

int bh_read_run(const struct bh_call *call, const char *path, const struct bh_flow_filter *filter)
{
	struct bh_flow_table_config config = { .max_flows = 4000000,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 86400 * BH_SECOND,
					       .closed_linger = 5 * BH_SECOND };
	struct reader reader = { .call = call, .filter = filter };
	struct bh_file_stats file;
	struct bh_error err = { 0 };

	if (strcmp(call->format, "csv") == 0)
		bh_csv_titles(bh_flow_columns);
	else if (!call->json)
		reader.table = new_table(call);
	struct bh_flow_table *table = bh_flow_table_new(&config, on_flow, &reader);
	reader.names = bh_names_new(NAMES_OF_ONE, NAMES_OF_ALL);
	reader.dns = bh_dns_watch_new(false, on_names, &reader);
	reader.claims = bh_map_new(free);
	reader.neighbours = bh_neighbour_watch_new(MOST_NEIGHBOURS);
	bh_flow_table_show_dns(table, on_dns, &reader);
	bh_flow_table_show_neighbours(table, on_neighbour, &reader);
	bh_flow_table_show_claims(table, on_claim, &reader);
	reader.progress = begin_progress(&reader, path);
	int result = bh_file_source_read(path, table, &file, on_progress, &reader, &err);
	bh_progress_end(&reader.progress);
	struct bh_flow_table_stats stats = bh_flow_table_stats(table);
	struct bh_dns_unread dns = bh_dns_watch_unread(reader.dns, INT64_MAX / 2);
	bh_flow_table_free(table);
	bh_dns_watch_free(reader.dns);
	bh_names_free(reader.names);
	bh_map_free(reader.claims);
	if (reader.table != NULL)
		bh_table_print(reader.table, result != 0      ? NULL
					     : filter != NULL ? "No flow is like that."
							      : "No flow.");
	write_lines(&reader);
	bh_buffer_free(&reader.lines);
	if (result == 0)
		bh_print_read_summary(
			&(struct bh_read_summary) { .path = path,
						    .file = &file,
						    .table = &stats,
						    .dns = &dns,
						    .claims_left_out = reader.claims_left_out,
						    .neighbours = reader.neighbours });
	bh_neighbour_watch_free(reader.neighbours);
	return result == 0 ? BH_EXIT_DONE : bh_complain(BH_EXIT_UNREACHABLE, "%s", err.text);
}
