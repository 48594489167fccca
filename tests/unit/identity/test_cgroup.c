/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose process it is, by the path of its cgroup, as each runtime makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

struct expected {
	const char *text;
	enum bh_runtime runtime; /* NONE: nobody's */
	const char *id;
	enum bh_runtime inner_runtime;
	const char *inner; /* what was made in it; NULL: nothing */
};

/* mounted: as in struct bh_cgroup_home, "2" for version 2; NULL: nobody knows. */
static void assert_each(const struct expected *cases, size_t count, const char *own,
			const char *mounted)
{
	struct bh_cgroup_home home = { .own_length = strlen(own) };

	memcpy(home.own, own, home.own_length);
	home.mounts_known = mounted != NULL;
	home.unified = mounted != NULL && strchr(mounted, '2') != NULL;
	snprintf(home.mounted, sizeof(home.mounted), "%s", mounted != NULL ? mounted : "");
	for (size_t i = 0; i < count; i++) {
		const struct expected *c = &cases[i];
		struct bh_cgroup is;
		bool found = bh_cgroup_container(c->text, strlen(c->text), &home, &is);

		if (found != (c->runtime != BH_RUNTIME_NONE) ||
		    (found && (is.runtime != c->runtime || strcmp(is.id, c->id) != 0 ||
			       is.inner_runtime != c->inner_runtime ||
			       strcmp(is.inner, c->inner != NULL ? c->inner : "") != 0)))
			fail_msg("%s gave %d \"%s\" and %d \"%s\" in it", c->text,
				 found ? is.runtime : -1, is.id, is.inner_runtime, is.inner);
	}
}

#define ASSERT_EACH(cases, own, mounted)                                                           \
	assert_each(cases, sizeof(cases) / sizeof((cases)[0]), own, mounted)

static void what_engines_make(void **state)
{
	static const struct expected cases[] = {
		{ "0::/docker/" ID "\n", BH_RUNTIME_DOCKER, ID },
		{ "0::/system.slice/docker-" ID ".scope\n", BH_RUNTIME_DOCKER, ID },
		{ "0::/libpod_parent/libpod-" ID "\n", BH_RUNTIME_PODMAN, ID },
		{ "0::/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope\n",
		  BH_RUNTIME_PODMAN, ID },
		{ "0::/kubepods/besteffort/pod1-2/" ID "\n", BH_RUNTIME_CRI, ID },
		{ "0::/kubepods.slice/cri-containerd-" ID ".scope\n", BH_RUNTIME_CRI, ID },
		{ "0::/kubepods.slice/crio-" ID ".scope\n", BH_RUNTIME_CRI, ID },
		{ "9:name=systemd:/\n0::/lxc.payload.web-1/init.scope\n", BH_RUNTIME_LXC, "web-1" },
		{ "0::/libpod_parent/" OTHER "/libpod-" ID "\n", BH_RUNTIME_PODMAN, ID },
		{ "0::/user.slice/docker-123.scope\n", BH_RUNTIME_NONE, "" },
		{ "0::/lxc.payload.\n", BH_RUNTIME_NONE, "" },
		{ "0::/machine.slice/systemd-nspawn@m1.service/payload/init.scope\n",
		  BH_RUNTIME_NSPAWN, "m1" },
		{ "0::/machine.slice/machine-my\\x2dbox.scope/payload\n", BH_RUNTIME_NSPAWN,
		  "my-box" },
		/* Not registered: nspawn's, and nameless. */
		{ "0::/user.slice/payload\n", BH_RUNTIME_NSPAWN, "" },
		/* Virtual machines have such scopes, and no payload. */
		{ "0::/machine.slice/machine-qemu\\x2d1.scope/emulator\n", BH_RUNTIME_NONE, "" },
		{ "0::/machine.slice/machine-bad\\xzz.scope/payload\n", BH_RUNTIME_NSPAWN, "" },
		{ "0::/system.slice/ssh.service\n", BH_RUNTIME_NONE, "" },
		{ "0::/" ID "\n", BH_RUNTIME_NONE, "" },
		{ "0::/\n", BH_RUNTIME_NONE, "" },
		{ "", BH_RUNTIME_NONE, "" },
	};

	(void)state;
	ASSERT_EACH(cases, "", NULL);
}

/* What a container makes below its own cgroup may have anybody's name. */
static void the_outermost_is_whose_it_is(void **state)
{
	static const struct expected cases[] = {
		{ "0::/docker/" OTHER "/docker/" ID "\n", BH_RUNTIME_DOCKER, OTHER,
		  BH_RUNTIME_DOCKER, ID },
		{ "0::/lxc.payload.c1/docker/" ID "\n", BH_RUNTIME_LXC, "c1", BH_RUNTIME_DOCKER,
		  ID },
		{ "0::/lxc.payload.web/lxc.payload.db\n", BH_RUNTIME_LXC, "web", BH_RUNTIME_LXC,
		  "db" },
		{ "0::/lxc.payload.web/payload\n", BH_RUNTIME_LXC, "web", BH_RUNTIME_NSPAWN, "" },
		{ "9:name=systemd:/payload/system.slice/docker-" ID ".scope\n0::/x\n",
		  BH_RUNTIME_NSPAWN, "", BH_RUNTIME_DOCKER, ID },
	};

	(void)state;
	ASSERT_EACH(cases, "", NULL);
}

