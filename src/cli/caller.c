/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "caller.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "map.h"

#define MOST_PROCESSES 64
#define MOST_ENVIRONMENT (1u << 20) /* bytes that are looked through */
#define CONSOLE_MAJOR 4		    /* virtual consoles and serial lines */
#define ADDRESS_WORDS 4
#define HEX "0123456789ABCDEF"

/* --- what the kernel writes ------------------------------------------------------------------- */

/* Words of eight hexadecimal digits, each as this machine's memory holds four bytes of the address;
 * returns where they end, NULL: they are none. */
static const char *read_words(const char *text, struct bh_addr *out)
{
	uint32_t words[ADDRESS_WORDS] = { 0 };
	size_t digits = strspn(text, HEX), count = digits / 8;

	if (digits % 8 != 0 || (count != 1 && count != ADDRESS_WORDS))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		char word[9] = "";

		memcpy(word, text + 8 * i, 8);
		words[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	*out = bh_addr_from_bytes(count == 1 ? BH_IPV4 : BH_IPV6, words);
	*out = bh_addr_unmapped(out);
	return text + digits;
}

/* " 0100007F:0016" */
static const char *read_end(const char *text, struct bh_addr *addr, uint16_t *port)
{
	text = read_words(text + strspn(text, " "), addr);
	if (text == NULL || *text != ':' || strspn(text + 1, HEX) != 4)
		return NULL;
	*port = (uint16_t)strtoul(text + 1, NULL, 16);
	return text + 5;
}

bool bh_tcp_line_parse(const char *line, struct bh_tcp_line *out)
{
	struct bh_tcp_line read = { .key = { .proto = IPPROTO_TCP } };
	unsigned state;

	line = strchr(line, ':');
	if (line != NULL)
		line = read_end(line + 1, &read.key.dst, &read.key.dport);
	if (line != NULL)
		line = read_end(line, &read.key.src, &read.key.sport);
	/* Between the two: queues, the timer, retransmissions, whose it is, its timeout. */
	if (line == NULL || sscanf(line, " %2x %*8x:%*8x %*2x:%*8x %*8x %*u %*d %20" SCNu64, &state,
				   &read.inode) != 2)
		return false;
	read.state = (uint8_t)state;
	*out = read;
	return true;
}

bool bh_process_parse(const char *stat, pid_t *parent, unsigned *terminal)
{
	/* The program's name, in brackets, may hold anything. */
	const char *behind = strrchr(stat, ')');
	int device;

	if (behind == NULL || sscanf(behind, ") %*c %9d %*d %*d %11d", parent, &device) != 2)
		return false;
	*terminal = (unsigned)device;
	return *parent >= 0;
}

/* --- /proc ------------------------------------------------------------------------------------ */

static int open_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* At most that many bytes of it; nothing where it cannot be read. */
static void read_of(pid_t pid, const char *name, size_t most, struct bh_buffer *out)
{
	int fd = open_of(pid, name);
	char chunk[4096];
	ssize_t got;

	bh_buffer_clear(out);
	while (fd >= 0 && out->length < most && (got = read(fd, chunk, sizeof(chunk))) > 0)
		bh_buffer_append(out, chunk, (size_t)got);
	bh_buffer_append(out, "", 0);
	if (fd >= 0)
		close(fd);
}

/* The processes that led here, this one first. */
struct lineage {
	pid_t pids[MOST_PROCESSES];
	size_t count;
	bool console;
};

static void find_lineage(struct lineage *l)
{
	struct bh_buffer stat = { 0 };
	unsigned terminal = 0;
	pid_t parent = 0;

	*l = (struct lineage) { 0 };
	for (pid_t pid = getpid(); pid > 0 && l->count < MOST_PROCESSES; pid = parent) {
		read_of(pid, "stat", 4096, &stat);
		if (!bh_process_parse(stat.data, &parent, &terminal))
			break;
		if (l->count == 0)
			l->console = major(terminal) == CONSOLE_MAJOR;
		l->pids[l->count++] = pid;
	}
	bh_buffer_free(&stat);
}

/* Calls line() for each socket of the process's network namespace. */
static void each_socket(pid_t pid, void (*line)(void *user, const struct bh_tcp_line *), void *user)
{
	static const char *const tables[] = { "net/tcp", "net/tcp6" };
	struct bh_tcp_line read;
	char text[512];

	for (size_t i = 0; i < 2; i++) {
		int fd = open_of(pid, tables[i]);
		FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

		while (file != NULL && fgets(text, sizeof(text), file) != NULL)
			if (bh_tcp_line_parse(text, &read))
				line(user, &read);
		if (file != NULL)
			fclose(file);
	}
}

/* --- what sshd said --------------------------------------------------------------------------- */

static bool is_same(const struct bh_flow_key *a, const struct bh_flow_key *b)
{
	return a->sport == b->sport && a->dport == b->dport && bh_addr_equal(&a->src, &b->src) &&
	       bh_addr_equal(&a->dst, &b->dst);
}

struct search {
	struct bh_flow_key key;
	bool found;
};

static void look_for(void *user, const struct bh_tcp_line *line)
{
	struct search *s = user;

	s->found = s->found || (line->state == BH_TCP_ESTABLISHED && is_same(&line->key, &s->key));
}

/* Some process may have gone to another namespace: sshd is where it was. */
static bool is_open(const struct lineage *l, const struct bh_flow_key *key)
{
	struct search s = { .key = *key };
	char before[64] = "", path[64], namespace[64];

	for (size_t i = 0; !s.found && i < l->count; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)l->pids[i]);
		ssize_t length = readlink(path, namespace, sizeof(namespace) - 1);
		namespace[length > 0 ? length : 0] = '\0';
		if (length <= 0 || strcmp(namespace, before) != 0)
			each_socket(l->pids[i], look_for, &s);
		memcpy(before, namespace, sizeof(before));
	}
	return s.found;
}

