/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that are carried out on this host itself: the daemon, and the way out without one. */
#include "client.h"
#include "command.h"
#include "daemon.h"

int bh_daemon_run(const struct bh_call *call)
{
	return bh_daemon_main(call->argc, call->argv);
}

int bh_panic_run(const struct bh_call *call)
{
	struct bh_error err = { 0 };

	(void)call;
	if (bh_daemon_panic(&err) != 0)
		return bh_complain(BH_EXIT_UNREACHABLE, "%s", err.text);
	return BH_EXIT_DONE;
}
