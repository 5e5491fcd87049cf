/* test-sync-checkpoint.c - positions in the target: DM's table, ours beside it, one writer, pending XA transactions. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "mariadb.h"

#include "checkpoint.h"
#include "dm/binlog.h"
#include "xa.h"

static struct mariadb server;

static struct db_conn *connected(void)
{
	struct db_conf conf = { .host = (char *)"127.0.0.1",
		.port = server.port,
		.user = (char *)"root",
		.password = (char *)"" };
	struct db_options options = { .scope = DM_SCOPE_DOWNSTREAM,
		.connect_timeout_ms = 5000,
		.io_timeout_ms = 20000,
		.is_writer = true };
	struct dm_error err = { 0 };
	struct db_conn *c = NULL;

	if (db_connect(&c, &conf, &options, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(db_exec(c, "SET autocommit = 0", 18, NULL, &err), 0);
	return c;
}

static void run(struct db_conn *c, const char *sql)
{
	struct dm_error err = { 0 };

	if (db_exec(c, sql, strlen(sql), NULL, &err) != 0)
		fail_msg("%s", err.message);
}

/* The first row of a query, columns joined by "|". */
static char *first_row(struct db_conn *c, const char *sql)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(db_result_freep) struct db_result *r = NULL;
	struct dm_str row = { 0 };

	if (db_query(c, &r, &err, "%s", sql) != 0)
		fail_msg("%s", err.message);
	for (unsigned int i = 0; i < 20 && (i > 0 || db_result_next(r)); i++)
		if (db_result_text(r, i))
			dm_str_addf(&row, "%s%s", i ? "|" : "", db_result_text(r, i));
	return dm_str_take(&row);
}

static void assert_row(struct db_conn *c, const char *sql, const char *want)
{
	DM_CLEANUP(freep) char *have = first_row(c, sql);

	assert_string_equal(have, want);
}

/* A checkpoint of its own name, claimed. */
static void claimed(struct checkpoint *cp, struct db_conn *c, const char *task)
{
	struct dm_error err = { 0 };

	checkpoint_init(cp, "meta`x", task, "sour'ce");
	if (checkpoint_prepare(cp, c, &err) != 0 || checkpoint_claim(cp, c, false, &err) != 0)
		fail_msg("%s", err.message);
}

static int write_at(struct checkpoint *cp, struct db_conn *c, const char *name, uint64_t pos,
	struct dm_error *reterr)
{
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
	struct binlog_position at;
	uint64_t affected[3];
	size_t done;

	binlog_position_set(&at, name, pos);
	checkpoint_sql(cp, &at, &cp->ddl, &sql);
	dm_str_add(&sql, ";COMMIT");
	return db_exec_many(c, sql.data, sql.len, 3, affected, &done, reterr);
}

static void dms_table_has_dms_columns(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t1");
	assert_row(c,
		"SELECT GROUP_CONCAT(COLUMN_NAME, ' ', COLUMN_TYPE ORDER BY ORDINAL_POSITION) FROM "
		"information_schema.COLUMNS WHERE TABLE_NAME = 't1_syncer_checkpoint'",
		"id varchar(32),cp_schema varchar(128),cp_table varchar(128),binlog_name "
		"varchar(128),"
		"binlog_pos int(10) unsigned,is_global tinyint(1),create_time "
		"timestamp,update_time timestamp");
	assert_row(c,
		"SELECT INDEX_NAME, NON_UNIQUE, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) "
		"FROM "
		"information_schema.STATISTICS WHERE TABLE_NAME = 't1_syncer_checkpoint'",
		"uk_id_schema_table|0|id,cp_schema,cp_table");
	checkpoint_done(&cp);
}

static void a_new_task_has_the_least_position(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t2");
	assert_false(cp.has_global);
	assert_false(cp.is_ours);
	assert_string_equal(cp.global.name, "");
	assert_int_equal(cp.global.pos, 4);
	checkpoint_done(&cp);
}

static void what_is_written_is_ours_and_in_dms_row(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t3");
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000003", 1234, &err), 0);
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000003", 2345, &err), 0);
	assert_row(c,
		"SELECT id, cp_schema, cp_table, binlog_name, binlog_pos, is_global, COUNT(*) FROM "
		"`meta``x`.t3_syncer_checkpoint",
		"sour'ce|||mysql-bin|000001.000003|2345|1|1");
	checkpoint_done(&cp);
	claimed(&cp, c, "t3");
	assert_true(cp.has_global);
	assert_true(cp.is_ours);
	assert_string_equal(cp.global.name, "mysql-bin|000001.000003");
	assert_int_equal(cp.global.pos, 2345);
	checkpoint_done(&cp);
}

