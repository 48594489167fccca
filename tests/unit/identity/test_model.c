/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who held what, when; and cgroup paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "model.h"
#include "timefmt.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct bh_addr addr(const char *text)
{
	struct bh_addr out;

	assert_true(bh_addr_parse(text, &out));
	return out;
}

static struct bh_endpoint_fact fact(uint32_t ifindex, const char *address, int64_t since)
{
	struct bh_endpoint_fact f;

	memset(&f, 0, sizeof(f));
	f.ifindex = ifindex;
	snprintf(f.ifname, sizeof(f.ifname), "veth%u", ifindex);
	strcpy(f.l3_ifname, "br0");
	f.master_ifindex = 2;
	f.nsid = (int32_t)ifindex;
	f.since = since;
	f.mac.bytes[5] = (uint8_t)ifindex;
	f.addr_count = 1;
	f.addrs[0] = addr(address);
	return f;
}

static void add_gateway(struct bh_model *m)
{
	struct bh_host_addr gateway = {
		.ifindex = 2, .ifname = "br0", .addr = addr("10.0.0.1"), .prefix_length = 24
	};

	bh_model_host_addr(m, &gateway);
}

static struct bh_model *new_model(void)
{
	struct bh_model_config config = { .netns_ordinals = true, .keep_departed = 1000 };
	struct bh_model *m = bh_model_new(&config);

	add_gateway(m);
	return m;
}

static struct bh_container *compose(const char *id, const char *service)
{
	struct bh_container *c = bh_container_new();

	c->runtime = BH_RUNTIME_DOCKER;
	strcpy(c->id, id);
	snprintf(c->name, sizeof(c->name), "shop_%s_1", service);
	c->running = true;
	bh_container_add_label(c, "com.docker.compose.project", "shop");
	bh_container_add_label(c, "com.docker.compose.service", service);
	return c;
}

/* As a cgroup says. */
static void set_id(struct bh_endpoint_fact *f, const char *id)
{
	f->runtime = BH_RUNTIME_DOCKER;
	bh_copy_text(f->container_id, sizeof(f->container_id), id);
}

static void state_container(struct bh_model *m, struct bh_container *c)
{
	bh_model_container(m, c, 0);
	bh_container_free(c);
}

static void expect(const struct bh_model *m, uint32_t ifindex, const char *address, int64_t time,
		   enum bh_peer_kind kind, const char *name)
{
	struct bh_addr a = addr(address);
	struct bh_peer peer;
	bool spoofed;

	bh_model_peer(m, ifindex, &a, time, &peer, NULL, &spoofed);
	assert_string_equal(peer.name, name);
	assert_int_equal(peer.kind, kind);
}

/* The name may come after the packets, and after the container is gone. */
static void late_names_hold_from_the_beginning(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	(void)state;
	set_id(&f, ID_A);
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 150, BH_PEER_UNRESOLVED, "unidentified:docker:aaaaaaaaaaaa");
	bh_model_endpoint_gone(m, 7, 300);
	state_container(m, compose(ID_A, "web"));
	expect(m, 7, "10.0.0.2", 150, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_model_free(m);
}

#define SECOND INT64_C(1000000)

/* Another container gets the address, and even the interface number is the next one. The veth says
 * whose a packet is; where none is known the address does, but about the time at which it changed
 * hands: what is known comes late. */
static void a_reused_address_belongs_to_who_held_it_then(void **state)
{
	struct bh_model_config config = { .keep_departed = 600 * SECOND };
	struct bh_model *m = bh_model_new(&config);
	struct bh_endpoint_fact a = fact(7, "10.0.0.2", 100 * SECOND),
				b = fact(8, "10.0.0.2", 200 * SECOND + 2);

	(void)state;
	set_id(&a, ID_A);
	set_id(&b, ID_B);
	state_container(m, compose(ID_A, "web"));
	state_container(m, compose(ID_B, "db"));
	bh_model_endpoint(m, &a, a.since);
	bh_model_endpoint_gone(m, 7, 200 * SECOND);
	expect(m, 0, "10.0.0.2", 200 * SECOND, BH_PEER_DEPARTED, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 199 * SECOND, BH_PEER_UNRESOLVED, "uncertain:10.0.0.2");
	bh_model_endpoint(m, &b, b.since);
	expect(m, 7, "10.0.0.2", 99 * SECOND, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 7, "10.0.0.2", 200 * SECOND - 1, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 8, "10.0.0.2", 200 * SECOND, BH_PEER_WORKLOAD, "compose:shop/db");
	expect(m, 0, "10.0.0.2", 150 * SECOND, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 200 * SECOND - 1, BH_PEER_UNRESOLVED, "uncertain:10.0.0.2");
	expect(m, 0, "10.0.0.2", 200 * SECOND, BH_PEER_UNRESOLVED, "uncertain:10.0.0.2");
	expect(m, 0, "10.0.0.2", 250 * SECOND, BH_PEER_WORKLOAD, "compose:shop/db");
	/* An interface that is not there any more, and of which nothing was ever known. */
	expect(m, 9, "10.0.0.2", 250 * SECOND, BH_PEER_UNRESOLVED, "unidentified:interface 9");
	bh_model_free(m);
}

