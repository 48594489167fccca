/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listeners.h"

#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"

#define PAGE 4096	   /* no machine has smaller ones */
#define LONGEST_RECORD 256 /* bytes, and more than any has */
#define MOST_LINES 20000   /* a namespace full of connections must not hold up the reader */
#define TCP_LISTENING 0x0a /* include/net/tcp_states.h */
#define UDP_UNCONNECTED 0x07

static bool has(const struct bh_listeners *l, uint8_t proto, uint16_t port)
{
	for (uint16_t i = 0; i < l->count; i++)
		if (l->ports[i].port == port && l->ports[i].proto == proto)
			return true;
	return false;
}

static bool add(struct bh_listeners *l, uint8_t proto, uint16_t port)
{
	if (has(l, proto, port))
		return true;
	if (l->count == BH_LISTENERS)
		return false;
	l->ports[l->count++] = (struct bh_listener) { port, proto };
	return true;
}

/* "  0: 0100007F:1F90 00000000:0000 0A …": local address and port, peer, state. */
static bool parse_line(const char *line, uint8_t proto, uint16_t *port)
{
	unsigned local, state;

	if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*4x %2x", &local, &state) != 2)
		return false;
	*port = (uint16_t)local;
	return state == (proto == IPPROTO_TCP ? TCP_LISTENING : UDP_UNCONNECTED);
}

bool bh_listeners_parse(FILE *file, uint8_t proto, struct bh_listeners *out)
{
	char line[512];
	uint16_t port;

	for (int lines = 0; fgets(line, sizeof(line), file) != NULL; lines++) {
		if (lines == MOST_LINES)
			return false;
		if (parse_line(line, proto, &port) && !add(out, proto, port))
			return false;
	}
	return true;
}

static bool is_in(const char *proc, int32_t pid, uint64_t inode)
{
	char path[300], text[64];
	uint64_t found;

	snprintf(path, sizeof(path), "%s/%" PRId32 "/ns/net", proc, pid);
	ssize_t length = readlink(path, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = '\0';
	return sscanf(text, "net:[%" SCNu64 "]", &found) == 1 && found == inode;
}

/* Before the kernel says that there is no more it walks through its table of all namespaces'
 * connections: milliseconds. So it is not asked again where it has said so: of its records it
 * answers as many as a page holds, and a page with room for another one is the last. False: not
 * all of them are read. */
static bool read_records(int fd, struct bh_buffer *out)
{
	char page[PAGE];
	ssize_t got;

	do {
		got = read(fd, page, sizeof(page));
		if (got < 0 || out->length > (size_t)MOST_LINES * LONGEST_RECORD)
			return false;
		bh_buffer_append(out, page, (size_t)got);
	} while (got + LONGEST_RECORD > PAGE);
	return true;
}

static bool parse_records(const struct bh_buffer *records, uint8_t proto, struct bh_listeners *out)
{
	FILE *file = records->length > 0 ? fmemopen(records->data, records->length, "r") : NULL;
	bool whole = file != NULL && bh_listeners_parse(file, proto, out);

	if (file != NULL)
		fclose(file);
	return whole;
}

static bool read_file(const char *proc, int32_t pid, const char *name, uint8_t proto,
		      struct bh_listeners *out)
{
	struct bh_buffer records = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "%s/%" PRId32 "/net/%s", proc, pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool whole = read_records(fd, &records);
	/* Those that listen come first: what was read in part names them. */
	whole = parse_records(&records, proto, out) && whole;
	close(fd);
	bh_buffer_free(&records);
	return whole;
}

void bh_listeners_read(const char *proc, int32_t pid, uint64_t inode, struct bh_listeners *out)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} files[] = { { "tcp", IPPROTO_TCP },
		      { "tcp6", IPPROTO_TCP },
		      { "udp", IPPROTO_UDP },
		      { "udp6", IPPROTO_UDP } };

	out->count = 0;
	out->complete = is_in(proc, pid, inode);
	for (size_t i = 0; out->complete && i < sizeof(files) / sizeof(files[0]); i++)
		out->complete = read_file(proc, pid, files[i].name, files[i].proto, out);
	/* The number may have become another process's while its files were read. */
	if (!is_in(proc, pid, inode)) {
		out->count = 0;
		out->complete = false;
	}
}
