/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What state things are in, and who is there or was: status, coverage, workloads, who. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "table.h"
#include "timefmt.h"

/* --- status ----------------------------------------------------------------------------------- */

static void print_capture(const cJSON *capture, bool color)
{
	char packets[16], dropped[16], since[BH_TIME_TEXT];
	bool hangs = cJSON_IsNumber(bh_get(capture, "hangs_since"));

	printf("capture      %s%s%s%s%s, %s packets, %s lost, %.0f flows alive\n",
	       bh_color_on(hangs ? BH_RED : BH_PLAIN, color), bh_word(capture, "state"),
	       hangs ? " since " : "",
	       hangs ? bh_clock(bh_number(capture, "hangs_since"), since) : "",
	       bh_color_off(hangs ? BH_RED : BH_PLAIN, color),
	       bh_human(bh_number(capture, "packets"), packets),
	       bh_human(bh_number(capture, "dropped"), dropped), bh_number(capture, "flows"));
}

/* "512 packets, 3 flow reports", or "nothing". */
static void print_counts(const char *when, const cJSON *counts)
{
	const cJSON *count;
	const char *separator = " ";

	printf("%s", when);
	cJSON_ArrayForEach (count, counts) {
		char number[16];

		if (!cJSON_IsNumber(count) || count->valuedouble == 0)
			continue;
		printf("%s%s ", separator, bh_human(count->valuedouble, number));
		for (const char *c = count->string; *c != '\0'; c++)
			putchar(*c == '_' ? ' ' : *c);
		separator = ", ";
	}
	if (separator[0] == ' ')
		printf(" nothing");
}

static void print_loss(const cJSON *loss, bool color)
{
	const cJSON *latest = cJSON_GetArrayItem(bh_get(loss, "intervals"), 0);
	char from[BH_TIME_TEXT];

	if (latest == NULL)
		return;
	printf("%slost         ", bh_color_on(BH_YELLOW, color));
	print_counts("last minute:", bh_get(loss, "minute"));
	print_counts("; last hour:", bh_get(loss, "hour"));
	print_counts("; since the start:", bh_get(loss, "total"));
	printf("; latest in the %.0f s from %s%s\n", bh_number(loss, "interval_seconds"),
	       bh_clock(bh_number(latest, "from"), from), bh_color_off(BH_YELLOW, color));
}

static void print_exports(const cJSON *exports, bool color)
{
	const cJSON *to;

	cJSON_ArrayForEach (to, exports) {
		bool fails = cJSON_IsString(bh_get(to, "why"));
		char sent[16], lost[16], waiting[16];

		printf("exports      %s %s%s%s%s%s, %s sent, %s lost, %s waiting\n",
		       bh_word(to, "to"), bh_color_on(fails ? BH_RED : BH_PLAIN, color),
		       bh_word(to, "state"), fails ? ": " : "", fails ? bh_word(to, "why") : "",
		       bh_color_off(fails ? BH_RED : BH_PLAIN, color),
		       bh_human(bh_number(to, "sent"), sent), bh_human(bh_number(to, "lost"), lost),
		       bh_human(bh_number(to, "waiting"), waiting));
	}
}

/* Which types those were that the decoder does not know. */
static void print_ethertypes(const cJSON *types)
{
	const char *between = " (";
	const cJSON *type;
	char count[16];

	cJSON_ArrayForEach (type, types) {
		if (!cJSON_IsNumber(type))
			continue;
		printf("%s%s: %s", between, type->string, bh_human(type->valuedouble, count));
		between = ", ";
	}
	if (between[0] == ',')
		printf(")");
}

/* Frames that became no flow, by kind; nothing where there are none. */
static void print_flowless(const cJSON *capture)
{
	const char *between = "no flow      ";
	const cJSON *kind;
	char count[16];

	cJSON_ArrayForEach (kind, bh_get(capture, "undecoded")) {
		if (!cJSON_IsNumber(kind) || kind->valuedouble <= 0)
			continue;
		printf("%s%s %s", between, bh_human(kind->valuedouble, count), kind->string);
		between = ", ";
		if (strcmp(kind->string, "unknown-ethertype") == 0)
			print_ethertypes(bh_get(capture, "ethertypes"));
	}
	if (between[0] == ',')
		printf("\n");
}

