/* test-status.c - what is derived, DM's documents byte for byte, and /api/v1: known, unknown and stale. */
#include "test.h"

#include <stdio.h>

#include "sample-status.h"

static const struct sample caught_up = { "127.0.0.1:8262", "mysql-replica-01", "1-1-8",
	"1-1.000001", STAGE_RUNNING, 0, 782648, 782648, "mysql-bin.000001", 782648 };

typedef void print_fn(const struct status *s, const struct status_query *q, struct dm_str *out);

static char *print_pretty(print_fn *print, const struct status *s, const char *task)
{
	struct status_query q = { .task = task, .form = JSON_DM };
	struct dm_str out = { 0 };

	print(s, &q, &out);
	return dm_str_take(&out);
}

/* ---- DM's documents ---- */

/* DM's document of two workers out of ours of one each: the entries of `b` behind those of `a`. */
static void expect_golden(const char *file, char *a, char *b)
{
	static const char tail[] = "\n    ]\n}";
	static const char head[] = "    \"workers\": [\n";
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 };
	DM_CLEANUP(freep) char *first = a;
	DM_CLEANUP(freep) char *second = b;
	DM_CLEANUP(freep) char *both = NULL;
	const char *entry = strstr(second, head);

	assert_non_null(entry);
	assert_string_equal(first + strlen(first) - strlen(tail), tail);
	first[strlen(first) - strlen(tail)] = '\0';
	both = dm_format("%s,\n%s\n", first, entry + strlen(head));
	read_golden(file, &golden);
	assert_string_equal(both, golden.data);
}

static char *print_sample(const struct sample *from)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(from);

	sample_add_task(s, "test", from);
	status_derive(s, NULL);
	return print_pretty(status_print_dm, s, "test");
}

static void query_status_equals_dm(void **state)
{
	static const struct {
		const char *file;
		struct sample a, b;
	} rows[] = {
		{ "query-status.sync.json",
			{ "127.0.0.1:8262", "mysql-replica-01", "1-1-8", "1-1.000001",
				STAGE_RUNNING, 0, 782648, 782648, "mysql-bin.000001", 782648 },
			{ "127.0.0.1:8263", "mysql-replica-02", "2-2-8", "2-2.000001",
				STAGE_RUNNING, 0, 782648, 782648, "mysql-bin.000001", 782648 } },
		{ "query-status.paused-by-user.json",
			{ "127.0.0.1:8262", "mysql-replica-01", "1-1-10", "1-1.000001",
				STAGE_PAUSED, 1, 782948, 782948, "mysql-bin|000001.000001",
				782690 },
			{ "127.0.0.1:8263", "mysql-replica-02", "2-2-10", "2-2.000001",
				STAGE_PAUSED, 1, 782948, 782948, "mysql-bin|000001.000001",
				782690 } },
		{ "query-status.resumed.json",
			{ "127.0.0.1:8262", "mysql-replica-01", "1-1-10", "1-1.000001",
				STAGE_RUNNING, 1, 782948, 782948, "mysql-bin|000001.000001",
				782690 },
			{ "127.0.0.1:8263", "mysql-replica-02", "2-2-10", "2-2.000001",
				STAGE_RUNNING, 1, 782948, 782948, "mysql-bin|000001.000001",
				782690 } },
	};

	(void)state;
	for (size_t i = 0; i < DM_COUNT_OF(rows); i++)
		expect_golden(rows[i].file, print_sample(&rows[i].a), print_sample(&rows[i].b));
}

static const struct sample failed = { "127.0.0.1:8262", "mysql-replica-01", "1-1-12", "1-1.000001",
	STAGE_PAUSED, 3, 783428, 783428, "mysql-bin|000001.000001", 782690 };
static const struct sample beside_failed = { "127.0.0.1:8263", "mysql-replica-02", "2-2-11",
	"2-2.000001", STAGE_RUNNING, 2, 783188, 783188, "mysql-bin|000001.000001", 782690 };

/* The error of the golden files, as Sync and the subtask publish it. */
static struct status *sample_failed(void)
{
	static const char statement[] =
		"REPLACE INTO `test`.`t_target` (`id`,`age`,`name`,`c`) VALUES (?,?,?,?)";
	struct status *s = sample_new(&failed);
	struct subtask_view *v = sample_add_task(s, "test", &failed);
	struct sync_status *sync = &v->status.sync;
	struct dm_error error = { 0 };
	struct dm_process_error *e;

