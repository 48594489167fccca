/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recorded_line.h"

#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#define MOST_TOKENS 128
#define MOST_EXACT (INT64_C(1) << 53) /* whole numbers that a double holds */
#define MOST_DECIMALS 22	      /* powers of ten that it holds */
#define MOST_DIGITS 40		      /* fewer than cJSON reads of a number */

/* --- keys ------------------------------------------------------------------------------------- */

/* Where in the line a key's value goes; below: if that is an object, the keys in it. */
struct key {
	const char *name;
	size_t length, at;
	const struct key *below;
};

#define KEY(type, name)                                                                            \
	{                                                                                          \
#name, sizeof(#name) - 1, offsetof(struct type, name), NULL                        \
	}
#define ABOVE(name, below)                                                                         \
	{                                                                                          \
#name, sizeof(#name) - 1, offsetof(struct bh_line, name), below                    \
	}
#define LAST_KEY                                                                                   \
	{                                                                                          \
		NULL, 0, 0, NULL                                                                   \
	}

static const struct key end_keys[] = { KEY(bh_line_end, ip),	   KEY(bh_line_end, port),
				       KEY(bh_line_end, workload), KEY(bh_line_end, replica),
				       KEY(bh_line_end, proxy),	   LAST_KEY };
static const struct key bytes_keys[] = { KEY(bh_line_bytes, bytes), LAST_KEY };
static const struct key line_keys[] = {
	KEY(bh_line, first),	 KEY(bh_line, last),   KEY(bh_line, proto),
	ABOVE(src, end_keys),	 ABOVE(dst, end_keys), ABOVE(tx, bytes_keys),
	ABOVE(rx, bytes_keys),	 KEY(bh_line, state),  KEY(bh_line, verdict),
	KEY(bh_line, direction), KEY(bh_line, dns),    KEY(bh_line, count),
	KEY(bh_line, deploy),	 KEY(bh_line, time),   ABOVE(via, end_keys),
	KEY(bh_line, lossy),	 KEY(bh_line, masked), LAST_KEY
};

static const struct key *find_key(const struct key *keys, const char *name, size_t length)
{
	for (; keys->name != NULL; keys++)
		if (keys->length == length && keys->name[0] == name[0] &&
		    memcmp(keys->name, name, length) == 0)
			return keys;
	return NULL;
}

/* NULL: nobody asks for it, or it was there before. */
static struct bh_value *room_for(const struct key *key, void *out)
{
	struct bh_value *value = key != NULL ? (void *)((char *)out + key->at) : NULL;

	return value != NULL && value->kind == BH_VALUE_ABSENT ? value : NULL;
}

/* --- where it stands -------------------------------------------------------------------------- */

struct cutting {
	char *text; /* each string in it is ended where its closing quote was */
	const jsmntok_t *tokens;
	int count, next;
};

static int after_blanks(const struct cutting *c, int at)
{
	while (c->text[at] == ' ' || c->text[at] == '\t')
		at++;
	return at;
}

