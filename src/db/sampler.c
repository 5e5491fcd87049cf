/* sampler.c - one thread that asks the upstream where its binlog ends, and keeps the last answer. */
#include "dm/sampler.h"

#include "dm/clock.h"
#include "dm/log.h"
#include "dm/thread.h"

enum { ASK_EVERY_MS = 1000, WAIT_MAX_MS = 3000, FRESH_MS = 3000, RETRY_MAX_MS = 5000 };

struct sampler {
	struct dm_thread thread;
	struct dm_stop stop;
	struct dm_lock lock; /* SAMPLER: guards all below */
	struct db_conf conf;
	unsigned int generation; /* of conf */
	bool was_answered; /* the last try */
	struct sampler_view last; /* is_fresh is decided when it is viewed */
};

/* The thread's own. */
struct sampling {
	struct sampler *s;
	struct db_conn *conn;
	unsigned int generation; /* that conn was made with */
	int retry_ms;
};

static bool has_new_conf(const struct sampling *p)
{
	struct sampler *s = p->s;
	DM_LOCKED(&s->lock);

	return s->generation != p->generation;
}

static int connect_upstream(struct sampling *p, struct dm_error *reterr)
{
	struct db_options options = { .scope = DM_SCOPE_UPSTREAM,
		.connect_timeout_ms = WAIT_MAX_MS,
		.io_timeout_ms = WAIT_MAX_MS,
		.stop = &p->s->stop };
	struct db_conf conf = { 0 };
	int r;

	dm_lock_take(&p->s->lock);
	db_conf_copy(&p->s->conf, &conf);
	p->generation = p->s->generation;
	dm_lock_drop(&p->s->lock);
	r = db_connect(&p->conn, &conf, &options, reterr);
	db_conf_done(&conf);
	return r;
}

static void publish_answer(struct sampling *p, const struct db_master_status *status)
{
	struct sampler_view *last = &p->s->last;
	DM_LOCKED(&p->s->lock);

	if (!p->s->was_answered)
		dm_error_done(&last->error);
	p->s->was_answered = true;
	last->is_known = true;
	last->position = status->position;
	last->server = *db_server(p->conn);
	last->answered_mono_ms = dm_mono_ms();
	last->answered_wall_ns = dm_wall_ns();
	if (!dm_streq(last->gtid_set, dm_str_get(&status->gtid_set))) {
		free(last->gtid_set);
		last->gtid_set = dm_strdup(dm_str_get(&status->gtid_set));
	}
}

/* True when the failure is news: the first one after an answer, or another one than before. */
static bool publish_failure(struct sampling *p, const struct dm_error *err)
{
	struct sampler *s = p->s;
	DM_LOCKED(&s->lock);
	bool is_news = s->was_answered || !dm_streq(s->last.error.message, err->message);

	s->was_answered = false;
	dm_error_copy(err, &s->last.error);
	return is_news;
}

static int sample(struct sampling *p, struct dm_error *reterr)
{
	struct db_master_status status = { 0 };
	int r = 0;

	if (p->conn && has_new_conf(p))
		db_closep(&p->conn);
	if (!p->conn)
		r = connect_upstream(p, reterr);
	if (r == 0)
		r = db_master_status(p->conn, &status, reterr);
	if (r == 0)
		publish_answer(p, &status);
	else
		db_closep(&p->conn); /* whatever it was: a new connection may heal it */
	db_master_status_done(&status);
	return r;
}

/* Waits, but no longer than until the configuration changes. True: end. */
static bool rest(const struct sampling *p, int ms)
{
	for (; ms > 0; ms -= ASK_EVERY_MS) {
		if (dm_stop_wait(&p->s->stop, DM_STOP_DRAIN, ms < ASK_EVERY_MS ? ms : ASK_EVERY_MS))
			return true;
		if (has_new_conf(p))
			break;
	}
	return false;
}

static void *sampler_thread(void *arg)
{
	struct sampling p = { .s = arg };
	bool is_over = false;

	while (!is_over) {
		DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };

		if (sample(&p, &err) == 0) {
			p.retry_ms = 0;
			is_over = rest(&p, ASK_EVERY_MS);
			continue;
		}
		if (dm_stop_level(&p.s->stop) != DM_STOP_NONE)
			break;
		p.retry_ms = p.retry_ms == 0 ? ASK_EVERY_MS : p.retry_ms * 2;
		if (p.retry_ms > RETRY_MAX_MS)
			p.retry_ms = RETRY_MAX_MS;
		if (publish_failure(&p, &err))
			dm_log_error(DM_LOG_WARN, NULL, &err,
				"the upstream does not tell its position, retrying", NULL);
		is_over = rest(&p, p.retry_ms);
	}
	db_closep(&p.conn);
	return NULL;
}

int sampler_start(struct sampler **ret, const struct db_conf *upstream, struct dm_error *reterr)
{
	struct sampler *s = dm_alloc(sizeof(*s));
	int r = dm_stop_init(&s->stop);

	dm_lock_init(&s->lock, DM_LOCK_SAMPLER);
	db_conf_copy(upstream, &s->conf);
	s->last.gtid_set = dm_strdup("");
	if (r == 0)
		r = dm_thread_start(&s->thread, "sampler", sampler_thread, s);
	if (r != 0) {
		sampler_free(s);
		return dm_fail_errno(reterr, DM_ERR_WORKER_START_SERVER, r, "start the sampler");
	}
	*ret = s;
	return 0;
}

void sampler_update_conf(struct sampler *s, const struct db_conf *upstream)
{
	DM_LOCKED(&s->lock);
	db_conf_done(&s->conf);
	db_conf_copy(upstream, &s->conf);
	s->generation++;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	if (s->thread.started)
		dm_stop_raise(&s->stop, DM_STOP_CUT);
	dm_thread_join(&s->thread);
	dm_stop_done(&s->stop);
	dm_lock_done(&s->lock);
	db_conf_done(&s->conf);
	sampler_view_done(&s->last);
	free(s);
}

void sampler_view(const struct sampler *s, struct sampler_view *ret)
{
	struct sampler *locked = (struct sampler *)s; /* for its lock alone */
	DM_LOCKED(&locked->lock);

	*ret = s->last;
	ret->gtid_set = dm_strdup(s->last.gtid_set);
	ret->error = (struct dm_error){ 0 };
	dm_error_copy(&s->last.error, &ret->error);
	ret->is_fresh = s->was_answered && dm_mono_ms() - s->last.answered_mono_ms < FRESH_MS;
}

void sampler_view_done(struct sampler_view *v)
{
	free(v->gtid_set);
	dm_error_done(&v->error);
	*v = (struct sampler_view){ 0 };
}
