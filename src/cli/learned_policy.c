/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "learned_policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "propose.h"
#include "proposed_edges.h"
#include "wider.h"

static void select_by_name(void *user, const char *workload,
			   void (*add)(void *to, const char *key, const char *value), void *to)
{
	(void)user;
	add(to, "bulkhead.workload", workload);
}

static char *propose(const struct bh_ledger *ledger, const struct bh_filter_config *filters)
{
	struct bh_proposed_edges proposed = { 0 };
	struct bh_buffer header = { 0 };

	bh_proposed_edges_collect(&proposed, ledger, filters);
	bh_proposed_edges_describe(&proposed, "bulkhead learn", &header);
	bh_proposed_edges_undecided(ledger, NULL, NULL, &header);
	bh_propose_wider(proposed.edges, proposed.count, &header);
	struct bh_policy *policy =
		bh_propose(&(struct bh_propose_input) { .edges = proposed.edges,
							.edge_count = proposed.count,
							.labels = select_by_name,
							.header = header.data });
	char *text = bh_policy_print(policy);
	bh_policy_free(policy);
	bh_buffer_free(&header);
	free(proposed.edges);
	return text;
}

static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL)
		return false;
	bool written = fputs(text, file) >= 0;
	return fclose(file) == 0 && written;
}

int bh_learned_policy_write(const char *path, const struct bh_ledger *ledger,
			    const struct bh_filter_config *filters)
{
	char *text = propose(ledger, filters);
	int result = BH_EXIT_DONE;

	if (!write_file(path, text))
		result = bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(errno));
	free(text);
	return result;
}
