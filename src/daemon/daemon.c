/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up of the daemon: options, directories, one instance at a time, and into the background. */
#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounting.h"
#include "bridge_flags.h"
#include "config.h"
#include "grow.h"
#include "kernel_guard.h"
#include "links.h"
#include "log.h"
#include "log_file.h"
#include "nft.h"
#include "privileges.h"
#include "process.h"
#include "sandbox.h"

struct options {
	const char *config_file; /* NULL: the usual place, if there is one */
	const char *child;
	bool foreground;
};

static int usage_error(void)
{
	fputs("usage: bulkhead daemon [--config FILE] [--foreground]\n", stderr);
	return 2;
}

static bool read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = { { "config", required_argument, NULL, 'c' },
					       { "foreground", no_argument, NULL, 'f' },
					       { "child", required_argument, NULL, 'x' },
					       { 0 } };
	int option;

	optind = 0; /* the command line's own parser came before */
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'c')
			options->config_file = optarg;
		else if (option == 'f')
			options->foreground = true;
		else if (option == 'x')
			options->child = optarg;
		else
			return false;
	}
	return optind == argc;
}

static int load_config(const char *file, struct bh_config *config, struct bh_error *err)
{
	bh_config_defaults(config);
	if (file == NULL && access(BH_CONFIG_FILE, F_OK) != 0)
		return 0;
	return bh_config_load(config, file != NULL ? file : BH_CONFIG_FILE, err);
}

static int make_run_directory(const char *path, struct bh_error *err)
{
	struct stat info;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return bh_error_set(err, -errno,
				    "run_directory %s: %s; the folder above it must exist", path,
				    strerror(errno));
	if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
		return bh_error_set(err, -ENOTDIR, "run_directory %s is not a folder", path);
	return 0;
}

static int make_empty_directory(const char *run_directory, struct bh_error *err)
{
	char path[BH_CONFIG_TEXT + 16];

	bh_sandbox_empty_path(run_directory, path, sizeof(path));
	return bh_sandbox_make_empty(path, err);
}

static bool is_empty(const char *path)
{
	DIR *folder = opendir(path);
	size_t entries = 0;

	while (folder != NULL && readdir(folder) != NULL)
		entries++;
	if (folder != NULL)
		closedir(folder);
	return entries == 2; /* itself, and the one above */
}

/* The state directory is core's. One that exists and is somebody else's may be anything – /var/lib,
 * after a slip in the configuration: it is not given away. */
static int make_state_directory(const char *path, const struct bh_config *config,
				const struct bh_user *core, struct bh_error *err)
{
	bool made = mkdir(path, 0700) == 0;
	struct stat info;

	if (!made && errno != EEXIST)
		return bh_error_set(err, -errno,
				    "state_directory %s: %s; the folder above it must exist", path,
				    strerror(errno));
	if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
		return bh_error_set(err, -ENOTDIR, "state_directory %s is not a folder", path);
	if (made || (info.st_uid == 0 && is_empty(path))) {
		if (chown(path, core->uid, core->gid) != 0)
			return bh_error_set(err, -errno, "state_directory %s: %s", path,
					    strerror(errno));
		return 0;
	}
	if (info.st_uid != core->uid)
		return bh_error_set(err, -EPERM,
				    "state_directory %s does not belong to %s; if it is "
				    "bulkhead's: chown -R %s: %s",
				    path, config->core_user, config->core_user, path);
	return 0;
}

static int make_directories(const struct bh_config *config, struct bh_error *err)
{
	struct bh_user core, capture;

	if (bh_user_find(config->core_user, &core, err) != 0 ||
	    bh_user_find(config->capture_user, &capture, err) != 0)
		return err->code;
	if (make_run_directory(config->run_directory, err) != 0 ||
	    make_empty_directory(config->run_directory, err) != 0)
		return err->code;
	return make_state_directory(config->state_directory, config, &core, err);
}

