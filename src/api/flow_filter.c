/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text becomes a tree of and, or, not and tests, by recursive descent: an or of ands of
 * negations. What a test asks for is one row of the table of words. Depth, length and the number of
 * tests are bounded, and so is what a flow's matching costs.
 */
#include "flow_filter.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "grow.h"
#include "nearest.h"
#include "pattern.h"
#include "protocol.h"
#include "query.h"
#include "timefmt.h"
#include "utf8.h"

#define WORD_ROOM 257 /* a word's bytes, and a NUL */

/* --- the words -------------------------------------------------------------------------------- */

enum field {
	SIDE, /* src, dst, via: what follows is of that end */
	ADDRESS,
	WORKLOAD,
	WHY,
	PORT,
	PROTOCOL,
	PROTOCOL_ITSELF, /* tcp */
	FAMILY,
	STATE,
	STATE_ITSELF, /* established */
	VERDICT,
	VERDICT_ITSELF, /* denied */
	VERDICT_BACK,
	DIRECTION,
	DNS,
	SNI,
	TUNNEL,
	REPLICA,
	BYTES,
	PACKETS,
	DURATION,
	LOSSY,
	ICMP_ERROR,
	MASKED,
	UNCOUNTED,
};

enum side {
	EITHER,
	SRC,
	DST,
	VIA, /* whom the client named, where that was translated */
};

/* number: of SIDE, PROTOCOL_ITSELF, FAMILY, STATE_ITSELF, VERDICT_ITSELF: which one. values: those
 * that may stand behind it, as a flow's JSON has them. of_daemon: a capture file does not know. */
