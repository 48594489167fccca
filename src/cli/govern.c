/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that decide: policies and modes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "caller.h"
#include "client.h"
#include "command.h"
#include "json.h"
#include "meaning.h"
#include "policy.h"
#include "table.h"
#include "timefmt.h"
#include "unused.h"

/* --- documents -------------------------------------------------------------------------------- */

/* The daemon keeps and sends YAML, with the evidence as comments; as JSON it is the same policy. */
static int print_policy(const struct bh_call *call, char *text)
{
	struct bh_error err = { 0 };

	if (!call->json) {
		bh_print_document(text, "");
		return BH_EXIT_DONE;
	}
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "policy", &err);
	if (policy == NULL)
		return bh_complain(BH_EXIT_UNREACHABLE, "what the daemon sent is no policy: %s",
				   err.text);
	char *json = bh_policy_print_json(policy);
	bh_print_document(json, "");
	free(json);
	bh_policy_free(policy);
	return BH_EXIT_DONE;
}

/* nft's language has no JSON of ours: the text, as a JSON string. */
static int print_rules(const struct bh_call *call, char *text)
{
	struct bh_buffer json = { 0 };

	if (!call->json) {
		bh_print_document(text, "");
		return BH_EXIT_DONE;
	}
	bh_buffer_puts(&json, "{\"nft\":");
	bh_json_string(&json, text);
	bh_buffer_puts(&json, "}");
	bh_print_document(json.data, "\n");
	bh_buffer_free(&json);
	return BH_EXIT_DONE;
}

static int show_document(const struct bh_call *call, struct bh_request *request,
			 int (*print)(const struct bh_call *call, char *text))
{
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, request, &text);

	if (result == BH_EXIT_DONE)
		result = print(call, text.data);
	bh_buffer_free(&text);
	return result;
}