static void pid_path(const struct bh_config *config, char *out, size_t size)
{
	snprintf(out, size, "%s/bulkhead.pid", config->run_directory);
}

/* The lock that makes this the only daemon with this run directory; held until the process ends. */
static int take_lock(const struct bh_config *config, struct bh_error *err)
{
	char path[BH_CONFIG_TEXT + 16];

	pid_path(config, path, sizeof(path));
	/* Root's alone: whoever can open it can hold the lock. */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600) != 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return bh_error_set(err, -EBUSY,
				    "bulkhead runs already (%s is locked); see: bulkhead status",
				    path);
	}
	return fd;
}

/* Which network namespace this process is in; 0: not to be found out. */
static uint64_t own_netns(void)
{
	struct stat info;

	return stat("/proc/self/ns/net", &info) == 0 ? info.st_ino : 0;
}

/* Process id and namespace: panic must work where the daemon did. */
static void write_pid(int lock)
{
	if (ftruncate(lock, 0) != 0 || dprintf(lock, "%d %" PRIu64 "\n", getpid(), own_netns()) < 0)
		bh_log(BH_LOG_WARNING, "the process id cannot be written: %s", strerror(errno));
}

/* Waits for the daemon's one line; its log says the rest. */
static int await_start(int fd, const char *log)
{
	char line[32] = "";
	ssize_t got = read(fd, line, sizeof(line) - 1);

	if (got > 0 && strncmp(line, "ready", 5) == 0)
		return 0;
	fprintf(stderr, "bulkhead: the daemon did not start; the end of %s:\n", log);
	FILE *file = fopen(log, "re");
	if (file == NULL)
		return 3;
	char text[2048];
	fseek(file, -(long)sizeof(text), SEEK_END);
	size_t length = fread(text, 1, sizeof(text), file);
	fwrite(text, 1, length, stderr);
	fclose(file);
	return 3;
}

/* Forks into the background. Returns the descriptor to report on in the daemon, −1 in the process
 * that started it (with *status set), or a negative errno below −1. */
static int go_background(const struct bh_config *config, int *status)
{
	char log[BH_CONFIG_TEXT + 16];
	int pipe_fds[2];

	snprintf(log, sizeof(log), "%s/bulkhead.log", config->run_directory);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(pipe_fds[1]);
		*status = await_start(pipe_fds[0], log);
		return -1;
	}
	close(pipe_fds[0]);
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int file = bh_log_file_open(config->run_directory);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(file >= 0 ? file : null, STDERR_FILENO);
	return pipe_fds[1];
}

static int start_parent(const struct options *options)
{
	struct bh_config config;
	struct bh_error err = { 0 };
	int status = 0, notify = -1;

	if (geteuid() != 0) {
		fputs("bulkhead: the daemon needs root: sudo bulkhead daemon\n", stderr);
		return 3;
	}
	umask(0022); /* the run directory is for everyone to pass, whoever starts this */
	if (load_config(options->config_file, &config, &err) != 0 ||
	    make_directories(&config, &err) != 0) {
		fprintf(stderr, "bulkhead: %s\n", err.text);
		return err.code == -EINVAL ? 1 : 3;
	}
	int lock = take_lock(&config, &err);
	if (lock < 0) {
		fprintf(stderr, "bulkhead: %s\n", err.text);
		return 3;
	}
	if (!options->foreground) {
		notify = go_background(&config, &status);
		if (notify < 0)
			return notify == -1 ? status : 3;
	}
	write_pid(lock);
	return bh_kernel_main(&config, notify);
}

int bh_daemon_main(int argc, char **argv)
{
	struct options options = { 0 };

	if (!read_options(argc, argv, &options))
		return usage_error();
	if (options.child == NULL)
		return start_parent(&options);
	if (strcmp(options.child, "capture") == 0)
		return bh_capture_main();
	return strcmp(options.child, "core") == 0 ? bh_core_main() : usage_error();
}

