/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names for what carries inner packets: "vxlan:42", "ipip/gre" (outermost first). A flow refers to
 * its name by a label; inner addresses may repeat behind different labels, and are different flows
 * there. */
#ifndef BH_TUNNELS_H
#define BH_TUNNELS_H

#include "decode.h"

struct bh_tunnels;

struct bh_tunnels *bh_tunnels_new(void);
void bh_tunnels_free(struct bh_tunnels *tunnels);

/* The label of `inner` carried within what `outer` labels (0: within nothing). 0 where tunnels are
 * nested too deeply, or there are more than labels. */
uint16_t bh_tunnels_label(struct bh_tunnels *tunnels, uint16_t outer, const struct bh_inner *inner);

/* The same, but 0 where there is no such label yet. */
uint16_t bh_tunnels_find(const struct bh_tunnels *tunnels, uint16_t outer,
			 const struct bh_inner *inner);

const char *bh_tunnels_text(const struct bh_tunnels *tunnels, uint16_t label); /* 0: "" */

#endif
