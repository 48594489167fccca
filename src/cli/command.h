/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line as tables: what commands there are, what they take, how they are carried out.
 * Help, man page and completion all come from here. */
#ifndef BH_COMMAND_H
#define BH_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses, the same for every command. */
enum {
	BH_EXIT_DONE = 0,
	BH_EXIT_NO = 1, /* the answer is no: a check failed, a policy is invalid */
	BH_EXIT_USAGE = 2,
	BH_EXIT_UNREACHABLE = 3, /* the daemon or a file cannot be reached */
};

#define BH_MOST_OPTIONS 8
#define BH_MOST_ARGUMENTS 8

struct bh_option {
	const char *name;     /* "limit" for --limit */
	const char *argument; /* "N"; NULL: it takes none */
	const char *help;
};

/* What the user said, sorted out. */
struct bh_call {
	const struct bh_command *command;
	const char *socket;
	const char *format; /* "table" or "json"; of map also "dot" and "mermaid" */
	bool json;
	bool color;
	const char *
		values[BH_MOST_OPTIONS]; /* by the command's options; "" for one without argument */
	const char *arguments[BH_MOST_ARGUMENTS];
	size_t argument_count;
	int argc; /* the raw words, from the command's own on, for commands that read them
		     themselves */
	char **argv;
};

struct bh_command {
	const char *name;      /* "policy propose" */
	const char *arguments; /* "SRC DST PORT[/PROTO]" */
	size_t least, most;    /* how many */
	const char *help;      /* one line */
	const char *details;   /* more lines; NULL: none */
	const char *example;
	struct bh_option options[BH_MOST_OPTIONS];
	bool raw;    /* reads its own words */
	bool hidden; /* not for people */
	int (*run)(const struct bh_call *call);
};

extern const struct bh_command bh_commands[]; /* ends with a NULL name */

/* The value of an option: NULL where it was not given, "" where it takes no argument. */
const char *bh_call_option(const struct bh_call *call, const char *name);

/* help.c */
void bh_help_command(const struct bh_command *command);
int bh_help_run(const struct bh_call *call);
int bh_completion_run(const struct bh_call *call);
void bh_help_overview(void);

/* watch.c: who talks to whom */
int bh_status_run(const struct bh_call *call);
int bh_coverage_run(const struct bh_call *call);
int bh_workloads_run(const struct bh_call *call);
int bh_flows_run(const struct bh_call *call);
int bh_edges_run(const struct bh_call *call);
int bh_map_run(const struct bh_call *call);
int bh_events_run(const struct bh_call *call);

/* govern.c: what is allowed */
int bh_propose_run(const struct bh_call *call);
int bh_show_run(const struct bh_call *call);
int bh_diff_run(const struct bh_call *call);
int bh_check_run(const struct bh_call *call);
int bh_apply_run(const struct bh_call *call);
int bh_rollback_run(const struct bh_call *call);
int bh_history_run(const struct bh_call *call);
int bh_mode_run(const struct bh_call *call);
int bh_explain_run(const struct bh_call *call);

/* replay.c: without a daemon */
int bh_replay_run(const struct bh_call *call);
int bh_read_capture(const struct bh_call *call, const char *path);

/* lab.c, main.c */
int bh_lab_run(const struct bh_call *call);
int bh_daemon_run(const struct bh_call *call);
int bh_panic_run(const struct bh_call *call);

#endif
