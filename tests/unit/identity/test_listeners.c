/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who listens, from the kernel's own tables: recorded ones, and this very process's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listeners.h"

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"

static bool parse(const char *text, uint8_t proto, struct bh_listeners *out)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(file);
	bool whole = bh_listeners_parse(file, proto, out, NULL);
	fclose(file);
	return whole;
}

static bool has(const struct bh_listeners *l, uint8_t proto, uint16_t port)
{
	for (uint16_t i = 0; i < l->count; i++)
		if (l->ports[i].proto == proto && l->ports[i].port == port)
			return true;
	return false;
}

static void tcp_listens_in_one_state(void **state)
{
	struct bh_listeners l = { 0 };

	(void)state;
	assert_true(parse(HEAD
			  "   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000\n"
			  "   1: 0500580A:1539 0600580A:9C40 01 00000000:00000000 00:00000000\n"
			  "   2: 0500580A:153A 0600580A:9C41 06 00000000:00000000 00:00000000\n",
			  IPPROTO_TCP, &l));
	assert_int_equal(l.count, 1);
	assert_true(has(&l, IPPROTO_TCP, 5432));
}

static void udp_waits_where_it_is_connected_to_nobody(void **state)
{
	struct bh_listeners l = { 0 };

	(void)state;
	assert_true(parse(HEAD
			  " 10: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000\n"
			  " 11: 0500580A:9C42 0600580A:0035 01 00000000:00000000 00:00000000\n",
			  IPPROTO_UDP, &l));
	assert_true(parse(HEAD " 12: 00000000000000000000000000000000:0035 "
			       "00000000000000000000000000000000:0000 07 00000000:00000000\n",
			  IPPROTO_UDP, &l));
	assert_int_equal(l.count, 1); /* the same port, of both families */
	assert_true(has(&l, IPPROTO_UDP, 53));
}

static bool is_local(const struct bh_listeners *l, uint16_t port)
{
	for (uint16_t i = 0; i < l->count; i++)
		if (l->ports[i].port == port)
			return l->ports[i].local;
	fail();
	return false;
}

/* As a machine prints them that has the low byte first, which those that this is tested on do. */
static void what_listens_to_itself_alone_is_marked(void **state)
{
	struct bh_listeners l = { 0 };

	(void)state;
	assert_true(parse(HEAD " 1: 0B00007F:0001 00000000:0000 0A\n"
			       " 2: 00000000:0002 00000000:0000 0A\n"
			       " 3: 0500580A:0003 00000000:0000 0A\n"
			       " 4: 0100007F:0004 00000000:0000 0A\n",
			  IPPROTO_TCP, &l));
	assert_true(parse(HEAD " 1: 00000000000000000000000001000000:0005 "
			       "00000000000000000000000000000000:0000 0A\n"
			       " 2: 0000000000000000FFFF00000100007F:0006 "
			       "00000000000000000000000000000000:0000 0A\n"
			       " 3: 0000000000000000FFFF00000500580A:0007 "
			       "00000000000000000000000000000000:0000 0A\n"
			       " 4: 00000000000000000000000000000000:0004 "
			       "00000000000000000000000000000000:0000 0A\n"
			       " 5: 000080FE00000000FF0205420100007F:0008 "
			       "00000000000000000000000000000000:0000 0A\n",
			  IPPROTO_TCP, &l));
	assert_int_equal(l.count, 8);
	assert_true(is_local(&l, 1));
	assert_false(is_local(&l, 2));
	assert_false(is_local(&l, 3));
	assert_false(is_local(&l, 4)); /* for everybody by IPv6 */
	assert_true(is_local(&l, 5));
	assert_true(is_local(&l, 6));
	assert_false(is_local(&l, 7));
	assert_false(is_local(&l, 8));
}

static void what_does_not_fit_is_said(void **state)
{
	static char text[(BH_LISTENERS + 1) * 64];
	struct bh_listeners l = { 0 };
	size_t length = 0;

	(void)state;
	for (unsigned port = 1; port <= BH_LISTENERS + 1; port++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   " %u: 00000000:%04X 00000000:0000 0A\n", port, port);
	assert_false(parse(text, IPPROTO_TCP, &l));
	assert_int_equal(l.count, BH_LISTENERS);
}

