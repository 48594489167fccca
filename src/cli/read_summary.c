/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "read_summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "buffer.h"
#include "answer.h"
#include "utf8.h"

#define MOST_CLAIMS_SAID 20

static void add_ethertypes(struct bh_buffer *text, const struct bh_flow_table_stats *table)
{
	const char *between = " (";

	for (size_t i = 0; i < BH_ETHERTYPES; i++) {
		const struct bh_ethertype_count *e = &table->ethertypes[i];

		if (e->count == 0)
			continue;
		bh_buffer_printf(text, "%s0x%04x: %" PRIu64, between, e->type, e->count);
		between = ", ";
	}
	if (between[0] == ',')
		bh_buffer_puts(text, ")");
}

static void add_counts(struct bh_buffer *text, const struct bh_flow_table_stats *table,
		       const struct bh_dns_unread *dns, uint64_t claims_left_out)
{
	for (int i = BH_DECODED + 1; i < BH_UNDECODED_KINDS; i++) {
		if (table->undecoded[i] == 0)
			continue;
		bh_buffer_printf(text, ", %" PRIu64 " %s", table->undecoded[i],
				 bh_undecoded_name(i));
		if (i == BH_UNKNOWN_ETHERTYPE)
			add_ethertypes(text, table);
	}
	if (table->stray_errors > 0)
		bh_buffer_printf(text, ", %" PRIu64 " ICMP errors about no flow of the file",
				 table->stray_errors);
	if (table->orphan_fragments > 0)
		bh_buffer_printf(text, ", %" PRIu64 " fragments without their first",
				 table->orphan_fragments);
	if (table->unnoted > 0)
		bh_buffer_printf(text,
				 ", %" PRIu64 " errors or large packets noted on no flow for want "
				 "of room",
				 table->unnoted);
	if (table->evicted > 0)
		bh_buffer_printf(text, ", %" PRIu64 " flows ended early for want of room",
				 table->evicted);
	if (dns->streams > 0)
		bh_buffer_printf(text, ", %" PRIu64 " DNS streams given up", dns->streams);
	if (dns->fragments > 0)
		bh_buffer_printf(text, ", %" PRIu64 " DNS answers in fragments not read",
				 dns->fragments);
	if (dns->refused > 0)
		bh_buffer_printf(text, ", %" PRIu64 " doubtful DNS answers not believed",
				 dns->refused);
	if (claims_left_out > 0)
		bh_buffer_printf(text, ", %" PRIu64 " claimed names left out for want of room",
				 claims_left_out);
}

static void add_neighbour_kinds(struct bh_buffer *text, const char *protocol,
				const uint64_t counts[BH_NEIGHBOUR_KINDS])
{
	for (int i = 0; i < BH_NEIGHBOUR_KINDS; i++)
		if (counts[i] > 0)
			bh_buffer_printf(text, ", %" PRIu64 " %s %s", counts[i], protocol,
					 bh_neighbour_kind_name(i));
}

static void add_claim(struct bh_buffer *text, const struct bh_neighbour_claim *claim)
{
	char addr[BH_ADDR_TEXT], before[BH_MAC_TEXT], mac[BH_MAC_TEXT];

	bh_addr_format(&claim->addr, addr);
	bh_mac_format(&claim->before, before);
	bh_mac_format(&claim->mac, mac);
	if (claim->turns == 1)
		bh_buffer_printf(text, "\n%s moved from %s to %s", addr, before, mac);
	else
		bh_buffer_printf(
			text, "\n%s is claimed by %s and by %s: it changed hands %" PRIu64 " times",
			addr, before, mac, claim->turns);
}

/* Addresses that changed hands, a line each. */
static void add_claims(struct bh_buffer *text, const struct bh_neighbour_watch *watch)
{
	const struct bh_neighbour_claim *claim;
	size_t said = 0, unsaid = 0;

	for (size_t position = 0; (claim = bh_neighbour_watch_next(watch, &position)) != NULL;) {
		if (said == MOST_CLAIMS_SAID) {
			unsaid++;
			continue;
		}
		add_claim(text, claim);
		said++;
	}
	if (unsaid > 0)
		bh_buffer_printf(text, "\nand %zu more addresses changed hands", unsaid);
}

static void add_neighbours(struct bh_buffer *text, const struct bh_neighbour_watch *watch)
{
	struct bh_neighbour_counts counts = bh_neighbour_watch_counts(watch);

	add_neighbour_kinds(text, "ARP", counts.arp);
	add_neighbour_kinds(text, "neighbour discovery", counts.discovery);
	if (counts.unread > 0)
		bh_buffer_printf(text, ", %" PRIu64 " of neither kind that can be read",
				 counts.unread);
	if (counts.unremembered > 0)
		bh_buffer_printf(text, ", %" PRIu64 " claims of addresses forgotten",
				 counts.unremembered);
	add_claims(text, watch);
}

void bh_print_read_summary(const struct bh_read_summary *s)
{
	struct bh_buffer text = { 0 };

	bh_buffer_printf(&text, "%s: %" PRIu64 " packets, %" PRIu64 " flows", s->path,
			 s->file->packets, s->table->flows);
	add_counts(&text, s->table, s->dns, s->claims_left_out);
	add_neighbours(&text, s->neighbours);
	if (s->file->truncated)
		bh_buffer_printf(&text, "\n%s: the rest cannot be read: %s", s->path,
				 s->file->problem);
	bh_harmless(text.data, "\n");
	fprintf(stderr, "%s%s\n", isatty(STDERR_FILENO) ? "\r" : "", text.data);
	bh_buffer_free(&text);
}
