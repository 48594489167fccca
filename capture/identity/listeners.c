/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listeners.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "buffer.h"
#include "cgroup.h"

#define PAGE 4096	   /* no machine has smaller ones */
#define LONGEST_RECORD 256 /* bytes, and more than any has */
#define MOST_LINES 20000   /* a namespace full of connections must not hold up the reader */
#define TCP_LISTENING 0x0a /* include/net/tcp_states.h */
#define UDP_UNCONNECTED 0x07

static struct bh_listener *find(struct bh_listeners *l, uint8_t proto, uint16_t port)
{
	for (uint16_t i = 0; i < l->count; i++)
		if (l->ports[i].port == port && l->ports[i].proto == proto)
			return &l->ports[i];
	return NULL;
}

/* NULL: there is no room for it. */
static struct bh_listener *add(struct bh_listeners *l, uint8_t proto, uint16_t port)
{
	struct bh_listener *known = find(l, proto, port);

	if (known != NULL || l->count == BH_LISTENERS)
		return known;
	l->ports[l->count] = (struct bh_listener) { .port = port, .proto = proto, .local = true };
	return &l->ports[l->count++];
}

/* "0100007F", "…0100007F": words of network order, printed as numbers of this machine. */
static bool is_loopback(const char *text)
{
	struct bh_addr addr = { 0 };
	uint32_t words[4] = { 0 };
	size_t count = strlen(text) / 8;

	for (size_t i = 0; i < count; i++)
		if (sscanf(text + i * 8, "%8" SCNx32, &words[i]) != 1)
			return false;
	bool is_mapped = count == 4 && words[0] == 0 && words[1] == 0 && words[2] == htonl(0xffff);
	if (is_mapped)
		words[0] = words[3];
	addr.family = count == 4 && !is_mapped ? BH_IPV6 : BH_IPV4;
	memcpy(addr.bytes, words, addr.family == BH_IPV6 ? 16 : 4);
	return bh_addr_is_loopback(&addr);
}

/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 23145 …": local
 * address and port, peer, state; queues, timer, retransmissions, user, timeout, the socket's inode.
 */
static bool parse_line(const char *line, uint8_t proto, uint16_t *port, bool *local,
		       uint64_t *socket)
{
	char address[33];
	unsigned number, state;

	*socket = 0;
	if (sscanf(line,
		   " %*u: %32[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*4x %2x %*x:%*x %*x:%*x %*x %*u %*u "
		   "%" SCNu64,
		   address, &number, &state, socket) < 3)
		return false;
	*port = (uint16_t)number;
	*local = is_loopback(address);
	return state == (proto == IPPROTO_TCP ? TCP_LISTENING : UDP_UNCONNECTED);
}

bool bh_listeners_parse(FILE *file, uint8_t proto, struct bh_listeners *out, struct bh_map *sockets)
{
	char line[512];
	uint16_t port;
	uint64_t socket;
	bool local;

	for (int lines = 0; fgets(line, sizeof(line), file) != NULL; lines++) {
		if (lines == MOST_LINES)
			return false;
		if (!parse_line(line, proto, &port, &local, &socket))
			continue;
		struct bh_listener *listener = add(out, proto, port);
		if (listener == NULL)
			return false;
		listener->local = listener->local && local;
		if (sockets != NULL && socket != 0)
			bh_map_put(sockets, &socket, sizeof(socket), listener);
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

static bool parse_records(const struct bh_buffer *records, uint8_t proto, struct bh_listeners *out,
			  struct bh_map *sockets)
{
	FILE *file = records->length > 0 ? fmemopen(records->data, records->length, "r") : NULL;
	bool whole = file != NULL && bh_listeners_parse(file, proto, out, sockets);

	if (file != NULL)
		fclose(file);
	return whole;
}

struct table {
	const char *name;
	uint8_t proto;
	const char *summary, *label; /* where the kernel says how many sockets are in it */
};

/* "TCP: inuse 3 orphan 0 …". Where nothing listens the kernel walks through its table of all
 * namespaces' connections, too, and says here in microseconds that there is no socket at all. */
static bool is_empty(const char *proc, int32_t pid, const struct table *table)
{
	size_t length = strlen(table->label);
	char path[300], line[256];
	unsigned sockets = 1;

	snprintf(path, sizeof(path), "%s/%" PRId32 "/net/%s", proc, pid, table->summary);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, table->label, length) == 0)
			sscanf(line + length, " inuse %u", &sockets);
	fclose(file);
	return sockets == 0;
}