static void junk_is_passed_over(void **state)
{
	struct bh_listeners l = { 0 };

	(void)state;
	assert_true(parse("\n: :\n0: 0:0 0:0\n-1: zz:zz zz:zz 0A\n", IPPROTO_TCP, &l));
	assert_int_equal(l.count, 0);
}

static uint64_t own_inode(void)
{
	struct stat info;

	assert_int_equal(stat("/proc/self/ns/net", &info), 0);
	return info.st_ino;
}

static void this_process_listens(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	static struct bh_listeners l;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	bh_listeners_read("/proc", getpid(), own_inode(), &l, NULL);
	assert_true(l.complete);
	assert_true(has(&l, IPPROTO_TCP, ntohs(address.sin_port)));
	close(fd);
	bh_listeners_read("/proc", getpid(), own_inode(), &l, NULL);
	assert_false(has(&l, IPPROTO_TCP, ntohs(address.sin_port)));
}

/* More records than a page holds: each of them is read. */
static void many_sockets_are_read_page_by_page(void **state)
{
	enum { SOCKETS = 100 };
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	static struct bh_listeners l;
	int fds[SOCKETS];

	(void)state;
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
	}
	bh_listeners_read("/proc", getpid(), own_inode(), &l, NULL);
	assert_true(l.complete);
	for (int i = 0; i < SOCKETS; i++) {
		struct sockaddr_in bound;

		assert_int_equal(getsockname(fds[i], (struct sockaddr *)&bound, &length), 0);
		assert_true(has(&l, IPPROTO_UDP, ntohs(bound.sin_port)));
		close(fds[i]);
	}
}

/* lines: of connections, behind a socket that listens on 5432. */
static void write_table(const char *path, unsigned lines)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(HEAD "   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000\n", file);
	while (lines-- > 0)
		fputs("   1: 0500580A:1539 0600580A:9C40 01 00000000:00000000 00:00000000\n", file);
	assert_int_equal(fclose(file), 0);
}

/* Connections without end do not hide who listens. */
static void what_is_read_in_part_names_who_listens(void **state)
{
	static const char *const tables[] = { "tcp", "tcp6", "udp", "udp6" };
	char proc[] = "/tmp/test-listeners-XXXXXX", path[300];
	static struct bh_listeners l;

	(void)state;
	assert_non_null(mkdtemp(proc));
	snprintf(path, sizeof(path), "mkdir -p %s/7/ns %s/7/net && ln -s 'net:[5]' %s/7/ns/net",
		 proc, proc, proc);
	assert_int_equal(system(path), 0);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/7/net/%s", proc, tables[i]);
		write_table(path, i == 0 ? 100000 : 0);
	}
	bh_listeners_read(proc, 7, 5, &l, NULL);
	snprintf(path, sizeof(path), "rm -r %s", proc);
	assert_int_equal(system(path), 0);
	assert_false(l.complete);
	assert_true(has(&l, IPPROTO_TCP, 5432));
}

/* A table is looked into unless the kernel says that no socket is in it. */
static void a_table_without_sockets_is_not_read(void **state)
{
	static const char *const tables[] = { "tcp", "tcp6", "udp", "udp6" };
	char proc[] = "/tmp/test-listeners-XXXXXX", command[600], path[300];
	static struct bh_listeners l;

	(void)state;
	assert_non_null(mkdtemp(proc));
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p 7/ns 7/net && ln -s 'net:[5]' 7/ns/net && "
		 "printf 'sockets: used 9\\nTCP: inuse 0 orphan 0\\nUDP: inuse 1 mem 0\\n' "
		 ">7/net/sockstat && printf 'TCP6: inuse\\n' >7/net/sockstat6",
		 proc);
	assert_int_equal(system(command), 0);
	/* A line that would be read if the file were: the protocol's own port for each. */
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/7/net/%s", proc, tables[i]);
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, HEAD " 0: 00000000:%04zX 00000000:0000 %s 00000000:00000000\n",
			1000 + i, i < 2 ? "0A" : "07");
		assert_int_equal(fclose(file), 0);
	}
	bh_listeners_read(proc, 7, 5, &l, NULL);
	snprintf(command, sizeof(command), "rm -r %s", proc);
	assert_int_equal(system(command), 0);
	assert_true(l.complete);
	assert_false(has(&l, IPPROTO_TCP, 1000));
	assert_true(has(&l, IPPROTO_TCP, 1001)); /* it does not say how many */
	assert_true(has(&l, IPPROTO_UDP, 1002)); /* it says one */
	assert_true(has(&l, IPPROTO_UDP, 1003)); /* it does not speak of it */
}