static const struct word {
	const char *name;
	enum field field;
	unsigned number;
	const char (*values)[BH_JSON_WORD];
	size_t value_count;
	bool of_daemon;
} words[] = {
	{ .name = "src", .field = SIDE, .number = SRC },
	{ .name = "dst", .field = SIDE, .number = DST },
	{ .name = "via", .field = SIDE, .number = VIA, .of_daemon = true },
	{ .name = "host", .field = ADDRESS },
	{ .name = "net", .field = ADDRESS },
	{ .name = "ip", .field = ADDRESS },
	{ .name = "workload", .field = WORKLOAD, .of_daemon = true },
	{ .name = "why", .field = WHY, .of_daemon = true },
	{ .name = "port", .field = PORT },
	{ .name = "proto", .field = PROTOCOL },
	{ .name = "tcp", .field = PROTOCOL_ITSELF, .number = IPPROTO_TCP },
	{ .name = "udp", .field = PROTOCOL_ITSELF, .number = IPPROTO_UDP },
	{ .name = "sctp", .field = PROTOCOL_ITSELF, .number = IPPROTO_SCTP },
	{ .name = "icmp", .field = PROTOCOL_ITSELF, .number = IPPROTO_ICMP },
	{ .name = "icmpv6", .field = PROTOCOL_ITSELF, .number = IPPROTO_ICMPV6 },
	{ .name = "icmp6", .field = PROTOCOL_ITSELF, .number = IPPROTO_ICMPV6 },
	{ .name = "ipv4", .field = FAMILY, .number = BH_IPV4 },
	{ .name = "ipv6", .field = FAMILY, .number = BH_IPV6 },
	{ .name = "ip6", .field = FAMILY, .number = BH_IPV6 },
	{ .name = "state",
	  .field = STATE,
	  .values = bh_json_states,
	  .value_count = BH_JSON_STATES },
	{ .name = "attempted", .field = STATE_ITSELF, .number = BH_FLOW_ATTEMPTED },
	{ .name = "answered", .field = STATE_ITSELF, .number = BH_FLOW_ANSWERED },
	{ .name = "established", .field = STATE_ITSELF, .number = BH_FLOW_ESTABLISHED },
	{ .name = "refused", .field = STATE_ITSELF, .number = BH_FLOW_REFUSED },
	{ .name = "closed", .field = STATE_ITSELF, .number = BH_FLOW_CLOSED },
	{ .name = "verdict",
	  .field = VERDICT,
	  .values = bh_json_verdicts,
	  .value_count = BH_JSON_VERDICTS,
	  .of_daemon = true },
	{ .name = "delivered",
	  .field = VERDICT_ITSELF,
	  .number = BH_FLOW_DELIVERED,
	  .of_daemon = true },
	{ .name = "undelivered",
	  .field = VERDICT_ITSELF,
	  .number = BH_FLOW_UNDELIVERED,
	  .of_daemon = true },
	{ .name = "denied", .field = VERDICT_ITSELF, .number = BH_FLOW_DENIED, .of_daemon = true },
	{ .name = "verdict_back",
	  .field = VERDICT_BACK,
	  .values = bh_json_verdicts,
	  .value_count = BH_JSON_VERDICTS,
	  .of_daemon = true },
	{ .name = "direction",
	  .field = DIRECTION,
	  .values = bh_json_directions,
	  .value_count = BH_JSON_DIRECTIONS },
	{ .name = "dns", .field = DNS },
	{ .name = "sni", .field = SNI },
	{ .name = "tunnel", .field = TUNNEL },
	{ .name = "replica", .field = REPLICA, .of_daemon = true },
	{ .name = "bytes", .field = BYTES },
	{ .name = "packets", .field = PACKETS },
	{ .name = "duration", .field = DURATION },
	{ .name = "lossy", .field = LOSSY },
	{ .name = "icmp_error", .field = ICMP_ERROR },
	{ .name = "masked", .field = MASKED, .of_daemon = true },
	{ .name = "uncounted", .field = UNCOUNTED, .of_daemon = true },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static const char *const connectives[] = { "and", "or", "not" };

#define CONNECTIVES (sizeof(connectives) / sizeof(connectives[0]))

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < WORDS; i++)
		if (strcasecmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

const char *bh_flow_filter_word(size_t number)
{
	if (number < WORDS)
		return words[number].name;
	return number < WORDS + CONNECTIVES ? connectives[number - WORDS] : NULL;
}

const char *bh_flow_filter_value(const char *word, size_t number)
{
	const struct word *found = find_word(word);

	return found != NULL && number < found->value_count ? found->values[number] : NULL;
}

static bool has_ends(enum field field)
{
	return field == ADDRESS || field == WORKLOAD || field == WHY || field == PORT;
}

/* --- the tree --------------------------------------------------------------------------------- */

enum kind { ALL, AND, OR, NOT, TEST };

enum comparison { MORE, AT_LEAST, LESS, AT_MOST, EQUAL, UNEQUAL };

struct ports {
	uint8_t proto;
	bool any_proto; /* that has ports */
	uint16_t first, last;
};

struct test {
	enum field field;
	enum side side;
	const char *word; /* that it began with */
	bool of_daemon;
	union {
		struct bh_prefix prefix;
		struct ports ports;
		unsigned number;
		const char *pattern;
		struct {
			enum comparison how;
			double amount;
		} bound;
	};
};

struct node {
	enum kind kind;
	size_t left, right; /* of NOT: left */
	struct test test;
};

struct bh_flow_filter {
	struct node *nodes;
	size_t count, capacity;
	size_t root;
	size_t tests;
	char **patterns; /* the tests' */
	size_t pattern_count, pattern_capacity;
};

static size_t add_node(struct bh_flow_filter *f, const struct node *node)
{
	f->nodes = bh_grow(f->nodes, &f->capacity, f->count + 1, sizeof(*f->nodes));
	f->nodes[f->count] = *node;
	return f->count++;
}

void bh_flow_filter_free(struct bh_flow_filter *filter)
{
	if (filter == NULL)
		return;
	for (size_t i = 0; i < filter->pattern_count; i++)
		free(filter->patterns[i]);
	free(filter->patterns);
	free(filter->nodes);
	free(filter);
}

static const char *keep_pattern(struct bh_flow_filter *f, const char *pattern)
{
	f->patterns = bh_grow(f->patterns, &f->pattern_capacity, f->pattern_count + 1,
			      sizeof(*f->patterns));
	return f->patterns[f->pattern_count++] = bh_strdup(pattern);
}

/* --- tokens ----------------------------------------------------------------------------------- */

enum token { WORD, OPEN, CLOSE, TOKEN_AND, TOKEN_OR, TOKEN_NOT, COMPARE, END };

struct parser {
	const char *text;
	const char *at; /* behind the token */
	enum token token;
	size_t start; /* of the token: its position */
	char word[WORD_ROOM];
	bool quoted;
	enum comparison compare;
	size_t depth;
	/* "port 80 or 443", "src 10.0.0.1 or 10.0.0.2": what a value without a word continues. */
	bool continues;
	struct test last;
	struct bh_flow_filter *filter;
	struct bh_error *err;
	size_t failed_at;
};

__attribute__((format(printf, 3, 4))) static bool fail(struct parser *p, size_t position,
						       const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	p->failed_at = position;
	bh_error_set(p->err, -EINVAL, "character %zu: %s", bh_flow_filter_column(p->text, position),
		     text);
	return false;
}

static bool ends_word(const char *at)
{
	return *at == '\0' || isspace((unsigned char)*at) || strchr("()<>=\"'", *at) != NULL ||
	       strncmp(at, "!=", 2) == 0 || strncmp(at, "&&", 2) == 0 || strncmp(at, "||", 2) == 0;
}

static bool add_character(struct parser *p, size_t *length, char c)
{
	if (*length + 1 >= WORD_ROOM)
		return fail(p, p->start, "a word has at most %d bytes", WORD_ROOM - 1);
	p->word[(*length)++] = c;
	p->word[*length] = '\0';
	return true;
}

/* Behind a backslash the quote is a character; any other backslash is the pattern's. */
static bool read_quoted(struct parser *p)
{
	char quote = *p->at++;
	size_t length = 0;

	p->token = WORD;
	p->quoted = true;
	p->word[0] = '\0';
	for (; *p->at != quote; p->at++) {
		if (p->at[0] == '\\' && p->at[1] == quote)
			p->at++;
		if (*p->at == '\0')
			return fail(p, p->start, "this quotation has no end: %c is missing", quote);
		if (!add_character(p, &length, *p->at))
			return false;
	}
	p->at++;
	return true;
}

static bool read_word(struct parser *p)
{
	size_t length = 0;

	p->token = WORD;
	p->quoted = false;
	for (; !ends_word(p->at); p->at++)
		if (!add_character(p, &length, *p->at))
			return false;
	if (strcasecmp(p->word, "and") == 0)
		p->token = TOKEN_AND;
	else if (strcasecmp(p->word, "or") == 0)
		p->token = TOKEN_OR;
	else if (strcasecmp(p->word, "not") == 0)
		p->token = TOKEN_NOT;
	return true;
}

static const struct {
	const char *text;
	enum token token;
	enum comparison compare;
} signs[] = {
	/* Longer ones first. */
	{ "&&", TOKEN_AND, 0 },	    { "||", TOKEN_OR, 0 },
	{ "!=", COMPARE, UNEQUAL }, { ">=", COMPARE, AT_LEAST },
	{ "<=", COMPARE, AT_MOST }, { "==", COMPARE, EQUAL },
	{ ">", COMPARE, MORE },	    { "<", COMPARE, LESS },
	{ "=", COMPARE, EQUAL },    { "(", OPEN, 0 },
	{ ")", CLOSE, 0 },	    { "!", TOKEN_NOT, 0 },
};

static bool read_sign(struct parser *p)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t length = strlen(signs[i].text);

		if (strncmp(p->at, signs[i].text, length) != 0)
			continue;
		p->token = signs[i].token;
		p->compare = signs[i].compare;
		snprintf(p->word, sizeof(p->word), "%s", signs[i].text);
		p->at += length;
		return true;
	}
	return false;
}