	dm_fail_cause(&error, DM_ERR_DB_EXECUTE_FAILED,
		"Error 1054: Unknown column 'c' in 'field list'", "execute statement failed: %s",
		statement);
	v->by = BY_ERROR;
	v->failures = 1;
	v->result.is_set = true;
	e = dm_process_result_add(&v->result, ERROR_EXEC_SQL, &error);
	e->position = place("mysql-bin|000001.000001", 783397);
	e->table = dm_strdup("`test`.`t11`");
	e->wall_ns = SAMPLE_NOW_NS - 1000000000;
	e->statement = dm_strdup(
		"[tp: insert, sql: REPLACE INTO `test`.`t_target` (`id`,`age`,`name`,`c`) VALUES "
		"(?,?,?,?), args: [99999998 1 x 2], key: 99999998`test`.`t_target`, ddls: [], "
		"last_pos: (mysql-bin|000001.000001, 783188), current_pos: "
		"(mysql-bin|000001.000001, 783397), gtid:<nil>]");
	sync->errors = dm_alloc_array(1, sizeof(*sync->errors));
	sync->error_count = 1;
	dm_process_error_copy(e, &sync->errors[0]);
	status_derive(s, NULL);
	return s;
}

static void a_failed_sync_reads_as_in_dm(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_failed();
	DM_CLEANUP(status_unrefp) struct status *beside = sample_new(&beside_failed);

	(void)state;
	sample_add_task(beside, "test", &beside_failed);
	status_derive(beside, NULL);
	expect_golden("query-status.sync-error.json", print_pretty(status_print_dm, s, "test"),
		print_pretty(status_print_dm, beside, "test"));
	expect_golden("query-error.json", print_pretty(status_print_dm_errors, s, "test"),
		print_pretty(status_print_dm_errors, beside, "test"));
}

static void an_unknown_task_reads_as_in_dm(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	DM_CLEANUP(dm_str_done) struct dm_str golden = { 0 };
	DM_CLEANUP(freep) char *text = NULL;
	DM_CLEANUP(freep) char *errors = NULL;
	DM_CLEANUP(freep) char *text_line = NULL;

	(void)state;
	sample_add_task(s, "another", &caught_up);
	status_derive(s, NULL);
	read_golden("query-status.no-such-task.json", &golden);
	text = print_pretty(status_print_dm, s, "test");
	text_line = dm_format("%s\n", text);
	assert_string_equal(text_line, golden.data);
	errors = print_pretty(status_print_dm_errors, s, "test");
	assert_string_equal(errors, text);
}

static void expect_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s\nin %s", part, text);
}

static void expect_dm_contains(const struct status *s, const char *part)
{
	struct status_query q = { .form = JSON_COMPACT };
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	status_print_dm(s, &q, &out);
	expect_contains(out.data, part);
}

static void without_tasks_the_worker_says_so(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	DM_CLEANUP(freep) char *errors = NULL;

	(void)state;
	status_derive(s, NULL);
	expect_dm_contains(s, "{\"result\":true,\"msg\":\"\",\"workers\":[{\"result\":true,"
			      "\"worker\":\"127.0.0.1:8262\",\"msg\":\"no sub task started\","
			      "\"subTaskStatus\":[],\"relayStatus\":{");
	errors = print_pretty(status_print_dm_errors, s, NULL);
	expect_contains(errors, "\"subTaskError\": [\n            ]");
}

static void tasks_come_in_the_registrys_order_and_one_can_be_chosen(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	DM_CLEANUP(freep) char *all = NULL;
	DM_CLEANUP(freep) char *one = NULL;

	(void)state;
	sample_add_task(s, "a", &caught_up);
	sample_add_task(s, "b", &caught_up);
	status_derive(s, NULL);
	all = print_pretty(status_print_dm, s, "");
	one = print_pretty(status_print_dm, s, "b");
	assert_true(strstr(all, "\"name\": \"a\"") < strstr(all, "\"name\": \"b\""));
	assert_null(strstr(one, "\"name\": \"a\""));
	expect_contains(one, "\"name\": \"b\"");
}