static void print_identity(const cJSON *identity)
{
	const cJSON *runtime;

	printf("identity     %.0f endpoints, %.0f unidentified", bh_number(identity, "endpoints"),
	       bh_number(identity, "unidentified"));
	cJSON_ArrayForEach (runtime, bh_get(identity, "runtimes"))
		if (strcmp(bh_word(runtime, "state"), "absent") != 0)
			printf(", %s %s", bh_word(runtime, "name"), bh_word(runtime, "state"));
	printf("\n");
}

/* "12 ms" */
static const char *milliseconds(const cJSON *figures, const char *key, char out[24])
{
	snprintf(out, 24, "%.3g ms", bh_number(figures, key) * 1000);
	return out;
}

static void print_figures(const char *what, const cJSON *figures)
{
	char p50[24], p99[24];

	if (bh_number(figures, "count") > 0)
		printf("%s %s (p50), %s (p99)", what, milliseconds(figures, "p50", p50),
		       milliseconds(figures, "p99", p99));
}

/* Of endpoints that came since the daemon started; nothing where there are none. */
static void print_startup(const cJSON *startup, bool color)
{
	const cJSON *identified = bh_get(startup, "identified"),
		    *enforced = bh_get(startup, "enforced"), *exposed = bh_get(startup, "exposed");
	double late = bh_number(startup, "left_unidentified") +
		      bh_number(startup, "left_unenforced") + bh_number(startup, "early");

	if (bh_number(identified, "count") > 0)
		printf("start-up     ");
	print_figures("known after", identified);
	print_figures(", rules stand after", enforced);
	print_figures(", with an address and without rules for", exposed);
	if (bh_number(identified, "count") > 0)
		printf(", of the last %.0f\n",
		       bh_number(identified, "count") < bh_number(startup, "of_last")
			       ? bh_number(identified, "count")
			       : bh_number(startup, "of_last"));
	if (late > 0)
		printf("%stoo late     %.0f left unknown, %.0f left before their rules stood, %.0f "
		       "sent "
		       "something before%s\n",
		       bh_color_on(BH_YELLOW, color), bh_number(startup, "left_unidentified"),
		       bh_number(startup, "left_unenforced"), bh_number(startup, "early"),
		       bh_color_off(BH_YELLOW, color));
}

#define OPEN_SHOWN 5

/* Modes sound stricter than defaults are. */
static void print_open(const cJSON *open, bool color)
{
	int count = cJSON_GetArraySize(open);

	if (count == 0)
		return;
	printf("%sopen         by default, what no rule speaks of passes:",
	       bh_color_on(BH_YELLOW, color));
	for (int i = 0; i < count && i < OPEN_SHOWN; i++) {
		const cJSON *row = cJSON_GetArrayItem(open, i);
		bool out = cJSON_IsTrue(bh_get(row, "egress"));
		bool in = cJSON_IsTrue(bh_get(row, "ingress"));

		printf("%s %s (%s%s%s)", i > 0 ? "," : "", bh_word(row, "workload"),
		       out ? "egress" : "", out && in ? ", " : "", in ? "ingress" : "");
	}
	if (count > OPEN_SHOWN)
		printf(" and %d more", count - OPEN_SHOWN);
	printf("%s\n", bh_color_off(BH_YELLOW, color));
}

static void print_expiring(const cJSON *expiring, bool color)
{
	const cJSON *row;
	int over = 0, shown = 0;

	cJSON_ArrayForEach (row, expiring) {
		over += cJSON_IsTrue(bh_get(row, "over"));
		if (!cJSON_IsTrue(bh_get(row, "over")) && shown++ < OPEN_SHOWN)
			printf("%sends soon    rule %.0f: %s%s\n", bh_color_on(BH_YELLOW, color),
			       bh_number(row, "rule"), bh_word(row, "text"),
			       bh_color_off(BH_YELLOW, color));
	}
	if (over > 0)
		printf("over         %d rule%s, which say%s nothing any more (bulkhead policy "
		       "show)\n",
		       over, over == 1 ? "" : "s", over == 1 ? "s" : "");
}

static void print_draining(const cJSON *draining)
{
	char until[BH_TIME_TEXT];
	const cJSON *row;

	cJSON_ArrayForEach (row, draining) {
		double count = bh_number(row, "connections");

		if (count == 0)
			continue; /* others of the change could not be judged */
		printf("draining     %.0f open connection%s that the rules deny; what is left is "
		       "cut at %s\n",
		       count, count == 1 ? "" : "s", bh_clock(bh_number(row, "until"), until));
	}
}

