/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line as tables: what commands there are, what they take, how they are carried out.
 * Checking, help, man page and completion all come from here. */
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
#define BH_MOST_ARGUMENTS 64

/* argument, and a command's arguments: see words.h. */
struct bh_option {
	const char *name;     /* "limit" for --limit */
	const char *argument; /* "N"; NULL: it takes none */
	const char *help;
};

/* What the user said, sorted out. */
struct bh_call {
	const struct bh_command *command;
	const char *socket;
	const char *format; /* one of the command's formats */
	bool json;
	bool color;
	const char *
		values[BH_MOST_OPTIONS]; /* by the command's options; "" for one without argument */
	const char *arguments[BH_MOST_ARGUMENTS];
	size_t argument_count;
	int argc; /* the raw words, from the command's own on, for commands that read them
		     themselves; those behind "--" for one that hands them on */
	char **argv;
};

struct bh_command {
	const char *name;      /* "policy propose" */
	const char *arguments; /* "SRC DST PORT[/PROTO]" */
	size_t least, most;    /* how many */
	const char *formats;   /* of --format; NULL: "table|json"; "": it takes no --format */
	const char *help;      /* one line */
	const char *details;   /* more lines; NULL: none */
	const char *example;
	struct bh_option options[BH_MOST_OPTIONS];
	bool raw;      /* reads its own words */
	bool hands_on; /* what follows "--" is another program's, and in argc and argv */
	int (*run)(const struct bh_call *call);
};

extern const struct bh_command bh_commands[];	   /* ends with a NULL name */
extern const struct bh_option bh_global_options[]; /* go with every command; likewise */

const char *bh_command_formats(const struct bh_command *command);
/* Whether one of the global options means something to it. */
bool bh_command_takes(const struct bh_command *command, const struct bh_option *global);

/* parse.c: the command whose name the words begin with, one word or two (*used: how many); NULL. */
const struct bh_command *bh_command_find(int argc, char *const *argv, int *used);
bool bh_command_is_group(const char *word); /* "policy": commands begin with it */
/* Complains that the words begin with no command's name, and says which is near; the exit status.
 */
int bh_command_unknown(int argc, char *const *argv);

/* argv without the program's name. 0 and *call filled, or it was complained about and the
 * exit status is returned. call->socket, format and color hold the defaults. */
int bh_call_parse(struct bh_call *call, int argc, char **argv);

/* The value of an option: NULL where it was not given, "" where it takes no argument. */
const char *bh_call_option(const struct bh_call *call, const char *name);

/* help.c */
void bh_help_overview(void);
int bh_help_about(int argc, char *const *argv); /* the command or group that the words name */
int bh_help_run(const struct bh_call *call);
int bh_help_json(const struct bh_call *call); /* help_json.c */

/* manual.c, completion.c */
void bh_manual_print(void);
int bh_completion_run(const struct bh_call *call);

/* status.c: what state things are in, who is there, or was */
int bh_status_run(const struct bh_call *call);
int bh_coverage_run(const struct bh_call *call);
int bh_workloads_run(const struct bh_call *call);
int bh_who_run(const struct bh_call *call);

/* doctor.c, trace.c: what is wrong, and who may be to blame */
int bh_doctor_run(const struct bh_call *call);
int bh_trace_run(const struct bh_call *call); /* doctor --trace */

/* traffic.c, map.c: who talks to whom, and what happened */
int bh_flows_run(const struct bh_call *call);
int bh_edges_run(const struct bh_call *call);
int bh_events_run(const struct bh_call *call);
int bh_map_run(const struct bh_call *call);

/* ui.c, access.c: the web interface, and who may call from elsewhere */
int bh_ui_run(const struct bh_call *call);
int bh_token_add_run(const struct bh_call *call);
int bh_token_list_run(const struct bh_call *call);
int bh_token_remove_run(const struct bh_call *call);
int bh_changes_run(const struct bh_call *call);

/* top.c: live */
int bh_top_run(const struct bh_call *call);

/* govern.c: what is allowed */
int bh_propose_run(const struct bh_call *call);
int bh_show_run(const struct bh_call *call);
int bh_diff_run(const struct bh_call *call);
int bh_check_run(const struct bh_call *call);
int bh_probes_run(const struct bh_call *call); /* check_probes.c */
int bh_import_run(const struct bh_call *call); /* kubernetes.c */
int bh_export_run(const struct bh_call *call); /* likewise */
int bh_apply_run(const struct bh_call *call);
int bh_confirm_run(const struct bh_call *call);
int bh_rollback_run(const struct bh_call *call);
int bh_history_run(const struct bh_call *call);
int bh_unused_run(const struct bh_call *call); /* unused.c */
int bh_mode_run(const struct bh_call *call);
int bh_explain_run(const struct bh_call *call);

/* read.c, replay.c: without a daemon, a capture file's flows (filter: NULL: all of them), and
 * recorded flows against a policy */
struct bh_flow_filter;
int bh_read_run(const struct bh_call *call, const char *path, const struct bh_flow_filter *filter);
int bh_replay_run(const struct bh_call *call);

/* learn.c: the same learning over recorded flows */
int bh_learn_run(const struct bh_call *call);
/* … or what the daemon says of its own */
int bh_readiness_run(const struct bh_call *call);

/* review.c: edges that wait for a person */
int bh_review_run(const struct bh_call *call);

/* lab.c: the shop to try it on */
int bh_lab_run(const struct bh_call *call);

/* hook.c: a container's start is held */
int bh_hook_run(const struct bh_call *call);

/* host.c: the daemon, and the way out without one */
int bh_daemon_run(const struct bh_call *call);
int bh_panic_run(const struct bh_call *call);

#endif
