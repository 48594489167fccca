/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two passes over the answers: the first collects the CNAMEs, from which each question's chain of
 * names is laid; the second takes the addresses of names that stand in a chain. What a hostile
 * message can cost is bounded everywhere: answers, CNAMEs, and the pointers of one name, which only
 * ever lead back.
 */
#include "dns.h"

#include <string.h>

#include "address.h"
#include "cursor.h"

#define MOST_ANSWERS 256
#define MOST_CNAMES 16
#define MOST_POINTERS 64 /* in one name */
#define MOST_OCTETS 255	 /* of one name, length bytes included */

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_SVCB = 64, TYPE_HTTPS = 65 };
enum { HINT_IPV4 = 4, HINT_IPV6 = 6 }; /* SvcParamKeys, RFC 9460 14.3 */
#define CLASS_IN 1

/* Of the header's second word. */
#define IS_RESPONSE 0x8000
#define OPCODE 0x7800
#define IS_TRUNCATED 0x0200
#define RCODE 0x000f

struct message {
	const uint8_t *data;
	size_t length;
};

struct record {
	char owner[BH_DNS_NAME];
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	struct bh_cursor data;
};

struct cname {
	char owner[BH_DNS_NAME];
	char target[BH_DNS_NAME];
	uint32_t ttl;
	bool used;
};

/* A name that a question leads to. */
struct link {
	const char *name;
	uint32_t ttl;
	uint8_t question;
};

struct answer {
	struct cname cnames[MOST_CNAMES];
	size_t cname_count;
	struct link links[BH_DNS_QUESTIONS + MOST_CNAMES];
	size_t link_count;
};

/* --- names ------------------------------------------------------------------------------------ */

struct text {
	char *out; /* BH_DNS_NAME bytes */
	size_t length;
};

static bool put_character(struct text *text, char c)
{
	if (text->length == BH_DNS_NAME - 1)
		return false;
	text->out[text->length++] = c;
	return true;
}

static bool put_octet(struct text *text, uint8_t octet)
{
	if (octet <= ' ' || octet > '~')
		return put_character(text, '\\') &&
		       put_character(text, (char)('0' + octet / 100)) &&
		       put_character(text, (char)('0' + octet / 10 % 10)) &&
		       put_character(text, (char)('0' + octet % 10));
	if ((octet == '.' || octet == '\\') && !put_character(text, '\\'))
		return false;
	return put_character(text, (char)(octet >= 'A' && octet <= 'Z' ? octet + 32 : octet));
}

static bool put_label(struct text *text, struct bh_cursor *label)
{
	uint8_t octet;

	if (text->length > 0 && !put_character(text, '.'))
		return false;
	while (bh_cursor_u8(label, &octet))
		if (!put_octet(text, octet))
			return false;
	return true;
}

/* Moves c to where the pointer leads, which is before *run: where the labels that it ends began. */
static bool follow_pointer(const struct message *m, uint8_t high, struct bh_cursor *c, size_t *run)
{
	uint8_t low;

	if (!bh_cursor_u8(c, &low))
		return false;
	size_t target = (size_t)(high & 0x3f) << 8 | low;
	if (target >= *run)
		return false;
	*run = target;
	*c = bh_cursor_over(m->data + target, m->length - target);
	return true;
}

/* Reads the name at *c and moves *c behind it; pointers lead elsewhere in the message. */
static bool read_name(const struct message *m, struct bh_cursor *c, char out[BH_DNS_NAME])
{
	struct bh_cursor at = *c, label;
	struct text text = { .out = out };
	size_t run = (size_t)(c->at - m->data), octets = 1, pointers = 0;
	uint8_t length;

	for (;;) {
		if (!bh_cursor_u8(&at, &length))
			return false;
		if (length >= 0xc0) {
			if (++pointers > MOST_POINTERS || !follow_pointer(m, length, &at, &run))
				return false;
			if (pointers == 1 && !bh_cursor_skip(c, 2))
				return false;
			continue;
		}
		octets += (size_t)length + 1;
		if (pointers == 0 && !bh_cursor_skip(c, (size_t)length + 1))
			return false;
		if (length == 0)
			break;
		if (length > 63 || octets > MOST_OCTETS || !bh_cursor_carve(&at, length, &label) ||
		    !put_label(&text, &label))
			return false;
	}
	if (text.length == 0)
		put_character(&text, '.');
	out[text.length] = '\0';
	return true;
}