/* What a stateless bridge does otherwise than the policy reads. */
static void print_bridge(const cJSON *enforcement)
{
	const cJSON *row, *open = bh_get(enforcement, "open");
	bool any = false;

	if (strcmp(bh_word(enforcement, "bridge"), "stateless") != 0 ||
	    cJSON_GetArraySize(bh_get(enforcement, "bridges")) == 0)
		return;
	cJSON_ArrayForEach (row, open)
		any = any || cJSON_IsTrue(bh_get(row, "egress")) ||
		      cJSON_IsTrue(bh_get(row, "ingress"));
	printf("bridge       stateless: what is refused on one bridge is dropped silently%s%s\n",
	       bh_text(enforcement, "silence") != NULL ? ", though the policy says deny: reject"
						       : "",
	       any ? "; UDP passes there to and from whoever is open, denials or not" : "");
}

/* "2 of 3 bridges proved, 1 carries nothing" */
static void print_proved(const cJSON *tested, const char *what)
{
	const cJSON *row;
	size_t proved = 0, idle = 0;

	cJSON_ArrayForEach (row, tested) {
		proved += strcmp(bh_word(row, "state"), "proved") == 0;
		idle += strcmp(bh_word(row, "state"), "idle") == 0;
	}
	printf("%zu of %d %s%s proved", proved, cJSON_GetArraySize(tested), what,
	       cJSON_GetArraySize(tested) == 1 ? "" : "s");
	if (idle > 0)
		printf(", %zu carr%s nothing", idle, idle == 1 ? "ies" : "y");
}

/* "self-test    2 of 3 bridges proved, 7 of 7 routed veths proved; looked at since 12:31:07" */
static void print_self_test(const cJSON *self_test)
{
	const cJSON *bridges = bh_get(self_test, "bridges"), *routed = bh_get(self_test, "routed");
	bool any = cJSON_GetArraySize(bridges) > 0, veths = cJSON_GetArraySize(routed) > 0;
	char time[BH_TIME_TEXT];

	if (!any && !veths)
		return;
	printf("self-test    ");
	if (any)
		print_proved(bridges, "bridge");
	if (any && veths)
		printf(", ");
	if (veths)
		print_proved(routed, "routed veth");
	printf("; looked at since %s\n", bh_clock(bh_number(self_test, "checked"), time));
}

/* When the rules in the kernel were last found to be what was applied, and who changed them. */
static void print_tables(const cJSON *enforcement, bool color)
{
	char when[BH_TIME_TEXT], took[24];
	const char *why = bh_text(enforcement, "tables_why");

	if (cJSON_IsNumber(bh_get(enforcement, "verified")))
		printf("verified     the rules in the kernel are what was applied: read whole at "
		       "%s, in %s\n",
		       bh_clock(bh_number(enforcement, "verified"), when),
		       milliseconds(enforcement, "verified_in", took));
	else if (cJSON_IsNumber(bh_get(enforcement, "applied")) &&
		 cJSON_GetArraySize(bh_get(enforcement, "bridges")) > 0)
		printf("verified     not yet: whether the rules in the kernel are what was applied "
		       "was not read since the start\n");
	if (bh_number(enforcement, "tampered") > 0)
		printf("%stampered     others changed the rules %.0f time%s, the last at %s: "
		       "bulkhead events%s\n",
		       bh_color_on(BH_RED, color), bh_number(enforcement, "tampered"),
		       bh_number(enforcement, "tampered") == 1 ? "" : "s",
		       bh_clock(bh_number(enforcement, "last_tampered"), when),
		       bh_color_off(BH_RED, color));
	if (why != NULL)
		printf("%stables       %s%s\n", bh_color_on(BH_YELLOW, color), why,
		       bh_color_off(BH_YELLOW, color));
}

