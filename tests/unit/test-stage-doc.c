/* test-stage-doc.c - ARCHITECTURE.md shows the stage table that the code has.
 *
 * Run by hand with --print it prints what belongs between the two markers. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "dm/file.h"

#include "../../src/task/stage-table.h"

static void the_page_shows_the_table_of_the_code(void **state)
{
	static const char begin[] = "<!-- stage table: begin -->\n";
	static const char end[] = "<!-- stage table: end -->\n";
	DM_CLEANUP(freep) char *path = dm_format("%s/../../ARCHITECTURE.md", test_source_dir);
	DM_CLEANUP(dm_str_done) struct dm_str page = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str table = { 0 };
	char *from, *to;

	(void)state;
	assert_int_equal(dm_file_read(path, 1 << 20, &page), 0);
	from = strstr(page.data, begin);
	assert_non_null(from);
	from += strlen(begin);
	to = strstr(from, end);
	assert_non_null(to);
	*to = '\0';
	stage_table_document(&table);
	assert_string_equal(from, table.data);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_shows_the_table_of_the_code),
	};

	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		DM_CLEANUP(dm_str_done) struct dm_str table = { 0 };

		stage_table_document(&table);
		return fputs(table.data, stdout) < 0;
	}
	return test_main(argc, argv, "stage-doc", tests);
}
