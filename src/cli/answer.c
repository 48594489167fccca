/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "table.h"
#include "utf8.h"

#define MOST_CHOSEN 20 /* replicas of a share that are named one by one */

/* --- JSON ------------------------------------------------------------------------------------- */

/* Children stand beside each other in lists of any length: only depth costs stack, and cJSON limits
 * that. */
static void make_harmless(cJSON *json)
{
	for (; json != NULL; json = json->next) {
		if (json->string != NULL)
			bh_harmless(json->string, "");
		if (json->valuestring != NULL)
			bh_harmless(json->valuestring, "");
		make_harmless(json->child);
	}
}

cJSON *bh_answer_parse(const char *text)
{
	cJSON *json = cJSON_ParseWithOpts(text, NULL, true);

	make_harmless(json);
	return json;
}

const cJSON *bh_get(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

const char *bh_text(const cJSON *json, const char *key)
{
	return cJSON_GetStringValue(bh_get(json, key));
}

const char *bh_word(const cJSON *json, const char *key)
{
	const char *text = bh_text(json, key);

	return text != NULL ? text : "-";
}

double bh_number(const cJSON *json, const char *key)
{
	const cJSON *item = bh_get(json, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *bh_answer_port(const cJSON *json, double port, char out[BH_PORT_TEXT])
{
	uint8_t proto;

	if (!bh_protocol_parse(bh_word(json, "proto"), &proto) || !(port >= 0 && port < 65536))
		return "-";
	return bh_port_format(proto, (uint16_t)port, out);
}

/* --- time ------------------------------------------------------------------------------------- */

static bool is_today(const struct tm *then)
{
	time_t now = time(NULL);
	struct tm today;

	localtime_r(&now, &today);
	return then->tm_year == today.tm_year && then->tm_yday == today.tm_yday;
}

char *bh_clock(double seconds, char out[BH_TIME_TEXT])
{
	struct tm then;

	strcpy(out, "-");
	if (!(seconds > 0 && seconds < 1e11))
		return out;
	if (bh_terminal_width() == 0)
		return bh_time_format((int64_t)(seconds * BH_SECOND), out);
	time_t when = (time_t)seconds;
	localtime_r(&when, &then);
	strftime(out, BH_TIME_TEXT, is_today(&then) ? "%H:%M:%S" : "%F %H:%M", &then);
	return out;
}

char *bh_age(double seconds, char out[BH_TIME_TEXT])
{
	if (seconds < 120)
		snprintf(out, BH_TIME_TEXT, "%.0f s", seconds);
	else if (seconds < 7200)
		snprintf(out, BH_TIME_TEXT, "%.0f min", seconds / 60);
	else if (seconds < 2 * 86400)
		snprintf(out, BH_TIME_TEXT, "%.0f h", seconds / 3600);
	else
		snprintf(out, BH_TIME_TEXT, "%.0f days", seconds / 86400);
	return out;
}

char *bh_mode_text(const char *mode, const cJSON *share, char out[BH_MODE_TEXT])
{
	bool percent = cJSON_IsNumber(bh_get(share, "percent"));
	double asked = bh_number(share, percent ? "percent" : "replicas");
	char more[32] = "";

	if (percent || asked != bh_number(share, "on"))
		snprintf(more, sizeof(more), "%.0f%s, ", asked, percent ? "%" : "");
	if (cJSON_IsObject(share))
		snprintf(out, BH_MODE_TEXT, "%s on %s%.0f of %.0f", mode, more,
			 bh_number(share, "on"), bh_number(share, "of"));
	else
		snprintf(out, BH_MODE_TEXT, "%s", mode);
	return out;
}

static void print_chosen(const cJSON *names)
{
	const cJSON *name;
	int count = 0, all = cJSON_GetArraySize(names);

	cJSON_ArrayForEach (name, names) {
		if (count == MOST_CHOSEN)
			break;
		printf("%s%s", count++ == 0 ? " (" : ", ",
		       cJSON_IsString(name) ? name->valuestring : "?");
	}
	if (all > count)
		printf(" and %d more", all - count);
	if (all > 0)
		putchar(')');
}

void bh_share_print(const char *indent, const cJSON *share)
{
	char text[BH_MODE_TEXT];

	if (!cJSON_IsObject(share))
		return;
	printf("%s%s: %s", indent, bh_word(share, "workload"),
	       bh_mode_text(bh_word(share, "mode"), share, text));
	print_chosen(bh_get(share, "instances"));
	printf(", %s the others\n", bh_word(share, "rest"));
}
