/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints from rtnetlink, in namespaces of its own that end with the program. Needs root; skips
 * (77) without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "links.h"

#define DIRECTORY "/run/links"
#define PROC "/run/proc"
#define SMALL_BUFFER 4096

#define MOST 64

struct seen {
	int endpoints, unnamed, gone;
	uint64_t overruns;
	struct bh_endpoint_fact last;
	uint32_t nameless; /* this interface leads to nobody who has a name */
	int misnamed;
	/* The endpoints as they were stated last. */
	struct bh_endpoint_fact present[MOST];
	size_t present_count;
};

static struct bh_endpoint_fact *find(struct seen *seen, uint32_t ifindex)
{
	for (size_t i = 0; i < seen->present_count; i++)
		if (seen->present[i].ifindex == ifindex)
			return &seen->present[i];
	return NULL;
}

static void on_endpoint(void *user, const struct bh_endpoint_fact *fact)
{
	struct seen *seen = user;

	seen->endpoints++;
	seen->unnamed += fact->netns_name[0] == '\0';
	seen->misnamed += fact->ifindex == seen->nameless && fact->netns_name[0] != '\0';
	seen->last = *fact;
	struct bh_endpoint_fact *known = find(seen, fact->ifindex);
	if (known == NULL) {
		assert_in_range(seen->present_count, 0, MOST - 1);
		known = &seen->present[seen->present_count++];
	}
	*known = *fact;
}

static void on_gone(void *user, uint32_t ifindex)
{
	struct seen *seen = user;
	struct bh_endpoint_fact *known = find(seen, ifindex);

	seen->gone++;
	if (known != NULL)
		*known = seen->present[--seen->present_count];
}

