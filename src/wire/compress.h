/* compress.h - MariaDB's compressed parts: queries, rows, columns. Internal to src/wire. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dm/str.h"

/* MariaDB's log_bin_compress form: a byte 0x80 | algorithm << 4 | width, the unpacked length in `width`
 * bytes, high byte first, and a zlib stream. Replaces what `out` held. -EBADMSG. */
int wire_unpack_event(const uint8_t *bytes, size_t len, struct dm_str *out);
/* A zlib (or, without header, raw deflate) stream of exactly `unpacked` bytes, appended to `out`. */
int wire_inflate(const uint8_t *bytes, size_t len, bool has_zlib_header, size_t unpacked,
	struct dm_str *out);
