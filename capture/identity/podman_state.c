/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "podman_state.h"

#include <stdio.h>

#include "address.h"
#include "container_json.h"
#include "grow.h"
#include "images.h"
#include "runtime.h"

#define RUNNING 3 /* libpod/define/containerstate.go: ContainerStateRunning … */
#define PAUSED 5

static void free_container(void *value)
{
	bh_container_free(value);
}

struct bh_map *bh_podman_containers_new(void)
{
	return bh_map_new(free_container);
}

cJSON *bh_podman_json(const void *bytes, size_t size)
{
	return size > 0 ? cJSON_ParseWithLength(bytes, size) : NULL;
}

/* {"eth0":{"subnets":[{"ipnet":"10.88.0.5/16","gateway":"10.88.0.1"}],"mac_address":"…"}} */
static void read_interfaces(struct bh_container *c, const char *network, const cJSON *interfaces)
{
	const cJSON *interface, *subnet;

	cJSON_ArrayForEach (interface, interfaces) {
		struct bh_container_net *net = bh_container_add_net(c);

		bh_copy_text(net->name, sizeof(net->name), network);
		bh_mac_parse(bh_json_text(interface, "mac_address"), &net->mac);
		cJSON_ArrayForEach (subnet, bh_json_member(interface, "subnets"))
			bh_container_net_read(net, bh_json_text(subnet, "ipnet"));
	}
}

static void read_state(struct bh_container *c, const cJSON *state)
{
	const cJSON *pid = bh_json_member(state, "pid"), *number = bh_json_member(state, "state"),
		    *network;

	c->pid = cJSON_IsNumber(pid) ? pid->valueint : 0;
	c->running = cJSON_IsNumber(number) &&
		     (number->valueint == RUNNING || number->valueint == PAUSED);
	bh_copy_text(c->netns_path, sizeof(c->netns_path), bh_json_text(state, "netns"));
	cJSON_ArrayForEach (network, bh_json_member(state, "networkStatus"))
		if (network->string != NULL)
			read_interfaces(c, network->string, bh_json_member(network, "interfaces"));
}

/* The network's among the namespaces that the container is to have (OCI runtime specification,
 * config-linux.md); NULL: it keeps the host's. */
static const cJSON *network_namespace(const cJSON *config)
{
	const cJSON *linux_part = bh_json_member(bh_json_member(config, "spec"), "linux"), *one;

	cJSON_ArrayForEach (one, bh_json_member(linux_part, "namespaces"))
		if (strcmp(bh_json_text(one, "type"), "network") == 0)
			return one;
	return NULL;
}

/* As Docker's API would call it; "ns:PATH" as Podman's does. */
static void read_network_mode(struct bh_container *c, const cJSON *config)
{
	const char *other = bh_json_text(config, "netNsCtr"),
		   *mode = bh_json_text(config, "networkMode");
	const cJSON *own = network_namespace(config);
	const char *path = bh_json_text(own, "path");

	if (*other != '\0')
		snprintf(c->network_mode, sizeof(c->network_mode), "container:%s", other);
	else if (cJSON_IsTrue(bh_json_member(config, "createNetNS")))
		bh_copy_text(c->network_mode, sizeof(c->network_mode),
			     *mode != '\0' ? mode : "bridge");
	else if (*path != '\0')
		snprintf(c->network_mode, sizeof(c->network_mode), "ns:%s", path);
	else
		bh_copy_text(c->network_mode, sizeof(c->network_mode),
			     own != NULL ? "none" : "host");
}

/* A pod's network is the infra container's, and is named like the pod. */
const char *bh_podman_pod_of(const cJSON *config)
{
	bool is_infra = cJSON_IsTrue(bh_json_member(config, "pause")) ||
			cJSON_IsTrue(bh_json_member(config, "isInfra"));

	return is_infra ? bh_json_text(config, "pod") : "";
}

void bh_podman_add(struct bh_map *containers, const cJSON *config, const cJSON *state,
		   const cJSON *pod)
{
	const char *id = bh_json_text(config, "id");

	if (!bh_runtime_is_id(id) || state == NULL)
		return;
	struct bh_container *c = bh_container_new();
	c->runtime = BH_RUNTIME_PODMAN;
	bh_copy_text(c->id, sizeof(c->id), id);
	bh_copy_text(c->name, sizeof(c->name), bh_json_text(config, "name"));
	bh_copy_text(c->image, sizeof(c->image), bh_json_text(config, "rootfsImageName"));
	bh_images_read_id(c, bh_json_text(config, "rootfsImageID"));
	bh_container_read_labels(c, bh_json_member(config, "labels"));
	read_network_mode(c, config);
	read_state(c, state);
	if (pod != NULL) {
		bh_copy_text(c->pod, sizeof(c->pod), bh_json_text(pod, "name"));
		bh_container_read_labels(c, bh_json_member(pod, "labels"));
	}
	bh_map_put_text(containers, c->id, c);
}
