/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "client_curl.h"
#include "meaning.h"
#include "progress.h"
#include "utf8.h"

#define CONNECT_SECONDS 10L
#define ANSWER_SECONDS 120L

int bh_complain(int status, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bh_harmless(text, "\n");
	fflush(stdout);
	fprintf(stderr, "bulkhead: %s\n", text);
	return status;
}

bool bh_read_file(const char *path, struct bh_buffer *out)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char chunk[65536];
	size_t got;

	if (file == NULL) {
		bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(errno));
		return false;
	}
	struct bh_progress progress = bh_progress_of_file(path, fileno(file));
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		bh_buffer_append(out, chunk, got);
		bh_progress_show(&progress, out->length);
	}
	bh_progress_end(&progress);
	int failure = ferror(file) != 0 ? errno : 0;
	if (file != stdin)
		fclose(file);
	if (failure != 0)
		bh_complain(BH_EXIT_UNREACHABLE, "%s: %s", path, strerror(failure));
	bh_buffer_append(out, "", 0);
	return failure == 0;
}

/* --- requests --------------------------------------------------------------------------------- */

void bh_request_add(struct bh_request *request, const char *key, const char *value)
{
	if (value == NULL)
		return;
	char *escaped = curl_easy_escape(NULL, value, 0);
	bh_buffer_printf(&request->query, "%s%s=%s", request->query.length > 0 ? "&" : "?", key,
			 escaped != NULL ? escaped : "");
	curl_free(escaped);
}

CURL *bh_client_prepare(const struct bh_call *call, struct bh_request *request)
{
	struct bh_buffer url = { 0 };
	CURL *curl = curl_easy_init();

	bh_buffer_printf(&url, "http://bulkhead%s%s", request->path,
			 request->query.data != NULL ? request->query.data : "");
	bh_buffer_free(&request->query);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->socket);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
			 request->method != NULL ? request->method : "GET");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* The proxy of somebody's environment has no part in this. */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	if (request->body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	}
	bh_buffer_free(&url);
	return curl;
}

static int unreachable(const struct bh_call *call, CURL *curl, CURLcode code)
{
	long error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (error == EACCES)
		return bh_complain(BH_EXIT_UNREACHABLE,
				   "%s: permission denied; call as root or as a member of the "
				   "operators' group",
				   call->socket);
	return bh_complain(BH_EXIT_UNREACHABLE,
			   "the daemon does not answer at %s (%s); start it with: sudo bulkhead "
			   "daemon",
			   call->socket,
			   error != 0 ? strerror((int)error) : curl_easy_strerror(code));
}

/* {"error":{"what","where","do"}}, for people. */
static int refused(long status, const char *text)
{
	cJSON *json = bh_answer_parse(text);
	const cJSON *error = bh_get(json, "error");
	const char *what = bh_text(error, "what"), *fix = bh_text(error, "do");

	if (what == NULL)
		bh_complain(0, "the daemon answers with status %ld", status);
	else
		bh_complain(0, "%s%s%s", what, fix != NULL ? "\n  → " : "", fix != NULL ? fix : "");
	bh_meaning_print_guard(stderr, bh_get(error, "guard"));
	cJSON_Delete(json);
	return status == 400 ? BH_EXIT_USAGE : status >= 500 ? BH_EXIT_UNREACHABLE : BH_EXIT_NO;
}

void bh_print_document(char *text, const char *end)
{
	if (isatty(STDOUT_FILENO))
		bh_harmless(text, "\n\t");
	printf("%s%s", text, end);
}

static size_t collect(char *data, size_t size, size_t count, void *user)
{
	bh_buffer_append(user, data, size * count);
	return size * count;
}

int bh_client_text(const struct bh_call *call, struct bh_request *request, struct bh_buffer *out)
{
	CURL *curl = bh_client_prepare(call, request);
	int result = BH_EXIT_DONE;
	long status = 0;

	curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	bh_buffer_append(out, "", 0);
	if (code != CURLE_OK)
		result = unreachable(call, curl, code);
	else if (status != 200)
		result = refused(status, out->data);
	curl_easy_cleanup(curl);
	return result;
}

int bh_client_show(const struct bh_call *call, struct bh_request *request,
		   const struct bh_view *view)
{
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, request, &text);

	if (result != BH_EXIT_DONE) {
		bh_buffer_free(&text);
		return result;
	}
	cJSON *answer = bh_answer_parse(text.data);
	if (!cJSON_IsObject(answer)) {
		result = bh_complain(BH_EXIT_UNREACHABLE,
				     "what answers at %s is not bulkhead's daemon: no JSON object "
				     "came",
				     call->socket);
	} else {
		if (call->json)
			bh_print_document(text.data, "\n");
		else
			view->print(call, answer);
		result = view->judge != NULL ? view->judge(answer) : BH_EXIT_DONE;
	}
	cJSON_Delete(answer);
	bh_buffer_free(&text);
	return result;
}

/* --- lines ------------------------------------------------------------------------------------ */

struct follower {
	CURL *curl;
	struct bh_buffer text;
	void (*line)(void *user, char *line);
	void *user;
};

static void hand_on_lines(struct follower *f)
{
	char *at = f->text.data, *end = at + f->text.length, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		*newline = '\0';
		f->line(f->user, at);
		at = newline + 1;
	}
	bh_buffer_consume(&f->text, (size_t)(at - f->text.data));
}

static size_t take(char *data, size_t size, size_t count, void *user)
{
	struct follower *f = user;
	long status = 0;

	bh_buffer_append(&f->text, data, size * count);
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200) /* an error is read whole */
		hand_on_lines(f);
	return size * count;
}

int bh_client_lines(const struct bh_call *call, struct bh_request *request,
		    void (*line)(void *user, char *line), void *user)
{
	struct follower f = { .curl = bh_client_prepare(call, request),
			      .line = line,
			      .user = user };
	long status = 0;

	curl_easy_setopt(f.curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(f.curl, CURLOPT_WRITEDATA, &f);
	CURLcode code = curl_easy_perform(f.curl);
	curl_easy_getinfo(f.curl, CURLINFO_RESPONSE_CODE, &status);
	bh_buffer_append(&f.text, "", 0);
	int result = status == 0	? unreachable(call, f.curl, code)
		     : status != 200	? refused(status, f.text.data)
		     : code != CURLE_OK ? bh_complain(BH_EXIT_UNREACHABLE, "the daemon went away")
					: BH_EXIT_DONE;
	bh_buffer_free(&f.text);
	curl_easy_cleanup(f.curl);
	return result;
}