int bh_propose_run(const struct bh_call *call)
{
	struct bh_request request = { .path = "/v1/policy/proposal" };

	return show_document(call, &request, print_policy);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static size_t without_spaces(const char *line, size_t length)
{
	while (length > 0 && line[length - 1] == ' ')
		length--;
	return length;
}

/* Where "# rule " with a number begins, that nothing or ", " and more follows, on a line that ends
 * there; else the end. */
static size_t find_number(const char *line, size_t length)
{
	static const char word[] = "# rule ";

	for (size_t at = length; at-- > 0;) {
		if (length - at < sizeof(word) || memcmp(line + at, word, sizeof(word) - 1) != 0)
			continue;
		size_t end = at + sizeof(word) - 1, digits = end;

		while (end < length && line[end] >= '0' && line[end] <= '9')
			end++;
		if (end > digits && (end == length || line[end] == ','))
			return at;
	}
	return length;
}

/* "# rule 12, not used since …" at the end of a line, or "# over  # rule 12", with the space before
 * it: where it begins; else the end. */
static size_t without_number(const char *line, size_t length)
{
	static const char over[] = "# over";
	size_t at = find_number(line, length);

	if (at == length)
		return length;
	at = without_spaces(line, at);
	if (at >= sizeof(over) - 1 &&
	    memcmp(line + at - (sizeof(over) - 1), over, sizeof(over) - 1) == 0)
		at = without_spaces(line, at - (sizeof(over) - 1));
	return at;
}

static void put_number(struct bh_buffer *out, const struct bh_policy *policy, size_t rule,
		       const cJSON *uses)
{
	char use[BH_USE_TEXT];

	bh_buffer_printf(out, "%s  # rule %zu", policy->rules[rule].over ? "  # over" : "",
			 rule + 1);
	if (uses != NULL)
		bh_buffer_printf(
			out, ", %s",
			bh_use_text(cJSON_GetArrayItem(bh_get(uses, "rules"), (int)rule), use));
}

/* The text with the number of each rule behind the line that it begins in, and when it was used.
 * uses: the daemon's answer, or NULL. */
static char *numbered(const char *text, const struct bh_policy *policy, const cJSON *uses)
{
	struct bh_buffer out = { 0 };
	size_t rule = 0;

	bh_buffer_puts(&out, "");
	for (int number = 1; *text != '\0'; number++) {
		size_t length = strcspn(text, "\n"), kept = without_number(text, length);

		while (rule < policy->rule_count && policy->rules[rule].line < number)
			rule++;
		bh_buffer_append(&out, text, kept);
		if (rule < policy->rule_count && policy->rules[rule].line == number)
			put_number(&out, policy, rule, uses);
		text += length;
		if (*text == '\n') {
			bh_buffer_puts(&out, "\n");
			text++;
		}
	}
	return bh_buffer_steal(&out);
}

static bool says_the_same(const struct bh_policy *policy, const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *other = bh_policy_parse(text, strlen(text), "policy", &err);
	char left[65], right[65] = "";

	if (other == NULL)
		return false;
	bh_policy_revision(policy, left);
	bh_policy_revision(other, right);
	bh_policy_free(other);
	return strcmp(left, right) == 0;
}

/* The active policy, its rules numbered as answers speak of them. In a document whose lines leave
 * no room for that – JSON, a text that goes on in the next line – they are not. */
static int print_numbered(const struct bh_call *call, char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = call->json || text[strspn(text, " \t\r\n")] == '{'
					   ? NULL
					   : bh_policy_parse(text, strlen(text), "policy", &err);
	if (policy != NULL)
		bh_policy_set_time(policy, bh_time_now());
	cJSON *uses = policy != NULL ? bh_uses_ask(call, policy) : NULL;
	char *better = policy != NULL ? numbered(text, policy, uses) : NULL;
	int result =
		print_policy(call, better != NULL && says_the_same(policy, better) ? better : text);

	cJSON_Delete(uses);
	free(better);
	bh_policy_free(policy);
	return result;
}

int bh_show_run(const struct bh_call *call)
{
	bool nft = bh_call_option(call, "nft") != NULL;
	struct bh_request request = { .path = nft ? "/v1/policy/nft" : "/v1/policy/active" };

	if (nft && call->argument_count > 0)
		return bh_complain(BH_EXIT_USAGE,
				   "policy show --nft shows the rules in force; only "
				   "policies have numbers");
	bh_request_add(&request, "number", call->arguments[0]);
	return show_document(call, &request,
			     nft			? print_rules
			     : call->argument_count > 0 ? print_policy
							: print_numbered);
}

/* The file's text, freed by the caller where it could be read. */
static int read_document(const char *file, struct bh_buffer *text)
{
	int result = bh_read_file(file, text) ? BH_EXIT_DONE : BH_EXIT_UNREACHABLE;

	if (result == BH_EXIT_DONE && text->length == 0)
		result = bh_complain(BH_EXIT_NO, "%s is empty: no policy is in it", file);
	if (result != BH_EXIT_DONE)
		bh_buffer_free(text);
	return result;
}

/* Whose session is not to be cut off, and that it may be all the same. */
static void add_guard(const struct bh_call *call, struct bh_request *request)
{
	char session[BH_SESSIONS_TEXT];

	bh_request_add(request, "session", bh_caller_session(session));
	bh_request_add(request, "anyway", bh_call_option(call, "anyway") != NULL ? "1" : NULL);
}

static void add_dry_run(const struct bh_call *call, struct bh_request *request)
{
	bh_request_add(request, "dry_run", bh_call_option(call, "dry-run") != NULL ? "1" : NULL);
}

/* POSTs the file named by the first argument, or nothing. */
static int post_file(const struct bh_call *call, const char *path, const struct bh_view *view)
{
	const char *file = call->argument_count > 0 ? call->arguments[0] : NULL;
	struct bh_buffer text = { 0 };
	struct bh_request request = { .method = "POST", .path = path, .body = "" };

	if (file != NULL) {
		int result = read_document(file, &text);

		if (result != BH_EXIT_DONE)
			return result;
		request.body = text.data;
	}
	bh_request_add(&request, "file", file);
	bh_request_add(&request, "why", bh_call_option(call, "why"));
	bh_request_add(&request, "confirm_within", bh_call_option(call, "confirm-within"));
	bh_request_add(&request, "max_denials", bh_call_option(call, "max-denials"));
	bh_request_add(&request, "existing", bh_call_option(call, "existing"));
	bh_request_add(&request, "since", bh_call_option(call, "since"));
	add_guard(call, &request);
	add_dry_run(call, &request);
	int result = bh_client_show(call, &request, view);
	bh_buffer_free(&text);
	return result;
}

/* --- diff and check --------------------------------------------------------------------------- */

static void print_diff(const struct bh_call *call, const cJSON *answer)
{
	const cJSON *line;

	cJSON_ArrayForEach (line, bh_get(answer, "lines")) {
		const char *sign = bh_word(line, "sign");
		enum bh_color color = *sign == '+' ? BH_GREEN : BH_RED;

		printf("%s%s %s%s\n", bh_color_on(color, call->color), sign, bh_word(line, "text"),
		       bh_color_off(color, call->color));
	}
	if (cJSON_GetArraySize(bh_get(answer, "lines")) == 0)
		printf("No difference.\n");
	bh_meaning_print_open(call, bh_get(answer, "existing"));
	bh_meaning_print_recorded(call, bh_get(answer, "recorded"));
	bh_meaning_print_silence(call, answer);
	bh_meaning_print_guard(stdout, bh_get(answer, "guard"));
}

int bh_diff_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_diff };

	return post_file(call, "/v1/policy/diff", &view);
}