/* Reads the next token. */
static bool advance(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
	p->start = (size_t)(p->at - p->text);
	p->quoted = false;
	if (*p->at == '\0') {
		p->token = END;
		return true;
	}
	if (*p->at == '"' || *p->at == '\'')
		return read_quoted(p);
	return read_sign(p) || read_word(p);
}

/* --- values ----------------------------------------------------------------------------------- */

/* What stands where a value should, in words. */
static const char *found(const struct parser *p, char out[WORD_ROOM + 8])
{
	if (p->token == END)
		return "nothing follows";
	snprintf(out, WORD_ROOM + 8, "not \"%s\"", p->word);
	return out;
}

static bool needs(struct parser *p, const char *word, const char *what)
{
	char room[WORD_ROOM + 8];

	return fail(p, p->start, "%s needs %s: %s", word, what, found(p, room));
}

static bool parse_address(struct parser *p, struct test *test)
{
	if (p->token != WORD || !bh_prefix_around(p->word, &test->prefix))
		return needs(p, test->word, "an address, or a network such as 10.0.0.0/8");
	return true;
}

static bool parse_pattern(struct parser *p, struct test *test)
{
	if (p->token != WORD || p->word[0] == '\0')
		return needs(p, test->word, "a name or a pattern");
	const char *fault = bh_pattern_fault(p->word);
	if (fault != NULL)
		return fail(p, p->start, "the pattern \"%s\" needs %s", p->word, fault);
	test->pattern = keep_pattern(p->filter, p->word);
	return true;
}

