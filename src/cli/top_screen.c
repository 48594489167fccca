/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top_screen.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "client.h"

#define ESCAPE_WAIT 25 /* ms: a key's code begins with Esc, too */

static SCREEN *screen;
static bool colored;

static bool start_colors(void)
{
	static const short shades[] = {
		[BH_RED] = COLOR_RED, [BH_YELLOW] = COLOR_YELLOW, [BH_GREEN] = COLOR_GREEN
	};

	if (!has_colors() || start_color() == ERR)
		return false;
	use_default_colors();
	for (short i = BH_RED; i <= BH_GREEN; i++)
		init_pair(i, shades[i], -1);
	return true;
}

/* Asked first: newterm() leaves memory behind where it fails. */
static bool is_known_terminal(void)
{
	int status;

	if (setupterm(NULL, STDOUT_FILENO, &status) == ERR)
		return false;
	del_curterm(cur_term);
	return true;
}

bool bh_top_screen_open(bool *color)
{
	const char *term = getenv("TERM");

	if (is_known_terminal())
		screen = newterm(NULL, stdout, stdin);
	if (screen == NULL) {
		bh_complain(0,
			    "the terminal cannot be drawn on (TERM is %s); --batch N prints frames",
			    term != NULL ? term : "not set");
		return false;
	}
	set_escdelay(ESCAPE_WAIT);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	nodelay(stdscr, true);
	curs_set(0);
	colored = *color && start_colors();
	*color = colored;
	return true;
}

void bh_top_screen_close(void)
{
	if (screen == NULL)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

void bh_top_screen_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clear();
}

/* Without colours what is red is bold. */
static attr_t attributes(enum bh_color color, bool chosen)
{
	attr_t look = chosen ? A_REVERSE : A_NORMAL;

	if (color == BH_DIM)
		return look | A_DIM;
	if (color == BH_PLAIN)
		return look;
	return look | (colored ? (attr_t)COLOR_PAIR(color) : color == BH_RED ? A_BOLD : A_NORMAL);
}

static void draw_line(void *user, enum bh_color color, bool chosen, const char *text)
{
	int *y = user;
	attr_t look = attributes(color, chosen);

	attron(look);
	mvaddstr((*y)++, 0, text);
	attroff(look);
	clrtoeol();
}

void bh_top_screen_draw(struct bh_top_state *state)
{
	int y = 0;
	struct bh_top_canvas canvas = {
		.width = (size_t)COLS, .height = (size_t)LINES, .line = draw_line, .user = &y
	};

	erase();
	bh_top_state_draw(state, &canvas);
	refresh();
}

static int code_of(wint_t key)
{
	switch (key) {
	case KEY_UP:
		return BH_KEY_UP;
	case KEY_DOWN:
		return BH_KEY_DOWN;
	case KEY_PPAGE:
		return BH_KEY_PAGE_UP;
	case KEY_NPAGE:
		return BH_KEY_PAGE_DOWN;
	case KEY_HOME:
		return BH_KEY_HOME;
	case KEY_END:
		return BH_KEY_END;
	case KEY_BTAB:
		return BH_KEY_BACK_TAB;
	case KEY_BACKSPACE:
		return BH_KEY_BACKSPACE;
	case KEY_ENTER:
		return BH_KEY_ENTER;
	default:
		return 0; /* a key that means nothing */
	}
}

int bh_top_screen_key(void)
{
	wint_t key;

	switch (get_wch(&key)) {
	case KEY_CODE_YES:
		return code_of(key);
	case OK:
		return key == '\r' ? BH_KEY_ENTER : key == '\b' ? BH_KEY_BACKSPACE : (int)key;
	default:
		return -1;
	}
}
