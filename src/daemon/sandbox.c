/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Builds with sanitizers are for tests. Their run-time needs room and calls of its own, named below
 * where they are granted. UBSan alone cannot be told from no sanitizer with gcc, and needs none of
 * it but the symbolizer. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

/* Standard streams, channels, epoll, the ring, and descriptors that come before others go. */
#define MOST_DESCRIPTORS 64

/* --- limits ----------------------------------------------------------------------------------- */

static int limit(int resource, const char *name, rlim_t value, struct bh_error *err)
{
	struct rlimit now;

	/* A lower one was set from outside. */
	if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max < value)
		value = now.rlim_max;
	now.rlim_cur = now.rlim_max = value;
	if (setrlimit((__rlimit_resource_t)resource, &now) != 0)
		return bh_error_set(err, -errno, "the limit of %s cannot be set: %s", name,
				    strerror(errno));
	return 0;
}

/* Bytes of address space in use, or 0. */
static size_t mapped(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* AddressSanitizer maps terabytes that it never touches. */
static int limit_memory(size_t growth, struct bh_error *err)
{
	size_t now = mapped();

	if (SANITIZED)
		return 0;
	if (now == 0)
		return bh_error_set(err, -ENOENT, "/proc/self/statm cannot be read");
	return limit(RLIMIT_AS, "memory", now + growth, err);
}

static int limit_log(size_t bytes, struct bh_error *err)
{
	struct stat info;

	if (fstat(STDERR_FILENO, &info) == 0 && S_ISREG(info.st_mode)) {
		if (bytes == 0)
			return 0;
		signal(SIGXFSZ, SIG_IGN);
	} else {
		bytes = 0;
	}
	return limit(RLIMIT_FSIZE, "files", bytes, err);
}

int bh_sandbox_limit(size_t growth, size_t log_bytes, struct bh_error *err)
{
	int result = limit_memory(growth, err);

	if (result == 0)
		result = limit_log(log_bytes, err);
	if (result == 0)
		result = limit(RLIMIT_NPROC, "processes", 0, err);
	if (result == 0)
		result = limit(RLIMIT_NOFILE, "descriptors", MOST_DESCRIPTORS, err);
	if (result == 0)
		result = limit(RLIMIT_CORE, "core dumps", 0, err);
	return result;
}

/* --- the empty directory ---------------------------------------------------------------------- */

void bh_sandbox_empty_path(const char *run_directory, char *out, size_t size)
{
	snprintf(out, size, "%s/empty", run_directory);
}

static int entries_of(const char *path)
{
	DIR *folder = opendir(path);
	int entries = -2; /* itself, and the one above */

	if (folder == NULL)
		return -errno;
	while (readdir(folder) != NULL)
		entries++;
	closedir(folder);
	return entries;
}

int bh_sandbox_make_empty(const char *path, struct bh_error *err)
{
	struct stat info;

	if (mkdir(path, 0555) != 0 && errno != EEXIST)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != 0 ||
	    (info.st_mode & 0222) != 0 || entries_of(path) != 0)
		return bh_error_set(err, -EEXIST,
				    "%s is not root's empty, unwritable directory; capture is "
				    "shut into it: remove what is there",
				    path);
	return 0;
}

int bh_sandbox_enclose(const char *path, struct bh_error *err)
{
	if (chroot(path) != 0 || chdir("/") != 0)
		return bh_error_set(err, -errno, "capture cannot be shut into %s: %s", path,
				    strerror(errno));
	return 0;
}

/* --- filters ---------------------------------------------------------------------------------- */

/* Adds rules to a filter until one fails. */
struct filter {
	scmp_filter_ctx context;
	int result; /* negative errno of the first that failed */
};

static struct filter filter_new(uint32_t otherwise)
{
	struct filter f = { seccomp_init(otherwise), 0 };

