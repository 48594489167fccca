/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What stands between the colons: "memory", "cpu,cpuacct", "name=systemd"; version 2: nothing. */
static struct component controllers_of(const struct line *line)
{
	const struct component *h = &line->hierarchy;
	const char *colon = memchr(h->text, ':', h->length);

	if (colon == NULL)
		return (struct component) { "", 0 };
	struct component c = behind(*h, (size_t)(colon - h->text), true);
	c.length -= c.length > 0; /* the second colon */
	return c;
}

static bool is_mounted(const struct bh_cgroup_home *home, const struct component *controllers)
{
	const char *comma = memchr(controllers->text, ',', controllers->length);
	char wanted[80];

	if (!home->mounts_known)
		return true;
	if (controllers->length == 0)
		return home->unified;
	/* A controller is in one hierarchy alone, so that the first tells which it is. */
	snprintf(wanted, sizeof(wanted), ",%.*s,",
		 (int)(comma != NULL ? comma - controllers->text : (ptrdiff_t)controllers->length),
		 controllers->text);
	return strstr(home->mounted, wanted) != NULL;
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

bool bh_cgroup_container(const char *text, size_t length, const struct bh_cgroup_home *home,
			 struct bh_cgroup *out)
{
	struct component left = { text, length }, ours = { home->own, home->own_length };
	struct bh_cgroup said, oldest = { 0 };
	struct line line;
	bool found = false, agreed = true, controlled = false;

	*out = (struct bh_cgroup) { 0 };
	while (next_line(&left, &line)) {
		struct component controllers = controllers_of(&line);

		if (!is_mounted(home, &controllers) || !match_line(line, ours, &said))
			continue;
		if (controllers.length > 0 && !starts(&controllers, "name=")) {
			oldest = said; /* the kernel lists the newest first */
			controlled = true;
			continue;
		}
		agreed = agreed && (!found || agrees(&said, out));
		if (!found || out->id[0] == '\0')
			*out = said;
		found = true;
	}
	if (controlled)
		*out = oldest;
	return controlled || (found && agreed);
}

/* --- files ------------------------------------------------------------------------------------ */

static size_t read_text(const char *proc, const char *pid, char text[BH_CGROUP_TEXT])
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s/cgroup", proc, pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	size_t length = fread(text, 1, BH_CGROUP_TEXT, file);
	fclose(file);
	return length;
}

/* "31 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu" */
static void read_mount(const char *line, struct bh_cgroup_home *home)
{
	const char *end = strstr(line, " - ");
	char type[16], options[300];
	size_t length = strlen(home->mounted);

	if (end == NULL || sscanf(end, " - %15s %*s %299s", type, options) != 2)
		return;
	if (strcmp(type, "cgroup2") == 0)
		home->unified = home->mounts_known = true;
	if (strcmp(type, "cgroup") != 0)
		return;
	home->mounts_known = true;
	snprintf(home->mounted + length, sizeof(home->mounted) - length, ",%s,", options);
}

void bh_cgroup_home_read(const char *proc, struct bh_cgroup_home *home)
{
	char path[300], *line = NULL;
	size_t room = 0;

	*home = (struct bh_cgroup_home) { 0 };
	home->own_length = read_text(proc, "self", home->own);
	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	while (getline(&line, &room, file) > 0)
		read_mount(line, home);
	free(line);
	fclose(file);
}

bool bh_cgroup_of_process(const char *proc, const char *pid, const struct bh_cgroup_home *home,
			  struct bh_cgroup *out)
{
	char text[BH_CGROUP_TEXT];
	size_t length = read_text(proc, pid, text);

	*out = (struct bh_cgroup) { 0 };
	return length > 0 && bh_cgroup_container(text, length, home, out);
}
