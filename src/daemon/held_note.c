/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line an address: the host ifindex of who holds it, when it was set, the address. Neither of
 * the first two comes again before the machine starts anew, and then the run directory is empty. */
#include "held_note.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "grow.h"

#define PATH_ROOM 520

static void note_path(const char *directory, const char *suffix, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s/held-addresses%s", directory, suffix);
}

static void write_line(FILE *file, uint32_t ifindex, int64_t made, const struct bh_addr *addr)
{
	char text[BH_ADDR_TEXT];

	fprintf(file, "%" PRIu32 " %" PRId64 " %s\n", ifindex, made, bh_addr_format(addr, text));
}

int bh_held_note_write(const char *directory, const struct bh_map *facts,
		       const struct bh_held *gone, size_t gone_count, struct bh_error *err)
{
	char path[PATH_ROOM], fresh[PATH_ROOM];
	const struct bh_endpoint_fact *fact;

	note_path(directory, "", path);
	note_path(directory, ".new", fresh);
	FILE *file = fopen(fresh, "we");
	if (file == NULL)
		return bh_error_set(err, -errno, "%s: %s", fresh, strerror(errno));
	for (size_t position = 0; (fact = bh_map_next(facts, &position)) != NULL;)
		for (uint8_t i = 0; i < fact->addr_count; i++)
			write_line(file, fact->ifindex, fact->addr_made[i], &fact->addrs[i]);
	for (size_t i = 0; i < gone_count; i++)
		write_line(file, gone[i].ifindex, gone[i].made, &gone[i].addr);
	if (fclose(file) != 0 || rename(fresh, path) != 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static bool is_held(const struct bh_map *facts, uint32_t ifindex, int64_t made,
		    const struct bh_addr *addr)
{
	const struct bh_endpoint_fact *fact = bh_map_get(facts, &ifindex, sizeof(ifindex));

	for (uint8_t i = 0; fact != NULL && i < fact->addr_count; i++)
		if (fact->addr_made[i] == made && bh_addr_equal(&fact->addrs[i], addr))
			return true;
	return false;
}

struct bh_addr *bh_held_note_gone(const char *directory, const struct bh_map *facts, size_t *count)
{
	char path[PATH_ROOM], line[128], text[64];
	struct bh_addr *gone = NULL, addr;
	size_t capacity = 0;
	uint32_t ifindex;
	int64_t made;

	*count = 0;
	note_path(directory, "", path);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return NULL;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%" SCNu32 " %" SCNd64 " %63s", &ifindex, &made, text) != 3 ||
		    !bh_addr_parse(text, &addr) || is_held(facts, ifindex, made, &addr))
			continue;
		gone = bh_grow(gone, &capacity, *count + 1, sizeof(*gone));
		gone[(*count)++] = addr;
	}
	fclose(file);
	return gone;
}
