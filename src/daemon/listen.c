/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "grow.h"
#include "privileges.h"
#include "web_place.h"

#define WAITING 64 /* callers */

/* What an earlier run left; anything but a socket is not ours to remove. */
static int remove_old(const char *path, const char *key, struct bh_error *err)
{
	struct stat info;

	if (lstat(path, &info) != 0)
		return 0;
	if (!S_ISSOCK(info.st_mode))
		return bh_error_set(err, -EEXIST, "%s %s: there is something else by that name",
				    key, path);
	return unlink(path) == 0
		       ? 0
		       : bh_error_set(err, -errno, "%s %s: %s", key, path, strerror(errno));
}

/* What is in the way of it, as far as it is a path. Nobody but root and the operators gets in; what
 * they may do is decided by who they are, or by what they show. */
static int open_unix(const struct sockaddr_un *address, const char *key, gid_t group,
		     struct bh_error *err)
{
	if (remove_old(address->sun_path, key, err) != 0)
		return err->code;
	BH_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0117);
	int bound = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)address, sizeof(*address));
	umask(before);
	if (bound != 0 || listen(fd, WAITING) != 0 || chown(address->sun_path, 0, group) != 0)
		return bh_error_set(err, -errno, "%s %s: %s", key, address->sun_path,
				    strerror(errno));
	int open = fd;
	fd = -1;
	return open;
}

static int open_address(const struct bh_web_place *place, const char *text, struct bh_error *err)
{
	int on = 1;
	BH_AUTO_CLOSE int fd =
		socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (place->address.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)&place->address, place->size) != 0 ||
	    listen(fd, WAITING) != 0)
		return bh_error_set(err, -errno, "web.listen %s: %s", text, strerror(errno));
	int open = fd;
	fd = -1;
	return open;
}

static int open_web(const struct bh_config *config, const char *text, gid_t group,
		    struct bh_error *err)
{
	struct bh_web_place place;

	/* The run directory may have become another one since. */
	if (!bh_web_place_parse(text, config->run_directory, &place))
		return bh_error_set(err, -EINVAL,
				    "web.listen %s: with run_directory %s that is no place to "
				    "listen at",
				    text, config->run_directory);
	return place.address.ss_family == AF_UNIX
		       ? open_unix((const struct sockaddr_un *)(const void *)&place.address,
				   "web.listen", group, err)
		       : open_address(&place, text, err);
}

int bh_listen_open(struct bh_listening *listening, const struct bh_config *config,
		   struct bh_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	gid_t group;

	listening->api = -1;
	for (size_t i = 0; i < BH_CONFIG_LIST; i++)
		listening->web[i] = -1;
	if (bh_group_find(config->operator_group, &group, err) != 0)
		return err->code;
	if (!bh_copy_text(address.sun_path, sizeof(address.sun_path), config->api_socket))
		return bh_error_set(err, -ENAMETOOLONG, "api.socket %s: longer than %zu bytes",
				    config->api_socket, sizeof(address.sun_path) - 1);
	listening->api = open_unix(&address, "api.socket", group, err);
	if (listening->api < 0)
		return listening->api;
	for (uint32_t i = 0; i < config->web_listen.count; i++) {
		listening->web[i] = open_web(config, config->web_listen.items[i], group, err);
		if (listening->web[i] < 0)
			return listening->web[i];
	}
	return 0;
}

void bh_listen_close(struct bh_listening *listening, const struct bh_config *config)
{
	struct bh_web_place place;

	if (listening->api >= 0)
		unlink(config->api_socket);
	bh_close_fd(&listening->api);
	for (uint32_t i = 0; i < config->web_listen.count; i++) {
		if (listening->web[i] >= 0 &&
		    bh_web_place_parse(config->web_listen.items[i], config->run_directory,
				       &place) &&
		    place.address.ss_family == AF_UNIX)
			unlink(((const struct sockaddr_un *)(const void *)&place.address)
				       ->sun_path);
		bh_close_fd(&listening->web[i]);
	}
}
