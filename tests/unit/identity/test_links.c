/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints from rtnetlink, in namespaces of its own that end with the program. Needs root; skips
 * (77) without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "links.h"

#define DIRECTORY "/run/links"
#define SMALL_BUFFER 4096

struct seen {
	int endpoints, unnamed, gone;
	uint64_t overruns;
	struct bh_endpoint_fact last;
};

static void on_endpoint(void *user, const struct bh_endpoint_fact *fact)
{
	struct seen *seen = user;

	seen->endpoints++;
	seen->unnamed += fact->netns_name[0] == '\0';
	seen->last = *fact;
}

static void on_gone(void *user, uint32_t ifindex)
{
	(void)ifindex;
	((struct seen *)user)->gone++;
}

static void on_overrun(void *user, uint64_t count)
{
	((struct seen *)user)->overruns = count;
}

static void on_addr(void *user, const struct bh_host_addr *addr)
{
	(void)user;
	(void)addr;
}

static void on_link(void *user, const struct bh_host_link *link)
{
	(void)user;
	(void)link;
}

static void on_netns(void *user, const struct bh_netns_fact *fact)
{
	(void)user;
	(void)fact;
}

static void on_netns_gone(void *user, uint64_t inode)
{
	(void)user;
	(void)inode;
}

static void run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static struct bh_links *open_links(struct seen *seen)
{
	static const char *const directories[] = { DIRECTORY, NULL };
	struct bh_links_config config = { directories, "/proc", SMALL_BUFFER };
	struct bh_links_events events = {
		seen,	 on_endpoint, on_gone,	on_addr,       on_addr,
		on_link, on_gone,     on_netns, on_netns_gone, on_overrun,
	};
	struct bh_error err = { 0 };

	memset(seen, 0, sizeof(*seen));
	struct bh_links *l = bh_links_open(&config, &events, &err);
	if (l == NULL || bh_links_start(l, &err) != 0)
		fail_msg("%s", err.text);
	return l;
}

/* More messages than the socket holds: everything is read again, and meanwhile nobody is without a
 * name, for the rules go by it. */
static void lost_messages_take_no_name_away(void **state)
{
	struct seen seen;
	struct bh_links *l = open_links(&seen);
	int before;

	(void)state;
	assert_string_equal(seen.last.netns_name, DIRECTORY "/alpha");
	assert_int_equal(seen.last.ifindex, if_nametoindex("links0"));
	before = seen.endpoints;
	seen.unnamed = 0;
	run("for i in $(seq 200); do echo addr add 10.9.1.$i/32 dev lo; done | ip -batch -");
	bh_links_read(l);
	assert_true(seen.overruns > 0);
	assert_int_equal(seen.gone, 0);
	assert_int_equal(seen.unnamed, 0);
	assert_int_equal(seen.endpoints, before);
	bh_links_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lost_messages_take_no_name_away) };

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		fprintf(stderr, "SKIPPED: namespaces of one's own need root\n");
		return 77;
	}
	run("mount -t tmpfs tmpfs /run && mkdir " DIRECTORY);
	run("touch " DIRECTORY "/alpha && unshare --net=" DIRECTORY "/alpha true");
	run("ip link add links0 type veth peer name eth0 && ip link set eth0 netns " DIRECTORY
	    "/alpha");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
