/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd-nspawn's machines, as systemd-machined notes them, a file each below
 * /run/systemd/machines (systemd's machine.c: machine_save()). Those that were not registered are
 * known by their cgroup and interface alone (workload.c).
 */
#include <stdlib.h>
#include <string.h>

#include "file_set.h"
#include "grow.h"
#include "runtime.h"
#include "settings.h"

/* The file's name is the machine's. */
static bool name_of(const char *path, char name[BH_CONTAINER_ID])
{
	const char *slash = strrchr(path, '/');

	return bh_copy_text(name, BH_CONTAINER_ID, slash != NULL ? slash + 1 : path) &&
	       name[0] != '\0';
}

static int32_t number_of(const struct bh_setting *setting)
{
	char digits[12] = "";

	if (setting->value_length < sizeof(digits))
		memcpy(digits, setting->value, setting->value_length);
	long number = strtol(digits, NULL, 10);
	return number > 0 && number < INT32_MAX ? (int32_t)number : 0;
}

static void on_file(void *state, const char *path, const char *data, size_t length)
{
	struct bh_file_back_end *nspawn = state;
	struct bh_container *c = bh_container_new();
	struct bh_setting setting;
	bool is_container = false;

	c->runtime = BH_RUNTIME_NSPAWN;
	c->running = true;
	bh_copy_text(c->network_mode, sizeof(c->network_mode), "own");
	for (size_t position = 0; bh_settings_next(data, length, &position, &setting);) {
		/* Virtual machines are noted there, too. */
		if (bh_setting_is(&setting, "CLASS"))
			is_container = bh_setting_has(&setting, "container");
		else if (bh_setting_is(&setting, "LEADER"))
			c->pid = number_of(&setting);
	}
	if (is_container && name_of(path, c->id)) {
		memcpy(c->name, c->id, sizeof(c->id));
		nspawn->host.container(nspawn->host.user, c);
	}
	bh_container_free(c);
}

static void on_gone(void *state, const char *path)
{
	struct bh_file_back_end *nspawn = state;
	char name[BH_CONTAINER_ID];

	if (name_of(path, name))
		nspawn->host.container_gone(nspawn->host.user, BH_RUNTIME_NSPAWN, name);
}

static void *nspawn_start(const struct bh_runtime_host *host, int64_t now)
{
	struct bh_file_back_end *nspawn = bh_calloc(1, sizeof(*nspawn));

	(void)now;
	bh_file_back_end_start(nspawn, host, BH_RUNTIME_NSPAWN, on_file, on_gone);
	return nspawn;
}

const struct bh_runtime_ops bh_nspawn_ops = { .runtime = BH_RUNTIME_NSPAWN,
					      .start = nspawn_start,
					      .data = bh_file_back_end_data,
					      .end = bh_file_back_end_end,
					      .tick = bh_file_back_end_tick,
					      .stop = bh_file_back_end_stop };