static void on_link_gone(void *user, uint32_t ifindex)
{
	(void)ifindex;
	(void)user;
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

static struct bh_links *open_links_with(struct seen *seen, const char *proc)
{
	static const char *const directories[] = { DIRECTORY, NULL };
	struct bh_links_config config = { directories, proc, SMALL_BUFFER };
	struct bh_links_events events = {
		seen,	 on_endpoint,  on_gone,	 on_addr,	on_addr,
		on_link, on_link_gone, on_netns, on_netns_gone, on_overrun,
	};
	struct bh_error err = { 0 };

	memset(seen, 0, sizeof(*seen));
	struct bh_links *l = bh_links_open(&config, &events, &err);
	if (l == NULL || bh_links_start(l, &err) != 0)
		fail_msg("%s", err.text);
	return l;
}

static struct bh_links *open_links(struct seen *seen)
{
	return open_links_with(seen, "/proc");
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

/* Everything that waits, and the searches that are due soon. */
static void follow(struct bh_links *l)
{
	bh_links_read(l);
	while (bh_links_wait(l) >= 0 && bh_links_wait(l) < 300000) {
		usleep((useconds_t)bh_links_wait(l));
		bh_links_tick(l);
		bh_links_read(l);
	}
}

/* The one that followed knows what one that looks for the first time sees. */
static void assert_equals_fresh_scan(struct seen *seen)
{
	struct seen fresh;
	struct bh_links *l = open_links(&fresh);

	follow(l);
	assert_int_equal(seen->present_count, fresh.present_count);
	for (size_t i = 0; i < fresh.present_count; i++) {
		struct bh_endpoint_fact *known = find(seen, fresh.present[i].ifindex);

		assert_non_null(known);
		known->since = fresh.present[i].since;
		assert_memory_equal(known, &fresh.present[i], sizeof(*known));
	}
	bh_links_close(l);
}

static void overflow(void)
{
	run("for i in $(seq 200); do echo addr add 10.9.2.$i/32 dev lo; done | ip -batch -");
	run("ip addr flush to 10.9.2.0/24 dev lo");
}

/* What waited when messages were lost is older than the scan that follows. */
static void lost_messages_leave_no_ghosts(void **state)
{
	struct seen seen;
	struct bh_links *l = open_links(&seen);

	(void)state;
	follow(l);
	run("ip link add ghost0 type veth peer name ghost1 netns " DIRECTORY "/alpha");
	uint32_t ghost = if_nametoindex("ghost0");
	overflow();
	run("ip link del ghost0");
	follow(l);
	assert_true(seen.overruns > 0);
	assert_null(find(&seen, ghost));
	assert_equals_fresh_scan(&seen);
	bh_links_close(l);
}

/* A namespace that nothing names, and the next one, which gets its number and has a name: the scan
 * comes before the news. */
static void a_reused_number_names_nobody_else(void **state)
{
	struct seen seen;
	struct bh_links *l = open_links(&seen);

	(void)state;
	follow(l);
	run("mkdir -p /run/elsewhere && touch /run/elsewhere/first && "
	    "unshare --net=/run/elsewhere/first true");
	run("ip link add first0 type veth peer name eth0 netns /run/elsewhere/first");
	uint32_t first = if_nametoindex("first0");
	follow(l);
	assert_non_null(find(&seen, first));
	int32_t number = find(&seen, first)->nsid;
	assert_string_equal(find(&seen, first)->netns_name, "");

	run("umount /run/elsewhere/first && rm /run/elsewhere/first");
	while (if_nametoindex("first0") != 0)
		usleep(10000);
	run("touch " DIRECTORY "/second && unshare --net=" DIRECTORY "/second true");
	run("ip link add second0 type veth peer name eth0 netns " DIRECTORY "/second");
	uint32_t second = if_nametoindex("second0");
	seen.nameless = first;
	usleep((useconds_t)bh_links_wait(l));
	bh_links_tick(l);
	assert_int_equal(seen.misnamed, 0);
	follow(l);
	assert_int_equal(seen.misnamed, 0);
	assert_null(find(&seen, first));
	assert_non_null(find(&seen, second));
	assert_int_equal(find(&seen, second)->nsid, number);
	assert_string_equal(find(&seen, second)->netns_name, DIRECTORY "/second");
	assert_equals_fresh_scan(&seen);
	bh_links_close(l);
}

static void make_namespace(const char *name)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "touch " DIRECTORY "/%s && unshare --net=" DIRECTORY "/%s true && "
		 "ip link add %s0 type veth peer name eth0 && ip link set eth0 netns " DIRECTORY
		 "/%s",
		 name, name, name, name);
	run(command);
}

/* What is read tells of a link that leads to somebody new, and whose he is, without waiting for a
 * look at processes. */
static void a_new_namespace_has_its_name_at_once(void **state)
{
	struct seen seen;
	struct bh_links *l = open_links(&seen);

	(void)state;
	seen.unnamed = 0;
	make_namespace("beta");
	bh_links_read(l);
	assert_string_equal(seen.last.netns_name, DIRECTORY "/beta");
	assert_int_equal(seen.unnamed, 0);
	bh_links_close(l);
}

/* The kernel tells of it only seconds later, when nobody has objected, and it speaks at once. */
static void a_link_local_address_is_known_from_the_links_start_on(void **state)
{
	struct seen seen;

	(void)state;
	make_namespace("gamma");
	run("ip link set gamma0 up");
	struct bh_links *l = open_links(&seen);
	/* As long as somebody might object, which is longer than this test waits. */
	run("echo 100 | nsenter --net=" DIRECTORY
	    "/gamma tee /proc/sys/net/ipv6/conf/eth0/dad_transmits >/dev/null");
	run("nsenter --net=" DIRECTORY "/gamma ip link set eth0 up");
	for (int tries = 0; tries < 500 && seen.last.addr_count == 0; tries++) {
		usleep(10000);
		bh_links_read(l);
	}
	assert_string_equal(seen.last.netns_name, DIRECTORY "/gamma");
	assert_int_equal(seen.last.addr_count, 1);
	assert_int_equal(seen.last.addrs[0].bytes[0], 0xfe);
	bh_links_close(l);
}

