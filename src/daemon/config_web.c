/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_web.h"

#include <errno.h>
#include <stdio.h>

#include "config_workloads.h"
#include "web_place.h"

#define PLACES                                                                                     \
	"a socket's path, a name in run_directory, or an address with a port: 127.0.0.1:7480, "    \
	"[::1]:7480"

static int refuse(const struct bh_yaml *node, size_t i, const char *expected, const char *file,
		  struct bh_error *err)
{
	char path[32];

	snprintf(path, sizeof(path), "web.listen[%zu]", i);
	return bh_config_refuse(err, file, node, path, expected);
}

static int check_places(const struct bh_config *config, const struct bh_yaml *list,
			const char *file, struct bh_error *err)
{
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		struct bh_web_place place;

		if (!bh_web_place_parse(config->web_listen.items[i], config->run_directory, &place))
			return refuse(&list->items[i], i, PLACES, file, err);
		if (!place.local && config->web_certificate[0] == '\0')
			return refuse(&list->items[i], i,
				      "a loopback address; any other one needs web.certificate and "
				      "web.key",
				      file, err);
	}
	return 0;
}

int bh_config_check_web(const struct bh_config *config, const struct bh_yaml *root,
			const char *file, struct bh_error *err)
{
	const struct bh_yaml *section = bh_yaml_get(root, "web");
	bool certificate = config->web_certificate[0] != '\0', key = config->web_key[0] != '\0';

	if (section == NULL || section->kind != BH_YAML_MAP)
		return 0;
	if (certificate != key)
		return bh_config_refuse(err, file, section, "web",
					"certificate and key, both or neither");
	if (config->web_client_ca[0] != '\0' && !certificate)
		return bh_config_refuse(err, file, section, "web",
					"certificate and key beside client_ca");
	return check_places(config, bh_yaml_get(section, "listen"), file, err);
}
