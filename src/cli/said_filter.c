/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "said_filter.h"

#include <stdlib.h>

#include "buffer.h"
#include "client.h"

static int refuse(const char *text, size_t position, const struct bh_error *why)
{
	int before = (int)bh_flow_filter_column(text, position) - 1;

	return bh_complain(BH_EXIT_USAGE, "the filter, %s\n  %s\n  %*s^", why->text, text, before,
			   "");
}

int bh_said_filter_read(const struct bh_call *call, struct bh_said_filter *out)
{
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };
	size_t position;

	*out = (struct bh_said_filter) { 0 };
	if (call->argument_count == 0)
		return BH_EXIT_DONE;
	for (size_t i = 0; i < call->argument_count; i++)
		bh_buffer_printf(&text, "%s%s", i > 0 ? " " : "", call->arguments[i]);
	out->text = bh_buffer_steal(&text);
	out->filter = bh_flow_filter_parse(out->text, &position, &err);
	return out->filter != NULL ? BH_EXIT_DONE : refuse(out->text, position, &err);
}

void bh_said_filter_free(struct bh_said_filter *said)
{
	free(said->text);
	bh_flow_filter_free(said->filter);
}
