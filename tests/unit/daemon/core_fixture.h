/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A core without processes around it, for tests of what it makes of their reports. */
#ifndef BH_TEST_CORE_FIXTURE_H
#define BH_TEST_CORE_FIXTURE_H

#include "core.h"
#include "timefmt.h"

/* Its store lies in memory. keep_departed: see struct bh_model_config. */
struct bh_core *core_fixture_new(int64_t keep_departed);
void core_fixture_free(struct bh_core *core);

#define CORE_FIXTURE_NOW (INT64_C(1700000000) * BH_SECOND) /* its world is a second older */

/* These abort where the text is no address. */
struct bh_addr core_fixture_addr(const char *text);
struct bh_flow_key core_fixture_tuple(const char *src, uint16_t sport, const char *dst,
				      uint16_t dport); /* TCP */
/* A named namespace with one address behind a veth. */
void core_fixture_endpoint(struct bh_core *core, uint32_t ifindex, const char *name,
			   const char *address);
void core_fixture_host_addr(struct bh_core *core, uint32_t ifindex, const char *address);
/* "web" 10.0.1.2 behind veth 7, "db" 10.0.2.3 behind veth 8, the host between them: their bridge's
 * gateway 10.0.2.1, and 192.0.2.1. */
void core_fixture_world(struct bh_core *core);
/* Docker's container "db" is the one in this namespace, and publishes a TCP port of its own. */
void core_fixture_publish(struct bh_core *core, const char *netns, uint16_t port,
			  uint16_t host_port);

/* With a loop and the timer that a change of rules sets; to be freed by the second. */
struct bh_core *core_fixture_with_rules(int64_t keep_departed);
void core_fixture_free_with_rules(struct bh_core *core);

/* How many events of that kind were told. */
size_t core_fixture_events(const struct bh_core *core, const char *kind);
/* Events whose JSON has this text in it. */
size_t core_fixture_told(const struct bh_core *core, const char *text);

#endif
