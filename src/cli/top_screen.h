/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal of `bulkhead top` (ncurses): it draws frames and reads keys, and is left as it was.
 */
#ifndef BH_TOP_SCREEN_H
#define BH_TOP_SCREEN_H

#include <stdbool.h>

#include "top_state.h"

/* False: complained about; the terminal is none that can be drawn on. *color: whether colours are
 * wanted, and then whether the terminal has any. */
bool bh_top_screen_open(bool *color);
void bh_top_screen_close(void); /* may be called where it is not open */

void bh_top_screen_resize(void); /* the terminal has another size now */
void bh_top_screen_draw(struct bh_top_state *state);

/* The next key, as bh_top_state_key() takes it; −1: there is none. Does not wait. */
int bh_top_screen_key(void);

#endif
