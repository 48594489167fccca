/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#define FOLLOW                                                                                     \
	{                                                                                          \
		"follow", NULL, "go on, line by line, as things happen"                            \
	}
/* Prints nothing, or what only a shell, a person or a log reads. */
#define NO_FORMAT ""
/* Prints rows that a spreadsheet can take, too. */
#define ROWS "table|json|csv"
#define WHY                                                                                        \
	{                                                                                          \
		"why", "TEXT", "kept in the history"                                               \
	}

#define ANYWAY                                                                                     \
	{                                                                                          \
		"anyway", NULL, "though it cuts off what has to go on; that is an event"           \
	}

#define DRY_RUN                                                                                    \
	{                                                                                          \
		"dry-run", NULL,                                                                   \
			"change nothing: say what would end and be cut off; status 1 where it "    \
			"would be refused"                                                         \
	}

#define EXISTING                                                                                   \
	{                                                                                          \
		"existing", "HOW", "open connections that it denies: cut, keep or drain=TIME"      \
	}

/* Of those that learn from recorded flows. */
#define RECORDED                                                                                   \
	{ "flows", "JSONL", "as flows --format json prints them; - is standard input" },           \
		{ "window", "TIME", "length of a window (default 1d)" },                           \
		{ "offset", "TIME", "when windows begin, after midnight UTC" },                    \
		{ "until", "TIME", "what comes later is left out" },                               \
	{                                                                                          \
		"filters-off", "FILTERS", "go without these, such as F7,F4"                        \
	}