	f.result = f.context == NULL ? -ENOMEM : 0;
	/* Calls of another architecture's table are nobody's. */
	if (f.result == 0)
		f.result =
			seccomp_attr_set(f.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	return f;
}

static void add(struct filter *f, uint32_t action, int call, unsigned count,
		const struct scmp_arg_cmp *arguments)
{
	if (f->result == 0)
		f->result = seccomp_rule_add_array(f->context, action, call, count, arguments);
}

static void add_all(struct filter *f, uint32_t action, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(f, action, calls[i], 0, NULL);
}

/* Lets a call through where all of the comparisons hold. */
#define ALLOW_IF(f, call, ...)                                                                     \
	add(f, SCMP_ACT_ALLOW, SCMP_SYS(call),                                                     \
	    sizeof((struct scmp_arg_cmp[]) { __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp),         \
	    (struct scmp_arg_cmp[]) { __VA_ARGS__ })

static int filter_load(struct filter *f, const char *whose, struct bh_error *err)
{
	if (f->result == 0)
		f->result = seccomp_load(f->context);
	if (f->context != NULL)
		seccomp_release(f->context);
	if (f->result != 0)
		return bh_error_set(err, f->result,
				    "the system calls of %s cannot be limited (seccomp): %s", whose,
				    strerror(-f->result));
	return 0;
}

/* The low half of an argument: the upper one of an int is whatever the caller left there. */
#define LOW(number, value) SCMP_CMP(number, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value))
#define WITHOUT(number, bit) SCMP_CMP(number, SCMP_CMP_MASKED_EQ, (bit), 0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int bh_sandbox_child(int last_fd, struct bh_error *err)
{
	static const int forbidden[] = {
#if !SANITIZED /* a sanitizer's report starts the symbolizer */
		SCMP_SYS(execve),
#endif
		SCMP_SYS(execveat),
		SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev),
		SCMP_SYS(pidfd_getfd),
		SCMP_SYS(unshare),
		SCMP_SYS(setns),
		SCMP_SYS(mount),
		SCMP_SYS(umount2),
		SCMP_SYS(pivot_root),
		SCMP_SYS(open_tree),
		SCMP_SYS(move_mount),
		SCMP_SYS(fsopen),
		SCMP_SYS(fsconfig),
		SCMP_SYS(fsmount),
		SCMP_SYS(fspick),
		SCMP_SYS(mount_setattr),
		SCMP_SYS(bpf),
		SCMP_SYS(perf_event_open),
		SCMP_SYS(userfaultfd),
		SCMP_SYS(init_module),
		SCMP_SYS(finit_module),
		SCMP_SYS(delete_module),
		SCMP_SYS(kexec_load),
		SCMP_SYS(kexec_file_load),
		SCMP_SYS(add_key),
		SCMP_SYS(request_key),
		SCMP_SYS(keyctl),
		SCMP_SYS(open_by_handle_at),
	};

	if (close_range((unsigned)last_fd + 1, UINT_MAX, 0) != 0)
		return bh_error_set(err, -errno, "close_range: %s", strerror(errno));
	struct filter f = filter_new(SCMP_ACT_ALLOW);
	add_all(&f, SCMP_ACT_KILL_PROCESS, forbidden, COUNT(forbidden));
	add(&f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0, NULL);
	return filter_load(&f, "a child", err);
}

/* clone3() has its flags in memory, where no filter can look: without it the C library goes on with
 * clone(). The symbolizer of a sanitizer's report is another process. */
int bh_sandbox_alone(struct bh_error *err)
{
	const struct scmp_arg_cmp no_thread = WITHOUT(0, CLONE_THREAD);
	struct filter f;

	if (SANITIZED)
		return 0;
	f = filter_new(SCMP_ACT_ALLOW);
	add(&f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(fork), 0, NULL);
	add(&f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(vfork), 0, NULL);
	add(&f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &no_thread);
	add(&f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
	return filter_load(&f, "core", err);
}

/* What the C library, libuv and libpcap do with what is open. Names that only some architectures or
 * newer C libraries use stand beside those seen here. */
static void allow_plain(struct filter *f)
{
	static const int calls[] = {
		/* the event loop; restart_syscall is how a wait goes on after SIGCONT */
		SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_pwait),
		SCMP_SYS(epoll_pwait2),
		SCMP_SYS(epoll_ctl),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(ppoll_time64),
		SCMP_SYS(restart_syscall),
		/* the handles; not every one is for writing (forbid_sending) */
		SCMP_SYS(read),
		SCMP_SYS(readv),
		SCMP_SYS(write),
		SCMP_SYS(writev),
		SCMP_SYS(sendmsg),
		SCMP_SYS(recvmsg),
		SCMP_SYS(recvfrom), /* packets older than a new interface filter are drained */
		SCMP_SYS(recv),
		SCMP_SYS(close),
		/* clocks, where the vDSO has none */
		SCMP_SYS(clock_gettime),
		SCMP_SYS(clock_gettime64),
		SCMP_SYS(clock_getres),
		SCMP_SYS(clock_getres_time64),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		/* memory; mmap and mprotect are below */
		SCMP_SYS(brk),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(getrandom),
		SCMP_SYS(futex),
		SCMP_SYS(futex_time64),
		/* signals, abort() and the end */
		SCMP_SYS(rt_sigaction),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(sigreturn),
		SCMP_SYS(getpid),
		SCMP_SYS(gettid),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
	};

	add_all(f, SCMP_ACT_ALLOW, calls, COUNT(calls));
}

static void allow_limited(struct filter *f)
{
	ALLOW_IF(f, mmap, WITHOUT(2, PROT_EXEC));
	ALLOW_IF(f, mmap2, WITHOUT(2, PROT_EXEC));
	ALLOW_IF(f, mprotect, WITHOUT(2, PROT_EXEC));
	ALLOW_IF(f, ioctl, LOW(1, FIONBIO));
	ALLOW_IF(f, fcntl, LOW(1, F_GETFL));
	ALLOW_IF(f, fcntl, LOW(1, F_SETFL));
	ALLOW_IF(f, fcntl64, LOW(1, F_GETFL));
	ALLOW_IF(f, fcntl64, LOW(1, F_SETFL));
	/* The interface filter, the ring's counters, and its end. */
	ALLOW_IF(f, setsockopt, LOW(1, SOL_SOCKET), LOW(2, SO_ATTACH_FILTER));
	ALLOW_IF(f, setsockopt, LOW(1, SOL_SOCKET), LOW(2, SO_DETACH_FILTER));
	ALLOW_IF(f, setsockopt, LOW(1, SOL_PACKET), LOW(2, PACKET_RX_RING));
	ALLOW_IF(f, getsockopt, LOW(1, SOL_SOCKET), LOW(2, SO_ERROR));
	ALLOW_IF(f, getsockopt, LOW(1, SOL_PACKET), LOW(2, PACKET_STATISTICS));
	/* abort() signals this very process, and nothing else may be signalled. */
	ALLOW_IF(f, tgkill, LOW(0, getpid()));
}

/* Writing goes to the parent, to core and to the log, never to the packet socket: whoever takes
 * capture over must not put frames on the host's networks. A filter of its own, because "any number
 * but this" would be satisfied by this one with something in the half that the kernel ignores. */
static int forbid_sending(int packet_fd, struct bh_error *err)
{
	static const int calls[] = { SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(sendmsg) };
	const struct scmp_arg_cmp on_it = LOW(0, packet_fd);
	struct filter f = filter_new(SCMP_ACT_ALLOW);

	for (size_t i = 0; i < COUNT(calls); i++)
		add(&f, SCMP_ACT_KILL_PROCESS, calls[i], 1, &on_it);
	return filter_load(&f, "capture", err);
}

#if SANITIZED
/* A report looks for a file to write to, for the symbolizer and for a terminal. It finds none, goes
 * to the log, and names places by module and offset. Functions that do not return, _exit() among
 * them, ask where the signal stack is. */
static void suit_sanitizers(struct filter *f)
{
	static const int calls[] = { SCMP_SYS(open),	   SCMP_SYS(openat),   SCMP_SYS(stat),
				     SCMP_SYS(newfstatat), SCMP_SYS(readlink), SCMP_SYS(pipe),
				     SCMP_SYS(pipe2) };
	const struct scmp_arg_cmp is_terminal = LOW(1, TCGETS);

	add(f, SCMP_ACT_ALLOW, SCMP_SYS(sigaltstack), 0, NULL);
	add_all(f, SCMP_ACT_ERRNO(EACCES), calls, COUNT(calls));
	add(f, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1, &is_terminal);
}
#endif

int bh_sandbox_capture(int packet_fd, struct bh_error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return bh_error_set(err, -errno, "PR_SET_DUMPABLE: %s", strerror(errno));
	tzset(); /* the first gmtime() would look for a file */
#if SANITIZED
	/* The file that reports were to go to can no longer be opened. */
	__sanitizer_set_report_fd((void *)STDERR_FILENO);
	__sanitizer_sandbox_on_notify(NULL);
#endif
	if (forbid_sending(packet_fd, err) != 0)
		return err->code;
	struct filter f = filter_new(SCMP_ACT_KILL_PROCESS);

	allow_plain(&f);
	allow_limited(&f);
#if SANITIZED
	suit_sanitizers(&f);
#endif
	return filter_load(&f, "capture", err);
}