/* Hierarchies without controllers may be a container's own work. */
static void hierarchies_with_controllers_tell(void **state)
{
	static const struct expected cases[] = {
		{ "13:name=mine:/lxc.payload.db\n4:memory:/lxc.payload.web\n0::/lxc.payload.db\n",
		  BH_RUNTIME_LXC, "web" },
		{ "13:name=mine:/docker/" OTHER "\n4:memory:/docker/" ID "\n", BH_RUNTIME_DOCKER,
		  ID },
		/* Nobody knows which of them is true. */
		{ "13:name=mine:/lxc.payload.db\n0::/lxc.payload.web\n", BH_RUNTIME_NONE, "" },
		{ "0::/docker/" ID "\n1:name=systemd:/lxc.payload.web\n", BH_RUNTIME_NONE, "" },
		{ "1:name=systemd:/lxc.payload.web\n0::/lxc.payload.web\n", BH_RUNTIME_LXC, "web" },
		{ "1:name=systemd:/machine.slice/systemd-nspawn@m1.service/payload\n0::/payload\n",
		  BH_RUNTIME_NSPAWN, "m1" },
		{ "1:name=systemd:/payload\n0::/machine.slice/systemd-nspawn@m1.service/payload\n",
		  BH_RUNTIME_NSPAWN, "m1" },
	};

	(void)state;
	ASSERT_EACH(cases, "", NULL);
}

/* Whoever may mount a hierarchy may call itself in it as it likes. */
static void only_what_is_mounted_here_tells(void **state)
{
	static const struct expected hybrid[] = {
		{ "9:net_prio:/docker/" OTHER "\n4:memory:/docker/" ID "\n0::/\n",
		  BH_RUNTIME_DOCKER, ID },
		/* Of two that are, the older. */
		{ "4:memory:/docker/" OTHER "\n1:cpu,cpuacct:/docker/" ID "\n", BH_RUNTIME_DOCKER,
		  ID },
		{ "9:net_prio:/docker/" OTHER "\n4:memory:/\n", BH_RUNTIME_NONE, "" },
		{ "9:name=mine:/docker/" OTHER "\n3:name=systemd:/lxc.payload.web\n",
		  BH_RUNTIME_LXC, "web" },
	};
	static const struct expected unified[] = {
		{ "1:net_cls:/docker/" OTHER "\n0::/docker/" ID "\n", BH_RUNTIME_DOCKER, ID },
		{ "1:name=x:/docker/" OTHER "\n0::/docker/" ID "\n", BH_RUNTIME_DOCKER, ID },
	};

	(void)state;
	ASSERT_EACH(hybrid, "", ",rw,cpu,cpuacct,,rw,memory,,rw,xattr,name=systemd,2");
	ASSERT_EACH(unified, "", "2");
}

static void what_is_mounted_is_read(void **state)
{
	char folder[] = "/tmp/bulkhead-cgroup-XXXXXX", path[100];
	struct bh_cgroup_home home;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/self", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	bh_cgroup_home_read(folder, &home);
	assert_false(home.mounts_known);
	snprintf(path, sizeof(path), "%s/self/mountinfo", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("23 1 0:1 / / rw - ext4 /dev/vda rw\n"
	      "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup "
	      "rw,cpu,cpuacct\n"
	      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
	      file);
	fclose(file);
	bh_cgroup_home_read(folder, &home);
	assert_true(home.mounts_known && home.unified);
	assert_string_equal(home.mounted, ",rw,cpu,cpuacct,");
	unlink(path);
	snprintf(path, sizeof(path), "%s/self", folder);
	rmdir(path);
	rmdir(folder);
}

/* All of this runs in a container, which is nobody's concern here. */
static void what_is_around_everybody_does_not_count(void **state)
{
	static const struct expected cases[] = {
		{ "0::/docker/" OTHER "/docker/" ID "\n", BH_RUNTIME_DOCKER, ID },
		{ "0::/docker/" OTHER "/init.scope\n", BH_RUNTIME_NONE, "" },
		{ "0::/docker/" ID "\n", BH_RUNTIME_DOCKER, ID }, /* beside it */
		{ "4:memory:/lxc.payload.m/docker/" ID "\n0::/docker/" OTHER "\n",
		  BH_RUNTIME_DOCKER, ID },
	};

	(void)state;
	ASSERT_EACH(cases, "4:memory:/lxc.payload.m/x\n0::/docker/" OTHER "/init.scope\n", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_engines_make),
		cmocka_unit_test(the_outermost_is_whose_it_is),
		cmocka_unit_test(hierarchies_with_controllers_tell),
		cmocka_unit_test(only_what_is_mounted_here_tells),
		cmocka_unit_test(what_is_mounted_is_read),
		cmocka_unit_test(what_is_around_everybody_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