/* One that went before its addresses were read does not lie about them. */
static void who_went_unread_is_no_liar(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	(void)state;
	f.addr_count = 0;
	set_id(&f, ID_A);
	state_container(m, compose(ID_A, "web"));
	bh_model_endpoint(m, &f, 100);
	bh_model_endpoint_gone(m, 7, 110);
	expect(m, 7, "10.0.0.2", 105, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_model_free(m);
}

/* The same veth, another container: the id says so. */
static void another_id_is_another_instance(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	(void)state;
	state_container(m, compose(ID_A, "web"));
	state_container(m, compose(ID_B, "db"));
	set_id(&f, ID_A);
	bh_model_endpoint(m, &f, 100);
	set_id(&f, ID_B);
	f.since = 200;
	bh_model_endpoint(m, &f, 200);
	expect(m, 7, "10.0.0.2", 150, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 7, "10.0.0.2", 250, BH_PEER_WORKLOAD, "compose:shop/db");
	bh_model_free(m);
}

/* MAC and address as the engine gave them out, before any process runs. */
static void circumstances_name_a_container_without_process(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *c = compose(ID_A, "web");
	struct bh_container_net *net = bh_container_add_net(c);

	(void)state;
	net->mac = f.mac;
	net->addr4 = addr("10.0.0.2");
	bh_model_endpoint(m, &f, 100);
	state_container(m, c);
	expect(m, 7, "10.0.0.2", 150, BH_PEER_WORKLOAD, "compose:shop/web");
	/* An unknown id in the cgroup overrules circumstances: it is certain who it is not. */
	set_id(&f, ID_B);
	struct bh_model *other = new_model();
	c = compose(ID_A, "web");
	net = bh_container_add_net(c);
	net->mac = f.mac;
	net->addr4 = addr("10.0.0.2");
	state_container(other, c);
	bh_model_endpoint(other, &f, 100);
	expect(other, 7, "10.0.0.2", 150, BH_PEER_UNRESOLVED, "unidentified:docker:bbbbbbbbbbbb");
	bh_model_free(other);
	bh_model_free(m);
}

/* A newcomer with the address and the MAC of a container that stopped is not that container, from
 * the moment that its cgroup says so: also while its engine has not told its name. */
static void a_cgroup_overrules_circumstances(void **state)
{
	struct bh_model *m = new_model();
	struct bh_container *c = compose(ID_A, "web");
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	(void)state;
	bh_container_add_net(c)->addr4 = addr("10.0.0.2");
	c->nets[0].mac = f.mac;
	state_container(m, c);
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/web");
	set_id(&f, ID_B);
	bh_model_endpoint(m, &f, 110);
	expect(m, 7, "10.0.0.2", 110, BH_PEER_UNRESOLVED, "unidentified:docker:bbbbbbbbbbbb");
	bh_model_free(m);
}

/* A namespace that outlived its container has the address and the MAC that the next one got. */
static void what_is_left_of_a_container_is_not_the_next_one(void **state)
{
	struct bh_model *m = new_model();
	struct bh_container *c = compose(ID_A, "web");
	struct bh_endpoint_fact left = fact(7, "10.0.0.2", 100), f = fact(8, "10.0.0.2", 200);

	(void)state;
	f.mac = left.mac;
	bh_container_add_net(c)->addr4 = addr("10.0.0.2");
	c->nets[0].mac = f.mac;
	bh_model_endpoint(m, &left, 100);
	state_container(m, c);
	bh_model_endpoint(m, &f, 200);
	expect(m, 8, "10.0.0.2", 200, BH_PEER_WORKLOAD, "compose:shop/web");
	set_id(&f, ID_A);
	bh_model_endpoint(m, &f, 210);
	expect(m, 8, "10.0.0.2", 210, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 7, "10.0.0.2", 210, BH_PEER_UNRESOLVED, "unidentified:veth7");
	state_container(m, compose(ID_B, "db"));
	expect(m, 7, "10.0.0.2", 210, BH_PEER_UNRESOLVED, "unidentified:veth7");
	bh_model_free(m);
}

static void give_net(struct bh_container *c, const struct bh_endpoint_fact *f)
{
	struct bh_container_net *net = bh_container_add_net(c);

	net->mac = f->mac;
	net->addr4 = f->addrs[0];
}

/* MAC and address go to the next container while the engine still says that they are the one's
 * before: nobody is taken for that one any more. Once they are given to it again, it is. */
static void a_net_that_was_given_back_names_nobody(void **state)
{
	struct bh_model *m = new_model();
	struct bh_container *c = compose(ID_A, "web");
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100), next = fact(8, "10.0.0.2", 210),
				again = fact(9, "10.0.0.2", 410);

	(void)state;
	next.mac = again.mac = f.mac;
	give_net(c, &f);
	bh_model_container(m, c, 90);
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_model_endpoint_gone(m, 7, 200);
	bh_model_endpoint(m, &next, 210);
	bh_model_container(m, c, 220);
	expect(m, 8, "10.0.0.2", 220, BH_PEER_UNRESOLVED, "unidentified:veth8");
	bh_model_endpoint_gone(m, 8, 300);
	c->net_count = 0;
	bh_model_container(m, c, 310);
	c->net_count = 1;
	bh_model_endpoint(m, &again, 410);
	/* The one between had no name, and the engine's word may be about that one. */
	bh_model_container(m, c, 420);
	expect(m, 9, "10.0.0.2", 420, BH_PEER_UNRESOLVED, "unidentified:veth9");
	set_id(&again, ID_A);
	bh_model_endpoint(m, &again, 430);
	expect(m, 9, "10.0.0.2", 420, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_model_endpoint_gone(m, 9, 500);
	/* A restart with the same address, of which the engine tells. */
	c->net_count = 0;
	bh_model_container(m, c, 510);
	c->net_count = 1;
	bh_model_container(m, c, 2000);
	f = fact(10, "10.0.0.2", 2000);
	f.mac = next.mac;
	f.since = 2000 + 11 * INT64_C(1000000);
	bh_model_endpoint(m, &f, f.since);
	expect(m, 10, "10.0.0.2", f.since, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_container_free(c);
	bh_model_free(m);
}

/* A container in another's namespace goes by the other's name, in whatever order they are stated.
 */
static void a_shared_namespace_is_its_owners(void **state)
{
	struct bh_model *m = new_model();
	struct bh_container *guest = compose(ID_A, "guest"), *owner = compose(ID_B, "web");
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	(void)state;
	strcpy(guest->network_mode, "container:" ID_B);
	set_id(&f, ID_A); /* the owner's first process is gone */
	bh_model_endpoint(m, &f, 100);
	bh_model_container(m, guest, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/guest");
	bh_model_container(m, owner, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/web");
	strcpy(owner->labels[1].value, "api");
	bh_model_container(m, owner, 200);
	expect(m, 7, "10.0.0.2", 199, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 7, "10.0.0.2", 200, BH_PEER_WORKLOAD, "compose:shop/api");
	bh_container_free(guest);
	bh_container_free(owner);
	bh_model_free(m);
}

/* Docker lists an image whose tag has moved on by its number. */
static void a_tag_that_moves_on_changes_no_workload(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *c = bh_container_new();

	(void)state;
	c->runtime = BH_RUNTIME_DOCKER;
	strcpy(c->id, ID_A);
	set_id(&f, ID_A);
	strcpy(c->image, "shop/web:1");
	bh_model_endpoint(m, &f, 100);
	bh_model_container(m, c, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "image:shop/web");
	strcpy(c->image, "sha256:60b2a9bb7396e1df4719b8bbd4b535f73303999877a4eeaa844a8ff60ba9b96e");
	bh_model_container(m, c, 200);
	expect(m, 7, "10.0.0.2", 200, BH_PEER_WORKLOAD, "image:shop/web");
	bh_container_free(c);
	bh_model_free(m);
}

static void identity_comes_from_the_veth(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_addr claimed = addr("10.0.0.9");
	struct bh_peer peer;
	bool spoofed;

	(void)state;
	strcpy(f.netns_name, "/run/netns/web-2");
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 150, BH_PEER_WORKLOAD, "netns:web");
	bh_model_peer(m, 7, &claimed, 150, &peer, NULL, &spoofed);
	assert_true(spoofed);
	assert_int_equal(peer.kind, BH_PEER_UNRESOLVED);
	bh_model_free(m);
}

static void strangers_are_told_apart(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	(void)state;
	strcpy(f.netns_name, "/run/netns/web");
	bh_model_endpoint(m, &f, 100);
	expect(m, 0, "10.0.0.1", 150, BH_PEER_HOST, "host");
	expect(m, 0, "127.0.0.1", 150, BH_PEER_HOST, "host");
	expect(m, 0, "169.254.169.254", 150, BH_PEER_METADATA, "metadata");
	const struct bh_host_addr proxy = { .ifindex = 1,
					    .prefix_length = 32,
					    .addr = addr("169.254.169.254") };
	bh_model_host_addr(m, &proxy); /* this host answers in its place */
	expect(m, 0, "169.254.169.254", 150, BH_PEER_METADATA, "metadata");
	expect(m, 0, "10.0.0.255", 150, BH_PEER_MULTICAST, "multicast");
	expect(m, 0, "ff02::fb", 150, BH_PEER_MULTICAST, "multicast");
	expect(m, 0, "10.0.0.77", 150, BH_PEER_UNRESOLVED, "10.0.0.77"); /* ours, and nobody's */
	expect(m, 0, "192.0.2.9", 150, BH_PEER_ADDRESS, "192.0.2.9");
	bh_model_free(m);
}

static bool is_no_veth(const void *user, const struct bh_host_link *link)
{
	(void)user;
	return !link->veth;
}

static void bridges_lead_out_by_their_ports(void **state)
{
	struct bh_model_config config = { .keep_departed = 1000, .leads_out = is_no_veth };
	struct bh_model *m = bh_model_new(&config);
	struct bh_host_link veth = { .ifindex = 7, .master_ifindex = 2, .veth = true },
			    nic = { .ifindex = 3 }, other = { .ifindex = 4, .master_ifindex = 2 };

	(void)state;
	bh_model_link(m, &veth);
	bh_model_link(m, &nic);
	assert_false(bh_model_leads_out(m, 2));
	uint64_t before = bh_model_generation(m);
	nic.master_ifindex = 2;
	bh_model_link(m, &nic);
	assert_true(bh_model_leads_out(m, 2));
	assert_true(bh_model_generation(m) > before);
	bh_model_link(m, &other);
	bh_model_link(m, &other);
	bh_model_link_gone(m, 4);
	assert_true(bh_model_leads_out(m, 2));
	nic.master_ifindex = 5;
	bh_model_link(m, &nic);
	assert_false(bh_model_leads_out(m, 2));
	assert_true(bh_model_leads_out(m, 5));
	nic.veth = true;
	bh_model_link(m, &nic);
	assert_false(bh_model_leads_out(m, 5));
	bh_model_free(m);
}

/* A kernel process that came back states what there is; the rest went in between. */
static void a_scan_ends_what_it_does_not_mention(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact a = fact(7, "10.0.0.2", 100), b = fact(8, "10.0.0.3", 100);

	(void)state;
	bh_model_endpoint(m, &a, 100);
	bh_model_endpoint(m, &b, 100);
	uint64_t before = bh_model_generation(m);
	bh_model_begin_scan(m);
	bh_model_endpoint(m, &b, 200);
	bh_model_end_scan(m, 200);
	size_t position = 0;
	const struct bh_instance *left = bh_model_next(m, &position);
	assert_int_equal(left->fact.ifindex, 8);
	assert_null(bh_model_next(m, &position));
	assert_true(bh_model_generation(m) > before);
	bh_model_free(m);
}

struct renamings {
	size_t count;
	char was[256], is[256];
};

static void take_renaming(void *user, const struct bh_instance *i, const struct bh_designation *was)
{
	struct renamings *renamings = user;

	renamings->count++;
	bh_copy_text(renamings->was, sizeof(renamings->was), was->workload);
	bh_copy_text(renamings->is, sizeof(renamings->is), i->workload);
}

/* A runtime that relabels a container, or renames it: what was before keeps its name. */
static void a_new_name_holds_from_then_on(void **state)
{
	struct renamings renamings = { 0 };
	struct bh_model_config config = { .keep_departed = 1000,
					  .renamed = take_renaming,
					  .user = &renamings };
	struct bh_model *m = bh_model_new(&config);
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *c = compose(ID_A, "web");
	const char *name, *workload;

	(void)state;
	strcpy(f.container_id, ID_A);
	f.runtime = BH_RUNTIME_DOCKER;
	bh_model_endpoint(m, &f, 100);
	bh_model_container(m, c, 150);
	assert_int_equal(renamings.count, 0); /* it is its first */
	uint64_t before = bh_model_generation(m);
	strcpy(c->name, "old_web");
	bh_model_container(m, c, 200);
	assert_int_equal(renamings.count, 1);
	assert_true(bh_model_generation(m) > before); /* who is in a share goes by names */
	before = bh_model_generation(m);
	const struct bh_instance *i = bh_model_at(m, 7, 200);
	bh_instance_called(i, 199, &name, &workload);
	assert_string_equal(name, "shop_web_1");
	bh_instance_called(i, 200, &name, &workload);
	assert_string_equal(name, "old_web");
	c->labels[1].value[0] = 'W';
	bh_model_container(m, c, 300);
	bh_model_container(m, c, 310);
	assert_int_equal(renamings.count, 2);
	assert_string_equal(renamings.was, "compose:shop/web");
	assert_string_equal(renamings.is, "compose:shop/Web");
	assert_true(bh_model_generation(m) > before);
	expect(m, 7, "10.0.0.2", 120, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 299, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 300, BH_PEER_WORKLOAD, "compose:shop/Web");
	bh_model_endpoint_gone(m, 7, 400);
	expect(m, 7, "10.0.0.2", 250, BH_PEER_WORKLOAD, "compose:shop/web");
	/* However often: only so many are kept. */
	f.since = 500;
	bh_model_endpoint(m, &f, 500);
	for (int64_t now = 501; now < 550; now++) {
		snprintf(c->name, sizeof(c->name), "n%d", (int)now);
		bh_model_container(m, c, now);
	}
	size_t formers = 0;
	while (bh_instance_former(bh_model_at(m, 7, 550), formers) != NULL)
		formers++;
	assert_in_range(formers, 2, 16);
	bh_container_free(c);
	bh_model_free(m);
}

/* A container's veth stays, an address goes from one to the other and back. made: hundredths of a
 * second after a start of the machine at 1000 s. */
static void move(struct bh_model *m, struct bh_endpoint_fact *from, struct bh_endpoint_fact *to,
		 const char *address, int64_t made, int64_t now)
{
	from->addr_count = 0;
	bh_model_endpoint(m, from, now);
	to->addr_count = 1;
	to->addrs[0] = addr(address);
	to->addr_made[0] = made;
	bh_model_endpoint(m, to, now + 1000);
}

static void assert_held_by(const struct bh_model *m, int64_t time, const char *workload)
{
	struct bh_addr moving = addr("10.0.0.2");
	const struct bh_instance *i = bh_model_holder(m, &moving, time);

	assert_non_null(i);
	assert_string_equal(i->workload, workload);
}

#define BOOT (1000 * BH_SECOND)
#define AT(made) (BOOT + (made) * (BH_SECOND / 100))

static void facts_that_are_late_move_no_flow(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact a = fact(7, "10.0.0.2", AT(100)), b = fact(8, "10.0.0.3", AT(100));
	struct bh_addr moving = addr("10.0.0.2");
	struct bh_peer peer;
	bool spoofed;

	(void)state;
	strcpy(a.netns_name, "/run/netns/a");
	strcpy(b.netns_name, "/run/netns/b");
	b.addr_made[0] = 100;
	bh_model_endpoint(m, &b, AT(100) + 2000); /* at once */
	bh_model_endpoint(m, &a, AT(101));
	move(m, &a, &b, "10.0.0.2", 200, AT(240));
	move(m, &b, &a, "10.0.0.2", 250, AT(290));
	assert_held_by(m, AT(199), "netns:a");
	assert_held_by(m, AT(201), "netns:b");
	assert_held_by(m, AT(249), "netns:b");
	assert_held_by(m, AT(251), "netns:a");
	expect(m, 8, "10.0.0.2", AT(201), BH_PEER_WORKLOAD, "netns:b");
	/* What went on while it changed hands, and what was never its own. */
	bh_model_peer_of_flow(m, 8, &moving, AT(190), AT(210), &peer, NULL, &spoofed);
	assert_string_equal(peer.name, "netns:b");
	assert_false(spoofed);
	bh_model_peer_of_flow(m, 8, &moving, AT(260), AT(300), &peer, NULL, &spoofed);
	assert_true(spoofed);
	/* A fact that says nothing about when is taken at its word. */
	move(m, &a, &b, "10.0.0.2", 0, AT(400));
	assert_held_by(m, AT(399), "netns:a");
	bh_model_free(m);
}

/* An address that flaps does not cost memory without end. */
static void holds_are_bounded(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact a = fact(7, "10.0.0.2", 100), b = fact(8, "10.0.0.3", 100);
	size_t holds = 0;

	(void)state;
	strcpy(a.netns_name, "/run/netns/a");
	strcpy(b.netns_name, "/run/netns/b");
	bh_model_endpoint(m, &a, 100);
	bh_model_endpoint(m, &b, 100);
	for (int64_t now = 1; now < 200; now++) {
		struct bh_endpoint_fact *from = now % 2 != 0 ? &a : &b,
					*to = now % 2 != 0 ? &b : &a;

		move(m, from, to, "10.0.0.2", 0, now * 10000);
	}
	while (bh_instance_hold(bh_model_at(m, 7, 150), holds) != NULL)
		holds++;
	assert_in_range(holds, 10, 64);
	assert_held_by(m, 1985000, "netns:a");
	assert_held_by(m, 1995000, "netns:b");
	bh_model_free(m);
}

/* Two that hold it both: the first has it, whatever the order in which they are asked. */
static void of_two_holders_the_first_has_it(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact a = fact(7, "10.0.0.2", 200), b = fact(8, "10.0.0.2", 100);

	(void)state;
	strcpy(a.netns_name, "/run/netns/a");
	strcpy(b.netns_name, "/run/netns/b");
	bh_model_endpoint(m, &a, 200);
	bh_model_endpoint(m, &b, 200);
	assert_held_by(m, 300, "netns:b");
	bh_model_free(m);
}

/* --- across restarts -------------------------------------------------------------------------- */

struct past {
	struct bh_past past;
	struct bh_hold holds[4];
	struct bh_designation formers[4];
};

static void take_past(void *user, const struct bh_instance *i)
{
	struct past *p = user;
	const struct bh_hold *hold;
	const struct bh_designation *former;

	memset(p, 0, sizeof(*p));
	p->past.shown = *i;
	for (size_t at = 0; (hold = bh_instance_hold(i, at)) != NULL; at++)
		p->holds[p->past.hold_count++] = *hold;
	for (size_t at = 0; (former = bh_instance_former(i, at)) != NULL; at++)
		p->formers[p->past.former_count++] = *former;
	p->past.holds = p->holds;
	p->past.formers = p->formers;
}

static struct past past; /* of the last instance that changed */

static void save(struct bh_model *m)
{
	memset(&past, 0, sizeof(past));
	bh_model_each_dirty(m, take_past, &past);
}

static void make_past(void)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);

	f.addr_made[0] = 5;
	strcpy(f.container_id, ID_A);
	f.runtime = BH_RUNTIME_DOCKER;
	state_container(m, compose(ID_A, "web"));
	bh_model_endpoint(m, &f, 100);
	save(m);
	past.past.seen = 500;
	assert_int_equal(past.past.hold_count, 1);
	bh_model_free(m);
}

static struct bh_endpoint_fact after_restart(void)
{
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 1000);

	f.addr_made[0] = 5;
	strcpy(f.container_id, ID_A);
	f.runtime = BH_RUNTIME_DOCKER;
	return f;
}