static void a_position_of_dm_is_not_ours(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct binlog_position end;
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t4");
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000003", 1234, &err), 0);
	run(c, "UPDATE `meta``x`.t4_syncer_checkpoint SET binlog_pos = 2000 WHERE is_global = 1");
	run(c, "INSERT INTO `meta``x`.t4_syncer_checkpoint (id, cp_schema, cp_table, binlog_name, "
	       "binlog_pos, is_global) VALUES "
	       "('sour''ce', 's', 'old', 'mysql-bin|000001.000003', 1999, 0), "
	       "('sour''ce', 's', 'new', 'mysql-bin|000001.000003', 3000, 0), "
	       "('other', 's', 'new', 'mysql-bin|000001.000009', 3000, 0)");
	run(c, "COMMIT");
	checkpoint_done(&cp);
	claimed(&cp, c, "t4");
	assert_true(cp.has_global);
	assert_false(cp.is_ours);
	assert_int_equal(cp.global.pos, 2000);
	assert_int_equal(
		cp.point_count, 1); /* the one behind the global point, and of this source */
	binlog_position_set(&end, "mysql-bin|000001.000003", 3000);
	assert_false(checkpoint_has_rows(&cp, "s", "new", &end));
	assert_true(checkpoint_has_ddl(&cp, "s", "new", &end));
	assert_false(checkpoint_has_ddl(&cp, "s", "old", &end));
	end.pos--;
	assert_true(checkpoint_has_rows(&cp, "s", "new", &end));
	checkpoint_done(&cp);
}

static void a_global_row_below_the_least_position_counts_for_nothing(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t5");
	run(c, "INSERT INTO `meta``x`.t5_syncer_checkpoint (id, cp_schema, cp_table, binlog_name, "
	       "binlog_pos, is_global) VALUES "
	       "('sour''ce', '', '', '', 4, 1)");
	run(c, "COMMIT");
	checkpoint_done(&cp);
	claimed(&cp, c, "t5");
	assert_false(cp.has_global);
	checkpoint_done(&cp);
}

static void an_older_session_is_ended_and_cannot_write(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *old = connected();
	DM_CLEANUP(db_closep) struct db_conn *new = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct checkpoint of_old, of_new;

	(void)state;
	claimed(&of_old, old, "t6");
	assert_int_equal(write_at(&of_old, old, "mysql-bin|000001.000003", 100, &err), 0);
	claimed(&of_new, new, "t6");
	assert_true(of_new.epoch > of_old.epoch);
	assert_int_equal(write_at(&of_old, old, "mysql-bin|000001.000003", 200, &err), -1);
	assert_true(db_is_connection_error(&err)); /* it was killed */
	assert_row(new, "SELECT binlog_pos FROM `meta``x`.t6_syncer_checkpoint", "100");
	checkpoint_done(&of_old);
	checkpoint_done(&of_new);
}

static void the_fence_holds_where_no_session_can_be_ended(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *old = connected();
	DM_CLEANUP(db_closep) struct db_conn *new = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct checkpoint of_old, of_new;

	(void)state;
	claimed(&of_old, old, "t7");
	run(old, "DO RELEASE_ALL_LOCKS()");
	claimed(&of_new, new, "t7");
	for (int strict = 0; strict < 2; strict++) {
		run(old, strict ? "SET sql_mode = 'STRICT_ALL_TABLES'" : "SET sql_mode = ''");
		assert_int_equal(write_at(&of_old, old, "mysql-bin|000001.000003", 200, &err), -1);
		assert_true(checkpoint_is_fenced(&err));
		dm_error_done(&err);
		run(old, "ROLLBACK");
	}
	assert_int_equal(write_at(&of_new, new, "mysql-bin|000001.000003", 300, &err), 0);
	assert_row(new, "SELECT binlog_pos FROM `meta``x`.t7_syncer_checkpoint", "300");
	checkpoint_done(&of_old);
	checkpoint_done(&of_new);
}

static void rows_are_removed_on_demand(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t8");
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000003", 100, &err), 0);
	assert_int_equal(checkpoint_claim(&cp, c, true, &err), 0);
	assert_false(cp.has_global);
	assert_row(c, "SELECT COUNT(*) FROM `meta``x`.t8_syncer_checkpoint", "0");
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000004", 7, &err), 0);
	checkpoint_done(&cp);
	claimed(&cp, c, "t8");
	assert_true(cp.is_ours);
	checkpoint_done(&cp);
}

static void a_begun_ddl_and_safe_mode_are_remembered(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str sql = { 0 };
	struct binlog_position until;
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t9");
	binlog_position_set(&cp.ddl.end, "mysql-bin|000001.000003", 500);
	cp.ddl.index = 2;
	cp.ddl.fingerprint = UINT64_MAX;
	binlog_position_set(&until, "mysql-bin.000009", 77);
	checkpoint_safe_sql(&cp, &until, &sql);
	assert_int_equal(db_exec(c, sql.data, sql.len, NULL, &err), 0);
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000003", 100, &err), 0);
	checkpoint_done(&cp);
	claimed(&cp, c, "t9");
	assert_string_equal(cp.ddl.end.name, "mysql-bin|000001.000003");
	assert_int_equal(cp.ddl.end.pos, 500);
	assert_int_equal(cp.ddl.index, 2);
	assert_true(cp.ddl.fingerprint == UINT64_MAX);
	assert_string_equal(cp.safe_until.name, "mysql-bin.000009");
	assert_int_equal(cp.safe_until.pos, 77);
	checkpoint_done(&cp);
}

