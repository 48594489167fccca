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

static bool read_note(const char *path, const char *data, size_t length, struct bh_container *out)
{
	struct bh_setting setting;
	bool is_container = false;

	out->running = true;
	bh_copy_text(out->network_mode, sizeof(out->network_mode), "own");
	for (size_t position = 0; bh_settings_next(data, length, &position, &setting);) {
		/* Virtual machines are noted there, too. */
		if (bh_setting_is(&setting, "CLASS"))
			is_container = bh_setting_has(&setting, "container");
		else if (bh_setting_is(&setting, "LEADER"))
			out->pid = number_of(&setting);
	}
	if (!is_container || !name_of(path, out->id))
		return false;
	memcpy(out->name, out->id, sizeof(out->id));
	return true;
}

static void *nspawn_start(const struct bh_runtime_host *host, int64_t now)
{
	(void)now;
	return bh_one_file_each_start(host, BH_RUNTIME_NSPAWN, read_note);
}

const struct bh_runtime_ops bh_nspawn_ops = { .runtime = BH_RUNTIME_NSPAWN,
					      .start = nspawn_start,
					      .data = bh_file_back_end_data,
					      .end = bh_file_back_end_end,
					      .tick = bh_file_back_end_tick,
					      .stop = bh_one_file_each_stop };
