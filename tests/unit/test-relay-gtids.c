/* test-relay-gtids.c - a GTID counts from the end of its transaction on, however that ends. */
#include "test.h"

#include <string.h>

#include "make-binlog.h"
#include "relay-gtids.h"

struct following {
	struct dm_str events;
	struct relay_gtids gtids;
};

static void following_end(struct following *t)
{
	dm_str_done(&t->events);
	relay_gtids_done(&t->gtids);
}

/* Hands over what was made since the last call; then these transactions are known to be whole. */
static void expect_set(struct following *t, const char *want)
{
	static const struct binlog_format format = { .is_known = true, .has_checksum = true };
	DM_CLEANUP(dm_str_done) struct dm_str text = { 0 };

	for (size_t at = 0; at < t->events.len;) {
		const uint8_t *event = (const uint8_t *)t->events.data + at;
		struct binlog_header h;

		assert_int_equal(binlog_header_parse(event, t->events.len - at, &h), 0);
		assert_int_equal(relay_gtids_event(&t->gtids, &format, &h, event), 0);
		at += h.size;
	}
	dm_str_clear(&t->events);
	if (t->gtids.set)
		gtid_set_text(t->gtids.set, &text);
	assert_string_equal(dm_str_get(&text), want);
}

static void add_mysql_gtid(struct following *t, uint64_t number)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };

	make_number(&body, 1, 1);
	for (int i = 0; i < 16; i++)
		make_number(&body, 0x11, 1);
	make_number(&body, number, 8);
	make_number(&body, 2, 1);
	make_number(&body, 0, 8);
	make_number(&body, 1, 8);
	make_event(&t->events, EVENT_GTID, 0, body.data, body.len, true);
}

#define UUID "11111111-1111-1111-1111-111111111111"

static void mariadbs_transactions_end_with_xid_or_commit(void **state)
{
	struct following t = { 0 };

	(void)state;
	make_mariadb_gtid(&t.events, 0, 1, 0);
	make_query(&t.events, "insert 1");
	expect_set(&t, "");
	make_query(&t.events, "SAVEPOINT a");
	expect_set(&t, "");
	make_xid(&t.events, 1);
	expect_set(&t, "0-11-1");
	make_mariadb_gtid(&t.events, 0, 2, 0);
	make_query(&t.events, "insert into myisam");
	expect_set(&t, "0-11-1");
	make_query(&t.events, "COMMIT");
	expect_set(&t, "0-11-2");
	make_mariadb_gtid(&t.events, 1, 7, 0);
	make_query(&t.events, "ROLLBACK");
	expect_set(&t, "0-11-2,1-11-7");
	following_end(&t);
}

static void a_standalone_statement_ends_itself(void **state)
{
	struct following t = { 0 };

	(void)state;
	make_mariadb_gtid(&t.events, 0, 1, 1);
	expect_set(&t, "");
	make_query(&t.events, "create table t (a int)");
	expect_set(&t, "0-11-1");
	following_end(&t);
}

static void mysqls_transactions_end_as_they_began(void **state)
{
	struct following t = { 0 };

	(void)state;
	add_mysql_gtid(&t, 1);
	make_query(&t.events, "create table t (a int)");
	expect_set(&t, UUID ":1");
	add_mysql_gtid(&t, 2);
	make_query(&t.events, "BEGIN");
	make_query(&t.events, "insert 1");
	expect_set(&t, UUID ":1");
	make_xid(&t.events, 1);
	expect_set(&t, UUID ":1-2");
	add_mysql_gtid(&t, 3);
	make_query(&t.events, "XA START X'78',X'',1");
	make_query(&t.events, "XA END X'78',X'',1");
	expect_set(&t, UUID ":1-2");
	make_event(&t.events, EVENT_XA_PREPARE, 0, "\0", 1, true);
	expect_set(&t, UUID ":1-3");
	add_mysql_gtid(&t, 4);
	make_query(&t.events, "XA COMMIT X'78',X'',1");
	expect_set(&t, UUID ":1-4");
	add_mysql_gtid(&t, 6);
	make_event(&t.events, EVENT_TRANSACTION_PAYLOAD, 0, "\0", 1, true);
	expect_set(&t, UUID ":1-4:6");
	following_end(&t);
}

static void the_list_at_a_files_start_replaces_what_was_known(void **state)
{
	DM_CLEANUP(dm_str_done) struct dm_str body = { 0 };
	struct following t = { 0 };

	(void)state;
	make_mariadb_gtid(&t.events, 5, 9, 1);
	make_query(&t.events, "create table t (a int)");
	expect_set(&t, "5-11-9");
	make_number(&body, 1, 4);
	make_number(&body, 0, 4);
	make_number(&body, 11, 4);
	make_number(&body, 40, 8);
	make_event(&t.events, EVENT_MARIADB_GTID_LIST, 0, body.data, body.len, true);
	expect_set(&t, "0-11-40");
	following_end(&t);
}

static void an_event_that_cannot_be_read_is_said(void **state)
{
	static const struct binlog_format format = { .is_known = true, .has_checksum = true };
	DM_CLEANUP(dm_str_done) struct dm_str event = { 0 };
	struct relay_gtids g = { 0 };
	struct binlog_header h;

	(void)state;
	make_event(&event, EVENT_MARIADB_GTID, 0, "abc", 3, true);
	assert_int_equal(binlog_header_parse((uint8_t *)event.data, event.len, &h), 0);
	assert_int_not_equal(relay_gtids_event(&g, &format, &h, (uint8_t *)event.data), 0);
	relay_gtids_done(&g);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mariadbs_transactions_end_with_xid_or_commit),
		cmocka_unit_test(a_standalone_statement_ends_itself),
		cmocka_unit_test(mysqls_transactions_end_as_they_began),
		cmocka_unit_test(the_list_at_a_files_start_replaces_what_was_known),
		cmocka_unit_test(an_event_that_cannot_be_read_is_said),
	};

	return test_main(argc, argv, "relay-gtids", tests);
}
