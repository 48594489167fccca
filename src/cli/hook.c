/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `bulkhead hook`: holds a container's start until its policy stands. An OCI runtime starts it as a
 * hook, with the container's state on standard input; or it stands before the runtime itself
 * (--wrap), where the engine has no hooks, and holds the runtime's `start`: until then the
 * container's first process waits, and its interfaces are there.
 *
 * Whatever happens – a daemon that is stopped, dies or answers nonsense, a runtime that does not
 * close the pipe – after --timeout the choice of --on-timeout is made: an alarm ends the process
 * with its status from within the signal's handler. What no daemon heard of is left for the next
 * one (hook_notes.h).
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "grow.h"
#include "hook_notes.h"
#include "hook_state.h"
#include "timefmt.h"

#define TIMEOUT_DEFAULT (5 * BH_SECOND)
#define TIMEOUT_LEAST (BH_SECOND / 10)
#define TIMEOUT_MOST (300 * BH_SECOND)
#define ANSWER_MOST 65536 /* bytes */
#define PAUSE_LEAST 2000  /* µs between two questions; it grows … */
#define PAUSE_MOST 50000  /* … up to this */
#define REAPED_MOST (5 * BH_SECOND)

struct hook {
	const struct bh_call *call;
	int64_t timeout; /* µs */
	int64_t until;	 /* monotonic */
	bool refuse;	 /* on timeout */
	struct bh_hook_state state;
	uint64_t netns; /* inode */
	bool heard;	/* the daemon's last answer was to wait: it knows of this hook */
	char said[256]; /* … and why */
	char why[512];	/* it is not done yet */
};

/* --- the limit -------------------------------------------------------------------------------- */

/* For the handler, which may touch nothing else. */
static volatile sig_atomic_t status_on_alarm;
static char words_on_alarm[160];
static volatile sig_atomic_t words_length;

static struct bh_hook_notes notes;
static volatile sig_atomic_t has_notes;
static struct bh_msg_given_up note; /* as far as it is known */

static void leave_note(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	note.time = now.tv_sec * BH_SECOND + now.tv_nsec / 1000;
	if (has_notes)
		bh_hook_notes_write(&notes, &note);
	has_notes = false; /* an alarm may follow, and it is one and the same */
}

static void on_alarm(int number)
{
	(void)number;
	leave_note();
	if (write(STDERR_FILENO, words_on_alarm, (size_t)words_length) < 0)
		_exit(status_on_alarm);
	_exit(status_on_alarm);
}

static const char *choice(const struct hook *h)
{
	return h->refuse ? "the container is refused (--on-timeout refuse)"
			 : "the container starts all the same (--on-timeout allow)";
}

static int choice_status(const struct hook *h)
{
	return h->refuse ? BH_EXIT_NO : BH_EXIT_DONE;
}

/* Later than the orderly end, which can say more. */
static void set_alarm(const struct hook *h)
{
	int64_t left = h->timeout + BH_SECOND / 10;
	struct itimerval timer = { .it_value = { left / BH_SECOND, left % BH_SECOND } };
	struct sigaction action = { .sa_handler = on_alarm };
	sigset_t alarms;

	has_notes = bh_hook_notes_name(h->call->socket, &notes);
	note.held = left;
	note.refused = h->refuse;
	bh_copy_text(note.why, sizeof(note.why), "no answer in time");
	status_on_alarm = choice_status(h);
	words_length = snprintf(words_on_alarm, sizeof(words_on_alarm),
				"bulkhead: hook: no answer in time; %s\n", choice(h));
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarms, NULL); /* a runtime's mask is inherited */
	setitimer(ITIMER_REAL, &timer, NULL);
}

static int64_t left(const struct hook *h)
{
	return h->until - bh_time_monotonic();
}

/* Bulkhead did not do its part. */
static int give_up(const struct hook *h)
{
	if (!h->heard) {
		note.held = h->timeout - left(h);
		bh_copy_text(note.why, sizeof(note.why), h->why);
		leave_note();
	}
	return bh_complain(choice_status(h), "hook: container %.12s: %s; %s",
			   h->state.id[0] != '\0' ? h->state.id : "?", h->why, choice(h));
}

/* --- asking the daemon ------------------------------------------------------------------------ */

static size_t collect(char *data, size_t size, size_t count, void *user)
{
	struct bh_buffer *out = user;

	if (out->length + size * count > ANSWER_MOST)
		return 0; /* whoever says so much is not the daemon */
	bh_buffer_append(out, data, size * count);
	return size * count;
}

static CURL *prepare(const struct hook *h, const char *url, struct bh_buffer *answer)
{
	CURL *curl = curl_easy_init();
	int64_t most = left(h) / 1000;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, h->call->socket);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "POST");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, most > 0 ? (long)most : 1L);
	/* Many containers may start at once, and the daemon has room for so many connections. */
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	return curl;
}

