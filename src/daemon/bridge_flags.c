/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bridge_flags.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "grow.h"
#include "log.h"
#include "map.h"
#include "timefmt.h"

struct bridge {
	uint32_t ifindex;
	char ifname[BH_IFNAME];
	bool on;   /* as the kernel last said */
	bool ours; /* we set it, or are about to */
	bool wanted;
	bool withheld; /* wanted, and off all the same */
	int64_t since; /* µs: when we set it, in this run; 0: we did not */
};

struct bh_bridge_flags {
	struct bh_links *links;
	struct bh_map *bridges; /* by ifindex */
	char note[512];
	char *written; /* what it says; NULL: not known */
};

static struct bridge *get(struct bh_bridge_flags *f, uint32_t ifindex, const char *ifname)
{
	struct bridge *b = bh_map_get(f->bridges, &ifindex, sizeof(ifindex));

	if (b == NULL) {
		b = bh_calloc(1, sizeof(*b));
		b->ifindex = ifindex;
		bh_map_put(f->bridges, &ifindex, sizeof(ifindex), b);
	}
	bh_copy_text(b->ifname, sizeof(b->ifname), ifname);
	return b;
}

static void read_note(struct bh_bridge_flags *f)
{
	FILE *file = fopen(f->note, "re");
	char line[64], ifname[BH_IFNAME];
	uint32_t ifindex;

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%u %15s", &ifindex, ifname) == 2)
			get(f, ifindex, ifname)->ours = true;
	fclose(file);
}

/* Replaces the file as a whole; removes it where nothing is ours. */
static int write_note(const struct bh_bridge_flags *f, const struct bh_buffer *text,
		      struct bh_error *err)
{
	char fresh[520];

	snprintf(fresh, sizeof(fresh), "%s.new", f->note);
	FILE *file = fopen(fresh, "we");
	if (file == NULL)
		return bh_error_set(err, -errno, "%s: %s", fresh, strerror(errno));
	fwrite(text->data, 1, text->length, file);
	if (fclose(file) != 0 || rename(fresh, f->note) != 0)
		return bh_error_set(err, -errno, "%s: %s", f->note, strerror(errno));
	if (text->length == 0)
		unlink(f->note);
	return 0;
}

/* Most rulesets change nothing about it, and a container waits for them. */
static int keep_note(struct bh_bridge_flags *f, struct bh_error *err)
{
	struct bh_buffer text = { 0 };
	const struct bridge *b;

	bh_buffer_puts(&text, "");
	for (size_t position = 0; (b = bh_map_next(f->bridges, &position)) != NULL;)
		if (b->ours)
			bh_buffer_printf(&text, "%u %s\n", b->ifindex, b->ifname);
	if (f->written != NULL && strcmp(f->written, text.data) == 0) {
		bh_buffer_free(&text);
		return 0;
	}
	int result = write_note(f, &text, err);
	free(f->written);
	f->written = result == 0 ? bh_buffer_steal(&text) : NULL;
	bh_buffer_free(&text);
	return result;
}

struct bh_bridge_flags *bh_bridge_flags_new(const char *directory, struct bh_links *links)
{
	struct bh_bridge_flags *f = bh_calloc(1, sizeof(*f));

	f->links = links;
	f->bridges = bh_map_new(free);
	snprintf(f->note, sizeof(f->note), "%s/filtered-bridges", directory);
	read_note(f);
	return f;
}

void bh_bridge_flags_free(struct bh_bridge_flags *f)
{
	if (f == NULL)
		return;
	bh_map_free(f->bridges);
	free(f->written);
	free(f);
}

static void want(struct bh_bridge_flags *f, const struct bh_bridge *bridges, size_t count)
{
	struct bridge *b;

	for (size_t position = 0; (b = bh_map_next(f->bridges, &position)) != NULL;)
		b->wanted = false;
	for (size_t i = 0; i < count; i++) {
		if (!bridges[i].filtered)
			continue;
		b = get(f, bridges[i].ifindex, bridges[i].ifname);
		b->wanted = true;
		b->ours = b->ours || !b->on;
	}
	for (size_t position = 0; (b = bh_map_next(f->bridges, &position)) != NULL;)
		b->withheld = b->withheld && b->wanted;
}

static bool is_to_be_on(const struct bridge *b)
{
	return b->wanted && !b->withheld;
}

static int switch_flag(struct bh_bridge_flags *f, struct bridge *b, bool on, struct bh_error *err)
{
	char name[IF_NAMESIZE] = "";

	if (b->on == on && on)
		return 0;
	/* A number that another interface has by now. */
	if (if_indextoname(b->ifindex, name) == NULL || strcmp(name, b->ifname) != 0) {
		b->ours = false;
		return 0;
	}
	int result = bh_links_set_bridge_filter(f->links, b->ifindex, on, err);
	if (result == -ENODEV) /* the bridge is gone, and its flag with it */
		result = 0;
	if (result == 0) {
		b->on = on;
		b->ours = on;
		b->since = on ? bh_time_now() : 0;
	}
	return result;
}

int bh_bridge_flags_set(struct bh_bridge_flags *f, const struct bh_bridge *bridges, size_t count,
			struct bh_error *err)
{
	struct bridge *b;

	want(f, bridges, count);
	int result = keep_note(f, err);
	for (size_t position = 0; (b = bh_map_next(f->bridges, &position)) != NULL && result == 0;)
		if (is_to_be_on(b))
			result = switch_flag(f, b, true, err);
	for (size_t position = 0; (b = bh_map_next(f->bridges, &position)) != NULL && result == 0;)
		if (b->ours && !is_to_be_on(b))
			result = switch_flag(f, b, false, err);
	return result == 0 ? keep_note(f, err) : result;
}

int64_t bh_bridge_flags_since(const struct bh_bridge_flags *f, uint32_t ifindex)
{
	const struct bridge *b = bh_map_get(f->bridges, &ifindex, sizeof(ifindex));

	return b != NULL ? b->since : 0;
}

bool bh_bridge_flags_withhold(struct bh_bridge_flags *f, uint32_t ifindex, bool withheld)
{
	struct bridge *b = bh_map_get(f->bridges, &ifindex, sizeof(ifindex));
	struct bh_error err = { 0 };

	if (b == NULL || !b->wanted || (withheld && b->since == 0))
		return false;
	b->withheld = withheld;
	b->ours = true;
	int result = keep_note(f, &err);
	if (result == 0)
		result = switch_flag(f, b, !withheld, &err);
	if (result != 0)
		bh_log(BH_LOG_ERROR, "bridge %s: %s", b->ifname, err.text);
	return result == 0;
}

bool bh_bridge_flags_link(struct bh_bridge_flags *f, const struct bh_host_link *link)
{
	struct bh_error err = { 0 };

	if (!link->bridge)
		return false;
	struct bridge *b = get(f, link->ifindex, link->ifname);
	b->on = link->nf_call_iptables && link->nf_call_ip6tables;
	if (!is_to_be_on(b) || b->on)
		return false;
	bh_log(BH_LOG_WARNING, "bridge %s stopped handing its frames to netfilter; set right",
	       link->ifname);
	if (switch_flag(f, b, true, &err) != 0)
		bh_log(BH_LOG_ERROR, "bridge %s: %s", link->ifname, err.text);
	return true;
}

void bh_bridge_flags_gone(struct bh_bridge_flags *f, uint32_t ifindex)
{
	bh_map_remove(f->bridges, &ifindex, sizeof(ifindex));
}