/* "-12.5", where that is exact: then it is what strtod() says. */
static bool read_number(const char *at, const char *end, double *out)
{
	static const double tens[MOST_DECIMALS + 1] = { 1e0,  1e1,  1e2,  1e3,	1e4,  1e5,
							1e6,  1e7,  1e8,  1e9,	1e10, 1e11,
							1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
							1e18, 1e19, 1e20, 1e21, 1e22 };
	bool negative = *at == '-', fraction = false;
	int64_t digits = 0;
	int decimals = 0;

	at += negative;
	if (at == end || *at < '0' || *at > '9' || end - at > MOST_DIGITS)
		return false;
	for (; at < end; at++) {
		if (*at == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (*at < '0' || *at > '9' || decimals == MOST_DECIMALS)
			return false;
		digits = digits * 10 + (*at - '0');
		decimals += fraction;
		if (digits >= MOST_EXACT)
			return false;
	}
	*out = (double)digits / tens[decimals];
	if (negative)
		*out = -*out;
	return true;
}

static bool is_word(const char *at, const char *end, const char *word)
{
	size_t length = strlen(word);

	return (size_t)(end - at) == length && memcmp(at, word, length) == 0;
}

static bool read_primitive(const char *at, const char *end, struct bh_value *out)
{
	if (read_number(at, end, &out->number)) {
		out->kind = BH_VALUE_NUMBER;
		return true;
	}
	out->kind = is_word(at, end, "null")	? BH_VALUE_NULL
		    : is_word(at, end, "true")	? BH_VALUE_TRUE
		    : is_word(at, end, "false") ? BH_VALUE_FALSE
						: BH_VALUE_ABSENT;
	return out->kind != BH_VALUE_ABSENT;
}

static bool cut_object(struct cutting *c, const struct key *keys, void *out);

/* The value that begins at `at`, the next token, and where it ends. */
static bool cut_value(struct cutting *c, int *at, const struct key *key, void *out)
{
	struct bh_value ignored = { 0 }, *value = room_for(key, out);
	const jsmntok_t *token = &c->tokens[c->next];
	bool asked = value != NULL;

	value = asked ? value : &ignored;
	if (c->next == c->count)
		return false;
	switch (token->type) {
	case JSMN_STRING:
		if (token->start != *at + 1)
			return false;
		*value = (struct bh_value) { .kind = BH_VALUE_TEXT, .text = c->text + *at + 1 };
		c->text[token->end] = '\0';
		*at = token->end + 1;
		c->next++;
		return true;
	case JSMN_PRIMITIVE:
		if (token->start != *at)
			return false;
		*at = token->end;
		c->next++;
		return read_primitive(c->text + token->start, c->text + token->end, value);
	case JSMN_OBJECT:
		if (token->start != *at)
			return false;
		*at = token->end;
		value->kind = BH_VALUE_OTHER;
		return cut_object(c, asked ? key->below : NULL, value);
	default:
		return false;
	}
}

/* `"key": value`, and where it ends. */
static bool cut_member(struct cutting *c, int *at, const struct key *keys, void *out)
{
	const jsmntok_t *key = &c->tokens[c->next++];

	if (c->next > c->count || key->type != JSMN_STRING || key->start != *at + 1)
		return false;
	*at = after_blanks(c, key->end + 1);
	if (c->text[*at] != ':')
		return false;
	*at = after_blanks(c, *at + 1);
	return cut_value(
		c, at,
		keys != NULL ? find_key(keys, c->text + key->start, (size_t)(key->end - key->start))
			     : NULL,
		out);
}

/* The next token, an object whose every byte is accounted for. keys: NULL where nobody asks. */
static bool cut_object(struct cutting *c, const struct key *keys, void *out)
{
	const jsmntok_t *object = &c->tokens[c->next++];
	int at = after_blanks(c, object->start + 1);

	if (c->text[at] == '}')
		return at == object->end - 1;
	while (cut_member(c, &at, keys, out)) {
		at = after_blanks(c, at);
		if (c->text[at] == '}')
			return at == object->end - 1;
		if (c->text[at] != ',')
			return false;
		at = after_blanks(c, at + 1);
	}
	return false;
}

static bool cut_line(const char *text, struct bh_line *line)
{
	size_t length = strlen(text);
	jsmntok_t tokens[MOST_TOKENS];
	jsmn_parser parser;

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	if (length >= sizeof(line->text) || memchr(text, '\\', length) != NULL)
		return false;
	memcpy(line->text, text, length);
	line->text[length] = '\0';
	jsmn_init(&parser);
	struct cutting c = { .text = line->text,
			     .tokens = tokens,
			     .count =
				     jsmn_parse(&parser, line->text, length, tokens, MOST_TOKENS) };
	line->is_object = c.count > 0 && tokens[0].type == JSMN_OBJECT && tokens[0].start == 0 &&
			  tokens[0].end == (int)length && cut_object(&c, line_keys, line);
	return line->is_object;
}

/* --- through a tree --------------------------------------------------------------------------- */

static void take_object(const cJSON *object, const struct key *keys, void *out)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, object) {
		const struct key *key = find_key(keys, item->string, strlen(item->string));
		struct bh_value *value = room_for(key, out);

		if (value == NULL)
			continue;
		value->text = cJSON_GetStringValue(item);
		value->number = cJSON_IsNumber(item) ? item->valuedouble : 0;
		value->kind = value->text != NULL    ? BH_VALUE_TEXT
			      : cJSON_IsNumber(item) ? BH_VALUE_NUMBER
			      : cJSON_IsNull(item)   ? BH_VALUE_NULL
			      : cJSON_IsTrue(item)   ? BH_VALUE_TRUE
			      : cJSON_IsFalse(item)  ? BH_VALUE_FALSE
						     : BH_VALUE_OTHER;
		if (key->below != NULL && cJSON_IsObject(item))
			take_object(item, key->below, value);
	}
}

/* All but the text. */
static void begin(struct bh_line *line)
{
	memset(line, 0, offsetof(struct bh_line, text));
}

void bh_line_read_tree(const char *text, struct bh_line *line)
{
	begin(line);
	line->tree = cJSON_ParseWithOpts(text, NULL, true);
	line->is_object = cJSON_IsObject(line->tree);
	if (line->is_object)
		take_object(line->tree, line_keys, line);
}

void bh_line_read(const char *text, struct bh_line *line)
{
	begin(line);
	if (!cut_line(text, line))
		bh_line_read_tree(text, line);
}

void bh_line_clear(struct bh_line *line)
{
	cJSON_Delete(line->tree);
}
