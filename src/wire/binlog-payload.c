/* binlog-payload.c - the events inside MySQL's TRANSACTION_PAYLOAD, unpacked one at a time.
 *
 * A payload of gigabytes needs the memory of its largest event, and of zstd's window. */
#include "dm/binlog.h"

#include <zstd.h>

#include "cursor.h"

enum {
	FIELD_END = 0,
	FIELD_PAYLOAD_SIZE = 1,
	FIELD_COMPRESSION = 2,
	COMPRESSION_ZSTD = 0,
	COMPRESSION_NONE = 255,
	WINDOW_LOG_MAX = 27, /* 128 MiB; zstd's highest ordinary level uses it */
	CHUNK = 64 * 1024,
};

struct binlog_payload {
	ZSTD_DStream *zstd; /* owned; NULL when nothing is packed */
	ZSTD_inBuffer in;
	uint64_t left; /* bytes that may still be unpacked */
	bool is_frame_open; /* zstd wants more input */
	struct dm_str event; /* the one handed out */
};

/* Fields of type, length, value up to the end mark, in front of the payload. */
static int read_fields(struct cursor *c, uint64_t *ret_compression, uint64_t *ret_size)
{
	*ret_compression = COMPRESSION_NONE;
	*ret_size = UINT64_MAX;
	for (;;) {
		uint64_t type = cursor_lenenc(c), len;
		struct cursor value;

		if (c->is_bad || type == FIELD_END)
			return cursor_error(c);
		len = cursor_lenenc(c);
		value = cursor_part(c, len);
		if (type == FIELD_COMPRESSION)
			*ret_compression = cursor_lenenc(&value);
		else if (type == FIELD_PAYLOAD_SIZE)
			*ret_size = cursor_lenenc(&value);
		if (value.is_bad)
			return -EBADMSG;
	}
}

int binlog_payload_open(
	struct binlog_payload **ret, const struct binlog_body *body, uint64_t max_len)
{
	struct cursor c = cursor_over(body->bytes, body->len);
	uint64_t compression, size;
	struct binlog_payload *p;

	if (read_fields(&c, &compression, &size) != 0 || size != c.left)
		return -EBADMSG;
	if (compression != COMPRESSION_ZSTD && compression != COMPRESSION_NONE)
		return -ENOTSUP;
	p = dm_alloc(sizeof(*p));
	p->in = (ZSTD_inBuffer){ .src = c.at, .size = c.left };
	p->left = max_len;
	if (compression == COMPRESSION_ZSTD) {
		p->zstd = ZSTD_createDStream();
		if (!p->zstd)
			dm_oom();
		(void)ZSTD_DCtx_setParameter(
			p->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX); /* a constant in range */
	}
	*ret = p;
	return 0;
}

void binlog_payload_free(struct binlog_payload *p)
{
	if (!p)
		return;
	(void)ZSTD_freeDStream(p->zstd); /* fails for NULL at most, which is a no-op */
	dm_str_done(&p->event);
	free(p);
}

/* Some more bytes, at most `want`; 0 at the end of the payload. */
static ssize_t unpack_some(struct binlog_payload *p, uint8_t *to, size_t want)
{
	ZSTD_outBuffer out = { .dst = to, .size = want };

	if (!p->zstd) {
		size_t have = p->in.size - p->in.pos;

		if (want > have)
			want = have;
		if (want > 0)
			memcpy(to, (const uint8_t *)p->in.src + p->in.pos, want);
		p->in.pos += want;
		return (ssize_t)want;
	}
	while (out.pos == 0) {
		size_t in_before = p->in.pos, r;

		if (p->in.pos == p->in.size && !p->is_frame_open)
			return 0;
		r = ZSTD_decompressStream(p->zstd, &out, &p->in);
		if (ZSTD_isError(r))
			return -EBADMSG;
		p->is_frame_open = r != 0;
		if (out.pos == 0 && p->in.pos == in_before)
			return r == 0 ? 0 : -EBADMSG; /* the frame is cut short */
	}
	return (ssize_t)out.pos;
}

/* Fills p->event up to `len`. Memory grows with what is really there. 0 at the payload's end. */
static int fill_event(struct binlog_payload *p, size_t len)
{
	while (p->event.len < len) {
		size_t want = len - p->event.len;
		ssize_t got;

		if (want > CHUNK)
			want = CHUNK;
		dm_str_reserve(&p->event, want);
		got = unpack_some(p, (uint8_t *)p->event.data + p->event.len, want);
		if (got < 0)
			return (int)got;
		if (got == 0)
			return p->event.len == 0 ? 0 : -EBADMSG;
		if ((uint64_t)got > p->left)
			return -EFBIG;
		p->left -= (uint64_t)got;
		p->event.len += (size_t)got;
	}
	return 1;
}

int binlog_payload_next(struct binlog_payload *p, const uint8_t **ret_event, size_t *ret_len)
{
	struct binlog_header h;
	int r;

	dm_str_clear(&p->event);
	r = fill_event(p, BINLOG_HEADER_SIZE);
	if (r <= 0)
		return r;
	if (binlog_header_parse((const uint8_t *)p->event.data, p->event.len, &h) != 0)
		return -EBADMSG;
	r = fill_event(p, h.size);
	if (r < 0)
		return r;
	*ret_event = (const uint8_t *)p->event.data;
	*ret_len = p->event.len;
	return 1;
}