static void a_task_without_a_unit_has_no_unit_part(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	struct subtask_view *v = sample_add_task(s, "t5", &caught_up);
	struct dm_error error = { 0 };
	DM_CLEANUP(freep) char *errors = NULL;

	(void)state;
	unit_status_done(&v->status);
	v->has_unit_status = false;
	v->stage = STAGE_PAUSED;
	v->unit = UNIT_INVALID;
	status_derive(s, NULL);
	expect_dm_contains(s, "{\"name\":\"t5\",\"stage\":\"Paused\",\"unit\":\"InvalidUnit\","
			      "\"result\":null,\"unresolvedDDLLockID\":\"\"}");
	dm_fail_cause(&error, DM_ERR_DB_EXECUTE_FAILED, "say \"no\"\n\x01", "fail to initial unit");
	v->result.is_set = true;
	dm_process_result_add(&v->result, ERROR_UNKNOWN, &error);
	errors = print_pretty(status_print_dm_errors, s, NULL);
	expect_contains(errors, "\"msg\": \"error:\\u003cErrCode:10006 ErrClass:1 ErrLevel:3 "
				"Message:\\\"fail to initial unit: say "
				"\\\\\\\"no\\\\\\\"\\\\n\\\\001\\\" "
				"RawCause:\\\"say \\\\\\\"no\\\\\\\"\\\\n\\\\001\\\" \\u003e \"");
}

/* Its unit is gone, but where it stood is still true. */
static void a_stopped_task_keeps_its_last_places(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	struct subtask_view *v = sample_add_task(s, "t", &caught_up);

	(void)state;
	v->stage = STAGE_STOPPED;
	v->unit = UNIT_INVALID;
	status_derive(s, NULL);
	expect_dm_contains(s, "\"stage\":\"Stopped\",\"unit\":\"InvalidUnit\",\"result\":null,"
			      "\"unresolvedDDLLockID\":\"\",\"sync\":{");
	expect_dm_contains(s, "\"syncerBinlog\":\"(mysql-bin.000001, 782648)\"");
}

static void errors_are_sorted_by_their_place(void **state)
{
	static const uint64_t places[] = { 300, 100, 200 };
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	struct sync_status *sync = &sample_add_task(s, "t", &caught_up)->status.sync;
	DM_CLEANUP(freep) char *text = NULL;
	const char *at;

	(void)state;
	sync->errors = dm_alloc_array(DM_COUNT_OF(places), sizeof(*sync->errors));
	sync->error_count = DM_COUNT_OF(places);
	for (size_t i = 0; i < DM_COUNT_OF(places); i++) {
		dm_fail(&sync->errors[i].error, DM_ERR_DB_EXECUTE_FAILED, "failed");
		sync->errors[i].position = place("mysql-bin|000001.000001", places[i]);
	}
	status_derive(s, NULL);
	text = print_pretty(status_print_dm_errors, s, NULL);
	at = strstr(text, "mysql-bin|000001.000001:100");
	assert_non_null(at);
	at = strstr(at, "mysql-bin|000001.000001:200");
	assert_non_null(at);
	assert_non_null(strstr(at, "mysql-bin|000001.000001:300"));
}

static void a_unit_that_has_not_reported_yet_shows_defaults(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);
	struct subtask_view *v = sample_add_task(s, "new", &caught_up);

	(void)state;
	unit_status_done(&v->status);
	v->has_unit_status = false;
	v->stage = STAGE_NEW;
	status_derive(s, NULL);
	expect_dm_contains(s, "\"sync\":{\"totalEvents\":\"0\",\"totalTps\":\"0\",\"recentTps\":"
			      "\"0\",\"masterBinlog\":\"(mysql-bin.000001, 782648)\","
			      "\"masterBinlogGtid\":\"1-1-8\",\"syncerBinlog\":\"(, 4)\","
			      "\"syncerBinlogGtid\":\"\",\"blockingDDLs\":[],\"unresolvedGroups\":"
			      "[],\"synced\":false}");
}

static void a_stopped_relay_tells_its_stage_only(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);

	(void)state;
	s->relay.stage = STAGE_STOPPED;
	s->relay.result.is_set = true;
	status_derive(s, NULL);
	expect_dm_contains(s,
		"\"relayStatus\":{\"masterBinlog\":\"\",\"masterBinlogGtid\":\"\","
		"\"relaySubDir\":\"\",\"relayBinlog\":\"\",\"relayBinlogGtid\":\"\","
		"\"relayCatchUpMaster\":false,\"stage\":\"Stopped\",\"result\":null}");
}