static void print_enforcement(const cJSON *enforcement, bool color)
{
	char last[BH_TIME_TEXT];
	const char *state = bh_word(enforcement, "state"), *why = bh_text(enforcement, "why");
	enum bh_color shade = strcmp(state, "active") == 0 ? BH_GREEN
			      : strcmp(state, "failed") == 0 || strcmp(state, "leaking") == 0 ||
					      strcmp(state, "contested") == 0
				      ? BH_RED
			      : strcmp(state, "unproven") == 0 ? BH_YELLOW
							       : BH_PLAIN;

	printf("enforcement  %s%s%s", bh_color_on(shade, color), state, bh_color_off(shade, color));
	if (cJSON_IsNumber(bh_get(enforcement, "number")))
		printf(", policy revision %.0f (%.12s)", bh_number(enforcement, "number"),
		       bh_word(enforcement, "revision"));
	else
		printf(", no policy yet");
	printf("%s%s\n", why != NULL ? ": " : "", why != NULL ? why : "");
	print_self_test(bh_get(enforcement, "self_test"));
	print_tables(enforcement, color);
	bh_trial_print(bh_get(enforcement, "trial"));
	print_draining(bh_get(enforcement, "draining"));
	print_bridge(enforcement);
	print_open(bh_get(enforcement, "open"), color);
	print_expiring(bh_get(enforcement, "expiring"), color);
	if (bh_number(enforcement, "leaks") > 0)
		printf("%sleaks        %.0f connections that the policy denies were delivered, the "
		       "last at %s%s\n",
		       bh_color_on(BH_RED, color), bh_number(enforcement, "leaks"),
		       bh_clock(bh_number(enforcement, "last_leak"), last),
		       bh_color_off(BH_RED, color));
}

static void print_list(const char *title, const cJSON *list, enum bh_color shade, bool color)
{
	const cJSON *line;

	printf("\n%s\n", title);
	cJSON_ArrayForEach (line, list)
		if (cJSON_IsString(line))
			printf("%s  • %s%s\n", bh_color_on(shade, color), line->valuestring,
			       bh_color_off(shade, color));
}

static void print_unknown(const cJSON *unknown, bool color)
{
	print_list("What bulkhead does not know:", unknown, BH_YELLOW, color);
	if (cJSON_GetArraySize(unknown) == 0)
		printf("  nothing that it is aware of\n");
}

static void print_status(const struct bh_call *call, const cJSON *status)
{
	const cJSON *learning = bh_get(status, "learning"), *modes = bh_get(status, "modes"),
		    *share;
	char age[BH_TIME_TEXT];

	printf("bulkhead %s on %s, up %s\n\n", bh_word(status, "version"), bh_word(status, "host"),
	       bh_age((double)bh_time_now() / BH_SECOND - bh_number(status, "started"), age));
	print_capture(bh_get(status, "capture"), call->color);
	print_flowless(bh_get(status, "capture"));
	print_loss(bh_get(status, "loss"), call->color);
	print_exports(bh_get(status, "exports"), call->color);
	print_identity(bh_get(status, "identity"));
	print_startup(bh_get(status, "startup"), call->color);
	printf("learning     %.0f edges, %.0f whole windows of %s watched\n",
	       bh_number(learning, "edges"), bh_number(learning, "windows"),
	       bh_age(bh_number(learning, "window_seconds"), age));
	printf("modes        %.0f learn, %.0f audit, %.0f stage1, %.0f enforce\n",
	       bh_number(modes, "learn"), bh_number(modes, "audit"), bh_number(modes, "stage1"),
	       bh_number(modes, "enforce"));
	cJSON_ArrayForEach (share, bh_get(status, "shares"))
		bh_share_print("             ", share);
	print_enforcement(bh_get(status, "enforcement"), call->color);
	print_unknown(bh_get(status, "unknown"), call->color);
}

int bh_status_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_status };
	struct bh_request request = { .path = "/v1/status" };

	return bh_client_show(call, &request, &view);
}

/* --- coverage --------------------------------------------------------------------------------- */

static enum bh_color coverage_color(const char *coverage)
{
	return strcmp(coverage, "neither") == 0	     ? BH_RED
	       : strcmp(coverage, "observable") == 0 ? BH_YELLOW
						     : BH_PLAIN;
}

static void print_coverage(const struct bh_call *call, const cJSON *answer)
{
	static const char *const titles[] = { "NAME", "WORKLOAD", "RUNTIME", "COVERAGE", "WHY" };
	struct bh_table *table = bh_table_new(titles, 5, call->color);
	const cJSON *row;
	char why[320];

	bh_table_expendable(table, 2);
	cJSON_ArrayForEach (row, bh_get(answer, "rows")) {
		const char *coverage = bh_word(row, "coverage");
		const char *posture = bh_text(row, "posture"), *text = bh_text(row, "why");
		snprintf(why, sizeof(why), "%s%s%s", text != NULL ? text : "",
			 posture != NULL ? ": " : "", posture != NULL ? posture : "");
		const char *cells[] = { bh_text(row, "name"), bh_text(row, "workload"),
					bh_text(row, "runtime"), coverage, why };

		bh_table_row(table, coverage_color(coverage), cells);
	}
	bh_table_print(table, "No container and no named namespace is known.");
	print_list("What is seen of none of them:", bh_get(answer, "unseen"), BH_PLAIN,
		   call->color);
	print_list("Whose servers outside have no names:", bh_get(answer, "nameless"), BH_YELLOW,
		   call->color);
}

