/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bh_complain(int status, const char *format, ...)
{
	va_list args;

	fputs("bulkhead: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
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
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		bh_buffer_append(out, chunk, got);
	bool failed = ferror(file) != 0;
	if (file != stdin)
		fclose(file);
	if (failed)
		bh_complain(BH_EXIT_UNREACHABLE, "%s: cannot be read", path);
	bh_buffer_append(out, "", 0);
	return !failed;
}

void bh_query_add(struct bh_query *query, const char *key, const char *value)
{
	if (value == NULL)
		return;
	char *escaped = curl_easy_escape(NULL, value, 0);
	bh_buffer_printf(&query->text, "%s%s=%s", query->text.length > 0 ? "&" : "?", key,
			 escaped != NULL ? escaped : "");
	curl_free(escaped);
}

/* --- requests --------------------------------------------------------------------------------- */

static CURL *prepare(const struct bh_call *call, const char *method, const char *path,
		     const struct bh_query *query)
{
	struct bh_buffer url = { 0 };
	CURL *curl = curl_easy_init();

	bh_buffer_printf(&url, "http://bulkhead%s%s", path,
			 query != NULL && query->text.data != NULL ? query->text.data : "");
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->socket);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* The proxy of somebody's environment has no part in this. */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	bh_buffer_free(&url);
	return curl;
}

static void set_body(CURL *curl, const char *body)
{
	if (body == NULL)
		return;
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
}

static int unreachable(const struct bh_call *call, CURL *curl, CURLcode code)
{
	long error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (error == EACCES)
		return bh_complain(
			BH_EXIT_UNREACHABLE,
			"%s: permission denied; call as root or as a member of the operators' "
			"group",
			call->socket);
	return bh_complain(
		BH_EXIT_UNREACHABLE,
		"the daemon does not answer at %s (%s); start it with: sudo bulkhead daemon",
		call->socket, error != 0 ? strerror((int)error) : curl_easy_strerror(code));
}

/* {"error":{"what","where","do"}} as one line. */
static int refused(long status, const char *text)
{
	cJSON *json = cJSON_Parse(text);
	const cJSON *error = cJSON_GetObjectItem(json, "error");
	const char *what = cJSON_GetStringValue(cJSON_GetObjectItem(error, "what"));
	const char *fix = cJSON_GetStringValue(cJSON_GetObjectItem(error, "do"));

	if (what == NULL)
		bh_complain(0, "the daemon answers with status %ld", status);
	else
		bh_complain(0, "%s%s%s", what, fix != NULL ? "\n  → " : "", fix != NULL ? fix : "");
	cJSON_Delete(json);
	return status == 400 ? BH_EXIT_USAGE : status >= 500 ? BH_EXIT_UNREACHABLE : BH_EXIT_NO;
}

static size_t collect(char *data, size_t size, size_t count, void *user)
{
	bh_buffer_append(user, data, size * count);
	return size * count;
}

int bh_client_text(const struct bh_call *call, const char *method, const char *path,
		   const struct bh_query *query, const char *body, struct bh_buffer *out)
{
	CURL *curl = prepare(call, method, path, query);
	long status = 0;

	set_body(curl, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	int result = BH_EXIT_DONE;
	bh_buffer_append(out, "", 0);
	if (code != CURLE_OK)
		result = unreachable(call, curl, code);
	else if (status != 200)
		result = refused(status, out->data);
	curl_easy_cleanup(curl);
	return result;
}

int bh_client_json(const struct bh_call *call, const char *method, const char *path,
		   const struct bh_query *query, const char *body, cJSON **json)
{
	struct bh_buffer out = { 0 };
	int result = bh_client_text(call, method, path, query, body, &out);

	*json = NULL;
	if (result == BH_EXIT_DONE && call->json)
		printf("%s\n", out.data);
	else if (result == BH_EXIT_DONE && (*json = cJSON_Parse(out.data)) == NULL)
		result = bh_complain(BH_EXIT_UNREACHABLE, "the daemon's answer is no JSON");
	bh_buffer_free(&out);
	return result;
}

/* --- streams ---------------------------------------------------------------------------------- */

struct follower {
	CURL *curl;
	struct bh_buffer text;
	void (*line)(void *user, const char *line);
	void *user;
};

static size_t follow(char *data, size_t size, size_t count, void *user)
{
	struct follower *f = user;
	long status = 0;
	char *newline;

	bh_buffer_append(&f->text, data, size * count);
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return size * count; /* an error; it is read whole */
	while (f->text.length > 0 && (newline = strchr(f->text.data, '\n')) != NULL) {
		*newline = '\0';
		f->line(f->user, f->text.data);
		bh_buffer_consume(&f->text, (size_t)(newline - f->text.data) + 1);
	}
	return size * count;
}

int bh_client_follow(const struct bh_call *call, const char *path, const struct bh_query *query,
		     void (*line)(void *user, const char *line), void *user)
{
	struct follower f = { .curl = prepare(call, "GET", path, query),
			      .line = line,
			      .user = user };
	long status = 0;

	curl_easy_setopt(f.curl, CURLOPT_WRITEFUNCTION, follow);
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