static void what_went_on_through_a_restart_is_one_instance(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = after_restart();

	(void)state;
	make_past();
	bh_model_restore(m, &past.past);
	state_container(m, compose(ID_A, "web"));
	bh_model_begin_scan(m);
	bh_model_endpoint(m, &f, 1000);
	bh_model_end_scan(m, 1010);
	expect(m, 0, "10.0.0.2", 150, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 700, BH_PEER_WORKLOAD, "compose:shop/web");
	assert_int_equal(bh_model_at(m, 7, 2000)->fact.since, 100);
	assert_int_equal(bh_instance_hold(bh_model_at(m, 7, 2000), 0)->from, 100);
	assert_null(bh_instance_hold(bh_model_at(m, 7, 2000), 1));
	bh_model_endpoint(m, &f, 1100); /* again: it stays so */
	assert_int_equal(bh_model_at(m, 7, 2000)->fact.since, 100);
	bh_model_free(m);
}

static void what_went_while_nobody_watched_ended_when_it_was_last_known(void **state)
{
	struct bh_model *m = new_model();

	(void)state;
	make_past();
	bh_model_restore(m, &past.past);
	bh_model_begin_scan(m);
	bh_model_end_scan(m, 1010);
	expect(m, 7, "10.0.0.2", 499, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 600, BH_PEER_DEPARTED, "compose:shop/web");
	const struct bh_instance *gone = bh_model_next_departed(m, NULL);
	assert_non_null(gone);
	assert_int_equal(gone->until, 500);
	save(m);
	assert_int_equal(past.past.shown.until, 500);
	assert_null(bh_model_next_departed(m, gone));
	bh_model_free(m);
}

