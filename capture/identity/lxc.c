/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LXC without a daemon: each container is a folder with a configuration (lxc.container.conf(5)),
 * whose name is the container's. Its cgroup has that name, too; so the file only has to say that
 * there is such a container, what kind of network it has, and what workload it was said to be.
 */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "file_set.h"
#include "grow.h"
#include "runtime.h"
#include "settings.h"

#define WORKLOAD "bulkhead.workload="

/* "/var/lib/lxc/<name>/config" */
static bool name_of(const char *path, char name[BH_CONTAINER_ID])
{
	const char *end = strrchr(path, '/');
	const char *start = end != NULL ? memrchr(path, '/', (size_t)(end - path)) : NULL;

	if (start == NULL || (size_t)(end - start - 1) >= BH_CONTAINER_ID || end == start + 1)
		return false;
	memcpy(name, start + 1, (size_t)(end - start - 1));
	name[end - start - 1] = '\0';
	return true;
}

/* As Docker would call it: "none" is LXC's word for the host's network, "empty" for none at all. */
static const char *network_mode(const struct bh_setting *type)
{
	return bh_setting_has(type, "none")    ? "host"
	       : bh_setting_has(type, "empty") ? "none"
					       : "own";
}

/* LXC has no labels. What is set for the container's processes is the place where one can be. */
static void read_environment(struct bh_container *c, const struct bh_setting *setting)
{
	const size_t prefix = sizeof(WORKLOAD) - 1;
	char label[BH_CONTAINER_ID];

	if (setting->value_length <= prefix || memcmp(setting->value, WORKLOAD, prefix) != 0)
		return;
	snprintf(label, sizeof(label), "%.*s", (int)(setting->value_length - prefix),
		 setting->value + prefix);
	bh_container_set_label(c, "bulkhead.workload", label);
}

/* "lxc.net.0.hwaddr" and those of its further networks. */
static bool is_mac_key(const struct bh_setting *s)
{
	static const char before[] = "lxc.net.", after[] = ".hwaddr";
	const size_t first = sizeof(before) - 1, last = sizeof(after) - 1;

	return s->key_length > first + last && memcmp(s->key, before, first) == 0 &&
	       memcmp(s->key + s->key_length - last, after, last) == 0;
}

static void read_mac(struct bh_container *c, const struct bh_setting *setting)
{
	char text[BH_MAC_TEXT];
	struct bh_mac mac;

	snprintf(text, sizeof(text), "%.*s", (int)setting->value_length, setting->value);
	if (setting->value_length < sizeof(text) && bh_mac_parse(text, &mac))
		bh_container_add_net(c)->mac = mac;
}

static bool read_config(const char *path, const char *data, size_t length, struct bh_container *out)
{
	struct bh_setting setting;

	for (size_t position = 0; bh_settings_next(data, length, &position, &setting);) {
		if (bh_setting_is(&setting, "lxc.net.0.type"))
			bh_copy_text(out->network_mode, sizeof(out->network_mode),
				     network_mode(&setting));
		else if (bh_setting_is(&setting, "lxc.environment"))
			read_environment(out, &setting);
		else if (is_mac_key(&setting))
			read_mac(out, &setting);
	}
	if (!name_of(path, out->id))
		return false;
	memcpy(out->name, out->id, sizeof(out->id));
	return true;
}

static void *lxc_start(const struct bh_runtime_host *host, int64_t now)
{
	(void)now;
	return bh_one_file_each_start(host, BH_RUNTIME_LXC, read_config);
}

const struct bh_runtime_ops bh_lxc_ops = { .runtime = BH_RUNTIME_LXC,
					   .start = lxc_start,
					   .data = bh_file_back_end_data,
					   .end = bh_file_back_end_end,
					   .tick = bh_file_back_end_tick,
					   .stop = bh_one_file_each_stop };
