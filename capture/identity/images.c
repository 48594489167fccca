/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

#define KEPT 256 /* images that no container has */

/*
 * Who names workloads, by which labels. Compose writes its project and service into the images that
 * it builds as well (docker/compose, getImageBuildLabels()), so that a container of its own has
 * them twice; but into a container alone it writes which one that is of the service's, and of which
 * configuration (prepareLabels()). The same goes for a container that was made an image of, with
 * all its labels, and for Swarm's tasks and pods. proof: what is given to each container anew; one
 * of them that is not the image's is the sign that the others were given, too.
 */
struct author {
	const char *labels[7]; /* a dot at the end: all that begin so */
	const char *proof[2];
};

static const struct author authors[] = {
	{ { "bulkhead." }, { NULL } },
	{ { "com.docker.compose." },
	  { "com.docker.compose.config-hash", "com.docker.compose.container-number" } },
	{ { "com.docker.swarm." }, { "com.docker.swarm.task.id" } },
	{ { "io.kubernetes." }, { "io.kubernetes.pod.uid" } },
	/* Of a pod they say who controls it; the images of its containers do not know that. */
	{ { "batch.kubernetes.io/job-name", "job-name", "pod-template-hash",
	    "controller-revision-hash", "statefulset.kubernetes.io/pod-name",
	    "pod-template-generation" },
	  { NULL } },
};
#define AUTHORS (sizeof(authors) / sizeof(authors[0]))

static bool is_by(const struct author *author, const char *key)
{
	for (size_t i = 0; author->labels[i] != NULL; i++) {
		const char *label = author->labels[i];
		size_t length = strlen(label);

		if (label[length - 1] == '.' ? strncmp(key, label, length) == 0
					     : strcmp(key, label) == 0)
			return true;
	}
	return false;
}

static const struct author *author_of(const char *key)
{
	for (size_t i = 0; i < AUTHORS; i++)
		if (is_by(&authors[i], key))
			return &authors[i];
	return NULL;
}

void bh_images_read_id(struct bh_container *c, const char *id)
{
	static const char prefix[] = "sha256:";

	if (strncmp(id, prefix, sizeof(prefix) - 1) == 0)
		id += sizeof(prefix) - 1;
	if (bh_runtime_is_id(id))
		bh_copy_text(c->image_id, sizeof(c->image_id), id);
}

bool bh_images_matter(const struct bh_container *c)
{
	/* A container of a folder, with Podman, has no image. */
	if (c->image[0] == '\0' && c->image_id[0] == '\0')
		return false;
	for (size_t i = 0; i < c->label_count; i++)
		if (author_of(c->labels[i].key) != NULL)
			return true;
	return false;
}

static bool is_images(const struct bh_container *image, const char *key, const char *value)
{
	const char *own = image != NULL ? bh_container_label(image, key) : value;

	return own != NULL && strcmp(own, value) == 0;
}

static bool gave_all(const struct author *author, const struct bh_container *c,
		     const struct bh_container *image)
{
	for (size_t i = 0; i < 2 && author->proof[i] != NULL; i++) {
		const char *value = bh_container_label(c, author->proof[i]);

		if (value != NULL && !is_images(image, author->proof[i], value))
			return true;
	}
	return false;
}

void bh_images_strip(struct bh_container *c, const struct bh_container *image)
{
	bool given[AUTHORS];
	size_t kept = 0;

	for (size_t i = 0; i < AUTHORS; i++)
		given[i] = gave_all(&authors[i], c, image);
	for (size_t i = 0; i < c->label_count; i++) {
		struct bh_label label = c->labels[i];
		const struct author *author = author_of(label.key);

		if (author != NULL && !given[author - authors] &&
		    is_images(image, label.key, label.value)) {
			free(label.key);
			free(label.value);
			c->stripped = true;
		} else {
			c->labels[kept++] = label;
		}
	}
	c->label_count = kept;
}

/* --- what is known ---------------------------------------------------------------------------- */

struct image {
	char id[BH_CONTAINER_ID];
	enum bh_image_state state;
	int64_t since;		     /* when it was asked for */
	struct bh_container *labels; /* a container that has nothing else; NULL: not known */
};

struct bh_images {
	struct bh_map *map; /* by id */
};

static void free_image(void *value)
{
	struct image *image = value;

	bh_container_free(image->labels);
	free(image);
}

struct bh_images *bh_images_new(void)
{
	struct bh_images *images = bh_calloc(1, sizeof(*images));

	images->map = bh_map_new(free_image);
	return images;
}

void bh_images_free(struct bh_images *images)
{
	if (images == NULL)
		return;
	bh_map_free(images->map);
	free(images);
}

static struct image *put(struct bh_images *images, const char *id, enum bh_image_state state)
{
	struct image *image = bh_calloc(1, sizeof(*image));

	bh_copy_text(image->id, sizeof(image->id), id);
	image->state = state;
	bh_map_put_text(images->map, image->id, image);
	return image;
}

enum bh_image_state bh_images_state(const struct bh_images *images, const char *id)
{
	const struct image *image = bh_map_get_text(images->map, id);

	return image != NULL ? image->state : BH_IMAGE_NEW;
}

void bh_images_asked(struct bh_images *images, const char *id, int64_t now)
{
	put(images, id, BH_IMAGE_ASKED)->since = now;
}

void bh_images_lost(struct bh_images *images, const char *id)
{
	put(images, id, BH_IMAGE_LOST);
}

void bh_images_know(struct bh_images *images, const char *id, const struct bh_container *labels)
{
	struct image *image = put(images, id, BH_IMAGE_KNOWN);

	image->labels = bh_container_new();
	for (size_t i = 0; i < labels->label_count; i++)
		if (author_of(labels->labels[i].key) != NULL)
			bh_container_add_label(image->labels, labels->labels[i].key,
					       labels->labels[i].value);
}

const struct bh_container *bh_images_labels(const struct bh_images *images, const char *id)
{
	const struct image *image = bh_map_get_text(images->map, id);

	return image != NULL ? image->labels : NULL;
}

const char *bh_images_next_asked(const struct bh_images *images, size_t *position, int64_t *since)
{
	const struct image *image;

	while ((image = bh_map_next(images->map, position)) != NULL) {
		if (image->state != BH_IMAGE_ASKED)
			continue;
		*since = image->since;
		return image->id;
	}
	return NULL;
}

static void forget(struct bh_images *images, const struct image *image)
{
	char id[BH_CONTAINER_ID];

	bh_copy_text(id, sizeof(id), image->id); /* it is freed with the image */
	bh_map_remove_text(images->map, id);
}

void bh_images_forget(struct bh_images *images, enum bh_image_state state)
{
	const struct image *image;

	for (size_t position = 0; (image = bh_map_next(images->map, &position)) != NULL;)
		if (image->state == state)
			forget(images, image);
}

void bh_images_sweep(struct bh_images *images, bool (*used)(const void *user, const char *id),
		     const void *user)
{
	const struct image *image;

	if (bh_map_count(images->map) <= KEPT)
		return;
	for (size_t position = 0; (image = bh_map_next(images->map, &position)) != NULL;)
		if (image->state == BH_IMAGE_KNOWN && !used(user, image->id))
			forget(images, image);
}
