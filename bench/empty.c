/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * empty SNAPLEN: what a packet ring costs by itself. It opens a TPACKET_V3 ring on all interfaces,
 * as libpcap does (blocks of 256 KiB, 32 MiB in all, handed over after 100 ms at the latest), has
 * the kernel copy SNAPLEN bytes of each packet into it, and gives every block back unread. Until
 * SIGTERM; then it prints how many packets there were.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BLOCK (256u << 10)
#define BLOCKS 128u
#define RETIRE_MS 100

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

static uint8_t *open_ring(int fd, uint32_t snaplen)
{
	int version = TPACKET_V3;
	struct tpacket_req3 ring = { .tp_block_size = BLOCK,
				     .tp_block_nr = BLOCKS,
				     .tp_frame_size = BLOCK,
				     .tp_frame_nr = BLOCKS,
				     .tp_retire_blk_tov = RETIRE_MS };
	struct sock_filter keep = BPF_STMT(BPF_RET | BPF_K, snaplen);
	struct sock_fprog filter = { 1, &keep };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) != 0)
		fail("empty: ring");
	uint8_t *blocks =
		mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (blocks == MAP_FAILED)
		fail("empty: mmap");
	return blocks;
}

/* Gives a block back; false: the kernel has not filled it yet. */
static int return_block(uint8_t *at, uint64_t *packets)
{
	struct tpacket_hdr_v1 *head = &((struct tpacket_block_desc *)(void *)at)->hdr.bh1;

	if ((__atomic_load_n(&head->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
		return 0;
	*packets += head->num_pkts;
	__atomic_store_n(&head->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	return 1;
}

int main(int argc, char **argv)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
	struct pollfd wait = { fd, POLLIN, 0 };
	uint64_t packets = 0;

	if (argc != 2) {
		fputs("usage: empty SNAPLEN\n", stderr);
		return 2;
	}
	signal(SIGTERM, end);
	if (fd < 0)
		fail("empty: packet socket");
	uint8_t *blocks = open_ring(fd, (uint32_t)strtoul(argv[1], NULL, 10));
	for (size_t block = 0; !over;) {
		if (return_block(blocks + block * BLOCK, &packets))
			block = (block + 1) % BLOCKS;
		else
			poll(&wait, 1, 500);
	}
	printf("{\"packets\":%llu}\n", (unsigned long long)packets);
	return 0;
}
