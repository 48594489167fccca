/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container_json.h"

#include <stdio.h>
#include <string.h>

#include "address.h"
#include "grow.h"

const cJSON *bh_json_member(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

const char *bh_json_text(const cJSON *json, const char *key)
{
	const char *text = cJSON_GetStringValue(bh_json_member(json, key));

	return text != NULL ? text : "";
}

void bh_json_copy(const cJSON *json, const char *key, char *out, size_t size)
{
	bh_copy_text(out, size, bh_json_text(json, key));
}

void bh_json_lines(struct bh_buffer *lines, void (*each)(void *user, const cJSON *json), void *user)
{
	char *newline;

	while (lines->length > 0 && (newline = memchr(lines->data, '\n', lines->length)) != NULL) {
		size_t length = (size_t)(newline - lines->data);
		cJSON *json = cJSON_ParseWithLength(lines->data, length);

		bh_buffer_consume(lines, length + 1);
		if (json != NULL)
			each(user, json);
		cJSON_Delete(json);
	}
}

void bh_container_read_labels(struct bh_container *container, const cJSON *labels)
{
	const cJSON *label;

	cJSON_ArrayForEach (label, labels)
		if (cJSON_IsString(label) && label->string != NULL)
			bh_container_set_label(container, label->string, label->valuestring);
}

void bh_container_net_read(struct bh_container_net *net, const char *address)
{
	struct bh_addr addr;
	char bare[BH_ADDR_TEXT];

	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(address, "/"), address);
	if (!bh_addr_parse(bare, &addr))
		return;
	struct bh_addr *of_family = addr.family == BH_IPV4 ? &net->addr4 : &net->addr6;
	if (of_family->family == 0)
		*of_family = addr;
}