int bh_coverage_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_coverage };
	struct bh_request request = { .path = "/v1/coverage" };

	return bh_client_show(call, &request, &view);
}

/* --- workloads -------------------------------------------------------------------------------- */

/* unknown: what stands where the answer has no list. */
static void join_texts(const cJSON *texts, const char *unknown, struct bh_buffer *out)
{
	const cJSON *text;

	bh_buffer_clear(out);
	bh_buffer_puts(out, cJSON_IsArray(texts) ? "" : unknown);
	cJSON_ArrayForEach (text, texts)
		if (cJSON_IsString(text))
			bh_buffer_printf(out, "%s%s", out->length > 0 ? " " : "",
					 text->valuestring);
}

/* "gone 2 m" */
static void add_departed(struct bh_table *table, const cJSON *row, struct bh_buffer *addresses)
{
	const char *workload = bh_text(row, "workload");
	const cJSON *departed = bh_get(row, "departed"), *instance;
	double more = bh_number(row, "departed_count") - cJSON_GetArraySize(departed);
	char age[BH_TIME_TEXT], gone[BH_TIME_TEXT + 8], others[48];

	cJSON_ArrayForEach (instance, departed) {
		double ago = (double)bh_time_now() / BH_SECOND - bh_number(instance, "until");

		join_texts(bh_get(instance, "addresses"), "", addresses);
		snprintf(gone, sizeof(gone), "gone %s", bh_age(ago, age));
		const char *cells[] = { workload != NULL ? workload : "(unidentified)",
					bh_text(row, "mode"),
					bh_text(instance, "name"),
					gone,
					addresses->data,
					"",
					bh_text(row, "why") };
		bh_table_row(table, BH_DIM, cells);
	}
	if (more <= 0)
		return;
	snprintf(others, sizeof(others), "(%.0f more that are gone)", more);
	const char *cells[] = { workload != NULL ? workload : "(unidentified)",
				bh_text(row, "mode"),
				others,
				"",
				"",
				"",
				bh_text(row, "why") };
	bh_table_row(table, BH_DIM, cells);
}

static void add_instances(struct bh_table *table, const cJSON *row, struct bh_buffer *addresses,
			  struct bh_buffer *ports)
{
	const char *workload = bh_text(row, "workload");
	const cJSON *instance;

	cJSON_ArrayForEach (instance, bh_get(row, "instances")) {
		join_texts(bh_get(instance, "addresses"), "", addresses);
		join_texts(bh_get(instance, "listens"), "?", ports);
		const char *cells[] = { workload != NULL ? workload : "(unidentified)",
					bh_text(instance, "mode"),
					bh_text(instance, "name"),
					bh_text(instance, "ifname"),
					addresses->data,
					ports->data,
					bh_text(row, "why") };

		bh_table_row(table, workload != NULL ? BH_PLAIN : BH_YELLOW, cells);
	}
}

static void print_proposed_group(const cJSON *group)
{
	const cJSON *configuration = bh_get(group, "configuration"), *instance, *line;
	const char *separator = "";

	printf("\n  ");
	cJSON_ArrayForEach (instance, bh_get(group, "instances")) {
		printf("%s%s (%s)", separator, bh_word(instance, "name"),
		       bh_word(instance, "workload"));
		separator = ", ";
	}
	printf(": image %s, ports %s\n", bh_word(group, "image"), bh_word(group, "listens"));
	cJSON_ArrayForEach (line, configuration)
		if (cJSON_IsString(line))
			printf("    %s\n", line->valuestring);
	if (!cJSON_IsArray(configuration))
		printf("    Their names have nothing in common that a rule could match.\n");
}

static void print_proposed_groups(const struct bh_call *call, const cJSON *groups)
{
	const cJSON *group;

	if (cJSON_GetArraySize(groups) == 0)
		return;
	printf("\n%sTo be confirmed by a person:%s these look like replicas of one thing, and "
	       "nothing "
	       "but an image or a name says so.\nWhere that is right, put it into the "
	       "configuration.\n",
	       bh_color_on(BH_YELLOW, call->color), bh_color_off(BH_YELLOW, call->color));
	cJSON_ArrayForEach (group, groups)
		print_proposed_group(group);
}

