/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containerd and CRI-O, with or without Kubernetes, by what they leave on disk. Two kinds of files
 * say who a container is, and each may come first or never:
 *
 * - the bundle's config.json (OCI runtime specification), whose annotations name pod and container,
 *   and with CRI-O the pod's labels;
 * - CNI's result cache (libcni's api.go: cachedInfo), one a network, written about 25 ms after the
 *   interface: interface, MAC and addresses, and as arguments the pod's name and namespace. It is
 *   not always removed with its container; so it names nobody whom the kernel does not show.
 *
 * A pod's network belongs to its sandbox container, whose id both files have. Labels of pods are
 * with containerd known to its clients alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "container_json.h"
#include "file_set.h"
#include "grow.h"
#include "map.h"
#include "runtime.h"

struct cri {
	struct bh_file_back_end base;
	struct bh_map *bundles; /* path → struct bh_container: what that file says */
	struct bh_map *results; /* the same of CNI's */
	struct bh_map *stated;	/* id → struct bh_container: as core was told */
};

static void free_container(void *value)
{
	bh_container_free(value);
}

/* The first of these that is there; "": none is. */
static const char *either(const cJSON *json, const char *key, const char *other)
{
	const char *text = bh_json_text(json, key);

	return *text != '\0' ? text : bh_json_text(json, other);
}

static struct bh_container *new_container(const char *id)
{
	struct bh_container *c = bh_container_new();

	c->runtime = BH_RUNTIME_CRI;
	if (!bh_copy_text(c->id, sizeof(c->id), id) || c->id[0] == '\0') {
		bh_container_free(c);
		return NULL;
	}
	return c;
}

static void set_pod(struct bh_container *c, const char *namespace, const char *pod, const char *uid)
{
	if (*namespace == '\0' || *pod == '\0')
		return;
	snprintf(c->pod, sizeof(c->pod), "%s/%s", namespace, pod);
	bh_container_set_label(c, "io.kubernetes.pod.namespace", namespace);
	bh_container_set_label(c, "io.kubernetes.pod.name", pod);
	if (*uid != '\0')
		bh_container_set_label(c, "io.kubernetes.pod.uid", uid);
}

/* --- bundles ---------------------------------------------------------------------------------- */

/* The folder that a file lies in, or the one so many above. */
static bool folder_of(const char *path, unsigned above, char out[BH_CONTAINER_ID])
{
	const char *end = strrchr(path, '/'), *start;

	for (unsigned i = 0; i < above && end != NULL; i++)
		end = memrchr(path, '/', (size_t)(end - path));
	if (end == NULL || (start = memrchr(path, '/', (size_t)(end - path))) == NULL)
		return false;
	size_t length = (size_t)(end - start - 1);
	if (length == 0 || length >= BH_CONTAINER_ID)
		return false;
	memcpy(out, start + 1, length);
	out[length] = '\0';
	return true;
}

/* The path of the network namespace that it was given; NULL: it shares the host's. "": it was made
 * for it. */
static const char *netns_of(const cJSON *spec)
{
	const cJSON *namespace;

	cJSON_ArrayForEach (namespace, bh_json_member(bh_json_member(spec, "linux"), "namespaces"))
		if (strcmp(bh_json_text(namespace, "type"), "network") == 0)
			return bh_json_text(namespace, "path");
	return NULL;
}

/* CRI-O puts the pod's labels into one annotation, as JSON. */
static void read_labels(struct bh_container *c, const char *text)
{
	cJSON *labels = cJSON_Parse(text);

	bh_container_read_labels(c, labels);
	cJSON_Delete(labels);
}

static void read_network(struct bh_container *c, const cJSON *spec, bool sandbox,
			 const char *sandbox_id)
{
	const char *path = netns_of(spec);

	if (!sandbox && *sandbox_id != '\0' && strcmp(sandbox_id, c->id) != 0)
		snprintf(c->network_mode, sizeof(c->network_mode), "container:%s", sandbox_id);
	else if (path == NULL)
		bh_copy_text(c->network_mode, sizeof(c->network_mode), "host");
	else
		bh_copy_text(c->network_mode, sizeof(c->network_mode), "cni");
	/* /proc/PID/ns/net is another container's, or none by now. */
	if (path != NULL && strncmp(path, "/proc/", 6) != 0)
		bh_copy_text(c->netns_path, sizeof(c->netns_path), path);
}

/* "…/k8s.io/<id>/config.json" (containerd, by its namespaces), "…/<id>/userdata/config.json"
 * (CRI-O). What ctr names itself is only unique within a namespace; CNI is told "default-name".
 * False: it is Docker's, or nobody's. */
