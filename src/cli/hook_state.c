/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook_state.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "grow.h"

static const cJSON *member(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isgraph((unsigned char)*text) || (unsigned char)*text > '~')
			return false;
	return true;
}

static int read_members(const cJSON *json, struct bh_hook_state *state, struct bh_error *err)
{
	const char *id = cJSON_GetStringValue(member(json, "id"));
	const cJSON *pid = member(json, "pid");

	if (id == NULL || id[0] == '\0' || !is_printable(id))
		return bh_error_set(err, -EINVAL, "the container's state has no usable id");
	if (!bh_copy_text(state->id, sizeof(state->id), id))
		return bh_error_set(err, -EINVAL,
				    "the id in the container's state is longer than %zu bytes",
				    sizeof(state->id) - 1);
	if (!cJSON_IsNumber(pid) || !(pid->valuedouble >= 1 && pid->valuedouble <= INT32_MAX))
		return bh_error_set(err, -EINVAL,
				    "the container's state has no pid: no process is there yet, or "
				    "none any more");
	state->pid = (int32_t)pid->valuedouble;
	return 0;
}

int bh_hook_state_read(const char *text, size_t length, struct bh_hook_state *state,
		       struct bh_error *err)
{
	cJSON *json = cJSON_ParseWithLength(text, length);

	*state = (struct bh_hook_state) { 0 };
	int result = cJSON_IsObject(json)
			     ? read_members(json, state, err)
			     : bh_error_set(err, -EINVAL,
					    "the container's state is no JSON object; a runtime "
					    "writes it to its hooks' standard input");
	cJSON_Delete(json);
	return result;
}

/* Global options of runc and crun that are whole in one word. */
static bool stands_alone(const char *word)
{
	static const char *const flags[] = {
		"--debug", "--systemd-cgroup", "--version", "--help", "-v", "-h", "-V"
	};

	if (strchr(word, '=') != NULL)
		return true;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(word, flags[i]) == 0)
			return true;
	return false;
}

size_t bh_hook_command(size_t count, char *const *words)
{
	for (size_t at = 0; at < count; at++) {
		if (words[at][0] != '-')
			return at;
		at += !stands_alone(words[at]);
	}
	return count;
}
