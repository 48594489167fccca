/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup.h"

#include <stdio.h>
#include <string.h>

/* A path component: text that is not terminated. */
struct component {
	const char *text;
	size_t length;
};

static bool starts(const struct component *c, const char *prefix)
{
	size_t length = strlen(prefix);

	return c->length >= length && memcmp(c->text, prefix, length) == 0;
}

static bool is_component(const struct component *c, const char *text)
{
	return c->length == strlen(text) && starts(c, text);
}

/* Takes a prefix off the front and a suffix off the end, where they are there. */
static struct component strip(struct component c, const char *prefix, const char *suffix)
{
	size_t before = strlen(prefix), after = strlen(suffix);

	if (starts(&c, prefix)) {
		c.text += before;
		c.length -= before;
	}
	if (after > 0 && c.length > after && memcmp(c.text + c.length - after, suffix, after) == 0)
		c.length -= after;
	return c;
}

static bool is_id64(const struct component *c)
{
	for (size_t i = 0; i < c->length; i++)
		if (strchr("0123456789abcdef", c->text[i]) == NULL || c->text[i] == '\0')
			return false;
	return c->length == 64;
}

static bool give(const struct component *c, enum bh_runtime runtime, uint8_t *out_runtime,
		 char out[BH_CONTAINER_ID])
{
	if (c->length == 0 || c->length >= BH_CONTAINER_ID)
		return false;
	memcpy(out, c->text, c->length);
	out[c->length] = '\0';
	*out_runtime = (uint8_t)runtime;
	return true;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* systemd writes what may not stand in a unit's name as \x2d (systemd.unit(5)). */
static bool give_unescaped(const struct component *c, char out[BH_CONTAINER_ID])
{
	size_t length = 0;

	for (size_t i = 0; i < c->length; i++) {
		char byte = c->text[i];

		if (byte == '\\' && i + 3 < c->length && c->text[i + 1] == 'x') {
			int high = hex_digit(c->text[i + 2]), low = hex_digit(c->text[i + 3]);

			if (high < 0 || low < 0)
				return false;
			byte = (char)(high << 4 | low);
			i += 3;
		}
		if (byte == '\0' || length + 1 >= BH_CONTAINER_ID)
			return false;
		out[length++] = byte;
	}
	out[length] = '\0';
	return length > 0;
}

/* "systemd-nspawn@<name>.service", "machine-<name>.scope": a machine, if its processes are in a
 * "payload" below. */
static bool is_machine(const struct component *c, char id[BH_CONTAINER_ID])
{
	static const char *const forms[][2] = { { "systemd-nspawn@", ".service" },
						{ "machine-", ".scope" } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct component name = strip(*c, forms[i][0], forms[i][1]);

		if (starts(c, forms[i][0]) &&
		    name.length + strlen(forms[i][0]) + strlen(forms[i][1]) == c->length)
			return give_unescaped(&name, id);
	}
	return false;
}

/* The forms that engines give: "docker-<id>.scope", "libpod-<id>[.scope]",
 * "cri-containerd-<id>.scope", "crio-<id>.scope", "lxc.payload.<name>"; and "docker/<id>",
 * "kubepods/…/<id>" by their parents. */
static bool match(const struct component *c, bool docker, bool pod, uint8_t *runtime,
		  char id[BH_CONTAINER_ID])
{
	static const struct {
		const char *prefix;
		enum bh_runtime runtime;
	} scopes[] = { { "docker-", BH_RUNTIME_DOCKER },
		       { "libpod-", BH_RUNTIME_PODMAN },
		       { "cri-containerd-", BH_RUNTIME_CRI },
		       { "crio-", BH_RUNTIME_CRI } };

	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		struct component inner = strip(*c, scopes[i].prefix, ".scope");

		if (starts(c, scopes[i].prefix) && is_id64(&inner))
			return give(&inner, scopes[i].runtime, runtime, id);
	}
	if (starts(c, "lxc.payload.")) {
		struct component name = strip(*c, "lxc.payload.", "");

		return give(&name, BH_RUNTIME_LXC, runtime, id);
	}
	if (is_id64(c) && (docker || pod))
		return give(c, docker ? BH_RUNTIME_DOCKER : BH_RUNTIME_CRI, runtime, id);
	return false;
}

/* One path, component by component; the innermost container is whose process it is. */
static bool match_path(const char *path, size_t length, uint8_t *runtime, char id[BH_CONTAINER_ID],
		       char outer[BH_CONTAINER_ID])
{
	bool found = false, docker = false, pod = false;
	char machine[BH_CONTAINER_ID] = "";

	outer[0] = '\0';
	while (length > 0) {
		const char *slash = memchr(path, '/', length);
		struct component c = { path, slash != NULL ? (size_t)(slash - path) : length };

		bool matched = match(&c, docker, pod, runtime, id);
		if (is_component(&c, "payload")) {
			/* One that is not registered has no name there. */
			*runtime = BH_RUNTIME_NSPAWN;
			memcpy(id, machine, sizeof(machine));
			matched = true;
		}
		if (matched && outer[0] == '\0')
			memcpy(outer, id, BH_CONTAINER_ID);
		found = found || matched;
		if (!is_machine(&c, machine))
			machine[0] = '\0';
		docker = is_component(&c, "docker");
		pod = pod || starts(&c, "kubepods");
		size_t step = c.length + (slash != NULL ? 1 : 0);
		path += step;
		length -= step;
	}
	if (strcmp(outer, id) == 0)
		outer[0] = '\0';
	return found;
}

bool bh_cgroup_container(const char *text, size_t length, uint8_t *runtime,
			 char container_id[BH_CONTAINER_ID], char outer[BH_CONTAINER_ID])
{
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		size_t line = newline != NULL ? (size_t)(newline - text) : length;
		const char *path = memchr(text, '/', line);

		if (path != NULL &&
		    match_path(path, line - (size_t)(path - text), runtime, container_id, outer))
			return true;
		size_t step = line + (newline != NULL ? 1 : 0);
		text += step;
		length -= step;
	}
	return false;
}

bool bh_cgroup_of_process(const char *proc, const char *pid, uint8_t *runtime,
			  char container_id[BH_CONTAINER_ID], char outer[BH_CONTAINER_ID])
{
	char path[300], text[8192];

	snprintf(path, sizeof(path), "%s/%s/cgroup", proc, pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	size_t length = fread(text, 1, sizeof(text), file);
	fclose(file);
	return bh_cgroup_container(text, length, runtime, container_id, outer);
}