static bool id_of(const char *path, bool crio, char id[BH_CONTAINER_ID])
{
	char namespace[BH_CONTAINER_ID], own[BH_CONTAINER_ID];

	if (crio)
		return folder_of(path, 1, id);
	if (!folder_of(path, 0, own) || !folder_of(path, 1, namespace) ||
	    strcmp(namespace, "moby") == 0)
		return false;
	int length = bh_runtime_is_id(own) ? snprintf(id, BH_CONTAINER_ID, "%s", own)
					   : snprintf(id, BH_CONTAINER_ID, "%s-%s", namespace, own);
	return length < BH_CONTAINER_ID;
}

/* NULL: it is no container's of ours; Podman's storage looks like CRI-O's. */
static struct bh_container *read_bundle(const char *path, const cJSON *spec)
{
	const cJSON *notes = bh_json_member(spec, "annotations");
	bool crio = strcmp(bh_json_text(notes, "io.container.manager"), "cri-o") == 0;
	const char *type = either(notes, "io.kubernetes.cri.container-type",
				  "io.kubernetes.cri-o.ContainerType");
	const char *name =
		either(notes, "io.kubernetes.cri.container-name", "io.kubernetes.container.name");
	bool sandbox = strcmp(type, "sandbox") == 0;
	char id[BH_CONTAINER_ID];
	struct bh_container *c;

	if (strstr(path, "/userdata/") != NULL && !crio)
		return NULL;
	if (!cJSON_IsObject(spec) || !id_of(path, crio, id) || (c = new_container(id)) == NULL)
		return NULL;
	c->running = true;
	set_pod(c,
		either(notes, "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
		either(notes, "io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
		either(notes, "io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"));
	read_labels(c, bh_json_text(notes, "io.kubernetes.cri-o.Labels"));
	bh_copy_text(
		c->image, sizeof(c->image),
		either(notes, "io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"));
	read_network(
		c, spec, sandbox,
		either(notes, "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"));
	if (sandbox)
		bh_copy_text(c->name, sizeof(c->name), c->pod);
	else if (c->pod[0] != '\0')
		snprintf(c->name, sizeof(c->name), "%.120s/%.120s", c->pod, name);
	else if (*name != '\0' || folder_of(path, 0, id))
		bh_copy_text(c->name, sizeof(c->name), *name != '\0' ? name : id);
	/* The pod is the sandbox's to hold. */
	if (!sandbox)
		c->pod[0] = '\0';
	return c;
}

/* --- CNI's results ---------------------------------------------------------------------------- */

static const char *argument(const cJSON *json, const char *key)
{
	const cJSON *pair;

	cJSON_ArrayForEach (pair, bh_json_member(json, "cniArgs")) {
		const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
		const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));

		if (name != NULL && value != NULL && strcmp(name, key) == 0)
			return value;
	}
	return "";
}

/* The interface inside is the one that has a sandbox; the addresses that name it are its own. */
static void read_result(struct bh_container *c, const char *network, const cJSON *result)
{
	const cJSON *interface, *ip;
	int number = 0;

	cJSON_ArrayForEach (interface, bh_json_member(result, "interfaces")) {
		const char *sandbox = bh_json_text(interface, "sandbox");

		if (*sandbox != '\0') {
			struct bh_container_net *net = bh_container_add_net(c);

			bh_copy_text(net->name, sizeof(net->name), network);
			bh_mac_parse(bh_json_text(interface, "mac"), &net->mac);
			cJSON_ArrayForEach (ip, bh_json_member(result, "ips")) {
				const cJSON *of = bh_json_member(ip, "interface");

				if (!cJSON_IsNumber(of) || of->valueint == number)
					bh_container_net_read(net, bh_json_text(ip, "address"));
			}
			if (strncmp(sandbox, "/proc/", 6) != 0)
				bh_copy_text(c->netns_path, sizeof(c->netns_path), sandbox);
		}
		number++;
	}
}

/* nerdctl puts containerd's namespace before the id: "default-<id>". */
static const char *bare_id(const char *id)
{
	size_t length = strlen(id);

	return length > 65 && id[length - 65] == '-' && bh_runtime_is_id(id + length - 64)
		       ? id + length - 64
		       : id;
}

static struct bh_container *read_cni(const cJSON *json)
{
	const char *id = bh_json_text(json, "containerId");
	const char *namespace = argument(json, "K8S_POD_NAMESPACE");
	struct bh_container *c;

	/* A bare id without a pod's namespace is Podman's, whose own back end knows more. */
	if (strcmp(bh_json_text(json, "kind"), "cniCacheV1") != 0 ||
	    (*namespace == '\0' && bh_runtime_is_id(id)) ||
	    (c = new_container(bare_id(id))) == NULL)
		return NULL;
	set_pod(c, namespace, argument(json, "K8S_POD_NAME"), argument(json, "K8S_POD_UID"));
	bh_copy_text(c->name, sizeof(c->name), c->pod[0] != '\0' ? c->pod : id);
	bh_copy_text(c->network_mode, sizeof(c->network_mode), "cni");
	read_result(c, bh_json_text(json, "networkName"), bh_json_member(json, "result"));
	return c;
}