static void print_check(const struct bh_call *call, const cJSON *answer)
{
	const cJSON *blocked = bh_get(answer, "would_block"),
		    *uncertain = bh_get(answer, "uncertain");

	printf("%.0f edges and flows checked: %.0f allowed, %d would be refused, %d uncertain\n",
	       bh_number(answer, "checked"), bh_number(answer, "allowed"),
	       cJSON_GetArraySize(blocked), cJSON_GetArraySize(uncertain));
	if (cJSON_GetArraySize(blocked) > 0) {
		printf("\nWould be refused:\n");
		bh_meaning_print_verdicts(blocked, true, call);
	}
	if (cJSON_GetArraySize(uncertain) > 0) {
		printf("\nCannot be judged:\n");
		bh_meaning_print_verdicts(uncertain, false, call);
	}
}

static int judge_check(const cJSON *answer)
{
	return cJSON_GetArraySize(bh_get(answer, "would_block")) > 0 ? BH_EXIT_NO : BH_EXIT_DONE;
}

int bh_check_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_check, .judge = judge_check };

	if (bh_call_option(call, "endpoints") != NULL || bh_call_option(call, "probes") != NULL)
		return bh_probes_run(call);
	if (bh_call_option(call, "flows") != NULL || bh_call_option(call, "policy") != NULL)
		return bh_replay_run(call);
	if (!call->json && strcmp(call->format, "table") != 0)
		return bh_complain(BH_EXIT_USAGE, "--format %s goes with --policy and --flows",
				   call->format);
	return post_file(call, "/v1/policy/check", &view);
}

/* --- apply, rollback, history ----------------------------------------------------------------- */

void bh_trial_print(const cJSON *trial)
{
	char until[BH_TIME_TEXT];

	if (cJSON_IsObject(trial))
		printf("revision %.0f is on trial until %s: bulkhead policy confirm keeps it; "
		       "otherwise, or once more than %.0f packets were refused that revision %.0f "
		       "allows (%.0f so far), that returns\n",
		       bh_number(trial, "number"), bh_clock(bh_number(trial, "until"), until),
		       bh_number(trial, "most"), bh_number(trial, "back"),
		       bh_number(trial, "denied"));
}

static void print_applied(const struct bh_call *call, const cJSON *answer)
{
	double changes = bh_number(answer, "changes");

	if (bh_get(answer, "back_to") != NULL)
		printf("nothing is applied: it would go back to revision %.0f, which is %.0f "
		       "change%s\n",
		       bh_number(answer, "back_to"), changes, changes == 1 ? "" : "s");
	else if (cJSON_IsTrue(bh_get(answer, "dry_run")))
		printf("nothing is applied: it would be %.0f change%s\n", changes,
		       changes == 1 ? "" : "s");
	else
		printf("revision %.0f (%.12s) is active; %.0f change%s\n",
		       bh_number(answer, "number"), bh_word(answer, "revision"), changes,
		       changes == 1 ? "" : "s");
	bh_trial_print(bh_get(answer, "trial"));
	bh_meaning_print_open(call, bh_get(answer, "existing"));
	bh_meaning_print_silence(call, answer);
	bh_meaning_print_guard(stdout, bh_get(answer, "guard"));
}

/* Of a dry run the answer is what would become of it. */
static int judge_guard(const cJSON *answer)
{
	return cJSON_IsTrue(bh_get(bh_get(answer, "guard"), "refused")) ? BH_EXIT_NO : BH_EXIT_DONE;
}

static const struct bh_view applied = { .print = print_applied, .judge = judge_guard };

int bh_apply_run(const struct bh_call *call)
{
	if (bh_call_option(call, "max-denials") != NULL &&
	    bh_call_option(call, "confirm-within") == NULL)
		return bh_complain(BH_EXIT_USAGE, "--max-denials goes with --confirm-within");
	return post_file(call, "/v1/policy/apply", &applied);
}

static void print_confirmed(const struct bh_call *call, const cJSON *answer)
{
	(void)call;
	printf("revision %.0f (%.12s) is confirmed\n", bh_number(answer, "number"),
	       bh_word(answer, "revision"));
}

