/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A made-up host for bench/map.sh: a store that knows of 500 workloads and 5,000 edges between
 * them, learned, and with a day of traffic, which was watched. map_fill STORE [WORKLOADS EDGES] */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "store.h"
#include "timefmt.h"

#define OF_A_PROJECT 20
#define MOST_WORKLOADS 5000
#define HOUR (3600 * BH_SECOND)
#define RECORDED (25 * HOUR) /* a day, and what its ends are rounded to */

static struct bh_peer peers[MOST_WORKLOADS];
static uint64_t state = 0x9e3779b97f4a7c15; /* the same host every time */

static unsigned random_below(unsigned most)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)(state >> 33) % most;
}

/* Within the project for the most part; now and then to another one, or out by name. */
static struct bh_peer other_end(unsigned from, unsigned workloads)
{
	unsigned where = random_below(100);
	struct bh_peer out = { .kind = BH_PEER_DNS };

	if (where < 70)
		return peers[from / OF_A_PROJECT * OF_A_PROJECT + random_below(OF_A_PROJECT)];
	if (where < 90)
		return peers[random_below(workloads)];
	snprintf(out.name, sizeof(out.name), "dns:api%u.example", random_below(60));
	return out;
}

static int fill(struct bh_store *store, struct bh_ledger *ledger, unsigned workloads,
		unsigned edges, struct bh_error *err)
{
	static const uint16_t ports[] = { 80, 443, 5432, 6379, 8080, 9092, 3306, 8443 };
	int64_t now = bh_time_now();
	int result = 0;

	for (unsigned i = 0; result == 0 && i < edges; i++) {
		unsigned from = i % workloads;
		struct bh_peer dst = other_end(from, workloads);
		struct bh_contact contact = { .src = &peers[from],
					      .dst = &dst,
					      .proto = IPPROTO_TCP,
					      .port = ports[random_below(8)],
					      .replica = from + 1,
					      .direction = BH_DIRECTION_SYN,
					      .answered = true,
					      .teaches = true,
					      .ends = true,
					      .bytes = 1000 };
		struct bh_stored_traffic traffic = { .src = contact.src,
						     .dst = contact.dst,
						     .proto = contact.proto,
						     .port = contact.port };

		for (int64_t time = now - RECORDED; result == 0 && time < now; time += HOUR / 2) {
			contact.time = traffic.last = time;
			traffic.first = now - RECORDED;
			traffic.counts =
				(struct bh_traffic_counts) { .connections = 1 + random_below(50),
							     .answered = 1,
							     .denied = i % 97 == 0,
							     .bytes = random_below(100000) };
			bh_ledger_observe(ledger, &contact);
			result = bh_store_add_traffic(store, time, &traffic, err);
		}
	}
	if (result == 0)
		result = bh_store_save_watched(store, now - RECORDED, now, err);
	return result == 0 ? bh_store_save_ledger(store, ledger, err) : result;
}

int main(int argc, char **argv)
{
	unsigned workloads = argc > 3 ? (unsigned)atoi(argv[2]) : 500;
	unsigned edges = argc > 3 ? (unsigned)atoi(argv[3]) : 5000;
	struct bh_ledger_config config = { .window = BH_DAY, .max_edges = 1000000, .saved = true };
	struct bh_error err = { 0 };

	if (argc < 2 || workloads < OF_A_PROJECT || workloads > MOST_WORKLOADS)
		return 2;
	for (unsigned i = 0; i < workloads; i++) {
		peers[i].kind = BH_PEER_WORKLOAD;
		snprintf(peers[i].name, sizeof(peers[i].name), "compose:project%u/service%u",
			 i / OF_A_PROJECT, i % OF_A_PROJECT);
	}
	struct bh_store *store = bh_store_open(argv[1], &err);
	struct bh_ledger *ledger = bh_ledger_new(&config);
	int result = store == NULL ? err.code : bh_store_begin(store, &err);
	if (result == 0)
		result = fill(store, ledger, workloads, edges, &err);
	if (result == 0)
		result = bh_store_commit(store, &err);
	bh_store_close(store);
	bh_ledger_free(ledger);
	if (result != 0)
		fprintf(stderr, "map_fill: %s\n", err.text);
	return result == 0 ? 0 : 1;
}