/* "80", "8000-8999"; *text moves on to what ends it. */
static bool read_range(const char **text, struct ports *ports)
{
	unsigned long bounds[2];

	for (int i = 0; i < 2; i++) {
		size_t digits = strspn(*text, "0123456789");

		if (digits == 0 || digits > 5)
			return false;
		bounds[i] = strtoul(*text, NULL, 10);
		*text += digits;
		if (i == 0 && **text != '-')
			bounds[++i] = bounds[0];
		else if (i == 0)
			++*text;
	}
	ports->first = (uint16_t)bounds[0];
	ports->last = (uint16_t)bounds[1];
	return bounds[1] <= UINT16_MAX && bounds[0] <= bounds[1];
}

/* "80", "53/udp", "8000-8999/tcp" */
static bool read_numbered(const char *text, struct ports *ports)
{
	if (!read_range(&text, ports))
		return false;
	ports->any_proto = *text == '\0';
	return ports->any_proto || (*text == '/' && bh_protocol_parse(text + 1, &ports->proto) &&
				    bh_protocol_has_ports(ports->proto));
}

/* "icmp/8:0", "icmp/8" with any code, "gre": as ports are printed. */
static bool read_named(const char *text, struct ports *ports)
{
	ports->any_proto = false;
	if (!bh_query_port(text, &ports->proto, &ports->first))
		return false;
	bool any_code = strchr(text, '/') != NULL && strchr(text, ':') == NULL;
	ports->last = any_code ? ports->first | 0xff : ports->first;
	return true;
}

static bool read_ports(const char *text, struct ports *ports)
{
	return isdigit((unsigned char)*text) ? read_numbered(text, ports) : read_named(text, ports);
}

static bool parse_port(struct parser *p, struct test *test)
{
	if (p->token != WORD || !read_ports(p->word, &test->ports))
		return needs(p, test->word, "a port such as 80, 53/udp, 8000-8999 or icmp/8");
	return true;
}

static bool parse_protocol(struct parser *p, struct test *test)
{
	const struct word *word = p->token == WORD ? find_word(p->word) : NULL;
	uint8_t proto;

	if (word != NULL && word->field == PROTOCOL_ITSELF) {
		test->number = word->number;
		return true;
	}
	if (p->token != WORD || !bh_protocol_parse(p->word, &proto))
		return needs(p, test->word, "a protocol such as tcp, or its number");
	test->number = proto;
	return true;
}

static bool parse_value(struct parser *p, const struct word *word, struct test *test)
{
	const char *names[8];
	char list[160] = "", hint[80] = "";
	size_t used = 0;

	for (size_t i = 0; i < word->value_count; i++) {
		test->number = (unsigned)i;
		if (p->token == WORD && strcasecmp(p->word, word->values[i]) == 0)
			return true;
		names[i] = word->values[i];
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 i == 0			      ? ""
					 : i + 1 == word->value_count ? " or "
								      : ", ",
					 names[i]);
	}
	const char *near = p->token == WORD ? bh_nearest(p->word, names, word->value_count) : NULL;
	if (near != NULL)
		snprintf(hint, sizeof(hint), "; did you mean %s?", near);
	char room[WORD_ROOM + 8];
	return fail(p, p->start, "%s is %s: %s%s", word->name, list, found(p, room), hint);
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit sizes[] = { { "", 1 },	       { "k", 1e3 },	 { "M", 1e6 },
				     { "G", 1e9 },     { "T", 1e12 },	 { "Ki", 1024.0 },
				     { "Mi", 0x1p20 }, { "Gi", 0x1p30 }, { "Ti", 0x1p40 },
				     { NULL, 0 } };
/* In µs. */
static const struct unit times[] = { { "", 1e6 },      { "ms", 1e3 },	{ "s", 1e6 },
				     { "m", 60e6 },    { "min", 60e6 }, { "h", 3600e6 },
				     { "d", 86400e6 }, { NULL, 0 } };

