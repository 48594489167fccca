/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_webhooks.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "config_exports.h"
#include "config_workloads.h"
#include "grow.h"
#include "webhook.h"

#define PATH "exports.webhooks"
#define URL "http://… or https://… of at most 255 bytes, without a user's name"
#define KEYS "one of the keys url, secret, ca, kinds, format"

/* --- addresses -------------------------------------------------------------------------------- */

/* A name and a password within an address would be told with it. */
static bool has_user(CURLU *url)
{
	char *user = NULL;
	bool has = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;

	curl_free(user);
	return has;
}

static bool is_url(const char *text)
{
	CURLU *url = curl_url();
	size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
			: strncmp(text, "https://", 8) == 0 ? 8
							    : 0;
	bool ok = scheme > 0 && text[scheme] != '/' &&
		  curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK && !has_user(url);

	curl_url_cleanup(url);
	return ok;
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), of_end = strlen(end);

	return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

bool bh_config_read_otlp(const char *text, char out[BH_CONFIG_TEXT])
{
	if (bh_config_is_off(text))
		text = "";
	else if (!is_url(text) || strpbrk(text, "?#") != NULL || ends_in(text, "/v1/logs") ||
		 ends_in(text, "/v1/metrics"))
		return false;
	return bh_copy_text(out, BH_CONFIG_TEXT, text);
}

char *bh_config_url_text(const char *url, char out[BH_URL_TEXT])
{
	const char *host = strstr(url, "://");
	size_t length = host == NULL ? 0 : (size_t)(host + 3 - url) + strcspn(host + 3, "/?#");

	snprintf(out, BH_URL_TEXT, "%.*s", (int)length, url);
	return out;
}

/* --- webhooks --------------------------------------------------------------------------------- */

static int refuse(const struct bh_yaml *node, size_t number, const char *key, const char *expected,
		  const char *file, struct bh_error *err)
{
	/* An address is as good as a password; and of a key that is none its value is no matter. */
	bool untold = strcmp(expected, URL) == 0 || strcmp(expected, KEYS) == 0;
	char path[64];

	snprintf(path, sizeof(path), PATH "[%zu]%s%.16s", number, *key != '\0' ? "." : "", key);
	return (untold ? bh_config_refuse_secret : bh_config_refuse)(err, file, node, path,
								     expected);
}

/* An absolute path, or off: "". */
static bool read_path(const char *text, char out[BH_CONFIG_TEXT])
{
	if (bh_config_is_off(text))
		text = "";
	else if (*text != '/')
		return false;
	return bh_copy_text(out, BH_CONFIG_TEXT, text);
}

static bool read_format(const char *text, int64_t *out)
{
	*out = strcmp(text, "slack") == 0 ? BH_WEBHOOK_SLACK : BH_WEBHOOK_BULKHEAD;
	return *out == BH_WEBHOOK_SLACK || strcmp(text, "bulkhead") == 0;
}

/* NULL; or what the key takes. */
static const char *read_key(struct bh_config_webhook *w, const struct bh_yaml *node)
{
	const char *text = node->kind == BH_YAML_SCALAR ? node->text : "";

	if (strcmp(node->key, "url") == 0)
		return is_url(text) && bh_copy_text(w->url, sizeof(w->url), text) ? NULL : URL;
	if (strcmp(node->key, "secret") == 0)
		return read_path(text, w->secret) ? NULL : "a file's absolute path, or off";
	if (strcmp(node->key, "ca") == 0)
		return read_path(text, w->ca) ? NULL : "a file's absolute path, or off";
	if (strcmp(node->key, "kinds") == 0)
		return bh_config_read_kinds(node, &w->log)
			       ? NULL
			       : "a list of at most 16 kinds of events (docs/api.md has them)";
	if (strcmp(node->key, "format") == 0)
		return read_format(text, &w->log.format) ? NULL : "one of bulkhead, slack";
	return KEYS;
}

static int read_webhook(struct bh_config_webhook *w, const struct bh_yaml *map, size_t number,
			const char *file, struct bh_error *err)
{
	*w = (struct bh_config_webhook) { .log = { .events = true } };
	if (map->kind != BH_YAML_MAP || bh_yaml_get(map, "url") == NULL)
		return refuse(map, number, "",
			      "a map with url, and maybe secret, ca, kinds, format", file, err);
	for (size_t i = 0; i < map->count; i++) {
		const char *expected = read_key(w, &map->items[i]);

		if (expected != NULL)
			return refuse(&map->items[i], number, map->items[i].key, expected, file,
				      err);
	}
	return 0;
}

int bh_config_read_webhooks(struct bh_config_webhooks *webhooks, const struct bh_yaml *list,
			    const char *file, struct bh_error *err)
{
	int result = 0;

	memset(webhooks, 0, sizeof(*webhooks));
	if (list->kind != BH_YAML_LIST || list->count > BH_CONFIG_WEBHOOKS) {
		char expected[120];

		snprintf(expected, sizeof(expected),
			 "a list of at most %d like {url: \"https://HOST/PATH\", kinds: [leak]}",
			 BH_CONFIG_WEBHOOKS);
		return bh_config_refuse(err, file, list, PATH, expected);
	}
	for (size_t i = 0; result == 0 && i < list->count; i++)
		result = read_webhook(&webhooks->items[webhooks->count++], &list->items[i], i, file,
				      err);
	return result;
}
