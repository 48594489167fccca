/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printed.h"

#include <stdlib.h>
#include <unistd.h>

#include "buffer.h"

static FILE *caught, *file;
static int original;

void catch_output(FILE *stream)
{
	fflush(stream);
	caught = stream;
	original = dup(fileno(stream));
	file = tmpfile();
	if (file == NULL || original < 0 || dup2(fileno(file), fileno(stream)) < 0)
		abort();
}

char *caught_output(void)
{
	struct bh_buffer text = { 0 };
	char chunk[4096];
	size_t got;

	fflush(caught);
	dup2(original, fileno(caught));
	close(original);
	rewind(file);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		bh_buffer_append(&text, chunk, got);
	fclose(file);
	return bh_buffer_steal(&text);
}