/* "1.5M": digits, perhaps with a fraction, and a unit. */
static bool read_amount(const char *text, const struct unit *units, double *amount)
{
	size_t whole = strspn(text, "0123456789"), length = whole;

	if (text[whole] == '.')
		length += 1 + strspn(text + whole + 1, "0123456789");
	if (whole == 0 || length > 30 || text[length - 1] == '.')
		return false;
	for (; units->name != NULL; units++) {
		if (strcasecmp(units->name, text + length) != 0)
			continue;
		*amount = strtod(text, NULL) * units->factor;
		return true;
	}
	return false;
}

static bool read_duration(const char *text, double *amount)
{
	int64_t microseconds;

	if (read_amount(text, times, amount))
		return true;
	if (!bh_duration_parse(text, &microseconds)) /* "1h30m" */
		return false;
	*amount = (double)microseconds;
	return true;
}

static bool parse_bound(struct parser *p, struct test *test)
{
	bool duration = test->field == DURATION, right;

	if (p->token != COMPARE)
		return needs(p, test->word, "a comparison: >, >=, <, <=, = or !=");
	test->bound.how = p->compare;
	if (!advance(p))
		return false;
	right = p->token == WORD && (duration ? read_duration(p->word, &test->bound.amount)
					      : read_amount(p->word, sizes, &test->bound.amount));
	if (right)
		return true;
	return needs(p, test->word,
		     duration ? "a time such as 30s, 250ms or 1h30m"
			      : "a number such as 1500, 10k, 1.5M or 4Gi");
}

/* --- tests ------------------------------------------------------------------------------------ */

static bool unknown_word(struct parser *p)
{
	const char *names[WORDS + CONNECTIVES];
	char goes_with[120] = "";
	size_t used = 0;

	for (size_t i = 0; i < WORDS + CONNECTIVES; i++)
		names[i] = bh_flow_filter_word(i);
	for (size_t i = 0; i < WORDS; i++)
		for (size_t j = 0; j < words[i].value_count; j++)
			if (strcasecmp(words[i].values[j], p->word) == 0)
				used += (size_t)snprintf(goes_with + used, sizeof(goes_with) - used,
							 "%s%s", used > 0 ? " or " : "",
							 words[i].name);
	if (used > 0)
		return fail(p, p->start, "%s of what? It stands behind %s", p->word, goes_with);
	const char *near = bh_nearest(p->word, names, WORDS + CONNECTIVES);
	if (near != NULL)
		return fail(p, p->start, "there is no word %s; did you mean %s?", p->word, near);
	return fail(p, p->start, "there is no word %s; a name stands behind workload, src or dst",
		    p->word);
}

/* Reads what stands behind the word, up to the value itself: which stays the parser's token. */
static bool parse_behind(struct parser *p, const struct word *word, struct test *test)
{
	switch (test->field) {
	case ADDRESS:
		return parse_address(p, test);
	case PORT:
		return parse_port(p, test);
	case PROTOCOL:
		return parse_protocol(p, test);
	case STATE:
	case VERDICT:
	case VERDICT_BACK:
	case DIRECTION:
		return parse_value(p, word, test);
	case BYTES:
	case PACKETS:
	case DURATION:
		return parse_bound(p, test);
	default:
		return parse_pattern(p, test);
	}
}

static bool stands_alone(enum field field)
{
	return field == PROTOCOL_ITSELF || field == FAMILY || field == STATE_ITSELF ||
	       field == VERDICT_ITSELF || field >= LOSSY;
}

/* The word's test; the token is the one behind it. */
static bool parse_word(struct parser *p, const struct word *word, struct test *test)
{
	test->field = word->field;
	test->word = test->of_daemon ? test->word : word->name;
	test->of_daemon = test->of_daemon || word->of_daemon;
	test->number = word->number;
	if (stands_alone(word->field))
		return true;
	return parse_behind(p, word, test) && advance(p);
}

/* Whether an address is next, though the token is "host", which is also what this host is called.
 */
static bool address_follows(const struct parser *p)
{
	struct bh_prefix prefix;
	struct parser ahead = *p;

	ahead.err = NULL;
	return advance(&ahead) && ahead.token == WORD && bh_prefix_around(ahead.word, &prefix);
}

