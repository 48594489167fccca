/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "buffer.h"
#include "grow.h"
#include "table.h"
#include "timefmt.h"
#include "utf8.h"

#define PATIENCE (BH_SECOND / 2) /* before which it does not appear */
#define EVERY (BH_SECOND / 10)	 /* it is drawn no more often */
#define BAR 20			 /* columns */
#define NAME 30			 /* bytes of what is worked on */
#define LINE 512

struct bh_progress bh_progress_begin(const char *what, uint64_t total)
{
	return (struct bh_progress) { .what = what,
				      .total = total,
				      .begun = bh_time_monotonic(),
				      .wanted = isatty(STDERR_FILENO) };
}

struct bh_progress bh_progress_of_file(const char *what, int fd)
{
	struct stat info;
	bool sized = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;

	return bh_progress_begin(strcmp(what, "-") == 0 ? "standard input" : what,
				 sized ? (uint64_t)info.st_size : 0);
}

static void add_bar(struct bh_buffer *line, double share)
{
	int full = (int)(share * BAR);

	bh_buffer_puts(line, "  [");
	for (int i = 0; i < BAR; i++)
		bh_buffer_puts(line, i < full ? "#" : ".");
	bh_buffer_printf(line, "] %3.0f %%", 100 * share);
}

static void add_time_left(struct bh_buffer *line, double seconds)
{
	if (seconds < 3600)
		bh_buffer_printf(line, "  %d:%02d left", (int)seconds / 60, (int)seconds % 60);
	else if (seconds < 360000)
		bh_buffer_printf(line, "  %d h %d min left", (int)seconds / 3600,
				 (int)seconds / 60 % 60);
}

/* A file may grow while it is read. */
static double share_of(const struct bh_progress *p, uint64_t done)
{
	return done < p->total ? (double)done / (double)p->total : 1;
}

char *bh_progress_format(const struct bh_progress *p, uint64_t done, double seconds, size_t width,
			 char *out, size_t size)
{
	struct bh_buffer line = { 0 }, fitted = { 0 };
	char name[NAME + 1], number[16], all[16], rate[16];
	double share = p->total > 0 ? share_of(p, done) : 0;

	const char *slash = strrchr(p->what, '/');
	bh_copy_text(name, sizeof(name), slash != NULL ? slash + 1 : p->what);
	bh_harmless(name, "");
	bh_buffer_puts(&line, name);
	if (p->total > 0)
		add_bar(&line, share);
	if (share > 0)
		add_time_left(&line, seconds / share - seconds);
	bh_buffer_printf(&line, "  %s%s%s", bh_human((double)done, number),
			 p->total > 0 ? " of " : "",
			 p->total > 0 ? bh_human((double)p->total, all) : "");
	if (seconds > 0)
		bh_buffer_printf(&line, "  %s/s", bh_human((double)done / seconds, rate));
	bh_table_fit(&fitted, line.data, width, false);
	snprintf(out, size, "%s", fitted.data);
	bh_buffer_free(&line);
	bh_buffer_free(&fitted);
	return out;
}

/* One column is left free: some terminals go to the next line when the last one is filled. */
static size_t columns(void)
{
	struct winsize size;
	size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 80;

	return width > 1 ? width - 1 : 79;
}

void bh_progress_show(struct bh_progress *p, uint64_t done)
{
	char line[LINE];

	if (!p->wanted)
		return;
	int64_t now = bh_time_monotonic();
	if (now - p->begun < PATIENCE || now - p->drawn < EVERY)
		return;
	p->drawn = now;
	fprintf(stderr, "\r%s",
		bh_progress_format(p, done, (double)(now - p->begun) / BH_SECOND, columns(), line,
				   sizeof(line)));
	fflush(stderr);
}

void bh_progress_end(struct bh_progress *p)
{
	if (p->drawn == 0)
		return;
	fprintf(stderr, "\r%*s\r", (int)columns(), "");
	fflush(stderr);
	p->drawn = 0;
}
