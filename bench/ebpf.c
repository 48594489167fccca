/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ebpf OBJECT INTERFACE...: attaches the flow counter of ebpf_kernel.c to both ways of each
 * interface and reads its map once a second, as whoever reports flows has to. Until SIGTERM; then
 * it prints how many packets were counted. Its own CPU time is that of the reading: the counting
 * is done, and paid, by those who send. How long it took the kernel adds up meanwhile, and tells in
 * /proc/PID/fdinfo of the programs (run_time_ns).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ebpf_flow.h"

#define AT_ONCE 4096

static volatile sig_atomic_t over;

static void end(int signal)
{
	(void)signal;
	over = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void attach(const struct bpf_object *object, const char *program, const char *interface,
		   enum bpf_tc_attach_point where)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(interface),
			    .attach_point = where);
	DECLARE_LIBBPF_OPTS(
		bpf_tc_opts, options,
		.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(object, program)));

	if (hook.ifindex == 0 || bpf_tc_attach(&hook, &options) != 0)
		fail(interface);
}

static void attach_both(const struct bpf_object *object, const char *interface)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(interface),
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	bpf_tc_hook_create(&hook);
	attach(object, "count_in", interface, BPF_TC_INGRESS);
	attach(object, "count_out", interface, BPF_TC_EGRESS);
}

static void detach(const char *interface)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(interface),
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	bpf_tc_hook_destroy(&hook);
}

static __u64 sum_packets(int map)
{
	static struct ebpf_key keys[AT_ONCE];
	static struct ebpf_count counts[AT_ONCE];
	__u64 packets = 0, position = 0;
	bool first = true, more = true;

	while (more) {
		__u32 size = AT_ONCE;

		more = bpf_map_lookup_batch(map, first ? NULL : &position, &position, keys, counts,
					    &size, NULL) == 0;
		first = false;
		for (__u32 i = 0; i < size; i++)
			packets += counts[i].packets;
	}
	return packets;
}

int main(int argc, char **argv)
{
	__u64 packets = 0;

	if (argc < 3) {
		fputs("usage: ebpf OBJECT INTERFACE...\n", stderr);
		return 2;
	}
	struct bpf_object *object = bpf_object__open(argv[1]);
	if (object == NULL || bpf_object__load(object) != 0)
		fail("ebpf: the program does not load");
	if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		fail("ebpf: its time is not told");
	signal(SIGTERM, end);
	for (int i = 2; i < argc; i++)
		attach_both(object, argv[i]);
	for (; !over; sleep(1))
		packets = sum_packets(bpf_object__find_map_fd_by_name(object, "flows"));
	for (int i = 2; i < argc; i++)
		detach(argv[i]);
	bpf_object__close(object);
	printf("{\"packets\":%llu}\n", packets);
	return 0;
}
