/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "columns.h"

#include <stddef.h>

#define COLUMN(name)                                                                               \
	{                                                                                          \
		.path = name                                                                       \
	}
#define TIME_COLUMN(name)                                                                          \
	{                                                                                          \
		.path = name, .time = true                                                         \
	}

const struct bh_csv_column bh_flow_columns[] = {
	TIME_COLUMN("first"),
	TIME_COLUMN("last"),
	COLUMN("proto"),
	COLUMN("src.ip"),
	COLUMN("src.port"),
	COLUMN("src.workload"),
	COLUMN("src.why"),
	COLUMN("src.replica"),
	COLUMN("dst.ip"),
	COLUMN("dst.port"),
	COLUMN("dst.workload"),
	COLUMN("dst.why"),
	COLUMN("dst.container"),
	COLUMN("tx.packets"),
	COLUMN("tx.bytes"),
	COLUMN("tx.delivered_packets"),
	COLUMN("tx.delivered_bytes"),
	COLUMN("rx.packets"),
	COLUMN("rx.bytes"),
	COLUMN("rx.delivered_packets"),
	COLUMN("rx.delivered_bytes"),
	COLUMN("state"),
	COLUMN("direction"),
	COLUMN("dns"),
	COLUMN("sni"),
	COLUMN("via.ip"),
	COLUMN("via.port"),
	COLUMN("masked"),
	COLUMN("tunnel"),
	COLUMN("icmp_error.what"),
	COLUMN("icmp_error.count"),
	COLUMN("verdict"),
	COLUMN("verdict_back"),
	COLUMN("lossy"),
	COLUMN("counted_by"),
	COLUMN(NULL),
};

const struct bh_csv_column bh_edge_columns[] = {
	COLUMN("id"),	    COLUMN("src"),	  COLUMN("dst"),       COLUMN("proto"),
	COLUMN("port"),	    TIME_COLUMN("first"), TIME_COLUMN("last"), COLUMN("connections"),
	COLUMN("answered"), COLUMN("bytes"),	  COLUMN("replicas"),  COLUMN("windows"),
	COLUMN("lossy"),    COLUMN("dns"),	  COLUMN("sni"),       COLUMN("masked"),
	COLUMN("clients"),  COLUMN(NULL),
};

/* The ends of what is told of packets are objects, those of what is summed up names. */
const struct bh_csv_column bh_event_columns[] = {
	COLUMN("number"), TIME_COLUMN("time"), COLUMN("kind"),	   COLUMN("workload"),
	COLUMN("src"),	  COLUMN("src.ip"),    COLUMN("src.port"), COLUMN("src.workload"),
	COLUMN("dst"),	  COLUMN("dst.ip"),    COLUMN("dst.port"), COLUMN("dst.workload"),
	COLUMN("proto"),  COLUMN("port"),      COLUMN("side"),	   COLUMN("connections"),
	COLUMN("text"),	  COLUMN(NULL),
};