static void print_workloads(const struct bh_call *call, const cJSON *answer)
{
	static const char *const titles[] = { "WORKLOAD",  "MODE",    "INSTANCE",  "INTERFACE",
					      "ADDRESSES", "LISTENS", "GROUPED BY" };
	struct bh_table *table = bh_table_new(titles, 7, call->color);
	struct bh_buffer addresses = { 0 }, ports = { 0 };
	const cJSON *row;

	bh_table_expendable(table, 6);
	bh_table_expendable(table, 3);
	cJSON_ArrayForEach (row, bh_get(answer, "rows")) {
		add_instances(table, row, &addresses, &ports);
		add_departed(table, row, &addresses);
	}
	bh_table_print(table, "No endpoint is known: no veth of this host leads to a container.");
	bh_buffer_free(&addresses);
	bh_buffer_free(&ports);
	print_proposed_groups(call, bh_get(answer, "proposed_groups"));
}

int bh_workloads_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_workloads };
	struct bh_request request = { .path = "/v1/workloads" };

	return bh_client_show(call, &request, &view);
}

/* --- who -------------------------------------------------------------------------------------- */

static void say_nobody(const cJSON *answer)
{
	const char *address = bh_word(answer, "address");

	if (cJSON_IsTrue(bh_get(answer, "host")))
		printf("%s is one of this host's own addresses at present; nobody else is known "
		       "to have held it.\n",
		       address);
	else if (cJSON_IsFalse(bh_get(answer, "watched")))
		printf("Who held %s then is not known: bulkhead did not watch at that time, or "
		       "has forgotten it.\n",
		       address);
	else if (cJSON_IsTrue(bh_get(answer, "watched")))
		printf("Nobody held %s then, as far as bulkhead saw.\n", address);
	else
		printf("Nobody is known to have held %s.\n", address);
}

static void print_holders(const struct bh_call *call, const cJSON *rows)
{
	static const char *const titles[] = { "FROM",	   "UNTIL",	"INSTANCE",  "WORKLOAD",
					      "INTERFACE", "CONTAINER", "GROUPED BY" };
	const cJSON *row;
	struct bh_table *table = bh_table_new(titles, 7, call->color);
	bh_table_expendable(table, 6);
	bh_table_expendable(table, 5);
	cJSON_ArrayForEach (row, rows) {
		char from[BH_TIME_TEXT], until[BH_TIME_TEXT], id[16];
		bool holds = cJSON_IsNull(bh_get(row, "until"));
		const char *workload = bh_text(row, "workload"),
			   *container = bh_text(row, "container_id");

		snprintf(id, sizeof(id), "%.12s", container != NULL ? container : "");
		const char *cells[] = { bh_clock(bh_number(row, "from"), from),
					holds ? "now" : bh_clock(bh_number(row, "until"), until),
					bh_text(row, "name"),
					workload != NULL ? workload : "(unidentified)",
					bh_text(row, "ifname"),
					id,
					bh_text(row, "why") };
		bh_table_row(table, workload != NULL ? BH_PLAIN : BH_YELLOW, cells);
	}
	bh_table_print(table, NULL);
}

static void print_who(const struct bh_call *call, const cJSON *answer)
{
	const char *incomplete = bh_text(answer, "incomplete");

	if (cJSON_GetArraySize(bh_get(answer, "rows")) == 0)
		say_nobody(answer);
	else
		print_holders(call, bh_get(answer, "rows"));
	if (incomplete != NULL)
		printf("%sIncomplete: %s.%s\n", bh_color_on(BH_YELLOW, call->color), incomplete,
		       bh_color_off(BH_YELLOW, call->color));
}

/* That nobody is known is no answer where not everything could be looked up. */
static int judge_who(const cJSON *answer)
{
	if (cJSON_GetArraySize(bh_get(answer, "rows")) > 0)
		return BH_EXIT_DONE;
	return bh_text(answer, "incomplete") != NULL ? BH_EXIT_UNREACHABLE : BH_EXIT_NO;
}

int bh_who_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_who, .judge = judge_who };
	struct bh_request request = { .path = "/v1/who" };

	bh_request_add(&request, "address", call->arguments[0]);
	bh_request_add(&request, "at", bh_call_option(call, "at"));
	return bh_client_show(call, &request, &view);
}
