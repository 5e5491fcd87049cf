/* replay.c - runs a corpus through a fuzz target, for compilers without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dm/file.h"
#include "dm/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int replay(const char *folder, const char *name)
{
	DM_CLEANUP(freep) char *path = dm_format("%s/%s", folder, name);
	DM_CLEANUP(dm_str_done) struct dm_str input = { 0 };
	DM_CLEANUP(freep) uint8_t *exact = NULL;

	if (dm_file_read(path, 1 << 24, &input) != 0) {
		(void)fprintf(stderr, "cannot read %s\n", path);
		return 1;
	}
	/* An allocation of just this size, so that sanitizers see a read past the end. */
	exact = dm_alloc(input.len);
	memcpy(exact, dm_str_get(&input), input.len);
	return LLVMFuzzerTestOneInput(exact, input.len);
}

int main(int argc, char **argv)
{
	unsigned int count = 0;
	struct dirent *entry;
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;

	if (!folder) {
		(void)fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay(argv[1], entry->d_name) != 0)
			return 1;
		count++;
	}
	(void)closedir(folder);
	(void)printf("%u inputs\n", count);
	return count > 0 ? 0 : 1; /* an empty corpus tests nothing */
}
