/* print-rows.c - prints the rows of a binlog file, for the live tests that compare them with a server's answers. */
#include "row-print.h"

#include <stdio.h>

enum { FILE_MAX = 1 << 28 };

int main(int argc, char **argv)
{
	DM_CLEANUP(dm_str_done) struct dm_str file = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	bool shows_columns = argc == 3 && strcmp(argv[2], "--columns") == 0;

	if (argc < 2 || dm_file_read(argv[1], FILE_MAX, &file) != 0) {
		(void)fprintf(stderr, "usage: %s FILE [--columns]\n", argv[0]);
		return 2;
	}
	print_binlog(&file, shows_columns, &out);
	return fwrite(dm_str_get(&out), 1, out.len, stdout) == out.len ? 0 : 1;
}
