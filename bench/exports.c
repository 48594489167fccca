/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What exports add to a flow's cost in core: each flow is reported as it opens and as it ends, and
 * exported after that.
 *
 *   exports none|ipfix|one-way|bulkhead|ecs|otel|syslog FLOWS FOLDER
 *
 * ipfix, one-way: to a UDP socket that nobody reads; bulkhead, ecs, otel: lines in
 * FOLDER/log.jsonl, which is removed again; syslog: text to a UDP socket. Prints the main thread's
 * processor time a flow, in ns; what writing the file takes is another thread's.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core_export.h"
#include "core_fixture.h"
#include "grow.h"
#include "log_record.h"

#define BATCH 100
#define LATER (10 * BH_SECOND)

static uint16_t bind_sink(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, length) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		exit(1);
	return ntohs(address.sin_port);
}

static void configure(struct bh_config_exports *config, const char *mode, const char *folder)
{
	struct bh_config_collector sink = { .host = "127.0.0.1", .port = bind_sink() };

	if (strcmp(mode, "ipfix") == 0 || strcmp(mode, "one-way") == 0) {
		config->ipfix.biflows = mode[0] == 'i';
		config->ipfix.collectors[config->ipfix.collector_count++] = sink;
	} else if (strcmp(mode, "syslog") == 0) {
		config->syslog.to = sink;
		config->syslog.log.flows = true;
	} else if (strcmp(mode, "none") != 0) {
		snprintf(config->file.path, sizeof(config->file.path), "%s/log.jsonl", folder);
		config->file.log.flows = true;
		config->file.log.format = mode[0] == 'b'   ? BH_LOG_FORMAT_BULKHEAD
					  : mode[0] == 'e' ? BH_LOG_FORMAT_ECS
							   : BH_LOG_FORMAT_OTEL;
	}
}

static void make_flow(struct bh_flow *flow, uint64_t number)
{
	memset(flow, 0, sizeof(*flow));
	flow->id = number + 1;
	flow->key =
		core_fixture_tuple("10.0.1.2", (uint16_t)(1024 + number % 60000), "10.0.2.3", 5432);
	flow->src_ifindex = 7;
	flow->dst_ifindex = 8;
	flow->first = CORE_FIXTURE_NOW + (int64_t)number;
	flow->last = flow->first + 1000;
	flow->direction = BH_DIRECTION_SYN;
	flow->state = BH_FLOW_ESTABLISHED;
	flow->answered = flow->established = true;
	flow->tx.sent = flow->tx.delivered = (struct bh_tally) { 5, 500 };
	flow->rx.sent = flow->rx.delivered = (struct bh_tally) { 4, 5000 };
}

/* Flows that open and end. */
static void run_batch(struct bh_core *core, uint64_t first)
{
	struct bh_flow flows[BATCH];

	for (uint64_t i = 0; i < BATCH; i++)
		make_flow(&flows[i], first + i);
	bh_core_flows(core, flows, BATCH);
	for (uint64_t i = 0; i < BATCH; i++) {
		flows[i].state = BH_FLOW_CLOSED;
		flows[i].final = true;
	}
	bh_core_flows(core, flows, BATCH);
	bh_core_exports_tick(core, bh_time_monotonic() + LATER);
	uv_run(&core->loop, UV_RUN_NOWAIT);
}

static double count_waiting(const struct bh_core *core)
{
	cJSON *list = bh_core_exports_json(core), *one;
	double waiting = 0;

	cJSON_ArrayForEach (one, list)
		waiting += cJSON_GetNumberValue(cJSON_GetObjectItem(one, "waiting"));
	cJSON_Delete(list);
	return waiting;
}

/* So that nothing is lost for want of time. Sending is paced: what it costs is measured, too. */
static int64_t catch_up(struct bh_core *core, double most)
{
	int64_t spent = 0;

	while (count_waiting(core) > most) {
		usleep(1000);
		int64_t before = bh_time_spent();
		bh_core_exports_tick(core, bh_time_monotonic());
		uv_run(&core->loop, UV_RUN_NOWAIT);
		spent += bh_time_spent() - before;
	}
	return spent;
}

int main(int argc, char **argv)
{
	uint64_t count = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
	struct bh_core *core;
	char path[512];
	cJSON *list;

	if (count < BATCH) {
		fprintf(stderr, "usage: exports none|ipfix|one-way|bulkhead|ecs|otel|syslog FLOWS "
				"FOLDER\n");
		return 2;
	}
	core = core_fixture_with_rules(BH_SECOND);
	core_fixture_world(core);
	configure(&core->config.exports, argv[1], argv[3]);
	bh_core_exports_start(core);
	for (int i = 0; i < 200; i++, usleep(1000)) /* a thread looks the address up */
		uv_run(&core->loop, UV_RUN_NOWAIT);
	int64_t spent = 0;
	for (uint64_t done = 0; done + BATCH <= count; done += BATCH) {
		int64_t before = bh_time_spent();

		run_batch(core, done);
		spent += bh_time_spent() - before + catch_up(core, BATCH * 10);
	}
	spent += catch_up(core, 0);
	list = bh_core_exports_json(core);
	char *text = cJSON_PrintUnformatted(list);
	printf("%s: %.0f ns a flow; %s\n", argv[1], (double)spent * 1000 / (double)count, text);
	free(text);
	cJSON_Delete(list);
	bh_core_exports_end(core);
	core_fixture_free_with_rules(core);
	snprintf(path, sizeof(path), "%s/log.jsonl", argv[3]);
	unlink(path);
	return 0;
}
