/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capture files: right ones, those that stop in the middle, and those that were made to hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "build.h"
#include "source.h"
#include "timefmt.h"

#define LINK_ETHERNET 1
#define LINK_RAW 101
#define LINK_PPP 9

struct result {
	int status;
	struct bh_file_stats file;
	struct bh_flow_table_stats table;
	struct bh_flow flows[16];
	size_t count;
	struct bh_error err;
};

static void collect(void *user, const struct bh_flow *flow)
{
	struct result *r = user;

	assert_true(r->count < 16);
	r->flows[r->count++] = *flow;
}

static struct bh_flow_table *new_table(struct result *r)
{
	struct bh_flow_table_config config = { .max_flows = 1000,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 3600 * BH_SECOND,
					       .closed_linger = 5 * BH_SECOND };

	*r = (struct result) { 0 };
	return bh_flow_table_new(&config, collect, r);
}

static FILE *open_bytes(const struct bytes *b, size_t length)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->data, length), length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	FILE *stream = fdopen(fd, "rb");
	assert_non_null(stream);
	return stream;
}

static struct result read_bytes(const struct bytes *b, size_t length)
{
	static struct result r;
	struct bh_flow_table *table = new_table(&r);

	r.status = bh_file_source_read_stream(open_bytes(b, length), table, &r.file, NULL, NULL,
					      &r.err);
	r.table = bh_flow_table_stats(table);
	bh_flow_table_free(table);
	return r;
}

static struct result read_path(const char *path)
{
	static struct result r;
	struct bh_flow_table *table = new_table(&r);

	r.status = bh_file_source_read(path, table, &r.file, NULL, NULL, &r.err);
	bh_flow_table_free(table);
	return r;
}

/* In the byte order of the file. */
static void put_order(struct bytes *b, uint32_t value, int size, bool big)
{
	for (int i = 0; i < size; i++)
		put8(b, value >> 8 * (big ? size - 1 - i : i));
}

static void put_pcap_header(struct bytes *b, uint32_t magic, uint32_t linktype, bool big)
{
	put_order(b, magic, 4, big);
	put_order(b, 2, 2, big);
	put_order(b, 4, 2, big);
	put_zeros(b, 8);
	put_order(b, 65535, 4, big);
	put_order(b, linktype, 4, big);
}

static struct bytes a_packet(bool ethernet, unsigned sport)
{
	struct bytes b = { 0 };

	if (ethernet)
		put_ethernet(&b, 0x0800);
	put_ipv4(&b, "10.0.0.1", "10.0.0.2", IPPROTO_UDP, 8);
	put_udp(&b, sport, 53, 0);
	return b;
}

static void put_record(struct bytes *b, uint32_t seconds, uint32_t fraction,
		       const struct bytes *packet, bool big)
{
	put_order(b, seconds, 4, big);
	put_order(b, fraction, 4, big);
	put_order(b, (uint32_t)packet->length, 4, big);
	put_order(b, (uint32_t)packet->length, 4, big);
	put(b, packet->data, packet->length);
}

static struct bytes two_packets(uint32_t magic, bool big)
{
	struct bytes b = { 0 }, one = a_packet(true, 1), two = a_packet(true, 2);
	uint32_t fraction = magic == 0xa1b23c4d ? 250000000 : 250000;

	put_pcap_header(&b, magic, LINK_ETHERNET, big);
	put_record(&b, 1000, fraction, &one, big);
	put_record(&b, 1001, fraction, &two, big);
	return b;
}

