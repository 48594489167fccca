/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "buffer.h"
#include "timefmt.h"

void bh_csv_text(const char *text, const char *end)
{
	bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
	bool quoted = strpbrk(text, ",\"\r\n") != NULL;

	if (quoted)
		putchar('"');
	if (formula)
		putchar('\'');
	for (; *text != '\0'; text++)
		printf("%s%c", *text == '"' ? "\"" : "", *text);
	printf("%s%s", quoted ? "\"" : "", end);
}

static const cJSON *at_path(const cJSON *object, const char *path)
{
	char key[40];
	size_t length = strcspn(path, ".");

	if (path[length] == '\0')
		return bh_get(object, path);
	snprintf(key, sizeof(key), "%.*s", (int)length, path);
	return at_path(bh_get(object, key), path + length + 1);
}

static void put_list(const cJSON *list, const char *end)
{
	struct bh_buffer text = { 0 };
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (cJSON_IsString(item))
			bh_buffer_printf(&text, "%s%s", text.length > 0 ? " " : "",
					 item->valuestring);
	bh_buffer_append(&text, "", 0);
	bh_csv_text(text.data, end);
	bh_buffer_free(&text);
}

static void put_number(double number, bool time, const char *end)
{
	char text[BH_TIME_TEXT];

	if (time && number > 0 && number < 1e11)
		printf("%s%s", bh_time_format((int64_t)(number * BH_SECOND), text), end);
	else if (number > -1e15 && number < 1e15)
		printf("%.*f%s", number == (double)(int64_t)number ? 0 : 6, number, end);
	else
		printf("%.15g%s", number, end);
}

static void put_value(const cJSON *value, bool time, const char *end)
{
	if (cJSON_IsString(value))
		bh_csv_text(value->valuestring, end);
	else if (cJSON_IsNumber(value))
		put_number(value->valuedouble, time, end);
	else if (cJSON_IsBool(value))
		printf("%s%s", cJSON_IsTrue(value) ? "true" : "false", end);
	else if (cJSON_IsArray(value))
		put_list(value, end);
	else
		fputs(end, stdout);
}

static const char *end_of(const struct bh_csv_column *column)
{
	return column[1].path != NULL ? "," : "\r\n";
}

void bh_csv_titles(const struct bh_csv_column *columns)
{
	for (; columns->path != NULL; columns++)
		bh_csv_text(columns->path, end_of(columns));
}

void bh_csv_row(const struct bh_csv_column *columns, const cJSON *object)
{
	for (; columns->path != NULL; columns++)
		put_value(at_path(object, columns->path), columns->time, end_of(columns));
}
