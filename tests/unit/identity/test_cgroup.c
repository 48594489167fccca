/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose process it is, by the path of its cgroup, as each runtime makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

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

static void assert_each(const struct expected *cases, size_t count, const char *own)
{
	for (size_t i = 0; i < count; i++) {
		const struct expected *c = &cases[i];
		struct bh_cgroup is;
		bool found = bh_cgroup_container(c->text, strlen(c->text), own, strlen(own), &is);

		if (found != (c->runtime != BH_RUNTIME_NONE) ||
		    (found && (is.runtime != c->runtime || strcmp(is.id, c->id) != 0 ||
			       is.inner_runtime != c->inner_runtime ||
			       strcmp(is.inner, c->inner != NULL ? c->inner : "") != 0)))
			fail_msg("%s gave %d \"%s\" and %d \"%s\" in it", c->text,
				 found ? is.runtime : -1, is.id, is.inner_runtime, is.inner);
	}
}

#define ASSERT_EACH(cases, own) assert_each(cases, sizeof(cases) / sizeof((cases)[0]), own)

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
	ASSERT_EACH(cases, "");
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
	ASSERT_EACH(cases, "");
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
	ASSERT_EACH(cases, "");
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
	ASSERT_EACH(cases, "4:memory:/lxc.payload.m/x\n0::/docker/" OTHER "/init.scope\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_engines_make),
		cmocka_unit_test(the_outermost_is_whose_it_is),
		cmocka_unit_test(hierarchies_with_controllers_tell),
		cmocka_unit_test(what_is_around_everybody_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
