/* jsonc.h - json-c for files that also print with dm/json.h: both have a json_bool. */
#pragma once

#define json_bool jsonc_bool_type
#include <json-c/json.h>
#undef json_bool