int bh_confirm_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_confirmed };
	struct bh_request request = { .method = "POST", .path = "/v1/policy/confirm", .body = "" };

	bh_request_add(&request, "why", bh_call_option(call, "why"));
	return bh_client_show(call, &request, &view);
}

int bh_rollback_run(const struct bh_call *call)
{
	struct bh_request request = { .method = "POST", .path = "/v1/policy/rollback", .body = "" };

	bh_request_add(&request, "number", call->arguments[0]);
	bh_request_add(&request, "existing", bh_call_option(call, "existing"));
	bh_request_add(&request, "why", bh_call_option(call, "why"));
	add_guard(call, &request);
	add_dry_run(call, &request);
	return bh_client_show(call, &request, &applied);
}

static void print_history(const struct bh_call *call, const cJSON *answer)
{
	static const char *const titles[] = { "NUMBER", "REVISION", "TIME", "BY", "WHY", "" };
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	const cJSON *row;

	bh_table_expendable(table, 1);
	cJSON_ArrayForEach (row, bh_get(answer, "revisions")) {
		bool active = cJSON_IsTrue(bh_get(row, "active"));
		bool confirmed = cJSON_IsTrue(bh_get(row, "confirmed"));
		char number[16], revision[16], time[BH_TIME_TEXT];
		const char *cells[] = { bh_human(bh_number(row, "number"), number),
					revision,
					bh_clock(bh_number(row, "time"), time),
					bh_text(row, "author"),
					bh_text(row, "why"),
					active	    ? confirmed ? "active" : "active, on trial"
					: confirmed ? ""
						    : "not confirmed" };

		snprintf(revision, sizeof(revision), "%.12s", bh_word(row, "revision"));
		bh_table_row(table, active ? BH_GREEN : BH_PLAIN, cells);
	}
	bh_table_print(table, "No policy has been applied yet.");
}

int bh_history_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_history };
	struct bh_request request = { .path = "/v1/policy/history" };

	return bh_client_show(call, &request, &view);
}

/* --- modes ------------------------------------------------------------------------------------ */

static void print_modes(const struct bh_call *call, const cJSON *answer)
{
	const cJSON *row;
	char was[BH_MODE_TEXT], mode[BH_MODE_TEXT];

	cJSON_ArrayForEach (row, bh_get(answer, "rows")) {
		const cJSON *share = bh_get(row, "share");

		printf("%s: %s → %s\n", bh_word(row, "workload"),
		       bh_mode_text(bh_word(row, "was"), bh_get(row, "share_was"), was),
		       bh_mode_text(bh_word(row, "mode"), share, mode));
		bh_share_print("  ", share);
	}
	cJSON_ArrayForEach (row, bh_get(answer, "exposed"))
		printf("%s%s%s\n", bh_color_on(BH_YELLOW, call->color),
		       cJSON_IsString(row) ? row->valuestring : "-",
		       bh_color_off(BH_YELLOW, call->color));
	if (cJSON_GetArraySize(bh_get(answer, "rows")) == 0)
		printf("No workload is known.\n");
	bh_meaning_print_open(call, bh_get(answer, "existing"));
	bh_meaning_print_silence(call, answer);
	bh_meaning_print_guard(stdout, bh_get(answer, "guard"));
}

/* "25%" without its sign, which may be missing. */
static bool read_percent(const char *text, char out[16])
{
	size_t length = strspn(text, "0123456789");

	snprintf(out, 16, "%.*s", (int)length, text);
	return length > 0 && length <= 3 &&
	       (text[length] == '\0' || strcmp(text + length, "%") == 0);
}

int bh_mode_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_modes, .judge = judge_guard };
	struct bh_request request = { .method = "POST", .path = "/v1/mode", .body = "" };
	const char *share = bh_call_option(call, "share");
	char percent[16];

	if (share != NULL && !read_percent(share, percent))
		return bh_complain(BH_EXIT_USAGE,
				   "--share %s: a share such as 25%% expected, from 1%% to 100%%",
				   share);
	bh_request_add(&request, "share", share != NULL ? percent : NULL);
	bh_request_add(&request, "replicas", bh_call_option(call, "replicas"));
	bh_request_add(&request, "workload", call->arguments[0]);
	bh_request_add(&request, "mode", call->arguments[1]);
	bh_request_add(&request, "existing", bh_call_option(call, "existing"));
	bh_request_add(&request, "why", bh_call_option(call, "why"));
	add_guard(call, &request);
	add_dry_run(call, &request);
	return bh_client_show(call, &request, &view);
}
