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

/* What follows so many bytes, and the separator behind them. */
static struct component behind(struct component c, size_t length, bool separated)
{
	size_t step = length + (separated ? 1 : 0);

	return (struct component) { c.text + step, c.length - step };
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

/* A path, component by component. The outermost container is whose process it is. inside: how many
 * bytes lead into the innermost; 0: there is none. */
static bool match_path(struct component path, struct bh_cgroup *out, size_t *inside)
{
	const char *const start = path.text;
	bool found = false, docker = false, pod = false;
	char machine[BH_CONTAINER_ID] = "", id[BH_CONTAINER_ID] = "";
	uint8_t runtime = BH_RUNTIME_NONE;

	*out = (struct bh_cgroup) { 0 };
	*inside = 0;
	while (path.length > 0) {
		const char *slash = memchr(path.text, '/', path.length);
		struct component c = { path.text,
				       slash != NULL ? (size_t)(slash - path.text) : path.length };

		bool matched = match(&c, docker, pod, &runtime, id);
		if (is_component(&c, "payload")) {
			/* One that is not registered has no name there. */
			runtime = BH_RUNTIME_NSPAWN;
			memcpy(id, machine, sizeof(machine));
			matched = true;
		}
		if (matched && !found) {
			out->runtime = runtime;
			memcpy(out->id, id, sizeof(id));
		} else if (matched) {
			out->inner_runtime = runtime;
			memcpy(out->inner, id, sizeof(id));
		}
		found = found || matched;
		if (matched)
			*inside = (size_t)(c.text + c.length - start);
		if (!is_machine(&c, machine))
			machine[0] = '\0';
		docker = is_component(&c, "docker");
		pod = pod || starts(&c, "kubepods");
		path = behind(path, c.length, slash != NULL);
	}
	return found;
}

/* A line: "9:name=systemd:/user.slice", "4:memory:/", "0::/system.slice". */
struct line {
	struct component hierarchy; /* what stands before the path */
	struct component path;	    /* without its first slash */
};

static bool next_line(struct component *text, struct line *out)
{
	while (text->length > 0) {
		const char *newline = memchr(text->text, '\n', text->length);
		struct component whole = { text->text, newline != NULL
							       ? (size_t)(newline - text->text)
							       : text->length };
		const char *slash = memchr(whole.text, '/', whole.length);

		*text = behind(*text, whole.length, newline != NULL);
		if (slash == NULL)
			continue;
		out->hierarchy = (struct component) { whole.text, (size_t)(slash - whole.text) };
		out->path = behind(whole, out->hierarchy.length, true);
		return true;
	}
	return false;
}

/* Version 1's, with controllers: "4:memory:". */
static bool has_controllers(const struct line *line)
{
	const struct component *h = &line->hierarchy;
	const char *colon = memchr(h->text, ':', h->length);

	if (colon == NULL)
		return false;
	struct component controllers = behind(*h, (size_t)(colon - h->text), true);
	return controllers.length > 1 && !starts(&controllers, "name=");
}

/* The part of this process's own path in a hierarchy that leads into the container which all of it
 * is in. */
static struct component own_part(struct component own, const struct component *hierarchy)
{
	struct bh_cgroup around;
	struct line line;

	while (next_line(&own, &line))
		if (line.hierarchy.length == hierarchy->length &&
		    memcmp(line.hierarchy.text, hierarchy->text, hierarchy->length) == 0) {
			match_path(line.path, &around, &line.path.length);
			return line.path;
		}
	return (struct component) { "", 0 };
}

static bool leads_into(const struct component *path, const struct component *around)
{
	return path->length >= around->length &&
	       memcmp(path->text, around->text, around->length) == 0 &&
	       (path->length == around->length || path->text[around->length] == '/');
}

static bool match_line(struct line line, struct component own, struct bh_cgroup *out)
{
	struct component around = own_part(own, &line.hierarchy);
	size_t inside;

	if (around.length > 0 && leads_into(&line.path, &around))
		line.path = behind(line.path, around.length, line.path.length > around.length);
	return match_path(line.path, out, &inside);
}

static bool is_same(const struct bh_cgroup *a, const struct bh_cgroup *b)
{
	return a->runtime == b->runtime && strcmp(a->id, b->id) == 0;
}

/* A machine's name stands in one hierarchy alone. */
static bool agrees(const struct bh_cgroup *a, const struct bh_cgroup *b)
{
	return is_same(a, b) ||
	       (a->runtime == b->runtime && (a->id[0] == '\0' || b->id[0] == '\0'));
}

bool bh_cgroup_container(const char *text, size_t length, const char *own, size_t own_length,
			 struct bh_cgroup *out)
{
	struct component left = { text, length }, ours = { own, own_length };
	struct bh_cgroup said;
	struct line line;
	bool found = false, agreed = true;

	*out = (struct bh_cgroup) { 0 };
	while (next_line(&left, &line)) {
		if (!match_line(line, ours, &said))
			continue;
		if (has_controllers(&line)) {
			*out = said;
			return true;
		}
		agreed = agreed && (!found || agrees(&said, out));
		if (!found || out->id[0] == '\0')
			*out = said;
		found = true;
	}
	return found && agreed;
}

#define MOST_TEXT 8192

static size_t read_text(const char *proc, const char *pid, char text[MOST_TEXT])
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s/cgroup", proc, pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	size_t length = fread(text, 1, MOST_TEXT, file);
	fclose(file);
	return length;
}

bool bh_cgroup_of_process(const char *proc, const char *pid, struct bh_cgroup *out)
{
	char text[MOST_TEXT], own[MOST_TEXT];
	size_t length = read_text(proc, pid, text);

	*out = (struct bh_cgroup) { 0 };
	return length > 0 &&
	       bh_cgroup_container(text, length, own, read_text(proc, "self", own), out);
}
