/* log.c - lines to the journal, stderr or a file, whole and rate-limited. */
#include "dm/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "dm/clock.h"
#include "dm/file.h"
#include "dm/thread.h"

enum { REPEATS_PER_SECOND = 10, REPEAT_SLOTS = 16, FIELDS_MAX = 24 };

static struct {
	_Atomic int level;
	struct dm_lock lock; /* LOG: guards all below */
	bool is_ready;
	bool to_journal;
	int fd; /* of log-file, or STDERR_FILENO */
	struct repeat {
		const char *message; /* messages are literals: the address is the identity */
		int64_t second;
		unsigned int count;
	} repeats[REPEAT_SLOTS];
} sink = { .level = DM_LOG_INFO, .fd = STDERR_FILENO };

struct field {
	const char *key;
	const char *value;
};
struct line {
	enum dm_log_level level;
	const char *message;
	struct field fields[FIELDS_MAX];
	size_t count;
	char held_back[24];
};

static const char *const level_names[] = { "DEBUG", "INFO", "WARN", "ERROR" };
static const int level_priorities[] = { 7, 6, 4, 3 }; /* of syslog */

/* True when stderr is the very stream that systemd connected to the journal. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	uintmax_t device, inode;

	if (!stream || sscanf(stream, "%ju:%ju", &device, &inode) != 2 ||
		fstat(STDERR_FILENO, &st) != 0)
		return false;
	return st.st_dev == device && st.st_ino == inode;
}

int dm_log_open(enum dm_log_level level, const char *file)
{
	int fd = STDERR_FILENO;

	if (file && *file) {
		fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		if (fd < 0)
			return -errno;
	}
	if (!sink.is_ready)
		dm_lock_init(&sink.lock, DM_LOCK_LOG);
	sink.is_ready = true;
	DM_LOCKED(&sink.lock);
	if (sink.fd != STDERR_FILENO)
		(void)close(sink.fd); /* its lines were written unbuffered */
	sink.fd = fd;
	sink.to_journal = fd == STDERR_FILENO && stderr_is_journal();
	atomic_store(&sink.level, level);
	return 0;
}

int dm_log_level_parse(const char *text, enum dm_log_level *ret)
{
	static const struct {
		const char *name;
		enum dm_log_level level;
	} names[] = { { "debug", DM_LOG_DEBUG }, { "info", DM_LOG_INFO }, { "warn", DM_LOG_WARN },
		{ "error", DM_LOG_ERROR }, { "fatal", DM_LOG_ERROR } };

	for (size_t i = 0; i < DM_COUNT_OF(names); i++) {
		if (dm_strcaseeq(text, names[i].name)) {
			*ret = names[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

const char *dm_log_number(char *buf, int64_t value)
{
	(void)snprintf(buf, 24, "%" PRId64, value); /* 24 bytes hold every int64 */
	return buf;
}

/* The slot of this message, or the one whose message was silent for longest. */
static struct repeat *repeat_slot(const char *message)
{
	struct repeat *oldest = &sink.repeats[0];

	for (size_t i = 0; i < REPEAT_SLOTS; i++) {
		if (sink.repeats[i].message == message)
			return &sink.repeats[i];
		if (sink.repeats[i].second < oldest->second)
			oldest = &sink.repeats[i];
	}
	return oldest;
}

/* How many lines of this message were held back; -1 when this one is held back too. */
static int repeat_check(const char *message)
{
	int64_t second = dm_mono_ms() / 1000;
	struct repeat *slot = repeat_slot(message);
	int held = 0;

	if (slot->message != message || slot->second != second) {
		if (slot->message == message && slot->count > REPEATS_PER_SECOND)
			held = (int)(slot->count - REPEATS_PER_SECOND);
		*slot = (struct repeat){ .message = message, .second = second };
	}
	return ++slot->count > REPEATS_PER_SECOND ? -1 : held;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text == '"' || *text == '=' || *text == '\\' || *text == 0x7f)
			return false;
	return true;
}

static void add_value(struct dm_str *out, const char *value)
{
	if (*value && is_plain(value)) {
		dm_str_add(out, value);
		return;
	}
	dm_str_add_char(out, '"');
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '\n')
			dm_str_add(out, "\\n");
		else if (c == '"' || c == '\\')
			dm_str_addf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			dm_str_addf(out, "\\x%02x", c);
		else
			dm_str_add_char(out, (char)c);
	}
	dm_str_add_char(out, '"');
}

static void write_text(const struct line *line)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	char when[32];

	dm_str_addf(&out, "%s %s %s", dm_wall_text(dm_wall_ns(), when, sizeof(when)),
		level_names[line->level], line->message);
	for (size_t i = 0; i < line->count; i++) {
		dm_str_addf(&out, " %s=", line->fields[i].key);
		add_value(&out, line->fields[i].value);
	}
	dm_str_add_char(&out, '\n');
	(void)dm_write_all(sink.fd, out.data,
		out.len); /* a log that cannot be written has nowhere to complain */
}