/* A name or an address right behind src, dst or via. */
static bool parse_end_itself(struct parser *p, struct test *test)
{
	if (p->token != WORD)
		return needs(p, test->word, "an address, a workload, or port and its like");
	test->field = ADDRESS;
	if (!p->quoted && bh_prefix_around(p->word, &test->prefix))
		return advance(p);
	if (test->side == VIA)
		return needs(p, test->word, "an address or a port");
	test->field = WORKLOAD;
	test->of_daemon = true;
	test->word = "workload";
	return parse_pattern(p, test) && advance(p);
}

static bool parse_of_end(struct parser *p, struct test *test)
{
	const struct word *word = p->token == WORD && !p->quoted ? find_word(p->word) : NULL;
	bool this_host = word != NULL && strcmp(word->name, "host") == 0 && !address_follows(p);

	if (word == NULL || this_host)
		return parse_end_itself(p, test);
	if (!has_ends(word->field) ||
	    (test->side == VIA && word->field != ADDRESS && word->field != PORT))
		return fail(p, p->start,
			    "%s does not stand behind %s; a workload of that name: %s "
			    "workload %s",
			    word->name, test->word, test->word, word->name);
	return advance(p) && parse_word(p, word, test);
}

/* A value alone continues what was said last: "port 80 or 443". Else an address is of either end.
 */
static bool parse_value_alone(struct parser *p, struct test *test)
{
	struct bh_prefix prefix;
	bool address = bh_prefix_around(p->word, &prefix);

	if (p->continues && p->last.field == PORT && !address &&
	    read_ports(p->word, &test->ports)) {
		struct ports ports = test->ports;

		*test = p->last;
		test->ports = ports;
		return advance(p);
	}
	if (!address)
		return unknown_word(p);
	if (p->continues && p->last.field == ADDRESS)
		*test = p->last;
	test->field = ADDRESS;
	test->prefix = prefix;
	return advance(p);
}

static bool parse_test(struct parser *p, struct test *test)
{
	const struct word *word = p->quoted ? NULL : find_word(p->word);

	*test = (struct test) { .word = word != NULL ? word->name : "this" };
	if (p->quoted)
		return fail(p, p->start,
			    "\"%s\" stands behind nothing that takes a name; workload "
			    "\"%s\"?",
			    p->word, p->word);
	if (word == NULL)
		return parse_value_alone(p, test);
	if (!advance(p))
		return false;
	if (word->field != SIDE)
		return parse_word(p, word, test);
	test->side = word->number;
	test->of_daemon = word->of_daemon;
	return parse_of_end(p, test);
}

/* --- and, or, not ----------------------------------------------------------------------------- */

static bool parse_or(struct parser *p, size_t *node);

static bool add_test(struct parser *p, size_t *node)
{
	struct node made = { .kind = TEST };
	size_t start = p->start;

	if (p->filter->tests++ == BH_FLOW_FILTER_TESTS)
		return fail(p, start, "a filter has at most %d tests", BH_FLOW_FILTER_TESTS);
	if (!parse_test(p, &made.test))
		return false;
	p->last = made.test;
	p->continues = true;
	*node = add_node(p->filter, &made);
	return true;
}

static bool parse_parentheses(struct parser *p, size_t *node)
{
	size_t opened = p->start;

	if (!advance(p) || !parse_or(p, node))
		return false;
	if (p->token != CLOSE)
		return fail(p, opened, "this parenthesis is not closed");
	return advance(p);
}

static bool parse_not(struct parser *p, size_t *node);

static bool parse_one(struct parser *p, size_t *node)
{
	switch (p->token) {
	case TOKEN_NOT:
		return parse_not(p, node);
	case OPEN:
		return parse_parentheses(p, node);
	case WORD:
		return add_test(p, node);
	case END:
		return fail(p, p->start, "something is missing here: a test such as port 80");
	default:
		return fail(p, p->start, "\"%s\" has nothing to stand behind", p->word);
	}
}

static bool parse_unary(struct parser *p, size_t *node)
{
	if (p->depth++ == BH_FLOW_FILTER_DEPTH)
		return fail(p, p->start, "parentheses and not are nested more than %d deep",
			    BH_FLOW_FILTER_DEPTH);
	bool done = parse_one(p, node);
	p->depth--;
	return done;
}

static bool parse_not(struct parser *p, size_t *node)
{
	struct node made = { .kind = NOT };

	if (!advance(p) || !parse_unary(p, &made.left))
		return false;
	*node = add_node(p->filter, &made);
	return true;
}

