/* test.h - what every unit test starts with: cmocka, and the folder where the tests' own facts lie. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

__attribute__((unused)) static const char *test_source_dir =
	"."; /* tests/unit; meson gives it as the first argument */

#define test_main(argc, argv, name, tests) \
	(test_source_dir = (argc) > 1 ? (argv)[1] : test_source_dir, \
		cmocka_run_group_tests_name(name, tests, NULL, NULL))
