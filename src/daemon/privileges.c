/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int bh_user_find(const char *name, struct bh_user *user, struct bh_error *err)
{
	const struct passwd *entry = getpwnam(name);
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (entry != NULL) {
		*user = (struct bh_user) { entry->pw_uid, entry->pw_gid };
	} else if (*name != '\0' && *end == '\0' && number < UINT32_MAX) {
		*user = (struct bh_user) { (uid_t)number, (gid_t)number };
	} else {
		return bh_error_set(
			err, -ENOENT,
			"there is no user %s; make one with: useradd --system --no-create-home "
			"--shell /usr/sbin/nologin %s, or set users in the configuration",
			name, name);
	}
	if (user->uid == 0)
		return bh_error_set(err, -EPERM, "user %s is root; this process must not be", name);
	return 0;
}

int bh_group_find(const char *name, gid_t *gid, struct bh_error *err)
{
	const struct group *entry = *name != '\0' ? getgrnam(name) : NULL;

	*gid = entry != NULL ? entry->gr_gid : (gid_t)-1;
	if (*name == '\0' || entry != NULL)
		return 0;
	return bh_error_set(
		err, -ENOENT,
		"api.operator_group: there is no group %s; make one with: groupadd --system %s",
		name, name);
}

/* No program that this process or its children start brings privileges along. */
static int no_new_privileges(struct bh_error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return bh_error_set(err, -errno, "no_new_privs cannot be set: %s", strerror(errno));
	return 0;
}

static int hold(const unsigned *capabilities, size_t count, capng_type_t sets, struct bh_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (capng_update(CAPNG_ADD, sets, capabilities[i]) != 0)
			return bh_error_set(err, -EPERM, "capability %u is not to be had",
					    capabilities[i]);
	return 0;
}

static int apply(capng_select_t sets, struct bh_error *err)
{
	if (capng_apply(sets) != 0)
		return bh_error_set(err, -EPERM,
				    "capabilities cannot be set; start bulkhead as root");
	return 0;
}

/* The bounding set is emptied while what children inherit is in place already: afterwards nothing
 * can be added to that, and nothing that this process starts holds more. */
int bh_privileges_keep_kernel(struct bh_error *err)
{
	/* CAP_KILL is for stopping children, which run as other users. */
	static const unsigned kept[] = { CAP_NET_ADMIN,	 CAP_NET_RAW, CAP_NET_BROADCAST,
					 CAP_SETUID,	 CAP_SETGID,  CAP_SYS_PTRACE,
					 CAP_SYS_CHROOT, CAP_KILL };
	/* What capture opens its socket, shuts itself in and becomes nobody with. */
	static const unsigned inherited[] = { CAP_NET_RAW, CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID };
	const capng_type_t mine = CAPNG_EFFECTIVE | CAPNG_PERMITTED;
	const unsigned setpcap = CAP_SETPCAP;

	capng_clear(CAPNG_SELECT_BOTH);
	if (hold(kept, sizeof(kept) / sizeof(kept[0]), mine, err) != 0 ||
	    hold(&setpcap, 1, mine, err) != 0 ||
	    hold(inherited, sizeof(inherited) / sizeof(inherited[0]), CAPNG_INHERITABLE, err) !=
		    0 ||
	    apply(CAPNG_SELECT_CAPS, err) != 0 || apply(CAPNG_SELECT_BOUNDS, err) != 0)
		return err->code;
	capng_update(CAPNG_DROP, mine, setpcap);
	if (apply(CAPNG_SELECT_CAPS, err) != 0)
		return err->code;
	return no_new_privileges(err);
}

static bool holds_nothing(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capabilities(CAPNG_SELECT_BOTH) == CAPNG_NONE;
}

int bh_privileges_drop_all(const struct bh_user *user, struct bh_error *err)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_change_id((int)user->uid, (int)user->gid, CAPNG_DROP_SUPP_GRP) != 0)
		return bh_error_set(err, -EPERM, "privileges cannot be dropped: %s",
				    strerror(errno));
	if (no_new_privileges(err) != 0)
		return err->code;
	if (setuid(0) == 0 || !holds_nothing())
		return bh_error_set(err, -EPERM, "privileges came back after they were dropped");
	return 0;
}

int bh_privileges_check_none(struct bh_error *err)
{
	if (no_new_privileges(err) != 0)
		return err->code;
	capng_clear(CAPNG_SELECT_CAPS); /* what only capture is to inherit */
	if (capng_apply(CAPNG_SELECT_CAPS) != 0 || geteuid() == 0 || setuid(0) == 0 ||
	    !holds_nothing())
		return bh_error_set(err, -EPERM, "this process holds privileges, and must not");
	return 0;
}