enum outcome {
	STANDS,	 /* or there is nothing that could */
	WAITS,	 /* it may yet come to stand */
	REFUSED, /* the daemon will never say so */
};

static enum outcome judge(struct hook *h, long status, const struct bh_buffer *answer)
{
	cJSON *json = answer->data != NULL ? bh_answer_parse(answer->data) : NULL;
	const char *state = bh_text(json, "state"), *why = bh_text(json, "why");
	const char *what = bh_text(bh_get(json, "error"), "what");
	enum outcome outcome = WAITS;

	if (status == 200 && state != NULL &&
	    (strcmp(state, "standing") == 0 || strcmp(state, "none") == 0))
		outcome = STANDS;
	else if (status == 200 && state != NULL && strcmp(state, "waiting") == 0) {
		bh_copy_text(h->said, sizeof(h->said), why != NULL ? why : "it waits");
		bh_copy_text(h->why, sizeof(h->why), h->said);
		h->heard = true;
	} else if (status >= 400 && status < 500 && what != NULL) {
		snprintf(h->why, sizeof(h->why), "%.400s", what);
		outcome = REFUSED;
	} else {
		snprintf(h->why, sizeof(h->why), "what answers at %.200s is not the daemon",
			 h->call->socket);
	}
	cJSON_Delete(json);
	return outcome;
}

/* The last question may be cut short by the limit: what was said before it is the better reason. */
static void tell_silence(struct hook *h, const char *reason)
{
	snprintf(h->why, sizeof(h->why), "the daemon does not answer at %.120s (%.80s)%s%s",
		 h->call->socket, reason, h->said[0] != '\0' ? "; before, it said: " : "", h->said);
}

static enum outcome ask(struct hook *h)
{
	struct bh_buffer answer = { 0 }, url = { 0 };
	char *id = curl_easy_escape(NULL, h->state.id, 0);
	long status = 0, error = 0;
	enum outcome outcome = WAITS;

	h->heard = false;
	bh_buffer_printf(&url, "http://bulkhead/v1/hook?id=%s&pid=%d&netns=%llu",
			 id != NULL ? id : "", h->state.pid, (unsigned long long)h->netns);
	CURL *curl = prepare(h, url.data, &answer);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	bh_buffer_append(&answer, "", 0);
	if (code == CURLE_OK)
		outcome = judge(h, status, &answer);
	else
		tell_silence(h, error != 0 ? strerror((int)error) : curl_easy_strerror(code));
	curl_easy_cleanup(curl);
	curl_free(id);
	bh_buffer_free(&url);
	bh_buffer_free(&answer);
	return outcome;
}

static void pause_for(int64_t duration)
{
	struct timespec time = { duration / BH_SECOND, duration % BH_SECOND * 1000 };

	nanosleep(&time, NULL);
}

static int wait_for_policy(struct hook *h)
{
	enum outcome outcome = WAITS;

	for (int64_t pause = PAUSE_LEAST; left(h) > 0; pause += pause / 2) {
		outcome = ask(h);
		if (outcome == STANDS)
			return BH_EXIT_DONE;
		if (outcome == REFUSED)
			break;
		pause = pause < PAUSE_MOST ? pause : PAUSE_MOST;
		pause_for(left(h) > pause ? pause : left(h));
	}
	return give_up(h);
}

/* --- the container ---------------------------------------------------------------------------- */

static bool read_all(int fd, struct bh_buffer *out)
{
	char chunk[4096];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0 && out->length < BH_HOOK_STATE_MOST)
		bh_buffer_append(out, chunk, (size_t)got);
	return got == 0;
}

static bool read_state(struct hook *h, int fd)
{
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };

	bool read = read_all(fd, &text);
	if (!read)
		snprintf(h->why, sizeof(h->why), "its state cannot be read, or is too long");
	else if (bh_hook_state_read(text.data != NULL ? text.data : "", text.length, &h->state,
				    &err) != 0)
		snprintf(h->why, sizeof(h->why), "%.500s", err.text);
	bh_buffer_free(&text);
	bh_copy_text(note.container_id, sizeof(note.container_id), h->state.id);
	return read && err.code == 0;
}

static bool find_netns(struct hook *h)
{
	char path[64];
	struct stat info;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", h->state.pid);
	if (stat(path, &info) != 0) {
		snprintf(h->why, sizeof(h->why), "%s: %s", path, strerror(errno));
		return false;
	}
	h->netns = info.st_ino;
	return true;
}

static int hold(struct hook *h, int state_fd)
{
	if (!read_state(h, state_fd) || !find_netns(h))
		return give_up(h);
	return wait_for_policy(h);
}

/* --- before a runtime ------------------------------------------------------------------------- */

