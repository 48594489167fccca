/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks at a /proc of its own making: which links are read again, and that nobody is taken for
 * somebody else because they were not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grow.h"
#include "netns_scan.h"
#include "timefmt.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HOST 1 /* its namespace */
#define OLD (60 * BH_SECOND)

struct world {
	char proc[40];
	struct bh_map *numbers, *known; /* the latter is what the last look found */
	struct bh_processes *processes;
	int64_t now;
};

static void run(const struct world *w, const char *command)
{
	char text[600];

	snprintf(text, sizeof(text), "cd %s && %s", w->proc, command);
	assert_int_equal(system(text), 0);
}

static void number(struct world *w, uint64_t inode)
{
	static int32_t numbers[10];

	numbers[inode] = (int32_t)inode;
	bh_map_put(w->numbers, &inode, sizeof(inode), &numbers[inode]);
}

static int make_world(void **state)
{
	struct world *w = bh_calloc(1, sizeof(*w));

	strcpy(w->proc, "/tmp/test-netns-scan-XXXXXX");
	assert_non_null(mkdtemp(w->proc));
	w->numbers = bh_map_new(NULL);
	w->known = bh_map_new(free);
	w->processes = bh_processes_new();
	w->now = OLD;
	for (uint64_t inode = HOST; inode < 10; inode++)
		number(w, inode);
	*state = w;
	return 0;
}

static int free_world(void **state)
{
	struct world *w = *state;

	run(w, "rm -r \"$PWD\"");
	bh_map_free(w->numbers);
	bh_map_free(w->known);
	bh_processes_free(w->processes);
	free(w);
	return 0;
}

/* It began at its PID's time. One that has the PID already is another process. */
static void begin(const struct world *w, int pid, int space, const char *id)
{
	char command[500];

	snprintf(command, sizeof(command),
		 "mkdir -p new/ns && ln -s 'net:[%d]' new/ns/net && echo '0::/docker/%s' "
		 ">new/cgroup && "
		 "echo '%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0' >new/stat && "
		 "rm -rf %d && mv new %d",
		 space, id, pid, pid, pid, pid);
	run(w, command);
}

static void end(const struct world *w, int pid)
{
	char command[40];

	snprintf(command, sizeof(command), "rm -r %d", pid);
	run(w, command);
}

/* setns() */
static void enter(const struct world *w, int pid, int space)
{
	char command[100];

	snprintf(command, sizeof(command), "ln -sfn 'net:[%d]' %d/ns/net", space, pid);
	run(w, command);
}

static void on_found(void *user, const struct bh_netns_fact *fact)
{
	struct bh_netns_fact *copy = bh_calloc(1, sizeof(*copy));

	*copy = *fact;
	bh_map_put(user, &copy->inode, sizeof(copy->inode), copy);
}

static void look(struct world *w, bool whole)
{
	static const char *const none[] = { NULL };
	struct bh_map *found = bh_map_new(free);

	bh_netns_scan(&(struct bh_netns_look) { none, w->proc, -1, w->numbers, w->known,
						w->processes, w->now, whole },
		      on_found, found);
	bh_map_free(w->known);
	w->known = found;
}

/* Whose a namespace was found to be: a letter, "": nobody's, "-": there is none. */
static const char *whose(const struct world *w, uint64_t inode)
{
	static char letter[2];
	const struct bh_netns_fact *fact = bh_map_get(w->known, &inode, sizeof(inode));

	letter[0] = fact != NULL ? fact->container_id[0] : '-';
	return letter;
}

static void a_namespace_is_of_its_oldest_container(void **state)
{
	struct world *w = *state;

	begin(w, 7, 5, "x"); /* no container */
	begin(w, 8, 5, A);
	begin(w, 9, 5, B);
	begin(w, 10, 6, "x");
	look(w, true);
	assert_string_equal(whose(w, 5), "a");
	assert_string_equal(whose(w, 6), "");
	assert_string_equal(whose(w, 7), "-");
	w->now += OLD;
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
	assert_string_equal(whose(w, 6), "");
	end(w, 8);
	look(w, false);
	assert_string_equal(whose(w, 5), "b");
}

static void a_pid_that_comes_again_is_another_process(void **state)
{
	struct world *w = *state;

	begin(w, 7, 5, A);
	begin(w, 8, 6, B);
	look(w, true);
	w->now += OLD;
	look(w, false);
	begin(w, 7, 6, A);
	begin(w, 8, 7, B);
	look(w, false);
	assert_string_equal(whose(w, 5), "-");
	assert_string_equal(whose(w, 6), "a");
	assert_string_equal(whose(w, 7), "b");
	/* In the same namespace, and of another container. */
	begin(w, 8, 7, A);
	look(w, false);
	assert_string_equal(whose(w, 7), "a");
}

static void a_young_process_is_found_where_it_goes(void **state)
{
	struct world *w = *state;

	look(w, true);
	begin(w, 7, 5, A);
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
	w->now += BH_SECOND;
	enter(w, 7, 6);
	look(w, false);
	assert_string_equal(whose(w, 5), "-");
	assert_string_equal(whose(w, 6), "a");
}

/* That it is not read again is what is saved; what was found of it holds meanwhile. */
static void an_old_process_is_found_by_a_whole_look(void **state)
{
	struct world *w = *state;

	begin(w, 7, 5, A);
	begin(w, 8, 5, A);
	look(w, true);
	w->now += OLD;
	enter(w, 7, 6);
	enter(w, 8, 6);
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
	assert_string_equal(whose(w, 6), "-");
	look(w, true);
	assert_string_equal(whose(w, 5), "-");
	assert_string_equal(whose(w, 6), "a");
}

