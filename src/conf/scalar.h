/* scalar.h - what a scalar of YAML means to yaml.v2, and Go's durations. Any thread; 0 or -errno. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_node;

const char *yaml_scalar_tag(
	const struct conf_node *n); /* "!!str", "!!int", "!!float", "!!bool", "!!null", ... */
bool yaml_scalar_is_null(const struct conf_node *n);
int yaml_scalar_bool(const struct conf_node *n, bool *ret);
/* -EINVAL: no number; -ERANGE: not a signed (or, above INT64_MAX, an unsigned) number of 64 bits. Fractions are cut off, as in DM. */
int yaml_scalar_int(const struct conf_node *n, bool *ret_negative, uint64_t *ret_magnitude);

/* "300ms", "1h30m", "-1.5s", "0". */
int conf_duration_parse(const char *text, int64_t *ret_ns);

/* Standard Base64 with padding, as Go reads it. Caller frees; one NUL follows the bytes. */
int conf_base64_decode(const char *text, uint8_t **ret, size_t *ret_len);