/* Another command for the container that is to be started: the runtime, its global options, the
 * word, the id that is its start's last word, and what follows (NULL: nothing). */
static char **words_for(const char *runtime, int argc, char **argv, size_t command,
			const char *word, const char *last)
{
	char **words = bh_calloc(command + 5, sizeof(*words));

	words[0] = (char *)(uintptr_t)runtime;
	memcpy(words + 1, argv, command * sizeof(*words));
	words[command + 1] = (char *)(uintptr_t)word;
	words[command + 2] = argv[argc - 1];
	words[command + 3] = (char *)(uintptr_t)last;
	return words;
}

/* Starts the runtime's own `state` for the container; its output, or −1. */
static int ask_runtime(const char *runtime, int argc, char **argv, size_t command)
{
	char **words = words_for(runtime, argc, argv, command, "state", NULL);
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0) {
		free(words);
		return -1;
	}
	pid_t child = fork();
	if (child == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execvp(runtime, words);
		_exit(127);
	}
	close(fds[1]);
	free(words);
	if (child < 0) {
		close(fds[0]);
		return -1;
	}
	return fds[0];
}

/* In a process of its own, which an alarm may end. */
static int hold_start(struct hook *h, const char *runtime, int argc, char **argv, size_t command)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		set_alarm(h);
		int fd = ask_runtime(runtime, argc, argv, command);
		_exit(fd >= 0 ? hold(h, fd) : choice_status(h));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return choice_status(h);
	return WEXITSTATUS(status);
}

/* Its parent, the engine's shim, has seen that it ended. */
static void await_reaped(pid_t pid)
{
	int64_t until = bh_time_monotonic() + REAPED_MOST;

	while (kill(pid, 0) == 0 && bh_time_monotonic() < until)
		pause_for(PAUSE_LEAST);
}

/* The process that waits to be started: the engine takes a start that fails for one whose process
 * has ended, and would leave it waiting for ever. And where its shim has not seen the end by then,
 * the engine cannot delete the task ("must be stopped before deletion"), and leaves the shim. */
static void end_container(struct hook *h, const char *runtime, int argc, char **argv,
			  size_t command)
{
	BH_AUTO_CLOSE int state = ask_runtime(runtime, argc, argv, command);
	bool known = state >= 0 && read_state(h, state);
	char **words = words_for(runtime, argc, argv, command, "kill", "KILL");
	pid_t child = fork();

	if (child == 0) {
		execvp(runtime, words);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	if (known)
		await_reaped(h->state.pid);
	free(words);
}

static bool starts_at_once(const char *word)
{
	return strcmp(word, "run") == 0 || strcmp(word, "restore") == 0;
}

static int wrap(struct hook *h, const char *runtime)
{
	int argc = h->call->argc;
	char **argv = h->call->argv;
	size_t command = bh_hook_command((size_t)argc, argv);
	bool starts = command + 1 < (size_t)argc && strcmp(argv[command], "start") == 0;

	if (command < (size_t)argc && starts_at_once(argv[command]))
		bh_complain(0, "hook: `%s` creates and starts at once: it is not held",
			    argv[command]);
	if (starts && hold_start(h, runtime, argc, argv, command) != BH_EXIT_DONE) {
		end_container(h, runtime, argc, argv, command);
		return BH_EXIT_NO;
	}
	char **words = bh_calloc((size_t)argc + 2, sizeof(*words));
	words[0] = (char *)(uintptr_t)runtime;
	memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
	execvp(runtime, words);
	free(words);
	return bh_complain(127, "hook: %s: %s", runtime, strerror(errno));
}

int bh_hook_run(const struct bh_call *call)
{
	const char *timeout = bh_call_option(call, "timeout"),
		   *on_timeout = bh_call_option(call, "on-timeout"),
		   *runtime = bh_call_option(call, "wrap");
	struct hook h = { .call = call, .timeout = TIMEOUT_DEFAULT };

	if (timeout != NULL && (!bh_duration_parse(timeout, &h.timeout) ||
				h.timeout < TIMEOUT_LEAST || h.timeout > TIMEOUT_MOST))
		return bh_complain(BH_EXIT_USAGE,
				   "--timeout: found \"%s\", expected a duration from 1s to 5m",
				   timeout);
	if ((runtime == NULL) != (call->argc == 0))
		return bh_complain(BH_EXIT_USAGE,
				   "usage: bulkhead hook --wrap RUNTIME -- WORDS, or none of them");
	h.refuse = on_timeout != NULL && strcmp(on_timeout, "refuse") == 0;
	h.until = bh_time_monotonic() + h.timeout;
	snprintf(h.why, sizeof(h.why), "there was no time to ask");
	if (runtime != NULL)
		return wrap(&h, runtime);
	set_alarm(&h);
	return hold(&h, STDIN_FILENO);
}