static bool read_file(const char *proc, int32_t pid, const struct table *table,
		      struct bh_listeners *out, struct bh_map *sockets)
{
	struct bh_buffer records = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "%s/%" PRId32 "/net/%s", proc, pid, table->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool whole = read_records(fd, &records);
	/* Those that listen come first: what was read in part names them. */
	whole = parse_records(&records, table->proto, out, sockets) && whole;
	close(fd);
	bh_buffer_free(&records);
	return whole;
}

void bh_listeners_read(const char *proc, int32_t pid, uint64_t inode, struct bh_listeners *out,
		       struct bh_map *sockets)
{
	static const struct table tables[] = { { "tcp", IPPROTO_TCP, "sockstat", "TCP:" },
					       { "tcp6", IPPROTO_TCP, "sockstat6", "TCP6:" },
					       { "udp", IPPROTO_UDP, "sockstat", "UDP:" },
					       { "udp6", IPPROTO_UDP, "sockstat6", "UDP6:" } };

	out->count = 0;
	out->owner_count = 0;
	out->complete = is_in(proc, pid, inode);
	for (size_t i = 0; out->complete && i < sizeof(tables) / sizeof(tables[0]); i++)
		out->complete = is_empty(proc, pid, &tables[i]) ||
				read_file(proc, pid, &tables[i], out, sockets);
	/* The number may have become another process's while its files were read. */
	if (!is_in(proc, pid, inode)) {
		out->count = 0;
		out->complete = false;
	}
}

/* --- whose they are --------------------------------------------------------------------------- */

#define SEVERAL UINT8_MAX /* as owner, until all have been looked at */

/* 1 + the index of an owner; SEVERAL: there is no room for it. */
static uint8_t owner_number(struct bh_listeners *l, const char *id)
{
	uint8_t i = 0;

	while (i < l->owner_count && strcmp(l->owners[i], id) != 0)
		i++;
	if (i == BH_LISTENER_OWNERS)
		return SEVERAL;
	if (i == l->owner_count)
		memcpy(l->owners[l->owner_count++], id, BH_CONTAINER_ID);
	return i + 1;
}

/* The inode in "socket:[23145]". */
static bool read_socket(int directory, const char *name, uint64_t *socket)
{
	char text[64];
	ssize_t length = readlinkat(directory, name, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	return sscanf(text, "socket:[%" SCNu64 "]", socket) == 1;
}

static void claim_sockets(const char *proc, const char *pid, const char *id,
			  struct bh_listeners *out, const struct bh_map *sockets)
{
	char path[300];
	const struct dirent *entry;
	struct bh_listener *listener;
	uint64_t socket;

	snprintf(path, sizeof(path), "%s/%s/fd", proc, pid);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (!read_socket(dirfd(dir), entry->d_name, &socket) ||
		    (listener = bh_map_get(sockets, &socket, sizeof(socket))) == NULL)
			continue;
		uint8_t owner = owner_number(out, id);
		listener->owner =
			listener->owner == 0 || listener->owner == owner ? owner : SEVERAL;
	}
	closedir(dir);
}

void bh_listeners_find_owners(const char *proc, uint64_t inode, struct bh_listeners *out,
			      const struct bh_map *sockets)
{
	DIR *dir = opendir(proc);
	const struct dirent *entry;
	struct bh_cgroup_home home;
	struct bh_cgroup cgroup;

	bh_cgroup_home_read(proc, &home);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (is_in(proc, atoi(entry->d_name), inode) &&
		    bh_cgroup_of_process(proc, entry->d_name, &home, &cgroup) &&
		    cgroup.id[0] != '\0')
			claim_sockets(proc, entry->d_name, cgroup.id, out, sockets);
	if (dir != NULL)
		closedir(dir);
	for (uint16_t i = 0; i < out->count; i++)
		if (out->ports[i].owner == SEVERAL)
			out->ports[i].owner = 0;
}
