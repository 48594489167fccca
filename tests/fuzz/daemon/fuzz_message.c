/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "rules_wire.h"
#include "ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a run of messages: type, length (two bytes each, little-endian), body. What passes
 * the check goes where rulesets are put together; a finished one must be whole in itself. */
static void use(struct bh_rules_builder *builder, const struct bh_message *message)
{
	bool broken;
	struct bh_ruleset *rules = bh_rules_take(builder, message, &broken);

	for (size_t i = 0; rules != NULL && i < rules->binding_count; i++)
		if (rules->bindings[i].egress >= rules->chain_count ||
		    rules->bindings[i].ingress >= rules->chain_count)
			abort();
	bh_ruleset_free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_rules_builder builder = { 0 };

	while (size >= 4) {
		uint16_t type = (uint16_t)(data[0] | data[1] << 8);
		size_t length = (size_t)(data[2] | data[3] << 8);

		data += 4;
		size -= 4;
		if (length > size)
			length = size;
		/* On the heap and exactly as long: a read beyond the body is a finding. */
		void *body = malloc(length > 0 ? length : 1);
		if (body == NULL)
			break;
		memcpy(body, data, length);
		struct bh_message message = {
			.type = type, .data = body, .length = length, .fd = -1
		};
		if (bh_message_check(type, body, length))
			use(&builder, &message);
		free(body);
		data += length;
		size -= length;
	}
	bh_ruleset_free(builder.rules);
	return 0;
}
