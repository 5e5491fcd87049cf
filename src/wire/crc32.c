/* crc32.c - CRC-32 by carry-less multiplication where the processor has it, else by tables.
 *
 * Folding and its constants: Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Intel 2009, for the bit-reflected polynomial 0xedb88320. */
#include "crc32.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- tables ---- */

static uint32_t tables[8][256]; /* tables[k][b]: the sum of byte b with k zero bytes behind it */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool can_fold;

static void make_tables(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t c = byte;

		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320U : 0);
		tables[0][byte] = c;
	}
	for (int k = 1; k < 8; k++)
		for (int byte = 0; byte < 256; byte++) {
			uint32_t before = tables[k - 1][byte];

			tables[k][byte] = before >> 8 ^ tables[0][before & 0xff];
		}
#if defined(__x86_64__)
	__builtin_cpu_init();
	can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

/* On the inverted sum, as all below. */
static uint32_t by_tables(uint32_t c, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t low, high;

		memcpy(&low, p, 4);
		memcpy(&high, p + 4, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		low = __builtin_bswap32(low);
		high = __builtin_bswap32(high);
#endif
		low ^= c;
		c = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		    tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^ tables[3][high & 0xff] ^
		    tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^
		    tables[0][high >> 24];
	}
	for (; len > 0; p++, len--)
		c = c >> 8 ^ tables[0][(c ^ *p) & 0xff];
	return c;
}

uint32_t crc32_by_tables(uint32_t crc, const uint8_t *bytes, size_t len)
{
	(void)pthread_once(&once, make_tables);
	return ~by_tables(~crc, bytes, len);
}

int crc32_can_fold(void)
{
	(void)pthread_once(&once, make_tables);
	return can_fold;
}

/* ---- folding ---- */

#if defined(__x86_64__)
#define FOLDING __attribute__((target("pclmul,sse4.1")))

FOLDING static inline __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* `x` moved ahead by the distance that `k` stands for, and `next` added. */
FOLDING static inline __m128i fold(__m128i x, __m128i k, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(x, k, 0x00), high = _mm_clmulepi64_si128(x, k, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* 128 bits to 32: two folds, then Barrett's reduction. */
FOLDING static uint32_t reduce(__m128i x, __m128i k3k4)
{
	const __m128i k5 = _mm_set_epi64x(0, 0x0163cd6124);
	const __m128i poly = _mm_set_epi64x(0x01f7011641, 0x01db710641);
	const __m128i mask = _mm_setr_epi32(~0, 0, ~0, 0);
	__m128i t = _mm_clmulepi64_si128(x, k3k4, 0x10);

	x = _mm_xor_si128(_mm_srli_si128(x, 8), t);
	t = _mm_srli_si128(x, 4);
	x = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(x, mask), k5, 0x00), t);
	t = _mm_clmulepi64_si128(_mm_and_si128(x, mask), poly, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, mask), poly, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, t), 1);
}

FOLDING static uint32_t by_folding(uint32_t c, const uint8_t *p, size_t len)
{
	const __m128i k1k2 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4); /* 64 bytes ahead */
	const __m128i k3k4 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0); /* 16 bytes ahead */
	__m128i x = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)c));

	if (len >= 64) {
		__m128i y = load(p + 16), z = load(p + 32), w = load(p + 48);

		for (p += 64, len -= 64; len >= 64; p += 64, len -= 64) {
			x = fold(x, k1k2, load(p));
			y = fold(y, k1k2, load(p + 16));
			z = fold(z, k1k2, load(p + 32));
			w = fold(w, k1k2, load(p + 48));
		}
		x = fold(fold(fold(x, k3k4, y), k3k4, z), k3k4, w);
	} else {
		p += 16;
		len -= 16;
	}
	for (; len >= 16; p += 16, len -= 16)
		x = fold(x, k3k4, load(p));
	return by_tables(reduce(x, k3k4), p, len);
}
#else
static uint32_t by_folding(uint32_t c, const uint8_t *p, size_t len)
{
	return by_tables(c, p, len);
}
#endif

uint32_t crc32_by_folding(uint32_t crc, const uint8_t *bytes, size_t len)
{
	(void)pthread_once(&once, make_tables);
	return ~by_folding(~crc, bytes, len);
}

uint32_t crc32_of(uint32_t crc, const uint8_t *bytes, size_t len)
{
	(void)pthread_once(&once, make_tables);
	return ~(
		can_fold && len >= 16 ? by_folding(~crc, bytes, len) : by_tables(~crc, bytes, len));
}
