/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints and probes from files, as questions to a policy. */
#ifndef BH_PROBES_H
#define BH_PROBES_H

#include <cjson/cJSON.h>

#include "evaluate.h"

/* The endpoints of a file: [{"id":S, "workload":S, "namespace":S, "namespace_labels":{},
 * "labels":{}, "ips":[…], "ports":[{"name":S, "port":N, "protocol":"TCP"}]}], all but id optional.
 * NULL and *err: what is wrong, and where. */
struct bh_probe_endpoints;
struct bh_probe_endpoints *bh_probe_endpoints_new(const char *text, size_t length, const char *file,
						  struct bh_error *err);
void bh_probe_endpoints_free(struct bh_probe_endpoints *endpoints);

/* A probe: {"from":ID|IP|"host", "to":ID|IP|"host", "protocol":"TCP", "port":N}; of ICMP port is
 * the type. */
struct bh_probe_answer {
	uint8_t verdict; /* enum bh_verdict */
	int rule;	 /* index; −1: none */
	char reason[512];
};

/* 0; or -EINVAL and *err (what is wrong with it). A pod reaches itself. Of ends with addresses of
 * both families both are asked; where the answers differ it is uncertain. */
int bh_probe_ask(const struct bh_policy *policy, const struct bh_probe_endpoints *endpoints,
		 const cJSON *probe, struct bh_probe_answer *answer, struct bh_error *err);

#endif