/* --- records ---------------------------------------------------------------------------------- */

static bool read_question(const struct message *m, struct bh_cursor *c, struct bh_dns_question *out)
{
	uint16_t class;

	return read_name(m, c, out->name) && bh_cursor_u16(c, &out->type) &&
	       bh_cursor_u16(c, &class) && class == CLASS_IN;
}

static bool read_record(const struct message *m, struct bh_cursor *c, struct record *out)
{
	uint16_t length;

	if (!read_name(m, c, out->owner) || !bh_cursor_u16(c, &out->type) ||
	    !bh_cursor_u16(c, &out->class) || !bh_cursor_u32(c, &out->ttl) ||
	    !bh_cursor_u16(c, &length) || !bh_cursor_carve(c, length, &out->data))
		return false;
	/* RFC 2181 8: with the highest bit it counts as none. */
	if (out->ttl > INT32_MAX)
		out->ttl = 0;
	return true;
}

static bool note_cname(const struct message *m, struct record *record, struct answer *answer)
{
	if (answer->cname_count == MOST_CNAMES)
		return false;
	struct cname *cname = &answer->cnames[answer->cname_count];
	struct bh_cursor data = record->data;
	/* Where the record ends a name must not go on. */
	const struct message within = { m->data, (size_t)(data.at - m->data) + data.left };
	if (!read_name(&within, &data, cname->target) || data.left != 0)
		return false;
	for (size_t i = 0; i < answer->cname_count; i++)
		if (strcmp(answer->cnames[i].owner, record->owner) == 0)
			return false;
	memcpy(cname->owner, record->owner, sizeof(cname->owner));
	cname->ttl = record->ttl;
	cname->used = false;
	answer->cname_count++;
	return true;
}

/* --- chains ----------------------------------------------------------------------------------- */

static const struct link *find_link(const struct answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->link_count; i++)
		if (strcmp(answer->links[i].name, name) == 0)
			return &answer->links[i];
	return NULL;
}

static struct cname *find_cname(struct answer *answer, const char *owner)
{
	for (size_t i = 0; i < answer->cname_count; i++)
		if (strcmp(answer->cnames[i].owner, owner) == 0)
			return &answer->cnames[i];
	return NULL;
}

static void add_link(struct answer *answer, const char *name, uint32_t ttl, size_t question)
{
	if (find_link(answer, name) == NULL)
		answer->links[answer->link_count++] =
			(struct link) { name, ttl, (uint8_t)question };
}

/* From each question along its CNAMEs. False: in a loop. A CNAME that belongs to two questions is
 * the first one's. */
static bool lay_chains(struct answer *answer, const struct bh_dns_message *out)
{
	for (size_t i = 0; i < out->question_count; i++) {
		const char *name = out->questions[i].name;
		uint32_t ttl = INT32_MAX;
		struct cname *cname;

		add_link(answer, name, ttl, i);
		while ((cname = find_cname(answer, name)) != NULL && !cname->used) {
			cname->used = true;
			ttl = cname->ttl < ttl ? cname->ttl : ttl;
			name = cname->target;
			if (strcmp(name, out->questions[i].name) == 0)
				return false;
			add_link(answer, name, ttl, i);
		}
		/* The way on was walked already: by this question, in a circle. */
		if (cname != NULL && find_link(answer, name)->question == i)
			return false;
	}
	return true;
}

/* --- addresses -------------------------------------------------------------------------------- */

struct taker {
	struct bh_dns_message *out;
	const struct link *link;
	uint32_t ttl;
};

static void take_address(const struct taker *taker, enum bh_family family, const uint8_t *bytes)
{
	struct bh_dns_message *out = taker->out;

	if (out->address_count == BH_DNS_ADDRESSES)
		return;
	out->addresses[out->address_count++] =
		(struct bh_dns_address) { .addr = bh_addr_from_bytes(family, bytes),
					  .question = taker->link->question,
					  .ttl = taker->ttl };
}