/* What a run that was killed had not written any more. */
static void expect_departed(const struct bh_model *m, const char *expected)
{
	const struct bh_instance *i = NULL;
	char text[100] = "", *end = text;

	while ((i = bh_model_next_departed(m, i)) != NULL)
		end += sprintf(end, "%u ", i->fact.ifindex);
	assert_string_equal(text, expected);
}

static void depart(struct bh_model *m, uint32_t ifindex, const char *id, int64_t when)
{
	struct bh_endpoint_fact f = fact(ifindex, "10.0.0.9", 100);

	f.addrs[0].bytes[3] = (uint8_t)ifindex; /* its own */
	set_id(&f, id);
	bh_model_endpoint(m, &f, 100);
	bh_model_endpoint_gone(m, ifindex, when);
}

/* In the order in which they went, whenever that was heard; a name that comes late finds those
 * that are still kept. */
static void who_went_is_kept_for_a_while(void **state)
{
	struct bh_model *m = new_model();

	(void)state;
	make_past();
	past.past.seen = 250;
	bh_model_restore(m, &past.past); /* 7 */
	bh_model_begin_scan(m);
	depart(m, 11, ID_B, 300);
	depart(m, 12, ID_A, 200);
	bh_model_end_scan(m, 400);
	expect_departed(m, "12 7 11 ");
	save(m);
	depart(m, 13, "", 1225); /* a thousand are kept */
	expect_departed(m, "7 11 13 ");
	state_container(m, compose(ID_A, "web")); /* 12 had the name to come */
	state_container(m, compose(ID_B, "db"));
	state_container(m, compose(ID_B, "db"));
	expect(m, 11, "10.0.0.11", 150, BH_PEER_WORKLOAD, "compose:shop/db");
	save(m);
	depart(m, 14, "", 5000);
	expect_departed(m, "14 ");
	bh_model_free(m);
}

