/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flow of the store, whatever the file holds. What is read can be written, and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flow_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_flow_read read, again;
	struct bh_buffer out = { 0 };
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	if (bh_flow_read(text, &read)) {
		bh_json_flow(&out, &read.flow, &read.names);
		if (!bh_flow_read(out.data, &again))
			abort();
		bh_flow_read_clear(&again);
		bh_flow_read_clear(&read);
	}
	bh_buffer_free(&out);
	free(text);
	return 0;
}