/* One or more addresses, nothing else. */
static bool take_addresses(const struct taker *taker, struct bh_cursor *c, enum bh_family family)
{
	size_t size = bh_addr_size(family);
	uint8_t bytes[16];

	if (c->left == 0 || c->left % size != 0)
		return false;
	while (bh_cursor_bytes(c, bytes, size))
		take_address(taker, family, bytes);
	return true;
}

/* RFC 9460 2.2: priority, target, parameters in order of their keys. */
static bool take_hints(const struct message *m, const struct taker *taker, struct bh_cursor *c)
{
	const struct message within = { m->data, (size_t)(c->at - m->data) + c->left };
	char target[BH_DNS_NAME];
	uint16_t priority, key, length;
	int previous = -1;
	struct bh_cursor value;

	if (!bh_cursor_u16(c, &priority) || !read_name(&within, c, target))
		return false;
	while (c->left > 0) {
		if (!bh_cursor_u16(c, &key) || !bh_cursor_u16(c, &length) || key <= previous ||
		    !bh_cursor_carve(c, length, &value))
			return false;
		previous = key;
		/* Priority 0 is an alias, whose parameters are to be ignored. */
		if (priority == 0 || (key != HINT_IPV4 && key != HINT_IPV6))
			continue;
		if (!take_addresses(taker, &value, key == HINT_IPV4 ? BH_IPV4 : BH_IPV6))
			return false;
	}
	return true;
}

static bool take_record(const struct message *m, const struct answer *answer, struct record *record,
			struct bh_dns_message *out)
{
	struct taker taker = { .out = out, .link = find_link(answer, record->owner) };
	struct bh_cursor *data = &record->data;

	if (record->class != CLASS_IN || taker.link == NULL)
		return true;
	taker.ttl = record->ttl < taker.link->ttl ? record->ttl : taker.link->ttl;
	switch (record->type) {
	case TYPE_A:
		return data->left == 4 && take_addresses(&taker, data, BH_IPV4);
	case TYPE_AAAA:
		return data->left == 16 && take_addresses(&taker, data, BH_IPV6);
	case TYPE_SVCB:
	case TYPE_HTTPS:
		return take_hints(m, &taker, data);
	}
	return true;
}

/* c stands at the first answer. */
static bool read_answers(const struct message *m, struct bh_cursor c, uint16_t count,
			 struct bh_dns_message *out)
{
	struct answer answer;
	struct bh_cursor again = c;
	struct record record;

	answer.cname_count = answer.link_count = 0;
	for (uint16_t i = 0; i < count; i++)
		if (!read_record(m, &c, &record) ||
		    (record.type == TYPE_CNAME && record.class == CLASS_IN &&
		     !note_cname(m, &record, &answer)))
			return false;
	if (!lay_chains(&answer, out))
		return false;
	for (uint16_t i = 0; i < count; i++)
		if (!read_record(m, &again, &record) || !take_record(m, &answer, &record, out))
			return false;
	return true;
}

bool bh_dns_read(const uint8_t *data, size_t length, struct bh_dns_message *out)
{
	const struct message m = { data, length };
	struct bh_cursor c = bh_cursor_over(data, length);
	uint16_t flags, questions, answers;

	out->question_count = out->address_count = 0;
	if (!bh_cursor_u16(&c, &out->id) || !bh_cursor_u16(&c, &flags) ||
	    !bh_cursor_u16(&c, &questions) || !bh_cursor_u16(&c, &answers) ||
	    !bh_cursor_skip(&c, 4))
		return false;
	out->response = (flags & IS_RESPONSE) != 0;
	if ((flags & OPCODE) != 0 || questions == 0 || questions > BH_DNS_QUESTIONS)
		return false;
	for (; out->question_count < questions; out->question_count++)
		if (!read_question(&m, &c, &out->questions[out->question_count]))
			return false;
	if (!out->response || (flags & (IS_TRUNCATED | RCODE)) != 0)
		return true;
	return answers <= MOST_ANSWERS && read_answers(&m, c, answers, out);
}