static void of_two_on_one_interface_the_later_one_is_there(void **state)
{
	struct bh_model *m = new_model();

	(void)state;
	make_past();
	bh_model_restore(m, &past.past);
	past.past.shown.fact.since = 300;
	strcpy(past.past.shown.workload, "compose:shop/db");
	past.holds[0].from = 300;
	bh_model_restore(m, &past.past);
	const struct bh_instance *gone = bh_model_next_departed(m, NULL);
	assert_non_null(gone);
	assert_string_equal(gone->workload, "compose:shop/web");
	assert_int_equal(gone->until, 300);
	assert_string_equal(bh_model_at(m, 7, 400)->workload, "compose:shop/db");
	bh_model_free(m);
}

/* The same interface, and another container behind it; or the address was set anew meanwhile. */
static void what_changed_while_nobody_watched_does_not_go_on(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = after_restart();

	(void)state;
	make_past();
	strcpy(f.container_id, ID_B);
	f.runtime = BH_RUNTIME_DOCKER;
	bh_model_restore(m, &past.past);
	state_container(m, compose(ID_B, "db"));
	bh_model_endpoint(m, &f, 1000);
	expect(m, 7, "10.0.0.2", 499, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 0, "10.0.0.2", 600, BH_PEER_UNRESOLVED, "uncertain:10.0.0.2");
	expect(m, 7, "10.0.0.2", 1000, BH_PEER_WORKLOAD, "compose:shop/db");
	bh_model_free(m);

	m = new_model();
	f = after_restart();
	f.addr_made[0] = 6;
	bh_model_restore(m, &past.past);
	state_container(m, compose(ID_A, "web"));
	bh_model_endpoint(m, &f, 1000);
	const struct bh_instance *i = bh_model_at(m, 7, 1000);
	assert_int_equal(bh_instance_hold(i, 0)->until, 500);
	assert_in_range(bh_instance_hold(i, 1)->from, 500, 1000);
	bh_model_free(m);
}

