/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"

struct bh_container *bh_container_new(void)
{
	return bh_calloc(1, sizeof(struct bh_container));
}

void bh_container_free(struct bh_container *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->label_count; i++) {
		free(c->labels[i].key);
		free(c->labels[i].value);
	}
	free(c->labels);
	free(c->nets);
	free(c->published);
	free(c);
}

void bh_container_add_label(struct bh_container *c, const char *key, const char *value)
{
	size_t capacity = c->label_count;

	c->labels = bh_grow(c->labels, &capacity, c->label_count + 1, sizeof(*c->labels));
	c->labels[c->label_count++] =
		(struct bh_label) { .key = bh_strdup(key), .value = bh_strdup(value) };
}

void bh_container_set_label(struct bh_container *c, const char *key, const char *value)
{
	for (size_t i = 0; i < c->label_count; i++) {
		if (strcmp(c->labels[i].key, key) != 0)
			continue;
		free(c->labels[i].value);
		c->labels[i].value = bh_strdup(value);
		return;
	}
	bh_container_add_label(c, key, value);
}

struct bh_container_net *bh_container_add_net(struct bh_container *c)
{
	size_t capacity = c->net_count;

	c->nets = bh_grow(c->nets, &capacity, c->net_count + 1, sizeof(*c->nets));
	struct bh_container_net *net = &c->nets[c->net_count++];
	*net = (struct bh_container_net) { 0 };
	return net;
}

void bh_container_publish(struct bh_container *c, const struct bh_published *published)
{
	size_t capacity = c->published_count;

	for (size_t i = 0; i < c->published_count; i++) {
		const struct bh_published *known = &c->published[i];

		if (known->proto == published->proto && known->port == published->port &&
		    known->host_port == published->host_port &&
		    bh_addr_equal(&known->host_addr, &published->host_addr))
			return;
	}
	c->published =
		bh_grow(c->published, &capacity, c->published_count + 1, sizeof(*c->published));
	c->published[c->published_count++] = *published;
}

bool bh_published_covers(const struct bh_published *published, const struct bh_addr *addr)
{
	const struct bh_addr *own = &published->host_addr;

	return own->family == 0 || bh_addr_equal(own, addr) ||
	       (own->family == addr->family && bh_addr_is_unspecified(own));
}

struct bh_container *bh_container_copy(const struct bh_container *from)
{
	struct bh_container *c = bh_container_new();

	*c = *from;
	c->labels = NULL;
	c->nets = NULL;
	c->published = NULL;
	c->label_count = c->net_count = c->published_count = 0;
	for (size_t i = 0; i < from->label_count; i++)
		bh_container_add_label(c, from->labels[i].key, from->labels[i].value);
	for (size_t i = 0; i < from->net_count; i++)
		*bh_container_add_net(c) = from->nets[i];
	for (size_t i = 0; i < from->published_count; i++)
		bh_container_publish(c, &from->published[i]);
	return c;
}

static bool nets_equal(const struct bh_container *a, const struct bh_container *b)
{
	for (size_t i = 0; i < a->net_count; i++) {
		const struct bh_container_net *x = &a->nets[i], *y = &b->nets[i];

		if (strcmp(x->name, y->name) != 0 ||
		    memcmp(&x->mac, &y->mac, sizeof(x->mac)) != 0 ||
		    !bh_addr_equal(&x->addr4, &y->addr4) || !bh_addr_equal(&x->addr6, &y->addr6))
			return false;
	}
	return true;
}

static bool labels_equal(const struct bh_container *a, const struct bh_container *b)
{
	for (size_t i = 0; i < a->label_count; i++)
		if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
		    strcmp(a->labels[i].value, b->labels[i].value) != 0)
			return false;
	return true;
}

static bool published_equal(const struct bh_container *a, const struct bh_container *b)
{
	for (size_t i = 0; i < a->published_count; i++) {
		const struct bh_published *x = &a->published[i], *y = &b->published[i];

		if (x->proto != y->proto || x->port != y->port || x->host_port != y->host_port ||
		    !bh_addr_equal(&x->host_addr, &y->host_addr))
			return false;
	}
	return true;
}

bool bh_container_equal(const struct bh_container *a, const struct bh_container *b)
{
	return a->runtime == b->runtime && a->pid == b->pid && a->running == b->running &&
	       a->announced == b->announced && a->stripped == b->stripped &&
	       strcmp(a->image_id, b->image_id) == 0 && strcmp(a->id, b->id) == 0 &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->image, b->image) == 0 &&
	       strcmp(a->pod, b->pod) == 0 && strcmp(a->owner, b->owner) == 0 &&
	       strcmp(a->network_mode, b->network_mode) == 0 &&
	       strcmp(a->netns_path, b->netns_path) == 0 && a->label_count == b->label_count &&
	       a->net_count == b->net_count && a->published_count == b->published_count &&
	       labels_equal(a, b) && nets_equal(a, b) && published_equal(a, b);
}