/* --- panic ------------------------------------------------------------------------------------ */

/* The process that holds the lock, or 0. */
static pid_t running_daemon(const struct bh_config *config)
{
	char path[BH_CONFIG_TEXT + 16];
	int pid = 0;

	pid_path(config, path, sizeof(path));
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* Nobody holds the lock: the number in the file is a stranger's by now. */
	if (flock(fileno(file), LOCK_EX | LOCK_NB) == 0 || fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

static void end_daemon(const struct bh_config *config)
{
	pid_t pid = running_daemon(config);

	for (int i = 0; pid > 1 && i < 50; i++) {
		/* Two seconds to end in order, then not. */
		kill(pid, i < 20 ? SIGTERM : SIGKILL);
		usleep(100000);
		pid = running_daemon(config);
	}
}

static int restore_bridges(const struct bh_config *config, struct bh_error *err)
{
	static const char *const no_directories[] = { NULL };
	struct bh_links_config settings = { .netns_dirs = no_directories, .proc = "/proc" };
	struct bh_links_events ignore = { 0 };
	struct bh_links *links = bh_links_open(&settings, &ignore, err);

	if (links == NULL)
		return err->code;
	struct bh_bridge_flags *flags = bh_bridge_flags_new(config->run_directory, links);
	int result = bh_bridge_flags_set(flags, NULL, 0, err);
	bh_bridge_flags_free(flags);
	bh_links_close(links);
	return result;
}

static bool any_path_is(const char *pattern, uint64_t inode)
{
	glob_t found = { 0 };
	struct stat info;
	bool is = false;

	glob(pattern, GLOB_NOSORT, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && !is; i++)
		is = stat(found.gl_pathv[i], &info) == 0 && info.st_ino == inode;
	globfree(&found);
	return is;
}

/* A namespace without process and name is gone, and its tables went with it. */
static bool netns_exists(const struct bh_config *config, uint64_t inode)
{
	bool exists = any_path_is("/proc/[0-9]*/ns/net", inode);

	for (uint32_t i = 0; i < config->netns_directories.count && !exists; i++) {
		char pattern[BH_CONFIG_TEXT + 2];

		snprintf(pattern, sizeof(pattern), "%s/*", config->netns_directories.items[i]);
		exists = any_path_is(pattern, inode);
	}
	return exists;
}

/* Interface numbers and tables of another namespace are other ones: nothing is touched from here.
 */
static int check_netns(const struct bh_config *config, struct bh_error *err)
{
	char path[BH_CONFIG_TEXT + 16];
	uint64_t inode = 0;
	int pid;

	pid_path(config, path, sizeof(path));
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	int fields = fscanf(file, "%d %" SCNu64, &pid, &inode);
	fclose(file);
	if (fields != 2 || inode == own_netns() || !netns_exists(config, inode))
		return 0;
	return bh_error_set(
		err, -EXDEV,
		"the daemon ran in another network namespace (net:[%" PRIu64
		"]): run panic there, for example: nsenter --net=/run/netns/NAME bulkhead panic",
		inode);
}

int bh_daemon_panic(struct bh_error *err)
{
	struct bh_config config;
	struct bh_error ignored;

	if (geteuid() != 0)
		return bh_error_set(err, -EPERM, "panic needs root: sudo bulkhead panic");
	/* A broken configuration must not stand in the way out. */
	if (load_config(NULL, &config, &ignored) != 0)
		bh_config_defaults(&config);
	if (check_netns(&config, err) != 0)
		return err->code;
	end_daemon(&config);
	int result = restore_bridges(&config, err);
	int restored = bh_accounting_restore(config.run_directory, err);
	result = result != 0 ? result : restored;
	int removed = bh_nft_remove(err);
	if (removed == 0)
		bh_tables_record_forget(config.run_directory);
	return removed != 0 ? removed : result;
}
