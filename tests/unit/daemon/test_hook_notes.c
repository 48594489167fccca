/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hooks leave for the next daemon: written by several, taken once, in nobody else's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hook_notes.h"

struct place {
	char folder[64];
	struct bh_hook_notes notes;
};

static int make_place(void **state)
{
	static struct place place;
	char socket[128];

	strcpy(place.folder, "/tmp/bh-hooks-XXXXXX");
	if (mkdtemp(place.folder) == NULL)
		return -1;
	snprintf(socket, sizeof(socket), "%s/api.sock", place.folder);
	*state = &place;
	return bh_hook_notes_name(socket, &place.notes) ? 0 : -1;
}

static int remove_place(void **state)
{
	const struct place *place = *state;

	unlink(place->notes.file);
	unlink(place->notes.taken);
	return rmdir(place->folder);
}

/* Who is not root leaves nothing anywhere. */
static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

struct given {
	size_t count;
	size_t room;
	char ids[64];
};

static bool give(void *user, const struct bh_msg_given_up *note)
{
	struct given *g = user;

	if (g->count == g->room)
		return false;
	if (g->count++ < 4)
		strcat(g->ids, note->container_id);
	return true;
}

/* What a second's call hands over. */
static struct given take(const struct place *place, size_t room)
{
	struct given given = { .room = room };

	bh_hook_notes_take(&place->notes, give, &given);
	return given;
}

static void leave(const struct place *place, const char *id)
{
	struct bh_msg_given_up note = { .time = 1, .held = 2 };

	strcpy(note.container_id, id);
	bh_hook_notes_write(&place->notes, &note);
}

static void what_was_left_is_taken_once(void **state)
{
	const struct place *place = *state;

	need_root();
	assert_int_equal(take(place, 9).count, 0);
	leave(place, "a");
	leave(place, "b");
	assert_int_equal(take(place, 9).count, 0);
	leave(place, "c"); /* while the others are about to be read */
	assert_string_equal(take(place, 9).ids, "ab");
	assert_string_equal(take(place, 9).ids, "c");
	assert_int_equal(take(place, 9).count, 0);
	assert_int_not_equal(access(place->notes.taken, F_OK), 0);
}

static void what_finds_no_room_comes_again(void **state)
{
	const struct place *place = *state;

	need_root();
	leave(place, "a");
	leave(place, "b");
	take(place, 9);
	assert_string_equal(take(place, 1).ids, "a");
	assert_string_equal(take(place, 9).ids, "ab");
}

static void a_record_that_is_none_is_passed_over(void **state)
{
	const struct place *place = *state;
	char garbage[sizeof(struct bh_msg_given_up)];

	need_root();
	memset(garbage, 0xff, sizeof(garbage));
	leave(place, "a");
	int fd = open(place->notes.file, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, garbage, sizeof(garbage)), (ssize_t)sizeof(garbage));
	close(fd);
	leave(place, "b");
	take(place, 9);
	assert_string_equal(take(place, 9).ids, "ab");
}

static void there_is_an_end_to_it(void **state)
{
	const struct place *place = *state;

	need_root();
	for (int i = 0; i < 300; i++)
		leave(place, "a");
	take(place, 999);
	assert_int_equal(take(place, 999).count, 256);
}

static void it_is_written_in_nobody_elses_place(void **state)
{
	const struct place *place = *state;
	struct bh_hook_notes none;
	char other[128];

	need_root();
	snprintf(other, sizeof(other), "%s/other", place->folder);
	assert_int_equal(symlink(other, place->notes.file), 0);
	leave(place, "a");
	assert_int_not_equal(access(other, F_OK), 0);
	unlink(place->notes.file);
	assert_int_equal(chmod(place->folder, 0777), 0);
	leave(place, "a");
	assert_int_not_equal(access(place->notes.file, F_OK), 0);
	assert_false(bh_hook_notes_name("api.sock", &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_left_is_taken_once, make_place,
						remove_place),
		cmocka_unit_test_setup_teardown(what_finds_no_room_comes_again, make_place,
						remove_place),
		cmocka_unit_test_setup_teardown(a_record_that_is_none_is_passed_over, make_place,
						remove_place),
		cmocka_unit_test_setup_teardown(there_is_an_end_to_it, make_place, remove_place),
		cmocka_unit_test_setup_teardown(it_is_written_in_nobody_elses_place, make_place,
						remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