static void a_relay_paused_by_the_user_is_canceled_without_errors(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);

	(void)state;
	s->relay.stage = STAGE_PAUSED;
	s->relay.result.is_set = s->relay.result.is_canceled = true;
	status_derive(s, NULL);
	expect_dm_contains(s, "\"stage\":\"Paused\",\"result\":{\"isCanceled\":true,\"errors\":[],"
			      "\"detail\":null}");
}

/* ---- derived: known, unknown, stale ---- */

struct fixture {
	struct status *s;
	struct subtask_view *task;
	struct status_history *history;
};

static int make_fixture(void **state)
{
	struct fixture *f = dm_alloc(sizeof(*f));

	f->s = sample_new(&caught_up);
	f->task = sample_add_task(f->s, "test", &caught_up);
	f->history = dm_alloc(sizeof(*f->history));
	*state = f;
	return 0;
}

static int drop_fixture(void **state)
{
	struct fixture *f = *state;

	status_unref(f->s);
	free(f->history);
	free(f);
	return 0;
}

static void derive(struct fixture *f)
{
	status_derive(f->s, f->history);
}

static void synced_needs_a_fresh_answer_of_the_upstream(void **state)
{
	struct fixture *f = *state;

	derive(f);
	assert_true(f->s->tasks[0].is_synced);
	assert_true(f->s->is_relay_caught_up);
	f->s->sample.is_fresh = false;
	derive(f);
	assert_false(f->s->tasks[0].is_synced);
	assert_false(f->s->is_relay_caught_up);
	expect_dm_contains(f->s, "\"masterBinlog\":\"(mysql-bin.000001, 782648)\"");
	expect_dm_contains(f->s, "\"masterBinlogGtid\":\"1-1-8\"");
}

static void an_upstream_never_heard_of_is_empty(void **state)
{
	struct fixture *f = *state;

	f->s->sample.is_known = f->s->sample.is_fresh = false;
	f->s->relay.last_event_mono_ms = SAMPLE_NOW_MS; /* even if the relay gets something */
	derive(f);
	assert_false(f->s->tasks[0].is_synced);
	assert_false(f->s->is_relay_caught_up);
	assert_false(f->s->relay_lag.is_known);
	expect_dm_contains(f->s, "\"sync\":{\"totalEvents\":\"0\",\"totalTps\":\"0\",\"recentTps\":"
				 "\"0\",\"masterBinlog\":\"(, 0)\",\"masterBinlogGtid\":\"\"");
	expect_dm_contains(
		f->s, "\"relayStatus\":{\"masterBinlog\":\"(, 0)\",\"masterBinlogGtid\":\"\"");
}

/* The checkpoint may be flushed later: what counts is what the target has. */
static void synced_is_about_what_was_applied(void **state)
{
	struct fixture *f = *state;

	f->task->status.sync.flushed.pos -= 100;
	derive(f);
	assert_true(f->s->tasks[0].is_synced);
	f->task->status.sync.applied.pos -= 100;
	derive(f);
	assert_false(f->s->tasks[0].is_synced);
	f->task->status.sync.applied = place("", 0); /* nothing applied yet in this run */
	f->task->status.sync.flushed.pos += 100;
	derive(f);
	assert_true(f->s->tasks[0].is_synced);
}

static void the_same_file_of_a_former_server_is_not_synced(void **state)
{
	struct fixture *f = *state;

	f->task->status.sync.applied = place("mysql-bin|000001.000001", 782648);
	derive(f);
	assert_true(f->s->tasks[0].is_synced);
	(void)snprintf(f->s->relay.sub_dir, sizeof(f->s->relay.sub_dir), "2-2.000002");
	derive(f);
	assert_false(f->s->tasks[0].is_synced);
	f->task->status.sync.applied = place("mysql-bin|000002.000001", 782648);
	derive(f);
	assert_true(f->s->tasks[0].is_synced);
}

static void what_the_relay_got_after_the_sample_is_the_upstreams_end(void **state)
{
	struct fixture *f = *state;

	f->s->relay.received.pos += 50;
	f->s->relay.last_event_mono_ms = f->s->sample.answered_mono_ms + 1;
	derive(f);
	assert_int_equal(f->s->upstream.pos, 782698);
	assert_true(f->s->is_relay_caught_up);
	assert_false(f->s->tasks[0].is_synced);
	/* Received before the sample: the upstream was reset, and the sample is right. */
	f->s->relay.last_event_mono_ms = f->s->sample.answered_mono_ms - 1;
	derive(f);
	assert_int_equal(f->s->upstream.pos, 782648);
	assert_false(f->s->is_relay_caught_up);
}

