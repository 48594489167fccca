/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sandbox from inside: what capture needs works, and what it must not do ends it with SIGSYS.
 * Each case is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "channel.h"
#include "log.h"
#include "sandbox.h"
#include "timefmt.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define GROWTH (64u << 20)
#define UNEXPECTED 99

/* What a case finds when it begins. `packet` stands for the packet socket: data can be read there.
 */
struct world {
	int packet;
	int channel;
	pid_t parent;
	uv_loop_t loop;
};

typedef void (*deed)(struct world *world);

static void prepare(struct world *world, int pair[2])
{
	world->packet = pair[0];
	world->channel = pair[1];
	world->parent = getppid();
}

/* Runs the deed in the sandbox of capture; the process's status as waitpid() gives it. */
static int status_of(deed act)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(bh_channel_pair(pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct world world;
		struct bh_error err = { 0 };

		prepare(&world, pair);
		if (bh_sandbox_child(pair[0] > pair[1] ? pair[0] : pair[1], &err) != 0 ||
		    uv_loop_init(&world.loop) != 0 || bh_sandbox_limit(GROWTH, 0, &err) != 0 ||
		    bh_sandbox_capture(pair[0], &err) != 0)
			_exit(UNEXPECTED);
		act(&world);
		_exit(0);
	}
	close(pair[0]);
	close(pair[1]);
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_ends_by(deed act, int signal_number)
{
	int status = status_of(act);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal_number);
}

static void assert_lives(deed act)
{
	int status = status_of(act);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- what must not be ------------------------------------------------------------------------- */

/* Each by its number: the C library might refuse for reasons of its own. */
static void opens(struct world *world)
{
	(void)world;
	syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY | O_CREAT, 0600);
}

static void makes_a_socket(struct world *world)
{
	(void)world;
	syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static void connects(struct world *world)
{
	struct sockaddr address = { .sa_family = AF_UNIX };

	syscall(SYS_connect, world->channel, &address, sizeof(address));
}

static void starts_a_program(struct world *world)
{
	char *none[] = { NULL };

	(void)world;
	syscall(SYS_execve, "/bin/true", none, none);
}

static void forks(struct world *world)
{
	(void)world;
	syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
}

static void traces(struct world *world)
{
	(void)world;
	syscall(SYS_ptrace, 0, 0, 0, 0);
}

static void signals_its_parent(struct world *world)
{
	syscall(SYS_kill, world->parent, 0);
}

static void signals_by_thread(struct world *world)
{
	(void)world;
	syscall(SYS_tgkill, 1, 1, 0);
}

static void maps_code(struct world *world)
{
	(void)world;
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void makes_code(struct world *world)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)world;
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void makes_a_ring_of_commands(struct world *world)
{
	(void)world;
	syscall(SYS_io_uring_setup, 8, NULL);
}

static void writes_to_the_packet_socket(struct world *world)
{
	syscall(SYS_write, world->packet, "frame", 5);
}

static void sends_on_the_packet_socket(struct world *world)
{
	char frame[] = "frame";
	struct iovec part = { frame, 5 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	syscall(SYS_sendmsg, world->packet, &message, 0);
}

/* The kernel looks at the lower half of a descriptor alone. */
static void sends_by_another_number(struct world *world)
{
	syscall(SYS_write, 0x100000000L | world->packet, "frame", 5);
}

static void doubles_the_packet_socket(struct world *world)
{
	syscall(SYS_fcntl, world->packet, F_DUPFD, 0);
}

static void becomes_another(struct world *world)
{
	(void)world;
	syscall(SYS_setuid, 0);
}

static void forbidden_calls_end_it(void **state)
{
	static const deed deeds[] = { makes_a_socket,
				      connects,
				      starts_a_program,
				      forks,
				      traces,
				      signals_its_parent,
				      signals_by_thread,
				      maps_code,
				      makes_code,
				      makes_a_ring_of_commands,
				      writes_to_the_packet_socket,
				      sends_on_the_packet_socket,
				      sends_by_another_number,
				      doubles_the_packet_socket,
				      becomes_another };

	(void)state;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		assert_ends_by(deeds[i], SIGSYS);
}

static void is_refused_a_file(struct world *world)
{
	if (syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		_exit(UNEXPECTED);
	(void)world;
}

/* A sanitizer looks for its symbolizer, and is to report without. */
static void no_file_opens(void **state)
{
	(void)state;
	if (SANITIZED)
		assert_lives(is_refused_a_file);
	else
		assert_ends_by(opens, SIGSYS);
}

/* --- what it needs ---------------------------------------------------------------------------- */

static int heard;

static void on_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	(void)channel;
	heard += m->type == BH_MSG_SCAN_END;
	uv_stop(user);
}

static void on_closed(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)channel;
	(void)why;
	_exit(UNEXPECTED);
}

static void on_timer(uv_timer_t *timer)
{
	heard++;
	uv_stop(timer->loop);
}

/* A channel in a loop, both ways, with a timer beside it. */
static void works_its_channel(struct world *world)
{
	struct bh_channel_handlers handlers = { &world->loop, on_message, on_closed };
	struct bh_channel *channel =
		bh_channel_new(&world->loop, world->channel, &handlers, 1 << 20);
	struct { /* as channel.c writes it */
		uint16_t version, type;
		uint32_t length;
	} header = { BH_MESSAGE_VERSION, BH_MSG_SCAN_END, 0 };
	uv_timer_t timer;

	if (bh_channel_send(channel, BH_MSG_SCAN_BEGIN, NULL, 0, NULL, 0, -1) != 0 ||
	    recv(world->packet, &header, sizeof(header), 0) != sizeof(header) ||
	    header.type != BH_MSG_SCAN_BEGIN)
		_exit(UNEXPECTED);
	uv_timer_init(&world->loop, &timer);
	uv_timer_start(&timer, on_timer, 1, 0);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	bh_channel_free(channel);
	uv_run(&world->loop, UV_RUN_NOWAIT);
	if (heard != 1)
		_exit(UNEXPECTED);
}

static void works_its_memory(struct world *world)
{
	char *small[1000], *large = NULL;

	(void)world;
	for (int i = 0; i < 1000; i++)
		small[i] = calloc(1, 4000);
	for (size_t size = 1 << 16; size <= 16 << 20; size *= 2) {
		large = realloc(large, size);
		if (large == NULL)
			_exit(UNEXPECTED);
		memset(large, 1, size);
	}
	madvise((void *)((uintptr_t)large & ~4095UL), 4096, MADV_HUGEPAGE);
	free(large);
	for (int i = 0; i < 1000; i++)
		free(small[i]);
}

/* The clock by the system call, as where the vDSO has none. */
static void tells_the_time(struct world *world)
{
	struct timespec now;

	(void)world;
	bh_log_open("capture", BH_LOG_DEBUG);
	bh_log(BH_LOG_DEBUG, "%s", "a line of the log");
	if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) != 0)
		_exit(UNEXPECTED);
}

