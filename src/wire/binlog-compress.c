/* binlog-compress.c - unpacks what MariaDB compressed with zlib. */
#include "compress.h"

#include <limits.h>
#include <zlib.h>

#include "cursor.h"

enum {
	DEFLATE_RATIO_MAX = 1040, /* deflate reaches 1032:1, so a longer claim is a lie */
	EVENT_COMPRESSED = 0x80,
	EVENT_ALGORITHM = 0x70, /* 0 is zlib, the only one so far */
	EVENT_WIDTH = 0x07,
};

int wire_inflate(
	const uint8_t *bytes, size_t len, bool has_zlib_header, size_t unpacked, struct dm_str *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len };
	int r;

	/* Also keeps the lengths within zlib's unsigned int. */
	if (len > UINT_MAX / DEFLATE_RATIO_MAX || unpacked > len * DEFLATE_RATIO_MAX)
		return -EBADMSG;
	dm_str_reserve(out, unpacked);
	if (inflateInit2(&z, has_zlib_header ? MAX_WBITS : -MAX_WBITS) != Z_OK)
		dm_oom(); /* with constant arguments only memory can fail */
	z.next_out = (Bytef *)out->data + out->len;
	z.avail_out = (uInt)unpacked;
	r = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z); /* its result repeats r */
	if (r != Z_STREAM_END || z.avail_out != 0) {
		out->data[out->len] = '\0';
		return -EBADMSG;
	}
	out->len += unpacked;
	out->data[out->len] = '\0';
	return 0;
}

int wire_unpack_event(const uint8_t *bytes, size_t len, struct dm_str *out)
{
	struct cursor c = cursor_over(bytes, len);
	uint8_t head = cursor_u8(&c);
	unsigned int width = head & EVENT_WIDTH;
	uint64_t unpacked;

	if (!(head & EVENT_COMPRESSED) || (head & EVENT_ALGORITHM) || width == 0 || width > 4)
		return -EBADMSG;
	unpacked = cursor_uint_be(&c, width);
	if (c.is_bad)
		return -EBADMSG;
	dm_str_clear(out);
	return wire_inflate(c.at, c.left, true, unpacked, out);
}
