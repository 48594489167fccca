/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose a container's labels are. Runtimes put the labels of the image among the container's own,
 * and nobody can tell them apart any more; whoever builds an image would so choose which workload
 * it runs as. Labels that name a workload count where somebody gave them to the container: what the
 * image says, too, in the same words, is taken to be the image's. Internal to this folder.
 */
#ifndef BH_IMAGES_H
#define BH_IMAGES_H

#include "runtime.h"

/* "sha256:<id>", or without the prefix; what is no id is none. */
void bh_images_read_id(struct bh_container *container, const char *id);

/* Whether a label of its own or of its image could name the container's workload. */
bool bh_images_matter(const struct bh_container *container);

/* Takes such labels off the container that came with its image. image: the image's labels, NULL
 * where nobody can tell them: then all of them go. */
void bh_images_strip(struct bh_container *container, const struct bh_container *image);

/* What is known of images, by their ids. */
struct bh_images;

enum bh_image_state {
	BH_IMAGE_NEW,
	BH_IMAGE_ASKED,
	BH_IMAGE_KNOWN,
	BH_IMAGE_LOST, /* it was asked for, and there was no answer */
};

struct bh_images *bh_images_new(void);
void bh_images_free(struct bh_images *images);
enum bh_image_state bh_images_state(const struct bh_images *images, const char *id);
void bh_images_asked(struct bh_images *images, const char *id, int64_t now);
void bh_images_lost(struct bh_images *images, const char *id);
/* Keeps those that matter of the labels that this container has. */
void bh_images_know(struct bh_images *images, const char *id, const struct bh_container *labels);
/* The image's labels, or NULL where they are not known. */
const struct bh_container *bh_images_labels(const struct bh_images *images, const char *id);
/* Those that were asked for, since when, and are neither known nor lost: start with *position = 0;
 * NULL ends. */
const char *bh_images_next_asked(const struct bh_images *images, size_t *position, int64_t *since);
/* All in this state are new again. */
void bh_images_forget(struct bh_images *images, enum bh_image_state state);
/* Forgets images of which used says that no container has them, where there are many. */
void bh_images_sweep(struct bh_images *images, bool (*used)(const void *user, const char *id),
		     const void *user);

#endif