static void with_gtids_the_relay_may_be_caught_up_at_another_position(void **state)
{
	struct fixture *f = *state;

	f->s->relay.received.pos -= 8;
	free(f->s->relay.gtid_set);
	f->s->relay.gtid_set = dm_strdup("1-1-8");
	derive(f);
	assert_false(f->s->is_relay_caught_up);
	f->s->enable_gtid = true;
	derive(f);
	assert_true(f->s->is_relay_caught_up);
	free(f->s->relay.gtid_set);
	f->s->relay.gtid_set = dm_strdup("1-1-7");
	derive(f);
	assert_false(f->s->is_relay_caught_up);
	/* An upstream without GTIDs proves nothing. */
	f->s->sample.gtid_set[0] = '\0';
	derive(f);
	assert_false(f->s->is_relay_caught_up);
}

/* ---- lags ---- */

static void a_lag_is_zero_only_when_nothing_is_missing(void **state)
{
	struct fixture *f = *state;
	const struct status_lag *lag = &f->s->relay_lag;

	f->s->relay.last_event_timestamp = 1; /* an idle upstream: old, and still no lag */
	derive(f);
	assert_true(lag->is_known && lag->has_bytes);
	assert_int_equal(lag->ms, 0);
	assert_int_equal(lag->bytes, 0);
	f->s->relay.received.pos -= 648;
	status_history_add(f->history, &(struct binlog_position){ "mysql-bin.000001", 782000 },
		SAMPLE_NOW_MS - 9000);
	status_history_add(f->history, &f->s->sample.position, SAMPLE_NOW_MS - 7000);
	derive(f);
	assert_true(lag->is_known);
	assert_int_equal(lag->ms, 7000);
	assert_int_equal(lag->bytes, 648);
	assert_int_equal(lag->files, 0);
}

static void a_lag_over_files_has_no_bytes(void **state)
{
	struct fixture *f = *state;
	const struct status_lag *lag;

	f->s->sample.position = place("mysql-bin.000004", 4);
	status_history_add(f->history, &f->s->sample.position, SAMPLE_NOW_MS - 500);
	derive(f);
	lag = &f->s->tasks[0].lag;
	assert_true(lag->is_known);
	assert_false(lag->has_bytes);
	assert_int_equal(lag->files, 3);
	assert_int_equal(lag->ms, 500);
}

/* Missing since before the first sample: the transaction's own time says how long. */
static void an_old_lag_is_taken_from_the_transaction(void **state)
{
	struct fixture *f = *state;

	f->task->status.sync.applied.pos = 4;
	f->task->status.sync.applied_timestamp = SAMPLE_NOW_NS / 1000000000 - 90;
	status_history_add(f->history, &f->s->sample.position, SAMPLE_NOW_MS - 3000);
	derive(f);
	assert_int_equal(f->s->tasks[0].lag.ms, 90000);
	f->task->status.sync.applied_timestamp = 0;
	derive(f);
	assert_int_equal(f->s->tasks[0].lag.ms, 3000);
	f->history->count = 0;
	derive(f);
	assert_false(f->s->tasks[0].lag.is_known);
}

static void a_stale_upstream_makes_lags_unknown(void **state)
{
	struct fixture *f = *state;

	status_history_add(f->history, &f->s->sample.position, SAMPLE_NOW_MS - 3000);
	f->s->sample.is_fresh = false;
	derive(f);
	assert_false(f->s->relay_lag.is_known);
	assert_false(f->s->relay_lag.has_bytes);
	assert_false(f->s->tasks[0].lag.is_known);
}

static void history_forgets_after_a_reset_and_when_it_is_full(void **state)
{
	struct fixture *f = *state;
	struct binlog_position p = place("mysql-bin.000001", 0);

	for (unsigned int i = 0; i < STATUS_HISTORY_MAX + 10; i++) {
		p.pos = 1000 + i;
		status_history_add(f->history, &p, i);
		status_history_add(f->history, &p, i + 5); /* the first time counts */
	}
	assert_int_equal(f->history->count, STATUS_HISTORY_MAX);
	f->s->sample.position = p;
	f->s->relay.received.pos = 1000 + STATUS_HISTORY_MAX; /* all but the last nine */
	derive(f);
	assert_int_equal(f->s->relay_lag.ms, SAMPLE_NOW_MS - (STATUS_HISTORY_MAX + 1));
	p.pos = 4;
	status_history_add(f->history, &p, 5000);
	assert_int_equal(f->history->count, 1);
	p.name[0] = '\0';
	status_history_add(f->history, &p, 6000);
	assert_int_equal(f->history->count, 1);
}

