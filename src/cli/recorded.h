/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded flows, as `bulkhead flows --format json` prints them, as questions to a policy. */
#ifndef BH_RECORDED_H
#define BH_RECORDED_H

#include "bulkhead/error.h"
#include "bulkhead/flow.h"
#include "dns_name.h"
#include "evaluate.h"

/* Calls line() for each line of the file ("-": standard input) that is not empty, until it answers
 * false with *err: what is wrong with the line. The exit status; complains of what went wrong, and
 * where. */
int bh_recorded_each(const char *path,
		     bool (*line)(void *user, const char *text, size_t number,
				  struct bh_error *err),
		     void *user);

/* Complains of a line, and answers the exit status. */
int bh_recorded_refuse(const char *path, size_t number, const struct bh_error *why);

struct bh_recorded_flow {
	struct bh_peer src, dst;
	struct bh_peer proxy;	     /* the host, where proxied */
	char dns[BH_DNS_NAME_ROOM];  /* what an address outside was asked for as; "": unknown */
	struct bh_question question; /* points into this record */
	bool proxied;		     /* then question is of src and the proxy, … */
	struct bh_question onward; /* … and this of the proxy and dst: rules meet two connections */
	uint64_t count;		   /* so many alike */
	int64_t last;		   /* µs; 0: it does not say */
	bool deploy;		   /* no flow: src, alone set, runs another version from then on */
};

/* One line of JSON, or {"deploy":WORKLOAD,"time":SECONDS}. False and *err (what is wrong with it)
 * where it is neither. A record names workloads and no labels: those that the name stands for are
 * told (bulkhead.workload, Compose's two). An address without a name is what it can only be:
 * multicast, the metadata service, or a public one; a private one might be anybody's, and stays
 * unresolved. A `dns` that is no host's name (dns_name.h) is none. */
bool bh_recorded_flow_parse(const char *line, struct bh_recorded_flow *out, struct bh_error *err);

/* What a recorded flow teaches. */
struct bh_recorded_evidence {
	struct bh_recorded_flow flow; /* a destination outside that has a name is BH_PEER_DNS */
	int64_t first;		      /* µs */
	uint64_t replica;	      /* hash of the source's; 0: the source is no workload … */
	bool names_replica;	      /* … and whether the line says which one it was */
	uint64_t bytes;
	uint8_t direction; /* enum bh_direction */
	bool answered;
	bool denied;
	bool lossy; /* something was lost meanwhile */
};

/* One line, which has `first` and `last`, too; `count`, `src.replica`, `lossy` where known. Of a
 * deploy `first` is the time. */
bool bh_recorded_evidence_parse(const char *line, struct bh_recorded_evidence *out,
				struct bh_error *err);

#endif
