/* fault.c - every fault of a file, and DM's one error of them. */
#include <stdlib.h>
#include <string.h>

#include "key.h"

void conf_fault_add(struct conf_faults *f, unsigned int line, unsigned int column, const char *key,
	enum dm_code code, const char *part, const char *format, ...)
{
	struct dm_str text = { 0 };
	struct conf_fault *fault;
	va_list args;

	if (f->count == CONF_FAULTS_MAX) {
		f->omitted++;
		return;
	}
	f->list = dm_grow(f->list, f->count + 1, sizeof(*f->list));
	fault = &f->list[f->count++];
	*fault = (struct conf_fault){ .line = line, .column = column, .key = dm_strdup(key) };
	va_start(args, format);
	dm_str_addv(&text, format, args);
	va_end(args);
	if (part) {
		fault->part_at = text.len;
		dm_str_add(&text, part);
	}
	fault->error.code = code;
	fault->error.message = dm_str_take(&text);
}

void conf_faults_done(struct conf_faults *f)
{
	for (size_t i = 0; i < f->count; i++) {
		dm_error_done(&f->list[i].error);
		free(f->list[i].key);
	}
	free(f->list);
	free(f->file);
	*f = (struct conf_faults){ 0 };
}

/* On one line: yaml.v2 breaks its text before each fault. Other controls do not reach a terminal. */
static void add_on_one_line(struct dm_str *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n')
			dm_str_add_char(out, ' ');
		else
			dm_str_add_char(out, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : *text);
		if (c == '\n')
			while (text[1] == ' ')
				text++;
	}
}

void conf_faults_text(const struct conf_faults *f, struct dm_str *out)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct conf_fault *fault = &f->list[i];
		DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

		if (f->file && *f->file)
			dm_str_addf(out, "%s:", f->file);
		if (fault->line > 0)
			dm_str_addf(out, "%u:%u:", fault->line, fault->column);
		if (out->len > 0 && out->data[out->len - 1] == ':')
			dm_str_add_char(out, ' ');
		add_on_one_line(out, fault->key);
		if (*fault->key)
			dm_str_add(out, ": ");
		dm_error_text(&fault->error, &text);
		add_on_one_line(out, dm_str_get(&text));
		dm_str_add_char(out, '\n');
	}
	if (f->omitted > 0)
		dm_str_addf(out, "and %zu more\n", f->omitted);
}

/* Where the head of the message ends with a line break, the parts stand on lines of their own. */
static const char *joint_of(const struct conf_fault *first)
{
	if (first->error.code == DM_ERR_WORKER_UNKNOWN_KEYS)
		return ",";
	return memchr(first->error.message, '\n', first->part_at) ? "\n  " : "; ";
}

int conf_faults_error(const struct conf_faults *f, struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };
	const struct conf_fault *first = &f->list[0];
	struct dm_error err = { 0 };

	dm_str_add(&text, first->error.message);
	for (size_t i = 1; first->part_at && i < f->count; i++) {
		const struct conf_fault *fault = &f->list[i];

		if (fault->error.code == first->error.code && fault->part_at)
			dm_str_addf(&text, "%s%s", joint_of(first),
				fault->error.message + fault->part_at);
	}
	dm_error_copy(&first->error, &err);
	free(err.message);
	err.message = dm_str_take(&text);
	dm_error_move(&err, reterr);
	return -1;
}