/* ---- /api/v1 ---- */

static void expect_v1(const struct status *s, const char *part)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	status_print_v1(s, JSON_COMPACT, &out);
	expect_contains(out.data, part);
}

static void v1_says_what_is_known(void **state)
{
	struct fixture *f = *state;

	f->task->by = BY_USER;
	f->task->stage = f->task->wanted = STAGE_PAUSED;
	f->task->legal = "resume-task, stop-task";
	f->task->status.sync.last_progress_mono_ms = SAMPLE_NOW_MS - 1500;
	f->s->relay.space_capacity = 1000;
	f->s->relay.space_available = 10;
	derive(f);
	expect_v1(f->s, "\"worker\":\"127.0.0.1:8262\",\"sourceId\":\"mysql-replica-01\",\"time\":"
			"\"2027-01-15T08:00:00.000Z\",\"version\":\"");
	expect_v1(f->s,
		"\"isFresh\":true,\"answeredAt\":\"2027-01-15T07:59:59.750Z\","
		"\"ageSeconds\":0.250,\"binlog\":{\"file\":\"mysql-bin.000001\",\"position\":"
		"782648},\"gtidSet\":\"1-1-8\",\"error\":null}");
	expect_v1(f->s, "\"relay\":{\"stage\":\"Running\",\"wantedStage\":\"Running\",\"by\":null,"
			"\"legalCommands\":[\"pause-relay\"],\"waitingFor\":null");
	expect_v1(f->s, "\"caughtUp\":true,\"lag\":{\"seconds\":0.000,\"bytes\":0,\"files\":0},"
			"\"lastEventAgeSeconds\":2.000");
	expect_v1(f->s, "\"spaceCapacity\":1000,\"spaceAvailable\":10");
	expect_v1(f->s, "\"stage\":\"Paused\",\"wantedStage\":\"Paused\",\"isDraining\":false,"
			"\"since\":\"2027-01-15T07:59:00.000Z\",\"by\":\"user\",\"legalCommands\":["
			"\"resume-task\",\"stop-task\"],\"unit\":\"Sync\",\"waitingFor\":null,"
			"\"nextResume\":null,\"synced\":true");
	expect_v1(f->s, "\"progressAgeSeconds\":1.500");
	expect_v1(f->s, "\"firstError\":null,\"lastError\":null}]}");
}

static void v1_has_null_for_what_is_not_known(void **state)
{
	struct fixture *f = *state;

	f->s->sample.is_known = f->s->sample.is_fresh = false;
	f->s->sample.answered_mono_ms = f->s->sample.answered_wall_ns = 0;
	f->s->relay.received = f->s->relay.flushed = place("", 4);
	f->s->relay.sub_dir[0] = '\0';
	f->s->relay.last_event_mono_ms = 0;
	dm_fail(&f->s->sample.error, DM_ERR_DB_BAD_CONN, "no route");
	derive(f);
	expect_v1(f->s, "\"upstream\":{\"address\":\"127.0.0.1:3306\",\"version\":null,\"isFresh\":"
			"false,\"answeredAt\":null,\"ageSeconds\":null,\"binlog\":null,\"gtidSet\":"
			"null,\"error\":{\"code\":10002,\"class\":\"database\",");
	expect_v1(f->s,
		"\"subDir\":null,\"received\":null,\"flushed\":null,\"gtidSet\":null,"
		"\"caughtUp\":null,\"lag\":{\"seconds\":null,\"bytes\":null,\"files\":null},"
		"\"lastEventAgeSeconds\":null");
	expect_v1(f->s, "\"spaceCapacity\":null,\"spaceAvailable\":null,\"error\":null");
	expect_v1(f->s, "\"synced\":null,\"lag\":{\"seconds\":null");
	expect_v1(f->s, "\"progressAgeSeconds\":null");
}

