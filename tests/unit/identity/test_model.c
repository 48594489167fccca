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

static struct bh_model *new_model(void)
{
	struct bh_model_config config = { .netns_ordinals = true, .keep_departed = 1000 };
	struct bh_model *m = bh_model_new(&config);
	struct bh_host_addr gateway = {
		.ifindex = 2, .ifname = "br0", .addr = addr("10.0.0.1"), .prefix_length = 24
	};

	bh_model_host_addr(m, &gateway);
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
	expect(m, 7, "10.0.0.2", 100, BH_PEER_WORKLOAD, "compose:shop/api");
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
	expect(m, 0, "10.0.0.255", 150, BH_PEER_MULTICAST, "multicast");
	expect(m, 0, "ff02::fb", 150, BH_PEER_MULTICAST, "multicast");
	expect(m, 0, "10.0.0.77", 150, BH_PEER_UNRESOLVED, "10.0.0.77"); /* ours, and nobody's */
	expect(m, 0, "192.0.2.9", 150, BH_PEER_ADDRESS, "192.0.2.9");
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
	assert_int_equal(rows.items[1].coverage, BH_ENFORCEABLE);
	bh_model_free(m);
}

/* The owner of a shared namespace was started again, in a new one; the other stayed behind. */
static void coverage_tells_who_was_left_behind(void **state)
{
	struct bh_model *m = new_model();
	struct bh_endpoint_fact f = fact(7, "10.0.0.2", 100);
	struct bh_container *guest = compose(ID_A, "guest");
	struct bh_netns_fact netns = { .inode = 9, .nsid = -1, .container_id = ID_A };
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
		cmocka_unit_test(a_scan_ends_what_it_does_not_mention),
		cmocka_unit_test(coverage_says_why),
		cmocka_unit_test(coverage_tells_who_was_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
