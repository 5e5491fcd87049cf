/* status-collect.c - the one place where a snapshot is filled. */
#include "dm/status.h"

#include "dm/clock.h"
#include "dm/conf.h"
#include "dm/thread.h"

struct status_collector {
	const struct registry *registry;
	const struct relay *relay;
	const struct sampler *sampler;
	int64_t start_wall_ns;

	struct dm_lock lock; /* LOCK_STATUS: guards all below */
	char *worker, *source_id, *upstream_address;
	enum dm_flavor flavor;
	bool enable_gtid;
	struct status_history history;
};

struct status_collector *status_collector_new(const struct status_env *env)
{
	struct status_collector *c = dm_alloc(sizeof(*c));

	c->registry = env->registry;
	c->relay = env->relay;
	c->sampler = env->sampler;
	c->start_wall_ns = dm_wall_ns();
	dm_lock_init(&c->lock, DM_LOCK_STATUS);
	status_collector_update_conf(c, env->conf);
	return c;
}

void status_collector_free(struct status_collector *c)
{
	if (!c)
		return;
	dm_lock_done(&c->lock);
	free(c->worker);
	free(c->source_id);
	free(c->upstream_address);
	free(c);
}

void status_collector_update_conf(struct status_collector *c, const struct worker_conf *conf)
{
	DM_LOCKED(&c->lock);
	free(c->worker);
	free(c->source_id);
	free(c->upstream_address);
	c->worker = dm_strdup(conf->advertise_addr);
	c->source_id = dm_strdup(conf->source_id);
	c->upstream_address = dm_format("%s:%u", conf->from.host, (unsigned int)conf->from.port);
	c->flavor = conf->flavor;
	c->enable_gtid = conf->enable_gtid;
}

struct status *status_collect(struct status_collector *c)
{
	struct status *s = dm_alloc(sizeof(*s));

	atomic_init(&s->refs, 1);
	sampler_view(c->sampler, &s->sample);
	relay_status(c->relay, &s->relay);
	registry_view(c->registry, &s->registry);
	s->mono_ms = dm_mono_ms(); /* after the views: no age can be negative */
	s->wall_ns = dm_wall_ns();
	s->start_wall_ns = c->start_wall_ns;
	{
		DM_LOCKED(&c->lock);
		s->worker = dm_strdup(c->worker);
		s->source_id = dm_strdup(c->source_id);
		s->upstream_address = dm_strdup(c->upstream_address);
		s->flavor = c->flavor;
		s->enable_gtid = c->enable_gtid;
		if (s->sample.is_known)
			status_history_add(
				&c->history, &s->sample.position, s->sample.answered_mono_ms);
		status_derive(s, &c->history);
	}
	return s;
}

struct status *status_ref(struct status *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void status_unref(struct status *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	sampler_view_done(&s->sample);
	relay_status_done(&s->relay);
	registry_view_done(&s->registry);
	free(s->worker);
	free(s->source_id);
	free(s->upstream_address);
	free(s->tasks);
	free(s);
}

void status_unrefp(struct status **s)
{
	status_unref(*s);
	*s = NULL;
}

uint64_t status_change(const struct status_collector *c)
{
	return registry_change(c->registry) + relay_change(c->relay);
}
