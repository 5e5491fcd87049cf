/* test-crc32.c - our sums are zlib's, for every length, place and way of computing. */
#include "test.h"

#include <stdlib.h>
#include <zlib.h>

#include "crc32.h"

enum { SIZE = 4096 };

static uint8_t bytes[SIZE];

static int fill(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	return 0;
}

static void every_length_and_place_gives_what_zlib_gives(void **state)
{
	(void)state;
	for (size_t at = 0; at < 17; at++) {
		for (size_t len = 0; len < 600; len++) {
			uint32_t want = (uint32_t)crc32_z(0, bytes + at, len);

			assert_int_equal(crc32_of(0, bytes + at, len), want);
			assert_int_equal(crc32_by_tables(0, bytes + at, len), want);
			if (len >= 16 && crc32_can_fold())
				assert_int_equal(crc32_by_folding(0, bytes + at, len), want);
		}
	}
	assert_int_equal(crc32_of(0, bytes, SIZE), crc32_z(0, bytes, SIZE));
}

static void a_sum_goes_on_where_it_stopped(void **state)
{
	uint32_t want = (uint32_t)crc32_z(0, bytes, 1000);

	(void)state;
	for (size_t cut = 0; cut <= 1000; cut++)
		assert_int_equal(crc32_of(crc32_of(0, bytes, cut), bytes + cut, 1000 - cut), want);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_and_place_gives_what_zlib_gives),
		cmocka_unit_test(a_sum_goes_on_where_it_stopped),
	};

	test_source_dir = argc > 1 ? argv[1] : test_source_dir;
	return cmocka_run_group_tests_name("crc32", tests, fill, NULL);
}
