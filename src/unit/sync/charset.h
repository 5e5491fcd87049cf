/* charset.h - from a collation's number or name to its character set. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The name that an introducer takes ("latin1"); NULL when the number is not known. */
const char *charset_of_collation(uint32_t collation);
/* "latin1_swedish_ci" to "latin1"; "" stays "". `size` of at least 32. */
void charset_of_collation_name(const char *collation, char *ret, size_t size);
/* True when text of this set can stand in a utf8mb4 statement as it is. */
bool charset_is_utf8(const char *charset);
