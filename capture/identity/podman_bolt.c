/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Podman's bolt database (libpod/boltdb_state.go): a bucket for each container, one for each pod.
 */
#include <errno.h>

#include "bolt.h"
#include "podman_state.h"

struct reading {
	const struct bh_bolt *db;
	struct bh_bolt_bucket pods;
	bool has_pods;
	struct bh_map *found;
};

static cJSON *member(const struct bh_bolt *db, const struct bh_bolt_bucket *bucket, const char *key)
{
	struct bh_bolt_bytes value = bh_bolt_value(db, bucket, key);

	return bh_podman_json(value.bytes, value.size);
}

static cJSON *pod_config(const struct reading *r, const char *pod)
{
	struct bh_bolt_bucket bucket;

	if (*pod == '\0' || !r->has_pods || !bh_bolt_find(r->db, &r->pods, pod, &bucket))
		return NULL;
	return member(r->db, &bucket, "config");
}

static void read_container(void *user, struct bh_bolt_bytes name,
			   const struct bh_bolt_bucket *bucket)
{
	struct reading *r = user;
	cJSON *config = member(r->db, bucket, "config"), *state = member(r->db, bucket, "state");
	cJSON *pod = pod_config(r, bh_podman_pod_of(config));

	(void)name; /* the id, which is in the configuration as well */
	bh_podman_add(r->found, config, state, pod);
	cJSON_Delete(config);
	cJSON_Delete(state);
	cJSON_Delete(pod);
}

/* Copied while Podman may have been writing: what does not hold together is left, and read again
 * when it changes next. */
struct bh_map *bh_podman_read_bolt(const void *bytes, size_t size, struct bh_error *err)
{
	struct bh_bolt db;
	struct bh_bolt_bucket containers;
	struct reading r = { .db = &db };

	if (bh_bolt_open(&db, bytes, size, err) != 0)
		return NULL;
	if (!bh_bolt_find(&db, NULL, "ctr", &containers)) {
		bh_error_set(err, -EINVAL, "it names no containers");
		return NULL;
	}
	r.has_pods = bh_bolt_find(&db, NULL, "pod", &r.pods);
	r.found = bh_podman_containers_new();
	if (!bh_bolt_each_bucket(&db, &containers, read_container, &r)) {
		bh_error_set(err, -EINVAL, "it was being written");
		bh_map_free(r.found);
		return NULL;
	}
	return r.found;
}