static bool begins_another(const struct parser *p)
{
	return p->token != TOKEN_OR && p->token != CLOSE && p->token != END;
}

/* What stands side by side without a word between is "and". */
static bool parse_and(struct parser *p, size_t *node)
{
	if (!parse_unary(p, node))
		return false;
	while (begins_another(p)) {
		struct node made = { .kind = AND, .left = *node };

		p->continues = p->token == TOKEN_AND;
		if ((p->token == TOKEN_AND && !advance(p)) || !parse_unary(p, &made.right))
			return false;
		*node = add_node(p->filter, &made);
	}
	return true;
}

static bool parse_or(struct parser *p, size_t *node)
{
	if (!parse_and(p, node))
		return false;
	while (p->token == TOKEN_OR) {
		struct node made = { .kind = OR, .left = *node };

		if (!advance(p) || !parse_and(p, &made.right))
			return false;
		*node = add_node(p->filter, &made);
	}
	return true;
}

static bool parse_all(struct parser *p)
{
	struct node all = { .kind = ALL };

	if (strlen(p->text) > BH_FLOW_FILTER_LENGTH)
		return fail(p, BH_FLOW_FILTER_LENGTH, "a filter has at most %d bytes",
			    BH_FLOW_FILTER_LENGTH);
	if (!advance(p))
		return false;
	if (p->token == END) {
		p->filter->root = add_node(p->filter, &all);
		return true;
	}
	if (!parse_or(p, &p->filter->root))
		return false;
	return p->token == END || fail(p, p->start, "this parenthesis was never opened");
}

size_t bh_flow_filter_column(const char *text, size_t position)
{
	size_t column = 1, length = strlen(text);

	for (size_t at = 0; at < position && at < length; column++) {
		size_t bytes = bh_utf8_length(text + at, length - at);

		at += bytes > 0 ? bytes : 1;
	}
	return column;
}

struct bh_flow_filter *bh_flow_filter_parse(const char *text, size_t *position,
					    struct bh_error *err)
{
	struct parser p = {
		.text = text, .at = text, .filter = bh_calloc(1, sizeof(*p.filter)), .err = err
	};

	if (parse_all(&p))
		return p.filter;
	*position = p.failed_at;
	bh_flow_filter_free(p.filter);
	return NULL;
}

const char *bh_flow_filter_beyond_capture(const struct bh_flow_filter *filter)
{
	for (size_t i = 0; i < filter->count; i++)
		if (filter->nodes[i].kind == TEST && filter->nodes[i].test.of_daemon)
			return filter->nodes[i].test.word;
	return NULL;
}

/* --- flows ------------------------------------------------------------------------------------ */

struct shown {
	const struct bh_flow *flow;
	const struct bh_flow_names *names;
};

static bool fits(const char *pattern, const char *text, int flags)
{
	return text != NULL && fnmatch(pattern, text, flags) == 0;
}

/* A peer outside that was asked for by name is dns:NAME wherever edges are shown. */
static bool fits_outside(const char *pattern, const struct bh_flow_names *names)
{
	return names->dst_workload == NULL && strncmp(pattern, "dns:", 4) == 0 &&
	       fits(pattern + 4, names->dns, FNM_CASEFOLD);
}

static bool workload_fits(const struct test *t, const struct shown *s)
{
	bool src = t->side != DST && fits(t->pattern, s->names->src_workload, 0);

	return src || (t->side != SRC && (fits(t->pattern, s->names->dst_workload, 0) ||
					  fits_outside(t->pattern, s->names)));
}

static bool why_fits(const struct test *t, const struct shown *s)
{
	return (t->side != DST && fits(t->pattern, s->names->src_why, 0)) ||
	       (t->side != SRC && fits(t->pattern, s->names->dst_why, 0));
}

static bool address_fits(const struct test *t, const struct shown *s)
{
	const struct bh_flow_key *key = &s->flow->key, *via = s->names->via;

	if (t->side == VIA)
		return via != NULL && bh_prefix_contains(&t->prefix, &via->dst);
	return (t->side != DST && bh_prefix_contains(&t->prefix, &key->src)) ||
	       (t->side != SRC && bh_prefix_contains(&t->prefix, &key->dst));
}

static bool is_within(const struct ports *ports, uint16_t port)
{
	return port >= ports->first && port <= ports->last;
}

