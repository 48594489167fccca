/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes are a configuration or an error with a text; an error leaves the configuration alone.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_config config, before;
	struct bh_error err = { 0 };

	memset(&before, 0, sizeof(before));
	bh_config_defaults(&before);
	memcpy(&config, &before, sizeof(config));
	int result = bh_config_parse(&config, (const char *)data, size, "fuzz", &err);
	if (result != 0 && (err.text[0] == '\0' || memcmp(&config, &before, sizeof(config)) != 0))
		abort();
	return 0;
}