static uint64_t inode_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_ino : 0;
}

/* A process that waits in the namespace, as a runtime's init does. */
static pid_t enter(const char *path)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed leaves nobody behind */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		_exit(1);
	pause();
	_exit(0);
}

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void what_is_told_counts_as_long_as_the_process_lives(void **state)
{
	static const char other[] =
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
	struct seen seen;
	int32_t nsid = -1;

	(void)state;
	make_namespace("delta");
	struct bh_links *l = open_links(&seen);
	uint64_t inode = inode_of(DIRECTORY "/delta");
	pid_t child = enter(DIRECTORY "/delta");
	for (int tries = 0; tries < 500 && !bh_links_tell(l, child, inode, "no-id", &nsid); tries++)
		usleep(10000);
	assert_true(nsid >= 0);
	assert_string_equal(seen.last.container_id, "");
	assert_false(bh_links_tell(l, getpid(), inode, id, &nsid));
	assert_string_equal(seen.last.container_id, "");
	assert_true(bh_links_tell(l, child, inode, id, &nsid));
	assert_string_equal(seen.last.netns_name, DIRECTORY "/delta");
	assert_string_equal(seen.last.container_id, id);
	/* Others may join, and a scan finds no other: it stays the first one's. */
	assert_true(bh_links_tell(l, child, inode, other, &nsid));
	bh_links_tick(l);
	assert_string_equal(seen.last.container_id, id);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_false(bh_links_tell(l, child, inode, other, &nsid));
	bh_links_close(l);
}

/* A /proc with one process, which is in a container of Podman's; its cgroup alone is made up. */
static void make_proc(pid_t pid)
{
	char command[300];

	snprintf(command, sizeof(command),
		 "mkdir -p " PROC "/%d && cd " PROC "/%d && ln -s /proc/%d/ns /proc/%d/stat . && "
		 "echo '0::/machine.slice/libpod-%s.scope' >cgroup",
		 pid, pid, pid, pid, id);
	run(command);
}

/* Whose container it is a scan finds after its id was told. The endpoint stays the same one, and
 * its rules where they are. */
static void what_is_told_and_what_a_scan_finds_is_one_container(void **state)
{
	struct seen seen;
	int32_t nsid = -1;

	(void)state;
	make_namespace("epsilon");
	pid_t child = enter(DIRECTORY "/epsilon");
	run("mkdir " PROC);
	struct bh_links *l = open_links_with(&seen, PROC);
	make_proc(child);
	uint64_t inode = inode_of(DIRECTORY "/epsilon");
	for (int tries = 0; tries < 500 && !bh_links_tell(l, child, inode, id, &nsid); tries++)
		usleep(10000);
	assert_string_equal(seen.last.container_id, id);
	assert_int_equal(seen.last.runtime, BH_RUNTIME_NONE);
	bh_links_stir(l);
	for (int tries = 0; tries < 500 && seen.last.runtime == BH_RUNTIME_NONE; tries++) {
		usleep(10000);
		bh_links_tick(l);
	}
	assert_int_equal(seen.last.runtime, BH_RUNTIME_PODMAN);
	assert_string_equal(seen.last.container_id, id);
	assert_int_equal(seen.gone, 0);
	bh_links_close(l);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_messages_take_no_name_away),
		cmocka_unit_test(lost_messages_leave_no_ghosts),
		cmocka_unit_test(a_reused_number_names_nobody_else),
		cmocka_unit_test(a_new_namespace_has_its_name_at_once),
		cmocka_unit_test(a_link_local_address_is_known_from_the_links_start_on),
		cmocka_unit_test(what_is_told_counts_as_long_as_the_process_lives),
		cmocka_unit_test(what_is_told_and_what_a_scan_finds_is_one_container),
	};

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