static void pcap_is_read_in_every_order_and_precision(void **state)
{
	static const struct {
		uint32_t magic;
		bool big;
	} forms[] = { { 0xa1b2c3d4, false },
		      { 0xa1b2c3d4, true },
		      { 0xa1b23c4d, false },
		      { 0xa1b23c4d, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct bytes b = two_packets(forms[i].magic, forms[i].big);
		struct result r = read_bytes(&b, b.length);

		assert_int_equal(r.status, 0);
		assert_int_equal(r.file.packets, 2);
		assert_int_equal(r.file.bytes_read, 2 * 42);
		assert_false(r.file.truncated);
		assert_int_equal(r.count, 2);
		assert_int_equal(r.flows[0].first, 1000 * BH_SECOND + 250000);
		assert_int_equal(r.flows[1].key.sport, 2);
		assert_int_equal(r.flows[1].tx.sent.bytes, 28);
		assert_true(r.flows[0].final);
	}
}

static void put_block(struct bytes *b, uint32_t type, const struct bytes *body)
{
	size_t padding = (4 - body->length % 4) % 4;
	uint32_t total = (uint32_t)(12 + body->length + padding);

	put_order(b, type, 4, false);
	put_order(b, total, 4, false);
	put(b, body->data, body->length);
	put_zeros(b, padding);
	put_order(b, total, 4, false);
}

static void put_pcapng_head(struct bytes *b, unsigned linktype)
{
	struct bytes section = { 0 }, interface = { 0 };

	put_order(&section, 0x1a2b3c4d, 4, false);
	put_order(&section, 1, 2, false);
	put_order(&section, 0, 2, false);
	put_order(&section, 0xffffffff, 4, false);
	put_order(&section, 0xffffffff, 4, false);
	put_block(b, 0x0a0d0d0a, &section);
	put_order(&interface, linktype, 2, false);
	put_order(&interface, 0, 2, false);
	put_order(&interface, 0, 4, false);
	put_block(b, 1, &interface);
}

static void put_enhanced_packet(struct bytes *b, const struct bytes *packet)
{
	struct bytes body = { 0 };

	put_order(&body, 0, 4, false);
	put_order(&body, 0, 4, false);
	put_order(&body, 5000000, 4, false); /* µs */
	put_order(&body, (uint32_t)packet->length, 4, false);
	put_order(&body, (uint32_t)packet->length, 4, false);
	put(&body, packet->data, packet->length);
	put_block(b, 6, &body);
}

static void pcapng_is_read(void **state)
{
	struct bytes b = { 0 }, packet = a_packet(false, 7);

	(void)state;
	put_pcapng_head(&b, LINK_RAW);
	put_enhanced_packet(&b, &packet);
	struct result r = read_bytes(&b, b.length);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.flows[0].key.sport, 7);
	assert_int_equal(r.flows[0].first, 5 * BH_SECOND);
}

static void a_cut_file_gives_what_is_there(void **state)
{
	struct bytes b = two_packets(0xa1b2c3d4, false);
	size_t record = 16 + 42;

	(void)state;
	for (size_t length = 0; length < b.length; length++) {
		struct result r = read_bytes(&b, length);

		if (length < 24) {
			assert_int_equal(r.status, -EINVAL);
			assert_non_null(strstr(r.err.text, "pcap"));
			continue;
		}
		size_t whole = (length - 24) / record;
		assert_int_equal(r.status, 0);
		assert_int_equal(r.file.packets, whole);
		assert_int_equal(r.count, whole);
		assert_int_equal(r.file.truncated, (length - 24) % record != 0);
		assert_int_equal(r.file.problem[0] != '\0', r.file.truncated);
	}
}

static void a_cut_pcapng_gives_what_is_there(void **state)
{
	struct bytes b = { 0 }, packet = a_packet(false, 7);

	(void)state;
	put_pcapng_head(&b, LINK_RAW);
	size_t head = b.length;
	put_enhanced_packet(&b, &packet);
	size_t first = b.length;
	put_enhanced_packet(&b, &packet);
	for (size_t length = 0; length < b.length; length++) {
		struct result r = read_bytes(&b, length);

		assert_int_equal(r.status, length < head ? -EINVAL : 0);
		assert_int_equal(r.file.packets, length < first ? 0 : 1);
		if (length > head && length != first)
			assert_true(r.file.truncated);
	}
}