static void waits_for_packets(struct world *world)
{
	struct pollfd packets = { world->packet, POLLIN, 0 };
	int on = 1;

	ioctl(world->packet, FIONBIO, &on);
	fcntl(world->packet, F_SETFL, fcntl(world->packet, F_GETFL) | O_NONBLOCK);
	if (poll(&packets, 1, 10) != 0)
		_exit(UNEXPECTED);
	setsockopt(world->packet, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0);
	setsockopt(world->packet, SOL_SOCKET, SO_DETACH_FILTER, NULL, 0);
	recv(world->packet, &on, 1, MSG_TRUNC);
}

/* The search for leaks at the end traces this process from another, which the filter forbids. */
static void exits(struct world *world)
{
	(void)world;
	if (SANITIZED)
		_exit(0);
	exit(0);
}

static void what_it_needs_works(void **state)
{
	static const deed deeds[] = { works_its_channel, works_its_memory, tells_the_time,
				      waits_for_packets, exits };

	(void)state;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		assert_lives(deeds[i]);
}

/* The C library's own end, not the filter's: the parent logs the right reason. */
static void aborts(struct world *world)
{
	(void)world;
	abort();
}

static void asserts(struct world *world)
{
	assert(world == NULL);
}

/* The allocator's own check, which reports in another way. */
static void frees_twice(struct world *world)
{
	char *volatile once = malloc(100), *volatile again = once;

	(void)world;
	free(once);
	free(again);
}

static void aborting_is_aborting(void **state)
{
	(void)state;
	assert_ends_by(aborts, SIGABRT);
	assert_ends_by(asserts, SIGABRT);
	if (!SANITIZED)
		assert_ends_by(frees_twice, SIGABRT);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void takes_too_much(struct world *world)
{
	size_t got = 0;

	(void)world;
	while (got <= 4u * GROWTH && malloc(1 << 20) != NULL)
		got += 1 << 20;
	_exit(got > GROWTH / 2 && got <= GROWTH ? 0 : UNEXPECTED);
}

static void looks_at_its_limits(struct world *world)
{
	static const int none[] = { RLIMIT_NPROC, RLIMIT_CORE };

	(void)world;
	for (size_t i = 0; i < 2; i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)none[i], &limit) != 0 || limit.rlim_max != 0)
			_exit(UNEXPECTED);
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		_exit(UNEXPECTED);
}