/* ICMP's type and code stand in the destination's port, and belong to neither end. */
static bool port_fits(const struct test *t, const struct shown *s)
{
	const struct bh_flow_key *key = &s->flow->key, *via = s->names->via;
	bool has_ports = bh_protocol_has_ports(key->proto);

	if (t->ports.any_proto ? !has_ports : key->proto != t->ports.proto)
		return false;
	if (t->side == VIA)
		return via != NULL && is_within(&t->ports, via->dport);
	if (!has_ports)
		return is_within(&t->ports, key->dport);
	return (t->side != DST && is_within(&t->ports, key->sport)) ||
	       (t->side != SRC && is_within(&t->ports, key->dport));
}

static bool compare(const struct test *t, double value)
{
	switch (t->bound.how) {
	case MORE:
		return value > t->bound.amount;
	case AT_LEAST:
		return value >= t->bound.amount;
	case LESS:
		return value < t->bound.amount;
	case AT_MOST:
		return value <= t->bound.amount;
	case EQUAL:
		return value == t->bound.amount;
	default:
		return value != t->bound.amount;
	}
}

/* Both ways; false where nobody counted: nothing is more, less or as much as what is not known. */
static bool count_fits(const struct test *t, const struct shown *s)
{
	const struct bh_tally *tx = bh_flow_half_counted(&s->flow->tx);
	const struct bh_tally *rx = bh_flow_half_counted(&s->flow->rx);

	if (s->names->uncounted) {
		if (s->names->tracked == NULL)
			return false;
		tx = &s->names->tracked[0];
		rx = &s->names->tracked[1];
	}
	return compare(t, t->field == BYTES ? (double)tx->bytes + (double)rx->bytes
					    : (double)tx->packets + (double)rx->packets);
}

static bool replica_fits(const struct test *t, const struct bh_flow_names *names)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)names->src_replica);
	return names->src_replica != 0 && fits(t->pattern, text, FNM_CASEFOLD);
}

static bool test_fits(const struct test *t, const struct shown *s)
{
	const struct bh_flow *flow = s->flow;
	const struct bh_flow_names *names = s->names;

	switch (t->field) {
	case ADDRESS:
		return address_fits(t, s);
	case WORKLOAD:
		return workload_fits(t, s);
	case WHY:
		return why_fits(t, s);
	case PORT:
		return port_fits(t, s);
	case PROTOCOL:
	case PROTOCOL_ITSELF:
		return flow->key.proto == t->number;
	case FAMILY:
		return flow->key.src.family == t->number;
	case STATE:
	case STATE_ITSELF:
		return flow->state == t->number;
	case VERDICT:
	case VERDICT_ITSELF:
		return names->verdict == t->number;
	case VERDICT_BACK:
		return names->verdict_back == t->number;
	case DIRECTION:
		return flow->direction == t->number;
	case DNS:
		return fits(t->pattern, names->dns, FNM_CASEFOLD);
	case SNI:
		return fits(t->pattern, names->sni, FNM_CASEFOLD);
	case TUNNEL:
		return fits(t->pattern, flow->tunnel[0] != '\0' ? flow->tunnel : NULL, 0);
	case REPLICA:
		return replica_fits(t, names);
	case BYTES:
	case PACKETS:
		return count_fits(t, s);
	case DURATION:
		return compare(t, (double)(flow->last - flow->first));
	case LOSSY:
		return flow->lossy || names->lossy;
	case ICMP_ERROR:
		return flow->icmp_error.count > 0;
	case MASKED:
		return names->masked != NULL;
	case UNCOUNTED:
		return names->uncounted;
	case SIDE:
		break;
	}
	return false;
}

/* As deep as the filter has tests, at most, and its nesting. */
static bool node_fits(const struct bh_flow_filter *f, size_t at, const struct shown *s)
{
	const struct node *node = &f->nodes[at];

	switch (node->kind) {
	case AND:
		return node_fits(f, node->left, s) && node_fits(f, node->right, s);
	case OR:
		return node_fits(f, node->left, s) || node_fits(f, node->right, s);
	case NOT:
		return !node_fits(f, node->left, s);
	case TEST:
		return test_fits(&node->test, s);
	default:
		return true;
	}
}

bool bh_flow_filter_matches(const struct bh_flow_filter *filter, const struct bh_flow *flow,
			    const struct bh_flow_names *names)
{
	struct shown shown = { .flow = flow, .names = names };

	return node_fits(filter, filter->root, &shown);
}
