/* scalar.c - yaml.v2's reading of plain scalars, measured against its release 2.2.8. */
#include "scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dm/str.h"

#include "node.h"

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static int bool_of(const char *text, bool *ret)
{
	static const char *const yes[] = { "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE",
		"on", "On", "ON", NULL };
	static const char *const no[] = { "n", "N", "no", "No", "NO", "false", "False", "FALSE",
		"off", "Off", "OFF", NULL };

	if (is_one_of(text, yes))
		*ret = true;
	else if (is_one_of(text, no))
		*ret = false;
	else
		return -EINVAL;
	return 0;
}

static bool null_of(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };

	return is_one_of(text, nulls);
}

/* Digits of `base` up to the end of the text. */
static int digits_of(const char *text, unsigned int base, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		char c = (char)tolower((unsigned char)*text);
		unsigned int digit = isdigit((unsigned char)c) ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'z'    ? (unsigned int)(c - 'a') + 10
							       : 99;

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

static int integer_of(const char *text, bool *ret_negative, uint64_t *ret)
{
	unsigned int base = 10;

	*ret_negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	if (text[0] == '0' && text[1]) {
		char kind = (char)tolower((unsigned char)text[1]);

		base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
		text += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1;
	}
	return digits_of(text, base, ret);
}

/* yaml.v2: [-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?, which needs the sign of the exponent; Go's reader does not. */
static int float_of(const char *text, double *ret)
{
	const char *at = text;
	size_t digits = 0;
	char *end;

	if (*at == '-' || *at == '+')
		at++;
	for (; isdigit((unsigned char)*at); at++)
		digits++;
	if (*at == '.')
		at++;
	for (; isdigit((unsigned char)*at); at++)
		digits++;
	if (digits == 0)
		return -EINVAL;
	if (*at == 'e' || *at == 'E') {
		at++;
		if (*at == '-' || *at == '+')
			at++;
		if (!isdigit((unsigned char)*at))
			return -EINVAL;
		at += strspn(at, "0123456789");
	}
	if (*at)
		return -EINVAL;
	*ret = strtod(text, &end);
	return 0;
}

static char *without_underscores(const char *text)
{
	char *copy = dm_strdup(text), *to = copy;

	for (; *text; text++)
		if (*text != '_')
			*to++ = *text;
	*to = '\0';
	return copy;
}

static bool looks_like_number(const char *text)
{
	return isdigit((unsigned char)*text) || strchr("+-.", *text);
}

/* Tag and, for numbers, the value. */
static const char *resolve(
	const char *text, bool *ret_negative, uint64_t *ret_integer, double *ret_float)
{
	static const char *const special[] = { ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF",
		"+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", NULL };
	DM_CLEANUP(freep) char *plain = NULL;
	bool truth;
	int r;

	if (null_of(text))
		return "!!null";
	if (bool_of(text, &truth) == 0)
		return "!!bool";
	if (!looks_like_number(text))
		return "!!str";
	if (is_one_of(text, special)) {
		*ret_float = (double)INFINITY;
		return "!!float";
	}
	plain = without_underscores(text);
	r = integer_of(plain, ret_negative, ret_integer);
	if (r == 0 && !(*ret_negative && *ret_integer > (uint64_t)INT64_MAX + 1))
		return "!!int";
	if (float_of(plain, ret_float) == 0)
		return "!!float";
	return "!!str";
}

static bool is_resolved(const struct conf_node *n)
{
	if (n->kind != CONF_NODE_SCALAR)
		return false;
	if (n->tag)
		return strcmp(n->tag, "!!int") == 0 || strcmp(n->tag, "!!float") == 0 ||
		       strcmp(n->tag, "!!bool") == 0 || strcmp(n->tag, "!!null") == 0;
	return n->is_plain;
}

const char *yaml_scalar_tag(const struct conf_node *n)
{
	bool negative;
	uint64_t integer;
	double real;

	if (n->kind == CONF_NODE_MAP)
		return "!!map";
	if (n->kind == CONF_NODE_LIST)
		return "!!seq";
	if (n->tag)
		return n->tag;
	return is_resolved(n) ? resolve(n->text, &negative, &integer, &real) : "!!str";
}

bool yaml_scalar_is_null(const struct conf_node *n)
{
	return is_resolved(n) && null_of(n->text);
}

int yaml_scalar_bool(const struct conf_node *n, bool *ret)
{
	return is_resolved(n) ? bool_of(n->text, ret) : -EINVAL;
}

int yaml_scalar_int(const struct conf_node *n, bool *ret_negative, uint64_t *ret_magnitude)
{
	bool negative = false;
	uint64_t integer = 0;
	double real = 0;
	const char *tag;

	if (!is_resolved(n))
		return -EINVAL;
	tag = resolve(n->text, &negative, &integer, &real);
	if (strcmp(tag, "!!float") == 0) {
		if (!(fabs(real) < 9.2e18))
			return -ERANGE;
		negative = real < 0;
		integer = (uint64_t)fabs(real);
	} else if (strcmp(tag, "!!int") != 0) {
		return -EINVAL;
	}
	*ret_negative = negative && integer > 0;
	*ret_magnitude = integer;
	return 0;
}

/* A unit's length in ns and its name's length, or 0. */
static int64_t unit_of(const char *text, size_t *ret_len)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60 * 1000000000LL },
		{ "h", 3600 * 1000000000LL } };

	for (size_t i = 0; i < DM_COUNT_OF(units); i++)
		if (dm_has_prefix(text, units[i].name)) {
			*ret_len = strlen(units[i].name);
			return units[i].ns;
		}
	return 0;
}

int conf_duration_parse(const char *text, int64_t *ret_ns)
{
	bool negative = *text == '-';
	long double sum = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		long double number = 0, part = 1;
		size_t digits = 0, len;
		int64_t ns;

		for (; isdigit((unsigned char)*text); text++, digits++)
			number = number * 10 + (*text - '0');
		if (*text == '.')
			for (text++; isdigit((unsigned char)*text); text++, digits++)
				number += (part /= 10) * (*text - '0');
		ns = unit_of(text, &len);
		if (digits == 0 || ns == 0)
			return -EINVAL;
		sum += number * (long double)ns;
		text += len;
	}
	if (!(sum < 9223372036854775807.0L))
		return -ERANGE;
	sum += 0.5L; /* decimal fractions are not exact */
	*ret_ns = negative ? -(int64_t)sum : (int64_t)sum;
	return 0;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int conf_base64_decode(const char *text, uint8_t **ret, size_t *ret_len)
{
	DM_CLEANUP(freep) uint8_t *bytes = dm_alloc(strlen(text) / 4 * 3 + 4);
	size_t len = 0, digits = 0, pads = 0;
	uint32_t group = 0;

	for (; *text; text++) {
		int digit = base64_digit(*text);

		if (*text == '\n' || *text == '\r')
			continue;
		if (*text == '=')
			pads++;
		else if (digit < 0 || pads > 0)
			return -EINVAL;
		group = group << 6 | (uint32_t)(digit < 0 ? 0 : digit);
		if (++digits % 4 != 0)
			continue;
		for (int shift = 16; shift >= 0; shift -= 8)
			bytes[len++] = (uint8_t)(group >> shift);
		group = 0;
		if (pads > 0)
			break;
	}
	if (digits % 4 != 0 || pads > 2 || text[*text != 0] != 0)
		return -EINVAL;
	*ret_len = len - pads;
	bytes[*ret_len] = 0;
	*ret = take_ptr(bytes);
	return 0;
}