static struct bh_grouping one_rule(const char *key, const char *pattern, const char *name)
{
	static struct bh_grouping grouping;

	memset(&grouping, 0, sizeof(grouping));
	assert_true(bh_grouping_add_rule(&grouping, name));
	assert_true(bh_grouping_add_match(&grouping, key, pattern));
	return grouping;
}

/* Rules of grouping that changed between two runs. */
static void other_rules_rename_from_the_restart_on(void **state)
{
	struct renamings renamings = { 0 };
	struct bh_grouping grouping =
		one_rule("com.docker.compose.service", "*", "{com.docker.compose.service}");
	struct bh_model_config config = { .keep_departed = 1000,
					  .grouping = &grouping,
					  .renamed = take_renaming,
					  .user = &renamings };
	struct bh_model *m = bh_model_new(&config);
	struct bh_endpoint_fact f = after_restart();

	(void)state;
	make_past();
	bh_model_restore(m, &past.past);
	state_container(m, compose(ID_A, "web"));
	bh_model_endpoint(m, &f, 1000);
	assert_int_equal(renamings.count, 1);
	assert_string_equal(renamings.was, "compose:shop/web");
	assert_string_equal(renamings.is, "group:web");
	expect(m, 7, "10.0.0.2", 700, BH_PEER_WORKLOAD, "compose:shop/web");
	expect(m, 7, "10.0.0.2", 1000, BH_PEER_WORKLOAD, "group:web");
	bh_model_free(m);
}

struct rows {
	struct bh_coverage_row items[8];
	size_t count;
};

static void take_row(void *user, const struct bh_coverage_row *row)
{
	struct rows *rows = user;

	rows->items[rows->count++] = *row;
}

static void coverage_says_why(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *host = compose(ID_B, "hostnet");
	struct rows rows = { 0 };

	(void)state;
	strcpy(host->network_mode, "host");
	state_container(m, host);
	strcpy(f.netns_name, "/run/netns/web");
	bh_model_endpoint(m, &f, 100);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 2);
	assert_string_equal(rows.items[0].name, "shop_hostnet_1");
	assert_int_equal(rows.items[0].coverage, BH_NEITHER);
	assert_non_null(strstr(rows.items[0].why, "host's network"));
	assert_false(rows.items[0].no_network);
	assert_int_equal(rows.items[1].coverage, BH_ENFORCEABLE);
	bh_model_free(m);
}

static void join(struct bh_container *c, const char *network, const char *address, uint8_t mac)
{
	struct bh_endpoint_fact f = fact(0, address, 0);

	f.mac = (struct bh_mac) { { [5] = mac } };
	give_net(c, &f);
	bh_copy_text(c->nets[c->net_count - 1].name, sizeof(c->nets[0].name), network);
}

/* A veth leads to it on one of its networks, and none on the other. */
static void coverage_tells_of_networks_that_are_not_seen(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *c = compose(ID_A, "web");
	struct rows rows = { 0 };

	(void)state;
	f.mac.bytes[5] = 1;
	set_id(&f, ID_A);
	join(c, "back", "10.0.0.2", 9);	  /* by its address */
	join(c, "front", "10.0.1.2", 1);  /* by its MAC */
	join(c, "later", "10.0.2.2", 10); /* not attached yet: nothing was given out */
	c->nets[2].addr4.family = BH_NO_FAMILY;
	join(c, "wide", "10.0.3.2", 11);
	state_container(m, c);
	bh_model_endpoint(m, &f, 100);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 2);
	const struct bh_coverage_row *wide = &rows.items[rows.items[0].ifindex == 7];
	assert_int_equal(wide->coverage, BH_NEITHER);
	assert_string_equal(wide->name, "shop_web_1");
	assert_string_equal(wide->workload, "compose:shop/web");
	assert_false(wide->no_network);
	assert_non_null(strstr(wide->why, "network wide (10.0.3.2)"));
	bh_model_free(m);
}

/* An agent's process entered the namespace and is the oldest there: the engine knows better. */
static void who_looks_into_a_namespace_does_not_own_it(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *agent = compose(ID_A, "agent"), *web = compose(ID_B, "web");

	(void)state;
	strcpy(agent->network_mode, "host");
	strcpy(web->netns_path, "/var/run/docker/netns/abc");
	strcpy(f.netns_name, "/run/docker/netns/abc");
	set_id(&f, ID_A);
	state_container(m, agent);
	state_container(m, web);
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/web");
	/* The same of one with a network of its own. */
	agent = compose(ID_A, "agent");
	strcpy(agent->netns_path, "/var/run/docker/netns/def");
	state_container(m, agent);
	bh_model_endpoint_gone(m, 7, 200);
	f.ifindex = 8;
	f.since = 300;
	bh_model_endpoint(m, &f, 300);
	expect(m, 8, "10.0.0.2", 300, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_model_free(m);
}

/* The same where no path tells: its own first process is behind a veth of its own. */
static void whose_first_process_is_elsewhere_is_not_here(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact own = fact(7, "10.0.0.2", 100), others = fact(8, "10.0.0.3", 100);
	struct bh_netns_fact netns = { .inode = 70, .nsid = 1, .container_id = ID_A, .pid = 4711 };
	struct bh_container *agent = compose(ID_A, "agent"), *web = compose(ID_B, "web");

	(void)state;
	agent->pid = 4711;
	own.netns_inode = 70;
	others.netns_inode = 80;
	others.mac.bytes[5] = 9;
	set_id(&own, ID_A);
	set_id(&others, ID_A);
	give_net(web, &others);
	bh_model_netns(m, &netns);
	state_container(m, agent);
	state_container(m, web);
	bh_model_endpoint(m, &own, 100);
	bh_model_endpoint(m, &others, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/agent");
	expect(m, 8, "10.0.0.3", 100, BH_PEER_WORKLOAD, "compose:shop/web");
	bh_model_free(m);
}

/* Two in a namespace that was made before them. */
static void one_stands_for_all_at_a_path(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *a = compose(ID_A, "web"), *b = compose(ID_B, "db");
	struct rows rows = { 0 };

	(void)state;
	strcpy(a->network_mode, "ns:/run/netns/x");
	strcpy(b->network_mode, "ns:/run/netns/x");
	state_container(m, a);
	state_container(m, b);
	strcpy(f.netns_name, "/run/netns/x");
	set_id(&f, ID_B); /* its process is older */
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/db");
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 2);
	assert_string_equal(rows.items[1].name, "shop_web_1");
	assert_int_equal(rows.items[1].coverage, BH_OBSERVABLE);
	assert_non_null(strstr(rows.items[1].why, "shares the network of shop_db_1"));
	bh_model_free(m);
}

/* Its packets are another device's; whose it is does not matter. In a VRF rules are met. */
static void coverage_tells_of_veths_that_are_diverted(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100), routed = fact(8, "10.0.1.2", 100);
	struct rows rows = { 0 };

	(void)state;
	strcpy(f.netns_name, "/run/netns/web");
	strcpy(routed.netns_name, "/run/netns/way");
	f.upper = BH_UPPER_OTHER;
	strcpy(f.upper_ifname, "bond0");
	strcpy(f.upper_kind, "bond");
	routed.upper = BH_UPPER_VRF;
	routed.nsid = 4;
	bh_model_endpoint(m, &f, 100);
	bh_model_endpoint(m, &routed, 100);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.items[0].coverage, BH_ENFORCEABLE);
	assert_string_equal(rows.items[0].name, "way");
	assert_int_equal(rows.items[1].coverage, BH_OBSERVABLE);
	assert_non_null(strstr(rows.items[1].why, "is in bond0 (bond)"));
	/* Kernels know none that has no kind; modules of others may. */
	f.upper_kind[0] = '\0';
	f.upper_ifindex = 30;
	bh_model_endpoint(m, &f, 200);
	rows.count = 0;
	bh_model_coverage(m, take_row, &rows);
	assert_non_null(strstr(rows.items[1].why, "is in bond0 (a device of a kind unknown)"));
	bh_model_free(m);
}