const struct bh_command bh_commands[] = {
	{ .name = "daemon",
	  .arguments = "",
	  .formats = NO_FORMAT,
	  .raw = true,
	  .run = bh_daemon_run,
	  .help = "watch this host's containers (needs root)",
	  .details = "Returns once it answers, and goes on in the background.",
	  .example = "sudo bulkhead daemon --config /etc/bulkhead/bulkhead.yaml",
	  .options = { { "config", "FILE", "default /etc/bulkhead/bulkhead.yaml, if there is one" },
		       { "foreground", NULL,
			 "stay in the foreground and log to standard error" } } },
	{ .name = "status",
	  .arguments = "",
	  .run = bh_status_run,
	  .help = "what state things are in, and what bulkhead does not know",
	  .example = "bulkhead status --format json" },
	{ .name = "coverage",
	  .arguments = "",
	  .run = bh_coverage_run,
	  .help = "each container: seen, enforceable, or neither, and why",
	  .example = "bulkhead coverage" },
	{ .name = "doctor",
	  .arguments = "[SRC DST [PORT[/PROTO]]]",
	  .most = 3,
	  .run = bh_doctor_run,
	  .help = "what does not work, leaks, does not arrive, or was lost, and whose chains may "
		  "be to blame",
	  .details =
		  "Status 1 where there is any of the first four. Chains of others are shown as "
		  "they are\n"
		  "now; those that can stop a packet between containers are the suspects.\n\n"
		  "With --trace it watches what nftables does to packets from SRC to DST, and to "
		  "their\n"
		  "answers, and says which rule of whose table dropped them. SRC and DST are "
		  "workloads or\n"
		  "addresses; without them it is whatever passes, 50 packets a second at most. "
		  "Status 1\n"
		  "where something was dropped, or nothing was seen.",
	  .example = "sudo bulkhead doctor --trace --for 20s compose:shop/web compose:shop/db 5432",
	  .options = { { "trace", NULL, "watch packets, and say who drops them" },
		       { "for", "TIME", "how long --trace watches (default 10s, at most 10m)" } } },
	{ .name = "workloads",
	  .arguments = "",
	  .run = bh_workloads_run,
	  .help = "who is there, and how instances group",
	  .details = "Instances that went within identity.keep_departed are shown, too: gone.",
	  .example = "bulkhead workloads" },
	{ .name = "who",
	  .arguments = "ADDRESS",
	  .least = 1,
	  .most = 1,
	  .run = bh_who_run,
	  .help = "who holds an address, and held it, from when to when",
	  .details = "With --at, who did at that time. Status 1 where nobody is known to have.",
	  .example = "bulkhead who 172.18.0.3 --at 2026-11-24T12:30:00Z",
	  .options = { { "at", "TIME", "RFC 3339, or seconds since the epoch" } } },
	{ .name = "flows",
	  .arguments = "[FILTER]",
	  .most = BH_MOST_ARGUMENTS,
	  .formats = ROWS,
	  .run = bh_flows_run,
	  .help = "connections between workloads, or those of a capture file",
	  .details =
		  "FILTER, as many words as it takes: src and dst before a workload, an address, a "
		  "network or port N;\nproto, state, verdict, direction, dns, sni, tunnel, "
		  "replica; "
		  "bytes, packets and duration with > and\nits like; denied, lossy, icmp_error, "
		  "masked; and, or, not, parentheses. See bulkhead-filter(7).\n\n"
		  "Without a time: what the daemon remembers. With --since or --until all whose "
		  "last packet came\nthen, also those that are long over, as far as they are "
		  "recorded (history.flows); TIME is how\nlong ago (15m, 7d), RFC 3339, or "
		  "seconds since the epoch.\n\n"
		  "With --read no daemon is needed: pcap and pcapng; Ethernet, VLAN, raw IP, SLL, "
		  "SLL2.",
	  .example = "bulkhead flows 'src compose:shop/* and port 5432 and not delivered'",
	  .options = { FOLLOW,
		       { "read", "PCAP", "read a capture file instead" },
		       { "workload", "W", "only those with this workload at one end" },
		       { "verdict", "delivered|undelivered|denied|unknown",
			 "only those that fared so" },
		       { "since", "TIME", "those of that time, recorded ones, too" },
		       { "until", "TIME", "likewise, up to then" },
		       { "limit", "N", "the newest N (default 1000, with a time all)" } } },
	{ .name = "top",
	  .arguments = "[FILTER]",
	  .most = BH_MOST_ARGUMENTS,
	  .run = bh_top_run,
	  .help = "live edges and workloads: connections, bytes and denials a second",
	  .details =
		  "Keys: Tab another view, up and down choose, Enter into (a workload's edges, an "
		  "edge's flows),\nEsc back, < > sort, r the other way round, D denied first, / "
		  "filter, space freeze, ? help, q quit.\nFILTER as flows takes it. With --batch "
		  "no "
		  "terminal is needed: frames as text, or a JSON object each.",
	  .example = "bulkhead top workload 'compose:shop/*'",
	  .options = { { "interval", "TIME", "between two frames (default 2s)" },
		       { "batch", "N", "print so many frames, and end" },
		       { "view", "edges|workloads|denials", "what is shown first" },
		       { "sort", "COLUMN", "by which column, as JSON calls it" } } },
	{ .name = "edges",
	  .arguments = "[WORKLOAD]",
	  .most = 1,
	  .formats = ROWS,
	  .run = bh_edges_run,
	  .help = "what was learned, with its evidence",
	  .example = "bulkhead edges compose:shop/web" },
	{ .name = "ui",
	  .arguments = "",
	  .run = bh_ui_run,
	  .help = "the web interface, in a browser on this machine",
	  .details = "Prints an address that a browser opens, with a token in it that may do what "
		     "the caller may,\n"
		     "and is good for twelve hours. The address works for as long as this runs.",
	  .example = "bulkhead ui",
	  .options = { { "port", "N", "of 127.0.0.1 (default 7480, or any that is free)" } } },
	{ .name = "token add",
	  .arguments = "NAME",
	  .least = 1,
	  .most = 1,
	  .run = bh_token_add_run,
	  .help = "let somebody call from elsewhere: a browser, Prometheus, a script",
	  .details = "Prints the token, this once. Where it is shown to: web.listen in the "
		     "configuration.",
	  .example = "sudo bulkhead token add prometheus > /etc/prometheus/bulkhead.token",
	  .options = { { "role", "viewer|operator", "what it may do (default viewer)" },
		       { "expires", "TIME", "such as 30d (default never)" } } },
	{ .name = "token list",
	  .arguments = "",
	  .run = bh_token_list_run,
	  .help = "who may call from elsewhere",
	  .example = "sudo bulkhead token list" },
	{ .name = "token remove",
	  .arguments = "NAME",
	  .least = 1,
	  .most = 1,
	  .run = bh_token_remove_run,
	  .help = "a token is not valid any more",
	  .example = "sudo bulkhead token remove prometheus" },
	{ .name = "changes",
	  .arguments = "",
	  .run = bh_changes_run,
	  .help = "who changed what, or tried to: the audit log",
	  .example = "bulkhead changes --limit 20",
	  .options = { { "limit", "N", "the newest N (default 100)" } } },
	{ .name = "map",
	  .arguments = "",
	  .run = bh_map_run,
	  .help = "who talks to whom",
	  .formats = "table|json|dot|mermaid|graphml|csv|svg",
	  .details =
		  "By project or namespace, the heaviest first; what is denied is marked. svg is "
		  "a picture that\nneeds no other program; dot, mermaid and graphml are for those "
		  "that lay it out; csv has a row\nan edge.",
	  .example = "bulkhead map --format svg > map.svg" },
	{ .name = "learn",
	  .arguments = "",
	  .run = bh_learn_run,
	  .help = "what recorded flows teach, edge by edge, without a daemon",
	  .details = "The daemon's own learning, in the flows' own time: to try another window, or "
		     "other filters,\non last month's record.",
	  .example = "bulkhead learn --flows flows.jsonl --until 2026-11-24 --out "
		     "policy.yaml",
	  .options = { RECORDED,
		       { "out", "FILE", "write the policy that would be proposed, too" },
		       { "policy", "FILE", "the same as --out" } } },
	{ .name = "readiness",
	  .arguments = "[WORKLOAD]",
	  .most = 1,
	  .run = bh_readiness_run,
	  .help = "what has been seen, what has not, and when to promote",
	  .details = "What was seen once tells of what was not seen yet. RISK: probability of a "
		     "new edge in\nthe next window. With --flows no daemon is needed.",
	  .example = "bulkhead readiness compose:shop/web --for 0.98",
	  .options = { RECORDED,
		       { "for", "TIME|PROBABILITY",
			 "how probable a quiet window is by then, or how long that takes" } } },
	{ .name = "review",
	  .arguments = "[accept|reject] [EDGE]",
	  .most = BH_MOST_ARGUMENTS,
	  .run = bh_review_run,
	  .help = "edges that wait for a person: accept or reject them",
	  .details =
		  "EDGE is an edge's ID, several of them, or all: those that wait, but for what "
		  "was "
		  "denied.\nTo reject there is denied, too: all of that. What is decided goes into "
		  "the next proposal;\nthe active policy stays as it is.",
	  .example = "sudo bulkhead review accept 84b9e493c82f --why \"payment provider\"",
	  .options = { { "workload", "W", "only those of this workload" },
		       { "all", NULL, "every edge that was learned, not only those that wait" },
		       { "expires", "DAYS", "the decision holds for so long" },
		       WHY } },
	{ .name = "policy propose",
	  .arguments = "",
	  .run = bh_propose_run,
	  .help = "the policy that would allow what was learned",
	  .details = "With its evidence as comments; --format json has none: see bulkhead edges.",
	  .example = "bulkhead policy propose > policy.yaml" },
	{ .name = "policy show",
	  .arguments = "[NUMBER]",
	  .most = 1,
	  .run = bh_show_run,
	  .help = "the active policy, its rules numbered and when each was last used, or the one "
		  "of "
		  "that number",
	  .example = "bulkhead policy show --nft",
	  .options = { { "nft", NULL, "the rules in force, in nft's language" } } },
	{ .name = "policy diff",
	  .arguments = "[FILE]",
	  .most = 1,
	  .run = bh_diff_run,
	  .help = "what a file, or the proposal, would change",
	  .details = "Also: which open connections it would end, and what it would refuse of the "
		     "connections that\nwere met lately and are allowed now; and what the guard "
		     "would refuse it for.",
	  .example = "bulkhead policy diff policy.yaml --since 30d",
	  .options = { EXISTING, { "since", "TIME", "of what was met (default 7d)" } } },
	{ .name = "policy check",
	  .arguments = "[FILE]",
	  .most = 1,
	  .run = bh_check_run,
	  .help = "what a policy would refuse of what was seen; status 1 where anything",
	  .formats = "table|json|junit|sarif",
	  .details =
		  "With --policy and --flows no daemon is needed, and --format junit or sarif is "
		  "for the programs\nthat run checks. With --endpoints and --probes each probe is "
		  "answered; there the policy may be\nKubernetes' NetworkPolicy objects, too. "
		  "Status 1 where one has an \"expect\" that is not met.",
	  .example = "bulkhead policy check --policy policy.yaml --flows flows.jsonl",
	  .options = { { "policy", "FILE", "the policy, offline" },
		       { "flows", "JSONL", "recorded flows, offline" },
		       { "endpoints", "JSON", "who there is, offline" },
		       { "probes", "JSON", "what is asked about them" } } },
	{ .name = "policy import",
	  .arguments = "FILE",
	  .least = 1,
	  .most = BH_MOST_ARGUMENTS,
	  .run = bh_import_run,
	  .help = "a policy from Kubernetes' NetworkPolicy objects",
	  .details = "YAML or JSON, any number of files and of documents in each. It is printed, "
		     "and not applied.",
	  .example = "bulkhead policy import --kubernetes policies.yaml > policy.yaml",
	  .options = { { "kubernetes", NULL, "the files are manifests" } } },
	{ .name = "policy export",
	  .arguments = "[FILE]",
	  .most = 1,
	  .run = bh_export_run,
	  .help = "a policy as Kubernetes' NetworkPolicy objects",
	  .details =
		  "The active policy, or the file's: YAML, or a List with --format json. What "
		  "Kubernetes cannot say is\ntold rule by rule, and nothing is written then, with "
		  "status 1, unless with --partly.",
	  .example = "bulkhead policy export --kubernetes policy.yaml > objects.yaml",
	  .options = { { "kubernetes", NULL, "as NetworkPolicy objects" },
		       { "partly", NULL,
			 "what can be said, which allows less than the policy, never more" } } },
	{ .name = "policy apply",
	  .arguments = "FILE",
	  .least = 1,
	  .most = 1,
	  .run = bh_apply_run,
	  .help = "make a file the active policy",
	  .details =
		  "With --confirm-within it is on trial: unless bulkhead policy confirm comes in "
		  "time, the last\nrevision that was confirmed returns by itself, even where "
		  "bulkhead was killed in between.\nOpen connections that it denies and the one "
		  "before did not are ended: cut at once, after a\nTIME (drain), or never (keep).\n"
		  "It is refused where your own connection, workloads' name servers, this host's "
		  "recurring connections\nto containers or published ports work now and would not, "
		  "unless with --anyway.",
	  .example = "sudo bulkhead policy apply policy.yaml --confirm-within 5m --why \"first "
		     "version\"",
	  .options = { WHY,
		       EXISTING,
		       { "confirm-within", "TIME", "on trial for so long, such as 5m" },
		       { "max-denials", "N",
			 "ends the trial when more is refused that was allowed (default 10)" },
		       ANYWAY,
		       DRY_RUN } },
	{ .name = "policy confirm",
	  .arguments = "",
	  .run = bh_confirm_run,
	  .help = "keep the revision that is on trial",
	  .example = "sudo bulkhead policy confirm",
	  .options = { WHY } },
	{ .name = "policy rollback",
	  .arguments = "[NUMBER]",
	  .most = 1,
	  .run = bh_rollback_run,
	  .help = "go back to the revision before, or to a number",
	  .example = "sudo bulkhead policy rollback --why \"broke the shop\"",
	  .options = { WHY, EXISTING, ANYWAY, DRY_RUN } },
	{ .name = "policy history",
	  .arguments = "",
	  .run = bh_history_run,
	  .help = "every revision, who applied it, and why",
	  .example = "bulkhead policy history" },
	{ .name = "policy unused",
	  .arguments = "",
	  .run = bh_unused_run,
	  .help = "rules that nobody used, and those of which nobody can say; status 1 where any "
		  "was "
		  "not",
	  .details = "Used: a connection that was seen, or that the kernel counted, was decided by "
		     "the rule. Those\nof which no source was there are told apart, and do not "
		     "count.",
	  .example = "bulkhead policy unused --since 30d",
	  .options = { { "since", "TIME",
			 "a day, RFC 3339, or how long ago; else since it is "
			 "watched" } } },
	{ .name = "mode",
	  .arguments = "WORKLOAD|all learn|audit|stage1|enforce",
	  .least = 2,
	  .most = 2,
	  .run = bh_mode_run,
	  .help = "how a workload is treated",
	  .details =
		  "learn: nothing is blocked or reported.  audit: what the policy denies is "
		  "reported, and\n"
		  "passes.\n"
		  "stage1: of that, what goes to a sensitive port and what comes from or goes to "
		  "the outside\n"
		  "is refused; the rest is as in audit.  enforce: all of it is refused.\n"
		  "Where the policy was proposed, bulkhead readiness says what is missing until "
		  "then; a policy\n"
		  "that a person wrote needs no evidence. Nor is anything refused that has to go "
		  "on: "
		  "your own\nconnection, name servers, this host's recurring connections, "
		  "published "
		  "ports.\n"
		  "With --replicas or --share (stage1, enforce) that many of its instances are in "
		  "the mode, and\nthe others stay in the milder one before; without, all of them.",
	  .example = "sudo bulkhead mode compose:shop/db enforce --replicas 1",
	  .options = { { "replicas", "N", "of so many of its instances alone" },
		       { "share", "PERCENT", "of such a share of them, such as 25%" },
		       { "anyway", NULL,
			 "though evidence is missing, or it cuts off what has to go on; that is an "
			 "event" },
		       WHY,
		       EXISTING,
		       { "dry-run", NULL,
			 "change nothing: say who is chosen, and what would end and be cut off; "
			 "status 1 where it would be refused" } } },
	{ .name = "explain",
	  .arguments = "[SRC DST PORT[/PROTO]]",
	  .most = 3,
	  .run = bh_explain_run,
	  .help = "whether the policy allows it, and by which rule; or where a rule comes from",
	  .details =
		  "SRC and DST are a workload, host, world, or an address; DST may be dns:NAME, "
		  "too.\nWith --rule: the edges behind a rule of the active policy, their "
		  "evidence, and "
		  "flows of theirs.\nIts number is what answers say, and policy show behind each "
		  "rule.",
	  .example = "bulkhead explain compose:shop/web compose:shop/db 5432",
	  .options = { { "rule", "NUMBER", "of the active policy" } } },
	{ .name = "events",
	  .arguments = "",
	  .formats = ROWS,
	  .run = bh_events_run,
	  .help = "denials, leaks, what does not arrive, spoofs, loss, changes",
	  .example = "bulkhead events --follow",
	  .options = { FOLLOW, { "limit", "N", "the newest N (default 100)" } } },
	{ .name = "lab",
	  .arguments = "up|down|attack|report",
	  .least = 1,
	  .most = 1,
	  .run = bh_lab_run,
	  .help = "a small shop in network namespaces, to try it all on (needs root)",
	  .details = "up builds it, down leaves no trace; attack does what an intruder would and "
		     "prints what\n"
		     "got through; report tells how the shop itself fares.",
	  .example = "sudo bulkhead lab up" },
	{ .name = "hook",
	  .arguments = "",
	  .formats = NO_FORMAT,
	  .hands_on = true,
	  .run = bh_hook_run,
	  .help = "hold a container's start until its policy stands (for OCI runtimes, as root)",
	  .details = "As a runtime's hook: the container's state comes on standard input. With "
		     "--wrap: bulkhead hook\n"
		     "--wrap RUNTIME -- WORDS does what RUNTIME WORDS does, and holds its `start`. "
		     "Status 1 makes\n"
		     "the runtime give up. See docs/startup.md.",
	  .example = "bulkhead hook --timeout 5s --on-timeout refuse < state.json",
	  .options = { { "timeout", "TIME", "how long at most (default 5s)" },
		       { "on-timeout", "allow|refuse",
			 "what then, and where the daemon does not answer (default allow)" },
		       { "wrap", "RUNTIME", "stand before this runtime" } } },
	{ .name = "panic",
	  .arguments = "",
	  .run = bh_panic_run,
	  .formats = NO_FORMAT,
	  .help = "break-glass: end the daemon, remove every rule and flag (needs root)",
	  .example = "sudo bulkhead panic" },
	{ .name = "completion",
	  .arguments = "bash|zsh",
	  .least = 1,
	  .most = 1,
	  .run = bh_completion_run,
	  .formats = NO_FORMAT,
	  .help = "print a completion script",
	  .example = "bulkhead completion bash > /etc/bash_completion.d/bulkhead" },
	{ .name = "help",
	  .arguments = "[COMMAND]",
	  .most = 2,
	  .run = bh_help_run,
	  .help = "what a command does",
	  .details = "With --format json and no COMMAND it lists, besides all commands, the "
		     "metrics and the kinds of events.",
	  .example = "bulkhead help policy apply",
	  .options = { { "man", NULL, "the man page's source" } } },
	{ 0 },
};

const struct bh_option bh_global_options[] = {
	{ "socket", "PATH",
	  "the daemon's socket (default /run/bulkhead/api.sock, or $BULKHEAD_SOCKET)" },
	{ "format", "table|json", "how to print; json is stable" },
	{ "no-color", NULL, "no colour, even on a terminal" },
	{ "help", NULL, "what the command does (-h)" },
	{ "version", NULL, "the program's version (-V)" },
	{ 0 },
};