const char *bh_container_label(const struct bh_container *c, const char *key)
{
	for (size_t i = 0; i < c->label_count; i++)
		if (strcmp(c->labels[i].key, key) == 0)
			return c->labels[i].value;
	return NULL;
}

const char *bh_runtime_name(uint8_t runtime)
{
	static const char *const names[BH_RUNTIMES] = { "netns", "docker", "podman",
							"cri",	 "lxc",	   "lxd",
							"incus", "nspawn", "kubernetes" };

	return runtime < BH_RUNTIMES ? names[runtime] : "?";
}

const struct bh_runtime_ops *const bh_back_ends[BH_RUNTIMES] = {
	[BH_RUNTIME_DOCKER] = &bh_docker_ops, [BH_RUNTIME_PODMAN] = &bh_podman_ops,
	[BH_RUNTIME_CRI] = &bh_cri_ops,	      [BH_RUNTIME_LXC] = &bh_lxc_ops,
	[BH_RUNTIME_LXD] = &bh_lxd_ops,	      [BH_RUNTIME_INCUS] = &bh_incus_ops,
	[BH_RUNTIME_NSPAWN] = &bh_nspawn_ops, [BH_RUNTIME_KUBERNETES] = &bh_kubernetes_ops,
};

bool bh_runtime_names_anew(uint8_t runtime)
{
	return runtime == BH_RUNTIME_LXC || runtime == BH_RUNTIME_LXD ||
	       runtime == BH_RUNTIME_INCUS || runtime == BH_RUNTIME_NSPAWN;
}

bool bh_runtime_is_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* HTTP/1.0: replies come unchunked, and end with the connection. */
static bool write_request(const char *path, char *out, size_t size)
{
	int length = snprintf(out, size, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);

	return length > 0 && (size_t)length < size;
}

/* Docker's API, and Podman's likeness of it. */
static bool engine_request(uint8_t runtime, uint8_t query, const char *argument, char *out,
			   size_t size)
{
	bool takes_id = query == BH_QUERY_INSPECT || query == BH_QUERY_NETWORK ||
			query == BH_QUERY_ROW || query == BH_QUERY_IMAGE;
	char path[256];

	if (takes_id ? !bh_runtime_is_id(argument) : argument[0] != '\0')
		return false;
	switch (query) {
	case BH_QUERY_CONTAINERS:
		return write_request("/containers/json?all=1", out, size);
	case BH_QUERY_INSPECT:
		snprintf(path, sizeof(path), "/containers/%s/json", argument);
		return write_request(path, out, size);
	case BH_QUERY_NETWORK:
		snprintf(path, sizeof(path), "/networks/%s", argument);
		return write_request(path, out, size);
	case BH_QUERY_ROW:
		/* {"id":["…"]} */
		snprintf(path, sizeof(path),
			 "/containers/json?all=1&filters=%%7B%%22id%%22%%3A%%5B%%22%s%%22%%5D%%7D",
			 argument);
		return write_request(path, out, size);
	case BH_QUERY_IMAGE:
		snprintf(path, sizeof(path), "/images/%s/json", argument);
		return write_request(path, out, size);
	case BH_QUERY_EVENTS:
		/* {"type":["container","network"]} */
		return write_request("/events?filters=%7B%22type%22%3A%5B%22container%22"
				     "%2C%22network%22%5D%7D",
				     out, size);
	case BH_QUERY_PODS:
		/* Of its own API Podman has no address without a version. */
		return runtime == BH_RUNTIME_PODMAN &&
		       write_request("/v4.0.0/libpod/pods/json", out, size);
	default:
		return false;
	}
}

bool bh_runtime_request_text(uint8_t runtime, uint8_t query, const char *argument, char *out,
			     size_t size)
{
	switch (runtime) {
	case BH_RUNTIME_DOCKER:
	case BH_RUNTIME_PODMAN:
		return engine_request(runtime, query, argument, out, size);
	case BH_RUNTIME_LXD:
	case BH_RUNTIME_INCUS:
		return query == BH_QUERY_CONTAINERS && argument[0] == '\0' &&
		       write_request("/1.0/instances?recursion=1&all-projects=true", out, size);
	default:
		return false;
	}
}