static void positions_over_4_gib_are_stored_after_widening(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t10");
	assert_false(checkpoint_must_widen(&cp, 1000));
	assert_true(checkpoint_must_widen(&cp, UINT32_MAX));
	assert_int_equal(checkpoint_widen(&cp, c, &err), 0);
	assert_false(checkpoint_must_widen(&cp, UINT32_MAX));
	assert_int_equal(write_at(&cp, c, "mysql-bin|000001.000003", 5000000000, &err), 0);
	checkpoint_done(&cp);
	claimed(&cp, c, "t10");
	assert_false(checkpoint_must_widen(&cp, UINT32_MAX));
	assert_true(cp.global.pos == 5000000000);
	assert_true(cp.is_ours);
	checkpoint_done(&cp);
}

/* ---- XA ---- */

static void an_xa_name_reads_as_in_xa_commit(void **state)
{
	const uint8_t bytes[] = { 0, 7, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 'a', 0xff, 'q' };
	struct binlog_body body = { bytes, sizeof(bytes) };
	bool is_one_phase = true;
	char *xid = NULL;

	(void)state;
	assert_int_equal(xa_parse(&body, &xid, &is_one_phase), 0);
	assert_string_equal(xid, "X'61ff',X'71',7");
	assert_false(is_one_phase);
	free(xid);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		body.len = len;
		assert_int_equal(xa_parse(&body, &xid, &is_one_phase), -EBADMSG);
	}
}

static void pending_xa_transactions_survive_and_hold_the_relay(void **state)
{
	DM_CLEANUP(db_closep) struct db_conn *c = connected();
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str add = { 0 }, remove = { 0 };
	struct binlog_position begin, end, need;
	struct xa_list list;
	struct checkpoint cp;

	(void)state;
	claimed(&cp, c, "t11"); /* makes the schema */
	xa_init(&list, "meta`x", "t11", "sour'ce");
	assert_int_equal(xa_prepare_table(&list, c, &err), 0);
	binlog_position_set(&begin, "mysql-bin|000001.000003", 100);
	binlog_position_set(&end, "mysql-bin|000001.000003", 200);
	xa_add(&list, "X'61',X'',1", &begin, &end, &add);
	assert_int_equal(db_exec(c, add.data, add.len, NULL, &err), 0);
	assert_int_equal(xa_load(&list, c, false, &err), 0);
	assert_int_equal(list.count, 1);
	assert_non_null(xa_find(&list, "X'61',X'',1"));
	assert_null(xa_find(&list, "X'62',X'',1"));
	binlog_position_set(&need, "mysql-bin|000001.000004", 4);
	xa_keep(&list, &need);
	assert_string_equal(need.name, "mysql-bin|000001.000003");
	assert_int_equal(need.pos, 100);
	xa_remove(&list, "X'61',X'',1", &remove);
	assert_int_equal(list.count, 0);
	assert_int_equal(db_exec(c, remove.data, remove.len, NULL, &err), 0);
	assert_int_equal(xa_load(&list, c, false, &err), 0);
	assert_int_equal(list.count, 0);
	xa_done(&list);
	checkpoint_done(&cp);
}

static int start(void **state)
{
	(void)state;
	mariadb_start(&server);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	mariadb_stop(&server);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dms_table_has_dms_columns),
		cmocka_unit_test(a_new_task_has_the_least_position),
		cmocka_unit_test(what_is_written_is_ours_and_in_dms_row),
		cmocka_unit_test(a_position_of_dm_is_not_ours),
		cmocka_unit_test(a_global_row_below_the_least_position_counts_for_nothing),
		cmocka_unit_test(an_older_session_is_ended_and_cannot_write),
		cmocka_unit_test(the_fence_holds_where_no_session_can_be_ended),
		cmocka_unit_test(rows_are_removed_on_demand),
		cmocka_unit_test(a_begun_ddl_and_safe_mode_are_remembered),
		cmocka_unit_test(positions_over_4_gib_are_stored_after_widening),
		cmocka_unit_test(an_xa_name_reads_as_in_xa_commit),
		cmocka_unit_test(pending_xa_transactions_survive_and_hold_the_relay),
	};

	(void)argc;
	(void)argv;
	(void)test_source_dir;
	return cmocka_run_group_tests_name("sync-checkpoint", tests, start, stop);
}