/* The number of the namespace was freed since: this one may be another, of the same inode. */
static void what_is_remembered_names_no_other_namespace(void **state)
{
	struct world *w = *state;
	uint64_t inode = 5;

	begin(w, 7, 5, A);
	begin(w, 8, 6, "x");
	look(w, true);
	w->now += OLD;
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
	enter(w, 7, 6);
	bh_map_remove(w->numbers, &inode, sizeof(inode));
	look(w, false);
	assert_string_equal(whose(w, 5), "-");
}

/* A process that has left does not speak for a namespace whose own is gone. */
static void who_left_is_not_asked(void **state)
{
	struct world *w = *state;

	begin(w, 7, 5, A);
	begin(w, 8, 5, B);
	look(w, true);
	w->now += OLD;
	look(w, false);
	enter(w, 8, 6);
	end(w, 7);
	look(w, false);
	assert_string_equal(whose(w, 5), "-");
}

static void a_container_comes_to_a_namespace_that_was_nobodys(void **state)
{
	struct world *w = *state;

	begin(w, 7, 5, "x");
	look(w, true);
	w->now += OLD;
	look(w, false);
	assert_string_equal(whose(w, 5), "");
	begin(w, 8, 5, A);
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
	w->now += OLD;
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
}

/* A runtime moves a process into its container's cgroup when it runs already. */
static void a_young_process_is_asked_again_whose_it_is(void **state)
{
	struct world *w = *state;

	look(w, true);
	begin(w, 7, 5, "x");
	look(w, false);
	assert_string_equal(whose(w, 5), "");
	run(w, "echo 0::/docker/" A " >7/cgroup");
	w->now += BH_SECOND;
	look(w, false);
	assert_string_equal(whose(w, 5), "a");
}

/* A child that waits: 0: with any PID, else with this one, in a namespace of its own; a negative
 * errno. It does not outlive this. */
static pid_t begin_child(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = pid != 0 ? (uintptr_t)&pid : 0,
				   .set_tid_size = pid != 0 };
	pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int status;

	if (child < 0)
		return -errno;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pid != 0 && unshare(CLONE_NEWNET) != 0)
			_exit(errno);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	return WIFSTOPPED(status) ? child : -WEXITSTATUS(status);
}

static void end_child(pid_t child)
{
	assert_true(child > 1); /* kill() takes −1 for everybody */
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* What all this rests on: the kernel's own /proc tells one process from the next by its listing. */
static void the_kernel_tells_processes_of_one_pid_apart(void **state)
{
	struct bh_processes *p = bh_processes_new();
	struct stat own;
	uint64_t inode;
	char text[12];

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &own), 0);
	pid_t first = begin_child(0);
	assert_true(first > 0);
	bh_processes_look(p, "/proc", own.st_ino, OLD, true);
	bh_processes_look(p, "/proc", own.st_ino, 2 * OLD, false);
	assert_false(bh_processes_get(p, first)->read);
	assert_true(bh_processes_get(p, first)->netns == own.st_ino);
	end_child(first);
	pid_t second = begin_child(first);
	/* No privilege, or a kernel before 5.5. */
	if (second == -EPERM || second == -ENOSYS || second == -E2BIG) {
		bh_processes_free(p);
		skip();
	}
	assert_true(second > 0);
	bh_processes_look(p, "/proc", own.st_ino, 2 * OLD, false);
	assert_true(bh_processes_get(p, second)->read);
	snprintf(text, sizeof(text), "%d", second);
	assert_true(bh_process_netns("/proc", text, &inode));
	assert_true(inode != own.st_ino);
	assert_true(bh_processes_get(p, second)->netns == inode);
	end_child(second);
	bh_processes_free(p);
}

/* LXC numbers the cgroup of a container where one of its name is left over. */
static void lxcs_monitor_says_who_it_is(void **state)
{
	struct world *w = *state;
	uint64_t inode = 7;

	begin(w, 100, 7, "");
	run(w, "echo '0::/lxc.payload.web-1' >100/cgroup && mkdir 1 && "
	       "printf '[lxc monitor] /var/lib/lxc web' >1/cmdline");
	look(w, true);
	const struct bh_netns_fact *fact = bh_map_get(w->known, &inode, sizeof(inode));
	assert_string_equal(fact->container_id, "web");
	look(w, true); /* and again, now that it is known */
	fact = bh_map_get(w->known, &inode, sizeof(inode));
	assert_string_equal(fact->container_id, "web");
	/* A name that only looks numbered. */
	run(w, "printf '[lxc monitor] /var/lib/lxc web-1' >1/cmdline");
	look(w, true);
	fact = bh_map_get(w->known, &inode, sizeof(inode));
	assert_string_equal(fact->container_id, "web-1");
	run(w, "printf 'lxc-attach web' >1/cmdline");
	look(w, true);
	fact = bh_map_get(w->known, &inode, sizeof(inode));
	assert_string_equal(fact->container_id, "web-1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, free_world)
	const struct CMUnitTest tests[] = {
		TEST(a_namespace_is_of_its_oldest_container),
		TEST(a_pid_that_comes_again_is_another_process),
		TEST(a_young_process_is_found_where_it_goes),
		TEST(an_old_process_is_found_by_a_whole_look),
		TEST(what_is_remembered_names_no_other_namespace),
		TEST(who_left_is_not_asked),
		TEST(a_container_comes_to_a_namespace_that_was_nobodys),
		TEST(a_young_process_is_asked_again_whose_it_is),
		TEST(lxcs_monitor_says_who_it_is),
		cmocka_unit_test(the_kernel_tells_processes_of_one_pid_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