static void a_process_of_another_namespace_is_not_asked(void **state)
{
	static struct bh_listeners l;

	(void)state;
	bh_listeners_read("/proc", getpid(), own_inode() + 1, &l, NULL);
	assert_false(l.complete);
	assert_int_equal(l.count, 0);
	bh_listeners_read("/proc", 0, own_inode(), &l, NULL);
	assert_false(l.complete);
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A process of that namespace and container ("": in none) that has these sockets open. */
static void make_process(const char *proc, int pid, int space, const char *id, const char *sockets)
{
	char command[1000];

	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p %d/ns %d/fd && ln -s 'net:[%d]' %d/ns/net && "
		 "echo '0::/docker/%s' >%d/cgroup && "
		 "for s in %s; do ln -s \"socket:[$s]\" %d/fd/$s; done && ln -s /dev/null %d/fd/1",
		 proc, pid, pid, space, pid, id, pid, sockets, pid, pid);
	assert_int_equal(system(command), 0);
}

static const char *owner(const struct bh_listeners *l, uint16_t port)
{
	for (uint16_t i = 0; i < l->count; i++)
		if (l->ports[i].port == port)
			return l->ports[i].owner != 0 ? l->owners[l->ports[i].owner - 1] : "";
	return "not there";
}

static void a_socket_is_of_who_has_it_open(void **state)
{
	char proc[] = "/tmp/test-listeners-XXXXXX", command[300];
	static struct bh_listeners l;
	struct bh_map *sockets = bh_map_new(NULL);
	const char *text = HEAD "   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000 0 0 100\n"
				"   1: 00000000:1F41 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000 0 0 101\n"
				"   2: 00000000:1F42 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000 0 0 102\n"
				"   3: 00000000:1F43 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000 0 0 103\n"
				"   4: 00000000:1F44 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000 0 0 104\n";
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	(void)state;
	assert_non_null(mkdtemp(proc));
	make_process(proc, 7, 5, ID_A, "100 103");
	make_process(proc, 8, 5, ID_A, "100");
	make_process(proc, 9, 5, ID_B, "101 103");
	make_process(proc, 10, 5, "", "102");
	make_process(proc, 11, 6, ID_B, "104"); /* of another namespace */
	assert_true(bh_listeners_parse(file, IPPROTO_TCP, &l, sockets));
	fclose(file);
	bh_listeners_find_owners(proc, 5, &l, sockets);
	snprintf(command, sizeof(command), "rm -r %s", proc);
	assert_int_equal(system(command), 0);
	assert_string_equal(owner(&l, 8000), ID_A);
	assert_string_equal(owner(&l, 8001), ID_B);
	assert_string_equal(owner(&l, 8002), ""); /* no container's */
	assert_string_equal(owner(&l, 8003), ""); /* both have it */
	assert_string_equal(owner(&l, 8004), "");
	assert_int_equal(l.owner_count, 2);
	bh_map_free(sockets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_listens_in_one_state),
		cmocka_unit_test(udp_waits_where_it_is_connected_to_nobody),
		cmocka_unit_test(what_listens_to_itself_alone_is_marked),
		cmocka_unit_test(what_does_not_fit_is_said),
		cmocka_unit_test(junk_is_passed_over),
		cmocka_unit_test(this_process_listens),
		cmocka_unit_test(many_sockets_are_read_page_by_page),
		cmocka_unit_test(what_is_read_in_part_names_who_listens),
		cmocka_unit_test(a_table_without_sockets_is_not_read),
		cmocka_unit_test(a_socket_is_of_who_has_it_open),
		cmocka_unit_test(a_process_of_another_namespace_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