/* Runs it in a process of its own, and checks that it ends well. */
static void assert_ends_well(void (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void is_limited(void)
{
	struct bh_error err = { 0 };

	if (bh_sandbox_child(STDERR_FILENO, &err) != 0 || bh_sandbox_limit(GROWTH, 0, &err) != 0)
		_exit(UNEXPECTED);
	looks_at_its_limits(NULL);
}

/* They cannot be asked for behind the filter. */
static void limits_are_set(void **state)
{
	(void)state;
	assert_ends_well(is_limited);
}

static void *is_a_thread(void *argument)
{
	return argument;
}

static void makes_threads_and_no_processes(void)
{
	struct bh_error err = { 0 };
	pthread_t thread;

	if (bh_sandbox_child(STDERR_FILENO, &err) != 0 || bh_sandbox_alone(&err) != 0)
		_exit(UNEXPECTED);
	if (pthread_create(&thread, NULL, is_a_thread, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0)
		_exit(UNEXPECTED + 1);
	if (!SANITIZED && (fork() != -1 || syscall(SYS_vfork) != -1 ||
			   syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) != -1))
		_exit(UNEXPECTED + 2);
}

/* What core may and may not: a name is resolved in a thread. */
static void threads_are_none_of_the_processes(void **state)
{
	(void)state;
	assert_ends_well(makes_threads_and_no_processes);
}

/* A log that is full swallows lines, not the process. */
static void a_full_log_ends_nothing(void **state)
{
	char path[] = "/tmp/bulkhead-log-XXXXXX";
	int status, fd = mkstemp(path);
	struct stat info;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	pid_t pid = fork();
	if (pid == 0) {
		struct bh_error err = { 0 };

		dup2(fd, STDERR_FILENO);
		if (bh_sandbox_limit(GROWTH, 1000, &err) != 0)
			_exit(UNEXPECTED);
		for (int i = 0; i < 100; i++)
			bh_log(BH_LOG_ERROR, "line %d, of which only the first ones fit", i);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fstat(fd, &info), 0);
	assert_in_range(info.st_size, 900, 1000);
	close(fd);
}

/* --- builds with sanitizers ------------------------------------------------------------------- */

static void reads_beyond(struct world *world)
{
	char *volatile bytes = malloc(8);
	volatile int beyond = 8;

	(void)world;
	_exit(bytes[beyond] == 'x' ? UNEXPECTED : 0);
}

static void overflows(struct world *world)
{
	volatile int most = INT_MAX;

	(void)world;
	most = most + 1;
}

/* Does it with standard error in a pipe, and checks what came out. */
static void assert_reported(deed act, const char *words)
{
	char text[1 << 16] = "";
	int fds[2], before = dup(STDERR_FILENO);

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	fcntl(fds[1], F_SETPIPE_SZ, sizeof(text));
	dup2(fds[1], STDERR_FILENO);
	int status = status_of(act);
	dup2(before, STDERR_FILENO);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_true(WIFEXITED(status));
	assert_non_null(strstr(text, words));
	close(fds[0]);
	close(fds[1]);
	close(before);
}

/* Sanitizers need more memory than any limit leaves, and their reports are not lost in the sandbox.
 * Other builds have the limit. */
static void memory_ends_where_it_was_to_or_errors_are_reported(void **state)
{
	(void)state;
	if (!SANITIZED) {
		assert_lives(takes_too_much);
		return;
	}
	assert_reported(reads_beyond, "Shadow bytes around the buggy address");
	assert_reported(overflows, "signed integer overflow");
}

/* --- the event loop --------------------------------------------------------------------------- */

static void io_uring_is_not_there(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct bh_error err = { 0 };
		uv_loop_t loop;

		if (bh_sandbox_child(STDERR_FILENO, &err) != 0)
			_exit(UNEXPECTED);
		if (syscall(SYS_io_uring_setup, 8, NULL) != -1 || errno != ENOSYS)
			_exit(UNEXPECTED);
		_exit(uv_loop_init(&loop) == 0 ? 0 : UNEXPECTED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- the empty directory ---------------------------------------------------------------------- */

static void only_an_empty_directory_will_do(void **state)
{
	char folder[] = "/tmp/bulkhead-empty-XXXXXX", path[64], inside[80];
	struct bh_error err = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(folder));
	bh_sandbox_empty_path(folder, path, sizeof(path));
	assert_int_equal(bh_sandbox_make_empty(path, &err), 0);
	assert_int_equal(bh_sandbox_make_empty(path, &err), 0);
	snprintf(inside, sizeof(inside), "%s/thing", path);
	assert_int_equal(mkdir(inside, 0700), 0);
	assert_int_equal(bh_sandbox_make_empty(path, &err), -EEXIST);
	rmdir(inside);
	chmod(path, 0777);
	assert_int_equal(bh_sandbox_make_empty(path, &err), -EEXIST);
	chmod(path, 0555);
	assert_int_equal(chown(path, 1, 1), 0);
	assert_int_equal(bh_sandbox_make_empty(path, &err), -EEXIST);
	rmdir(path);
	assert_int_equal(symlink("/", path), 0);
	assert_int_equal(bh_sandbox_make_empty(path, &err), -EEXIST);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_calls_end_it),
		cmocka_unit_test(no_file_opens),
		cmocka_unit_test(what_it_needs_works),
		cmocka_unit_test(aborting_is_aborting),
		cmocka_unit_test(limits_are_set),
		cmocka_unit_test(threads_are_none_of_the_processes),
		cmocka_unit_test(a_full_log_ends_nothing),
		cmocka_unit_test(memory_ends_where_it_was_to_or_errors_are_reported),
		cmocka_unit_test(io_uring_is_not_there),
		cmocka_unit_test(only_an_empty_directory_will_do),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