static const char *variable(const struct bh_buffer *environment, const char *name)
{
	size_t length = strlen(name);

	for (size_t at = 0; at < environment->length; at += strlen(environment->data + at) + 1) {
		const char *entry = environment->data + at;

		if (strncmp(entry, name, length) == 0 && entry[length] == '=')
			return entry + length + 1;
	}
	return NULL;
}

static bool find_said(const struct lineage *l, struct bh_flow_key *key)
{
	struct bh_buffer environment = { 0 };
	bool found = false;

	for (size_t i = 0; !found && i < l->count; i++) {
		read_of(l->pids[i], "environ", MOST_ENVIRONMENT, &environment);
		const char *said = variable(&environment, "SSH_CONNECTION");
		found = said != NULL && bh_session_parse(said, key) && is_open(l, key);
	}
	bh_buffer_free(&environment);
	return found;
}

/* --- what a process holds --------------------------------------------------------------------- */

/* Connections that processes hold and that came to a port on which their namespace waits for them.
 */
struct held {
	struct bh_map *inodes; /* of a process's sockets */
	bool *listened;	       /* by port */
	struct bh_sessions sessions;
	bool more; /* than fit */
};

static void note_listener(void *user, const struct bh_tcp_line *line)
{
	struct held *h = user;

	if (line->state == BH_TCP_LISTEN)
		h->listened[line->key.dport] = true;
}

/* The privileged half of an ssh server's holds the same as the other. */
static bool is_noted(const struct bh_sessions *sessions, const struct bh_flow_key *key)
{
	for (size_t i = 0; i < sessions->count; i++)
		if (is_same(&sessions->keys[i], key))
			return true;
	return false;
}

static void note_held(void *user, const struct bh_tcp_line *line)
{
	struct held *h = user;

	if (line->state != BH_TCP_ESTABLISHED || !h->listened[line->key.dport] ||
	    bh_map_get(h->inodes, &line->inode, sizeof(line->inode)) == NULL ||
	    is_noted(&h->sessions, &line->key))
		return;
	if (h->sessions.count < BH_SESSIONS)
		h->sessions.keys[h->sessions.count++] = line->key;
	else
		h->more = true;
}

static void find_inodes(pid_t pid, struct bh_map *inodes)
{
	char path[64], target[64];
	uint64_t inode;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		ssize_t length =
			readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[length > 0 ? length : 0] = '\0';
		if (sscanf(target, "socket:[%20" SCNu64, &inode) == 1)
			bh_map_put(inodes, &inode, sizeof(inode), inodes);
	}
	if (folder != NULL)
		closedir(folder);
}

static void gather_held(pid_t pid, struct held *h)
{
	h->inodes = bh_map_new(NULL);
	h->listened = bh_calloc(UINT16_MAX + 1, sizeof(bool));
	find_inodes(pid, h->inodes);
	if (bh_map_count(h->inodes) > 0) {
		each_socket(pid, note_listener, h);
		each_socket(pid, note_held, h);
	}
	bh_map_free(h->inodes);
	free(h->listened);
}

/* Who holds several may serve many people: which of them calls nobody can tell. */
static bool find_held(pid_t pid, struct bh_sessions *out)
{
	struct held h = { 0 };

	gather_held(pid, &h);
	*out = h.sessions;
	return h.sessions.count == 1;
}

/* --- anybody's -------------------------------------------------------------------------------- */

static bool serves_shells(pid_t pid)
{
	static const char *const servers[] = { "sshd\n", "sshd-session\n", "dropbear\n" };
	struct bh_buffer name = { 0 };
	bool serves = false;

	read_of(pid, "comm", 64, &name);
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		serves = serves || strcmp(name.data, servers[i]) == 0;
	bh_buffer_free(&name);
	return serves;
}

/* Sessions of everybody who is here by ssh. Of more than there is room for some are as good as
 * none: the caller's may be another. */
static bool find_anybodys(struct bh_sessions *out)
{
	struct held h = { .sessions = { .any = true } };
	DIR *folder = opendir("/proc");

	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && serves_shells(pid))
			gather_held(pid, &h);
	}
	if (folder != NULL)
		closedir(folder);
	*out = h.sessions;
	return h.sessions.count > 0 && !h.more;
}

const char *bh_caller_session(char out[BH_SESSIONS_TEXT])
{
	struct bh_sessions sessions = { .count = 1 };
	struct lineage lineage;

	find_lineage(&lineage);
	bool found = find_said(&lineage, &sessions.keys[0]);
	for (size_t i = 0; !found && i < lineage.count; i++)
		found = find_held(lineage.pids[i], &sessions);
	if (found || (!lineage.console && find_anybodys(&sessions)))
		return bh_sessions_format(&sessions, out);
	return lineage.console ? BH_CALLER_CONSOLE : NULL;
}
