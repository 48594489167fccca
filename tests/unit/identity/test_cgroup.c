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

static void test_forms(void **state)
{
	static const struct {
		const char *text;
		enum bh_runtime runtime; /* NONE: nobody's */
		const char *id;
		const char *outer; /* what it was made in; NULL: nothing */
	} cases[] = {
		{ "0::/docker/" ID "\n", BH_RUNTIME_DOCKER, ID },
		{ "0::/system.slice/docker-" ID ".scope\n", BH_RUNTIME_DOCKER, ID },
		{ "0::/libpod_parent/libpod-" ID "\n", BH_RUNTIME_PODMAN, ID },
		{ "0::/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope\n",
		  BH_RUNTIME_PODMAN, ID },
		{ "0::/kubepods/besteffort/pod1-2/" ID "\n", BH_RUNTIME_CRI, ID },
		{ "0::/kubepods.slice/cri-containerd-" ID ".scope\n", BH_RUNTIME_CRI, ID },
		{ "0::/kubepods.slice/crio-" ID ".scope\n", BH_RUNTIME_CRI, ID },
		{ "9:name=systemd:/\n0::/lxc.payload.web-1/init.scope\n", BH_RUNTIME_LXC, "web-1" },
		{ "9:name=systemd:/payload/system.slice/docker-" ID ".scope\n0::/x\n",
		  BH_RUNTIME_DOCKER, ID },
		{ "0::/libpod_parent/" OTHER "/libpod-" ID "\n", BH_RUNTIME_PODMAN, ID },
		{ "0::/docker/" OTHER "/docker/" ID "\n", BH_RUNTIME_DOCKER, ID, OTHER },
		{ "0::/user.slice/docker-123.scope\n", BH_RUNTIME_NONE, "" },
		{ "0::/lxc.payload.\n", BH_RUNTIME_NONE, "" },
		/* Docker in LXC: the innermost is whose it is. */
		{ "0::/lxc.payload.c1/docker/" ID "\n", BH_RUNTIME_DOCKER, ID, "c1" },
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
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t runtime = BH_RUNTIME_NONE;
		char id[BH_CONTAINER_ID] = "", outer[BH_CONTAINER_ID] = "";
		bool found = bh_cgroup_container(cases[i].text, strlen(cases[i].text), &runtime, id,
						 outer);

		if (found != (cases[i].runtime != BH_RUNTIME_NONE) ||
		    (found && (runtime != cases[i].runtime || strcmp(id, cases[i].id) != 0 ||
			       strcmp(outer, cases[i].outer != NULL ? cases[i].outer : "") != 0)))
			fail_msg("%s gave %d \"%s\"", cases[i].text, found ? runtime : -1, id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