static void v1_keeps_a_stale_position_and_its_age(void **state)
{
	struct fixture *f = *state;

	f->s->sample.is_fresh = false;
	f->s->sample.answered_mono_ms = SAMPLE_NOW_MS - 61000;
	f->s->relay.last_event_mono_ms = SAMPLE_NOW_MS - 62000;
	derive(f);
	expect_v1(f->s, "\"ageSeconds\":61.000,\"binlog\":{\"file\":\"mysql-bin.000001\","
			"\"position\":782648}");
	expect_v1(f->s, "\"caughtUp\":null");
	expect_v1(f->s, "\"synced\":null");
}

static void v1_says_who_paused_the_relay_and_what_it_waits_for(void **state)
{
	struct fixture *f = *state;
	struct relay_status *r = &f->s->relay;

	r->stage = STAGE_PAUSED;
	r->is_paused_by_user = true;
	derive(f);
	expect_v1(f->s, "\"relay\":{\"stage\":\"Paused\",\"wantedStage\":\"Paused\",\"by\":"
			"\"user\",\"legalCommands\":[\"resume-relay\"]");
	r->is_paused_by_user = false;
	r->waiting_for = "disk";
	derive(f);
	expect_v1(f->s, "\"wantedStage\":\"Running\",\"by\":\"disk\",\"legalCommands\":["
			"\"resume-relay\"],\"waitingFor\":\"disk\",\"retryInSeconds\":null");
	r->waiting_for = "retry";
	r->next_retry_mono_ms = SAMPLE_NOW_MS + 2500;
	derive(f);
	expect_v1(f->s, "\"by\":\"error\",\"legalCommands\":[\"resume-relay\"],\"waitingFor\":"
			"\"retry\",\"retryInSeconds\":2.500");
}

static void v1_errors_have_one_shape(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_failed();
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	struct status_query q = { .task = "test", .form = JSON_COMPACT };

	(void)state;
	s->registry.subtasks[0].next_resume_wall_ns = SAMPLE_NOW_NS + 4ll * 1000000000;
	dm_process_result_copy(
		&s->registry.subtasks[0].result, &s->registry.subtasks[0].first_result);
	expect_v1(s, "\"waitingFor\":\"retry\",\"nextResume\":\"2027-01-15T08:00:04.000Z\"");
	expect_v1(s, "\"failures\":1,\"firstError\":{\"type\":\"ExecSQL\"");
	status_print_v1_errors(s, &q, &out);
	expect_contains(out.data, "\"errors\":[{\"task\":\"test\",\"unit\":\"Sync\",\"count\":1,"
				  "\"first\":{\"type\":");
	expect_contains(out.data,
		"\"last\":{\"type\":\"ExecSQL\",\"code\":10006,\"class\":\"database\",\"scope\":"
		"\"not-set\",\"level\":\"high\",\"message\":\"execute statement failed: ");
	expect_contains(out.data,
		"\"cause\":\"Error 1054: Unknown column 'c' in 'field list'\",\"workaround\":null,"
		"\"position\":{\"file\":\"mysql-bin|000001.000001\",\"position\":783397},\"table\":"
		"\"`test`.`t11`\",\"statement\":\"[tp: insert");
	expect_contains(out.data, "\"time\":\"2027-01-15T07:59:59.000Z\"}}]}");
	dm_str_clear(&out);
	q.task = "none";
	status_print_v1_errors(s, &q, &out);
	expect_contains(out.data, "\"errors\":[]}");
}

static void v1_errors_name_the_source_too(void **state)
{
	struct fixture *f = *state;
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };
	struct status_query q = { .form = JSON_COMPACT };
	struct dm_error error = { 0 };

	dm_fail(&f->s->sample.error, DM_ERR_DB_BAD_CONN, "refused");
	dm_fail(&error, DM_ERR_DB_BAD_CONN, "lost");
	dm_process_result_add(&f->s->relay.result, ERROR_UNKNOWN, &error);
	f->s->relay.exits_with_error = 3;
	derive(f);
	status_print_v1_errors(f->s, &q, &out);
	expect_contains(out.data, "{\"task\":null,\"unit\":\"Relay\",\"count\":3,\"first\":null,"
				  "\"last\":{\"type\":\"UnknownError\",\"code\":10002,");
	expect_contains(out.data, "{\"task\":null,\"unit\":\"Upstream\",\"count\":null,");
	dm_str_clear(&out);
	status_print_v1_relay(f->s, JSON_COMPACT, &out);
	expect_contains(out.data, "\"sourceId\":\"mysql-replica-01\",\"time\":\"2027-01-15T08:00:"
				  "00.000Z\",\"stage\":\"Running\"");
}