static void hostile_lengths_end_the_reading(void **state)
{
	static const uint32_t lengths[] = { 0xffffffff, 0x80000000, 0x7fffffff, 1 << 24 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bytes b = two_packets(0xa1b2c3d4, false);

		b.length = 24 + 58 + 8; /* into the second record */
		put_order(&b, lengths[i], 4, false);
		put_order(&b, lengths[i], 4, false);
		put_zeros(&b, 100);
		struct result r = read_bytes(&b, b.length);
		assert_int_equal(r.status, 0);
		assert_int_equal(r.count, 1);
		assert_true(r.file.truncated);
	}
}

static void times_beyond_reason_do_no_harm(void **state)
{
	struct bytes b = { 0 }, packet = a_packet(true, 1);

	(void)state;
	put_pcap_header(&b, 0xa1b2c3d4, LINK_ETHERNET, false);
	put_record(&b, 0xffffffff, 0xffffffff, &packet, false);
	put_record(&b, 0, 0, &packet, false);
	put_record(&b, 0x7fffffff, 999999, &packet, false);
	struct result r = read_bytes(&b, b.length);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.file.packets, 3);
	uint64_t packets = 0;
	for (size_t i = 0; i < r.count; i++)
		packets += r.flows[i].tx.sent.packets;
	assert_int_equal(packets, 3);
}

static void other_link_types_are_counted(void **state)
{
	struct bytes b = { 0 }, packet = a_packet(false, 1);

	(void)state;
	put_pcap_header(&b, 0xa1b2c3d4, LINK_PPP, false);
	put_record(&b, 1, 0, &packet, false);
	put_record(&b, 2, 0, &packet, false);
	struct result r = read_bytes(&b, b.length);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.table.undecoded[BH_UNKNOWN_LINKTYPE], 2);
	assert_int_equal(r.table.packets, 2);
}

static void what_is_no_capture_is_refused_in_words(void **state)
{
	struct bytes b = { 0 };

	(void)state;
	put(&b, "\x1f\x8b\x08 this is something else altogether", 38);
	struct result r = read_bytes(&b, b.length);
	assert_int_equal(r.status, -EINVAL);
	assert_non_null(strstr(r.err.text, "pcap and pcapng"));
	r = read_path("/nonexistent/capture.pcap");
	assert_int_equal(r.status, -ENOENT);
	assert_non_null(strstr(r.err.text, "/nonexistent/capture.pcap"));
	r = read_path("/");
	assert_true(r.status < 0);
	assert_true(strlen(r.err.text) > 2);
	r = read_path("/dev/null");
	assert_int_equal(r.status, -EINVAL);
	assert_non_null(strstr(r.err.text, "/dev/null"));
}

static void count_calls(void *user, uint64_t done, uint64_t total)
{
	size_t *calls = user;

	assert_true(done <= total);
	(*calls)++;
}

static void progress_is_told_in_long_files(void **state)
{
	struct bytes head = { 0 }, record = { 0 }, packet = a_packet(true, 1);
	struct result r;
	struct bh_flow_table *table = new_table(&r);
	size_t calls = 0;

	(void)state;
	put_pcap_header(&head, 0xa1b2c3d4, LINK_ETHERNET, false);
	put_record(&record, 1000, 0, &packet, false);
	FILE *stream = tmpfile();
	assert_non_null(stream);
	fwrite(head.data, head.length, 1, stream);
	for (int i = 0; i < 150000; i++)
		fwrite(record.data, record.length, 1, stream);
	rewind(stream);
	assert_int_equal(
		bh_file_source_read_stream(stream, table, &r.file, count_calls, &calls, &r.err), 0);
	bh_flow_table_free(table);
	assert_int_equal(r.file.packets, 150000);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.flows[0].tx.sent.packets, 150000);
	assert_int_equal(calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap_is_read_in_every_order_and_precision),
		cmocka_unit_test(pcapng_is_read),
		cmocka_unit_test(a_cut_file_gives_what_is_there),
		cmocka_unit_test(a_cut_pcapng_gives_what_is_there),
		cmocka_unit_test(hostile_lengths_end_the_reading),
		cmocka_unit_test(times_beyond_reason_do_no_harm),
		cmocka_unit_test(other_link_types_are_counted),
		cmocka_unit_test(what_is_no_capture_is_refused_in_words),
		cmocka_unit_test(progress_is_told_in_long_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