/* --- both together ---------------------------------------------------------------------------- */

static void add_nets(struct bh_container *c, const struct bh_container *from)
{
	for (size_t i = 0; i < from->net_count; i++)
		*bh_container_add_net(c) = from->nets[i];
	if (c->netns_path[0] == '\0')
		memcpy(c->netns_path, from->netns_path, sizeof(c->netns_path));
}

static void add_labels(struct bh_container *c, const struct bh_container *from)
{
	for (size_t i = 0; i < from->label_count; i++)
		if (bh_container_label(c, from->labels[i].key) == NULL)
			bh_container_set_label(c, from->labels[i].key, from->labels[i].value);
}

/* What all files together say of a container; NULL: nothing. */
static struct bh_container *join(const struct cri *cri, const char *id)
{
	struct bh_container *c = NULL;
	const struct bh_container *part;

	for (size_t position = 0; (part = bh_map_next(cri->bundles, &position)) != NULL;)
		if (c == NULL && strcmp(part->id, id) == 0)
			c = bh_container_copy(part);
	for (size_t position = 0; (part = bh_map_next(cri->results, &position)) != NULL;) {
		if (strcmp(part->id, id) != 0)
			continue;
		if (c == NULL) {
			c = bh_container_copy(part);
			continue;
		}
		add_nets(c, part);
		add_labels(c, part);
	}
	return c;
}

static void state(struct cri *cri, const char *id)
{
	char copy[BH_CONTAINER_ID];

	bh_copy_text(copy, sizeof(copy), id); /* it may be that of a part that goes */
	struct bh_container *c = join(cri, copy);
	const struct bh_container *before = bh_map_get_text(cri->stated, copy);

	if (c == NULL && before != NULL) {
		bh_map_remove_text(cri->stated, copy);
		cri->base.host.container_gone(cri->base.host.user, BH_RUNTIME_CRI, copy);
	} else if (c != NULL && (before == NULL || !bh_container_equal(before, c))) {
		cri->base.host.container(cri->base.host.user, c);
		bh_map_put_text(cri->stated, copy, c);
	} else {
		bh_container_free(c);
	}
}

static bool is_bundle(const char *path)
{
	const char *name = strrchr(path, '/');

	return name != NULL && strcmp(name, "/config.json") == 0;
}

static void on_file(void *user, const char *path, const char *data, size_t length)
{
	struct cri *cri = user;
	struct bh_map *kind = is_bundle(path) ? cri->bundles : cri->results;
	cJSON *json = cJSON_ParseWithLength(data, length);
	struct bh_container *c = json == NULL	   ? NULL /* half written: it will change again */
				 : is_bundle(path) ? read_bundle(path, json)
						   : read_cni(json);

	cJSON_Delete(json);
	if (c == NULL)
		return;
	bh_map_put_text(kind, path, c);
	state(cri, c->id);
}

/* Without this file; what others say of its container still holds. */
static void lose_file(struct cri *cri, struct bh_map *kind, const char *path)
{
	const struct bh_container *part = bh_map_get_text(kind, path);
	char id[BH_CONTAINER_ID];

	if (part != NULL) {
		bh_copy_text(id, sizeof(id), part->id);
		bh_map_remove_text(kind, path);
		state(cri, id);
	}
}

static void on_gone(void *user, const char *path)
{
	struct cri *cri = user;

	lose_file(cri, is_bundle(path) ? cri->bundles : cri->results, path);
}

/* --- operations ------------------------------------------------------------------------------- */

static void *cri_start(const struct bh_runtime_host *host, int64_t now)
{
	struct cri *cri = bh_calloc(1, sizeof(*cri));

	(void)now;
	cri->bundles = bh_map_new(free_container);
	cri->results = bh_map_new(free_container);
	cri->stated = bh_map_new(free_container);
	bh_file_back_end_start(&cri->base, host, BH_RUNTIME_CRI, on_file, on_gone);
	return cri;
}

static void cri_stop(void *state)
{
	struct cri *cri = state;

	bh_map_free(cri->bundles);
	bh_map_free(cri->results);
	bh_map_free(cri->stated);
	bh_file_back_end_stop(cri);
}

const struct bh_runtime_ops bh_cri_ops = { .runtime = BH_RUNTIME_CRI,
					   .start = cri_start,
					   .data = bh_file_back_end_data,
					   .end = bh_file_back_end_end,
					   .tick = bh_file_back_end_tick,
					   .stop = cri_stop };