/* ---- the line for systemd ---- */

static void expect_line(const struct status *s, const char *expected)
{
	DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

	status_print_line(s, &out);
	assert_string_equal(out.data, expected);
}

static void the_line_tells_stages_places_and_lags(void **state)
{
	struct fixture *f = *state;

	derive(f);
	expect_line(f->s, "relay Running (mysql-bin.000001, 782648), caught up; task test Running, "
			  "caught up");
	f->task->status.sync.applied.pos = 4;
	status_history_add(f->history, &f->s->sample.position, SAMPLE_NOW_MS - 3000);
	derive(f);
	expect_line(f->s, "relay Running (mysql-bin.000001, 782648), caught up; task test Running, "
			  "3 s behind");
	f->s->sample.is_fresh = false;
	derive(f);
	expect_line(f->s, "relay Running (mysql-bin.000001, 782648), upstream does not answer; "
			  "task test Running");
}

static void the_line_names_errors_and_stays_short(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_failed();

	(void)state;
	expect_line(s, "relay Running (mysql-bin.000001, 783428), caught up; task test Paused by "
		       "error 10006");
	for (int i = 0; i < 10; i++)
		(void)sample_add_task(s, "more", &failed);
	status_derive(s, NULL);
	{
		DM_CLEANUP(dm_str_done) struct dm_str out = { 0 };

		status_print_line(s, &out);
		expect_contains(out.data, "; task more Paused; and 3 more");
	}
}

static void the_line_says_when_there_are_no_tasks(void **state)
{
	DM_CLEANUP(status_unrefp) struct status *s = sample_new(&caught_up);

	(void)state;
	s->relay.stage = STAGE_NEW;
	s->relay.received.name[0] = '\0';
	status_derive(s, NULL);
	expect_line(s, "relay New; no tasks");
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, make_fixture, drop_fixture)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_status_equals_dm),
		cmocka_unit_test(a_failed_sync_reads_as_in_dm),
		cmocka_unit_test(an_unknown_task_reads_as_in_dm),
		cmocka_unit_test(without_tasks_the_worker_says_so),
		cmocka_unit_test(tasks_come_in_the_registrys_order_and_one_can_be_chosen),
		cmocka_unit_test(a_task_without_a_unit_has_no_unit_part),
		cmocka_unit_test(a_stopped_task_keeps_its_last_places),
		cmocka_unit_test(errors_are_sorted_by_their_place),
		cmocka_unit_test(a_unit_that_has_not_reported_yet_shows_defaults),
		cmocka_unit_test(a_stopped_relay_tells_its_stage_only),
		cmocka_unit_test(a_relay_paused_by_the_user_is_canceled_without_errors),
		with_fixture(synced_needs_a_fresh_answer_of_the_upstream),
		with_fixture(an_upstream_never_heard_of_is_empty),
		with_fixture(synced_is_about_what_was_applied),
		with_fixture(the_same_file_of_a_former_server_is_not_synced),
		with_fixture(what_the_relay_got_after_the_sample_is_the_upstreams_end),
		with_fixture(with_gtids_the_relay_may_be_caught_up_at_another_position),
		with_fixture(a_lag_is_zero_only_when_nothing_is_missing),
		with_fixture(a_lag_over_files_has_no_bytes),
		with_fixture(an_old_lag_is_taken_from_the_transaction),
		with_fixture(a_stale_upstream_makes_lags_unknown),
		with_fixture(history_forgets_after_a_reset_and_when_it_is_full),
		with_fixture(v1_says_what_is_known),
		with_fixture(v1_has_null_for_what_is_not_known),
		with_fixture(v1_keeps_a_stale_position_and_its_age),
		with_fixture(v1_says_who_paused_the_relay_and_what_it_waits_for),
		cmocka_unit_test(v1_errors_have_one_shape),
		with_fixture(v1_errors_name_the_source_too),
		with_fixture(the_line_tells_stages_places_and_lags),
		cmocka_unit_test(the_line_names_errors_and_stays_short),
		cmocka_unit_test(the_line_says_when_there_are_no_tasks),
	};

	return test_main(argc, argv, "status", tests);
}