static void write_journal(const struct line *line)
{
	struct iovec vectors[FIELDS_MAX + 2];
	char *texts[FIELDS_MAX + 2];
	size_t n = 0;
	DM_CLEANUP(dm_str_done) struct dm_str message = { 0 };

	/* journalctl shows MESSAGE alone, so the values a reader needs stand in it as well */
	dm_str_add(&message, line->message);
	for (size_t i = 0; i < line->count; i++) {
		dm_str_addf(&message, " %s=", line->fields[i].key);
		add_value(&message, line->fields[i].value);
	}
	texts[n++] = dm_format("MESSAGE=%s", message.data);
	texts[n++] = dm_format("PRIORITY=%d", level_priorities[line->level]);
	for (size_t i = 0; i < line->count; i++) {
		char *text = dm_format("DM_%s=%s", line->fields[i].key, line->fields[i].value);

		for (char *c = text; *c != '='; c++)
			*c = (char)toupper((unsigned char)*c);
		texts[n++] = text;
	}
	for (size_t i = 0; i < n; i++)
		vectors[i] = (struct iovec){ .iov_base = texts[i], .iov_len = strlen(texts[i]) };
	(void)sd_journal_sendv(vectors, (int)n); /* as above */
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
}

static void line_add(struct line *line, const char *key, const char *value)
{
	if (value && line->count < FIELDS_MAX)
		line->fields[line->count++] = (struct field){ key, value };
}

static void line_add_context(struct line *line, const struct dm_log_context *ctx)
{
	if (!ctx)
		return;
	line_add(line, "source", ctx->source);
	line_add(line, "task", ctx->task);
	line_add(line, "unit", ctx->unit);
}

static void line_add_pairs(struct line *line, va_list args)
{
	for (const char *key = va_arg(args, const char *); key; key = va_arg(args, const char *))
		line_add(line, key, va_arg(args, const char *));
}

static void line_write(struct line *line)
{
	int held;

	if (!sink.is_ready) { /* a test or a tool that never opened a log */
		write_text(line);
		return;
	}
	DM_LOCKED(&sink.lock);
	held = repeat_check(line->message);
	if (held < 0)
		return;
	if (held > 0)
		line_add(line, "held_back", dm_log_number(line->held_back, held));
	if (sink.to_journal)
		write_journal(line);
	else
		write_text(line);
}

void dm_log(enum dm_log_level level, const struct dm_log_context *ctx, const char *message, ...)
{
	struct line line = { .level = level, .message = message };
	va_list args;

	if ((int)level < atomic_load(&sink.level))
		return;
	line_add_context(&line, ctx);
	va_start(args, message);
	line_add_pairs(&line, args);
	va_end(args);
	line_write(&line);
}

void dm_log_error(enum dm_log_level level, const struct dm_log_context *ctx,
	const struct dm_error *err, const char *message, ...)
{
	struct line line = { .level = level, .message = message };
	char code[24];
	va_list args;

	if ((int)level < atomic_load(&sink.level))
		return;
	line_add_context(&line, ctx);
	va_start(args, message);
	line_add_pairs(&line, args);
	va_end(args);
	line_add(&line, "error_code", dm_log_number(code, (int64_t)err->code));
	line_add(&line, "error", err->message);
	line_write(&line);
}
