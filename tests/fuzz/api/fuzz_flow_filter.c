/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flow_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is asked of a flow that has little, and of one that has all there is. */
static void match(const struct bh_flow_filter *filter)
{
	struct bh_tally tracked[2] = { { .packets = 3, .bytes = 180 } };
	struct bh_flow flow = { .key = { .proto = IPPROTO_TCP, .sport = 40000, .dport = 443 },
				.state = BH_FLOW_ESTABLISHED,
				.first = 1,
				.last = 2000000 };
	struct bh_flow_names names = { .src_workload = "compose:shop/web",
				       .dst_why = "unheld",
				       .dns = "pay.example",
				       .sni = "pay.example",
				       .via = &flow.key,
				       .masked = "gateway",
				       .src_replica = 42,
				       .verdict = BH_FLOW_DENIED,
				       .uncounted = true,
				       .tracked = tracked },
			     nothing = { 0 };
	volatile bool result;

	flow.key.src = (struct bh_addr) { .family = BH_IPV4, .bytes = { 10, 0, 0, 1 } };
	flow.key.dst = (struct bh_addr) { .family = BH_IPV4, .bytes = { 10, 0, 0, 2 } };
	strcpy(flow.tunnel, "vxlan:42");
	result = bh_flow_filter_matches(filter, &flow, &names);
	flow = (struct bh_flow) { .key = { .proto = IPPROTO_ICMPV6 } };
	result = bh_flow_filter_matches(filter, &flow, &nothing);
	(void)result;
	(void)bh_flow_filter_beyond_capture(filter);
}

/* Either a filter, or an error whose place lies within the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bh_error err = { 0 };
	size_t position = SIZE_MAX;

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	struct bh_flow_filter *filter = bh_flow_filter_parse(text, &position, &err);
	if (filter != NULL)
		match(filter);
	else if (position > strlen(text) || err.text[0] == '\0' ||
		 bh_flow_filter_column(text, position) > position + 1)
		abort();
	bh_flow_filter_free(filter);
	free(text);
	return 0;
}