/* No engine tells of it; of two veths into one namespace one tells, once. */
static void coverage_tells_of_a_way_past_the_veths(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100), second = fact(8, "10.0.1.2", 100);
	struct rows rows = { 0 };
	size_t told = 0;

	(void)state;
	strcpy(f.netns_name, "/run/netns/web");
	strcpy(second.netns_name, "/run/netns/web");
	strcpy(f.outward, "phys0");
	strcpy(second.outward, "phys0");
	f.nsid = second.nsid = 3;
	bh_model_endpoint(m, &f, 100);
	bh_model_endpoint(m, &second, 100);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 3);
	for (size_t i = 0; i < rows.count; i++) {
		assert_string_equal(rows.items[i].workload, "netns:web");
		told += rows.items[i].coverage == BH_NEITHER &&
			strstr(rows.items[i].why, "another interface, phys0,") != NULL;
	}
	assert_int_equal(told, 1);
	bh_model_free(m);
}

/* `network disconnect` of the only one; who shares its namespace has none either. */
static void coverage_tells_who_was_taken_off_its_network(void **state)
{
	struct bh_model *m = new_model();
	struct bh_container *owner = compose(ID_B, "web"), *guest = compose(ID_A, "guest");
	struct rows rows = { 0 };

	(void)state;
	strcpy(owner->network_mode, "front");
	strcpy(guest->network_mode, "container:" ID_B);
	join(owner, "front", "10.0.0.2", 9);
	state_container(m, owner);
	state_container(m, guest);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 2);
	assert_non_null(strstr(rows.items[1].why, "macvlan"));
	assert_false(rows.items[1].no_network);
	owner = compose(ID_B, "web");
	strcpy(owner->network_mode, "front");
	state_container(m, owner);
	rows.count = 0;
	bh_model_coverage(m, take_row, &rows);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rows.items[i].coverage, BH_NEITHER);
		assert_string_equal(rows.items[i].why,
				    "has no network: shop_web_1 was taken off the last one; to "
				    "give it one: docker network connect");
		assert_true(rows.items[i].no_network);
	}
	bh_model_free(m);
}

static void coverage_tells_what_a_stranger_needs(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct rows rows = { 0 };

	(void)state;
	bh_model_endpoint(m, &f, 100);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.items[0].coverage, BH_OBSERVABLE);
	assert_non_null(strstr(rows.items[0].why, "in the configuration (runtimes)"));
	bh_model_free(m);
}

/* The owner of a shared namespace was started again, in a new one; the other stayed behind. */
static void coverage_tells_who_was_left_behind(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *guest = compose(ID_A, "guest");
	struct bh_netns_fact netns = {
		.inode = 9, .nsid = -1, .container_id = ID_A, .runtime = BH_RUNTIME_DOCKER
	};
	struct rows rows = { 0 };

	(void)state;
	strcpy(guest->network_mode, "container:" ID_B);
	set_id(&f, ID_B);
	bh_model_endpoint(m, &f, 100);
	state_container(m, guest);
	state_container(m, compose(ID_B, "web"));
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.items[0].coverage, BH_OBSERVABLE);
	assert_non_null(strstr(rows.items[0].why, "shares"));
	bh_model_netns(m, &netns);
	rows.count = 0;
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.items[0].coverage, BH_NEITHER);
	assert_non_null(strstr(rows.items[0].why, "restart it"));
	assert_true(rows.items[0].no_network);
	bh_model_free(m);
}

/* No runtime that is asked knows of it, and no link of the host leads there. */
static void coverage_tells_of_what_users_made(void **state)
{
	struct bh_model *m = new_model();
	struct bh_netns_fact made = { .inode = 9, .nsid = -1, .pid = 77, .of_user = true };
	struct bh_netns_fact with_id = { .inode = 10,
					 .nsid = -1,
					 .container_id = ID_A,
					 .runtime = BH_RUNTIME_PODMAN,
					 .of_user = true };
	struct rows rows = { 0 };

	(void)state;
	bh_model_netns(m, &made);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 1);
	assert_string_equal(rows.items[0].name, "process 77");
	assert_int_equal(rows.items[0].coverage, BH_NEITHER);
	assert_non_null(strstr(rows.items[0].why, "run it as root"));
	bh_model_netns_gone(m, 9);
	bh_model_netns(m, &with_id);
	rows.count = 0;
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 1);
	assert_memory_equal(rows.items[0].name, "podman:" ID_A, strlen("podman:") + 12);
	with_id.of_user = false; /* root's, in another network of this machine's: nobody's here */
	bh_model_netns(m, &with_id);
	rows.count = 0;
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 0);
	made.nsid = 4; /* a veth leads there: it is an endpoint's */
	bh_model_netns_gone(m, 10);
	bh_model_netns(m, &made);
	rows.count = 0;
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 0);
	bh_model_free(m);
}

