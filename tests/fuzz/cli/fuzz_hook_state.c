/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hook_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* The input is a state, or, where it begins with a zero byte, a runtime's words, each ended by one.
 */
static void find_command(const char *text, size_t size)
{
	char *words[16] = { 0 }, *copy = malloc(size + 1);
	size_t count = 0;

	must(copy != NULL);
	memcpy(copy, text, size);
	copy[size] = '\0';
	for (size_t at = 0; at < size && count < 16; at += strlen(copy + at) + 1)
		words[count++] = copy + at;
	size_t command = bh_hook_command(count, words);
	must(command >= count || words[command][0] != '-');
	free(copy);
}

/* What is taken is a process and an id that can be printed; what is not is complained about. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_hook_state state;
	struct bh_error err = { 0 };

	if (size > 0 && data[0] == 0) {
		find_command((const char *)data + 1, size - 1);
		return 0;
	}
	int result = bh_hook_state_read((const char *)data, size, &state, &err);
	must(result == 0 || (result == -EINVAL && err.text[0] != '\0'));
	if (result != 0)
		return 0;
	must(state.pid > 0 && state.id[0] != '\0');
	for (const char *c = state.id; *c != '\0'; c++)
		must(isgraph((unsigned char)*c) && (unsigned char)*c < 0x7f);
	return 0;
}
