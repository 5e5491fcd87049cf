/* error.c - codes looked up, messages built. */
#include "dm/error.h"

#include <stdarg.h>
#include <string.h>

static const struct dm_error_info infos[] = {
#define X(name, code, class, scope, level, workaround) \
	{ DM_ERR_##name, #name, DM_CLASS_##class, DM_SCOPE_##scope, DM_LEVEL_##level, workaround },
	DM_ERRORS(X)
#undef X
};
static const struct dm_error_info unknown = { DM_ERR_NONE, "", DM_CLASS_NONE, DM_SCOPE_NOT_SET,
	DM_LEVEL_NONE, "" };

const struct dm_error_info *dm_error_info(enum dm_code code)
{
	for (size_t i = 0; i < DM_COUNT_OF(infos); i++)
		if (infos[i].code == code)
			return &infos[i];
	return &unknown;
}

const struct dm_error_info *dm_error_info_at(unsigned int index)
{
	return index < DM_COUNT_OF(infos) ? &infos[index] : NULL;
}

static void error_set(struct dm_error *err, enum dm_code code, char *message, const char *cause)
{
	dm_error_done(err);
	err->code = code;
	err->message = message;
	err->raw_cause = cause ? dm_strdup(cause) : NULL;
}

int dm_fail(struct dm_error *reterr, enum dm_code code, const char *format, ...)
{
	struct dm_str text = { 0 };
	va_list args;

	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	error_set(reterr, code, dm_str_take(&text), NULL);
	return -1;
}

int dm_fail_cause(
	struct dm_error *reterr, enum dm_code code, const char *cause, const char *format, ...)
{
	DM_CLEANUP(freep) char *kept = dm_strdup(cause); /* it may point into *reterr */
	struct dm_str text = { 0 };
	va_list args;

	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	dm_str_addf(&text, ": %s", kept);
	error_set(reterr, code, dm_str_take(&text), kept);
	return -1;
}

int dm_fail_errno(struct dm_error *reterr, enum dm_code code, int err, const char *format, ...)
{
	const char *cause = strerrordesc_np(err < 0 ? -err : err);
	struct dm_str text = { 0 };
	va_list args;

	if (!cause)
		cause = "unknown error";
	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	dm_str_addf(&text, ": %s", cause);
	error_set(reterr, code, dm_str_take(&text), cause);
	return -1;
}

int dm_annotate(struct dm_error *err, const char *format, ...)
{
	struct dm_str text = { 0 };
	va_list args;

	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	dm_str_addf(&text, ": %s", err->message ? err->message : "");
	free(err->message);
	err->message = dm_str_take(&text);
	return -1;
}

void dm_error_done(struct dm_error *err)
{
	free(err->message);
	free(err->raw_cause);
	*err = (struct dm_error){ 0 };
}

void dm_error_copy(const struct dm_error *from, struct dm_error *to)
{
	dm_error_done(to);
	*to = *from;
	to->message = from->message ? dm_strdup(from->message) : NULL;
	to->raw_cause = from->raw_cause ? dm_strdup(from->raw_cause) : NULL;
}

void dm_error_move(struct dm_error *from, struct dm_error *to)
{
	dm_error_done(to);
	*to = *from;
	*from = (struct dm_error){ 0 };
}

enum dm_scope dm_error_scope(const struct dm_error *err)
{
	return err->scope != DM_SCOPE_NOT_SET ? err->scope : dm_error_info(err->code)->scope;
}

enum dm_class dm_error_class(const struct dm_error *err)
{
	return err->class != DM_CLASS_NONE ? err->class : dm_error_info(err->code)->class;
}

const char *dm_class_name(enum dm_class class)
{
	static const char *const names[] = { "not-set", "database", "functional", "config",
		"binlog-op", "checkpoint", "task-check", "relay-event-lib", "relay-unit",
		"dump-unit", "load-unit", "sync-unit", "dm-master", "dm-worker" };

	return names[class];
}

const char *dm_scope_name(enum dm_scope scope)
{
	static const char *const names[] = { "not-set", "upstream", "downstream", "internal" };

	return names[scope];
}

const char *dm_level_name(enum dm_level level)
{
	static const char *const names[] = { "not-set", "low", "medium", "high" };

	return names[level];
}

void dm_error_text(const struct dm_error *err, struct dm_str *out)
{
	const struct dm_error_info *info = dm_error_info(err->code);

	dm_str_addf(out, "[code=%d:class=%s:scope=%s:level=%s] %s", (int)err->code,
		dm_class_name(dm_error_class(err)), dm_scope_name(dm_error_scope(err)),
		dm_level_name(info->level), err->message ? err->message : "");
}