/* LXC, LXD and Incus have one kind of cgroup; the second of a name gets a number. */
static void lxc_names_are_found_with_their_numbers(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *c = bh_container_new();

	(void)state;
	c->runtime = BH_RUNTIME_LXD;
	strcpy(c->id, "web");
	strcpy(c->name, "web");
	bh_container_set_label(c, "bulkhead.workload", "front");
	bh_container_add_net(c)->mac = f.mac;
	bh_model_container(m, c, 100);
	f.runtime = BH_RUNTIME_LXC;
	strcpy(f.container_id, "web");
	bh_model_endpoint(m, &f, 100);
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "label:front");
	strcpy(f.container_id, "web-1");
	f.ifindex = 8;
	bh_model_endpoint(m, &f, 100);
	expect(m, 8, "10.0.0.2", 100, BH_PEER_WORKLOAD, "label:front");
	/* Another interface's MAC: another container, of which nobody told. */
	f.ifindex = 9;
	f.mac.bytes[5] ^= 1;
	bh_model_endpoint(m, &f, 100);
	expect(m, 9, "10.0.0.2", 100, BH_PEER_UNRESOLVED, "unidentified:lxc:web-1");
	strcpy(f.container_id, "web-x");
	f.ifindex = 10;
	bh_model_endpoint(m, &f, 100);
	expect(m, 10, "10.0.0.2", 100, BH_PEER_UNRESOLVED, "unidentified:lxc:web-x");
	bh_container_free(c);
	bh_model_free(m);
}

/* Namespaces of a container's own making, and containers of an engine that runs in it. */
static void coverage_tells_what_is_nested(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_netns_fact own = { .inode = 8, .nsid = 7, .container_id = ID_A },
			     bare = { .inode = 9,
				      .nsid = -1,
				      .container_id = ID_A,
				      .runtime = BH_RUNTIME_DOCKER,
				      .pid = 77 },
			     made = { .inode = 10,
				      .nsid = -1,
				      .container_id = ID_A,
				      .inner = ID_B,
				      .runtime = BH_RUNTIME_DOCKER,
				      .inner_runtime = BH_RUNTIME_DOCKER };
	struct rows rows = { 0 };

	(void)state;
	strcpy(f.container_id, ID_A);
	f.runtime = BH_RUNTIME_DOCKER;
	f.netns_inode = 8;
	bh_model_endpoint(m, &f, 100);
	state_container(m, compose(ID_A, "web"));
	bh_model_netns(m, &own);
	assert_int_equal(bh_model_nested(m, bh_model_at(m, 7, 100)), 0);
	bh_model_netns(m, &bare);
	bh_model_netns(m, &made);
	assert_int_equal(bh_model_nested(m, bh_model_at(m, 7, 100)), 2);
	bh_model_coverage(m, take_row, &rows);
	assert_int_equal(rows.count, 3);
	assert_string_equal(rows.items[0].name, "docker:bbbbbbbbbbbb");
	assert_string_equal(rows.items[1].name, "process 77");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rows.items[i].coverage, BH_OBSERVABLE);
		assert_non_null(strstr(rows.items[i].why, "nested in shop_web_1"));
	}
	bh_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_names_hold_from_the_beginning),
		cmocka_unit_test(a_reused_address_belongs_to_who_held_it_then),
		cmocka_unit_test(who_went_unread_is_no_liar),
		cmocka_unit_test(another_id_is_another_instance),
		cmocka_unit_test(circumstances_name_a_container_without_process),
		cmocka_unit_test(a_cgroup_overrules_circumstances),
		cmocka_unit_test(a_net_that_was_given_back_names_nobody),
		cmocka_unit_test(what_is_left_of_a_container_is_not_the_next_one),
		cmocka_unit_test(a_shared_namespace_is_its_owners),
		cmocka_unit_test(a_tag_that_moves_on_changes_no_workload),
		cmocka_unit_test(lxc_names_are_found_with_their_numbers),
		cmocka_unit_test(identity_comes_from_the_veth),
		cmocka_unit_test(strangers_are_told_apart),
		cmocka_unit_test(bridges_lead_out_by_their_ports),
		cmocka_unit_test(a_scan_ends_what_it_does_not_mention),
		cmocka_unit_test(a_new_name_holds_from_then_on),
		cmocka_unit_test(facts_that_are_late_move_no_flow),
		cmocka_unit_test(holds_are_bounded),
		cmocka_unit_test(of_two_holders_the_first_has_it),
		cmocka_unit_test(what_went_on_through_a_restart_is_one_instance),
		cmocka_unit_test(what_went_while_nobody_watched_ended_when_it_was_last_known),
		cmocka_unit_test(who_went_is_kept_for_a_while),
		cmocka_unit_test(of_two_on_one_interface_the_later_one_is_there),
		cmocka_unit_test(what_changed_while_nobody_watched_does_not_go_on),
		cmocka_unit_test(other_rules_rename_from_the_restart_on),
		cmocka_unit_test(coverage_says_why),
		cmocka_unit_test(coverage_tells_of_networks_that_are_not_seen),
		cmocka_unit_test(coverage_tells_of_a_way_past_the_veths),
		cmocka_unit_test(coverage_tells_of_veths_that_are_diverted),
		cmocka_unit_test(who_looks_into_a_namespace_does_not_own_it),
		cmocka_unit_test(whose_first_process_is_elsewhere_is_not_here),
		cmocka_unit_test(one_stands_for_all_at_a_path),
		cmocka_unit_test(coverage_tells_who_was_taken_off_its_network),
		cmocka_unit_test(coverage_tells_what_a_stranger_needs),
		cmocka_unit_test(coverage_tells_who_was_left_behind),
		cmocka_unit_test(coverage_tells_of_what_users_made),
		cmocka_unit_test(coverage_tells_what_is_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
